//! TLS over TCP, or QUIC, and HTTP between a client and a server on the loopback interface, with the values of the TLS
//! exporter (RFC 5705, RFC 8446 section 7.5) of every connection on both sides.
//!
//! The layer knows nothing of tokens or proofs. A server hands each request to a [`Service`]; a client sends
//! [`OutgoingRequest`]s over a [`Connection`]. Everything a play must be able to do to a connection is here: key
//! updates, resumption, a HelloRetryRequest, a fixed source port, a change of address or connection id where QUIC is
//! spoken, and four ways of ending it. What no HTTP library would send goes over a raw connection.

use std::pin::Pin;

mod client;
mod connection;
mod error;
mod exchange;
mod habit;
mod hello;
mod limits;
mod manner;
mod quic;
mod raw;
mod registry;
mod rekey;
mod respond;
mod server;
mod service;
mod stream;
mod tls;

/// What is to be awaited. Boxed, and made by functions that are not `async` themselves, so that all of HTTP and QUIC that it
/// runs through is compiled here, once, and not in whatever crate awaits it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub use client::{ClientSettings, ClientTls, ConnectOptions, connect};
pub use connection::{Connection, Sender};
pub use error::{Stage, WireError};
pub use exchange::{ANSWER_BODY_MAX, Answer, OutgoingRequest};
pub use habit::Habit;
pub use hello::{FirstFlight, Hello, greet};
pub use limits::Limits;
pub use manner::{Instead, Manner};
pub use quic::{serve_quic, serve_quic_at};
pub use raw::{Content, Heard, Pace, RawRequest};
pub use rekey::Rekeyer;
pub use respond::{authority_of, path_of};
pub use server::{Prepared, Server, ServerConfig, prepare, serve, serve_at};
pub use service::{Incoming, Outgoing, Service};
pub use stream::{How, Rekeying};
pub use tls::{Alpn, Established, ExporterRequest, Identity, Kind, PrivateKey, Version, export};
