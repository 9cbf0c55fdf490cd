//! The wire layer, both sides against each other over real TLS.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ekmcheck_parties::wire::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use support::{Event, LIMIT, Pki, Running, get};

const ALL: [(Version, Alpn); 4] = [
    (Version::Tls12, Alpn::Http1),
    (Version::Tls12, Alpn::Http2),
    (Version::Tls13, Alpn::Http1),
    (Version::Tls13, Alpn::Http2),
];
const HOWS: [How; 3] = [How::Notify, How::Fin, How::Reset];

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_export_the_same_and_an_absent_context_is_another_one_in_tls12_only() {
    let pki = Pki::new();
    let prepared = prepare(pki.server()).unwrap();
    for (version, alpn) in ALL {
        let mut running = Running::start(&prepared, 0).await;
        let settings = pki.client(version, alpn);
        let certificate = settings.identity.clone().unwrap().chain;
        let tls = ClientTls::prepare(settings).unwrap();
        let mut connection = running.connect(&tls).await.unwrap();
        let (here, there) = (connection.established().clone(), running.opened().await);
        assert_eq!((here.version, here.alpn, here.kind), (version, Some(alpn), Kind::Full));
        assert_eq!((there.version, there.alpn, there.kind), (version, Some(alpn), Kind::Full));
        assert_eq!((&here.exports, &here.suite), (&there.exports, &there.suite));
        assert_eq!(there.peer_certificates, certificate);
        assert_eq!(here.export("absent").unwrap().len(), 32);
        assert_eq!(here.export("absent") == here.export("empty"), version == Version::Tls13, "{version:?}");

        let answer = connection.send(get("/a?b=c")).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"/a?b=c"[..]));
        let fields: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "x-one").map(|(_, v)| &v[..]).collect();
        assert_eq!(fields, [b"1", b"2"]);
        let request = running.request().await;
        assert_eq!(request.authority.as_deref(), Some("rs.example"));
        assert_eq!((request.method.as_str(), request.scheme_is_https), ("GET", true));
        connection.close(How::Notify).await.unwrap();
        running.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_one_name_arrive_separately_in_order_and_as_they_are() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        let mut connection = running.connect(&tls).await.unwrap();
        running.opened().await;
        let mut request = get("/");
        for value in ["two", "one", "", " \tpadded\t ", "two", "\u{e9}"] {
            request.fields.push(("X-Probe".into(), value.into()));
        }
        connection.send(request.clone()).await.unwrap();
        let seen = running.request().await.fields;
        let seen: Vec<_> = seen.into_iter().filter(|(name, _)| name == "x-probe").map(|(_, value)| value).collect();
        // HTTP/1.1 has white space around a value that is not part of it.
        let padded = if alpn == Alpn::Http1 { "padded" } else { " \tpadded\t " };
        assert_eq!(seen, ["two", "one", "", padded, "two", "\u{e9}"].map(|value| value.as_bytes().to_vec()));

        request.fields.push(("x-probe".into(), b"a\nb".to_vec()));
        let error = connection.send(request).await.unwrap_err();
        assert!(matches!(error, WireError::NotExpressible(_)), "{error}");
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
    }
}

/// A TLS server that takes one connection from anyone and leaves what is above TLS to the test.
async fn accept_one(pki: &Pki, alpn: Alpn) -> (SocketAddr, JoinHandle<TlsStream<TcpStream>>) {
    let identity = pki.identity("localhost", 2027);
    let PrivateKey::Der(key) = identity.key else { panic!("a key in DER") };
    let mut config = rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, key)
        .unwrap();
    config.alpn_protocols = vec![alpn.identifier().to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let accepted = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap()
    });
    (addr, accepted)
}

/// What an HTTP/1.1 client writes, up to the end of the fields.
async fn bytes_on_the_wire(pki: &Pki, options: ConnectOptions, request: OutgoingRequest) -> String {
    let (addr, accepted) = accept_one(pki, Alpn::Http1).await;
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http1)).unwrap();
    let mut connection = connect(&tls, addr, "localhost", options).await.unwrap();
    let server = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        (String::from_utf8(seen).unwrap(), stream)
    });
    assert_eq!(connection.send(request).await.unwrap().status, 204);
    server.await.unwrap().0
}

#[tokio::test]
async fn http1_writes_names_in_the_chosen_case_and_white_space_as_given() {
    let pki = Pki::new();
    let mut request = get("/p?q");
    request.fields = vec![("x-One".into(), b" \tv\t ".to_vec()), ("x-two".into(), b"".to_vec())];
    let title = bytes_on_the_wire(&pki, ConnectOptions::default(), request.clone()).await;
    assert_eq!(title, "GET /p?q HTTP/1.1\r\nHost: rs.example\r\nX-One:  \tv\t \r\nX-Two: \r\n\r\n");
    let lower = ConnectOptions { lower_case_fields: true, ..ConnectOptions::default() };
    let lower = bytes_on_the_wire(&pki, lower, request).await;
    assert_eq!(lower, "GET /p?q HTTP/1.1\r\nhost: rs.example\r\nx-one:  \tv\t \r\nx-two: \r\n\r\n");
}

#[tokio::test]
async fn the_three_ways_of_closing_differ_on_the_wire() {
    let pki = Pki::new();
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        for how in HOWS {
            let (addr, accepted) = accept_one(&pki, alpn).await;
            let connection = connect(&tls, addr, "localhost", ConnectOptions::default()).await.unwrap();
            let mut stream = accepted.await.unwrap();
            connection.close(how).await.unwrap();
            let end = stream.read_to_end(&mut Vec::new()).await.map_err(|error| error.kind());
            match how {
                How::Notify => assert!(end.is_ok(), "{end:?}"),
                How::Fin => assert_eq!(end, Err(ErrorKind::UnexpectedEof)),
                How::Reset => assert_eq!(end, Err(ErrorKind::ConnectionReset)),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_for_a_silent_peer() {
    let pki = Pki::new();
    let short = Duration::from_millis(50);
    let limits = Limits { handshake: short, ..Limits::default() };
    let mut running = Running::start(&prepare(ServerConfig { limits, ..pki.server() }).unwrap(), 0).await;
    let _silent = TcpStream::connect(running.server.addr()).await.unwrap();
    assert!(matches!(running.next().await, Event::Failed(text) if text == "time is over"));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions { timeout: short, ..ConnectOptions::default() };
    for alpn in [Alpn::Http1, Alpn::Http2] {
        let tls = ClientTls::prepare(pki.client(Version::Tls13, alpn)).unwrap();
        let addr = listener.local_addr().unwrap();
        let error = connect(&tls, addr, "localhost", options.clone()).await.unwrap_err();
        assert_eq!(error, WireError::Timeout(Stage::Handshake));

        let (addr, accepted) = accept_one(&pki, alpn).await;
        let options = ConnectOptions { timeout: Duration::from_secs(1), ..ConnectOptions::default() };
        let mut connection = connect(&tls, addr, "localhost", options).await.unwrap();
        let _silent = accepted.await.unwrap();
        assert_eq!(connection.send(get("/")).await.unwrap_err(), WireError::Timeout(Stage::Answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_updates_of_either_side_change_no_export_and_no_request_fails() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        let mut connection = running.connect(&tls).await.unwrap();
        let exports = running.opened().await.exports;
        connection.send(get("/before")).await.unwrap();
        let (here, there) = (connection.rekeyer(), running.server.rekeyers().remove(0));
        here.request(2);
        running.server.rekey_all(3);
        for _ in 0..2 {
            assert_eq!(connection.send(get("/after")).await.unwrap().status, 200);
        }
        for (side, n) in [(here, 2), (there, 3)] {
            if version == Version::Tls13 {
                assert_eq!((side.done(), side.last_error()), (n, None));
                assert_eq!(side.exports(), exports);
            } else {
                assert_eq!((side.done(), side.last_error().is_some()), (0, true));
            }
        }
        for _ in 0..3 {
            running.request().await;
        }
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
        running.server.drained().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_has_other_exports() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(ClientSettings { resumption: true, ..pki.client(version, alpn) }).unwrap();
        let mut seen = Vec::new();
        for (tls, kind) in [(&tls, Kind::Full), (&tls, Kind::Resumed), (&tls.forgetful(), Kind::Full)] {
            let mut connection = running.connect(tls).await.unwrap();
            let there = running.opened().await;
            assert_eq!((connection.established().kind, there.kind), (kind, kind), "{version:?}");
            assert_eq!(connection.established().exports, there.exports);
            assert_eq!(there.peer_certificates.len(), 1);
            assert!(!seen.contains(&there.exports));
            seen.push(there.exports);
            // The tickets of TLS 1.3 come ahead of the answer.
            connection.send(get("/")).await.unwrap();
            running.request().await;
            connection.close(How::Notify).await.unwrap();
            running.closed().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_retry_and_cipher_suite_are_the_choice_of_the_client() {
    use rustls::CipherSuite::{TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256};
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, suite, force_hello_retry, kind) in [
        (Version::Tls13, TLS13_CHACHA20_POLY1305_SHA256, true, Kind::HelloRetry),
        (Version::Tls12, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, false, Kind::Full),
    ] {
        let settings = pki.client(version, Alpn::Http2);
        let settings = ClientSettings { force_hello_retry, suite: Some(suite), ..settings };
        let wrong = if version == Version::Tls12 { Version::Tls13 } else { Version::Tls12 };
        let error = ClientTls::prepare(ClientSettings { version: wrong, ..settings.clone() }).unwrap_err();
        assert!(matches!(error, WireError::Settings(_)));
        let tls = ClientTls::prepare(settings).unwrap();
        for _ in 0..2 {
            let connection = running.connect(&tls).await.unwrap();
            let (here, there) = (connection.established(), running.opened().await);
            assert_eq!((here.kind, there.kind), (kind, kind));
            assert_eq!((here.suite.as_str(), there.suite.as_str()), (suite.as_str().unwrap(), suite.as_str().unwrap()));
            assert_eq!(here.exports, there.exports);
            connection.close(How::Notify).await.unwrap();
            running.closed().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_ready_go_behind_the_others() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    let ready = [(http::HeaderName::from_static("x-ready"), http::HeaderValue::from_static("1"))];
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        let connection = running.connect(&tls).await.unwrap();
        running.opened().await;
        for _ in 0..2 {
            let request = OutgoingRequest { fields: vec![("x-own".into(), b"0".to_vec())], ..get("/") };
            connection.sender().send_with(request, &ready).await.unwrap();
            let fields = running.request().await.fields;
            let ours: Vec<_> = fields.iter().filter(|(name, _)| name.starts_with("x-")).collect();
            assert_eq!(ours, [&("x-own".to_owned(), b"0".to_vec()), &("x-ready".to_owned(), b"1".to_vec())]);
        }
        connection.close(How::Reset).await.unwrap();
        running.closed().await;
    }
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http1)).unwrap();
    let options = ConnectOptions { raw: true, ..ConnectOptions::default() };
    let raw = connect(&tls, running.server.addr(), "localhost", options).await.unwrap();
    let error = raw.sender().send_with(get("/"), &ready).await.unwrap_err();
    assert!(matches!(error, WireError::NotExpressible(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reset_the_same_source_port_connects_again() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        let (mut source_port, mut last, mut came_again) = (None, Vec::new(), 0);
        for _ in 0..4 {
            let options = ConnectOptions { source_port, ..ConnectOptions::default() };
            let mut connection = match connect(&tls, running.server.addr(), "localhost", options).await {
                // Another test may have been given the port.
                Err(WireError::Connect(_)) if source_port.take().is_some() => continue,
                other => other.unwrap(),
            };
            came_again += usize::from(source_port.is_some());
            let there = running.opened().await;
            connection.send(get("/")).await.unwrap();
            running.request().await;
            let local = connection.local_addr();
            assert!(source_port.is_none_or(|port| port == local.port()));
            source_port = Some(local.port());
            assert_ne!(there.exports, last);
            last = there.exports;
            connection.close(How::Reset).await.unwrap();
            assert_eq!(running.closed().await, local);
        }
        assert!(came_again > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_connection_is_told_exactly_once() {
    let pki = Pki::new();
    let prepared = prepare(pki.server()).unwrap();
    for (version, alpn) in ALL {
        let mut running = Running::start(&prepared, 0).await;
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        for (how, used) in HOWS.into_iter().flat_map(|how| [(how, false), (how, true)]) {
            let mut connection = running.connect(&tls).await.unwrap();
            running.opened().await;
            assert_eq!((running.server.connections(), running.server.rekeyers().len()), (1, 1));
            if used {
                connection.send(get("/")).await.unwrap();
                running.request().await;
            }
            let (sender, local) = (connection.sender(), connection.local_addr());
            assert!(connection.is_open());
            connection.close(how).await.unwrap();
            assert_eq!(running.closed().await, local);
            assert!(matches!(sender.send(get("/")).await, Err(WireError::NotProcessed { ended: true, .. })));
            running.server.drained().await;
            assert_eq!(running.server.connections(), 0);
        }
        let dropped = running.connect(&tls).await.unwrap();
        running.opened().await;
        drop(dropped);
        running.closed().await;
        ends_with_its_server(&prepared, &tls, false).await;
        ends_with_its_server(&prepared, &tls, true).await;
        let Running { server, mut events } = running;
        server.shutdown().await;
        assert!(events.recv().await.is_none());
    }
}

async fn ends_with_its_server(prepared: &Arc<Prepared>, tls: &Arc<ClientTls>, dropped: bool) {
    let mut running = Running::start(prepared, 0).await;
    let connections = [running.connect(tls).await.unwrap(), running.connect(tls).await.unwrap()];
    running.opened().await;
    running.opened().await;
    let Running { server, mut events } = running;
    if dropped {
        drop(server);
    } else {
        server.shutdown().await;
    }
    for connection in connections {
        tokio::time::timeout(LIMIT, connection.ended()).await.unwrap();
        assert!(!connection.is_open());
    }
    let mut closed = Vec::new();
    // The channel ends when the last holder of the service is gone.
    while let Some(event) = tokio::time::timeout(LIMIT, events.recv()).await.unwrap() {
        let Event::Closed(peer) = event else { panic!("{event:?}") };
        assert!(!closed.contains(&peer));
        closed.push(peer);
    }
    assert_eq!(closed.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_learns_the_alert() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    let expired = pki.identity("client", 2026);
    let cases = [(None, "CertificateRequired"), (Some(expired), "CertificateExpired")];
    for ((version, alpn), (identity, alert)) in ALL.into_iter().flat_map(|all| cases.clone().map(|case| (all, case))) {
        let tls = ClientTls::prepare(ClientSettings { identity, ..pki.client(version, alpn) }).unwrap();
        for _ in 0..10 {
            let error = match running.connect(&tls).await {
                Ok(mut connection) => connection.send(get("/")).await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.alert(), Some(alert), "{version:?} {alpn:?}: {error}");
            assert!(error.to_string().contains(alert), "{error}");
            match (running.next().await, alert) {
                (Event::Failed(text), "CertificateRequired") => assert_eq!(text, "peer sent no certificates"),
                (Event::Failed(text), _) => assert!(text.contains("expired"), "{text}"),
                (event, _) => panic!("not failed: {event:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_streams_run_in_parallel_and_http1_requests_one_after_another() {
    let pki = Pki::new();
    let prepared = prepare(pki.server()).unwrap();
    for (version, alpn) in ALL {
        // Over HTTP/2 no request is answered before all five are there.
        let mut running = Running::start(&prepared, if alpn == Alpn::Http2 { 5 } else { 0 }).await;
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        let connection = running.connect(&tls).await.unwrap();
        running.opened().await;
        let mut requests = tokio::task::JoinSet::new();
        for n in 0..5 {
            let sender = connection.sender();
            requests.spawn(async move { (n, sender.send(get(&format!("/{n}"))).await.unwrap()) });
        }
        for (n, answer) in requests.join_all().await {
            assert_eq!((answer.status, &answer.body[..]), (200, format!("/{n}").as_bytes()));
        }
        assert_eq!(running.server.connections(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_are_bounded_on_both_sides() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for (version, alpn) in ALL {
        let tls = ClientTls::prepare(pki.client(version, alpn)).unwrap();
        for (size, truncated) in [(ANSWER_BODY_MAX, false), (ANSWER_BODY_MAX + 1, true), (20 * ANSWER_BODY_MAX, true)] {
            let mut connection = running.connect(&tls).await.unwrap();
            running.opened().await;
            let answer = connection.send(get(&format!("/bytes/{size}"))).await.unwrap();
            assert_eq!((answer.body.len(), answer.truncated), (ANSWER_BODY_MAX, truncated));
            running.request().await;
            connection.close(How::Fin).await.unwrap();
            running.closed().await;
        }
        let mut connection = running.connect(&tls).await.unwrap();
        running.opened().await;
        let limit = Limits::default().content_bytes;
        for (size, status) in [(limit, 200), (limit + 1, 413)] {
            let body = vec![0_u8; size].into();
            let post = OutgoingRequest { method: "POST".into(), body, ..get("/") };
            assert_eq!(connection.send(post).await.unwrap().status, status);
        }
        assert_eq!(running.request().await.body.len(), limit);
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
    }
}
