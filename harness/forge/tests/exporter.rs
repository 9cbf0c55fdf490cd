//! What live connections export is what follows from their secrets, computed by other code than the TLS library's.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
};

use ekmcheck_forge::{
    exporter::{tls12, tls13},
    keys::Sha,
    pki::Pki,
    recipe::Exporters,
};
use rustls::{
    ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite,
    SupportedProtocolVersion,
    crypto::aws_lc_rs::{self, cipher_suite},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

/// Label, random of the client, secret.
type Line = (String, Vec<u8>, Vec<u8>);

#[derive(Debug, Default)]
struct Log(Mutex<Vec<Line>>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), client_random.to_vec(), secret.to_vec()));
    }
}

impl Log {
    /// The random of the client and the secret of that label.
    fn secret(&self, label: &str) -> (Vec<u8>, Vec<u8>) {
        let log = self.0.lock().unwrap();
        let (_, random, secret) =
            log.iter().find(|(l, ..)| l == label).unwrap_or_else(|| panic!("no {label} in {log:?}"));
        (random.clone(), secret.clone())
    }
}

#[derive(Debug)]
struct Clock(i64);

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(self.0).unwrap())))
    }
}

struct Live {
    client: ClientConnection,
    server: ServerConnection,
    log: Arc<Log>,
    server_random: Vec<u8>,
}

fn chain(chain: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    chain.iter().map(|der| CertificateDer::from(der.clone())).collect()
}

fn key(pkcs8: &[u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()))
}

/// A connection with client authentication, in memory.
fn live(version: &'static SupportedProtocolVersion, suite: SupportedCipherSuite) -> Live {
    let pki = Pki::frozen().unwrap();
    let provider = || {
        let usual = aws_lc_rs::default_provider();
        Arc::new(rustls::crypto::CryptoProvider { cipher_suites: vec![suite], ..usual })
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pki.root().certificate.der().to_vec())).unwrap();
    let (roots, clock) = (Arc::new(roots), Arc::new(Clock(1_800_000_000)));
    let log = Arc::new(Log::default());
    let identity = pki.identity("p256").unwrap();
    let mut config = ClientConfig::builder_with_details(provider(), clock.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(chain(&identity.chain), key(identity.key.pkcs8()))
        .unwrap();
    config.key_log = log.clone();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
    let server = pki.server();
    let server_config = ServerConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(&server.chain), key(server.key.pkcs8()))
        .unwrap();
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server_config)).unwrap();
    let mut from_server = Vec::new();
    for _ in 0..10 {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        while !flight.is_empty() {
            let mut rest = &flight[..];
            let read = server.read_tls(&mut rest).unwrap();
            server.process_new_packets().unwrap();
            flight.drain(..read);
        }
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        from_server.extend_from_slice(&flight);
        while !flight.is_empty() {
            let mut rest = &flight[..];
            let read = client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
            flight.drain(..read);
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert!(server.peer_certificates().is_some());
    let _ = client.reader().read(&mut [0; 1]);
    // A record of the type handshake, in it a ServerHello: the header of the record, that of the message, the version.
    assert_eq!((from_server[0], from_server[5]), (22, 2));
    Live { client, server, log, server_random: from_server[11..43].to_vec() }
}

fn exported(
    connection: &rustls::ConnectionCommon<impl rustls::SideData>,
    call: ekmcheck_forge::recipe::ExporterCall,
) -> Vec<u8> {
    let (label, context, length) = call;
    connection.export_keying_material(vec![0; length], label, context).unwrap()
}

#[test]
fn live_connections_export_what_follows_from_their_secrets() {
    let mut compared = 0;
    for (version, suite, sha) in [
        (&TLS12, cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, Sha::Sha256),
        (&TLS12, cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, Sha::Sha384),
        (&TLS13, cipher_suite::TLS13_AES_128_GCM_SHA256, Sha::Sha256),
        (&TLS13, cipher_suite::TLS13_AES_256_GCM_SHA384, Sha::Sha384),
    ] {
        let Live { client, server, log, server_random } = live(version, suite);
        let mut right = Vec::new();
        for (name, call) in Exporters::CALLS {
            let (label, context, length) = call;
            let computed = if version.version == TLS12.version {
                let (client_random, master) = log.secret("CLIENT_RANDOM");
                tls12(sha, &master, [&client_random, &server_random], label, context, length)
            } else {
                let (_, secret) = log.secret("EXPORTER_SECRET");
                tls13(sha, &secret, label, context.unwrap_or_default(), length)
            };
            assert_eq!(exported(&client, call), computed, "{:?} {sha:?} {name}, the client", version.version);
            assert_eq!(exported(&server, call), computed, "{:?} {sha:?} {name}, the server", version.version);
            if name == Exporters::RIGHT {
                right = computed;
            } else {
                // Only TLS 1.3 takes no context for a zero-length one.
                let same = name == "no-context" && version.version == TLS13.version;
                assert_eq!(computed == right, same, "{:?} {name}", version.version);
            }
            compared += 2;
        }
    }
    println!("{compared} exports of live connections compared");
    assert_eq!(compared, 4 * 2 * Exporters::CALLS.len());
}
