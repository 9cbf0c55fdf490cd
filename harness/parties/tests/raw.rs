//! Raw connections against the server of the wire layer, and against servers that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the libraries need more of it")]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ekmcheck_parties::wire::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use support::{LIMIT, Pki, Running, get};

fn options() -> ConnectOptions {
    ConnectOptions { raw: true, ..ConnectOptions::default() }
}

fn request(method: &str, target: &str, content: Content) -> RawRequest {
    let fields = vec![("Host".to_owned(), b"rs.example".to_vec())];
    RawRequest { method: method.into(), target: target.into(), fields, content }
}

async fn connected(pki: &Pki, running: &Running, version: Version) -> Connection {
    let tls = ClientTls::prepare(pki.client(version, Alpn::Http1)).unwrap();
    connect(&tls, running.server.addr(), "localhost", options()).await.unwrap()
}

/// The only answer.
async fn one(connection: &Connection, request: RawRequest, pace: Pace) -> Heard {
    let mut heard = connection.sender().send_raw(vec![request], pace).await.unwrap();
    assert_eq!(heard.len(), 1);
    heard.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_connection_does_what_another_does() {
    let pki = Pki::new();
    let prepared = prepare(pki.server()).unwrap();
    for version in [Version::Tls12, Version::Tls13] {
        for how in [How::Notify, How::Fin, How::Reset] {
            let mut running = Running::start(&prepared, 0).await;
            let mut connection = connected(&pki, &running, version).await;
            assert_eq!(connection.established().exports, running.opened().await.exports);
            for size in [0, 70_000, 5] {
                if !connection.is_open() {
                    connection = connected(&pki, &running, version).await;
                }
                let answer = connection.send(get(&format!("/bytes/{size}"))).await.unwrap();
                assert_eq!((answer.status, answer.body.len()), (200, size.min(ANSWER_BODY_MAX)));
                assert_eq!(answer.truncated, size > ANSWER_BODY_MAX);
            }
            assert!(connection.is_open());
            connection.close(how).await.unwrap();
            running.server.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sends_what_a_library_does_not() {
    let pki = Pki::new();
    let mut running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    let connection = connected(&pki, &running, Version::Tls13).await;
    running.opened().await;

    let trailers = vec![("X-Late".to_owned(), b"1".to_vec()), ("X-Late".to_owned(), b"2".to_vec())];
    let chunked = request("POST", "/", Content::Chunked(Bytes::from_static(b"content"), trailers));
    assert_eq!(one(&connection, chunked, Pace::AtOnce).await.answer.unwrap().status, 200);
    let seen = running.request().await;
    assert_eq!(seen.trailers, [("x-late".to_owned(), b"1".to_vec()), ("x-late".to_owned(), b"2".to_vec())]);
    assert_eq!((&seen.body[..], seen.fields.iter().any(|(name, _)| name == "x-late")), (&b"content"[..], false));

    let content = Bytes::from(vec![b'x'; 40_000]);
    let heard = one(&connection, request("POST", "/", Content::Withheld(content.clone())), Pace::AtOnce).await;
    assert_eq!((heard.interim, heard.answer.unwrap().status), (vec![100], 200));
    assert_eq!(running.request().await.body, content);

    let absolute = request("GET", "https://other.example/p", Content::None);
    one(&connection, absolute, Pace::OctetByOctet).await.answer.unwrap();
    let seen = running.request().await;
    assert_eq!((seen.authority.as_deref(), &seen.path_and_query[..]), (Some("other.example"), "/p"));

    one(&connection, request("OPTIONS", "*", Content::None), Pace::AtOnce).await.answer.unwrap();
    assert_eq!(running.request().await.path_and_query, "*");

    let pipeline = ["/1", "/2", "/3"].map(|path| request("GET", path, Content::None)).to_vec();
    let heard = connection.sender().send_raw(pipeline, Pace::AtOnce).await.unwrap();
    let bodies: Vec<_> = heard.into_iter().map(|h| h.answer.unwrap().body).collect();
    assert_eq!(bodies, ["/1", "/2", "/3"]);
    assert!(connection.is_open());

    // The server ends the connection over this.
    let mut odd = request("GET", "/", Content::None);
    odd.fields.push(("X".to_owned(), b"a\0b".to_vec()));
    let heard =
        connection.sender().send_raw(vec![odd, request("GET", "/", Content::None)], Pace::AtOnce).await.unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].answer.as_ref().unwrap().status, 400);
    assert!(heard[1].answer.is_err() && !connection.is_open());
    let late = connection.sender().send_raw(vec![request("GET", "/", Content::None)], Pace::AtOnce).await;
    assert!(matches!(late, Err(WireError::NotProcessed { ended: true, .. })), "{late:?}");
}

#[tokio::test]
async fn only_http1_is_raw_and_only_a_raw_connection_sends_octets() {
    let pki = Pki::new();
    let running = Running::start(&prepare(pki.server()).unwrap(), 0).await;
    for alpn in [Alpn::Http2, Alpn::Http3] {
        let tls = ClientTls::prepare(pki.client(Version::Tls13, alpn)).unwrap();
        let error = connect(&tls, running.server.addr(), "localhost", options()).await.unwrap_err();
        assert!(matches!(error, WireError::Settings(_)), "{error}");
    }
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http1)).unwrap();
    let connection = running.connect(&tls).await.unwrap();
    let refused = connection.sender().send_raw(vec![request("GET", "/", Content::None)], Pace::AtOnce).await;
    assert!(matches!(refused, Err(WireError::NotExpressible(_))));
}

/// What is heard of a server that reads a head, says something and then does as `after` says, and how long it took.
async fn hear(
    content: Content,
    said: &'static [u8],
    after: impl AsyncFnOnce(TlsStream<TcpStream>) + Send + 'static,
) -> (Heard, Connection, Duration) {
    let pki = Pki::new();
    let identity = pki.identity("localhost", 2027);
    let PrivateKey::Der(key) = identity.key else { panic!("a key in DER") };
    let mut config = rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, key)
        .unwrap();
    config.alpn_protocols = vec![Alpn::Http1.identifier().to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http1)).unwrap();
    let options = ConnectOptions { timeout: Duration::from_secs(1), ..options() };
    let client = async {
        let connection = connect(&tls, addr, "localhost", options).await.unwrap();
        let begun = Instant::now();
        let heard = one(&connection, request("POST", "/", content), Pace::AtOnce).await;
        (heard, connection, begun.elapsed())
    };
    let server = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(said).await.unwrap();
        stream.flush().await.unwrap();
        after(stream).await;
    };
    tokio::time::timeout(LIMIT, async { tokio::join!(client, server).0 }).await.unwrap()
}

/// Reads until the client is gone.
async fn wait(mut stream: TlsStream<TcpStream>) {
    let mut scratch = [0; 1024];
    while stream.read(&mut scratch).await.is_ok_and(|n| n > 0) {}
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_no_more_than_the_time_allowed() {
    for said in
        [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 100 \r\n\r\n"]
    {
        let (heard, connection, took) = hear(Content::None, said, wait).await;
        assert_eq!(heard.answer, Err(WireError::Timeout(Stage::Answer)));
        assert!(took < Duration::from_secs(5) && !connection.is_open(), "{took:?}");
    }
    // One octet at a time, for ever.
    let (heard, ..) = hear(Content::None, b"HTTP/1.1 200 OK\r\nX: ", async |mut stream| {
        while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(heard.answer.is_err(), "{heard:?}");
}

#[tokio::test]
async fn an_early_end_is_heard_at_once() {
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] {
        let (heard, connection, took) = hear(Content::None, said, async |stream| drop(stream)).await;
        // Nothing of an answer came, or the beginning of one.
        match said {
            b"" => assert!(matches!(heard.answer, Err(WireError::NotProcessed { ended: true, .. })), "{heard:?}"),
            _ => assert!(matches!(heard.answer, Err(WireError::Http(_))), "{heard:?}"),
        }
        assert!(took < Duration::from_secs(1) && !connection.is_open(), "{took:?}");
    }
    let (heard, ..) = hear(Content::None, b"garbage", wait).await;
    assert!(matches!(heard.answer, Err(WireError::Http(_))), "{heard:?}");
}

#[tokio::test]
async fn withheld_content_goes_out_after_100_only() {
    const REFUSED: &[u8] = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    let content = || Content::Withheld(Bytes::from_static(b"content"));
    let (heard, connection, _) = hear(content(), REFUSED, async |mut stream| {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    })
    .await;
    assert_eq!((heard.interim, heard.answer.unwrap().status), (vec![], 401));
    // What would be sent next might be taken for the content.
    assert!(!connection.is_open());

    let (heard, connection, _) = hear(content(), b"HTTP/1.1 100 Continue\r\n\r\n", async |mut stream| {
        let mut sent = [0; 7];
        stream.read_exact(&mut sent).await.unwrap();
        assert_eq!(&sent, b"content");
        stream.write_all(b"HTTP/1.1 204 \r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
    })
    .await;
    assert_eq!((heard.interim, heard.answer.unwrap().status), (vec![100], 204));
    connection.ended().await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let (heard, connection, _) =
        hear(Content::None, b"HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", wait).await;
    assert_eq!(heard.answer.unwrap().status, 204);
    connection.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_arrive_as_such_in_every_version() {
    let pki = Pki::new();
    let prepared = prepare(pki.server()).unwrap();
    for alpn in [Alpn::Http1, Alpn::Http2, Alpn::Http3] {
        let (service, events) = support::Teller::new(0);
        let server = match alpn {
            Alpn::Http3 => serve_quic(Arc::clone(&prepared), service).await.unwrap(),
            _ => serve(Arc::clone(&prepared), service).await.unwrap(),
        };
        let mut running = Running { server, events };
        let tls = ClientTls::prepare(pki.client(Version::Tls13, alpn)).unwrap();
        let options = ConnectOptions { raw: alpn == Alpn::Http1, ..ConnectOptions::default() };
        let mut connection = connect(&tls, running.server.addr(), "localhost", options).await.unwrap();
        running.opened().await;
        for body in [&b"content"[..], b""] {
            let trailers = vec![("x-late".to_owned(), b"1".to_vec()), ("x-late".to_owned(), b"2".to_vec())];
            let late = OutgoingRequest { method: "POST".into(), body: body.into(), trailers, ..get("/") };
            assert_eq!(connection.send(late.clone()).await.unwrap().status, 200, "{alpn:?}");
            let seen = running.request().await;
            assert_eq!((&seen.trailers, &seen.body[..]), (&late.trailers, body), "{alpn:?}");
            assert!(seen.fields.iter().all(|(name, _)| name != "x-late"));
            connection.send(get("/")).await.unwrap();
            assert_eq!(running.request().await.trailers, []);
        }
    }
    // The library has no trailer section without chunks.
    let running = Running::start(&prepared, 0).await;
    let tls = ClientTls::prepare(pki.client(Version::Tls13, Alpn::Http1)).unwrap();
    let late = OutgoingRequest { trailers: vec![("x".into(), vec![])], ..get("/") };
    let error = running.connect(&tls).await.unwrap().send(late).await.unwrap_err();
    assert!(matches!(error, WireError::NotExpressible(_)), "{error}");
}
