//! A subject that the harness did not start: where it listens, and what the harness may do with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use ekmcheck_parties::wire::{self, ConnectOptions, How, OutgoingRequest, Stage, WireError};
use ekmcheck_suite::{case::Transport, dialect::Dialect, play::Place};
use tokio::sync::RwLock;

use crate::{
    Local,
    world::{ClientKey, World},
};

pub use crate::own::TokenCommand;
pub use ekmcheck_parties::tokens::Introspection;

/// A server somewhere. Nothing is seen inside, its clock is its own, and all plays go to the same one.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name in reports.
    pub name: String,
    /// Where it listens, for each transport that it speaks.
    pub origins: BTreeMap<Transport, Origin>,
    /// Other servers that cases ask for, as far as there are some.
    pub places: BTreeMap<Place, BTreeMap<Transport, Origin>>,
    /// Whether requests for the host `other.localhost` are for another service, with the other audience.
    pub other_host: bool,
    /// Whether `/api/admin` needs the scope `resource.admin`, which no token has.
    pub scopes: bool,
    /// How it reads what the draft leaves open, if somebody says so; it is checked.
    pub dialect: Option<Dialect>,
    /// What stands for the introspection endpoint that it asks, if the harness can write it.
    pub introspection: Option<Introspection>,
    /// Whence its tokens come, if not from the bundle's issuer.
    pub tokens: Option<Arc<TokenCommand>>,
    /// The clients whose certificates it knows, if not all of the bundle's.
    pub clients: Option<BTreeSet<String>>,
    /// The hand on it, if the harness started it.
    pub hand: Option<Hand>,
    /// Whether it may be on another machine.
    pub allow_remote: bool,
    /// What bounds a play.
    pub limits: Limits,
}

/// A subject that runs as a process of the harness's.
pub trait Process: fmt::Debug + Send + Sync {
    /// How it ended and what it wrote last, if it did.
    fn ended(&self) -> Option<String>;

    /// Whether it can be started anew.
    ///
    /// # Errors
    /// Why not.
    fn can_restart(&self) -> Result<(), String>;

    /// Ends it, starts it anew on the same ports, and waits until it is ready. Blocks the thread.
    ///
    /// # Errors
    /// Why it is not ready.
    fn restart(&self) -> Result<(), String>;

    /// The longest that this may take.
    fn restart_takes(&self) -> Duration;
}

/// The hand on a subject that the harness started. Copies share it.
#[derive(Debug, Clone)]
pub struct Hand {
    pub(crate) process: Arc<dyn Process>,
    /// A play that starts it anew has it alone.
    pub(crate) turn: Arc<RwLock<()>>,
}

impl Hand {
    /// On that process.
    #[must_use]
    pub fn on(process: Arc<dyn Process>) -> Self {
        Self { process, turn: Arc::default() }
    }
}

/// Where a server listens on a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Address and port.
    pub addr: SocketAddr,
    /// What its certificate must be for.
    pub server_name: String,
    /// Host, and port if it is not 443, as requests name it.
    pub authority: String,
}

/// What bounds a play on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest that a connection, a request or an end may take.
    pub step: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step: Duration::from_secs(5) }
    }
}

impl Origin {
    /// A server of that name and port at an address.
    #[must_use]
    pub fn new(addr: SocketAddr, server_name: &str) -> Self {
        // Names have no colon, and an address of IPv6 goes in brackets (RFC 3986 section 3.2.2).
        let host = if server_name.contains(':') { format!("[{server_name}]") } else { server_name.to_owned() };
        let authority = if addr.port() == 443 { host } else { format!("{host}:{}", addr.port()) };
        Self { addr, server_name: server_name.to_owned(), authority }
    }
}

impl Target {
    /// All addresses that something would be sent to.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let places = self.places.values().flat_map(BTreeMap::values);
        self.origins.values().chain(places).map(|origin| origin.addr)
    }

    /// Whether all of it is on this machine, whose clock it has then.
    pub(crate) fn is_here(&self) -> bool {
        self.addresses().all(|addr| is_here(&addr))
    }

    /// How it ended, if the harness started it and it did.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.hand.as_ref().and_then(|hand| hand.process.ended())
    }

    /// Whether everything may be sent to where the target says.
    ///
    /// # Errors
    /// The first address that is on another machine while [`Self::allow_remote`] is not set.
    pub fn permitted(&self) -> Result<(), String> {
        let remote = self.addresses().find(|addr| !is_here(addr));
        match remote.filter(|_| !self.allow_remote) {
            Some(addr) => Err(format!(
                "{addr} is on another machine, and thousands of odd requests would go there; if it is yours, allow it with --allow-remote"
            )),
            None => Ok(()),
        }
    }
}

/// Whether it is on this machine.
fn is_here(addr: &SocketAddr) -> bool {
    // An address of IPv4 in the form of IPv6 is the same one.
    addr.ip().to_canonical().is_loopback()
}

/// What a server said of itself in its answer to a request without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Its `Date`, in Unix seconds, if it sent one that can be read (RFC 9110 section 6.6.1).
    pub date: Option<i64>,
}

/// Connects as the usual client and sends a request without a token: any answer will do.
///
/// # Errors
/// Why there was none, and what may be wrong.
pub fn greet<'a>(world: &'a World, target: &'a Target, transport: Transport) -> Local<'a, Result<Greeting, String>> {
    Box::pin(greeted(world, target, transport))
}

async fn greeted(world: &World, target: &Target, transport: Transport) -> Result<Greeting, String> {
    target.permitted()?;
    let origin = target.origins.get(&transport).ok_or("no origin is named")?;
    let key = ClientKey::usual(transport);
    let tls = world.client(&key).map_err(|e| e.to_string())?;
    let options = ConnectOptions { timeout: target.limits.step, ..ConnectOptions::default() };
    let connection = wire::connect(&tls, origin.addr, &origin.server_name, options).await;
    let failed = |e: WireError| format!("{}: {}", origin.addr, world.told(&hint(&e)));
    let mut connection = connection.map_err(failed)?;
    let answered = connection.send(OutgoingRequest {
        method: "GET".to_owned(),
        authority: origin.authority.clone(),
        path_and_query: "/api/resource".to_owned(),
        fields: Vec::new(),
        body: bytes::Bytes::new(),
        trailers: Vec::new(),
    });
    let answered = answered.await.map_err(failed);
    // What it said counts, not how it ends.
    let _ = connection.close(How::Notify).await;
    answered.map(|answer| Greeting { date: answer.fields.iter().find(|(name, _)| name == "date").and_then(date) })
}

fn date((_, value): &(String, Vec<u8>)) -> Option<i64> {
    let date = httpdate::parse_http_date(str::from_utf8(value).ok()?).ok()?;
    i64::try_from(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// What went wrong, with what mends it most often.
fn hint(error: &WireError) -> String {
    let said = error.to_string();
    let mend = match error {
        WireError::Handshake { alert: None, .. } if said.contains("peer certificate") => {
            "; the server must present server/server.pem of this bundle, made for the name in the URL"
        }
        WireError::Handshake { alert: Some(_), .. } | WireError::Refused { .. } => {
            "; the server must trust server/client-ca.pem of this bundle and speak this version and protocol"
        }
        WireError::NotAgreed(_) => "; the server must offer this HTTP version by ALPN",
        WireError::Timeout(Stage::Handshake) => "; does it listen there on this transport?",
        _ => "",
    };
    format!("{said}{mend}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(addr: &str, allow_remote: bool) -> Target {
        let origins = BTreeMap::from([(Transport::Tls13H1, Origin::new(addr.parse().unwrap(), "rs.example"))]);
        Target {
            name: String::new(),
            origins,
            places: BTreeMap::new(),
            other_host: false,
            scopes: false,
            dialect: None,
            tokens: None,
            clients: None,
            introspection: None,
            hand: None,
            allow_remote,
            limits: Limits::default(),
        }
    }

    #[test]
    fn another_machine_has_to_be_allowed() {
        assert_eq!(target("127.0.0.1:8443", false).permitted(), Ok(()));
        assert_eq!(target("[::1]:8443", false).permitted(), Ok(()));
        assert_eq!(target("[::ffff:127.0.0.1]:8443", false).permitted(), Ok(()));
        assert_eq!(target("192.0.2.1:8443", true).permitted(), Ok(()));
        let refused = target("192.0.2.1:8443", false).permitted().unwrap_err();
        assert!(refused.starts_with("192.0.2.1:8443") && refused.contains("--allow-remote"), "{refused}");
        let elsewhere = target("192.0.2.1:8443", false).origins;
        let mut near = target("127.0.0.1:8443", false);
        near.places.insert(Place::Node, elsewhere);
        assert!(near.permitted().is_err());
    }

    #[test]
    fn requests_name_a_server_as_a_url_does() {
        let authority = |addr: &str, name| Origin::new(addr.parse().unwrap(), name).authority;
        assert_eq!(authority("127.0.0.1:8443", "localhost"), "localhost:8443");
        assert_eq!(authority("127.0.0.1:443", "localhost"), "localhost");
        assert_eq!(authority("[::1]:8443", "::1"), "[::1]:8443");
    }
}
