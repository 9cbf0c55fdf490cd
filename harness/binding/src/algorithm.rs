//! Signature algorithms, and which certificate key each of them fits (sections 2.3.1 and 2.3.3).

use std::fmt;

/// What kind of public key a certificate carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA with the general OID; the modulus length in bits.
    Rsa(u32),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
        }
    }
}

/// A JWS signature algorithm (RFC 7518, RFC 8037, RFC 9864) that a proof may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// EdDSA; with this draft's keys that is Ed25519.
    EdDsa,
    /// The fully specified name of RFC 9864 for the same signature.
    Ed25519,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

impl Algorithm {
    /// All of them, in the order of this list.
    pub const ALL: [Self; 11] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The value of `alg`. Case matters (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of that exact name; `none`, HMAC names and other spellings are `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Whether a proof signed with this algorithm can belong to a certificate with that key: same key type and, for
    /// elliptic curves, the one curve that RFC 7518 section 3.4 pairs with the hash.
    #[must_use]
    pub fn fits(self, key: KeyKind) -> bool {
        match self {
            Self::Es256 => key == KeyKind::P256,
            Self::Es384 => key == KeyKind::P384,
            Self::Es512 => key == KeyKind::P521,
            Self::EdDsa | Self::Ed25519 => key == KeyKind::Ed25519,
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => {
                // RFC 7518 sections 3.3 and 3.5: 2048 bits or more.
                matches!(key, KeyKind::Rsa(bits) if bits >= 2048)
            }
        }
    }

    /// The algorithm a client uses by default with such a key.
    #[must_use]
    pub fn usual_for(key: KeyKind) -> Self {
        match key {
            KeyKind::P256 => Self::Es256,
            KeyKind::P384 => Self::Es384,
            KeyKind::P521 => Self::Es512,
            KeyKind::Ed25519 => Self::EdDsa,
            KeyKind::Rsa(_) => Self::Ps256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_fits_exactly_its_key() {
        let keys = [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Ed25519, KeyKind::Rsa(2048)];
        for algorithm in Algorithm::ALL {
            assert_eq!(keys.iter().filter(|k| algorithm.fits(**k)).count(), 1, "{algorithm}");
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
        for key in keys {
            assert!(Algorithm::usual_for(key).fits(key));
        }
        assert!(!Algorithm::Rs256.fits(KeyKind::Rsa(1024)));
        for wrong in ["none", "None", "HS256", "es256", "ES521", "ES256K", "RS1", ""] {
            assert_eq!(Algorithm::from_name(wrong), None, "{wrong}");
        }
    }
}
