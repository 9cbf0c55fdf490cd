//! Handshakes out of the ordinary: habits of servers, early data, ClientHellos that rustls does not send.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod support;

use std::sync::Arc;

use ekmcheck_parties::wire::*;
use support::{Event, LIMIT, Pki, Running, get};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

async fn running(pki: &Pki, habit: Habit) -> Running {
    Running::start(&prepare(ServerConfig { habit, ..pki.server() }).unwrap(), 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn early_data_is_taken_by_a_server_of_that_habit_alone() {
    let pki = Pki::new();
    for (habit, taken) in [(Habit::EarlyData, true), (Habit::Right, false)] {
        let mut running = running(&pki, habit).await;
        let settings = ClientSettings { resumption: true, ..pki.client(Version::Tls13, Alpn::Http1) };
        let tls = ClientTls::prepare(settings).unwrap();
        let mut first = running.connect(&tls).await.unwrap();
        running.opened().await;
        first.send(get("/")).await.unwrap();
        running.request().await;

        let early = ConnectOptions { early_data: true, timeout: LIMIT, ..ConnectOptions::default() };
        let mut second = connect(&tls, running.server.addr(), "localhost", early).await.unwrap();
        assert_eq!(second.is_early(), taken);
        for _ in 0..2 {
            assert_eq!(second.send(get("/")).await.unwrap().status, 200);
        }
        let here = second.finish().unwrap().clone();
        let there = running.opened().await;
        assert_eq!((here.early_data, there.early_data, here.kind), (taken, taken, Kind::Resumed));
        assert_eq!(here.exports, there.exports);
        assert_ne!(here.exports, first.established().exports);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_begun_by_a_server_of_that_habit_alone() {
    let pki = Pki::new();
    for (habit, hello, version) in [
        (Habit::OldVersions, Hello::Tls10, Some(0x0301)),
        (Habit::OldVersions, Hello::Tls11, Some(0x0302)),
        (Habit::OldVersions, Hello::Tls12WithoutExtendedMasterSecret, None),
        (Habit::Right, Hello::Tls10, None),
        (Habit::Right, Hello::Tls11, None),
    ] {
        let mut running = running(&pki, habit).await;
        let seen = greet(running.server.addr(), "localhost", hello, LIMIT).await.unwrap();
        match (version, seen) {
            (Some(wanted), FirstFlight::ServerHello { version, .. }) => assert_eq!(version, wanted),
            (None, FirstFlight::Alert(_)) => {}
            (_, seen) => panic!("{habit:?} {hello:?}: {seen:?}"),
        }
        // A service counts these attempts too.
        match running.next().await {
            Event::Failed(why) => assert!(!why.is_empty()),
            event => panic!("not failed: {event:?}"),
        }
    }
}

/// The ClientHello is one that a server goes on with, were it not for the extended master secret.
#[tokio::test]
async fn without_the_extended_master_secret_only_that_is_missing() {
    let pki = Pki::new();
    let identity = pki.identity("localhost", 2027);
    let PrivateKey::Der(key) = identity.key else { panic!("a key of another kind") };
    for (require_ems, goes_on) in [(true, false), (false, true)] {
        let mut config =
            rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(identity.chain.clone(), key.clone_key())
                .unwrap();
        config.require_ems = require_ems;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(tcp).await.map(drop)
        });
        let seen = greet(addr, "localhost", Hello::Tls12WithoutExtendedMasterSecret, LIMIT).await.unwrap();
        let expected = FirstFlight::ServerHello { version: 0x0303, extended_master_secret: false };
        assert_eq!(seen == expected, goes_on, "{seen:?}");
        assert!(server.await.unwrap().is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_go_on_without_a_certificate() {
    let pki = Pki::new();
    let mut running = running(&pki, Habit::OptionalCertificate).await;
    for (version, without_alpn) in [(Version::Tls12, false), (Version::Tls13, true)] {
        let settings = ClientSettings { identity: None, without_alpn, ..pki.client(version, Alpn::Http1) };
        let mut connection = running.connect(&ClientTls::prepare(settings).unwrap()).await.unwrap();
        let there = running.opened().await;
        assert!(there.peer_certificates.is_empty());
        assert_eq!(there.alpn.is_none(), without_alpn);
        assert_eq!(connection.send(get("/")).await.unwrap().status, 200);
        running.request().await;
        let addr = connection.local_addr();
        connection.close(How::Notify).await.unwrap();
        assert_eq!(running.closed().await, addr);
    }
}

/// In TLS 1.3 a client is through with the handshake before the server has seen its certificate: the refusal may come at any moment
/// after that, and each request must come to an end by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_behind_the_handshake_ends_every_request() {
    let pki = Pki::new();
    let running = running(&pki, Habit::Right).await;
    let addr = running.server.addr();
    for alpn in [Alpn::Http1, Alpn::Http2] {
        let stranger = Pki::new().identity("client", 2027);
        let settings = ClientSettings { identity: Some(stranger), ..pki.client(Version::Tls13, alpn) };
        let tls = ClientTls::prepare(settings).unwrap();
        let tries = (0..500_u32).map(|number| {
            let tls = Arc::clone(&tls);
            tokio::spawn(async move {
                let options = ConnectOptions { timeout: LIMIT, ..ConnectOptions::default() };
                match connect(&tls, addr, "localhost", options).await {
                    Ok(mut connection) => {
                        // At another moment each time.
                        for _ in 0..number % 97 {
                            tokio::task::yield_now().await;
                        }
                        connection.send(get("/")).await.unwrap_err()
                    }
                    Err(error) => error,
                }
            })
        });
        for refused in tries.collect::<Vec<_>>() {
            let error = refused.await.unwrap();
            assert!(!matches!(error, WireError::Timeout(_)), "{alpn:?}: {error:?}");
        }
    }
}
