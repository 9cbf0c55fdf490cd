//! Short digests that stand for secrets in transcripts.

use ekmcheck_binding::digest::sha256;

/// 16 hexadecimal digits of SHA-256.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    sha256(text.as_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect()
}
