//! The wire layer over QUIC, both sides against each other.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use ekmcheck_parties::wire::*;

use support::{Event, LIMIT, Pki, Running, Teller, get};

fn client(pki: &Pki) -> ClientSettings {
    pki.client(Version::Tls13, Alpn::Http3)
}

async fn start(prepared: &Arc<Prepared>, meeting: usize) -> Running {
    let (service, events) = Teller::new(meeting);
    Running { server: serve_quic(Arc::clone(prepared), service).await.unwrap(), events }
}

async fn start_with(pki: &Pki, limits: Limits) -> Running {
    start(&prepare(ServerConfig { limits, ..pki.server() }).unwrap(), 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_export_the_same_and_an_absent_context_is_an_empty_one() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let settings = client(&pki);
    let certificate = settings.identity.clone().unwrap().chain;
    let mut connection = running.connect(&ClientTls::prepare(settings).unwrap()).await.unwrap();
    let (here, there) = (connection.established().clone(), running.opened().await);
    assert_eq!((here.version, here.alpn, here.kind), (Version::Tls13, Some(Alpn::Http3), Kind::Full));
    assert_eq!((there.version, there.alpn, there.kind), (Version::Tls13, Some(Alpn::Http3), Kind::Full));
    assert_eq!((&here.exports, &here.suite), (&there.exports, &there.suite));
    assert!(here.suite.starts_with("TLS13_"), "{}", here.suite);
    assert_eq!(there.peer_certificates, certificate);
    assert_eq!(here.export("absent").unwrap().len(), 32);
    assert_eq!(here.export("absent"), here.export("empty"));

    let answer = connection.send(get("/a?b=c")).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"/a?b=c"[..]));
    let fields: Vec<_> = answer.fields.iter().filter(|(name, _)| name == "x-one").map(|(_, v)| &v[..]).collect();
    assert_eq!(fields, [b"1", b"2"]);
    let request = running.request().await;
    assert_eq!(request.authority.as_deref(), Some("rs.example"));
    assert!(request.fields.iter().all(|(name, _)| name != "host"), "the authority stands in the URI: {request:?}");
    assert_eq!((request.method.as_str(), request.scheme_is_https), ("GET", true));
    assert_eq!(request.path_and_query, "/a?b=c");
    running.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_arrive_as_they_are_and_a_host_field_of_another_authority_is_not_sent() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let mut connection = running.connect(&ClientTls::prepare(client(&pki)).unwrap()).await.unwrap();
    running.opened().await;
    let mut request = get("/");
    for value in ["two", "one", "", "two", "\u{e9}"] {
        request.fields.push(("X-Probe".into(), value.into()));
    }
    connection.send(request.clone()).await.unwrap();
    let seen = running.request().await.fields;
    let seen: Vec<_> = seen.into_iter().filter(|(name, _)| name == "x-probe").map(|(_, value)| value).collect();
    assert_eq!(seen, ["two", "one", "", "two", "\u{e9}"].map(|value| value.as_bytes().to_vec()));

    for field in [("x-probe", "a\nb"), ("Host", "other.example")] {
        let mut request = request.clone();
        request.fields.push((field.0.into(), field.1.into()));
        let error = connection.send(request).await.unwrap_err();
        assert!(matches!(error, WireError::NotExpressible(_)), "{error}");
    }
    connection.send(get("/still")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_and_another_connection_id_leave_the_exports_and_the_connection() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let mut connection = running.connect(&ClientTls::prepare(client(&pki)).unwrap()).await.unwrap();
    let there = running.opened().await;
    // Once over every way; the service hears of no other connection.
    let mut ports = HashSet::from([connection.local_addr().port()]);
    for n in 0..3 {
        connection.rebind().await.unwrap();
        assert!(ports.insert(connection.local_addr().port()), "another port than before");
        connection.send(get("/moved")).await.unwrap();
        running.request().await;
        connection.rotate_id().await.unwrap();
        connection.send(get("/rotated")).await.unwrap();
        running.request().await;
        assert_eq!(connection.established().exports, there.exports);
        // A key update has the values exported again.
        if n == 2 {
            let keys = connection.rekeyer();
            keys.update(LIMIT).await.unwrap();
            assert_eq!((keys.done(), keys.exports()), (1, there.exports.clone()));
        }
    }
    assert_eq!(running.server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_quic_can_move() {
    let pki = Pki::new();
    let running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http2)).unwrap();
    let mut connection = running.connect(&tls).await.unwrap();
    assert!(matches!(connection.rebind().await, Err(WireError::OnlyQuic(_))));
    assert!(matches!(connection.rotate_id().await, Err(WireError::OnlyQuic(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn key_updates_of_either_side_change_no_export_and_come_one_at_a_time() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let tls = ClientTls::prepare(client(&pki)).unwrap();
    for by_server in [false, true] {
        let mut connection = running.connect(&tls).await.unwrap();
        let exports = running.opened().await.exports;
        connection.send(get("/before")).await.unwrap();
        running.request().await;
        let keys = if by_server { running.server.rekeyers().remove(0) } else { connection.rekeyer() };
        assert_eq!((keys.done(), keys.exports()), (0, vec![]));
        keys.update(LIMIT).await.unwrap();
        assert_eq!((keys.done(), keys.last_error(), keys.exports()), (1, None, exports));
        keys.request(1);
        assert_eq!(keys.done(), 1);
        assert!(keys.last_error().unwrap().contains("one at a time"));
        for _ in 0..2 {
            assert_eq!(connection.send(get("/after")).await.unwrap().status, 200);
            running.request().await;
        }
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
        running.server.drained().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_resumed_connections_have_other_exports() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let tls = ClientTls::prepare(ClientSettings { resumption: true, ..client(&pki) }).unwrap();
    let mut seen = Vec::new();
    for (tls, kind) in [(&tls, Kind::Full), (&tls, Kind::Resumed), (&tls.forgetful(), Kind::Full)] {
        let mut connection = running.connect(tls).await.unwrap();
        let there = running.opened().await;
        assert_eq!((connection.established().kind, there.kind), (kind, kind));
        assert_eq!(connection.established().exports, there.exports);
        assert_eq!(there.peer_certificates.len(), 1);
        assert!(!seen.contains(&there.exports));
        seen.push(there.exports);
        // The tickets come ahead of the answer.
        connection.send(get("/")).await.unwrap();
        running.request().await;
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_retry_and_cipher_suite_are_the_choice_of_the_client() {
    use rustls::CipherSuite::{TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256};
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    for (suite, force_hello_retry, kind) in
        [(TLS13_CHACHA20_POLY1305_SHA256, true, Kind::HelloRetry), (TLS13_AES_256_GCM_SHA384, false, Kind::Full)]
    {
        let settings = ClientSettings { force_hello_retry, suite: Some(suite), ..client(&pki) };
        let mut connection = running.connect(&ClientTls::prepare(settings).unwrap()).await.unwrap();
        let there = running.opened().await;
        let here = connection.established();
        assert_eq!((here.kind, there.kind), (kind, kind));
        assert_eq!((here.suite.as_str(), there.suite.as_str()), (suite.as_str().unwrap(), suite.as_str().unwrap()));
        assert_eq!(here.exports, there.exports);
        connection.send(get("/")).await.unwrap();
        running.request().await;
        connection.close(How::Notify).await.unwrap();
        running.closed().await;
    }
}

#[tokio::test]
async fn quic_is_not_for_tls12() {
    let pki = Pki::new();
    let error = ClientTls::prepare(pki.client(Version::Tls12, Alpn::Http3)).unwrap_err();
    assert!(matches!(error, WireError::Settings(_)), "{error}");
    let prepared = prepare(ServerConfig { versions: vec![Version::Tls12], ..pki.server() }).unwrap();
    let error = serve_quic(prepared, Teller::new(0).0).await.unwrap_err();
    assert!(matches!(error, WireError::Settings(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_connection_is_told_exactly_once() {
    let pki = Pki::new();
    // A silent end is found out when this time is over.
    let limits = Limits { idle: Duration::from_millis(400), ..Limits::default() };
    let prepared = prepare(ServerConfig { limits, ..pki.server() }).unwrap();
    let mut running = start(&prepared, 0).await;
    let tls = ClientTls::prepare(client(&pki)).unwrap();
    let hows = [How::Notify, How::Fin, How::Reset];
    for (how, used) in hows.into_iter().flat_map(|how| [(how, false), (how, true)]) {
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
        assert!(matches!(sender.send(get("/")).await, Err(WireError::Http(_) | WireError::NotProcessed { .. })));
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

async fn ends_with_its_server(prepared: &Arc<Prepared>, tls: &Arc<ClientTls>, dropped: bool) {
    let mut running = start(prepared, 0).await;
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
async fn after_a_silent_end_the_same_source_port_connects_again() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let tls = ClientTls::prepare(client(&pki)).unwrap();
    let (mut source_port, mut seen, mut came_again) = (None, Vec::new(), 0);
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
        assert!(!seen.contains(&there.exports));
        seen.push(there.exports);
        connection.close(How::Reset).await.unwrap();
    }
    // The server has heard nothing of the ends.
    assert_eq!(running.server.connections(), seen.len());
    assert!(came_again > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_learns_the_alert() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let expired = pki.identity("client", 2026);
    for (identity, alert) in [(None, "CertificateRequired"), (Some(expired), "CertificateExpired")] {
        let tls = ClientTls::prepare(ClientSettings { identity, ..client(&pki) }).unwrap();
        for _ in 0..10 {
            let error = match running.connect(&tls).await {
                Ok(mut connection) => connection.send(get("/")).await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.alert(), Some(alert), "{error}");
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
async fn nobody_waits_for_ever_for_a_silent_peer() {
    let pki = Pki::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tls = ClientTls::prepare(client(&pki)).unwrap();
    let options = ConnectOptions { timeout: Duration::from_millis(50), ..ConnectOptions::default() };
    let error = connect(&tls, silent.local_addr().unwrap(), "localhost", options).await.unwrap_err();
    assert_eq!(error, WireError::Timeout(Stage::Handshake));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_run_in_parallel() {
    let pki = Pki::new();
    // No request is answered before all five are there.
    let mut running = start(&prepare(pki.server()).unwrap(), 5).await;
    let connection = running.connect(&ClientTls::prepare(client(&pki)).unwrap()).await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn contents_are_bounded_on_both_sides() {
    let pki = Pki::new();
    let mut running = start_with(&pki, Limits::default()).await;
    let mut connection = running.connect(&ClientTls::prepare(client(&pki)).unwrap()).await.unwrap();
    running.opened().await;
    for (size, truncated) in [(ANSWER_BODY_MAX, false), (ANSWER_BODY_MAX + 1, true), (20 * ANSWER_BODY_MAX, true)] {
        let answer = connection.send(get(&format!("/bytes/{size}"))).await.unwrap();
        assert_eq!((answer.body.len(), answer.truncated), (ANSWER_BODY_MAX, truncated));
        running.request().await;
    }
    let limit = Limits::default().content_bytes;
    for (size, status) in [(limit, 200), (limit + 1, 413), (100 * limit, 413)] {
        let body = vec![0_u8; size].into();
        let post = OutgoingRequest { method: "POST".into(), body, ..get("/") };
        assert_eq!(connection.send(post).await.unwrap().status, status);
    }
    assert_eq!(running.request().await.body.len(), limit);
    let mut long = get("/");
    long.fields.push(("x-long".into(), vec![b'x'; Limits::default().head_bytes]));
    // h3 keeps to what the server said it takes, and the server to it if it was not told in time.
    match connection.send(long).await {
        Ok(answer) => assert_eq!(answer.status, 431),
        Err(error) => assert!(error.to_string().contains("too big"), "{error}"),
    }
}
