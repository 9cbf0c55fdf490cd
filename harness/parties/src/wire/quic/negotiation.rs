//! Version negotiation (RFC 9000 section 6), asked for on purpose.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::time::{Duration, timeout};

use super::session::QUIC_V1;
use crate::wire::error::{Stage, WireError, text};

/// A version that nobody speaks (RFC 9000 section 15).
const RESERVED: u32 = 0x1a2a_3a4a;
/// Smallest first datagram of a client (RFC 9000 section 14.1).
const DATAGRAM: usize = 1200;
/// Ids of no meaning; the answer has them the other way round.
const DESTINATION: [u8; 8] = [0xd5; 8];
const SOURCE: [u8; 8] = [0x5c; 8];
/// Time for the answer, on loopback.
const WAIT: Duration = Duration::from_secs(2);

/// Sends a packet of another version and waits for the Version Negotiation packet, which has to offer version 1.
///
/// # Errors
///
/// [`WireError::Timeout`] if none comes; [`WireError::Handshake`] if it does not offer version 1.
pub(super) async fn negotiate(socket: &UdpSocket, addr: SocketAddr) -> Result<(), WireError> {
    let failed = |error: std::io::Error| WireError::Connect(text(&error));
    let mut packet = [&[0xc0][..], &RESERVED.to_be_bytes(), &[8], &DESTINATION, &[8], &SOURCE].concat();
    packet.resize(DATAGRAM, 0);
    socket.send_to(&packet, addr).await.map_err(failed)?;
    let mut answer = [0_u8; DATAGRAM];
    let received = timeout(WAIT, socket.recv_from(&mut answer)).await;
    let (length, _) = received.map_err(|_| WireError::Timeout(Stage::Negotiation))?.map_err(failed)?;
    let offered = versions(answer.get(..length).unwrap_or_default());
    if offered.is_some_and(|offered| offered.contains(&QUIC_V1)) {
        return Ok(());
    }
    let text = "what came is no Version Negotiation packet that offers version 1".to_owned();
    Err(WireError::Handshake { alert: None, text })
}

/// The versions of a Version Negotiation packet that answers ours (RFC 9000 section 17.2.1).
fn versions(packet: &[u8]) -> Option<Vec<u32>> {
    let (&first, rest) = packet.split_first()?;
    let rest = rest.strip_prefix(&[0; 4][..]).filter(|_| first >= 0x80)?;
    let rest = rest.strip_prefix(&[&[8][..], &SOURCE].concat()[..])?;
    let rest = rest.strip_prefix(&[&[8][..], &DESTINATION].concat()[..])?;
    let (versions, odd) = rest.as_chunks::<4>();
    odd.is_empty().then(|| versions.iter().map(|version| u32::from_be_bytes(*version)).collect())
}
