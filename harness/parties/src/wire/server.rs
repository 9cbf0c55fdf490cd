//! A server on the loopback interface that demands a client certificate.

use std::fmt;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519};
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, StoresServerSessions};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::error::{WireError, text};
use super::exchange::read_body;
use super::habit::{self, Habit};
use super::hello::{old_answer, resumes};
use super::limits::Limits;
use super::manner::{AnswerBody, Instead, Manner};
use super::quic::{self, server_settings};
use super::registry::{Live, Registry};
use super::rekey::Rekeyer;
use super::respond::{bare, respond};
use super::service::{AnyService, Service};
use super::stream::Rekeying;
use super::tls::{Alpn, Established, ExporterRequest, Identity, provider, root_store};
use super::{Boxed, tls};

/// What a server is made from.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What the server authenticates with.
    pub identity: Identity,
    /// Trust anchors for client certificates; at least one.
    pub client_roots: Vec<CertificateDer<'static>>,
    /// The clock against which the validity of certificates and tickets is checked.
    pub time_provider: Arc<dyn TimeProvider>,
    /// The exporter values to take from every connection.
    pub exporters: Vec<ExporterRequest>,
    /// The versions to accept.
    pub versions: Vec<tls::Version>,
    /// What clients are allowed.
    pub limits: Limits,
    /// What it does in handshakes.
    pub habit: Habit,
    /// Another server whose sessions it resumes over TCP, as servers do that share a cache or a ticket key.
    pub sessions_of: Option<Arc<Prepared>>,
}

/// The costly part of a server, to be shared by any number of them. It includes the sessions for resumption: a session
/// of one server can be resumed at another one made from the same `Prepared`.
pub struct Prepared {
    acceptor: TlsAcceptor,
    http: auto::Builder<TokioExecutor>,
    /// `None` without TLS 1.3.
    pub(super) quic: Option<quic::Settings>,
    pub(super) exporters: Vec<ExporterRequest>,
    pub(super) limits: Limits,
    pub(super) habit: Habit,
    sessions: Arc<dyn StoresServerSessions>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("habit", &self.habit).finish_non_exhaustive()
    }
}

/// Makes ready what [`serve`] and [`serve_quic`](super::serve_quic) need.
///
/// Over TCP the server demands the extended master secret in TLS 1.2, offers `h2` and `http/1.1`, resumes sessions in both
/// versions, and agrees on keys with X25519 or secp256r1 only, so that a client which first offers a share of another
/// group gets a HelloRetryRequest. Over QUIC it does the same with TLS 1.3 and `h3`; the two remember sessions apart.
///
/// # Errors
///
/// [`WireError::Settings`] when the identity, the roots or the versions are unusable.
pub fn prepare(config: ServerConfig) -> Result<Arc<Prepared>, WireError> {
    let unusable = |error: &(dyn std::error::Error + 'static)| WireError::Settings(text(error));
    let ServerConfig { identity, client_roots, time_provider, exporters, versions, mut limits, habit, sessions_of } =
        config;
    if habit == Habit::OneStream {
        limits.streams = 1;
    }
    let provider = provider(vec![X25519, SECP256R1], None)?;
    let roots = root_store(&client_roots)?;
    let verifier = habit::verifier(habit, roots, Arc::clone(&provider))?;
    let certified = identity.certified(&provider).map_err(|error| unusable(&error))?;
    let with_quic = versions.contains(&tls::Version::Tls13);
    let versions: Vec<_> = versions.into_iter().map(tls::Version::supported).collect();
    let mut tls = rustls::ServerConfig::builder_with_details(provider, time_provider)
        .with_protocol_versions(&versions)
        .map_err(|error| unusable(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    tls.require_ems = true;
    tls.alpn_protocols = [Alpn::Http2, Alpn::Http1].map(|alpn| alpn.identifier().to_vec()).to_vec();
    if habit == Habit::EarlyData {
        tls.max_early_data_size = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
    }
    let sessions = match &sessions_of {
        Some(other) => Arc::clone(&other.sessions),
        None if habit == Habit::NoResumption => Arc::new(NoServerSessionStorage {}),
        None => ServerSessionMemoryCache::new(limits.sessions),
    };
    if habit == Habit::NoResumption {
        tls.send_tls13_tickets = 0;
    }
    tls.session_storage = Arc::clone(&sessions);
    let quic = if with_quic { Some(server_settings(&tls, &limits, habit)?) } else { None };
    Ok(Arc::new(Prepared {
        acceptor: Arc::new(tls).into(),
        http: http_builder(&limits),
        quic,
        exporters,
        limits,
        habit,
        sessions,
    }))
}

fn http_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::default())
        .header_read_timeout(limits.idle)
        // hyper panics below this value.
        .max_buf_size(limits.head_bytes.max(8192))
        .max_headers(limits.field_count)
        // Answers are to depend on the service alone.
        .auto_date_header(false);
    http.http2()
        .timer(TokioTimer::default())
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(limits.idle)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .auto_date_header(false);
    http
}

/// A running server. It ends when this value is dropped, and all its connections with it: over TCP without close_notify,
/// over QUIC with CONNECTION_CLOSE.
#[derive(Debug)]
pub struct Server {
    pub(super) addr: SocketAddr,
    pub(super) registry: Arc<Registry>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) task: JoinHandle<()>,
}

impl Server {
    /// The address the server listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks every open connection for `n` key updates ahead of the next bytes it writes, see [`Rekeyer::request`].
    pub fn rekey_all(&self, n: usize) {
        for rekeyer in self.rekeyers() {
            rekeyer.request(n);
        }
    }

    /// The handles for key updates of the open connections, the oldest first.
    #[must_use]
    pub fn rekeyers(&self) -> Vec<Rekeyer> {
        self.registry.rekeyers()
    }

    /// Number of open connections: those that the service has been, or is just being, told of and has not yet been told
    /// the end of.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.registry.count()
    }

    /// Waits until no connection is open.
    pub async fn drained(&self) {
        self.registry.drained().await;
    }

    /// Ends the server and waits until every connection has been closed for the service. Dropping does not wait.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has ended already.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
        self.registry.drained().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The task owns the tasks of all connections.
        self.task.abort();
    }
}

/// Starts a server on a free TCP port of 127.0.0.1. Cheap: all that takes time has been done by [`prepare`].
///
/// # Errors
///
/// [`WireError::Connect`] when no port can be bound.
pub fn serve<S: Service>(prepared: Arc<Prepared>, service: Arc<S>) -> Boxed<'static, Result<Server, WireError>> {
    serve_at(prepared, service, (Ipv4Addr::LOCALHOST, 0).into())
}

/// As [`serve`], at that address.
///
/// # Errors
///
/// [`WireError::Connect`] when it cannot be bound.
pub fn serve_at<S: Service>(
    prepared: Arc<Prepared>,
    service: Arc<S>,
    addr: SocketAddr,
) -> Boxed<'static, Result<Server, WireError>> {
    listen(prepared, service, addr)
}

fn listen(
    prepared: Arc<Prepared>,
    service: Arc<dyn AnyService>,
    addr: SocketAddr,
) -> Boxed<'static, Result<Server, WireError>> {
    Box::pin(async move {
        let failed = |error: std::io::Error| WireError::Connect(text(&error));
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let registry = Arc::new(Registry::default());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, prepared, service, Arc::clone(&registry), stopped));
        Ok(Server { addr, registry, stop: Some(stop), task })
    })
}

async fn accept(
    listener: TcpListener,
    prepared: Arc<Prepared>,
    service: Arc<dyn AnyService>,
    registry: Arc<Registry>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                // Beyond the limit the socket is closed at once.
                Ok((tcp, peer)) if connections.len() < prepared.limits.connections => {
                    let (prepared, service) = (Arc::clone(&prepared), Arc::clone(&service));
                    connections.spawn(connection(tcp, peer, prepared, service, Arc::clone(&registry)));
                }
                Ok(_) => {}
                // Out of file descriptors, for example: without a pause this would be a busy loop.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(
    mut tcp: TcpStream,
    peer: SocketAddr,
    prepared: Arc<Prepared>,
    service: Arc<dyn AnyService>,
    registry: Arc<Registry>,
) {
    // Without it answers would merely be slower.
    let _ = tcp.set_nodelay(true);
    let limits = &prepared.limits;
    if prepared.habit == Habit::OldVersions && begins_old(&mut tcp).await {
        return service.failed("begun in an old version");
    }
    if prepared.habit == Habit::AlertOnResumption && wants_to_resume(&tcp).await {
        // internal_error, and fatal (RFC 8446 section 6).
        let _ = tcp.write_all(&[21, 3, 3, 0, 2, 2, 80]).await;
        service.failed("wants to resume a session");
        return linger(tcp).await;
    }
    let mut stream = match timeout(limits.handshake, prepared.acceptor.accept(tcp).into_fallible()).await {
        Ok(Ok(stream)) => stream,
        Ok(Err((error, tcp))) => {
            service.failed(&text(&error));
            return linger(tcp).await;
        }
        Err(_) => return service.failed("time is over"),
    };
    let mut established = match Established::of(stream.get_ref().1, &prepared.exporters) {
        Ok(established) => established,
        Err(error) => return service.failed(&error.to_string()),
    };
    let mut early = Vec::new();
    if let Some(mut data) = stream.get_mut().1.early_data() {
        // It was received and is bounded; reading it cannot fail.
        let _ = data.read_to_end(&mut early);
    }
    established.early_data = !early.is_empty();
    let stream = Rekeying::new(stream, &prepared.exporters).after(early);
    let (rekeyer, control) = (stream.rekeyer(), Some(stream.control()));
    let live = Arc::new(Live::open(service, &established, peer, registry, rekeyer, control));
    let handler = service_fn(|request| {
        let live = Arc::clone(&live);
        let (content_bytes, content_time) = (limits.content_bytes, limits.content);
        async move { answer(&live, request, content_bytes, content_time).await }
    });
    let mut http = pin!(prepared.http.serve_connection(TokioIo::new(stream), handler));
    let serving = async {
        tokio::select! {
            ended = http.as_mut() => return ended,
            () = live.hung_up() => http.as_mut().graceful_shutdown(),
        }
        http.await
    };
    // How a connection ends does not matter to a service.
    let _ = timeout(limits.lifetime, serving).await;
}

/// Whether a client begins with a session of earlier.
async fn wants_to_resume(tcp: &TcpStream) -> bool {
    let mut hello = vec![0_u8; 16_384];
    tcp.peek(&mut hello).await.is_ok_and(|n| hello.get(..n).is_some_and(resumes))
}

/// Answers a ClientHello of an old version, and says whether it was one.
async fn begins_old(tcp: &mut TcpStream) -> bool {
    let mut start = [0_u8; 16];
    // A ClientHello comes whole.
    let answer = tcp.peek(&mut start).await.ok().and_then(|n| old_answer(start.get(..n)?));
    match answer {
        Some(answer) => tcp.write_all(&answer).await.is_ok(),
        None => false,
    }
}

/// Keeps a refused connection until the client has seen the alert. Closing a socket with unread bytes in it sends RST,
/// upon which the client may find a broken connection where it should have found the alert.
async fn linger(mut tcp: TcpStream) {
    let _ = tcp.shutdown().await;
    let mut scratch = [0_u8; 4096];
    let _ = timeout(Duration::from_secs(1), async { while tcp.read(&mut scratch).await.is_ok_and(|n| n > 0) {} }).await;
}

async fn answer(
    live: &Live,
    request: Request<hyper::body::Incoming>,
    content_bytes: usize,
    content_time: Duration,
) -> Result<Response<AnswerBody>, h2::Error> {
    let (head, body) = request.into_parts();
    let plain = |status| Ok(bare(status).map(|content| AnswerBody::new(content, Manner::default())));
    let body = match timeout(content_time, read_body(body, content_bytes, content_bytes)).await {
        Ok(Ok(body)) if !body.truncated => body,
        Ok(Ok(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT),
    };
    let (response, manner) = respond(live, &head, body.content, &body.trailers);
    if manner.without_notify {
        live.forget_notify();
    }
    if !manner.after.is_zero() {
        sleep(manner.after).await;
    }
    match manner.instead {
        None => Ok(response.map(|content| AnswerBody::new(content, manner))),
        Some(Instead::Rejection) if head.version == Version::HTTP_2 => Err(h2::Reason::REFUSED_STREAM.into()),
        Some(Instead::End | Instead::Rejection) => {
            live.end();
            std::future::pending().await
        }
        Some(Instead::Silence) => std::future::pending().await,
    }
}
