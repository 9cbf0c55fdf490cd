//! The single steps of a resource server, each right by default.
//!
//! [`Guard`](crate::guard::Guard) walks them in order. The reference takes all of them as they are
//! ([`ByTheDraft`]); a faulty server, made to prove that a check can fail, overrides exactly one.
//!
//! [`Steps::access_token`] and [`Steps::proof_field`] go by the fields alone: the guard does not ask them again for
//! octets whose token and proof it finds in the cache.

use std::str;

use crate::{
    algorithm::Algorithm,
    base64url,
    cache::{EntryKey, Scope},
    certificate::Certificate,
    confirmation::Confirmation,
    crypto::{AwsLc, SignatureVerifier},
    digest::{Thumbprint, TokenHash},
    guard::{Connection, Policy, Request},
    json::Object,
    proof::{Proof, RequestClaims, TYP},
    refusal::{Check, Refusal, WireAnswer},
};

/// When a check is made: in the full verification of a proof, or on a cache hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The proof is verified in full.
    Cold,
    /// The proof was verified before on this connection.
    Hit,
}

/// The steps, in the order in which they are made. Each refuses by an [`Err`] that names its check.
#[expect(unused_variables, reason = "the parameter names document the methods that ignore them by default")]
pub trait Steps: Send + Sync {
    /// Whether a check is left out. The draft leaves out none.
    fn omits(&self, check: Check, moment: Moment) -> bool {
        false
    }

    /// The access token from the `Authorization` fields: one field, scheme `Bearer` in any case.
    ///
    /// # Errors
    /// [`Check::Credentials`] without a Bearer token, [`Check::Authorization`] for several fields or a bad spelling.
    fn access_token<'a>(&self, fields: &[&'a [u8]]) -> Result<&'a str, Refusal> {
        let field = match fields {
            [] => return Err(Refusal::new(Check::Credentials, "")),
            [one] => one,
            _ => return Err(Refusal::new(Check::Authorization, "more than one field")),
        };
        let text = str::from_utf8(field).map_err(|_| Refusal::new(Check::Authorization, "not ASCII"))?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(Refusal::new(Check::Credentials, ""));
        }
        let token = token.trim_matches(' ');
        if !is_b64token(token) {
            return Err(Refusal::new(Check::Authorization, "not a b64token"));
        }
        Ok(token)
    }

    /// What the token asks for.
    ///
    /// # Errors
    /// [`Check::Confirmation`].
    fn confirmation(&self, claims: &Object) -> Result<Confirmation, Refusal> {
        Confirmation::from_claims(claims)
    }

    /// Step c: the token belongs to the certificate of this connection.
    ///
    /// # Errors
    /// [`Check::Certificate`].
    fn certificate(&self, wanted: &Thumbprint, connection: &Connection) -> Result<(), Refusal> {
        require(*wanted == connection.certificate.thumbprint(), Check::Certificate)
    }

    /// The proof from the `Session-Binding-Proof` fields, `None` when there is no such field.
    ///
    /// # Errors
    /// [`Check::Field`] for several fields, an empty one, or one that is not ASCII.
    fn proof_field<'a>(&self, fields: &[&'a [u8]]) -> Result<Option<&'a str>, Refusal> {
        let field = match fields {
            [] => return Ok(None),
            [one] => one,
            _ => return Err(Refusal::new(Check::Field, "more than one")),
        };
        let text = str::from_utf8(field).map_err(|_| Refusal::new(Check::Field, "not ASCII"))?;
        // RFC 9110 section 5.5: white space around a field value is not part of it.
        match text.trim_matches([' ', '\t']) {
            "" => Err(Refusal::new(Check::Field, "empty")),
            text => Ok(Some(text)),
        }
    }

    /// Takes the proof apart.
    ///
    /// # Errors
    /// [`Check::Format`].
    fn parse(&self, text: &str) -> Result<Proof, Refusal> {
        Proof::parse(text)
    }

    /// No critical header parameters: the draft defines none (RFC 7515 section 4.1.11).
    ///
    /// # Errors
    /// [`Check::Crit`].
    fn crit(&self, proof: &Proof) -> Result<(), Refusal> {
        require(proof.header.member("crit").is_none(), Check::Crit)
    }

    /// `typ`, compared exactly.
    ///
    /// # Errors
    /// [`Check::Typ`].
    fn typ(&self, proof: &Proof) -> Result<(), Refusal> {
        require(proof.header_text("typ", Check::Typ)? == TYP, Check::Typ)
    }

    /// `alg`: an algorithm that fits the certificate's key.
    ///
    /// # Errors
    /// [`Check::Alg`].
    fn alg(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        algorithm_of(proof, &connection.certificate).map(drop)
    }

    /// `x5t#S256` in the proof's header: this certificate.
    ///
    /// # Errors
    /// [`Check::X5t`].
    fn x5t(&self, proof: &Proof, certificate: &Certificate) -> Result<(), Refusal> {
        let text = proof.header_text("x5t#S256", Check::X5t)?;
        let named = Thumbprint::parse(text).map_err(|e| Refusal::new(Check::X5t, e))?;
        require(named == certificate.thumbprint(), Check::X5t)
    }

    /// Step e: the signature, with the key of the certificate and with no other.
    ///
    /// # Errors
    /// [`Check::Signature`].
    fn signature(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        let certificate = &connection.certificate;
        let algorithm = algorithm_of(proof, certificate)?;
        let message = proof.signing_input.as_bytes();
        require(AwsLc.verify(algorithm, certificate.key(), message, &proof.signature), Check::Signature)
    }

    /// Step f: `ekm` is the exporter value of this connection.
    ///
    /// # Errors
    /// [`Check::Ekm`].
    fn ekm(&self, proof: &Proof, connection: &Connection) -> Result<(), Refusal> {
        let text = proof.claim_text("ekm", Check::Ekm)?;
        let octets = base64url::decode_32(text).map_err(|e| Refusal::new(Check::Ekm, e))?;
        require(connection.exporter.matches(&octets), Check::Ekm)
    }

    /// Step g: `ath` is the hash of this token.
    ///
    /// # Errors
    /// [`Check::Ath`].
    fn ath(&self, proof: &Proof, token: &str, hash: &TokenHash) -> Result<(), Refusal> {
        let text = proof.claim_text("ath", Check::Ath)?;
        let octets = base64url::decode_32(text).map_err(|e| Refusal::new(Check::Ath, e))?;
        require(octets == *hash.octets(), Check::Ath)
    }

    /// The claims that count on every request, each of its type.
    ///
    /// # Errors
    /// The check of the first that is not.
    fn request_claims(&self, proof: &Proof) -> Result<RequestClaims, Refusal> {
        proof.request_claims()
    }

    /// Step h: `iat` inside the window, edges included.
    ///
    /// # Errors
    /// [`Check::Iat`].
    fn iat(&self, iat: f64, policy: &Policy, now: f64) -> Result<(), Refusal> {
        if iat < now - policy.iat_past {
            Err(Refusal::new(Check::Iat, "stale"))
        } else if iat > now + policy.iat_future {
            Err(Refusal::new(Check::Iat, "in the future"))
        } else {
            Ok(())
        }
    }

    /// Step i: `htm` is the method; methods are case-sensitive (RFC 9110 section 9.1).
    ///
    /// # Errors
    /// [`Check::Htm`].
    fn htm(&self, htm: &str, request: &Request<'_>) -> Result<(), Refusal> {
        require(htm == request.method, Check::Htm)
    }

    /// Step i: `htu` is the target.
    ///
    /// # Errors
    /// [`Check::Htu`].
    fn htu(&self, htu: &str, request: &Request<'_>) -> Result<(), Refusal> {
        require(request.target.is_named_by(htu).map_err(|e| Refusal::new(Check::Htu, e))?, Check::Htu)
    }

    /// Step i: what a `jti` may not repeat within. By default the token.
    fn jti_scope(&self, ath: &TokenHash, connection: &Connection) -> TokenHash {
        *ath
    }

    /// Until when a `jti` is remembered (Unix seconds): the end of the token's validity.
    fn jti_expires(&self, token_expires: i64, policy: &Policy, now: f64) -> i64 {
        token_expires
    }

    /// Whether verified bindings are cached at all. Either way, the same requests are accepted.
    fn caches(&self) -> bool {
        true
    }

    /// What a cache entry belongs to.
    fn scope(&self, connection: &Connection) -> Scope {
        Scope { connection: connection.id, exporter: *connection.exporter.octets() }
    }

    /// What a cache entry stands for.
    fn entry<'a>(&self, token: &'a str, proof: &'a str) -> EntryKey<'a> {
        EntryKey::new(token, proof)
    }

    /// Whether the end of a connection drops its entries.
    fn purges(&self) -> bool {
        true
    }

    /// The answer to a refusal.
    fn answer(&self, refusal: &Refusal) -> WireAnswer {
        WireAnswer::to(refusal)
    }
}

/// Every step as the draft has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByTheDraft;

impl Steps for ByTheDraft {}

/// The algorithm that the proof names, if it fits the certificate.
///
/// # Errors
/// [`Check::Alg`].
pub fn algorithm_of(proof: &Proof, certificate: &Certificate) -> Result<Algorithm, Refusal> {
    let name = proof.header_text("alg", Check::Alg)?;
    let algorithm = Algorithm::from_name(name).ok_or_else(|| Refusal::new(Check::Alg, "not supported"))?;
    if algorithm.fits(certificate.key().kind()) {
        Ok(algorithm)
    } else {
        Err(Refusal::new(Check::Alg, "does not fit the key of the certificate"))
    }
}

/// Whether a text is a `b64token` (RFC 6750 section 2.1): `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
#[must_use]
pub fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=').as_bytes();
    // Without a branch, so that many octets are looked at in one instruction: it is once a request, over the longest field.
    // From `+` to `9` there is only `,` that does not belong.
    let legal = |b: u8| {
        ((b | 0x20).wrapping_sub(b'a') < 26) | ((b.wrapping_sub(b'+') < 15) & (b != b',')) | (b == b'_') | (b == b'~')
    };
    !body.is_empty() && body.iter().fold(true, |all, b| all & legal(*b))
}

fn require(holds: bool, check: Check) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::new(check, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b64token_octet_by_octet() {
        for octet in 0..=127_u8 {
            let legal = octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
            assert_eq!(is_b64token(&char::from(octet).to_string()), legal, "{octet}");
            assert_eq!(is_b64token(&format!("{}{}b", "a".repeat(40), char::from(octet))), legal, "{octet}");
        }
        assert!(is_b64token("a==") && !is_b64token("a=b") && !is_b64token("=") && !is_b64token(""));
        assert!(!is_b64token("é") && !is_b64token("\u{e1}a"));
    }
}
