//! Fast signatures: through `jsonwebtoken` where it has the algorithm, and AWS-LC itself for ES512.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair},
};
use ekmcheck_binding::algorithm::{Algorithm, KeyKind};
use jsonwebtoken::{Algorithm as Jwa, EncodingKey, crypto::aws_lc::DEFAULT_PROVIDER};
use p256::pkcs8::PrivateKeyInfo;

use super::ForgeKeyError;

/// A key in the form that its signatures need.
pub(super) enum Signer {
    /// For every algorithm but ES512.
    Jwt(EncodingKey),
    P521(EcdsaKeyPair),
}

impl Signer {
    pub(super) fn new(kind: KeyKind, pkcs8: &[u8]) -> Result<Self, ForgeKeyError> {
        Ok(match kind {
            KeyKind::P521 => Self::P521(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, pkcs8).map_err(ForgeKeyError::unreadable)?,
            ),
            KeyKind::Ed25519 => Self::Jwt(EncodingKey::from_ed_der(pkcs8)),
            KeyKind::Rsa(_) => {
                // Unlike its sister functions, `from_rsa_der` wants the PKCS#1 key inside.
                let info = PrivateKeyInfo::try_from(pkcs8).map_err(ForgeKeyError::unreadable)?;
                Self::Jwt(EncodingKey::from_rsa_der(info.private_key))
            }
            _ => Self::Jwt(EncodingKey::from_ec_der(pkcs8)),
        })
    }

    /// `None` if this key and algorithm do not go together.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Result<Vec<u8>, ForgeKeyError>> {
        match self {
            Self::Jwt(key) => {
                // The provider by name: the default one panics if another crate switches on a second backend.
                let signer = (DEFAULT_PROVIDER.signer_factory)(&jwa(algorithm)?, key);
                Some(match signer {
                    Ok(signer) => signer.try_sign(message).map_err(ForgeKeyError::library),
                    Err(error) => Err(ForgeKeyError::library(error)),
                })
            }
            Self::P521(pair) if algorithm == Algorithm::Es512 => Some(
                pair.sign(&SystemRandom::new(), message)
                    .map(|signature| signature.as_ref().to_vec())
                    .map_err(ForgeKeyError::library),
            ),
            Self::P521(_) => None,
        }
    }
}

fn jwa(algorithm: Algorithm) -> Option<Jwa> {
    Some(match algorithm {
        Algorithm::Es256 => Jwa::ES256,
        Algorithm::Es384 => Jwa::ES384,
        Algorithm::EdDsa | Algorithm::Ed25519 => Jwa::EdDSA,
        Algorithm::Ps256 => Jwa::PS256,
        Algorithm::Ps384 => Jwa::PS384,
        Algorithm::Ps512 => Jwa::PS512,
        Algorithm::Rs256 => Jwa::RS256,
        Algorithm::Rs384 => Jwa::RS384,
        Algorithm::Rs512 => Jwa::RS512,
        _ => return None,
    })
}
