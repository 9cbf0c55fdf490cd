//! A resource server: the guard of `binding` behind real TLS and HTTP.
//!
//! What it decides on its own, where the draft or the libraries leave a choice:
//! - The certificate is the one that rustls reports for the connection; on a resumed session that is the one of the
//!   first handshake. A proof must be signed with that key, so a client that resumed with another key is refused.
//! - A connection has a number of its own that is never given twice; neither address nor TLS identifiers count.
//! - HTTP/2 has its authority in `:authority`, HTTP/1.1 in Host; forwarding fields are not looked at.
//! - A token without `tls_exp` is accepted without a proof (RFC 8705, or plain bearer): whoever is bound is bound by the
//!   token. A proof that comes all the same must be right.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use ekmcheck_binding::{
    cache::ConnectionId,
    certificate::Certificate,
    digest::Thumbprint,
    exporter::ExporterValue,
    guard::{Connection, Guard, Policy, Request},
    refusal::{Check, WireAnswer},
    steps::{ByTheDraft, Steps},
    target::Target,
};
use ekmcheck_forge::recipe::{ExporterCall, Exporters};
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    tokens::Tokens,
    wire::{Established, ExporterRequest, Incoming, Outgoing, Service},
};

/// How a server behaves beyond its steps. The defaults are right.
pub trait Behaviour: Steps + 'static {
    /// A connection is open; it exports all values of [`Exporters::CALLS`], `port` is the client's.
    fn note_opened(&self, id: ConnectionId, established: &Established, port: u16) {
        let _ = (id, established, port);
    }

    /// Which certificate of the client's chain counts.
    fn certificate_of<'a>(&self, chain: &'a [CertificateDer<'static>]) -> Option<&'a CertificateDer<'static>> {
        chain.first()
    }

    /// Whether requests are answered where the client has no certificate that can be read.
    fn serves_nobody(&self) -> bool {
        false
    }

    /// A connection has ended.
    fn note_closed(&self, id: ConnectionId) {
        let _ = id;
    }

    /// Which exporter value the server takes for its own.
    fn exporter(&self) -> &'static str {
        Exporters::RIGHT
    }

    /// The connection that a request is taken to have come on.
    fn connection_for(&self, connection: &Connection, request: &Incoming) -> Option<Connection> {
        let _ = (connection, request);
        None
    }

    /// Whether a refusal by that check is forgotten about.
    fn swallows(&self, check: Check) -> bool {
        let _ = check;
        false
    }

    /// The `WWW-Authenticate` value; `None` for no such field.
    fn challenge(&self, answer: &WireAnswer) -> Option<String> {
        Some(answer.challenge())
    }
}

impl Behaviour for ByTheDraft {}

/// What the server saw, for the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// A connection, with the client's address, the thumbprint of its certificate and the right exporter value.
    Opened {
        /// Address and port.
        peer: SocketAddr,
        /// base64url; empty if there is none.
        certificate: String,
        /// 32 octets.
        exporter: Vec<u8>,
    },
    /// A decision on a request: the check that refused, `None` for acceptance.
    Decided {
        /// Address and port of the client.
        peer: SocketAddr,
        /// The check.
        refused_by: Option<Check>,
    },
}

/// A resource server.
pub struct ResourceServer<B: Behaviour> {
    guard: Guard<B>,
    tokens: Tokens,
    clock: Clock,
    next: AtomicU64,
    sights: Mutex<Vec<Sight>>,
    settled: watch::Sender<usize>,
}

/// A connection of the resource server.
pub struct Open {
    peer: SocketAddr,
    /// `None` if the certificate has a key that no proof fits, or is missing: every request is then refused.
    binding: Option<Connection>,
}

impl<B: Behaviour> ResourceServer<B> {
    /// A server with nothing open.
    #[must_use]
    pub fn new(behaviour: B, tokens: Tokens, clock: Clock, policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            guard: Guard::new(behaviour, policy),
            tokens,
            clock,
            next: AtomicU64::new(1),
            sights: Mutex::default(),
            settled: watch::Sender::new(0),
        })
    }

    /// Takes what was seen since the last call.
    #[must_use]
    pub fn take_sights(&self) -> Vec<Sight> {
        std::mem::take(&mut self.sights.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until so many connections were established or failed in all.
    pub async fn settled(&self, connections: usize) {
        // The sender lives as long as the server does, so there is no error to see.
        let _ = self.settled.subscribe().wait_for(|n| *n >= connections).await;
    }

    fn see(&self, sight: Sight) {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).push(sight);
    }
}

impl<B: Behaviour> Service for ResourceServer<B> {
    type Connection = Open;

    fn opened(&self, established: &Established, peer: SocketAddr) -> Open {
        let exporters = exporters_of(established);
        let chain = &established.peer_certificates;
        self.see(Sight::Opened {
            peer,
            certificate: chain.first().map(|der| Thumbprint::of_der(der).to_string()).unwrap_or_default(),
            exporter: exporters.right().to_vec(),
        });
        let certificate = self.guard.steps().certificate_of(chain).and_then(|der| Certificate::from_der(der).ok());
        let own: Result<[u8; 32], _> = exporters.get(self.guard.steps().exporter()).try_into();
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        self.guard.steps().note_opened(id, established, peer.port());
        let binding = certificate.zip(own.ok()).map(|(certificate, own)| Connection {
            id,
            certificate,
            exporter: ExporterValue::new(own),
        });
        if let Some(binding) = &binding {
            self.guard.opened(binding);
        }
        self.settled.send_modify(|n| *n += 1);
        Open { peer, binding }
    }

    fn handshake_failed(&self, _: &str) {
        self.settled.send_modify(|n| *n += 1);
    }

    fn request(&self, open: &Open, request: Incoming) -> Outgoing {
        let Some(connection) = &open.binding else {
            if self.guard.steps().serves_nobody() {
                return resource();
            }
            let challenge = b"Bearer error=\"invalid_token\"".to_vec();
            return Outgoing {
                status: 401,
                fields: vec![("WWW-Authenticate".to_owned(), challenge)],
                body: Bytes::new(),
            };
        };
        let behaviour = self.guard.steps();
        let elsewhere = behaviour.connection_for(connection, &request);
        let values = |name: &str| -> Vec<&[u8]> {
            request.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_slice()).collect()
        };
        let (authorization, proofs) = (values("authorization"), values("session-binding-proof"));
        let decided = self.guard.decide(
            elsewhere.as_ref().unwrap_or(connection),
            &Request {
                method: &request.method,
                target: Target::https(request.authority.as_deref().unwrap_or_default(), &request.path_and_query),
                authorization: &authorization,
                proofs: &proofs,
            },
            &self.tokens,
            self.clock.now() as f64,
        );
        let refusal = decided.err().filter(|r| !behaviour.swallows(r.check()));
        self.see(Sight::Decided { peer: open.peer, refused_by: refusal.as_ref().map(|r| r.check()) });
        match refusal {
            None => resource(),
            Some(refusal) => {
                let answer = self.guard.answer(&refusal);
                let challenge = behaviour.challenge(&answer).filter(|_| answer.status == 401);
                Outgoing {
                    status: answer.status,
                    fields: challenge.map(|c| ("WWW-Authenticate".to_owned(), c.into_bytes())).into_iter().collect(),
                    body: Bytes::new(),
                }
            }
        }
    }

    fn closed(&self, open: &Open) {
        if let Some(connection) = &open.binding {
            self.guard.closed(connection);
            self.guard.steps().note_closed(connection.id);
        }
    }
}

/// What is asked for.
fn resource() -> Outgoing {
    Outgoing {
        status: 200,
        fields: vec![("Content-Type".to_owned(), b"application/json".to_vec())],
        body: Bytes::from_static(b"{\"resource\":\"ok\"}"),
    }
}

/// The exporter calls that every connection of the harness makes, for [`crate::wire`].
#[must_use]
pub fn exporter_requests() -> Vec<ExporterRequest> {
    let request = |(name, (label, context, length)): (&'static str, ExporterCall)| ExporterRequest {
        name,
        label,
        context,
        length,
    };
    Exporters::CALLS.into_iter().map(request).collect()
}

/// The exported values of a connection.
#[must_use]
pub fn exporters_of(established: &Established) -> Exporters {
    Exporters::new(established.exports.clone())
}
