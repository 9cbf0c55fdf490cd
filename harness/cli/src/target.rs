//! A subject that is named by its URL: found, and greeted once before anything is judged.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ekmcheck_player::{
    network::{Introspection, Limits, Origin, Target, greet},
    world::World,
};
use ekmcheck_suite::case::Transport;

use crate::Trouble;

/// The longest that a port may take to show whether it is there.
const REACH: Duration = Duration::from_secs(3);

/// About subjects that are named by their URLs.
#[derive(clap::Args)]
pub(crate) struct NetworkArgs {
    /// With a URL as the subject: the directory that `ekmcheck init` made
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// With a URL as the subject: the port of HTTP/3 [default: that of the URL]
    #[arg(long, value_name = "N", requires = "bundle")]
    pub(crate) quic_port: Option<u16>,
    /// With a URL as the subject: it may be on another machine. Thousands of odd requests are sent
    #[arg(long, requires = "bundle")]
    pub(crate) allow_remote: bool,
    /// With a URL as the subject: it takes what introspection says of tokens from this file, which is written
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub(crate) introspection: Option<PathBuf>,
    /// With a URL as the subject: requests for the host other.localhost are for another service of it
    #[arg(long, requires = "bundle")]
    pub(crate) other_host: bool,
    /// With a URL as the subject: /api/admin needs the scope resource.admin, which no token has
    #[arg(long, requires = "bundle")]
    pub(crate) scopes: bool,
}

/// Whether a subject is named by its URL.
pub(crate) fn is_url(subject: &str) -> bool {
    subject.contains("://")
}

/// The server of a URL, on these transports.
pub(crate) fn of_url(url: &str, transports: &[Transport], args: &NetworkArgs) -> Result<Target, Trouble> {
    let given = |why: String| Trouble::Given(format!("--subject {url}: {why}"));
    let (host, port) = host_and_port(url).map_err(|why| given(why.to_owned()))?;
    let ip = reachable(&host, port, transports, args.allow_remote).map_err(given)?;
    let origin = |transport: &Transport| {
        let port = args.quic_port.filter(|_| transport.is_quic()).unwrap_or(port);
        (*transport, Origin::new(SocketAddr::new(ip, port), &host))
    };
    let introspection = args.introspection.as_deref().map(Introspection::of_file);
    if let Some(file) = &introspection {
        file.check()
            .map_err(|e| Trouble::Given(format!("--introspection {e}; an object of responses by tokens is wanted")))?;
    }
    let target = Target {
        name: url.to_owned(),
        origins: transports.iter().map(origin).collect(),
        places: BTreeMap::new(),
        other_host: args.other_host,
        scopes: args.scopes,
        introspection,
        tokens: None,
        clients: None,
        allow_remote: args.allow_remote,
        limits: Limits::default(),
    };
    target.permitted().map_err(given)?;
    Ok(target)
}

/// Finds out that a transport is not there, or not set up, before all cases on it fail for that.
pub(crate) async fn ready(world: &Arc<World>, target: &Target) -> Result<(), Trouble> {
    let mut faults = Vec::new();
    for transport in target.origins.keys() {
        if let Err(why) = greet(world, target, *transport).await {
            faults.push(format!("\n  {}: {why}", transport.name()));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let right = target.origins.keys().map(|t| t.name()).filter(|n| !faults.iter().any(|f| f.contains(*n)));
    let only: Vec<_> = right.map(|name| format!("--transport {name}")).collect();
    let mend = match only.is_empty() {
        true => "nothing was played; is it set up with the files of this bundle, as its GUIDE.md says?".to_owned(),
        false => format!("mend it, or play what is there with {}", only.join(" ")),
    };
    Err(Trouble::Given(format!("{} cannot be spoken to:{}\n{mend}", target.name, faults.concat())))
}

/// Host and port of `https://HOST:PORT`; the port is 443 if it is not given.
pub(crate) fn host_and_port(url: &str) -> Result<(String, u16), &'static str> {
    const FORM: &str = "a subject's URL is https://HOST:PORT";
    let authority = url.strip_prefix("https://").ok_or(FORM)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("a subject's URL is https://HOST:PORT, without a path");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| FORM)?),
        _ => (authority, 443),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() || (bare.contains(':') && bare.parse::<IpAddr>().is_err()) {
        Err(FORM)
    } else {
        Ok((bare.to_owned(), port))
    }
}

/// The first address of the host at which the port is there, as far as that can be known of UDP.
fn reachable(host: &str, port: u16, transports: &[Transport], allow_remote: bool) -> Result<IpAddr, String> {
    let found = (host, port).to_socket_addrs().map_err(|e| format!("the name {host:?} is not known here: {e}"))?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    // Most servers on this machine listen there.
    addresses.sort_by_key(|addr| !addr.is_ipv4());
    let over_tcp = transports.iter().any(|transport| !transport.is_quic());
    let mut tried = Vec::new();
    for addr in &addresses {
        // Whoever must not be spoken to is not even knocked at; the target's own check says so.
        if !over_tcp || (!addr.ip().is_loopback() && !allow_remote) {
            return Ok(addr.ip());
        }
        match TcpStream::connect_timeout(addr, REACH) {
            Ok(_) => return Ok(addr.ip()),
            Err(e) => tried.push(format!("{addr}: {e}")),
        }
    }
    Err(format!("nothing listens there ({}); start the server, or name its port", tried.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_a_host_and_a_port_and_nothing_else() {
        let read = |url: &str| host_and_port(url).ok();
        let right = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("https://localhost:8443"), right("localhost", 8443));
        assert_eq!(read("https://rs.example/"), right("rs.example", 443));
        assert_eq!(read("https://[::1]:8443"), right("::1", 8443));
        assert_eq!(read("https://[::1]"), right("::1", 443));
        for wrong in ["http://localhost", "https://", "https://a:b", "https://a/x", "https://u@a", "https://a:b:1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
