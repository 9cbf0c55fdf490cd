//! The exporter value of a connection (section 2.2): its parameters and its comparison.

use std::fmt;

/// The exporter label, 32 ASCII octets, and at the same time the value of `cnf.tls_exp`.
pub const LABEL: &str = "EXPORTER-oauth-tls-session-bound";

/// The exporter context: zero-length and **given**. In TLS 1.2 a given zero-length context is hashed as two zero
/// octets (RFC 5705 section 4) and so differs from no context at all; in TLS 1.3 and QUIC the two are equal.
pub const CONTEXT: &[u8] = b"";

/// The length of the exporter value in octets. In TLS 1.3 the length is an input, so a longer export does not start
/// with the shorter one.
pub const LENGTH: usize = 32;

/// The exporter value of one connection, 32 octets.
#[derive(Clone, PartialEq, Eq)]
pub struct ExporterValue([u8; LENGTH]);

impl ExporterValue {
    /// Takes the octets that the TLS library exported.
    #[must_use]
    pub fn new(octets: [u8; LENGTH]) -> Self {
        Self(octets)
    }

    /// The octets. Secret: whoever knows them and the key can make proofs for this connection.
    #[must_use]
    pub fn octets(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ. A candidate of another length differs.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, candidate).is_ok()
    }
}

impl fmt::Debug for ExporterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the octets: a debug print must be safe in a log.
        f.write_str("ExporterValue(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_the_drafts() {
        assert_eq!(LABEL.len(), 32);
        assert!(LABEL.starts_with("EXPORTER-"));
        assert!(CONTEXT.is_empty());
    }

    #[test]
    fn only_the_whole_value_matches() {
        let value = ExporterValue::new([7; 32]);
        assert!(value.matches(&[7; 32]));
        assert!(!value.matches(&[7; 31]));
        assert!(!value.matches(&[7; 33]));
        assert!(!value.matches(&[]));
        let mut last = [7; 32];
        last[31] ^= 1;
        assert!(!value.matches(&last));
        assert!(!format!("{value:?}").contains('7'));
    }
}
