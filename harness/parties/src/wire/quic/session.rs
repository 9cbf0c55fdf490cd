//! The TLS session of a QUIC connection (RFC 9001).
//!
//! quinn's own session tells neither the cipher suite nor whether a session was resumed, and does not say how often keys
//! were updated. This one tells; otherwise it does the same.

use std::any::Any;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::crypto::{
    ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session,
    UnsupportedVersion,
};
use quinn::{ConnectError, ConnectionId, Side, TransportErrorCode};
use quinn_proto::TransportError;
use quinn_proto::transport_parameters::TransportParameters;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::quic::{ClientConnection, Connection, KeyChange, Secrets, ServerConnection, Suite, Version};
use rustls::{CipherSuite, HandshakeKind};

use crate::wire::error::{WireError, text};

/// QUIC version 1 (RFC 9000), the only one that is spoken here.
pub(super) const QUIC_V1: u32 = 1;

/// What TLS agreed on, as far as the handshake has come. It is what `handshake_data` of a quinn connection holds.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) suite: Option<CipherSuite>,
    pub(super) kind: Option<HandshakeKind>,
    /// How often keys for another phase were derived; the first time is the handshake.
    pub(super) phases: Arc<AtomicUsize>,
}

struct TlsSession {
    inner: Connection,
    initial: Suite,
    next_secrets: Option<Secrets>,
    ready: bool,
    phases: Arc<AtomicUsize>,
}

impl TlsSession {
    fn boxed(inner: Connection, initial: Suite) -> Box<dyn Session> {
        Box::new(Self { inner, initial, next_secrets: None, ready: false, phases: Arc::default() })
    }

    fn side(&self) -> Side {
        match self.inner {
            Connection::Client(_) => Side::Client,
            Connection::Server(_) => Side::Server,
        }
    }
}

impl Session for TlsSession {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        let side = match side {
            Side::Client => rustls::Side::Client,
            Side::Server => rustls::Side::Server,
        };
        keys(self.initial.keys(dst_cid, side, Version::V1))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.ready.then(|| -> Box<dyn Any> {
            Box::new(Agreed {
                alpn: self.inner.alpn_protocol().map(<[u8]>::to_vec),
                suite: self.inner.negotiated_cipher_suite().map(|suite| suite.suite()),
                kind: self.inner.handshake_kind(),
                phases: Arc::clone(&self.phases),
            })
        })
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let chain = self.inner.peer_certificates()?;
        let chain: Vec<CertificateDer<'static>> = chain.iter().map(|der| der.clone().into_owned()).collect();
        Some(Box::new(chain))
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        let keys = self.inner.zero_rtt_keys()?;
        Some((Box::new(keys.header), Box::new(keys.packet)))
    }

    fn early_data_accepted(&self) -> Option<bool> {
        match &self.inner {
            Connection::Client(client) => Some(client.is_early_data_accepted()),
            Connection::Server(_) => None,
        }
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_hs(buf).map_err(|error| {
            let alert = self.inner.alert().map(|alert| TransportErrorCode::crypto(alert.into()));
            let code = alert.unwrap_or(TransportErrorCode::PROTOCOL_VIOLATION);
            TransportError { code, frame: None, reason: text(&error) }
        })?;
        // QUIC demands an application protocol, so there is one as soon as the other side's offer or choice was read.
        let first = !self.ready && (self.inner.alpn_protocol().is_some() || !self.inner.is_handshaking());
        self.ready |= first;
        Ok(first)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Some(encoded) = self.inner.quic_transport_parameters() else { return Ok(None) };
        Ok(Some(TransportParameters::read(self.side(), &mut Cursor::new(encoded))?))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        Some(keys(match self.inner.write_hs(buf)? {
            KeyChange::Handshake { keys } => keys,
            KeyChange::OneRtt { keys, next } => {
                self.next_secrets = Some(next);
                keys
            }
        }))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.next_secrets.as_mut()?.next_packet_keys();
        self.phases.fetch_add(1, Ordering::SeqCst);
        Some(KeyPair { local: Box::new(keys.local), remote: Box::new(keys.remote) })
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        // RFC 9001 section 5.8: the tag at the end authenticates the original id, the header and what precedes the tag.
        const KEY: [u8; 16] =
            [0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e];
        const NONCE: [u8; 12] = [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb];
        let Some(tag_start) = payload.len().checked_sub(16) else { return false };
        let Ok(length) = u8::try_from(orig_dst_cid.len()) else { return false };
        let Ok(key) = UnboundKey::new(&AES_128_GCM, &KEY) else { return false };
        let authentic = [&[length], &orig_dst_cid[..], header, &payload[..tag_start]].concat();
        let mut tag = payload[tag_start..].to_vec();
        let nonce = Nonce::assume_unique_for_key(NONCE);
        LessSafeKey::new(key).open_in_place(nonce, Aad::from(authentic), &mut tag).is_ok()
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        // rustls refuses before the handshake is complete and never gives an early exporter value here.
        let exported = self.inner.export_keying_material(output, label, Some(context));
        exported.map(|_| ()).map_err(|_| ExportKeyingMaterialError)
    }
}

fn keys(keys: rustls::quic::Keys) -> Keys {
    Keys {
        header: KeyPair { local: Box::new(keys.local.header), remote: Box::new(keys.remote.header) },
        packet: KeyPair { local: Box::new(keys.local.packet), remote: Box::new(keys.remote.packet) },
    }
}

/// The suite that protects the first packets, whatever TLS agrees on later (RFC 9001 section 5.2).
fn initial_suite() -> Result<Suite, WireError> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite());
    suite.ok_or_else(|| WireError::Settings("the cipher suite of QUIC's first packets is not available".to_owned()))
}

/// A client's TLS for quinn.
pub(super) struct ClientCrypto {
    tls: Arc<rustls::ClientConfig>,
    initial: Suite,
}

impl ClientCrypto {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Result<Self, WireError> {
        Ok(Self { tls, initial: initial_suite()? })
    }
}

impl ClientConfig for ClientCrypto {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        if version != QUIC_V1 {
            return Err(ConnectError::UnsupportedVersion);
        }
        let name = ServerName::try_from(server_name.to_owned());
        let name = name.map_err(|_| ConnectError::InvalidServerName(server_name.to_owned()))?;
        let session = ClientConnection::new(Arc::clone(&self.tls), Version::V1, name, encoded(params));
        // The settings are for TLS 1.3 with suites fit for QUIC, which is all that can be wrong here.
        let session = session.map_err(|_| ConnectError::UnsupportedVersion)?;
        Ok(TlsSession::boxed(session.into(), self.initial))
    }
}

/// A server's TLS for quinn.
pub(super) struct ServerCrypto {
    tls: Arc<rustls::ServerConfig>,
    initial: Suite,
    /// Does what needs no session of ours.
    plain: Arc<QuicServerConfig>,
}

impl ServerCrypto {
    pub(super) fn new(tls: Arc<rustls::ServerConfig>) -> Result<Self, WireError> {
        let initial = initial_suite()?;
        let plain = QuicServerConfig::with_initial(Arc::clone(&tls), initial);
        let plain = Arc::new(plain.map_err(|error| WireError::Settings(text(&error)))?);
        Ok(Self { tls, initial, plain })
    }
}

impl ServerConfig for ServerCrypto {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        if version != QUIC_V1 {
            return Err(UnsupportedVersion);
        }
        self.plain.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.plain.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, params: &TransportParameters) -> Box<dyn Session> {
        match ServerConnection::new(Arc::clone(&self.tls), Version::V1, encoded(params)) {
            Ok(session) => TlsSession::boxed(session.into(), self.initial),
            // Settings that rustls refuses for QUIC; they are made in this module, so there are none.
            Err(_) => Arc::clone(&self.plain).start_session(version, params),
        }
    }
}

fn encoded(params: &TransportParameters) -> Vec<u8> {
    let mut bytes = Vec::new();
    params.write(&mut bytes);
    bytes
}
