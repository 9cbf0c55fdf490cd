use aws_lc_rs::{digest, hmac as aws_hmac};
use ekmcheck_binding::algorithm::Algorithm;

/// One of the three hashes of JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sha {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Sha {
    /// The hash that ES256, ES384 or ES512 names.
    pub(super) fn of_ecdsa(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => Some(Self::Sha256),
            Algorithm::Es384 => Some(Self::Sha384),
            Algorithm::Es512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The hash of a message: 32, 48 or 64 octets.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }
}

/// HMAC (RFC 2104) with that hash, 32, 48 or 64 octets: what `HS256`, `HS384` and `HS512` sign with. The key may be any
/// octets, which is what an attack that passes a public key off as a secret needs.
#[must_use]
pub fn hmac(sha: Sha, key: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match sha {
        Sha::Sha256 => aws_hmac::HMAC_SHA256,
        Sha::Sha384 => aws_hmac::HMAC_SHA384,
        Sha::Sha512 => aws_hmac::HMAC_SHA512,
    };
    aws_hmac::sign(&aws_hmac::Key::new(algorithm, key), message).as_ref().to_vec()
}

/// [`hmac`] with SHA-256.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut tag = [0; 32];
    tag.iter_mut().zip(hmac(Sha::Sha256, key, message)).for_each(|(to, from)| *to = from);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|o| format!("{o:02x}")).collect()
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_known_answers() {
        let (key, message) = (b"Jefe", b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&hmac_sha256(key, message)), expected);
        assert_eq!(hex(&hmac(Sha::Sha256, key, message)), expected);
        assert!(hex(&hmac(Sha::Sha384, key, message)).starts_with("af45d2e376484031"));
        assert!(hex(&hmac(Sha::Sha512, key, message)).starts_with("164b7a7bfcf819e2"));
    }
}
