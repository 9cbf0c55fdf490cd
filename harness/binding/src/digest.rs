//! SHA-256 in its two uses: the certificate thumbprint (`x5t#S256`, RFC 8705) and the token hash (`ath`).

use std::fmt;

use crate::{base64url, crypto};

/// SHA-256 of some octets, by the library that verifies signatures: where a processor has no instructions for it, that takes
/// less time than code that has to be portable.
#[must_use]
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    crypto::sha256(octets)
}

/// SHA-256 of a DER certificate, the value of `x5t#S256` (sections 2.3.1 and 2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Of the DER octets of the end-entity certificate, not of its key and not of its PEM text.
    #[must_use]
    pub fn of_der(certificate: &[u8]) -> Self {
        Self(sha256(certificate))
    }

    /// Reads the base64url spelling, 43 characters.
    ///
    /// # Errors
    /// What is wrong with the spelling, as a sentence fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        base64url::decode_32(text).map(Self)
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// SHA-256 of the ASCII access token, the value of `ath` (section 2.3.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of the token exactly as it stands behind `Bearer `.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }

    /// From the octets of a digest.
    #[must_use]
    pub fn from_octets(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The second opinion, as there is one for signatures: at every length around the ends of blocks, and for octets that
    /// begin anywhere in a word.
    #[test]
    fn two_implementations_agree() {
        let octets: Vec<u8> = (0..1_100_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in (0..=320).chain([511, 512, 800, 1023, 1024]) {
            for start in 0..8 {
                let part = &octets[start..start + length];
                assert_eq!(sha256(part), *Sha256::digest(part), "{length} octets from {start}");
            }
        }
    }

    /// The access token of the examples in RFC 9449 section 7.1 and the `ath` printed there.
    #[test]
    fn token_hash_known_answer() {
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(TokenHash::of(token).to_string(), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }
    /// The certificate of RFC 8705 Appendix A (figure 6) and the thumbprint printed there (figure 5).
    #[test]
    fn thumbprint_known_answer() {
        let der = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVow\
            DzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ_Au08_coZwxS7LfA4vOL\
            S9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E-vwJD_D1AGHGzuri-hlV_PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQg\
            jwD5vaUaKlLR50Q2DmFfQj1L-SY";
        let der = base64url::decode(der).unwrap();
        assert_eq!(Thumbprint::of_der(&der).to_string(), "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0");
    }
}
