//! The client side of a TLS connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::CipherSuite;
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::Boxed;
use super::connection::Connection;
use super::error::{Stage, WireError, text};
use super::quic;
use super::stream::Rekeying;
use super::tls::{Alpn, Established, ExporterRequest, Identity, Version, provider, root_store};

/// Number of servers whose sessions a client remembers.
const SESSIONS: usize = 64;

/// What a client is made from.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// What the client authenticates with; `None` for a client without a certificate.
    pub identity: Option<Identity>,
    /// Authenticates with the bare public key of the identity instead of its certificates (RFC 7250).
    pub raw_public_key: bool,
    /// Trust anchors for the server's certificate; at least one.
    pub server_roots: Vec<CertificateDer<'static>>,
    /// The clock against which the validity of certificates and tickets is checked.
    pub time_provider: Arc<dyn TimeProvider>,
    /// The one version to offer.
    pub version: Version,
    /// The one application protocol to offer. It decides on the transport: `h3` goes over QUIC, which needs TLS 1.3, the
    /// others over TCP.
    pub alpn: Alpn,
    /// Does not say which application protocol it is, and speaks HTTP/1.1.
    pub without_alpn: bool,
    /// The one cipher suite to offer, or all that are supported. QUIC protects its first packets with
    /// `TLS13_AES_128_GCM_SHA256` whatever is agreed on.
    pub suite: Option<CipherSuite>,
    /// Offer first a key share that the server of this module does not take, to get a HelloRetryRequest. TLS 1.3 only,
    /// and not together with `resumption`: with a remembered session the client offers the group that it knows to work.
    pub force_hello_retry: bool,
    /// Whether to remember sessions and resume them.
    pub resumption: bool,
    /// The exporter values to take from every connection.
    pub exporters: Vec<ExporterRequest>,
}

/// The costly part of a client, to be shared by any number of connections. It includes the sessions for resumption.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<rustls::ClientConfig>,
    /// For HTTP/3, and only then.
    quic: Option<quinn::ClientConfig>,
    exporters: Vec<ExporterRequest>,
    resumption: bool,
    version: Version,
    alpn: Alpn,
    witness: Witness,
}

/// Who is told of each connection as soon as it exports values, before a word of the peer can come of it, the one with
/// which it ends included.
#[derive(Clone, Default)]
pub(super) struct Witness(Option<Arc<Told>>);

type Told = dyn Fn(&Established) + Send + Sync;

impl Witness {
    pub(super) fn see(&self, established: &Established) {
        if let Some(told) = &self.0 {
            told(established);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Witness(..)" } else { "Witness" })
    }
}

impl ClientTls {
    /// Makes ready what [`connect`] needs.
    ///
    /// # Errors
    ///
    /// [`WireError::Settings`] when the identity or the roots are unusable, no cipher suite is left for the version,
    /// HTTP/3 is to go over another version than TLS 1.3, or a HelloRetryRequest is asked for where there can be none.
    pub fn prepare(settings: ClientSettings) -> Result<Arc<Self>, WireError> {
        let unusable = |error: &(dyn std::error::Error + 'static)| WireError::Settings(text(error));
        if settings.force_hello_retry && (settings.version == Version::Tls12 || settings.resumption) {
            let reason = "a HelloRetryRequest needs TLS 1.3 and no resumption";
            return Err(WireError::Settings(reason.to_owned()));
        }
        if settings.alpn == Alpn::Http3 && settings.version != Version::Tls13 {
            return Err(WireError::Settings("QUIC needs TLS 1.3".to_owned()));
        }
        if settings.without_alpn && settings.alpn != Alpn::Http1 {
            return Err(WireError::Settings("only HTTP/1.1 goes without being agreed on".to_owned()));
        }
        let mut groups = vec![X25519, SECP256R1, SECP384R1];
        if settings.force_hello_retry {
            groups.rotate_right(1);
        }
        let provider = provider(groups, settings.suite)?;
        let signing = Arc::clone(&provider);
        let roots = root_store(&settings.server_roots)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let verifier = verifier.build().map_err(|error| unusable(&error))?;
        let builder = rustls::ClientConfig::builder_with_details(provider, settings.time_provider)
            .with_protocol_versions(&[settings.version.supported()])
            .map_err(|error| unusable(&error))?
            .with_webpki_verifier(verifier);
        let mut config = match settings.identity {
            Some(identity) if settings.raw_public_key => {
                let key = identity.raw_public_key(&signing).map_err(|error| unusable(&error))?;
                builder.with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(key))))
            }
            Some(identity) => {
                let key = identity.certified(&signing).map_err(|error| unusable(&error))?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        config.require_ems = true;
        config.alpn_protocols = match settings.without_alpn {
            true => Vec::new(),
            false => vec![settings.alpn.identifier().to_vec()],
        };
        config.resumption =
            if settings.resumption { Resumption::in_memory_sessions(SESSIONS) } else { Resumption::disabled() };
        let config = Arc::new(config);
        let quic = match settings.alpn {
            Alpn::Http3 => Some(quic::client_config(Arc::clone(&config))?),
            Alpn::Http1 | Alpn::Http2 => None,
        };
        let ClientSettings { exporters, resumption, version, alpn, .. } = settings;
        Ok(Arc::new(Self { config, quic, exporters, resumption, version, alpn, witness: Witness::default() }))
    }

    /// The same client, which has the secrets of its connections logged. Cheap.
    #[must_use]
    pub fn logging_to(&self, log: Arc<dyn rustls::KeyLog>) -> Arc<Self> {
        let mut config = rustls::ClientConfig::clone(&self.config);
        config.key_log = log;
        self.with(config)
    }

    /// The same client, which shows each of its connections as soon as their exporter values are known. Cheap.
    #[must_use]
    pub fn witnessed_by(&self, witness: Arc<dyn Fn(&Established) + Send + Sync>) -> Arc<Self> {
        Arc::new(Self { witness: Witness(Some(witness)), ..self.clone() })
    }

    /// The same client with another configuration of TLS. Where QUIC worked with the former, it works with this.
    fn with(&self, config: rustls::ClientConfig) -> Arc<Self> {
        let config = Arc::new(config);
        let quic = self.quic.as_ref().and_then(|_| quic::client_config(Arc::clone(&config)).ok());
        Arc::new(Self { config, quic, ..self.clone() })
    }

    /// The same client with no session remembered. Cheap.
    #[must_use]
    pub fn forgetful(&self) -> Arc<Self> {
        let mut config = rustls::ClientConfig::clone(&self.config);
        if self.resumption {
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
        }
        self.with(config)
    }
}

impl ClientTls {
    /// Whether a connection over TCP has what was offered. A server that knows nothing of ALPN agrees on nothing, and what
    /// goes on then is HTTP/1.1 (RFC 9113 section 3.2 has `h2` agreed on).
    fn agreed(&self, established: &Established) -> Result<(), WireError> {
        let Established { version, alpn, .. } = established;
        if *version != self.version {
            return Err(WireError::NotAgreed(format!(
                "{:?} was offered, and the server took {version:?}",
                self.version
            )));
        }
        match (self.alpn, alpn) {
            (Alpn::Http1, None) => Ok(()),
            (offered, Some(alpn)) if offered == *alpn => Ok(()),
            (offered, alpn) => {
                let offered = offered.identifier().escape_ascii();
                let took = alpn.map_or("none".to_owned(), |alpn| alpn.identifier().escape_ascii().to_string());
                Err(WireError::NotAgreed(format!(
                    "the application protocol {offered} was offered by ALPN, and the server took {took}"
                )))
            }
        }
    }
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The source port, or `None` for one that the system chooses. A port whose last connection this side ended with
    /// FIN, to the same server, is not available for up to a minute; after RST it is. Over QUIC it is after a silent end,
    /// and some 0.1 s after CONNECTION_CLOSE.
    pub source_port: Option<u16>,
    /// HTTP/1.1: send field names in lower case rather than in Title-Case.
    pub lower_case_fields: bool,
    /// HTTP/1.1 only: speak HTTP without a library, so that [`Sender::send_raw`](super::Sender::send_raw) can be used and
    /// nothing is too odd to be sent. Names of fields then go out as they are given.
    pub raw: bool,
    /// QUIC: before it connects, asks from the same port for a version that nobody speaks, to get a Version Negotiation
    /// packet.
    pub version_negotiation: bool,
    /// Sends the first request as early data (RFC 8446 section 2.3), if a session can be resumed that allows it. Over TCP
    /// with HTTP/1.1 and `resumption`. What is known of the connection then comes with [`Connection::finish`].
    pub early_data: bool,
    /// Time for the whole of [`connect`], and then for each request and for the end of the connection.
    pub timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            source_port: None,
            lower_case_fields: false,
            raw: false,
            version_negotiation: false,
            early_data: false,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Connects to `addr`, from this machine alone if it is on this machine, and makes HTTP ready on the connection. `server_name` is what the certificate of
/// the server must be for, and is sent as the server name indication if it is a DNS name.
///
/// In TLS 1.3, and so in QUIC, a client is connected before the server has looked at its certificate: a refusal is the error of the first
/// request, [`WireError::Refused`].
///
/// # Errors
///
/// [`WireError::Connect`], [`WireError::Handshake`], [`WireError::NotAgreed`], [`WireError::Refused`],
/// [`WireError::Timeout`] or [`WireError::Http`] for the step that failed; [`WireError::Settings`] when `server_name` is not a name, or what is not
/// HTTP/1.1 is to be raw.
pub fn connect<'a>(
    tls: &'a Arc<ClientTls>,
    addr: SocketAddr,
    server_name: &'a str,
    options: ConnectOptions,
) -> Boxed<'a, Result<Connection, WireError>> {
    Box::pin(connected(tls, addr, server_name, options))
}

async fn connected(
    tls: &Arc<ClientTls>,
    addr: SocketAddr,
    server_name: &str,
    options: ConnectOptions,
) -> Result<Connection, WireError> {
    let name = ServerName::try_from(server_name.to_owned());
    let name = name.map_err(|error| WireError::Settings(format!("server name: {error}")))?;
    let http1 = tls.config.alpn_protocols.iter().any(|alpn| alpn == Alpn::Http1.identifier());
    if options.raw && !http1 {
        return Err(WireError::Settings("only HTTP/1.1 can be raw".to_owned()));
    }
    if let Some(config) = &tls.quic {
        let connected =
            quic::connect(config.clone(), (&tls.exporters, &tls.witness), addr, server_name, &options).await?;
        return Ok(Connection::of_quic(connected, &options));
    }
    let deadline = Instant::now() + options.timeout;
    let over = |stage| move |_| WireError::Timeout(stage);

    let tcp = timeout_at(deadline, dial(addr, options.source_port)).await.map_err(over(Stage::Connect))?;
    let tcp = tcp.map_err(|error| WireError::Connect(text(&error)))?;
    let local_addr = tcp.local_addr().map_err(|error| WireError::Connect(text(&error)))?;

    let mut config = Arc::clone(&tls.config);
    if options.early_data {
        // The sessions are shared all the same.
        Arc::make_mut(&mut config).enable_early_data = true;
    }
    let handshake = TlsConnector::from(config).early_data(options.early_data).connect(name, tcp);
    let stream = timeout_at(deadline, handshake).await.map_err(over(Stage::Handshake))?;
    let stream = stream.map_err(|error| WireError::handshake(&error))?;
    let established = match stream.get_ref().1.is_handshaking() {
        true => None,
        false => Some(Established::of(stream.get_ref().1, &tls.exporters)?),
    };
    established.as_ref().map_or(Ok(()), |established| tls.agreed(established))?;
    established.iter().for_each(|established| tls.witness.see(established));

    let stream = Rekeying::new(stream, &tls.exporters);
    let start = Connection::start(stream, established, local_addr, &options);
    timeout_at(deadline, start).await.map_err(over(Stage::Http))?
}

/// Where a socket is bound that talks to `addr`: what is on this machine is not talked to from outside.
pub(super) fn local_for(addr: SocketAddr, port: u16) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, port)
}

async fn dial(addr: SocketAddr, source_port: Option<u16>) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port in use by another connection, to another server, is no obstacle.
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    // Left to itself, the kernel finds a free port faster than an explicit bind to port 0 does.
    if let Some(port) = source_port {
        socket.bind(local_for(addr, port))?;
    }
    socket.connect(addr).await
}
