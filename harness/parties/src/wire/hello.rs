//! ClientHellos that rustls does not send, and the first thing that a server says to them. Nothing follows.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::AlertDescription;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Boxed;
use super::error::{Stage, WireError, text};

/// A ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hello {
    /// Of a client that speaks TLS 1.0 at best.
    Tls10,
    /// Of a client that speaks TLS 1.1 at best.
    Tls11,
    /// Of TLS 1.2 and without the extension of the extended master secret (RFC 7627).
    Tls12WithoutExtendedMasterSecret,
}

/// What a server says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstFlight {
    /// An alert, by its name.
    Alert(String),
    /// Nothing that TLS knows; how it ended.
    Ended(String),
    /// It goes on.
    ServerHello {
        /// The version that it chose, as two octets.
        version: u16,
        /// Whether it has agreed on the extended master secret.
        extended_master_secret: bool,
    },
}

/// The number of the extension (RFC 7627 section 5.1).
const EXTENDED_MASTER_SECRET: u16 = 0x0017;
const SESSION_TICKET: u16 = 0x0023;
const PRE_SHARED_KEY: u16 = 0x0029;
const SUPPORTED_VERSIONS: u16 = 0x002b;
/// Longest record (RFC 5246 section 6.2.3).
const RECORD_MAX: usize = (1 << 14) + 2048;

/// Connects, sends the ClientHello for a server of that name, reads one record, and ends the connection.
///
/// # Errors
///
/// [`WireError::Connect`]; [`WireError::Timeout`] if the server says nothing.
pub fn greet(
    addr: SocketAddr,
    server_name: &str,
    hello: Hello,
    limit: Duration,
) -> Boxed<'_, Result<FirstFlight, WireError>> {
    Box::pin(greeted(addr, server_name, hello, limit))
}

async fn greeted(addr: SocketAddr, server_name: &str, hello: Hello, limit: Duration) -> Result<FirstFlight, WireError> {
    let exchange = async {
        let mut tcp = TcpStream::connect(addr).await.map_err(|error| WireError::Connect(text(&error)))?;
        let said = async {
            tcp.write_all(&hello.record(server_name)).await?;
            let mut head = [0_u8; 5];
            tcp.read_exact(&mut head).await?;
            let length = usize::from(u16::from_be_bytes([head[3], head[4]])).min(RECORD_MAX);
            let mut content = vec![0_u8; length];
            tcp.read_exact(&mut content).await?;
            Ok::<_, std::io::Error>((head[0], content))
        };
        Ok(match said.await {
            Ok((kind, content)) => {
                understood(kind, &content).unwrap_or_else(|| FirstFlight::Ended("with what is no TLS".to_owned()))
            }
            Err(error) => FirstFlight::Ended(text(&error)),
        })
    };
    timeout(limit, exchange).await.map_err(|_| WireError::Timeout(Stage::Handshake))?
}

fn understood(kind: u8, content: &[u8]) -> Option<FirstFlight> {
    match kind {
        21 => Some(FirstFlight::Alert(format!("{:?}", AlertDescription::from(*content.get(1)?)))),
        22 => server_hello(content),
        _ => None,
    }
}

/// RFC 5246 section 7.4.1.3.
fn server_hello(message: &[u8]) -> Option<FirstFlight> {
    let (&kind, _) = message.split_first()?;
    let rest = message.get(4..)?;
    let (version, rest) = two(rest)?;
    let rest = rest.get(32..)?;
    let (&session, rest) = rest.split_first()?;
    // Session, cipher suite, compression method.
    let mut rest = rest.get(usize::from(session) + 3..)?;
    let mut extended_master_secret = false;
    if let Some((_, mut extensions)) = two(rest) {
        while let Some((number, after)) = two(extensions) {
            let (length, after) = two(after)?;
            extended_master_secret |= number == EXTENDED_MASTER_SECRET;
            extensions = after.get(usize::from(length)..)?;
        }
        rest = extensions;
    }
    (kind == 2 && rest.is_empty()).then_some(FirstFlight::ServerHello { version, extended_master_secret })
}

fn two(octets: &[u8]) -> Option<(u16, &[u8])> {
    let (first, rest) = octets.split_first_chunk()?;
    Some((u16::from_be_bytes(*first), rest))
}

/// `content` behind its length in two octets.
fn counted(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), content].concat()
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &counted(content)].concat()
}

/// A handshake message in a record.
fn record(version: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let message = [&[kind, 0][..], &length, body].concat();
    [&[22][..], &version.to_be_bytes(), &counted(&message)].concat()
}

impl Hello {
    fn version(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12WithoutExtendedMasterSecret => 0x0303,
        }
    }

    fn record(self, server_name: &str) -> Vec<u8> {
        // ECDHE with AES in CBC or GCM, by ECDSA and RSA, and RSA alone.
        let suites: &[u8] = match self {
            Self::Tls10 | Self::Tls11 => &[0xc0, 0x09, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 0x00, 0x35],
            Self::Tls12WithoutExtendedMasterSecret => &[0xc0, 0x2b, 0xc0, 0x2c, 0xc0, 0x2f, 0xc0, 0x30],
        };
        let mut extensions = vec![
            // supported_groups: X25519 and secp256r1; ec_point_formats; renegotiation_info.
            extension(0x000a, &counted(&[0x00, 0x1d, 0x00, 0x17])),
            extension(0x000b, &[1, 0]),
            extension(0xff01, &[0]),
        ];
        // An address is no server name (RFC 6066 section 3).
        if server_name.parse::<IpAddr>().is_err() {
            let name = [&[0][..], &counted(server_name.as_bytes())].concat();
            extensions.insert(0, extension(0x0000, &counted(&name)));
        }
        if self == Self::Tls12WithoutExtendedMasterSecret {
            // signature_algorithms: ECDSA with P-256, PSS, PKCS #1 v1.5, all with SHA-256.
            extensions.push(extension(0x000d, &counted(&[0x04, 0x03, 0x08, 0x04, 0x04, 0x01])));
        }
        // Nothing is made secret with it, so the random value may be any.
        let body = [&self.version().to_be_bytes()[..], &[0x5a; 32], &[0], &counted(suites), &[1, 0]].concat();
        record(0x0301, 1, &[body, counted(&extensions.concat())].concat())
    }
}

/// The ServerHello of a server that takes a ClientHello of an old version; `None` if it is not of an old one, or not
/// there as far as its version.
pub(super) fn old_answer(client: &[u8]) -> Option<Vec<u8>> {
    // After the heads of record and message.
    let (version, _) = two(client.get(9..)?)?;
    let old = client.first() == Some(&22) && client.get(5) == Some(&1) && (0x0300..0x0303).contains(&version);
    let body = [&version.to_be_bytes()[..], &[0xa5; 32], &[0], &[0xc0, 0x09], &[0]].concat();
    old.then(|| record(version, 2, &body))
}

/// Whether a ClientHello, in one record, names a session of earlier: a pre-shared key (RFC 8446 section 4.2.11), a ticket
/// (RFC 5077 section 3.2), or, from a client that knows TLS 1.2 at best, a session id.
pub(super) fn resumes(client: &[u8]) -> bool {
    named_session(client).unwrap_or(false)
}

fn named_session(client: &[u8]) -> Option<bool> {
    // Heads of record and message, version, random value.
    let (&length, rest) = client.get(43..)?.split_first()?;
    let session = usize::from(length);
    let (suites, rest) = two(rest.get(session..)?)?;
    let (&methods, rest) = rest.get(usize::from(suites)..)?.split_first()?;
    let (_, mut extensions) = two(rest.get(usize::from(methods)..)?)?;
    let (mut tls13, mut named) = (false, false);
    while let Some((number, after)) = two(extensions) {
        let (length, after) = two(after)?;
        tls13 |= number == SUPPORTED_VERSIONS;
        named |= number == PRE_SHARED_KEY || (number == SESSION_TICKET && length > 0);
        extensions = after.get(usize::from(length)..)?;
    }
    Some(named || (!tls13 && session > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_earlier_is_found_by_ticket_key_or_number() {
        let hello = |session: &[u8], extensions: &[Vec<u8>]| {
            let session = [&[u8::try_from(session.len()).unwrap()][..], session].concat();
            let start = [&[3, 3][..], &[0x5a; 32], &session, &counted(&[0xc0, 0x2b]), &[1, 0]].concat();
            record(0x0301, 1, &[start, counted(&extensions.concat())].concat())
        };
        let tls13 = extension(SUPPORTED_VERSIONS, &[2, 3, 4]);
        assert!(!resumes(&hello(&[], &[extension(SESSION_TICKET, &[])])));
        assert!(resumes(&hello(&[], &[extension(SESSION_TICKET, &[7; 9])])));
        assert!(resumes(&hello(&[7; 32], &[])));
        // There the number is for middleboxes alone (RFC 8446 appendix D.4).
        assert!(!resumes(&hello(&[7; 32], std::slice::from_ref(&tls13))));
        assert!(resumes(&hello(&[7; 32], &[tls13, extension(PRE_SHARED_KEY, &[7; 9])])));
        let whole = hello(&[7; 32], &[]);
        assert!((0..whole.len()).all(|n| !resumes(&whole[..n])));
    }

    #[test]
    fn hellos_have_their_versions_and_answers_are_read() {
        let right = Hello::Tls12WithoutExtendedMasterSecret;
        assert_eq!(old_answer(&right.record("localhost")), None);
        for (hello, version) in [(Hello::Tls10, 0x0301), (Hello::Tls11, 0x0302)] {
            let answer = old_answer(&hello.record("localhost")).into_iter().flatten().collect::<Vec<_>>();
            let seen = understood(answer[0], &answer[5..]);
            assert_eq!(seen, Some(FirstFlight::ServerHello { version, extended_master_secret: false }));
        }
        let with = [&[0x03, 0x03][..], &[0; 32], &[0, 0xc0, 0x2b, 0], &counted(&extension(23, &[]))].concat();
        let seen = understood(22, &record(0x0303, 2, &with)[5..]);
        assert_eq!(seen, Some(FirstFlight::ServerHello { version: 0x0303, extended_master_secret: true }));
        assert_eq!(understood(21, &[2, 70]), Some(FirstFlight::Alert("ProtocolVersion".to_owned())));
        assert_eq!(understood(22, &[2, 0, 0]), None);
    }
}
