//! HTTP/3 (RFC 9114) over QUIC version 1 (RFC 9000), for both sides.
//!
//! Where QUIC is different from TLS over TCP:
//! - A connection is told apart by its connection ids and by nothing else: the client's address may change. No value of
//!   the library stands for a connection here; quinn's `stable_id` is an address of memory, which comes again.
//! - There is one exporter, that of TLS 1.3, and it has no "no context": a request without one is exported with a
//!   zero-length one, which gives the same value (RFC 8446 section 7.5).
//! - 0-RTT is off. A server takes exporter values and certificate when the handshake is complete, which is after it has
//!   verified the client's certificate.
//! - There is no FIN and no RST. A connection ends with a CONNECTION_CLOSE frame, or in silence.

mod client;
mod negotiation;
mod phases;
mod requests;
mod server;
mod session;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, IdleTimeout, TransportConfig, VarInt};
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, HandshakeKind};

use super::error::{WireError, text};
use super::tls::{Alpn, Established, ExporterRequest, Kind, Version};
use session::Agreed;

pub(super) use client::{Connected, Link, client_config, connect};
pub(super) use phases::Phases;
pub(super) use requests::Requests;
pub(super) use server::{Settings, server_settings};
pub use server::{serve_quic, serve_quic_at};

/// H3_NO_ERROR (RFC 9114 section 8.1): the end of a connection that had no error.
const NO_ERROR: VarInt = VarInt::from_u32(0x100);

/// Streams of one direction that a peer may open: HTTP/3 needs three, and some peers open one of an unknown kind.
const ONE_WAY_STREAMS: VarInt = VarInt::from_u32(8);

/// What both sides have in common: an end after `idle` without a packet, and nothing that goes out of its own accord.
fn transport(idle: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).unwrap_or(IdleTimeout::from(VarInt::MAX))))
        .max_concurrent_uni_streams(ONE_WAY_STREAMS)
        .datagram_receive_buffer_size(None)
        .mtu_discovery_config(None);
    transport
}

/// What is known of a connection whose handshake is complete on this side.
fn established(conn: &quinn::Connection, exporters: &[ExporterRequest]) -> Result<Established, WireError> {
    let failed = |text: &str| WireError::Handshake { alert: None, text: text.to_owned() };
    let agreed = agreed(conn).ok_or_else(|| failed("the handshake is not complete"))?;
    let kind = match agreed.kind {
        Some(HandshakeKind::Full) => Kind::Full,
        Some(HandshakeKind::FullWithHelloRetryRequest) => Kind::HelloRetry,
        Some(HandshakeKind::Resumed) => Kind::Resumed,
        None => return Err(failed("the handshake is not complete")),
    };
    if agreed.alpn.as_deref() != Some(Alpn::Http3.identifier()) {
        return Err(WireError::NotAgreed("the application protocol h3 was offered by ALPN, and not taken".to_owned()));
    }
    let peer = conn.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    Ok(Established {
        version: Version::Tls13,
        alpn: Some(Alpn::Http3),
        suite: agreed.suite.map(|suite| format!("{suite:?}")).unwrap_or_default(),
        kind,
        exports: export_all(conn, exporters).ok_or_else(|| failed("the exporter gives no value"))?,
        peer_certificates: peer.map(|chain| *chain).unwrap_or_default(),
        early_data: false,
    })
}

fn agreed(conn: &quinn::Connection) -> Option<Agreed> {
    conn.handshake_data().and_then(|data| data.downcast::<Agreed>().ok()).map(|agreed| *agreed)
}

/// Takes the values of all `requests`, by name; `None` for a length of 0 or beyond what the key schedule can give.
fn export_all(conn: &quinn::Connection, requests: &[ExporterRequest]) -> Option<Vec<(&'static str, Vec<u8>)>> {
    let export = |request: &ExporterRequest| {
        let mut value = vec![0_u8; request.length];
        conn.export_keying_material(&mut value, request.label, request.context.unwrap_or_default()).ok()?;
        Some((request.name, value))
    };
    requests.iter().map(export).collect()
}

/// The name of the TLS alert with which the peer ended the connection, if that is how it ended.
fn alert_in(error: &ConnectionError) -> Option<String> {
    let ConnectionError::ConnectionClosed(close) = error else { return None };
    // CRYPTO_ERROR: RFC 9001 section 4.8.
    let alert = u64::from(close.error_code).checked_sub(0x100)?;
    Some(format!("{:?}", AlertDescription::from(u8::try_from(alert).ok()?)))
}

/// A failure of the handshake as this side sees it.
fn handshake_failure(error: &ConnectionError) -> WireError {
    let text = match error {
        // What rustls says, without quinn's words for any error of the handshake.
        ConnectionError::TransportError(own) if !own.reason.is_empty() => own.reason.clone(),
        other => text(other),
    };
    WireError::Handshake { alert: alert_in(error), text }
}

/// QUIC version 1 and nothing else.
fn endpoint_config() -> quinn::EndpointConfig {
    let mut config = quinn::EndpointConfig::default();
    config.supported_versions(vec![session::QUIC_V1]);
    config
}

/// A new endpoint on a socket of its own.
fn endpoint(
    socket: Arc<dyn quinn::AsyncUdpSocket>,
    server: Option<quinn::ServerConfig>,
) -> std::io::Result<quinn::Endpoint> {
    let runtime = Arc::new(quinn::TokioRuntime);
    quinn::Endpoint::new_with_abstract_socket(endpoint_config(), server, socket, runtime)
}
