//! What both sides of a TLS connection have in common: versions, identities, and what is known after the handshake.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{CipherSuite, ConnectionCommon, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion};

use super::error::{WireError, text};

/// A protocol version the suite speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// TLS 1.2 (RFC 5246), always with the extended master secret (RFC 7627).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    pub(super) fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// An application protocol as negotiated with ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `http/1.1`
    Http1,
    /// `h2`
    Http2,
    /// `h3`, over QUIC
    Http3,
}

impl Alpn {
    /// The protocol identifier as sent in the ALPN extension.
    #[must_use]
    pub fn identifier(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
            Self::Http3 => b"h3",
        }
    }
}

/// How the keys of a connection were agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A full handshake.
    Full,
    /// A full TLS 1.3 handshake with a HelloRetryRequest (RFC 8446 section 4.1.4).
    HelloRetry,
    /// A resumed session.
    Resumed,
}

/// A certificate chain and the private key of its first certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The end-entity certificate first, then its issuers as they are to be sent.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the end-entity certificate.
    pub key: PrivateKey,
}

/// What signs in a handshake.
#[derive(Debug)]
pub enum PrivateKey {
    /// A key that AWS-LC reads; it has to fit the certificate.
    Der(PrivateKeyDer<'static>),
    /// Anything that signs. Whether it fits the certificate is for the peer to find out.
    Own(Arc<dyn SigningKey>),
}

impl From<PrivatePkcs8KeyDer<'static>> for PrivateKey {
    fn from(key: PrivatePkcs8KeyDer<'static>) -> Self {
        Self::Der(key.into())
    }
}

impl Clone for PrivateKey {
    fn clone(&self) -> Self {
        match self {
            Self::Der(key) => Self::Der(key.clone_key()),
            Self::Own(key) => Self::Own(Arc::clone(key)),
        }
    }
}

impl Identity {
    /// In the form that rustls takes.
    pub(super) fn certified(self, provider: &CryptoProvider) -> Result<CertifiedKey, rustls::Error> {
        match self.key {
            PrivateKey::Der(key) => CertifiedKey::from_der(self.chain, key, provider),
            PrivateKey::Own(key) => Ok(CertifiedKey::new(self.chain, key)),
        }
    }

    /// The bare public key in the place of the certificates (RFC 7250).
    pub(super) fn raw_public_key(self, provider: &CryptoProvider) -> Result<CertifiedKey, rustls::Error> {
        let certified = self.certified(provider)?;
        let unknown = || rustls::Error::General("the key does not tell its public half".to_owned());
        let spki = certified.key.public_key().ok_or_else(unknown)?;
        Ok(CertifiedKey::new(vec![CertificateDer::from(spki.to_vec())], certified.key))
    }
}

/// One value to take from the exporter of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExporterRequest {
    /// What the value is called in [`Established::exports`].
    pub name: &'static str,
    /// The exporter label, as registered with IANA.
    pub label: &'static [u8],
    /// The context value. `None` and `Some(b"")` give the same value in TLS 1.3 and two different ones in TLS 1.2
    /// (RFC 5705 section 4). QUIC has TLS 1.3 and no absent context: `None` is exported as a zero-length one.
    pub context: Option<&'static [u8]>,
    /// Length of the value in bytes; at least 1.
    pub length: usize,
}

/// Takes one value from the exporter of a connection whose handshake is complete. A tokio-rustls stream of either side
/// offers its connection as `stream.get_ref().1`.
///
/// # Errors
///
/// Fails when the handshake is not complete, or for a length of 0 or beyond what the key schedule can give.
pub fn export<Side>(conn: &ConnectionCommon<Side>, request: &ExporterRequest) -> Result<Vec<u8>, rustls::Error> {
    conn.export_keying_material(vec![0_u8; request.length], request.label, request.context)
}

/// Takes the values of all `requests`, by name.
pub(super) fn export_all<Side>(
    conn: &ConnectionCommon<Side>,
    requests: &[ExporterRequest],
) -> Result<Vec<(&'static str, Vec<u8>)>, rustls::Error> {
    requests.iter().map(|request| Ok((request.name, export(conn, request)?))).collect()
}

/// What one side knows of a connection when its handshake is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The version in use.
    pub version: Version,
    /// The application protocol agreed on; `None` if the client offered none.
    pub alpn: Option<Alpn>,
    /// Name of the cipher suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub suite: String,
    /// How the keys were agreed on.
    pub kind: Kind,
    /// The exporter values asked for, by [`ExporterRequest::name`], in the order of the requests.
    pub exports: Vec<(&'static str, Vec<u8>)>,
    /// What the peer authenticated with, end-entity certificate first; in a resumed session what it authenticated with
    /// in the handshake of that session. Empty if it did not.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// Whether early data was accepted. Over QUIC there is none.
    pub early_data: bool,
}

impl Established {
    /// Nothing yet, of a connection whose client sends early data.
    pub(super) fn nothing_yet() -> Self {
        Self {
            version: Version::Tls13,
            alpn: None,
            suite: String::new(),
            kind: Kind::Resumed,
            exports: Vec::new(),
            peer_certificates: Vec::new(),
            early_data: false,
        }
    }

    /// The exporter value called `name`.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<&[u8]> {
        self.exports.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }

    pub(super) fn of<Side>(conn: &ConnectionCommon<Side>, requests: &[ExporterRequest]) -> Result<Self, WireError> {
        let failed = |text: String| WireError::Handshake { alert: None, text };
        let version = match conn.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
            Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
            other => return Err(failed(format!("unexpected protocol version {other:?}"))),
        };
        let kind = match conn.handshake_kind() {
            Some(HandshakeKind::Full) => Kind::Full,
            Some(HandshakeKind::FullWithHelloRetryRequest) => Kind::HelloRetry,
            Some(HandshakeKind::Resumed) => Kind::Resumed,
            None => return Err(failed("the handshake is not complete".to_owned())),
        };
        let alpn = match conn.alpn_protocol() {
            None => None,
            Some(b"http/1.1") => Some(Alpn::Http1),
            Some(b"h2") => Some(Alpn::Http2),
            Some(_) => return Err(failed("an application protocol that was not offered".to_owned())),
        };
        let suite = conn.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
        let exports = export_all(conn, requests).map_err(|error| failed(text(&error)))?;
        let peer_certificates = conn.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        Ok(Self { version, alpn, suite, kind, exports, peer_certificates, early_data: false })
    }
}

/// The cryptography of one side: the given key-exchange groups, most preferred first, and, if `suite` is given, only
/// that cipher suite.
pub(super) fn provider(
    groups: Vec<&'static dyn SupportedKxGroup>,
    suite: Option<CipherSuite>,
) -> Result<Arc<CryptoProvider>, WireError> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = groups;
    if let Some(wanted) = suite {
        provider.cipher_suites.retain(|known| known.suite() == wanted);
        if provider.cipher_suites.is_empty() {
            return Err(WireError::Settings(format!("the cipher suite {wanted:?} is not available")));
        }
    }
    Ok(Arc::new(provider))
}

/// A root store that holds exactly `roots`.
pub(super) fn root_store(roots: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, WireError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(|error| WireError::Settings(text(&error)))?;
    }
    Ok(Arc::new(store))
}
