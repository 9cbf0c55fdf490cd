//! What `export` prints of a connection is what the server at its other end exports.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::base64url;
use ekmcheck_forge::pki::Pki;
use ekmcheck_parties::{
    clock::Clock,
    resource::exporter_requests,
    wire::{self, Established, Habit, Incoming, Limits, Outgoing, ServerConfig, Service, Version},
};
use ekmcheck_player::exporter::{ExportError, Target, export};
use ekmcheck_suite::case::Transport;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::sync::mpsc;

const NOW: i64 = 1_760_000_000;

type Exports = Vec<(&'static str, Vec<u8>)>;

/// Hands on what its end exports.
struct HandsOn(mpsc::UnboundedSender<Exports>);

impl Service for HandsOn {
    type Connection = ();

    fn opened(&self, established: &Established, _: SocketAddr) {
        self.0.send(established.exports.clone()).unwrap();
    }

    fn request(&self, (): &(), _: Incoming) -> Outgoing {
        Outgoing { status: 404, fields: vec![], body: bytes::Bytes::new(), manner: wire::Manner::default() }
    }

    fn closed(&self, (): &()) {}
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

#[tokio::test]
async fn the_values_are_those_of_the_servers_end() {
    let pki = Pki::generate(NOW).unwrap();
    let identity = pki.server();
    let prepared = wire::prepare(ServerConfig {
        identity: wire::Identity {
            chain: identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect(),
            key: PrivatePkcs8KeyDer::from(identity.key.pkcs8().to_vec()).into(),
        },
        client_roots: vec![CertificateDer::from(pki.root().certificate.der().to_vec())],
        time_provider: Arc::new(Clock::at(NOW)),
        exporters: exporter_requests(),
        versions: vec![Version::Tls13, Version::Tls12],
        limits: Limits::default(),
        habit: Habit::Right,
        sessions_of: None,
    })
    .unwrap();
    let (sender, mut opened) = mpsc::unbounded_channel();
    let service = Arc::new(HandsOn(sender));
    let tcp = wire::serve(prepared.clone(), service.clone()).await.unwrap();
    let udp = wire::serve_quic(prepared, service).await.unwrap();

    let client = pki.identity("p256").unwrap();
    let chain: String = client.chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
    let key = pem("PRIVATE KEY", client.key.pkcs8());
    let ca = pem("CERTIFICATE", pki.root().certificate.der());
    for transport in Transport::ALL {
        let target = Target {
            addr: if transport.is_quic() { udp.addr() } else { tcp.addr() },
            name: "localhost",
            transport,
            client: Some((chain.as_bytes(), key.as_bytes())),
            ca: ca.as_bytes(),
            now: NOW,
        };
        let exported = export(&target).await.unwrap();
        // In TLS 1.3 the client is connected first.
        let server = opened.recv().await.unwrap();
        assert_eq!(server.len(), 9);
        for (name, octets) in &server {
            let value = exported.values.iter().find(|v| v.name == *name).unwrap();
            assert_eq!(value.text, base64url::encode(octets), "{name} on {}", transport.name());
        }
        let text = |name: &str| exported.values.iter().find(|v| v.name == name).unwrap().text.clone();
        assert_eq!(text("right") == text("no-context"), transport.is_tls13(), "{}", transport.name());
        assert_eq!(text("padded"), format!("{}=", text("right")));

        let stranger = pem("CERTIFICATE", pki.foreign_root().certificate.der());
        let distrusted = export(&Target { ca: stranger.as_bytes(), ..target.clone() }).await;
        assert!(matches!(distrusted, Err(ExportError::Wire(_))));
        let nothing = export(&Target { ca: b"", ..target }).await;
        assert!(matches!(nothing, Err(ExportError::Given(what)) if what.contains("--ca")));
    }
}
