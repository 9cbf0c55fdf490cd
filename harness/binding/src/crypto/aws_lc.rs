use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};

use super::SignatureVerifier;
use crate::{
    algorithm::{Algorithm, KeyKind},
    certificate::PublicKey,
};

/// The verifier that the reference uses: AWS-LC through aws-lc-rs.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLc;

impl SignatureVerifier for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let parsed = key.parsed().get(algorithm).filter(|_| algorithm.fits(key.kind()));
        parsed.is_some_and(|parsed| parsed.verify_sig(message, signature).is_ok())
    }
}

/// A public key as AWS-LC takes it, for each algorithm that fits it. Made once a certificate, which is once a connection,
/// and not at each proof.
#[derive(Clone)]
pub(crate) struct Parsed(Arc<[(Algorithm, ParsedPublicKey)]>);

impl Parsed {
    /// A key that AWS-LC does not take, like a point that is not on its curve, verifies nothing.
    pub(crate) fn new(kind: KeyKind, material: &[u8]) -> Self {
        let fitting = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.fits(kind));
        let parsed = |algorithm| Some((algorithm, ParsedPublicKey::new(verification(algorithm), material).ok()?));
        Self(fitting.filter_map(parsed).collect())
    }

    fn get(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.0.iter().find(|(known, _)| *known == algorithm).map(|(_, parsed)| parsed)
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(algorithm, _)| algorithm)).finish()
    }
}

/// SHA-256.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    out
}

fn verification(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDsa | Algorithm::Ed25519 => &signature::ED25519,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    }
}
