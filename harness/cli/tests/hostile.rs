//! Servers that mean ill, or are out of their minds: the run ends, nothing panics, and what was found is kept.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use common::{Done, Scratch};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::Value;

/// What the server sees of a client: octets, after TLS.
type Tls = StreamOwned<ServerConnection, TcpStream>;

/// What it does about the n-th request of all, from 0, whose head was read. Whether the connection goes on.
type Deed = fn(&mut Tls, usize) -> bool;

/// Answers with the certificate of the bundle until so many connections were taken, and then with one that has expired.
struct Server {
    deed: Deed,
    right_certificates: usize,
    /// What it knows of ALPN; empty if nothing.
    alpn: &'static str,
    /// Where it listens.
    at: &'static str,
}

fn settings(scratch: &Scratch, name: &str, alpn: &str) -> Arc<ServerConfig> {
    let file = |name: &str| scratch.0.join("bundle").join(name);
    let certificates = |name: &str| CertificateDer::pem_file_iter(file(name)).unwrap().map(Result::unwrap);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    certificates("server/client-ca.pem").for_each(|root| roots.add(root).unwrap());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).unwrap();
    let chain = certificates(&format!("{name}.pem")).collect();
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut settings = builder.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
    settings.alpn_protocols = alpn.split_terminator(' ').map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(settings)
}

impl Server {
    fn of(deed: Deed, right_certificates: usize) -> Self {
        Self { deed, right_certificates, alpn: "http/1.1", at: "127.0.0.1:0" }
    }

    /// Serves until the process of the test ends; returns the port.
    fn start(self, scratch: &Scratch) -> u16 {
        let right = settings(scratch, "server/server", self.alpn);
        let expired = settings(scratch, "harness/expired", self.alpn);
        let listener = TcpListener::bind(self.at).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let requests = Arc::new(AtomicUsize::new(0));
            for (number, tcp) in listener.incoming().enumerate() {
                let settings = if number < self.right_certificates { &right } else { &expired };
                let mut stream = StreamOwned::new(ServerConnection::new(settings.clone()).unwrap(), tcp.unwrap());
                let (deed, requests) = (self.deed, requests.clone());
                thread::spawn(move || {
                    while head(&mut stream) && deed(&mut stream, requests.fetch_add(1, Ordering::Relaxed)) {}
                });
            }
        });
        port
    }
}

/// Reads the head of a request; false at the end of the connection.
fn head(stream: &mut Tls) -> bool {
    let mut seen = Vec::new();
    let mut octet = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut octet) {
            Ok(1) => seen.push(octet[0]),
            _ => return false,
        }
    }
    true
}

/// Writes it; whether the client still listens.
fn say(stream: &mut Tls, text: &str) -> bool {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).is_ok()
}

fn answer(stream: &mut Tls, status: &str, fields: &str) -> bool {
    say(stream, &format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n"))
}

const REFUSED: &str = "WWW-Authenticate: Bearer error=\"invalid_proof\"\r\n";

/// A folder with `plan.toml` for a server that does this.
fn planned(test: &str, deed: Deed, right_certificates: usize) -> Scratch {
    planned_for(test, Server::of(deed, right_certificates), "tls13-h1").0
}

/// The same on a transport, with the server's port.
fn planned_for(test: &str, server: Server, transport: &str) -> (Scratch, u16) {
    let scratch = Scratch::new(&format!("hostile-{test}"));
    assert_eq!(scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).status, 0);
    let port = server.start(&scratch);
    scratch.write(
        "plan.toml",
        format!(
            "[subject]\nname = \"{test}\"\n[target]\nurl = \"https://localhost:{port}\"\nbundle = \"bundle\"\n\
             transports = [\"{transport}\"]\n[limits]\nstep_seconds = 1\n"
        ),
    );
    (scratch, port)
}

/// Plays five cases on a server that does this; the doctor, who would stop the run, is not asked.
fn run(test: &str, deed: Deed, right_certificates: usize) -> (Scratch, Done) {
    let scratch = planned(test, deed, right_certificates);
    let words = ["run", "plan.toml", "--skip-doctor", "--transcripts", "all", "--report", "report", "--jobs", "1"];
    let cases = ["rs.exporter.of-another-connection", "rs.typ.missing", "rs.accept.valid", "rs.jti.empty"];
    let filters = cases.iter().flat_map(|case| ["--filter", case]);
    let done = scratch.ekmcheck(&words.into_iter().chain(filters).collect::<Vec<_>>());
    assert!(!done.err.contains("panicked"), "{}", done.err);
    (scratch, done)
}

/// All reports are there, and every case that was selected has a verdict in them.
fn kept(scratch: &Scratch) -> Vec<(String, String)> {
    let report = scratch.json("report/report.json");
    for name in ["report.html", "junit.xml", "summary.md", "transcripts.ndjson"] {
        assert!(!scratch.read(&format!("report/{name}")).is_empty(), "{name}");
    }
    let counts = &report["counts"];
    let number = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(number("applicable"), number("executed") + number("not_testable"));
    assert_eq!(number("not_executed"), 0);
    let of = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    let verdicts: Vec<_> =
        report["cases"].as_array().unwrap().iter().map(|c| (of(c, "id"), of(c, "verdict"))).collect();
    assert_eq!(verdicts.len() as u64, number("applicable"));
    assert!(verdicts.len() >= 4, "{verdicts:?}");
    verdicts
}

/// Nothing is said for or against the server, but that it does not serve who is right.
fn serves_nobody(test: &str, deed: Deed) {
    let (scratch, done) = run(test, deed, usize::MAX);
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    for (id, verdict) in kept(&scratch) {
        assert_eq!(verdict, if id == "rs.accept.valid" { "fail" } else { "inconclusive" }, "{id}\n{}", done.out);
    }
}

/// Nothing is said for or against a server that does not come to an end: nothing passes, and the run is not whole.
fn hangs(test: &str, deed: Deed) {
    let (scratch, done) = run(test, deed, usize::MAX);
    assert_eq!(done.status, 3, "{}{}", done.out, done.err);
    for (id, verdict) in kept(&scratch) {
        assert_eq!(verdict, "inconclusive", "{id}\n{}", done.out);
    }
}

#[test]
fn headers_that_come_octet_by_octet() {
    hangs("slow-headers", |stream, _| {
        say(stream, "HTTP/1.1 200 OK\r\nX-Slow: ");
        // Waits for what the client says, and it says nothing but that it goes.
        stream.sock.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        loop {
            match stream.read(&mut [0]) {
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => return false,
            }
            if !say(stream, "x") {
                return false;
            }
        }
    });
}

#[test]
fn a_body_without_an_end() {
    // The answer is 200 for whatever is asked; more than the harness reads of a body is sent after it.
    let (scratch, done) = run(
        "endless-body",
        |stream, _| {
            say(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
            while say(stream, &chunk) {}
            false
        },
        usize::MAX,
    );
    assert!(matches!(done.status, 1 | 3), "{}{}", done.out, done.err);
    kept(&scratch);
}

#[test]
fn a_header_of_ten_megabytes() {
    serves_nobody("large-header", |stream, _| {
        say(stream, &format!("HTTP/1.1 401 No\r\nX-Large: {}\r\n\r\n", "x".repeat(10_000_000)));
        false
    });
}

#[test]
fn interim_answers_without_an_end() {
    hangs("interim", |stream, _| {
        while say(stream, &"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)) {}
        false
    });
}

#[test]
fn something_that_is_not_http() {
    serves_nobody("garbage", |stream, _| {
        stream.write_all(b"\x00\xff\x1b[2J SSH-2.0-hostile\r\n\r\n").and_then(|()| stream.flush()).unwrap();
        false
    });
}

#[test]
fn a_reset_in_the_middle_of_an_answer() {
    serves_nobody("reset", |stream, _| {
        say(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
        socket2::SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
        false
    });
}

#[test]
fn an_internal_error_for_everything() {
    serves_nobody("errors", |stream, _| answer(stream, "500 Internal Server Error", ""));
}

#[test]
fn a_refusal_of_everything_passes_nothing() {
    serves_nobody("refuses", |stream, _| answer(stream, "401 Unauthorized", REFUSED));
}

#[test]
fn an_acceptance_of_everything_is_against_all_that_must_be_refused() {
    let (scratch, done) = run("accepts", |stream, _| answer(stream, "200 OK", ""), usize::MAX);
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    let verdicts = kept(&scratch);
    let of = |id: &str| verdicts.iter().find(|(i, _)| i == id).map(|(_, v)| v.as_str());
    assert_eq!(of("rs.exporter.of-another-connection"), Some("fail"));
    assert_eq!(of("rs.accept.valid"), Some("pass"), "what is right stays right");
}

#[test]
fn what_a_subject_says_neither_steers_the_terminal_nor_becomes_part_of_the_page() {
    let (scratch, done) = run(
        "script",
        |stream, number| match number % 2 {
            0 => answer(
                stream,
                "401 Unauthorized",
                "WWW-Authenticate: Bearer error=\"<script>alert(1)</script>\", error_description=\"<img src=x onerror=alert(2)> ]]>\"\r\n",
            ),
            // The control sequence introducer of one octet, and a line of its own.
            _ => {
                stream
                    .write_all(b"HTTP/1.1 401 \x9b31mred\r\nWWW-Authenticate: Bearer error=\"\x9b2J\xff\"\r\nContent-Length: 0\r\n\r\n")
                    .unwrap();
                stream.flush().is_ok()
            }
        },
        usize::MAX,
    );
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    kept(&scratch);
    for name in ["report.html", "summary.md", "junit.xml"] {
        let text = scratch.read(&format!("report/{name}"));
        // In Markdown it stands between back quotes, where nothing is markup.
        let text = if name == "summary.md" { text.replace("401 <script>alert(1)</script>`", "") } else { text };
        assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{name}");
        assert!(!text.contains(['\u{9b}', '\u{1b}']), "{name}");
    }
    assert!(scratch.read("report/report.html").contains("alert(1)"), "it is told, made harmless");
    assert!(!done.out.contains(['\u{9b}', '\u{1b}']) && !done.err.contains(['\u{9b}', '\u{1b}']));
}

#[test]
fn a_certificate_that_expires_on_the_way() {
    let (scratch, done) = run("expires", |stream, _| answer(stream, "200 OK", ""), 6);
    let verdicts = kept(&scratch);
    assert!(matches!(done.status, 1 | 3), "{}{}", done.out, done.err);
    assert!(
        verdicts.iter().any(|(_, v)| v == "inconclusive") && verdicts.iter().any(|(_, v)| v != "inconclusive"),
        "{verdicts:?}"
    );
    assert!(scratch.read("report/report.json").contains("xpired"), "the reason is told");

    // From the beginning: configuration, and no failed case.
    let scratch = Scratch::new("hostile-expired");
    assert_eq!(scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).status, 0);
    let deed: Deed = |stream, _| answer(stream, "200 OK", "");
    let port = Server::of(deed, 0).start(&scratch);
    let done = scratch.ekmcheck(&[
        "run",
        "--subject",
        &format!("https://localhost:{port}"),
        "--bundle",
        "bundle",
        "--transport",
        "tls13-h1",
    ]);
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("xpired"), "{}", done.err);
}

/// Right requests in a campaign, or all of a small load, before the server changes its mind.
const BEFORE: usize = 2_000;

#[test]
fn a_server_that_gives_up_costs_a_campaign_nothing_that_was_found() {
    let deed: Deed = |stream, number| match number {
        ..BEFORE => answer(stream, "200 OK", ""),
        _ => answer(stream, "401 Unauthorized", REFUSED),
    };
    let scratch = planned("campaign", deed, usize::MAX);
    let fuzz = ["fuzz", "plan.toml", "--quiet", "--report", "found"];
    let done = scratch.ekmcheck(&fuzz);
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    assert!(done.out.contains("incomplete."), "{}", done.out);
    let report = scratch.json("found/campaign.json");
    assert_eq!(report["ended"], "refusing");
    assert!(!report["findings"].as_array().unwrap().is_empty());
    // From the beginning: configuration, and no report that could be taken for one.
    let done = scratch.ekmcheck(&["fuzz", "plan.toml", "--quiet", "--report", "nothing"]);
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(!scratch.0.join("nothing/campaign.json").exists());
}

#[test]
fn a_server_that_fails_costs_a_measurement_nothing_that_was_measured() {
    let deed: Deed = |stream, number| match number {
        ..BEFORE => answer(stream, "200 OK", ""),
        _ => answer(stream, "500 Internal Server Error", ""),
    };
    let scratch = planned("bench", deed, usize::MAX);
    let bench = ["bench", "plan.toml", "--curve-only", "--turns", "1", "--quiet", "--scheme", "bearer", "--report"];
    let done = scratch.ekmcheck(&[&bench[..], &["cost", "--requests", "1,2000"]].concat());
    assert_eq!(done.status, 3, "{}{}", done.out, done.err);
    let report = scratch.json("cost/bench.json");
    assert_eq!(report["points"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["unfinished"].as_str().unwrap().contains("500"), "{report}");
    assert!(done.out.contains("Not everything that was asked for was measured"), "{}", done.out);
    // Nobody is served any more.
    let done = scratch.ekmcheck(&[&bench[..], &["nothing"]].concat());
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("takes none of the schemes") && !scratch.0.join("nothing/bench.json").exists());
}

/// A run of what is named next.
const SOME: [&str; 6] = ["run", "plan.toml", "--skip-doctor", "--report", "report", "--filter"];

#[test]
fn a_server_that_agrees_on_no_protocol_does_not_speak_http2() {
    let deed: Deed = |stream, _| answer(stream, "200 OK", "");
    let server = Server { alpn: "", ..Server::of(deed, usize::MAX) };
    let (scratch, port) = planned_for("no-alpn", server, "tls13-h2");
    let done = scratch.ekmcheck(&["doctor", "plan.toml"]).ends_with(2);
    done.says(&["the application protocol h2 was offered by ALPN, and the server took none", "take the transport out"]);
    let url = format!("https://localhost:{port}");
    let words = ["run", "--subject", &url, "--bundle", "bundle", "--transport", "tls13-h2"];
    scratch.ekmcheck(&words).ends_with(2).says(&["the server must offer this HTTP version by ALPN"]);
    // Nobody was let in, and nobody was refused either.
    let done =
        scratch.ekmcheck(&[&SOME[..], &["rs.handshake.no-certificate", "--filter", "rs.exporter.no-context"]].concat());
    let done = done.ends_with(3);
    assert!(kept_verdicts(&scratch).iter().all(|verdict| verdict == "inconclusive"), "{}", done.out);
    // HTTP/1.1 needs no ALPN.
    let plan = scratch.read("plan.toml").replace("tls13-h2", "tls13-h1");
    scratch.write("plan.toml", plan);
    scratch.ekmcheck(&[&SOME[..], &["rs.accept.valid"]].concat()).ends_with(0);
}

fn kept_verdicts(scratch: &Scratch) -> Vec<String> {
    let report = scratch.json("report/report.json");
    let cases = report["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    cases.iter().map(|case| case["verdict"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_server_that_answers_no_more_ends_the_run() {
    let deed: Deed = |stream, number| number < 12 && answer(stream, "401 Unauthorized", REFUSED);
    let scratch = planned("silent", deed, usize::MAX);
    let done = scratch.ekmcheck(&[&SOME[..], &["rs.alg"]].concat()).ends_with(3);
    let report = scratch.json("report/report.json");
    let why = report["unfinished"].as_str().unwrap();
    assert!(why.starts_with("the subject does not answer any more on tls13-h1: "), "{why}");
    let counts = &report["counts"];
    assert!(counts["executed"].as_u64() > Some(0) && counts["not_executed"].as_u64() > Some(0), "{counts}");
    done.says(&["does not answer any more"]);
    // Every report says so.
    for name in ["report.html", "summary.md", "junit.xml"] {
        assert!(scratch.read(&format!("report/{name}")).contains("does not answer any more"), "{name}");
    }
}

#[test]
fn localhost_is_ipv6_too() {
    let deed: Deed = |stream, _| answer(stream, "200 OK", "");
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let (scratch, port) = planned_for("ipv6", Server { at: "[::1]:0", ..Server::of(deed, usize::MAX) }, "tls13-h1");
    let right = [&SOME[..], &["rs.accept.valid"]].concat();
    scratch.ekmcheck(&right).ends_with(0);
    // By its address, where the certificate is for the name; as a place, and for the workbench.
    let plan = scratch.read("plan.toml");
    scratch.write("plan.toml", plan.replace("bundle = ", "address = \"::1\"\nbundle = "));
    scratch.ekmcheck(&right).ends_with(0);
    scratch.write("plan.toml", format!("{plan}[places]\nnode = \"https://localhost:{port}\"\n"));
    scratch.ekmcheck(&[&SOME[..], &["rs.replay.another-process"]].concat()).says(&["executed 1"]);
    let bundle = [
        "--ca",
        "bundle/harness/root.pem",
        "--client-cert",
        "bundle/harness/p256.pem",
        "--client-key",
        "bundle/harness/p256.key",
    ];
    for (host, name) in [("localhost", "localhost"), ("[::1]", "localhost")] {
        let target = format!("{host}:{port}");
        let words = [&["exporter", target.as_str(), "--server-name", name][..], &bundle].concat();
        scratch.ekmcheck(&words).ends_with(0).says(&[&format!("[::1]:{port} over tls13-h1")]);
    }
    // Without a server name, the address is what the certificate has to be for.
    scratch.ekmcheck(&["init", "resource-server", "--dir", "own", "--name", "::1"]).ends_with(0);
    let url = format!("https://[::1]:{port}");
    let words = ["run", "--subject", &url, "--bundle", "own", "--transport", "tls13-h1"];
    scratch.ekmcheck(&words).ends_with(2).says(&["cannot be spoken to"]);
}
