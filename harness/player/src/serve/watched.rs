//! A resource server whose operator can look at what it made of the last requests.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use ekmcheck_binding::{base64url, digest::Thumbprint};
use ekmcheck_parties::{
    clock::Clock,
    resource::{Behaviour, Open, ResourceServer, exporters_of},
    wire::{Established, Incoming, Outgoing, Service},
};
use ekmcheck_suite::inert::bounded;

use super::recent;
use crate::{fingerprint::fingerprint, secrets::Secrets};

/// How many requests and failed handshakes are kept.
const KEPT: usize = 50;
/// How many characters are kept of a sentence.
const LONGEST: usize = 120;

/// What was seen of a request, or of a handshake that failed. No secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Unix seconds.
    pub(super) at: i64,
    /// The connection's number; `None` if there never was one.
    pub(super) connection: Option<u64>,
    /// The thumbprint of the client's certificate.
    pub(super) certificate: String,
    /// The fingerprint of the exporter value.
    pub(super) exporter: String,
    /// Method and path.
    pub(super) request: String,
    /// What was answered.
    pub(super) status: Option<u16>,
    pub(super) decision: Decision,
}

/// What a server decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// It let the request through.
    Accepted,
    /// It refused, by that check, and says why.
    Refused(&'static str, String),
    /// It answered before it came to a decision.
    Undecided,
    /// It refused the handshake.
    HandshakeFailed(String),
}

/// The server with what was seen last.
pub(super) struct Watched<B: Behaviour> {
    server: Arc<ResourceServer<B>>,
    clock: Clock,
    next: AtomicU64,
    seen: Mutex<VecDeque<Seen>>,
    secrets: Secrets,
}

/// A connection with what is said of it.
pub(super) struct Connection {
    open: Open,
    number: u64,
    certificate: String,
    exporter: String,
}

impl<B: Behaviour> Watched<B> {
    pub(super) fn new(server: Arc<ResourceServer<B>>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { server, clock, next: AtomicU64::new(1), seen: Mutex::default(), secrets: Secrets::default() })
    }

    fn see(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back(seen);
    }

    /// The latest first.
    fn latest(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl<B: Behaviour> Service for Watched<B> {
    type Connection = Connection;

    fn opened(&self, established: &Established, peer: SocketAddr) -> Connection {
        let open = self.server.opened(established, peer);
        // Kept for plays in process; nobody fetches it here.
        drop(self.server.take_sights());
        let exporters = exporters_of(established);
        self.secrets.know_exporters(&exporters);
        let certificate = established.peer_certificates.first();
        Connection {
            open,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            certificate: certificate.map(|der| Thumbprint::of_der(der).to_string()).unwrap_or_default(),
            exporter: fingerprint(&base64url::encode(exporters.right())),
        }
    }

    fn request(&self, connection: &Connection, request: Incoming) -> Outgoing {
        if let Some(page) = recent::page(&request, || self.latest()) {
            return page;
        }
        request.fields.iter().for_each(|(_, value)| self.secrets.know(&String::from_utf8_lossy(value)));
        let named = named(&request, &self.secrets);
        let (mut answer, decision) = self.server.answer(&connection.open, request);
        // A server with a clock says what it shows (RFC 9110 section 6.6.1); plays in process have no use for it.
        let now = UNIX_EPOCH + Duration::from_secs(self.clock.now().unsigned_abs());
        answer.fields.push(("Date".to_owned(), httpdate::fmt_http_date(now).into_bytes()));
        self.see(Seen {
            at: self.clock.now(),
            connection: Some(connection.number),
            certificate: connection.certificate.clone(),
            exporter: connection.exporter.clone(),
            request: named,
            status: Some(answer.status),
            decision: match decision {
                None => Decision::Undecided,
                Some(None) => Decision::Accepted,
                Some(Some(refusal)) => Decision::Refused(refusal.check().name(), bounded(refusal.detail(), LONGEST)),
            },
        });
        answer
    }

    fn closed(&self, connection: &Connection) {
        self.server.closed(&connection.open);
    }

    fn handshake_failed(&self, error: &str) {
        self.server.handshake_failed(error);
        self.see(Seen {
            at: self.clock.now(),
            connection: None,
            certificate: String::new(),
            exporter: String::new(),
            request: String::new(),
            status: None,
            decision: Decision::HandshakeFailed(bounded(error, LONGEST)),
        });
    }
}

/// Method and path. A query, and what is long or odd in a path, may be a token or a proof, and is left out.
fn named(request: &Incoming, secrets: &Secrets) -> String {
    let path = request.path_and_query.split('?').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/%._-*".contains(c);
    let path = if path.len() <= 40 && path.chars().all(plain) { path } else { "(a long or odd path)" };
    let query = if request.path_and_query.contains('?') { "?…" } else { "" };
    secrets.hidden(&format!("{} {path}{query}", bounded(&request.method, LONGEST)))
}
