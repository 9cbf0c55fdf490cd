//! The other proof that a token may ask for (RFC 9449), by a key that serves nothing else and that everybody knows.

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
    digest::{TokenHash, sha256},
    target::Target,
};
use serde_json::{Value, json};

use crate::{
    keys::{Key, fixed_key},
    recipe::Setting,
};

/// The thumbprint of the key (RFC 7638) for `cnf.jkt`; none if the key cannot be made.
pub(crate) fn thumbprint() -> Option<String> {
    Some(base64url::encode(&sha256(jwk(&key()?).to_string().as_bytes())))
}

/// A DPoP proof for the request of that setting; none if it cannot be signed.
pub(crate) fn proof(setting: &Setting<'_>, token: &str) -> Option<String> {
    let key = key()?;
    let Target { scheme, authority, path } = Target::https(setting.authority, setting.path);
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&key)});
    let claims = json!({
        "jti": format!("dpop-{}", setting.unique),
        "htm": setting.method,
        "htu": format!("{scheme}://{authority}{path}"),
        "iat": setting.now,
        "ath": TokenHash::of(token).to_string(),
    });
    let segment = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let input = format!("{}.{}", segment(&header), segment(&claims));
    let signature = key.sign(Algorithm::Es256, input.as_bytes(), setting.signing).ok()?;
    Some(format!("{input}.{}", base64url::encode(&signature)))
}

fn key() -> Option<Key> {
    fixed_key(KeyKind::P256, "dpop").ok()
}

/// The public key, with its members in the order of RFC 7638 section 3.
fn jwk(key: &Key) -> Value {
    let coordinate = |range| key.public().material().get(range).map(base64url::encode);
    json!({"crv": "P-256", "kty": "EC", "x": coordinate(1..33), "y": coordinate(33..65)})
}
