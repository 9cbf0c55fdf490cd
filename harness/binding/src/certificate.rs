//! The client certificate of a connection: its thumbprint and its public key.

use x509_parser::{oid_registry, prelude::FromDer as _, public_key::PublicKey as X509Key, x509::SubjectPublicKeyInfo};

use crate::{algorithm::KeyKind, crypto::Parsed, digest::Thumbprint};

/// The end-entity certificate that the peer proved possession of in the handshake.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: Vec<u8>,
    thumbprint: Thumbprint,
    key: PublicKey,
}

/// A public key of a kind that some proof algorithm fits.
#[derive(Debug, Clone)]
pub struct PublicKey {
    kind: KeyKind,
    /// What signature code wants: the uncompressed point, the 32 octets of Ed25519, or `RSAPublicKey` (PKCS#1) in DER.
    material: Vec<u8>,
    /// The whole `SubjectPublicKeyInfo` in DER.
    spki: Vec<u8>,
    parsed: Parsed,
}

/// Why a certificate cannot serve for proofs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not an X.509 certificate in DER.
    #[error("not a DER certificate: {0}")]
    NotDer(String),
    /// Its key has no JWS algorithm here: another curve, an RSA key restricted to PSS, X25519, DSA …
    #[error("no proof algorithm fits the certificate's key ({0})")]
    UnsupportedKey(String),
}

impl Certificate {
    /// Reads a certificate as the TLS library hands it over. Trust and validity were decided in the handshake.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, parsed) = x509_parser::certificate::X509Certificate::from_der(der)
            .map_err(|e| CertificateError::NotDer(e.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateError::NotDer(format!("{} octets after the certificate", rest.len())));
        }
        let key = PublicKey::from_spki(parsed.public_key())?;
        Ok(Self { der: der.to_vec(), thumbprint: Thumbprint::of_der(der), key })
    }

    /// A certificate whose key the caller has read, for keys that [`Self::from_der`] does not know. Nothing compares the
    /// two.
    #[must_use]
    pub fn from_parts(der: &[u8], key: PublicKey) -> Self {
        Self { der: der.to_vec(), thumbprint: Thumbprint::of_der(der), key }
    }

    /// The DER octets.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER octets.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl PublicKey {
    fn from_spki(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, CertificateError> {
        let unsupported = |what: String| Err(CertificateError::UnsupportedKey(what));
        let algorithm = &spki.algorithm.algorithm;
        let bits = &spki.subject_public_key.data;
        let kind = if *algorithm == oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
            match curve {
                Some(c) if c == oid_registry::OID_EC_P256 => KeyKind::P256,
                Some(c) if c == oid_registry::OID_NIST_EC_P384 => KeyKind::P384,
                Some(c) if c == oid_registry::OID_NIST_EC_P521 => KeyKind::P521,
                Some(c) => return unsupported(format!("curve {c}")),
                None => return unsupported("curve not named".into()),
            }
        } else if *algorithm == oid_registry::OID_SIG_ED25519 {
            if bits.len() != 32 {
                return unsupported(format!("Ed25519 key of {} octets", bits.len()));
            }
            KeyKind::Ed25519
        } else if *algorithm == oid_registry::OID_PKCS1_RSAENCRYPTION {
            match spki.parsed() {
                Ok(X509Key::RSA(rsa)) => {
                    let leading = rsa.modulus.iter().take_while(|b| **b == 0).count();
                    let Some(first) = rsa.modulus.get(leading) else { return unsupported("RSA modulus 0".into()) };
                    let bits = (rsa.modulus.len() - leading) * 8 - first.leading_zeros() as usize;
                    KeyKind::Rsa(u32::try_from(bits).unwrap_or(u32::MAX))
                }
                _ => return unsupported("unreadable RSA key".into()),
            }
        } else {
            return unsupported(format!("key type {algorithm}"));
        };
        Ok(Self { kind, material: bits.to_vec(), spki: spki.raw.to_vec(), parsed: Parsed::new(kind, bits) })
    }

    /// Reads a bare `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(der).map_err(|e| CertificateError::NotDer(e.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateError::NotDer(format!("{} octets after the key", rest.len())));
        }
        Self::from_spki(&spki)
    }

    /// The key as AWS-LC takes it.
    pub(crate) fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key bits: uncompressed point, Ed25519 octets, or PKCS#1 `RSAPublicKey`.
    #[must_use]
    pub fn material(&self) -> &[u8] {
        &self.material
    }

    /// The whole `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}
