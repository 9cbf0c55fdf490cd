//! What one connection to a server exports, by the draft's parameters and under each usual mistake.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ekmcheck_binding::base64url;
use ekmcheck_forge::recipe::Exporters;
use ekmcheck_parties::{
    clock::Clock,
    resource::{exporter_requests, exporters_of},
    wire::{self, Alpn, ClientSettings, ClientTls, ConnectOptions, How, Kind, PrivateKey, Version},
};
use ekmcheck_suite::case::Transport;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::{Local, secrets::Secrets};

/// The longest that connecting may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What is connected to, and with what.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The name that its certificate is for.
    pub name: &'a str,
    /// TLS version and HTTP version.
    pub transport: Transport,
    /// The client's certificate chain and private key in PEM; none: a client without.
    pub client: Option<(&'a [u8], &'a [u8])>,
    /// The trust anchors for the server's certificate, in PEM.
    pub ca: &'a [u8],
    /// Unix seconds, for the validity of certificates.
    pub now: i64,
}

/// What a connection exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The cipher suite.
    pub suite: String,
    /// `full`, `after HelloRetryRequest` or `resumed`.
    pub handshake: &'static str,
    /// The values: the right one first, then one for each mistake.
    pub values: Vec<Value>,
}

/// One value. A secret of that connection, which has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// `right`, or the name of the mistake.
    pub name: &'static str,
    /// How it was exported, in words.
    pub how: String,
    /// base64url, as an `ekm` claim holds it.
    pub text: String,
}

/// Why nothing was exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file that cannot be read as what it should be.
    #[error("{0}")]
    Given(String),
    /// No connection.
    #[error("{0}")]
    Wire(String),
}

/// Connects, takes the exporter values, and ends the connection without a request.
///
/// # Errors
/// [`ExportError`].
pub fn export<'a>(target: &'a Target<'_>) -> Local<'a, Result<Exported, ExportError>> {
    Box::pin(exported(target))
}

async fn exported(target: &Target<'_>) -> Result<Exported, ExportError> {
    let certificates = |pem: &[u8], what: &str| -> Result<Vec<CertificateDer<'static>>, ExportError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let read = read.map_err(|e| ExportError::Given(format!("{what}: {e}\n  mend: give certificates in PEM")))?;
        if read.is_empty() {
            return Err(ExportError::Given(format!("{what}: no certificate in it\n  mend: give certificates in PEM")));
        }
        Ok(read)
    };
    let identity = match target.client {
        None => None,
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| {
                ExportError::Given(format!("--client-key: {e}\n  mend: give an unencrypted private key in PEM"))
            })?;
            Some(wire::Identity { chain: certificates(chain, "--client-cert")?, key: PrivateKey::Der(key) })
        }
    };
    let tls = ClientTls::prepare(ClientSettings {
        identity,
        raw_public_key: false,
        without_alpn: false,
        server_roots: certificates(target.ca, "--ca")?,
        time_provider: Arc::new(Clock::at(target.now)),
        version: if target.transport.is_tls13() { Version::Tls13 } else { Version::Tls12 },
        alpn: match target.transport {
            Transport::QuicH3 => Alpn::Http3,
            Transport::Tls13H2 | Transport::Tls12H2 => Alpn::Http2,
            Transport::Tls13H1 | Transport::Tls12H1 | Transport::Offline => Alpn::Http1,
        },
        suite: None,
        force_hello_retry: false,
        resumption: false,
        exporters: exporter_requests(),
    });
    // What the server says in it may be what the connection exports.
    let failed = |e: wire::WireError| ExportError::Wire(Secrets::default().told(&e.to_string()));
    let tls = tls.map_err(failed)?;
    let options = ConnectOptions { timeout: LIMIT, ..ConnectOptions::default() };
    let connection = wire::connect(&tls, target.addr, target.name, options).await.map_err(failed)?;
    let established = connection.established();
    let exported = Exported {
        suite: established.suite.clone(),
        handshake: match established.kind {
            Kind::Full => "full",
            Kind::HelloRetry => "after HelloRetryRequest",
            Kind::Resumed => "resumed",
        },
        values: values(&exporters_of(established)),
    };
    // What is exported is known; how the connection ends does not matter.
    let _ = connection.close(How::Notify).await;
    Ok(exported)
}

fn values(exporters: &Exporters) -> Vec<Value> {
    let mut values: Vec<Value> = Exporters::CALLS
        .into_iter()
        .map(|(name, (label, context, length))| Value {
            name,
            how: format!(
                "label \"{}\", {}, {length} octets",
                label.escape_ascii(),
                match context {
                    None => "no context".to_owned(),
                    Some([]) => "zero-length context".to_owned(),
                    Some(context) => format!("context \"{}\"", context.escape_ascii()),
                }
            ),
            text: base64url::encode(exporters.get(name)),
        })
        .collect();
    let right = exporters.right();
    let longer = exporters.get("64-octets");
    let mut spelled = |name, how: &str, text| values.push(Value { name, how: how.to_owned(), text });
    spelled("truncated", "the first 32 octets of the 64", base64url::encode(longer.get(..32).unwrap_or_default()));
    spelled("hex", "the right value in hexadecimal", right.iter().map(|b| format!("{b:02x}")).collect());
    spelled("padded", "the right value in padded base64url", format!("{}=", base64url::encode(right)));
    values
}
