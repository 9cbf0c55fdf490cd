//! Signatures that are the same octets at every run, in pure Rust.

use ed25519_dalek::Signer as _;
use ekmcheck_binding::algorithm::{Algorithm, KeyKind};
use p256::pkcs8::DecodePrivateKey as _;
use rsa::{
    Pkcs1v15Sign, Pss,
    rand_core::{CryptoRng, Error, RngCore},
};
use sha2::{Sha256, Sha384, Sha512};

use super::{
    ForgeKeyError, ecdsa,
    mac::{Sha, hmac},
};

/// A parsed key.
pub(super) enum Signer {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Box<rsa::RsaPrivateKey>),
}

impl Signer {
    pub(super) fn new(kind: KeyKind, pkcs8: &[u8]) -> Result<Self, ForgeKeyError> {
        match kind {
            KeyKind::P256 => p256::SecretKey::from_pkcs8_der(pkcs8).map(Self::P256),
            KeyKind::P384 => p384::SecretKey::from_pkcs8_der(pkcs8).map(Self::P384),
            KeyKind::P521 => p521::SecretKey::from_pkcs8_der(pkcs8).map(Self::P521),
            KeyKind::Ed25519 => {
                ed25519_dalek::SigningKey::from_pkcs8_der(pkcs8).map(|key| Self::Ed25519(Box::new(key)))
            }
            KeyKind::Rsa(_) => rsa::RsaPrivateKey::from_pkcs8_der(pkcs8).map(|key| Self::Rsa(Box::new(key))),
            other => return Err(ForgeKeyError::Unreadable(format!("no {other} keys in RustCrypto"))),
        }
        .map_err(ForgeKeyError::unreadable)
    }

    /// `None` if no such signature exists.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Result<Vec<u8>, ForgeKeyError>> {
        let ecdsa = |signature: Option<Vec<u8>>| signature.ok_or_else(|| ForgeKeyError::library("zero in ECDSA"));
        Some(match self {
            Self::P256(key) => ecdsa(ecdsa::sign(&key.to_nonzero_scalar(), Sha::of_ecdsa(algorithm)?, message)),
            Self::P384(key) => ecdsa(ecdsa::sign(&key.to_nonzero_scalar(), Sha::of_ecdsa(algorithm)?, message)),
            Self::P521(key) => ecdsa(ecdsa::sign(&key.to_nonzero_scalar(), Sha::of_ecdsa(algorithm)?, message)),
            Self::Ed25519(key) => match algorithm {
                Algorithm::EdDsa | Algorithm::Ed25519 => {
                    key.try_sign(message).map(|s| s.to_vec()).map_err(ForgeKeyError::library)
                }
                _ => return None,
            },
            Self::Rsa(key) => return rsa_sign(key, algorithm, message),
        })
    }
}

fn rsa_sign(key: &rsa::RsaPrivateKey, algorithm: Algorithm, message: &[u8]) -> Option<Result<Vec<u8>, ForgeKeyError>> {
    let pkcs1 = |scheme: Pkcs1v15Sign, sha: Sha| key.sign(scheme, &sha.digest(message));
    let pss = |scheme: Pss, sha: Sha| key.sign_with_rng(&mut Salt::of(sha, message), scheme, &sha.digest(message));
    let signature = match algorithm {
        Algorithm::Rs256 => pkcs1(Pkcs1v15Sign::new::<Sha256>(), Sha::Sha256),
        Algorithm::Rs384 => pkcs1(Pkcs1v15Sign::new::<Sha384>(), Sha::Sha384),
        Algorithm::Rs512 => pkcs1(Pkcs1v15Sign::new::<Sha512>(), Sha::Sha512),
        Algorithm::Ps256 => pss(Pss::new::<Sha256>(), Sha::Sha256),
        Algorithm::Ps384 => pss(Pss::new::<Sha384>(), Sha::Sha384),
        Algorithm::Ps512 => pss(Pss::new::<Sha512>(), Sha::Sha512),
        _ => return None,
    };
    Some(signature.map_err(ForgeKeyError::library))
}

/// The "random" generator of PSS: hands out a hash of the message, exactly as long as the salt of RFC 7518.
struct Salt {
    octets: std::iter::Cycle<std::vec::IntoIter<u8>>,
}

impl Salt {
    fn of(sha: Sha, message: &[u8]) -> Self {
        // Keyed, so that the salt is not the digest that is signed.
        Self { octets: hmac(sha, b"ekmcheck frozen PSS salt", message).into_iter().cycle() }
    }
}

impl RngCore for Salt {
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0; 4];
        self.fill_bytes(&mut octets);
        u32::from_be_bytes(octets)
    }

    fn next_u64(&mut self) -> u64 {
        let mut octets = [0; 8];
        self.fill_bytes(&mut octets);
        u64::from_be_bytes(octets)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.iter_mut().zip(&mut self.octets).for_each(|(to, from)| *to = from);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

/// Claimed only because the RSA crate asks for it; nothing here is unpredictable, by intent.
impl CryptoRng for Salt {}
