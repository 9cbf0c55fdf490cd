//! What a server does with connections and requests.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::manner::Manner;
use super::tls::Established;

/// The part of a server above HTTP. Called from many connections at once.
pub trait Service: Send + Sync + 'static {
    /// What the service keeps for each connection.
    type Connection: Send + Sync + 'static;

    /// A connection has been established, `peer` being the client's address; over QUIC that may change later.
    fn opened(&self, established: &Established, peer: SocketAddr) -> Self::Connection;

    /// Answers a request that was received whole. Over HTTP/2 and HTTP/3 the requests of one connection
    /// may come in parallel.
    fn request(&self, connection: &Self::Connection, request: Incoming) -> Outgoing;

    /// Answers a request by its head as the HTTP library has it, before anything of it is copied; what it does not answer
    /// goes to [`request`](Self::request). For servers of which each microsecond is counted.
    fn head(&self, connection: &Self::Connection, head: &http::request::Parts) -> Option<Outgoing> {
        let _ = (connection, head);
        None
    }

    /// A connection has ended. Called exactly once for each call of [`opened`](Self::opened), after the last request of
    /// that connection, however the connection ended, also when the server itself ends.
    fn closed(&self, connection: &Self::Connection);

    /// A TLS handshake failed; there is no connection. `error` has a bounded length.
    fn handshake_failed(&self, error: &str) {
        let _ = error;
    }
}

/// A service, whatever it keeps for its connections: what serves it is compiled once, and not once for each service.
pub(super) trait AnyService: Send + Sync {
    fn open(self: Arc<Self>, established: &Established, peer: SocketAddr) -> Box<dyn AnyConnection>;

    fn failed(&self, error: &str);
}

/// A connection with its service, which is told of the end when this is dropped.
pub(super) trait AnyConnection: Send + Sync {
    fn head(&self, head: &http::request::Parts) -> Option<Outgoing>;

    fn request(&self, request: Incoming) -> Outgoing;
}

struct Opened<S: Service> {
    service: Arc<S>,
    connection: S::Connection,
}

impl<S: Service> AnyService for S {
    fn open(self: Arc<Self>, established: &Established, peer: SocketAddr) -> Box<dyn AnyConnection> {
        let connection = self.opened(established, peer);
        Box::new(Opened { service: self, connection })
    }

    fn failed(&self, error: &str) {
        self.handshake_failed(error);
    }
}

impl<S: Service> AnyConnection for Opened<S> {
    fn head(&self, head: &http::request::Parts) -> Option<Outgoing> {
        self.service.head(&self.connection, head)
    }

    fn request(&self, request: Incoming) -> Outgoing {
        self.service.request(&self.connection, request)
    }
}

impl<S: Service> Drop for Opened<S> {
    fn drop(&mut self) {
        self.service.closed(&self.connection);
    }
}

/// A request as a server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The method, such as `GET`.
    pub method: String,
    /// Whether the request says that its scheme is `https`: HTTP/2 and HTTP/3 in `:scheme`, an HTTP/1.1 request in the absolute
    /// form in its target. A request in the origin form has the scheme of its connection, which is `https`.
    pub scheme_is_https: bool,
    /// HTTP/2 and HTTP/3: `:authority`. HTTP/1.1: the authority of a target in the absolute form, else the value of the Host
    /// field if there is exactly one and it is visible ASCII.
    pub authority: Option<String>,
    /// The path, with the query after `?` if there is one.
    pub path_and_query: String,
    /// Names in lower case and values as received, without leading and trailing white space in HTTP/1.1. Fields of the
    /// same name are separate and in order of arrival, and stand where the first of them stood.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content, not longer than the limit of the server.
    pub body: Bytes,
    /// The fields of the trailer section, as `fields`.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The status code, 101 or 200..=599; 101 ends HTTP on an HTTP/1.1 connection, and the connection with it.
    pub status: u16,
    /// Names and values. `Connection: close` ends the connection after the answer, in every version of HTTP. If one of them cannot be written in HTTP, the client gets an empty answer with status 500.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content.
    pub body: Bytes,
    /// How it goes out.
    pub manner: Manner,
}
