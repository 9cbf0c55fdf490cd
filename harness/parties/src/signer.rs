//! Signs in handshakes with keys of the forge, where AWS-LC does not: with keys that it refuses, or under certificates
//! that have another key.

use ekmcheck_binding::algorithm::{Algorithm, KeyKind};
use ekmcheck_forge::keys::{Key, Signing, der_signature};
use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    sign::{Signer, SigningKey},
};

/// A key that signs in handshakes, whatever the certificate says.
#[derive(Debug, Clone)]
pub struct HandshakeKey {
    key: Key,
    /// Whether the certificate restricts the key to RSASSA-PSS.
    pss: bool,
}

/// rsa_pss_pss_sha256 (RFC 8446 section 4.2.3), which rustls has no name for.
const RSA_PSS_PSS_SHA256: SignatureScheme = SignatureScheme::Unknown(0x0809);

impl HandshakeKey {
    /// With `pss`, prefers the scheme that goes with a certificate restricted to RSASSA-PSS.
    #[must_use]
    pub fn new(key: Key, pss: bool) -> Self {
        Self { key, pss }
    }
}

impl SigningKey for HandshakeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let known: &[(SignatureScheme, Algorithm)] = match (self.key.kind(), self.pss) {
            (KeyKind::Rsa(_), true) => {
                &[(RSA_PSS_PSS_SHA256, Algorithm::Ps256), (SignatureScheme::RSA_PSS_SHA256, Algorithm::Ps256)]
            }
            (KeyKind::Rsa(_), false) => &[
                (SignatureScheme::RSA_PSS_SHA256, Algorithm::Ps256),
                (SignatureScheme::RSA_PKCS1_SHA256, Algorithm::Rs256),
            ],
            (KeyKind::P256, _) => &[(SignatureScheme::ECDSA_NISTP256_SHA256, Algorithm::Es256)],
            _ => &[],
        };
        let (scheme, algorithm) = *known.iter().find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(With { key: self.key.clone(), scheme, algorithm }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.key.kind() {
            KeyKind::Rsa(_) => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

#[derive(Debug)]
struct With {
    key: Key,
    scheme: SignatureScheme,
    algorithm: Algorithm,
}

impl Signer for With {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let raw = self.key.sign(self.algorithm, message, Signing::Frozen);
        let raw = raw.map_err(|error| Error::General(error.to_string()))?;
        Ok(if self.algorithm == Algorithm::Es256 { der_signature(&raw) } else { raw })
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
