//! What can go wrong between two parties, as short texts that can go into a report.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

/// Longest error text kept, in bytes: a peer must not be able to fill a report.
const TEXT_MAX: usize = 400;

/// The step that did not end within the time allowed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// TCP connection establishment.
    Connect,
    /// TLS handshake.
    Handshake,
    /// Start of HTTP on the established TLS connection.
    Http,
    /// A request, until the last byte of its answer.
    Answer,
    /// The end of the connection.
    Close,
    /// A change of the address or of the connection id of a QUIC connection.
    Migrate,
    /// The negotiation of a QUIC version.
    Negotiation,
    /// A key update of a QUIC connection.
    KeyUpdate,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "TCP connection establishment",
            Self::Handshake => "TLS handshake",
            Self::Http => "start of HTTP",
            Self::Answer => "answer",
            Self::Close => "end of the connection",
            Self::Migrate => "change of address or connection id",
            Self::Negotiation => "version negotiation",
            Self::KeyUpdate => "key update",
        })
    }
}

/// A failure of the wire layer. All texts are bounded to a few hundred bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The settings of a party cannot work (unusable key, no such cipher suite, …); nothing was sent.
    #[error("unusable settings: {0}")]
    Settings(String),
    /// No TCP connection, or no socket.
    #[error("no connection: {0}")]
    Connect(String),
    /// The TLS handshake failed as seen by this side.
    #[error("TLS handshake failed: {text}")]
    Handshake {
        /// Name of the TLS alert the peer sent, such as `CertificateRequired`, if it sent one.
        alert: Option<String>,
        /// The error; contains the name of the alert.
        text: String,
    },
    /// The handshake ended well, and not with the TLS version or the HTTP version that was offered.
    #[error("not agreed on: {0}")]
    NotAgreed(String),
    /// The peer ended an established connection with a fatal TLS alert. In TLS 1.3 this is how a client learns that
    /// its certificate was refused, as its own handshake is over by then.
    #[error("refused by the peer with the TLS alert {alert}")]
    Refused {
        /// Name of the TLS alert, such as `CertificateRequired`.
        alert: String,
    },
    /// A step took longer than allowed.
    #[error("time is over: {0}")]
    Timeout(Stage),
    /// The connection is over another transport than the one that has what was asked for; nothing was done.
    #[error("only QUIC has that: {0}")]
    OnlyQuic(&'static str),
    /// The request cannot be written in HTTP as this layer sends it; nothing was sent.
    #[error("not expressible in HTTP: {0}")]
    NotExpressible(String),
    /// The peer ended the connection before any of an answer came, or said that it did not process the request: a client may
    /// send it again on another connection (RFC 9110 section 9.2.2, RFC 9113 section 8.7, RFC 9114 section 4.1.1).
    #[error("not processed: {why}")]
    NotProcessed {
        /// What ended it, in words.
        why: String,
        /// Whether the connection takes no more requests.
        ended: bool,
        /// Whether it ended by a reset, and not in good order.
        reset: bool,
    },
    /// HTTP, or the connection below it, failed.
    #[error("HTTP failed: {0}")]
    Http(String),
}

impl WireError {
    /// Name of the TLS alert that the peer sent (`CertificateRequired`, …), if that is what ended the connection.
    #[must_use]
    pub fn alert(&self) -> Option<&str> {
        match self {
            Self::Handshake { alert, .. } => alert.as_deref(),
            Self::Refused { alert } => Some(alert),
            _ => None,
        }
    }

    pub(super) fn handshake(error: &io::Error) -> Self {
        Self::Handshake { alert: alert_in(error), text: text(error) }
    }
}

/// The name of the TLS alert received, if that is what `error` reports.
pub(super) fn alert_in(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(format!("{alert:?}")),
        _ => None,
    }
}

/// `error` and its sources in one bounded line.
pub(super) fn text(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // io::Error and hyper often repeat the text of what they wrap.
        if !line.contains(&cause_text) {
            // Writing to a String cannot fail.
            let _ = write!(line, ": {cause_text}");
        }
        next = cause.source();
    }
    bounded(line)
}

fn bounded(mut line: String) -> String {
    if line.len() > TEXT_MAX {
        let mut end = TEXT_MAX;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    line
}
