//! What all plays of a run share: certificates, issuer, TLS settings. Costly to make, and made once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ekmcheck_binding::algorithm::KeyKind;
use ekmcheck_forge::{
    ForgeError,
    bundle::Bundle,
    issuer::Issuer,
    keys::Key,
    pki::{Identity, Pki},
};
pub use ekmcheck_parties::clock::Clock;
use ekmcheck_parties::{
    resource::{exporter_requests, exporters_of},
    signer::HandshakeKey,
    wire::{
        self, Alpn, ClientSettings, ClientTls, ExporterRequest, Habit, Prepared, PrivateKey, ServerConfig, Version,
        WireError,
    },
};
use ekmcheck_suite::{
    case::Transport,
    play::{ClientCa, Presents},
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::{keylog::KeyLogFile, pace::Pace, secrets::Secrets, tap::Tap};

/// Why a world could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Keys or certificates.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// TLS settings.
    #[error("TLS: {0}")]
    Wire(#[from] WireError),
}

/// What all plays share.
pub struct World {
    /// Certificates of servers and clients.
    pub pki: Pki,
    /// Who makes the tokens.
    pub issuer: Issuer,
    /// The time of those who make tokens and proofs. Each subject that is started has a clock of its own.
    pub clock: Clock,
    /// What clients trust servers by; none for the root of the PKI.
    server_roots: Vec<CertificateDer<'static>>,
    /// Servers with an infrastructure of their own, the usual and the odd one; none where the harness has nobody to trust them.
    own_servers: Vec<(Vec<u8>, Identity)>,
    servers: Mutex<HashMap<ServerKey, Arc<Prepared>>>,
    clients: Mutex<HashMap<ClientKey, Arc<ClientTls>>>,
    /// How plays are watched and bounded.
    pub controls: Controls,
    /// What a subject was sent, or knows, and must not have the harness repeat.
    pub secrets: Arc<Secrets>,
}

/// How plays are watched and bounded; by default not at all.
#[derive(Default)]
pub struct Controls {
    /// Bounds.
    pub pace: Pace,
    /// Where the secrets of client connections are logged.
    pub key_log: Option<Arc<KeyLogFile>>,
    /// Where what is sent is left.
    pub tap: Option<Arc<Tap>>,
}

/// A server's TLS settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey {
    pub(crate) habit: Habit,
    /// Whose clients it takes.
    pub(crate) client_ca: ClientCa,
    /// Whether its certificate comes from an infrastructure of its own, and whether it is an odd one.
    pub(crate) own_certificate: Option<bool>,
}

impl ServerKey {
    /// The usual server.
    pub(crate) const USUAL: Self = Self { habit: Habit::Right, client_ca: ClientCa::Own, own_certificate: None };
}

/// A client's TLS settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientKey {
    /// The name of the client in the PKI.
    pub identity: String,
    /// TLS version and HTTP version.
    pub transport: Transport,
    /// The one cipher suite that it offers, by its number.
    pub suite: Option<u16>,
    /// Whether it offers a key share that the server does not take at first.
    pub hello_retry: bool,
    /// Whether it keeps sessions.
    pub resumption: bool,
    /// What it presents, if not its certificate.
    pub presents: Option<Presents>,
    /// Whether it offers no protocol.
    pub without_alpn: bool,
}

impl ClientKey {
    /// The usual client on a transport.
    pub fn usual(transport: Transport) -> Self {
        Self {
            identity: "p256".to_owned(),
            transport,
            suite: None,
            hello_retry: false,
            resumption: false,
            presents: None,
            without_alpn: false,
        }
    }
}

/// The clients for whom AWS-LC does not sign: it refuses their keys, or finds that they are not those of their
/// certificates.
const OWN_SIGNER: [&str; 4] = ["rsa1024", "rsa-pss", "x25519", "off-curve"];

impl World {
    /// A world at that time (Unix seconds), with fresh keys and certificates.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn at(now: i64) -> Result<Self, WorldError> {
        let pki = Pki::generate(now).map_err(ForgeError::from)?;
        let key = || Key::generate(KeyKind::P256).map_err(ForgeError::from);
        let own = [false, true].into_iter().map(|odd| Pki::own_server(now, odd)).collect::<Result<_, _>>();
        let own_servers = own.map_err(ForgeError::from)?;
        Ok(Self { own_servers, ..Self::of(pki, Issuer::new(key()?, key()?), Clock::at(now)) })
    }

    /// The world that a bundle was made for, at the system's time.
    #[must_use]
    pub fn of_bundle(bundle: &Bundle) -> Self {
        Self::of(bundle.pki.clone(), bundle.issuer.clone(), Clock::of_system())
    }

    /// The same, with its clock ahead of what it is by so many seconds, as that of a subject may be.
    #[must_use]
    pub fn ahead_by(self, seconds: i64) -> Self {
        self.clock.advance(seconds);
        self
    }

    /// The same, whose clients trust servers by these certificates (DER) and no others; by the root of the PKI if there
    /// are none.
    #[must_use]
    pub fn trusting(self, roots: Vec<Vec<u8>>) -> Self {
        Self { server_roots: roots.into_iter().map(CertificateDer::from).collect(), ..self }
    }

    fn of(pki: Pki, issuer: Issuer, clock: Clock) -> Self {
        Self {
            pki,
            issuer,
            clock,
            server_roots: Vec::new(),
            own_servers: Vec::new(),
            servers: Mutex::default(),
            clients: Mutex::default(),
            controls: Controls::default(),
            secrets: Arc::default(),
        }
    }

    /// The same world, whose plays are watched and bounded.
    #[must_use]
    pub fn with(self, controls: Controls) -> Self {
        Self { controls, ..self }
    }

    /// What a subject said outside of an answer, as it may be repeated: with fingerprints in the place of tokens, proofs
    /// and exporter values of this run, inert and on one line.
    #[must_use]
    pub fn told(&self, said: &str) -> String {
        self.secrets.told(said)
    }

    /// The time, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The TLS settings of such servers.
    pub(crate) fn server(&self, key: ServerKey) -> Result<Arc<Prepared>, WireError> {
        let servers = || self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = servers().get(&key) {
            return Ok(found.clone());
        }
        let ServerKey { habit, client_ca, own_certificate } = key;
        let sessions_of = match (habit, client_ca) {
            (Habit::SharedSessions, ClientCa::Foreign) => {
                Some(self.server(ServerKey { client_ca: ClientCa::Own, ..key })?)
            }
            _ => None,
        };
        let identity = match own_certificate {
            None => self.pki.server(),
            Some(odd) => {
                let own = self.own_servers.get(usize::from(odd)).map(|(_, identity)| identity);
                own.ok_or_else(|| WireError::Settings("nobody here trusts a server with its own PKI".to_owned()))?
            }
        };
        let client_root = match client_ca {
            ClientCa::Own => self.pki.root(),
            ClientCa::Foreign => self.pki.foreign_root(),
        };
        let made = wire::prepare(ServerConfig {
            identity: wire_identity(identity),
            client_roots: vec![CertificateDer::from(client_root.certificate.der().to_vec())],
            time_provider: Arc::new(self.clock.clone()),
            exporters: exporter_requests(),
            versions: vec![Version::Tls13, Version::Tls12],
            limits: wire::Limits::default(),
            habit,
            sessions_of,
        })?;
        // If two made it at once, one of them counts.
        Ok(servers().entry(key).or_insert(made).clone())
    }

    /// The settings of a server and of a client that take these exporter values and no others: what is measured does not
    /// pay for what the harness would like to know besides. Without `certificate` the client has none and need have none.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn measured(
        &self,
        transport: Transport,
        exporters: &[ExporterRequest],
        certificate: bool,
    ) -> Result<(Arc<Prepared>, Arc<ClientTls>), WorldError> {
        let no_identity = || ForgeError::NoIdentity("p256".to_owned());
        let identity = wire_identity(self.pki.identity("p256").ok_or_else(no_identity)?);
        let server = wire::prepare(ServerConfig {
            identity: wire_identity(self.pki.server()),
            client_roots: vec![CertificateDer::from(self.pki.root().certificate.der().to_vec())],
            time_provider: Arc::new(self.clock.clone()),
            exporters: exporters.to_vec(),
            versions: vec![Version::Tls13, Version::Tls12],
            limits: wire::Limits { connections: 4096, ..wire::Limits::default() },
            habit: if certificate { Habit::Right } else { Habit::OptionalCertificate },
            sessions_of: None,
        })?;
        let client = ClientTls::prepare(ClientSettings {
            identity: certificate.then_some(identity),
            raw_public_key: false,
            without_alpn: false,
            server_roots: self.server_roots(),
            time_provider: Arc::new(self.clock.clone()),
            version: if transport.is_tls13() { Version::Tls13 } else { Version::Tls12 },
            alpn: alpn(transport),
            suite: None,
            force_hello_retry: false,
            resumption: false,
            exporters: exporters.to_vec(),
        })?;
        let secrets = self.secrets.clone();
        let client = client.witnessed_by(Arc::new(move |established| secrets.glimpse(&exporters_of(established))));
        Ok((server, client))
    }

    fn server_roots(&self) -> Vec<CertificateDer<'static>> {
        match self.server_roots.as_slice() {
            [] => {
                let own = self.own_servers.iter().map(|(root, _)| root.clone());
                std::iter::once(self.pki.root().certificate.der().to_vec())
                    .chain(own)
                    .map(CertificateDer::from)
                    .collect()
            }
            named => named.to_vec(),
        }
    }

    /// The TLS settings of a client; those that may resume have an empty store of their own.
    pub fn client(&self, key: &ClientKey) -> Result<Arc<ClientTls>, WorldError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = clients.get(key) {
            return Ok(if key.resumption { found.forgetful() } else { found.clone() });
        }
        let no_identity = || ForgeError::NoIdentity(key.identity.clone());
        let identity = self.pki.identity(&key.identity).ok_or_else(no_identity)?;
        let mut presented = wire_identity(identity);
        if key.presents == Some(Presents::WithStrangers) {
            let strangers =
                [self.pki.identity("second").map(|i| &i.certificate), Some(&self.pki.foreign_root().certificate)];
            let strangers = strangers.into_iter().flatten().map(|c| CertificateDer::from(c.der().to_vec()));
            presented.chain.splice(1..1, strangers);
        }
        let made = ClientTls::prepare(ClientSettings {
            identity: Some(presented).filter(|_| key.presents != Some(Presents::Nothing)),
            raw_public_key: key.presents == Some(Presents::RawPublicKey),
            without_alpn: key.without_alpn,
            server_roots: self.server_roots(),
            time_provider: Arc::new(self.clock.clone()),
            version: if key.transport.is_tls13() { Version::Tls13 } else { Version::Tls12 },
            alpn: alpn(key.transport),
            suite: key.suite.map(rustls::CipherSuite::from),
            force_hello_retry: key.hello_retry,
            resumption: key.resumption,
            exporters: exporter_requests(),
        })?;
        let made = match &self.controls.key_log {
            Some(log) => made.logging_to(log.clone()),
            None => made,
        };
        let secrets = self.secrets.clone();
        let made = made.witnessed_by(Arc::new(move |established| secrets.know_exporters(&exporters_of(established))));
        clients.insert(key.clone(), made.clone());
        Ok(made)
    }
}

fn alpn(transport: Transport) -> Alpn {
    match transport {
        Transport::QuicH3 => Alpn::Http3,
        Transport::Tls13H2 | Transport::Tls12H2 => Alpn::Http2,
        Transport::Tls13H1 | Transport::Tls12H1 | Transport::Offline => Alpn::Http1,
    }
}

fn wire_identity(identity: &Identity) -> wire::Identity {
    wire::Identity {
        chain: identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect(),
        key: match OWN_SIGNER.contains(&identity.name) {
            true => PrivateKey::Own(Arc::new(HandshakeKey::new(identity.key.clone(), identity.name == "rsa-pss"))),
            false => PrivatePkcs8KeyDer::from(identity.key.pkcs8().to_vec()).into(),
        },
    }
}
