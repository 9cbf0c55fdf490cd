//! Private keys that everybody knows: hashes of fixed strings, and one RSA key from a file.

use ed25519_dalek::pkcs8::KeypairBytes;
use ekmcheck_binding::algorithm::KeyKind;
use p256::pkcs8::EncodePrivateKey as _;

use super::{ForgeKeyError, Key, mac::Sha};

/// The key of that kind that belongs to a label, the same one for ever. Its security is nil.
///
/// # Errors
/// [`ForgeKeyError::NoGenerator`] for RSA, whose fixed keys are those of [`public_rsa_key`].
pub(crate) fn fixed_key(kind: KeyKind, label: &str) -> Result<Key, ForgeKeyError> {
    let octets = |counter| expand(kind, label, counter);
    let der = match kind {
        KeyKind::P256 => first(|n| p256::SecretKey::from_slice(octets(n).get(..32)?).ok())?.to_pkcs8_der(),
        KeyKind::P384 => first(|n| p384::SecretKey::from_slice(octets(n).get(..48)?).ok())?.to_pkcs8_der(),
        KeyKind::P521 => first(|n| {
            let mut scalar = octets(n);
            scalar.truncate(66);
            // 521 bits: one bit of the first octet counts.
            *scalar.first_mut()? &= 1;
            p521::SecretKey::from_slice(&scalar).ok()
        })?
        .to_pkcs8_der(),
        KeyKind::Ed25519 => {
            let secret_key = first(|n| octets(n).first_chunk().copied())?;
            KeypairBytes { secret_key, public_key: None }.to_pkcs8_der()
        }
        other => return Err(ForgeKeyError::NoGenerator(other)),
    };
    Key::from_pkcs8(der.map_err(ForgeKeyError::library)?.as_bytes())
}

/// The RSA key of that many bits in `frozen/`. Public: see the README there.
///
/// # Errors
/// [`ForgeKeyError::NoGenerator`] for a size of which there is none; [`ForgeKeyError::Unreadable`] would be a damaged
/// file.
pub(crate) fn public_rsa_key(bits: u32) -> Result<Key, ForgeKeyError> {
    match bits {
        1024 => Key::from_rsa_pem(include_str!("../frozen/rsa1024.pem")),
        2048 => Key::from_pem(include_str!("../frozen/rsa2048.pem")),
        8192 => Key::from_pem(include_str!("../frozen/rsa8192.pem")),
        other => Err(ForgeKeyError::NoGenerator(KeyKind::Rsa(other))),
    }
}

/// 128 octets from the label.
fn expand(kind: KeyKind, label: &str, counter: u8) -> Vec<u8> {
    let half = |half: u8| Sha::Sha512.digest(format!("ekmcheck public key|{kind}|{label}|{counter}|{half}").as_bytes());
    [half(0), half(1)].concat()
}

/// The first candidate in range (FIPS 186-5 A.2.2, testing candidates): taking a remainder instead would favour small
/// scalars. One in 2^32 or fewer is refused.
fn first<T>(candidate: impl Fn(u8) -> Option<T>) -> Result<T, ForgeKeyError> {
    (0..=u8::MAX).find_map(candidate).ok_or_else(|| ForgeKeyError::library("no scalar in range"))
}
