//! What a deviation may look at.

use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    certificate::PublicKey,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::Thumbprint,
    guard::{Connection, Request},
    json::Value,
    proof::Proof,
};
use ekmcheck_forge::recipe::Exporters;

use crate::wire::Alpn;

/// What is known at a check; the parts that do not belong to it are `None` or empty.
pub struct Sight<'a> {
    /// The proof.
    pub proof: Option<&'a Proof>,
    /// The connection.
    pub connection: Option<&'a Connection>,
    /// The access token.
    pub token: &'a str,
    /// The claim that is compared, where it is a per-request one.
    pub text: &'a str,
    /// The request.
    pub request: Option<&'a Request<'a>>,
    /// The thumbprint that the token asks for.
    pub wanted: Option<&'a Thumbprint>,
    /// What this connection exports.
    pub exporters: Option<&'a Exporters>,
    /// What the other live connections export.
    pub others: Vec<&'a Exporters>,
    /// The client's certificate chain.
    pub chain: &'a [Vec<u8>],
    /// The application protocol that the connection agreed on.
    pub alpn: Option<Alpn>,
    /// Whether the connection had early data.
    pub early_data: bool,
}

impl Sight<'_> {
    /// A header parameter that is a string.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        match self.proof.and_then(|p| p.header.member(name)) {
            Some(Value::String(text)) => text,
            _ => "",
        }
    }

    /// A claim that is a string.
    #[must_use]
    pub fn claim(&self, name: &str) -> &str {
        match self.proof.and_then(|p| p.claims.member(name)) {
            Some(Value::String(text)) => text,
            _ => "",
        }
    }

    /// Whether a claim is there and is no string.
    #[must_use]
    pub fn is_other_type(&self, name: &str) -> bool {
        !matches!(self.proof.and_then(|p| p.claims.member(name)), None | Some(Value::String(_)))
    }

    /// Whether a claim is missing.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        self.proof.is_some_and(|p| p.claims.member(name).is_none())
    }

    /// The decoded `ekm`.
    #[must_use]
    pub fn ekm(&self) -> Vec<u8> {
        base64url::decode(self.claim("ekm")).unwrap_or_default()
    }

    /// The exporter value of that name.
    #[must_use]
    pub fn exported(&self, name: &str) -> &[u8] {
        self.exporters.map_or(&[], |e| e.get(name))
    }

    /// Whether the signature verifies with that key and algorithm.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, key: &PublicKey) -> bool {
        self.proof.is_some_and(|p| AwsLc.verify(algorithm, key, p.signing_input.as_bytes(), &p.signature))
    }

    /// Whether the signature verifies with the connection's key and the algorithm that is usual for it, whatever the
    /// header says.
    #[must_use]
    pub fn verifies_as_usual(&self) -> bool {
        self.connection.is_some_and(|c| {
            let key = c.certificate.key();
            self.verifies(Algorithm::usual_for(key.kind()), key)
        })
    }

    /// Whether the signature is a MAC with that key.
    #[must_use]
    pub fn is_mac_with(&self, key: &[u8]) -> bool {
        self.proof.is_some_and(|p| {
            self.header("alg") == "HS256"
                && p.signature == ekmcheck_forge::keys::hmac_sha256(key, p.signing_input.as_bytes())
        })
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect()
}
