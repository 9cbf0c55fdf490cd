//! What the benchmarks measure on: one client, one access token, one connection, and proofs for both protocols.
//!
//! Both sides get the same: the same P-256 key, the same token text, the same request, the same window for `iat`, the
//! same strict reader for the proof and AWS-LC for the signature. **The validation of the access token is left out on
//! both sides**: [`Prevalidated`] answers at once that the token is valid. What it costs depends on the kind of token
//! and not on the proof, and a server can cache it in either protocol.

pub mod figure;

use std::iter;

use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    cache::ConnectionId,
    digest::{TokenHash, sha256},
    exporter::{self, ExporterValue},
    guard::{AccessTokens, Connection, Request, ValidToken},
    json,
    proof::Proof,
    refusal::{Check, Refusal},
    steps::{Moment, Steps},
    target::Target,
};
use ekmcheck_forge::{
    ForgeError,
    document::Document,
    issuer::Issuer,
    keys::{Key, Signing},
    pki::Pki,
    recipe::{Exporters, PerRequest, Setting, make_proof, make_token},
};
use serde_json::{Value, json};

/// The time of every request, in Unix seconds.
pub const NOW: i64 = 1_800_000_000;

/// The method of the request.
pub const METHOD: &str = "GET";

/// Host and port of the resource server.
pub const AUTHORITY: &str = "rs.ekmcheck.example";

/// The path of the request.
pub const PATH: &str = "/api/resource";

/// The length of the access token, in octets: what a JWT with a few claims has.
pub const TOKEN_LENGTH: usize = 800;

/// Why the inputs could not be made. Not expected: all of them are fixed.
#[derive(Debug)]
pub enum InputError {
    /// The PKI has no such client, or a key cannot sign.
    Forge(ForgeError),
    /// What was made cannot be read back.
    Unreadable(Refusal),
}

impl From<ForgeError> for InputError {
    fn from(error: ForgeError) -> Self {
        Self::Forge(error)
    }
}

/// Knows that every token is valid, and what its `cnf` says. It holds no other claims: copying them would only add to
/// figures that are about proofs.
#[derive(Debug, Clone)]
pub struct Prevalidated(ValidToken);

impl Prevalidated {
    fn new(cnf: &Value) -> Result<Self, InputError> {
        let claims = json::parse_object(json!({"cnf": cnf}).to_string().as_bytes())
            .map_err(|e| InputError::Unreadable(Refusal::new(Check::Confirmation, e.to_string())))?;
        Ok(Self(ValidToken { claims: claims.into(), expires: NOW + 3600 }))
    }
}

impl AccessTokens for Prevalidated {
    fn validate(&self, _token: &str, _now: f64) -> Result<ValidToken, Refusal> {
        Ok(self.0.clone())
    }
}

/// The draft's steps, with or without the signature, whose cost hides that of all others.
#[derive(Debug, Clone, Copy)]
pub struct But {
    /// Whether it is verified.
    pub signature: bool,
}

impl Steps for But {
    fn omits(&self, check: Check, moment: Moment) -> bool {
        !self.signature && check == Check::Signature && moment == Moment::Cold
    }
}

/// Everything that is made before the clock runs.
#[derive(Debug)]
pub struct Inputs {
    /// The connection that the session-bound token is used on.
    pub connection: Connection,
    /// The access token, the same text on both sides.
    pub token: String,
    /// `Authorization` of a request with a session-bound token.
    pub bearer: String,
    /// `Authorization` of a request with a DPoP-bound token.
    pub dpop: String,
    /// The Session-Binding Proof for the token on the connection, without per-request claims.
    pub proof: String,
    /// The same proof taken apart.
    pub parsed: Proof,
    /// The token as one that is bound to the connection.
    pub bound_to_session: Prevalidated,
    /// The token as one that is bound to the DPoP key.
    pub bound_to_key: Prevalidated,
    /// The client's key: it signs the proofs of both sides.
    pub key: Key,
}

impl Inputs {
    /// Makes them, the same ones at every run.
    ///
    /// # Errors
    /// [`InputError`]; not expected.
    pub fn new() -> Result<Self, InputError> {
        let pki = Pki::frozen().map_err(ForgeError::from)?;
        let issuer = Issuer::frozen()?;
        let client = pki.identity("p256").ok_or_else(|| ForgeError::NoIdentity("p256".to_owned()))?;
        let ekm = sha256(b"ekmcheck benches exporter");
        let exporters = Exporters::new(vec![(Exporters::RIGHT, ekm.to_vec())]);
        let setting = Setting {
            now: NOW,
            pki: &pki,
            issuer: &issuer,
            client,
            bound_to: client,
            exporters: &exporters,
            other: None,
            canary: None,
            method: METHOD,
            authority: AUTHORITY,
            path: PATH,
            claims: PerRequest::default(),
            signing: Signing::Frozen,
            unique: 0,
            play: 0,
        };
        let mut token = make_token(&setting, None)?;
        // Its validation is left out, so that nobody minds what is behind the signature.
        token.extend(iter::repeat_n('A', TOKEN_LENGTH.saturating_sub(token.len())));
        let proof = make_proof(&setting, &token, None)?;
        let thumbprint = client.certificate.thumbprint().to_string();
        Ok(Self {
            connection: Connection {
                id: ConnectionId(0),
                certificate: client.certificate.clone(),
                exporter: ExporterValue::new(ekm),
            },
            bearer: format!("Bearer {token}"),
            dpop: format!("DPoP {token}"),
            parsed: Proof::parse(&proof).map_err(InputError::Unreadable)?,
            proof,
            bound_to_session: Prevalidated::new(&json!({"x5t#S256": thumbprint, "tls_exp": exporter::LABEL}))?,
            bound_to_key: Prevalidated::new(&json!({"jkt": jkt(&jwk(&client.key))}))?,
            key: client.key.clone(),
            token,
        })
    }

    /// So many tokens, each with its proof for the connection: the values of `Authorization` and of the proof's field.
    ///
    /// # Errors
    /// A key that cannot sign.
    pub fn among(&self, tokens: usize) -> Result<Vec<(String, String)>, ForgeError> {
        let (header, _) = self.parsed.signing_input.split_once('.').unwrap_or_default();
        (0..tokens)
            .map(|n| {
                let number = format!("{n:06}");
                let token = format!("{}{number}", &self.token[..self.token.len() - number.len()]);
                let claims = json!({
                    "ath": TokenHash::of(&token).to_string(),
                    "ekm": base64url::encode(self.connection.exporter.octets()),
                    "iat": NOW,
                });
                let input = format!("{header}.{}", base64url::encode(claims.to_string().as_bytes()));
                let signature = self.key.sign(Algorithm::Es256, input.as_bytes(), Signing::Live)?;
                Ok((format!("Bearer {token}"), format!("{input}.{}", base64url::encode(&signature))))
            })
            .collect()
    }

    /// Passes the request with these fields on.
    pub fn request<T>(&self, authorization: &str, proof: &str, then: impl FnOnce(&Request<'_>) -> T) -> T {
        then(&Request {
            method: METHOD,
            target: Target::https(AUTHORITY, PATH),
            authorization: &[authorization.as_bytes()],
            proofs: &[proof.as_bytes()],
        })
    }

    /// Header and claims of a right DPoP proof with an identifier of its own.
    #[must_use]
    pub fn dpop_parts(&self, unique: usize) -> (Document, Document) {
        let header = json!({"typ": ekmcheck_parties::dpop::TYP, "alg": "ES256", "jwk": jwk(&self.key)});
        let claims = json!({
            // As long as the 96 random bits that RFC 9449 section 4.2 asks for at least.
            "jti": base64url::encode(&sha256(&unique.to_be_bytes())[..12]),
            "htm": METHOD,
            "htu": format!("https://{AUTHORITY}{PATH}"),
            "iat": NOW,
            "ath": TokenHash::of(&self.token).to_string(),
        });
        (Document::new(&header), Document::new(&claims))
    }

    /// Signs a DPoP proof.
    ///
    /// # Errors
    /// A key that cannot sign.
    pub fn dpop_proof(&self, (header, claims): &(Document, Document)) -> Result<String, ForgeError> {
        let input = format!("{}.{}", base64url::encode(&header.octets()), base64url::encode(&claims.octets()));
        let signature = self.key.sign(Algorithm::Es256, input.as_bytes(), Signing::Frozen)?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}

/// The public half of a P-256 key as a JWK.
#[must_use]
pub fn jwk(key: &Key) -> Value {
    let point = key.public().material();
    let coordinate = |range| point.get(range).map(base64url::encode);
    json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)})
}

/// RFC 7638 for such a JWK, on the issuing side: written apart from the verifier's, so that a mistake in either shows.
fn jkt(jwk: &Value) -> String {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let canonical = json!({"crv": text("crv"), "kty": text("kty"), "x": text("x"), "y": text("y")});
    base64url::encode(&sha256(canonical.to_string().as_bytes()))
}
