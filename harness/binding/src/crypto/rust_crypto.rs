use rsa::{pkcs1::DecodeRsaPublicKey as _, pkcs1v15, pss, signature::Verifier as _};
use sha2::{Sha256, Sha384, Sha512};

use super::SignatureVerifier;
use crate::{algorithm::Algorithm, certificate::PublicKey};

/// A second opinion in pure Rust: cross-checks the first on every vector.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl SignatureVerifier for RustCrypto {
    fn name(&self) -> &'static str {
        "RustCrypto"
    }

    fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        if !algorithm.fits(key.kind()) {
            return false;
        }
        verify(algorithm, key.material(), message, signature).is_some()
    }
}

/// `Some(())` on success: each curve has error types of its own, and none of them says more than "no".
fn verify(algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    match algorithm {
        Algorithm::Es256 => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            key.verify(message, &p256::ecdsa::Signature::from_slice(signature).ok()?).ok()
        }
        Algorithm::Es384 => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            key.verify(message, &p384::ecdsa::Signature::from_slice(signature).ok()?).ok()
        }
        Algorithm::Es512 => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            key.verify(message, &p521::ecdsa::Signature::from_slice(signature).ok()?).ok()
        }
        Algorithm::EdDsa | Algorithm::Ed25519 => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
            key.verify(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
        }
        Algorithm::Ps256 => {
            pss::VerifyingKey::<Sha256>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
        Algorithm::Ps384 => {
            pss::VerifyingKey::<Sha384>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
        Algorithm::Ps512 => {
            pss::VerifyingKey::<Sha512>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
        Algorithm::Rs256 => {
            pkcs1v15::VerifyingKey::<Sha256>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
        Algorithm::Rs384 => {
            pkcs1v15::VerifyingKey::<Sha384>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
        Algorithm::Rs512 => {
            pkcs1v15::VerifyingKey::<Sha512>::new(rsa_key(key)?).verify(message, &signature.try_into().ok()?).ok()
        }
    }
}

fn rsa_key(pkcs1: &[u8]) -> Option<rsa::RsaPublicKey> {
    rsa::RsaPublicKey::from_pkcs1_der(pkcs1).ok()
}
