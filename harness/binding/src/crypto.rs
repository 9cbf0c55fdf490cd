//! Signature verification behind a trait, with two independent implementations.

mod aws_lc;
mod rust_crypto;

pub use aws_lc::AwsLc;
pub(crate) use aws_lc::{Parsed, sha256};
pub use rust_crypto::RustCrypto;

use crate::{algorithm::Algorithm, certificate::PublicKey};

/// Verifies JWS signatures. Implementations take the signature in JWS form (RFC 7518: `r || s` of fixed length for
/// ECDSA) and never choose the algorithm or the key themselves.
pub trait SignatureVerifier: Send + Sync {
    /// A name for messages and reports.
    fn name(&self) -> &'static str;

    /// True if `signature` over `message` verifies under `key` with `algorithm`. A pair of algorithm and key that does
    /// not fit is false.
    fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;
}
