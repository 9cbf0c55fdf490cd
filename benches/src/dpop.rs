//! DPoP (RFC 9449) as a resource server checks it on every request: the yardstick, written to be as fast as it can be
//! while making every check of section 4.3 but the nonce, which is optional and needs no cryptography.
//!
//! The proof is read once, by the reader that also reads Session-Binding Proofs; the signature goes to AWS-LC through
//! `jsonwebtoken`. As in most servers cheap checks come before the signature, and the identifier is used up last.

use std::{
    str,
    sync::{Mutex, PoisonError},
};

use ekmcheck_binding::{
    base64url,
    digest::{TokenHash, sha256},
    guard::{AccessTokens, Policy, Request},
    json::{Object, Value},
    jti::JtiStore,
    proof::Proof,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER};

/// The value of `typ` (section 4.2).
pub const TYP: &str = "dpop+jwt";

/// The check that a request failed; the numbers are the items of section 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Not one access token under the scheme `DPoP` (section 7.1).
    Authorization,
    /// The access token is not valid.
    Token,
    /// 1: not one `DPoP` field.
    Field,
    /// 2: not a well-formed JWT.
    Format,
    /// 3: a required claim is missing or of a wrong type.
    Claims,
    /// 4: another `typ`.
    Typ,
    /// 5: `alg` is not a supported asymmetric signature.
    Alg,
    /// 6 and 7: `jwk` is missing, is not a public key for `alg`, or has a private part.
    Jwk,
    /// 6: the signature does not verify with it.
    Signature,
    /// 8: `htm` is not the method.
    Htm,
    /// 9: `htu` is not the target.
    Htu,
    /// 11: `iat` lies outside the window.
    Iat,
    /// 12: `ath` is not the hash of the token.
    Ath,
    /// 12: the token is bound to another key.
    Jkt,
    /// Section 11.1: `jti` was used before, or cannot be remembered.
    Jti,
}

/// Verifies DPoP-bound requests. One for a whole server.
pub struct DpopVerifier {
    policy: Policy,
    jti: Mutex<JtiStore>,
}

impl DpopVerifier {
    /// A verifier that has seen no identifier yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, jti: Mutex::new(JtiStore::new(policy.jti)) }
    }

    /// Decides on one request at the time `now` (Unix seconds). `request.proofs` are the `DPoP` fields.
    ///
    /// # Errors
    /// The check that failed.
    pub fn verify(&self, request: &Request<'_>, tokens: &dyn AccessTokens, now: f64) -> Result<(), Failed> {
        let token = access_token(request.authorization)?;
        let valid = tokens.validate(token, now).map_err(|_| Failed::Token)?;
        let [field] = request.proofs else { return Err(Failed::Field) };
        let proof = str::from_utf8(field).ok().and_then(|text| Proof::parse(text).ok()).ok_or(Failed::Format)?;
        let (header, claims) = (&proof.header, &proof.claims);
        if text(header, "typ") != Some(TYP) || header.member("crit").is_some() {
            return Err(Failed::Typ);
        }
        let claim = |name| text(claims, name).ok_or(Failed::Claims);
        let (jti, htm, htu, ath) = (claim("jti")?, claim("htm")?, claim("htu")?, claim("ath")?);
        let Some(Value::Number(iat)) = claims.member("iat") else { return Err(Failed::Claims) };
        let iat = iat.to_f64().ok_or(Failed::Claims)?;
        require(htm == request.method, Failed::Htm)?;
        let end = htu.find(['?', '#']).unwrap_or(htu.len());
        // Unlike here, a bare path is an `htu` in the other protocol.
        let named = !htu.starts_with('/') && request.target.is_named_by(&htu[..end]) == Ok(true);
        require(named, Failed::Htu)?;
        require(iat >= now - self.policy.iat_past && iat <= now + self.policy.iat_future, Failed::Iat)?;
        let hash = TokenHash::of(token);
        require(base64url::decode_32(ath).as_ref() == Ok(hash.octets()), Failed::Ath)?;
        let jwk = match header.member("jwk") {
            Some(Value::Object(jwk)) => Jwk::read(jwk, text(header, "alg"))?,
            _ => return Err(Failed::Jwk),
        };
        let cnf = valid.claims.member("cnf");
        let jkt = if let Some(Value::Object(cnf)) = cnf { text(cnf, "jkt") } else { None };
        require(jkt == Some(&jwk.thumbprint()), Failed::Jkt)?;
        jwk.verify(&proof)?;
        let mut seen = self.jti.lock().unwrap_or_else(PoisonError::into_inner);
        // Kept as long as the other protocol keeps it, so that both stores grow alike.
        seen.use_once(hash, jti, valid.expires, now).map_err(|_| Failed::Jti)
    }
}

/// A public key from a proof's header, of one of three kinds.
enum Jwk<'a> {
    Ec { algorithm: Algorithm, crv: &'a str, x: &'a str, y: &'a str },
    Ed25519 { x: &'a str },
}

impl<'a> Jwk<'a> {
    fn read(jwk: &'a Object, alg: Option<&str>) -> Result<Self, Failed> {
        let member = |name| text(jwk, name).ok_or(Failed::Jwk);
        let (algorithm, kty, curve) = match alg {
            Some("ES256") => (Algorithm::ES256, "EC", "P-256"),
            Some("ES384") => (Algorithm::ES384, "EC", "P-384"),
            Some("EdDSA") => (Algorithm::EdDSA, "OKP", "Ed25519"),
            _ => return Err(Failed::Alg),
        };
        // The private parts of all key types (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
        let private = |name: &&str| jwk.member(name).is_some();
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(private) {
            return Err(Failed::Jwk);
        }
        require(member("kty")? == kty && member("crv")? == curve, Failed::Jwk)?;
        Ok(match algorithm {
            Algorithm::EdDSA => Self::Ed25519 { x: member("x")? },
            _ => Self::Ec { algorithm, crv: member("crv")?, x: member("x")?, y: member("y")? },
        })
    }

    /// RFC 7638, in base64url. The members need no escapes: they were compared, or are used as base64url.
    fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Ec { crv, x, y, .. } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        };
        base64url::encode(&sha256(canonical.as_bytes()))
    }

    fn verify(&self, proof: &Proof) -> Result<(), Failed> {
        let (algorithm, key) = match self {
            Self::Ec { algorithm, x, y, .. } => (*algorithm, DecodingKey::from_ec_components(x, y)),
            Self::Ed25519 { x } => (Algorithm::EdDSA, DecodingKey::from_ed_components(x)),
        };
        let key = key.map_err(|_| Failed::Jwk)?;
        // The provider by name: the default one panics if another crate switches on a second backend.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key).map_err(|_| Failed::Jwk)?;
        verifier.verify(proof.signing_input.as_bytes(), &proof.signature).map_err(|_| Failed::Signature)
    }
}

/// One `Authorization` field with the scheme `DPoP`, and a token in the syntax of section 7.1.
fn access_token<'a>(fields: &[&'a [u8]]) -> Result<&'a str, Failed> {
    let [field] = fields else { return Err(Failed::Authorization) };
    let (scheme, token) = str::from_utf8(field).ok().and_then(|f| f.split_once(' ')).ok_or(Failed::Authorization)?;
    let body = token.trim_end_matches('=');
    let legal = !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
    if legal && scheme.eq_ignore_ascii_case("DPoP") { Ok(token) } else { Err(Failed::Authorization) }
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    match object.member(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn require(holds: bool, failed: Failed) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(failed) }
}

#[cfg(test)]
mod tests {
    use ekmcheck_forge::{document::Document, keys::hmac_sha256};
    use serde_json::json;

    use super::*;
    use crate::{Inputs, NOW, PATH};

    /// The verdict on a right proof that was changed before it was signed.
    fn verdict(change: impl FnOnce(&mut Document, &mut Document)) -> Result<(), Failed> {
        let inputs = Inputs::new().unwrap();
        let mut parts = inputs.dpop_parts(0);
        change(&mut parts.0, &mut parts.1);
        of_text(&inputs, &inputs.dpop_proof(&parts).unwrap())
    }

    fn of_text(inputs: &Inputs, proof: &str) -> Result<(), Failed> {
        let verifier = DpopVerifier::new(Policy::default());
        inputs.request(&inputs.dpop, proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64))
    }

    #[test]
    fn accepts_right_ones() {
        assert_eq!(verdict(|_, _| {}), Ok(()));
        assert_eq!(verdict(|h, _| h.set("kid", "any")), Ok(()), "what is not understood is ignored");
        assert_eq!(verdict(|_, c| c.set("htu", format!("https://RS.ekmcheck.example:443{PATH}?x=1#y"))), Ok(()));
        assert_eq!(verdict(|_, c| c.set("iat", NOW - 299)), Ok(()));
    }

    #[test]
    fn refuses_each_defect_by_its_check() {
        assert_eq!(verdict(|h, _| h.set("typ", "JWT")), Err(Failed::Typ));
        assert_eq!(verdict(|h, _| h.remove("typ")), Err(Failed::Typ));
        assert_eq!(verdict(|h, _| h.set("alg", "none")), Err(Failed::Alg));
        assert_eq!(verdict(|h, _| h.set("alg", "ES384")), Err(Failed::Jwk), "another curve than the key's");
        assert_eq!(verdict(|h, _| h.remove("jwk")), Err(Failed::Jwk));
        for name in ["jti", "htm", "htu", "iat", "ath"] {
            assert_eq!(verdict(|_, c| c.remove(name)), Err(Failed::Claims), "{name}");
            assert_eq!(verdict(|_, c| c.set(name, json!([1]))), Err(Failed::Claims), "{name}");
        }
        assert_eq!(verdict(|_, c| c.set("htm", "POST")), Err(Failed::Htm));
        assert_eq!(verdict(|_, c| c.set("htu", "https://rs.ekmcheck.example/api/other")), Err(Failed::Htu));
        assert_eq!(verdict(|_, c| c.set("htu", PATH)), Err(Failed::Htu), "a path is no URI");
        assert_eq!(verdict(|_, c| c.set("iat", NOW - 301)), Err(Failed::Iat));
        assert_eq!(verdict(|_, c| c.set("iat", NOW + 61)), Err(Failed::Iat));
        assert_eq!(verdict(|_, c| c.set("ath", base64url::encode(&sha256(b"other")))), Err(Failed::Ath));
    }

    #[test]
    fn refuses_a_private_key_in_the_header() {
        let private = |h: &mut Document| {
            let mut jwk = h.member("jwk").unwrap();
            jwk["d"] = json!("AAAA");
            h.set("jwk", jwk);
        };
        assert_eq!(verdict(|h, _| private(h)), Err(Failed::Jwk));
    }

    #[test]
    fn refuses_hmac_with_the_public_key() {
        let inputs = Inputs::new().unwrap();
        let (mut header, claims) = inputs.dpop_parts(0);
        header.set("alg", "HS256");
        let input = format!("{}.{}", base64url::encode(&header.octets()), base64url::encode(&claims.octets()));
        let tag = hmac_sha256(inputs.key.public().material(), input.as_bytes());
        assert_eq!(of_text(&inputs, &format!("{input}.{}", base64url::encode(&tag))), Err(Failed::Alg));
    }

    #[test]
    fn refuses_another_key() {
        let mut inputs = Inputs::new().unwrap();
        let right = inputs.dpop_proof(&inputs.dpop_parts(0)).unwrap();
        let pki = ekmcheck_forge::pki::Pki::frozen().unwrap();
        inputs.key = pki.identity("second").unwrap().key.clone();
        // Signed and named alike by another client, and signed by another client under the right one's name.
        let parts = inputs.dpop_parts(0);
        assert_eq!(of_text(&inputs, &inputs.dpop_proof(&parts).unwrap()), Err(Failed::Jkt));
        let inputs = Inputs::new().unwrap();
        let (input, _) = right.rsplit_once('.').unwrap();
        let other = pki.identity("second").unwrap().key.clone();
        let signing = ekmcheck_forge::keys::Signing::Frozen;
        let signature = other.sign(ekmcheck_binding::algorithm::Algorithm::Es256, input.as_bytes(), signing).unwrap();
        let forged = format!("{input}.{}", base64url::encode(&signature));
        assert_eq!(of_text(&inputs, &forged), Err(Failed::Signature));
        assert_eq!(of_text(&inputs, &right), Ok(()));
    }

    #[test]
    fn refuses_a_repeated_identifier_and_only_that() {
        let inputs = Inputs::new().unwrap();
        let verifier = DpopVerifier::new(Policy::default());
        let verdict = |n| {
            let proof = inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap();
            inputs.request(&inputs.dpop, &proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64))
        };
        assert_eq!(verdict(1), Ok(()));
        assert_eq!(verdict(1), Err(Failed::Jti));
        assert_eq!(verdict(2), Ok(()));
    }

    #[test]
    fn refuses_the_wrong_fields() {
        let inputs = Inputs::new().unwrap();
        let proof = inputs.dpop_proof(&inputs.dpop_parts(0)).unwrap();
        let verifier = DpopVerifier::new(Policy::default());
        let verdict = |request: &Request<'_>| verifier.verify(request, &inputs.bound_to_key, NOW as f64);
        assert_eq!(inputs.request(&inputs.bearer, &proof, verdict), Err(Failed::Authorization));
        assert_eq!(inputs.request(&inputs.dpop, "a.b", verdict), Err(Failed::Format));
        let fields = [proof.as_bytes(), proof.as_bytes()];
        let twice = inputs.request(&inputs.dpop, "", |r| verdict(&Request { proofs: &fields, ..*r }));
        assert_eq!(twice, Err(Failed::Field));
        // A token that asks for the other binding is not bound to this key.
        let session =
            inputs.request(&inputs.dpop, &proof, |r| verifier.verify(r, &inputs.bound_to_session, NOW as f64));
        assert_eq!(session, Err(Failed::Jkt));
    }

    #[test]
    fn the_other_algorithms_verify() {
        use ekmcheck_binding::algorithm::Algorithm as Jwa;
        let pki = ekmcheck_forge::pki::Pki::frozen().unwrap();
        for (name, jwa) in [("p384", Jwa::Es384), ("ed25519", Jwa::EdDsa)] {
            let inputs = Inputs::new().unwrap();
            let key = pki.identity(name).unwrap().key.clone();
            let point = key.public().material();
            let jwk = match jwa {
                Jwa::Es384 => json!({"kty": "EC", "crv": "P-384", "x": base64url::encode(&point[1..49]),
                    "y": base64url::encode(&point[49..])}),
                _ => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(point)}),
            };
            let (mut header, claims) = inputs.dpop_parts(0);
            header.set("alg", jwa.name());
            header.set("jwk", jwk.clone());
            let input = format!("{}.{}", base64url::encode(&header.octets()), base64url::encode(&claims.octets()));
            let signature = key.sign(jwa, input.as_bytes(), ekmcheck_forge::keys::Signing::Frozen).unwrap();
            let proof = format!("{input}.{}", base64url::encode(&signature));
            assert_eq!(of_text(&inputs, &proof), Err(Failed::Jkt), "the token is bound to the other key");
            let parsed = Proof::parse(&proof).unwrap();
            let Some(Value::Object(object)) = parsed.header.member("jwk") else { panic!("no key") };
            assert_eq!(Jwk::read(object, Some(jwa.name())).map(|k| k.verify(&parsed)), Ok(Ok(())));
        }
    }

    /// The example of RFC 9449 section 4.1 (key) and section 6.1 (its thumbprint).
    #[test]
    fn thumbprint_known_answer() {
        let (x, y) = ("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
        let jwk = Jwk::Ec { algorithm: Algorithm::ES256, crv: "P-256", x, y };
        assert_eq!(jwk.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
