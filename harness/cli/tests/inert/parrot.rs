//! A resource server that repeats all that it gets, and what its connections export, in every place that it has, together
//! with whatever steers a terminal or is markup somewhere.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

/// What it says to a terminal, to HTML, XML, Markdown and whoever reads from left to right.
pub(crate) const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[32mFORGED\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\u{2029}\u{ad}\
                           </script><img src=x onerror=alert(1)>]]>--> ` | [x](javascript:alert(2)) &amp;'\r\nFORGED LINE";

/// The same as far as a field of HTTP may hold it.
fn in_field() -> String {
    HOSTILE.chars().filter(|c| *c >= ' ' && *c != '\u{7f}' && *c != '"').collect()
}

const LABEL: &[u8] = b"EXPORTER-oauth-tls-session-bound";

/// How it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should, as far as the exporter value of the proof goes.
    NearlyRight,
    /// It refuses everything.
    Refuses,
    /// With a certificate for names that it made up of what it has heard.
    OddNames,
}

/// What it has heard, and what its connections export: all that nobody may repeat.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<BTreeSet<String>>>);

impl Heard {
    fn all(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap()
    }

    /// The texts, in lower case, that no output may hold: parts of tokens and proofs other than their headers, which say
    /// nothing, and exporter values.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        let all = self.all();
        let parts = all.iter().flat_map(|text| match text.split_once('.') {
            Some((_, rest)) => rest.split('.').collect::<Vec<_>>(),
            None => vec![text.as_str()],
        });
        let long = parts.filter(|part| part.len() >= 30);
        // A part of each is enough to find it, and a half of one is a leak as well.
        long.flat_map(|part| [&part[..20], &part[part.len() - 20..]]).map(str::to_lowercase).collect()
    }

    /// The secrets in all spellings.
    fn repeated(&self, exported: &[Vec<u8>], heard: &[&str]) -> Vec<String> {
        let mut said = Vec::new();
        for octets in exported {
            let hex: String = octets.iter().map(|o| format!("{o:02x}")).collect();
            said.extend([URL_SAFE_NO_PAD.encode(octets), STANDARD.encode(octets), hex.to_uppercase(), hex]);
            said.push(octets.iter().map(|o| format!("{o:02X}")).collect::<Vec<_>>().join(":"));
        }
        for text in heard {
            let parts = text.split('.').skip(1).map(str::to_owned);
            said.extend(parts);
            said.extend([(*text).to_owned(), text.replace('.', "%2E"), STANDARD.encode(text)]);
        }
        let mut all = self.all();
        all.extend(exported.iter().map(|octets| URL_SAFE_NO_PAD.encode(octets)));
        all.extend(said.iter().filter(|s| !s.contains(':') && !s.contains('%')).cloned());
        said
    }
}

fn pem(folder: &Path, name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(folder.join(name)).unwrap().map(Result::unwrap).collect()
}

fn settings(bundle: &Path, alpn: &[u8], odd: Option<&str>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    pem(bundle, "server/client-ca.pem").into_iter().for_each(|root| roots.add(root).unwrap());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let (chain, key) = match odd {
        Some(name) => named(bundle, name),
        None => {
            (pem(bundle, "server/server.pem"), PrivateKeyDer::from_pem_file(bundle.join("server/server.key")).unwrap())
        }
    };
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut settings = builder.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
    settings.alpn_protocols = vec![alpn.to_vec()];
    settings
}

/// A certificate of the bundle's root for another name.
fn named(bundle: &Path, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let read = |name: &str| std::fs::read_to_string(bundle.join("harness").join(name)).unwrap();
    let root = rcgen::KeyPair::from_pem(&read("root.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("root.pem"), root).unwrap();
    let ascii: String = name.chars().filter(char::is_ascii).take(900).collect();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::DnsName(ascii.try_into().unwrap())];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

/// Starts it on TCP; it serves until the process of the test ends. Returns the port.
pub(crate) fn start(bundle: &Path, manner: Manner, heard: &Heard) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let right = Arc::new(settings(bundle, b"http/1.1", None));
    let (bundle, heard) = (bundle.to_owned(), heard.clone());
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let settings = match manner {
                Manner::OddNames => {
                    let said = heard.all().iter().next_back().cloned().unwrap_or_default();
                    Arc::new(self::settings(&bundle, b"http/1.1", Some(&format!("{HOSTILE}{said}"))))
                }
                _ => right.clone(),
            };
            let stream = StreamOwned::new(ServerConnection::new(settings).unwrap(), tcp.unwrap());
            let heard = heard.clone();
            thread::spawn(move || converse(stream, manner, &heard));
        }
    });
    port
}

fn converse(mut stream: StreamOwned<ServerConnection, TcpStream>, manner: Manner, heard: &Heard) {
    let mut number = 0;
    while let Some(head) = head(&mut stream) {
        let export = |context: Option<&[u8]>| stream.conn.export_keying_material(vec![0; 32], LABEL, context).unwrap();
        let exported = [export(Some(b"")), export(None)];
        let field = |wanted: &str| -> Vec<&str> {
            let named = head.lines().filter_map(|line| line.split_once(": "));
            named.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value).collect()
        };
        let tokens: Vec<&str> =
            field("authorization").iter().filter_map(|v| v.split_once(' ')).map(|(_, t)| t).collect();
        let proofs = field("session-binding-proof");
        let all: Vec<&str> = tokens.iter().chain(&proofs).copied().collect();
        let said = heard.repeated(&exported, &all);
        let ekm = URL_SAFE_NO_PAD.encode(&exported[0]);
        let right = tokens.len() == 1 && proofs.len() == 1 && claims(proofs[0]).contains(&ekm);
        let is_right = right && manner == Manner::NearlyRight;
        let answer = answer(is_right, &said, number, &head);
        number += 1;
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn claims(proof: &str) -> String {
    let payload = proof.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    String::from_utf8_lossy(&payload.unwrap_or_default()).into_owned()
}

fn answer(is_right: bool, said: &[String], number: usize, head: &str) -> String {
    // Every spelling has its turn in every place.
    let one = |place: usize| said.get((number * 5 + place) % said.len().max(1)).map_or("", String::as_str);
    let (all, words) = (said.join(" "), in_field());
    let status = if is_right { "200" } else { "401" };
    // Once in a while something that no HTTP library takes.
    let bare = if !is_right && number % 7 == 6 { HOSTILE } else { "" };
    let mut out = format!("HTTP/1.1 {status} {words} {}\r\n", one(0));
    let _ = write!(
        out,
        "WWW-Authenticate: Bearer realm=\"{}{words}\", error=\"{}\", error_description=\"{} {words}\"{bare}\r\n",
        one(1),
        if number.is_multiple_of(2) { "invalid_proof" } else { one(2) },
        one(3),
    );
    let _ = write!(out, "WWW-Authenticate: Bearer error=\"{}\"\r\nWWW-Authenticate: {all}\r\n", one(4));
    let _ =
        write!(out, "Cache-Control: no-store, {words} {}\r\nCache-Control: {all}\r\nX-{}: {all}\r\n", one(0), number);
    let _ = write!(out, "Server: {all}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n");
    let body = format!("{HOSTILE}{all}{head}");
    let _ = write!(out, "{:x}\r\n{body}\r\n0\r\nX-Trailer: {}\r\n\r\n", body.len(), one(2));
    out
}

/// Reads a request with its content.
fn head(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> Option<String> {
    let (mut seen, mut octet) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).ok()?;
        seen.push(octet[0]);
    }
    let head = String::from_utf8_lossy(&seen).into_owned();
    let length =
        head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut content = vec![0; length];
    stream.read_exact(&mut content).ok()?;
    Some(head)
}

/// Starts what takes QUIC connections and closes each with a reason that repeats what was heard. Returns the port.
pub(crate) fn start_quic(bundle: &Path, heard: &Heard) -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let tls = quinn::crypto::rustls::QuicServerConfig::try_from(settings(bundle, b"h3", None)).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let heard = heard.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let config = (quinn::EndpointConfig::default(), Some(config), socket, Arc::new(quinn::TokioRuntime));
            let endpoint = quinn::Endpoint::new(config.0, config.1, config.2, config.3).unwrap();
            while let Some(incoming) = endpoint.accept().await {
                let Ok(connection) = incoming.await else { continue };
                let mut octets = vec![0; 32];
                connection.export_keying_material(&mut octets, LABEL, b"").unwrap();
                // In the beginning there is room for what is exported, and no more.
                let said = heard.repeated(&[octets], &[]).join(" ");
                connection.close(0_u32.into(), format!("{HOSTILE} {said}").as_bytes());
            }
        });
    });
    port
}
