use tokio::io::{AsyncWriteExt, duplex};

use super::*;

/// What is heard of a server that says `said` and then closes, if it is asked with these methods one after the other.
async fn hear(said: &[u8], methods: &[&str]) -> Vec<Result<Final, String>> {
    let (mut server, client) = duplex(4096);
    let said = said.to_vec();
    let server = tokio::spawn(async move {
        // An error means that the client has had enough.
        let _ = server.write_all(&said).await;
    });
    let mut answers = Answers::new(client);
    let mut heard = Vec::new();
    for method in methods {
        heard.push(answers.next(method, |_| {}).await);
        assert!(answers.buffer.capacity() <= 2 * (HEAD_MAX + 2 * STEP), "{}", answers.buffer.capacity());
    }
    drop(answers);
    server.await.unwrap();
    heard
}

async fn hear_one(said: &[u8], method: &str) -> Result<Final, String> {
    hear(said, &[method]).await.remove(0)
}

#[tokio::test]
async fn the_content_ends_where_it_should() {
    for (said, method, content, goes_on) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"[..], "GET", &b"abc"[..], true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc", "GET", b"abc", true),
        (b"HTTP/1.1 200\nContent-Length: 0\n\n", "GET", b"", true),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "GET", b"a", false),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\na", "GET", b"a", false),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", "GET", b"to the end", false),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nall", "GET", b"all", false),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", b"", true),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", b"", true),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", b"", true),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", "GET", b"", false),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntunnel", "CONNECT", b"", false),
        (b"HTTP/1.1 401 No\r\nContent-Length: 1\r\n\r\nx", "CONNECT", b"x", true),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x, Chunked\r\n\r\n2;e=1\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
            "GET",
            b"abc",
            true,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", "GET", b"", false),
    ] {
        let heard = hear_one(said, method).await.unwrap_or_else(|e| panic!("{said:?}: {e}"));
        assert_eq!((&heard.answer.body[..], heard.goes_on), (content, goes_on), "{}", said.escape_ascii());
        assert!(!heard.answer.truncated);
    }
}

#[tokio::test]
async fn answers_come_one_after_the_other_with_interim_ones_before_them() {
    let said =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 401 No\r\nWWW-Authenticate: a\r\n\
        WWW-Authenticate: \xff\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nbHTTP";
    let mut answers = Answers::new(&said[..]);
    let mut interim = Vec::new();
    let first = answers.next("GET", |status| interim.push(status)).await.unwrap().answer;
    assert_eq!((first.status, &first.body[..], interim), (401, &b"a"[..], vec![100, 103]));
    let challenges = [("www-authenticate".to_owned(), b"a".to_vec()), ("www-authenticate".to_owned(), vec![0xff])];
    assert_eq!(first.fields[..2], challenges);
    let second = answers.next("GET", |_| panic!("no interim answer")).await.unwrap().answer;
    assert_eq!((second.status, &second.body[..]), (200, &b"b"[..]));
    // What was not asked for ends the connection.
    answers.idle().await;
    assert!(answers.next("GET", |_| {}).await.is_err());
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_and_costs_little() {
    let endless = |head: &str, piece: &str| [head.to_owned(), piece.repeat(1 << 20)].concat().into_bytes();
    for said in [
        Vec::new(),
        b"HTT".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n".to_vec(),
        b"\x15\x03\x03\0\x02\x02\x28".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"HTTP/2 200\r\n\r\n".to_vec(),
        b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 099 OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n".to_vec(),
        endless("", "\r\n"),
        endless("", "H"),
        endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        endless("HTTP/1.1 200 OK\r\nA: ", "b"),
        endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
        endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "e"),
        endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"),
        endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
        [b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(FIELDS_MAX + 1), b"\r\n".to_vec()].concat(),
    ] {
        let shown = said[..said.len().min(100)].escape_ascii().to_string();
        assert!(hear_one(&said, "GET").await.is_err(), "{shown}");
    }
}

#[tokio::test]
async fn a_huge_content_is_cut_and_ends_the_connection() {
    let much = vec![b'x'; ANSWER_READ_MAX + 1];
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    ] {
        let heard = hear_one(&[head.as_bytes(), &much].concat(), "GET").await.unwrap();
        assert_eq!((heard.answer.body.len(), heard.answer.truncated), (ANSWER_BODY_MAX, true), "{head}");
        assert!(!heard.goes_on);
    }
    let chunks = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"1\r\nx\r\n".repeat(1 << 20),
        b"0\r\n\r\n".to_vec(),
    ];
    let heard = hear_one(&chunks.concat(), "GET").await.unwrap();
    assert_eq!((heard.answer.body.len(), heard.answer.truncated), (ANSWER_BODY_MAX, true));
}
