//! Whose the sockets are that are bound to an address, where the system tells (Linux). The texts are read by pure functions.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// What goes over a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Udp,
}

/// Whose a port is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// One of the processes that were named.
    Named,
    /// Another process: which.
    Other(String),
    /// Nobody's, or the system does not tell.
    Unknown,
}

/// Whose the sockets are that take what is sent to the address. Where there are several, an [`Owner::Other`] is told.
pub(crate) fn owner(over: Over, addr: SocketAddr, named: &[u32]) -> Owner {
    let inodes = taking(&bound(over), addr);
    let mut known = named.iter().map(|id| sockets(*id));
    // One that cannot be looked into may have any of them.
    let Some(own) = known.try_fold(BTreeSet::new(), |mut all, of| {
        all.extend(of?);
        Some(all)
    }) else {
        return Owner::Unknown;
    };
    let strange: Vec<u64> = inodes.iter().copied().filter(|inode| !own.contains(inode)).collect();
    match (inodes.is_empty(), strange.is_empty()) {
        (true, _) => Owner::Unknown,
        (false, true) => Owner::Named,
        (false, false) => holder(&strange, named).map_or(Owner::Unknown, Owner::Other),
    }
}

/// Whether something is bound to the address; `None` where the system does not tell.
pub(crate) fn is_bound(over: Over, addr: SocketAddr) -> Option<bool> {
    Path::new("/proc/net/tcp").exists().then(|| !taking(&bound(over), addr).is_empty())
}

/// A process that has one of the sockets, in words, if one can be seen.
fn holder(inodes: &[u64], but: &[u32]) -> Option<String> {
    let ids = fs::read_dir("/proc").ok()?;
    let mut ids = ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let id =
        ids.find(|id| !but.contains(id) && sockets(*id).is_some_and(|own| inodes.iter().any(|i| own.contains(i))))?;
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    let name = ekmcheck_suite::inert::inert(name.trim_end());
    Some(format!("process {id} ({name})"))
}

/// The inodes of a process's sockets; `None` if they cannot be seen.
fn sockets(id: u32) -> Option<BTreeSet<u64>> {
    let entries = match fs::read_dir(format!("/proc/{id}/fd")) {
        Ok(entries) => entries,
        // It has ended.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some(BTreeSet::new()),
        Err(_) => return None,
    };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    Some(links.filter_map(|link| socket(link.to_str()?)).collect())
}

/// The inode of `socket:[INODE]`.
fn socket(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A socket that is bound and waits for whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    addr: SocketAddr,
    inode: u64,
}

fn bound(over: Over) -> Vec<Bound> {
    let files = match over {
        Over::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Over::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| table(over, &text)).collect()
}

/// The sockets of a table that wait: of TCP those that listen, of UDP those that are connected to nobody.
fn table(over: Over, text: &str) -> Vec<Bound> {
    let wanted = match over {
        Over::Tcp => "0A",
        Over::Udp => "07",
    };
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else { return None };
        (state == wanted).then_some(Bound { addr: address(local)?, inode: inode.parse().ok()? })
    };
    text.lines().skip(1).filter_map(row).collect()
}

/// An address as the tables have it: words of 32 bits in the order of this machine, and the port, in hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut octets = [0; 16];
            octets.iter_mut().zip(words.as_flattened()).for_each(|(to, from)| *to = *from);
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The inodes of the sockets that take what is sent to the address: those bound to it, or else to all addresses.
fn taking(bound: &[Bound], addr: SocketAddr) -> Vec<u64> {
    let ip = addr.ip().to_canonical();
    let of = |wanted: &dyn Fn(IpAddr) -> bool| -> Vec<u64> {
        let fits = |b: &&Bound| b.addr.port() == addr.port() && wanted(b.addr.ip());
        bound.iter().filter(fits).map(|b| b.inode).collect()
    };
    let exact = of(&|own| own == ip);
    if !exact.is_empty() {
        return exact;
    }
    // That of IPv6 takes both, unless it was told not to, which does not show.
    let v4 = of(&|own| ip.is_ipv4() && own == IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if !v4.is_empty() { v4 } else { of(&|own| own == IpAddr::V6(Ipv6Addr::UNSPECIFIED)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0000000068f619dd 100 0 0 10 0\n   \
        1: 00000000:20FC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 42 1 0000000068f619dd 100 0 0 10 0\n   \
        2: 0100007F:20FB 0100007F:AFF2 01 00000000:00000000 00:00000000 00000000     0        0 43 1 00000000c618d7c0 20 4 1 97 -1\n";
    const TCP6: &str = "  sl  local_address                         remote_address                        st ...\n   \
        0: 00000000000000000000000001000000:20FB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 51 1 0 100\n   \
        1: 0000000000000000FFFF00000100007F:20FD 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 52 1 0 100\n   \
        2: 00000000000000000000000000000000:20FE 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 53 1 0 100\n";
    const UDP: &str = "   sl  local_address rem_address   st ...\n  \
        9: 0100007F:20FB 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 61 2 0 0\n  \
        9: 0100007F:20FC 0100007F:1000 01 00000000:00000000 00:00000000 00000000 0 0 62 2 0 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_wait_are_read_from_the_tables() {
        let mut bound = table(Over::Tcp, TCP);
        bound.extend(table(Over::Tcp, TCP6));
        let taking = |addr: &str| taking(&bound, addr.parse().unwrap());
        assert_eq!(taking("127.0.0.1:8443"), [41], "and not the connection to it");
        assert_eq!(taking("[::1]:8443"), [51]);
        assert_eq!(taking("127.0.0.1:8444"), [42], "who listens on all addresses listens on this one");
        assert_eq!(taking("[::1]:8444"), [0; 0]);
        assert_eq!(taking("127.0.0.1:8445"), [52], "an address of IPv4 in the form of IPv6");
        assert_eq!(taking("127.0.0.1:8446"), [53]);
        assert_eq!(taking("[::1]:8446"), [53]);
        assert_eq!(taking("127.0.0.1:9"), [0; 0]);
        let udp = table(Over::Udp, UDP);
        assert_eq!(udp, [Bound { addr: "127.0.0.1:8443".parse().unwrap(), inode: 61 }]);
    }

    #[test]
    fn what_is_no_table_has_no_sockets() {
        for text in [
            "",
            "\n\n",
            "sl\n 0: zz:20FB 0 0A 0 0 0 0 0 1",
            "sl\n 0: 0100007F:20FB 0 0A",
            "sl\n 0: 01:1 0 0A 0 0 0 0 0 1",
        ] {
            assert_eq!(table(Over::Tcp, text), [], "{text}");
        }
        assert_eq!(socket("socket:[123]"), Some(123));
        assert_eq!(socket("pipe:[123]"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_socket_of_this_process_is_its_own_and_anothers_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = std::process::id();
        let here = listener.local_addr().unwrap();
        assert_eq!(owner(Over::Tcp, here, &[own]), Owner::Named);
        assert_eq!(owner(Over::Udp, udp.local_addr().unwrap(), &[own]), Owner::Named);
        assert_eq!(is_bound(Over::Tcp, here), Some(true));
        let Owner::Other(who) = owner(Over::Tcp, here, &[]) else { unreachable!("it is this process's") };
        assert!(who.starts_with(&format!("process {own} (")), "{who}");
    }
}
