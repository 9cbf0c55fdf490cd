//! Private keys and what is signed with them: fast with AWS-LC, or byte-identical at every run with RustCrypto.

mod der;
mod ecdsa;
mod fixed;
mod frozen;
mod live;
mod mac;
mod numbers;
mod padding;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::signature::Ed25519KeyPair;
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    certificate::PublicKey,
};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, PrivateKeyInfo};
use rcgen::PublicKeyData as _;

pub use der::{der_signature, high_s};
pub(crate) use der::{replaced, tagged};
pub(crate) use fixed::{fixed_key, public_rsa_key};
pub use mac::{Sha, hmac, hmac_sha256};
pub(crate) use numbers::{Number, ed25519_plus_order, with_numbers};
pub use numbers::{ed25519_reduced, p256_of_ones, p256_out_of_range, p256_reduced};
pub use padding::{RsaPadding, is_pss_with_any_salt, rsa_opened};

/// How PEM is written everywhere.
pub(crate) const LINES: pem::EncodeConfig = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);

/// Why a key cannot be made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeKeyError {
    /// Not an unencrypted PKCS#8 private key of a kind that some proof algorithm fits.
    #[error("unreadable private key: {0}")]
    Unreadable(String),
    /// No generator for keys of that kind.
    #[error("cannot generate a {0} key")]
    NoGenerator(KeyKind),
    /// No such signature exists: the algorithm computes with another type of key.
    #[error("no {algorithm} signature can be computed with a {kind} key")]
    Impossible {
        /// What was asked for.
        algorithm: Algorithm,
        /// What the key is.
        kind: KeyKind,
    },
    /// The cryptographic library refused.
    #[error("{0}")]
    Library(String),
}

impl ForgeKeyError {
    /// Keeps the text only: the libraries' own errors are neither `Clone` nor comparable.
    fn library(error: impl fmt::Display) -> Self {
        Self::Library(error.to_string())
    }

    fn unreadable(error: impl fmt::Display) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// How a signature is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signing {
    /// With AWS-LC, as fast as it goes; ECDSA and PSS differ at every call.
    Live,
    /// With RustCrypto, the same octets at every run and on every machine: RFC 6979 nonces for ECDSA, and for PSS a salt
    /// that is a hash of the message.
    Frozen,
}

/// A private key. Clones share the key and its parsed forms.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    pkcs8: Vec<u8>,
    public: PublicKey,
    // Parsed at the first signature of each sort; PKCS#8 parsing checks the key and would dominate fast signing.
    live: OnceLock<Result<live::Signer, ForgeKeyError>>,
    frozen: OnceLock<Result<frozen::Signer, ForgeKeyError>>,
}

impl fmt::Debug for Key {
    /// Never the private half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Key {
    /// A new random key. RSA: 2048, 3072 or 4096 bits, and slow.
    ///
    /// # Errors
    /// [`ForgeKeyError::NoGenerator`] for another RSA size; [`ForgeKeyError::Library`] if the generator fails.
    pub fn generate(kind: KeyKind) -> Result<Self, ForgeKeyError> {
        use rcgen::{KeyPair, RsaKeySize};
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        let pair = match kind {
            KeyKind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyKind::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            KeyKind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            KeyKind::Rsa(2048) => rsa(RsaKeySize::_2048),
            KeyKind::Rsa(3072) => rsa(RsaKeySize::_3072),
            KeyKind::Rsa(4096) => rsa(RsaKeySize::_4096),
            other => return Err(ForgeKeyError::NoGenerator(other)),
        };
        Self::from_pair(&pair.map_err(ForgeKeyError::library)?)
    }

    /// Reads an unencrypted PKCS#8 private key in DER.
    ///
    /// # Errors
    /// [`ForgeKeyError::Unreadable`], also for bare SEC 1 and PKCS#1 keys.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, ForgeKeyError> {
        // rcgen also accepts SEC 1 and PKCS#1, which `pkcs8()` would then hand on under the wrong name.
        PrivateKeyInfo::try_from(der).map_err(ForgeKeyError::unreadable)?;
        let pair = rcgen::KeyPair::try_from(der).map_err(ForgeKeyError::unreadable)?;
        Self::from_pair(&pair)
    }

    /// Reads an unencrypted PKCS#8 private key in PEM (`BEGIN PRIVATE KEY`); text before it is skipped.
    ///
    /// # Errors
    /// [`ForgeKeyError::Unreadable`].
    pub fn from_pem(pem: &str) -> Result<Self, ForgeKeyError> {
        let pair = rcgen::KeyPair::from_pem(pem).map_err(ForgeKeyError::unreadable)?;
        Self::from_pkcs8(pair.serialized_der())
    }

    /// An RSA key of any size, also one that AWS-LC does not read. Such a key signs by [`Signing::Frozen`] alone.
    fn from_rsa_pem(pem: &str) -> Result<Self, ForgeKeyError> {
        let key = rsa::RsaPrivateKey::from_pkcs8_pem(pem).map_err(ForgeKeyError::unreadable)?;
        let pkcs8 = key.to_pkcs8_der().map_err(ForgeKeyError::library)?.as_bytes().to_vec();
        let spki = key.to_public_key().to_public_key_der().map_err(ForgeKeyError::library)?;
        let public = PublicKey::from_spki_der(spki.as_bytes()).map_err(ForgeKeyError::unreadable)?;
        Ok(Self(Arc::new(Inner { pkcs8, public, live: OnceLock::new(), frozen: OnceLock::new() })))
    }

    /// Reads what [`Self::to_pem`] wrote, whatever the size of an RSA key.
    ///
    /// # Errors
    /// [`ForgeKeyError::Unreadable`].
    pub(crate) fn from_own_pem(pem: &str) -> Result<Self, ForgeKeyError> {
        // AWS-LC reads no RSA key of 1024 bits.
        Self::from_pem(pem).or_else(|_| Self::from_rsa_pem(pem))
    }

    /// PKCS#8 in PEM, the private key itself.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode_config(&pem::Pem::new("PRIVATE KEY", self.pkcs8()), LINES)
    }

    fn from_pair(pair: &rcgen::KeyPair) -> Result<Self, ForgeKeyError> {
        let public = PublicKey::from_spki_der(&pair.subject_public_key_info()).map_err(ForgeKeyError::unreadable)?;
        let mut pkcs8 = pair.serialize_der();
        if public.kind() == KeyKind::Ed25519 {
            // rcgen writes version 2 (with the public key), which OpenSSL 3.0 and with it most peers cannot read.
            let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(ForgeKeyError::unreadable)?;
            pkcs8 = pair.to_pkcs8v1().map_err(ForgeKeyError::library)?.as_ref().to_vec();
        }
        Ok(Self(Arc::new(Inner { pkcs8, public, live: OnceLock::new(), frozen: OnceLock::new() })))
    }

    /// PKCS#8 in DER, the private key itself (Ed25519: version 1).
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.0.pkcs8
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.0.public.kind()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The key as rcgen takes it, also the way to PEM (`serialize_pem`). Parses at each call.
    ///
    /// # Errors
    /// [`ForgeKeyError::Library`]; not expected, as rcgen has read the key before.
    pub fn rcgen_key(&self) -> Result<rcgen::KeyPair, ForgeKeyError> {
        rcgen::KeyPair::try_from(self.pkcs8()).map_err(ForgeKeyError::library)
    }

    /// A signature in JWS form (RFC 7518): for ECDSA `r || s`, each as long as the *key's* field; Ed25519 64 octets; RSA
    /// as long as the modulus.
    ///
    /// The algorithm need not fit the key ([`Algorithm::fits`]): an EC key signs with the hash of any of ES256, ES384 and
    /// ES512, so that ES384 with a P-256 key gives 64 octets over SHA-384. Such pairs are always computed as
    /// [`Signing::Frozen`], for AWS-LC has no names for them.
    ///
    /// # Errors
    /// [`ForgeKeyError::Impossible`] if the algorithm is for another type of key.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8], how: Signing) -> Result<Vec<u8>, ForgeKeyError> {
        if how == Signing::Live && algorithm.fits(self.kind()) {
            let signer = self.0.live.get_or_init(|| live::Signer::new(self.kind(), self.pkcs8()));
            signer.as_ref().map_err(Clone::clone)?.sign(algorithm, message)
        } else {
            let signer = self.0.frozen.get_or_init(|| frozen::Signer::new(self.kind(), self.pkcs8()));
            signer.as_ref().map_err(Clone::clone)?.sign(algorithm, message)
        }
        .unwrap_or_else(|| Err(ForgeKeyError::Impossible { algorithm, kind: self.kind() }))
    }
}
