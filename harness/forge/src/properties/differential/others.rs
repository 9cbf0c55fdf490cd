//! The two libraries. Nothing here makes up for what they let through: what their documentation shows is done, and then the
//! claims are compared.

use ekmcheck_binding::algorithm::KeyKind;
use jsonwebtoken::{Algorithm as Jwa, Validation};
use jwt_compact::{
    Algorithm, AlgorithmExt as _, Thumbprint, UntrustedToken,
    alg::{Ed25519, Es256, Rsa, StrongAlg, StrongKey, VerifyingKey as _},
};
use serde::Deserialize;

use super::super::{
    oracle,
    stage::{METHOD, NOW, Presented, stage},
    strict::encode,
};
use ekmcheck_binding::digest::sha256;

/// A library, in the hands of an ordinary user.
pub(super) struct Library {
    pub(super) name: &'static str,
    /// Whether it accepts the proof; none if it does not have this kind of key.
    pub(super) verdict: fn(&Presented) -> Option<Result<(), String>>,
}

pub(super) const LIBRARIES: [Library; 2] = [
    Library { name: "jsonwebtoken", verdict: by_jsonwebtoken },
    Library { name: "jwt-compact", verdict: by_jwt_compact },
];

const TYP: &str = "tls-binding-proof+jwt";

#[derive(Deserialize, Clone)]
struct Claims {
    ath: String,
    ekm: String,
    #[serde(flatten)]
    issued: Issued,
    jti: Option<String>,
    htm: Option<String>,
    htu: Option<String>,
}

/// jwt-compact reads `iat` itself.
#[derive(Deserialize, Clone)]
struct Issued {
    iat: Option<f64>,
}

impl Claims {
    fn hold(&self, iat: Option<f64>, presented: &Presented) -> Result<(), String> {
        let right = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
        right(self.ath == encode(&sha256(presented.token.text.as_bytes())), "ath")?;
        right(self.ekm == encode(stage().here.right()), "ekm")?;
        let iat = iat.ok_or("iat missing")?;
        right(((NOW - 300) as f64..=(NOW + 60) as f64).contains(&iat), "iat")?;
        right(self.htm.as_ref().is_none_or(|htm| htm == METHOD), "htm")?;
        right(self.htu.as_ref().is_none_or(|htu| oracle::is_target(htu, presented.path)), "htu")?;
        right(self.jti.as_ref().is_none_or(|jti| (1..=1024).contains(&jti.len())), "jti")
    }
}

fn by_jsonwebtoken(presented: &Presented) -> Option<Result<(), String>> {
    let key = presented.client.key.for_jsonwebtoken()?;
    let text = presented.field.trim_matches([' ', '\t']);
    let verdict = || {
        let header = jsonwebtoken::decode_header(text).map_err(|e| e.to_string())?;
        let algorithms: &[Jwa] = match presented.client.identity.key.kind() {
            KeyKind::P256 => &[Jwa::ES256],
            KeyKind::P384 => &[Jwa::ES384],
            KeyKind::Ed25519 => &[Jwa::EdDSA],
            _ => &[Jwa::PS256, Jwa::PS384, Jwa::PS512, Jwa::RS256, Jwa::RS384, Jwa::RS512],
        };
        if header.typ.as_deref() != Some(TYP) {
            return Err("typ".to_owned());
        }
        if header.x5t_s256.as_deref() != Some(&*presented.client.identity.certificate.thumbprint().to_string()) {
            return Err("x5t#S256".to_owned());
        }
        if !algorithms.contains(&header.alg) {
            return Err("alg".to_owned());
        }
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(text, key, &validation).map_err(|e| e.to_string())?.claims;
        claims.hold(claims.issued.iat, presented)
    };
    Some(verdict())
}

fn by_jwt_compact(presented: &Presented) -> Option<Result<(), String>> {
    let text = presented.field.trim_matches([' ', '\t']);
    let raw = presented.client.key.raw();
    let verdict = match presented.client.identity.key.kind() {
        KeyKind::P256 => {
            let key = p256::ecdsa::VerifyingKey::from_slice(raw).ok()?;
            validated(&Es256, &key, text, presented)
        }
        KeyKind::Ed25519 => {
            let key = ed25519_dalek::VerifyingKey::from_slice(raw).ok()?;
            let name = UntrustedToken::new(text).ok().filter(|token| token.algorithm() == "Ed25519");
            match name {
                Some(_) => validated(&Ed25519::with_specific_name(), &key, text, presented),
                None => validated(&Ed25519, &key, text, presented),
            }
        }
        KeyKind::Rsa(_) => {
            use rsa::pkcs1::DecodeRsaPublicKey as _;
            let key = StrongKey::try_from(rsa::RsaPublicKey::from_pkcs1_der(raw).ok()?).ok()?;
            let name = UntrustedToken::new(text).map(|token| token.algorithm().to_owned()).unwrap_or_default();
            match name.parse::<Rsa>() {
                Ok(algorithm) => validated(&StrongAlg(algorithm), &key, text, presented),
                Err(error) => UntrustedToken::new(text).map_err(|e| e.to_string()).and(Err(error.to_string())),
            }
        }
        _ => return None,
    };
    Some(verdict)
}

fn validated<A: Algorithm>(
    algorithm: &A,
    key: &A::VerifyingKey,
    text: &str,
    presented: &Presented,
) -> Result<(), String> {
    let token = UntrustedToken::new(text).map_err(|e| e.to_string())?;
    let token = algorithm.validator::<Claims>(key).validate(&token).map_err(|e| e.to_string())?;
    let header = token.header();
    if header.token_type.as_deref() != Some(TYP) {
        return Err("typ".to_owned());
    }
    let thumbprint = *presented.client.identity.certificate.thumbprint().octets();
    if header.certificate_thumbprint != Some(Thumbprint::Bytes(thumbprint)) {
        return Err("x5t#S256".to_owned());
    }
    let claims = token.claims();
    let iat = claims.issued_at.map(|iat| iat.timestamp() as f64);
    claims.custom.hold(iat.or(claims.custom.issued.iat), presented)
}
