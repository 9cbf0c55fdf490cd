//! The authorization server's part that the resource server sees: signed access tokens and the key to check them with.

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
};
use serde_json::json;

use crate::{
    ForgeError,
    keys::{Key, Signing, fixed_key},
    recipe::TokenRecipe,
};

/// An issuer of JWT access tokens (RFC 9068), with an ES256 key.
#[derive(Debug, Clone)]
pub struct Issuer {
    key: Key,
    stranger: Key,
}

impl Issuer {
    /// From the issuer's key and a second one that nobody trusts; both on P-256.
    #[must_use]
    pub fn new(key: Key, stranger: Key) -> Self {
        Self { key, stranger }
    }

    /// The issuer's key and the one that nobody trusts.
    pub(crate) fn keys(&self) -> [&Key; 2] {
        [&self.key, &self.stranger]
    }

    /// The same one at every run and on every machine, with keys that everybody knows: for test vectors only.
    ///
    /// # Errors
    /// Not expected.
    pub fn frozen() -> Result<Self, ForgeError> {
        Ok(Self::new(fixed_key(KeyKind::P256, "issuer")?, fixed_key(KeyKind::P256, "stranger")?))
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        "https://as.ekmcheck.example"
    }

    /// The `aud` of its tokens: the resource server.
    #[must_use]
    pub fn audience(&self) -> &'static str {
        "https://rs.ekmcheck.example"
    }

    /// The `aud` of another service of the same operator.
    #[must_use]
    pub fn other_audience(&self) -> &'static str {
        "https://other.ekmcheck.example"
    }

    /// The `kid` of its key.
    #[must_use]
    pub fn kid(&self) -> &'static str {
        "issuer-1"
    }

    /// The public key, uncompressed point.
    #[must_use]
    pub fn public_point(&self) -> Vec<u8> {
        self.key.public().material().to_vec()
    }

    /// The key set (RFC 7517) that a resource server is configured with.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let point = self.public_point();
        let coordinate = |range| point.get(range).map(base64url::encode);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid(),
            "x": coordinate(1..33), "y": coordinate(33..65)}]})
    }

    /// Signs a token, by the issuer or by a stranger as the recipe says.
    ///
    /// # Errors
    /// A key that cannot sign.
    pub fn sign(&self, recipe: &TokenRecipe, signing: Signing) -> Result<String, ForgeError> {
        let key = if recipe.by_stranger { &self.stranger } else { &self.key };
        let input =
            format!("{}.{}", base64url::encode(&recipe.header.octets()), base64url::encode(&recipe.claims.octets()));
        let signature = key.sign(Algorithm::Es256, input.as_bytes(), signing)?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}
