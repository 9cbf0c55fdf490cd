//! A resource server: the guard of `binding` behind real TLS and HTTP.
//!
//! What it decides on its own, where the draft or the libraries leave a choice:
//! - **Resumption.** The certificate is the one that rustls reports for the connection; on a resumed session that is the
//!   one of the first handshake, also when the client has another one by now, or when it has expired since: rustls does
//!   not verify it again, and neither does this server. A proof must be signed with that key, so a client
//!   that resumed with another key is refused. The exporter value is that of the resumed connection, so an old proof is
//!   refused.
//! - **Identity of a connection.** A number of its own that is never given twice, and the exporter value with it. Neither
//!   address nor port, nor quinn's `stable_id()` (an address of memory, which comes again), nor a connection id, nor a TLS
//!   session identifier counts. A QUIC connection that migrates is the same connection.
//! - **0-RTT.** Not taken. In rustls the exporter is an error before the handshake is over while the certificate of the
//!   earlier connection is known already, so a server that went by what is there would bind early data to nothing. The
//!   variation `early-data` takes it and answers when the handshake is over.
//! - **No client certificate.** The handshake fails. In TLS 1.3 the client hears of it after it believes itself connected,
//!   at its first read; so a connection counts as open only when this side has seen the client's Finished message.
//! - **TLS 1.2** without the extended master secret is refused (RFC 7627 section 5.4). Renegotiation and post-handshake
//!   authentication do not exist in rustls, so that the certificate of a connection cannot change.
//! - **Target.** HTTP/2 and HTTP/3 have their authority in `:authority`, HTTP/1.1 in Host or in a target in absolute form;
//!   forwarding fields are not looked at. [`OTHER_HOST`] is another service, with tokens of its own.
//! - **Unbound tokens.** A token without `tls_exp` is accepted without a proof (RFC 8705, or plain bearer): whoever is
//!   bound is bound by the token. A proof that comes all the same must be right.
//! - **Introspection** is asked where it knows the token, and counts then; a fixture stands for the endpoint.

use std::{
    borrow::Cow,
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
    refusal::{Check, Refusal, WireAnswer},
    steps::{ByTheDraft, Steps},
    target::Target,
};
use ekmcheck_forge::recipe::{ExporterCall, Exporters};
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    tokens::Tokens,
    wire::{Established, ExporterRequest, Incoming, Manner, Outgoing, Service},
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

    /// What the server makes of a request before it looks at it.
    fn sees(&self, request: &mut Incoming) {
        let _ = request;
    }

    /// The values of the proof field that count: those of the header section as they came. Fields of a trailer section
    /// come when the content has been processed, and are no part of it (RFC 9110 section 6.5.1).
    fn proofs<'a>(&self, request: &'a Incoming) -> Vec<Cow<'a, [u8]>> {
        proof_fields(&request.fields).map(Cow::Borrowed).collect()
    }

    /// An answer that is given before anything is verified.
    fn unverified(&self, arrival: Arrival, request: &Incoming) -> Option<Outgoing> {
        let _ = (arrival, request);
        None
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

    /// Whether the scopes of a token are looked at.
    fn needs_scopes(&self) -> bool {
        true
    }

    /// Whether the name that a request is for decides which tokens are valid.
    fn tells_hosts_apart(&self) -> bool {
        true
    }

    /// The end of an answer: fields and content that are added to it.
    fn amend(&self, arrival: Arrival, request: &Incoming, answer: Outgoing) -> Outgoing {
        let _ = (arrival, request);
        answer
    }

    /// The `WWW-Authenticate` value; `None` for no such field.
    fn challenge(&self, answer: &WireAnswer) -> Option<String> {
        Some(answer.challenge())
    }
}

impl Behaviour for ByTheDraft {}

/// Where and when a request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The connection.
    pub connection: ConnectionId,
    /// By the server's clock, in Unix seconds.
    pub now: i64,
}

/// The values of the proof field among these fields.
pub(crate) fn proof_fields(fields: &[(String, Vec<u8>)]) -> impl Iterator<Item = &[u8]> {
    values(fields, "session-binding-proof")
}

fn values<'a>(fields: &'a [(String, Vec<u8>)], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
}

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

/// The name under which a server has another service, with tokens of its own.
pub const OTHER_HOST: &str = "other.localhost";
/// The path below which a token needs [`ADMIN_SCOPE`].
pub const ADMIN_PATH: &str = "/api/admin";
/// A scope that the harness's tokens do not have.
pub const ADMIN_SCOPE: &str = "resource.admin";

/// A resource server.
pub struct ResourceServer<B: Behaviour> {
    guard: Guard<B>,
    tokens: Tokens,
    /// The tokens of the other service that lives under the same certificate, by [`OTHER_HOST`].
    other_tokens: Option<Tokens>,
    clock: Clock,
    next: AtomicU64,
    sights: Mutex<Vec<Sight>>,
    /// The checks that ever refused a request.
    refused_by: Mutex<Vec<Check>>,
    settled: watch::Sender<usize>,
    begun: watch::Sender<usize>,
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
    pub fn new(behaviour: B, tokens: Tokens, other_tokens: Option<Tokens>, clock: Clock, policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            guard: Guard::new(behaviour, policy),
            tokens,
            other_tokens,
            clock,
            next: AtomicU64::new(1),
            sights: Mutex::default(),
            refused_by: Mutex::default(),
            settled: watch::Sender::new(0),
            begun: watch::Sender::new(0),
        })
    }

    /// Takes what was seen since the last call.
    #[must_use]
    pub fn take_sights(&self) -> Vec<Sight> {
        std::mem::take(&mut self.sights.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The checks that refused a request since it was started.
    #[must_use]
    pub fn refused_by(&self) -> Vec<Check> {
        self.refused_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_refusal(&self, check: Check) {
        let mut refused_by = self.refused_by.lock().unwrap_or_else(PoisonError::into_inner);
        if !refused_by.contains(&check) {
            refused_by.push(check);
        }
    }

    /// Waits until so many connections were established or failed in all.
    pub async fn settled(&self, connections: usize) {
        // The sender lives as long as the server does, so there is no error to see.
        let _ = self.settled.subscribe().wait_for(|n| *n >= connections).await;
    }

    /// How many requests it has begun to look at.
    #[must_use]
    pub fn begun(&self) -> usize {
        *self.begun.borrow()
    }

    /// Waits until it has begun to look at so many requests.
    pub async fn until_begun(&self, requests: usize) {
        // As with [`Self::settled`].
        let _ = self.begun.subscribe().wait_for(|n| *n >= requests).await;
    }

    /// The tokens of the service that the request is for.
    fn tokens_for(&self, request: &Incoming) -> &Tokens {
        let host = request.authority.as_deref().unwrap_or_default();
        let host = host.split_once(':').map_or(host, |(host, _)| host);
        let other = self.other_tokens.as_ref().filter(|_| host.eq_ignore_ascii_case(OTHER_HOST));
        other.filter(|_| self.guard.steps().tells_hosts_apart()).unwrap_or(&self.tokens)
    }

    fn may_administer(&self, authorization: &[&[u8]], tokens: &Tokens, now: f64) -> bool {
        let token = self.guard.steps().access_token(authorization);
        !self.guard.steps().needs_scopes() || token.is_ok_and(|token| tokens.has_scope(token, now, ADMIN_SCOPE))
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
        self.begun.send_modify(|n| *n += 1);
        let (answer, decision) = self.answer(open, request);
        if let Some(refusal) = decision {
            refusal.iter().for_each(|refusal| self.note_refusal(refusal.check()));
            self.see(Sight::Decided { peer: open.peer, refused_by: refusal.map(|r| r.check()) });
        }
        answer
    }

    fn closed(&self, open: &Open) {
        if let Some(connection) = &open.binding {
            self.guard.closed(connection);
            self.guard.steps().note_closed(connection.id);
        }
    }
}

impl<B: Behaviour> ResourceServer<B> {
    /// Answers a request, with the decision on it if it came to one: the refusal, or `None` for acceptance. Nothing is
    /// seen of it by [`Self::take_sights`].
    pub fn answer(&self, open: &Open, mut request: Incoming) -> (Outgoing, Option<Option<Refusal>>) {
        let Some(connection) = &open.binding else {
            if self.guard.steps().serves_nobody() {
                return (resource(), None);
            }
            let challenge = b"Bearer error=\"invalid_token\"".to_vec();
            let answer = Outgoing {
                status: 401,
                fields: vec![("WWW-Authenticate".to_owned(), challenge)],
                body: Bytes::new(),
                manner: Manner::default(),
            };
            return (answer, None);
        };
        let behaviour = self.guard.steps();
        behaviour.sees(&mut request);
        let arrival = Arrival { connection: connection.id, now: self.clock.now() };
        if let Some(answer) = behaviour.unverified(arrival, &request) {
            return (answer, None);
        }
        let elsewhere = behaviour.connection_for(connection, &request);
        let authorization: Vec<&[u8]> = values(&request.fields, "authorization").collect();
        let proofs = behaviour.proofs(&request);
        let proofs: Vec<&[u8]> = proofs.iter().map(AsRef::as_ref).collect();
        let (tokens, now) = (self.tokens_for(&request), arrival.now as f64);
        let decided = self.guard.decide(
            elsewhere.as_ref().unwrap_or(connection),
            &Request {
                method: &request.method,
                target: Target::https(request.authority.as_deref().unwrap_or_default(), &request.path_and_query),
                authorization: &authorization,
                proofs: &proofs,
            },
            tokens,
            now,
        );
        let refusal = decided.err().filter(|r| !behaviour.swallows(r.check()));
        let answer = match &refusal {
            None if request.path_and_query.starts_with(ADMIN_PATH)
                && !self.may_administer(&authorization, tokens, now) =>
            {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{ADMIN_SCOPE}\"");
                Outgoing {
                    status: 403,
                    fields: vec![("WWW-Authenticate".to_owned(), challenge.into_bytes())],
                    body: Bytes::new(),
                    manner: Manner::default(),
                }
            }
            None => resource(),
            Some(refusal) => {
                let answer = self.guard.answer(refusal);
                let challenge = behaviour.challenge(&answer).filter(|_| answer.status == 401);
                Outgoing {
                    status: answer.status,
                    fields: challenge.map(|c| ("WWW-Authenticate".to_owned(), c.into_bytes())).into_iter().collect(),
                    body: Bytes::new(),
                    manner: Manner::default(),
                }
            }
        };
        (behaviour.amend(arrival, &request, answer), Some(refusal))
    }
}

/// What is asked for.
fn resource() -> Outgoing {
    Outgoing {
        status: 200,
        fields: vec![("Content-Type".to_owned(), b"application/json".to_vec())],
        body: Bytes::from_static(b"{\"resource\":\"ok\"}"),
        manner: Manner::default(),
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
