//! How much a server takes from a client.

use std::time::Duration;

/// What a server allows its clients. Whoever goes beyond a limit is cut off or gets an answer with a 4xx status.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time to receive the head of an HTTP/1.1 request, waiting for its first byte included; time to answer a ping on
    /// an idle HTTP/2 connection; time without any packet on a QUIC connection, whose peer is pinged meanwhile.
    pub idle: Duration,
    /// Time to receive the content of a request.
    pub content: Duration,
    /// Longest life of a connection.
    pub lifetime: Duration,
    /// Longest head of a request, in bytes; at least 8192.
    pub head_bytes: usize,
    /// Most fields in an HTTP/1.1 request.
    pub field_count: usize,
    /// Longest content of a request, in bytes.
    pub content_bytes: usize,
    /// Most connections at a time, those in their handshake included.
    pub connections: usize,
    /// Most parallel requests on an HTTP/2 or HTTP/3 connection.
    pub streams: u32,
    /// Most sessions kept for resumption.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            content: Duration::from_secs(10),
            lifetime: Duration::from_secs(600),
            head_bytes: 64 * 1024,
            field_count: 100,
            content_bytes: 64 * 1024,
            connections: 256,
            streams: 100,
            sessions: 1024,
        }
    }
}
