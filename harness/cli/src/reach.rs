//! Hosts, and at which of their addresses a server is.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// The longest that a port may take to show whether it is there.
const REACH: Duration = Duration::from_secs(3);

/// Host and port of `https://HOST:PORT`; the port is 443 if it is not given.
pub(crate) fn host_and_port(url: &str) -> Result<(String, u16), &'static str> {
    const FORM: &str = "a subject's URL is https://HOST:PORT";
    let authority = url.strip_prefix("https://").ok_or(FORM)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("a subject's URL is https://HOST:PORT, without a path");
    }
    let (host, port) = split(authority).ok_or(FORM)?;
    Ok((host, port.unwrap_or(443)))
}

/// Host and port; an address of IPv6 stands in brackets (RFC 3986 section 3.2.2).
pub(crate) fn split(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().is_ok().then(|| (bare.to_owned(), port)),
        None => (!host.is_empty() && !host.contains(['[', ']', ':'])).then(|| (host.to_owned(), port)),
    }
}

/// The addresses of a host, those of IPv4 first: most servers listen there. `localhost` is this machine, whatever a file of
/// hosts says (RFC 6761 section 6.3).
///
/// # Errors
/// That it is not known.
pub(crate) fn addresses(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let found = (host, 0).to_socket_addrs().map_err(|e| format!("the host {host:?} is not known here: {e}"))?;
    let mut addresses: Vec<IpAddr> = found.map(|addr| addr.ip()).collect();
    addresses.sort_by_key(|ip| !ip.is_ipv4());
    addresses.dedup();
    if addresses.is_empty() { Err(format!("the host {host:?} has no address")) } else { Ok(addresses) }
}

/// Those of the addresses that may be connected to.
///
/// # Errors
/// That all are on another machine, while that is not allowed.
pub(crate) fn permitted(addresses: Vec<IpAddr>, allow_remote: bool) -> Result<Vec<IpAddr>, String> {
    let first = addresses.first().copied();
    let allowed = |ip: &IpAddr| allow_remote || ip.to_canonical().is_loopback();
    let allowed: Vec<IpAddr> = addresses.into_iter().filter(allowed).collect();
    match first.filter(|_| allowed.is_empty()) {
        Some(ip) => Err(format!(
            "{ip} is on another machine, and thousands of odd requests would go there\n  mend: if it is yours, allow it with --allow-remote, or allow_remote in [target]"
        )),
        None => Ok(allowed),
    }
}

/// The first of the addresses at which a TCP port is there.
///
/// # Errors
/// What happened at each.
pub(crate) fn answering(addresses: &[IpAddr], port: u16) -> Result<IpAddr, String> {
    let mut tried = Vec::new();
    for ip in addresses {
        let addr = SocketAddr::new(*ip, port);
        match TcpStream::connect_timeout(&addr, REACH) {
            Ok(_) => return Ok(*ip),
            Err(e) => tried.push(format!("{addr}: {e}")),
        }
    }
    Err(tried.join("; "))
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
        assert_eq!(read("https://127.0.0.1:8443"), right("127.0.0.1", 8443));
        assert_eq!(read("https://[::1]:8443"), right("::1", 8443));
        assert_eq!(read("https://[::1]"), right("::1", 443));
        for wrong in [
            "http://localhost",
            "https://",
            "https://a:b",
            "https://a/x",
            "https://u@a",
            "https://a:b:1",
            "https://::1",
            "https://[a]:1",
            "https://[::1",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_this_machine_or_it_has_to_be_allowed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(addresses("LocalHost"), Ok(vec![ip("127.0.0.1"), ip("::1")]));
        assert_eq!(addresses("192.0.2.1"), Ok(vec![ip("192.0.2.1")]));
        assert_eq!(addresses("::1"), Ok(vec![ip("::1")]));
        let both = || vec![ip("192.0.2.1"), ip("::ffff:127.0.0.1")];
        assert_eq!(permitted(both(), false), Ok(vec![ip("::ffff:127.0.0.1")]));
        assert_eq!(permitted(both(), true), Ok(both()));
        let refused = permitted(vec![ip("192.0.2.1")], false).unwrap_err();
        assert!(refused.starts_with("192.0.2.1 is on another machine") && refused.contains("mend:"), "{refused}");
    }

    /// A port that is there at one address, and held at another, where nobody listens.
    fn there_and_silent() -> Option<(std::net::TcpListener, socket2::Socket, u16)> {
        let listener = std::net::TcpListener::bind("127.0.0.2:0").ok()?;
        let port = listener.local_addr().ok()?.port();
        let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
        held.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).ok()?;
        Some((listener, held, port))
    }

    #[test]
    fn the_address_that_answers_is_taken() {
        // Not every system has more of its own addresses than one.
        let Some((_listener, _held, port)) = (0..50).find_map(|_| there_and_silent()) else { return };
        let [silent, there] = ["127.0.0.1", "127.0.0.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(answering(&[silent, there], port), Ok(there));
        let tried = answering(&[silent], port).unwrap_err();
        assert!(tried.starts_with(&format!("127.0.0.1:{port}: ")), "{tried}");
    }
}
