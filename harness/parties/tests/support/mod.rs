//! What the tests of both transports have in common.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ekmcheck_parties::wire::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use tokio::sync::mpsc;

const LABEL: &[u8] = b"EXPORTER-wire-test";
const EXPORTERS: [ExporterRequest; 2] = [
    ExporterRequest { name: "absent", label: LABEL, context: None, length: 32 },
    ExporterRequest { name: "empty", label: LABEL, context: Some(b""), length: 32 },
];
/// Only a failing test waits this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// 2026-06-01T00:00:00Z, whatever the clock of the machine says.
#[derive(Debug)]
struct Pinned;

impl TimeProvider for Pinned {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_780_272_000)))
    }
}

pub(crate) struct Pki {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = params(&[], 2027);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn identity(&self, name: &str, end_year: i32) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let cert = params(&[name], end_year).signed_by(&key, &self.issuer).unwrap();
        Identity { chain: vec![cert.der().clone()], key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
    }

    pub(crate) fn client(&self, version: Version, alpn: Alpn) -> ClientSettings {
        ClientSettings {
            identity: Some(self.identity("client", 2027)),
            server_roots: vec![self.root.clone()],
            time_provider: Arc::new(Pinned),
            version,
            alpn,
            raw_public_key: false,
            without_alpn: false,
            suite: None,
            force_hello_retry: false,
            resumption: false,
            exporters: EXPORTERS.to_vec(),
        }
    }

    pub(crate) fn server(&self) -> ServerConfig {
        ServerConfig {
            identity: self.identity("localhost", 2027),
            client_roots: vec![self.root.clone()],
            time_provider: Arc::new(Pinned),
            exporters: EXPORTERS.to_vec(),
            versions: vec![Version::Tls12, Version::Tls13],
            limits: Limits::default(),
            sessions_of: None,
            habit: Habit::Right,
        }
    }
}

/// A certificate valid from the start of 2025 to the start of `end_year`.
fn params(names: &[&str], end_year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(end_year, 1, 1);
    params
}

#[derive(Debug)]
pub(crate) enum Event {
    Opened(Box<Established>),
    Request(Incoming),
    Closed(SocketAddr),
    Failed(String),
}

/// Tells everything it sees; answers with the path, or with as many bytes as the path says.
pub(crate) struct Teller {
    events: mpsc::UnboundedSender<Event>,
    /// Number of requests that have to be there at the same time before any is answered.
    meeting: usize,
    present: (Mutex<usize>, Condvar),
}

impl Teller {
    /// A service that answers when `meeting` requests are there at the same time, and what it tells.
    pub(crate) fn new(meeting: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Arc::new(Self { events: sender, meeting, present: Default::default() }), events)
    }
}

impl Service for Teller {
    type Connection = SocketAddr;

    fn opened(&self, established: &Established, peer: SocketAddr) -> SocketAddr {
        self.events.send(Event::Opened(Box::new(established.clone()))).ok();
        peer
    }

    fn request(&self, _: &SocketAddr, request: Incoming) -> Outgoing {
        let path = request.path_and_query.clone();
        self.events.send(Event::Request(request)).ok();
        // Blocking is announced to the runtime, which keeps the other tasks of this thread going.
        let met = tokio::task::block_in_place(|| {
            let mut present = self.present.0.lock().unwrap();
            *present += 1;
            self.present.1.notify_all();
            let wait = self.present.1.wait_timeout_while(present, LIMIT / 2, |n| *n < self.meeting);
            !wait.unwrap().1.timed_out()
        });
        let size = path.strip_prefix("/bytes/").and_then(|n| n.parse().ok());
        Outgoing {
            status: if met { 200 } else { 500 },
            fields: vec![("x-one".into(), b"1".to_vec()), ("x-one".into(), b"2".to_vec())],
            body: size.map_or(Bytes::from(path), |size| vec![b'x'; size].into()),
            manner: Manner::default(),
        }
    }

    fn closed(&self, peer: &SocketAddr) {
        self.events.send(Event::Closed(*peer)).ok();
    }

    fn handshake_failed(&self, error: &str) {
        self.events.send(Event::Failed(error.to_owned())).ok();
    }
}

pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
}

impl Running {
    pub(crate) async fn start(prepared: &Arc<Prepared>, meeting: usize) -> Self {
        let (service, events) = Teller::new(meeting);
        Self { server: serve(Arc::clone(prepared), service).await.unwrap(), events }
    }

    pub(crate) async fn next(&mut self) -> Event {
        tokio::time::timeout(LIMIT, self.events.recv()).await.expect("no event in time").expect("the service lives")
    }

    pub(crate) async fn opened(&mut self) -> Box<Established> {
        match self.next().await {
            Event::Opened(established) => established,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(crate) async fn request(&mut self) -> Incoming {
        match self.next().await {
            Event::Request(request) => request,
            other => panic!("no request: {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> SocketAddr {
        match self.next().await {
            Event::Closed(peer) => peer,
            other => panic!("not closed: {other:?}"),
        }
    }

    pub(crate) async fn connect(&self, tls: &Arc<ClientTls>) -> Result<Connection, WireError> {
        connect(tls, self.server.addr(), "localhost", ConnectOptions::default()).await
    }
}

pub(crate) fn get(path: &str) -> OutgoingRequest {
    OutgoingRequest {
        method: "GET".into(),
        authority: "rs.example".into(),
        path_and_query: path.into(),
        fields: vec![],
        body: Bytes::new(),
        trailers: vec![],
    }
}
