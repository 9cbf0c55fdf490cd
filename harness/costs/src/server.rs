//! The server whose processor time is taken: one scheme, on a thread of its own.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use cpu_time::ThreadTime;
use ekmcheck_binding::{
    cache::ConnectionId,
    certificate::Certificate,
    exporter::ExporterValue,
    guard::{AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    jti::JtiLimits,
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Steps},
    target::Target,
};
use ekmcheck_forge::recipe::Exporters;
use ekmcheck_parties::{
    dpop::DpopVerifier,
    wire::{self, Established, Incoming, Manner, Outgoing, Prepared, Server, Service},
};
use ekmcheck_suite::{bench::Scheme, case::Transport};
use http::{HeaderValue, request::Parts};
use tokio::sync::{mpsc, oneshot};

/// Which tokens are valid, and what they say.
pub(super) type Known = Arc<HashMap<String, ValidToken>>;

/// The draft's steps without the cache: a server for which each request is the first.
struct Uncached;

impl Steps for Uncached {
    fn caches(&self) -> bool {
        false
    }
}

struct Tokens(Known);

/// A look-up, the same in all schemes: what validation costs depends on the kind of token, and can be remembered in all.
impl AccessTokens for Tokens {
    fn validate(&self, token: &str, _: f64) -> Result<ValidToken, Refusal> {
        self.0.get(token).cloned().ok_or_else(|| Refusal::new(Check::Token, ""))
    }
}

/// What answers requests, and decides on them as the scheme does.
pub(super) struct Metered {
    scheme: Scheme,
    guard: Guard<ByTheDraft>,
    uncached: Guard<Uncached>,
    dpop: DpopVerifier,
    tokens: Tokens,
    now: f64,
    next: std::sync::atomic::AtomicU64,
}

impl Metered {
    pub(super) fn new(scheme: Scheme, known: Known, now: f64) -> Arc<Self> {
        // As many identifiers as there are requests in a turn: a server that refuses is not what is measured.
        let policy = Policy { jti: JtiLimits { per_token: usize::MAX, total: usize::MAX }, ..Policy::default() };
        Arc::new(Self {
            scheme,
            guard: Guard::new(ByTheDraft, policy),
            uncached: Guard::new(Uncached, policy),
            dpop: DpopVerifier::new(policy),
            tokens: Tokens(known),
            now,
            next: std::sync::atomic::AtomicU64::new(1),
        })
    }

    fn accepts(&self, connection: Option<&Connection>, head: &Parts) -> bool {
        let values =
            |name: &str| -> Vec<&[u8]> { head.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect() };
        let dpop = matches!(self.scheme, Scheme::Dpop | Scheme::DpopServerTls);
        let (authorization, proofs) =
            (values("authorization"), values(if dpop { "dpop" } else { "session-binding-proof" }));
        let asked = Request {
            method: head.method.as_str(),
            target: Target::https(wire::authority_of(head).unwrap_or_default(), wire::path_of(head)),
            authorization: &authorization,
            proofs: &proofs,
        };
        match (self.scheme, connection) {
            (Scheme::Dpop | Scheme::DpopServerTls, _) => self.dpop.verify(&asked, &self.tokens, self.now).is_ok(),
            (_, None) => false,
            (Scheme::SessionBoundUncached, Some(connection)) => {
                self.uncached.decide(connection, &asked, &self.tokens, self.now).is_ok()
            }
            (_, Some(connection)) => self.guard.decide(connection, &asked, &self.tokens, self.now).is_ok(),
        }
    }
}

impl Service for Metered {
    /// None where there is nothing to go by.
    type Connection = Option<Connection>;

    fn opened(&self, established: &Established, _: SocketAddr) -> Self::Connection {
        let certificate = established.peer_certificates.first().and_then(|der| Certificate::from_der(der).ok())?;
        // A scheme that has no use for the value has not exported it.
        let exporter = established.export(Exporters::RIGHT).and_then(|octets| octets.try_into().ok());
        let id = ConnectionId(self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let connection = Connection { id, certificate, exporter: ExporterValue::new(exporter.unwrap_or_default()) };
        self.guard.opened(&connection);
        Some(connection)
    }

    fn head(&self, connection: &Self::Connection, head: &Parts) -> Option<Outgoing> {
        let accepted = self.accepts(connection.as_ref(), head);
        Some(Outgoing {
            status: if accepted { 200 } else { 401 },
            fields: vec![("Content-Type".to_owned(), b"application/json".to_vec())],
            body: Bytes::from_static(b"{\"resource\":\"ok\"}"),
            manner: Manner::default(),
        })
    }

    /// All is answered by the head.
    fn request(&self, _: &Self::Connection, _: Incoming) -> Outgoing {
        Outgoing { status: 500, fields: Vec::new(), body: Bytes::new(), manner: Manner::default() }
    }

    fn closed(&self, connection: &Self::Connection) {
        if let Some(connection) = connection {
            self.guard.closed(connection);
        }
    }
}

/// A server that runs until this is dropped, on a thread of its own or on this one.
pub(super) struct Running {
    addr: SocketAddr,
    /// Whom to ask for its processor time, where it has a thread of its own.
    asks: Option<mpsc::UnboundedSender<oneshot::Sender<Duration>>>,
    /// Where it has not.
    _here: Option<Server>,
}

async fn serve(prepared: Arc<Prepared>, service: Arc<Metered>, transport: Transport) -> Result<Server, String> {
    let served = match transport.is_quic() {
        true => wire::serve_quic(prepared, service).await,
        false => wire::serve(prepared, service).await,
    };
    served.map_err(|e| e.to_string())
}

impl Running {
    /// Starts it on this thread.
    pub(super) async fn here(
        prepared: Arc<Prepared>,
        service: Arc<Metered>,
        transport: Transport,
    ) -> Result<Self, String> {
        let server = serve(prepared, service, transport).await?;
        Ok(Self { addr: server.addr(), asks: None, _here: Some(server) })
    }

    /// Starts it on a thread of its own and waits until it listens.
    pub(super) fn apart(prepared: Arc<Prepared>, service: Arc<Metered>, transport: Transport) -> Result<Self, String> {
        let (asks, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Duration>>();
        let (listens, listening) = std::sync::mpsc::channel();
        // Whoever waits for these words has gone where sending them fails.
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(listens.send(Err(error.to_string()))),
            };
            runtime.block_on(async {
                let server = match serve(prepared, service, transport).await {
                    Ok(server) => server,
                    Err(error) => return drop(listens.send(Err(error))),
                };
                let begun = ThreadTime::now();
                drop(listens.send(Ok(server.addr())));
                while let Some(answer) = asked.recv().await {
                    let _ = answer.send(begun.elapsed());
                }
            });
        };
        thread::Builder::new().name("measured server".to_owned()).spawn(run).map_err(|e| e.to_string())?;
        let addr = listening.recv().map_err(|_| "the server ended".to_owned())??;
        Ok(Self { addr, asks: Some(asks), _here: None })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The processor time of its thread so far; none on this one.
    pub(super) async fn used(&self) -> Result<Duration, String> {
        let Some(asks) = &self.asks else { return Ok(Duration::ZERO) };
        let (answer, used) = oneshot::channel();
        let gone = || "the server ended".to_owned();
        asks.send(answer).map_err(|_| gone())?;
        used.await.map_err(|_| gone())
    }
}
