//! Starts a subject as a plan says, finds out when it is ready, and ends it.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use ekmcheck_suite::inert::inert;

use super::{Plan, Start};

/// How many lines of what a subject wrote are kept, and how many characters of each.
const KEPT: (usize, usize) = (20, 400);
/// How often a port is tried.
const AGAIN: Duration = Duration::from_millis(50);

/// A subject that runs; it is ended with this value, if it was started here.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens on TCP.
    pub(crate) tcp: SocketAddr,
    /// Where it listens on UDP.
    pub(crate) udp: SocketAddr,
    child: Option<(Child, Option<ChildStdin>)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((child, stdin)) = &mut self.child {
            // Many servers end with their standard input; the others are ended.
            drop(stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Finds the subject, or starts it and waits until it is ready.
///
/// # Errors
/// What went wrong, what the subject wrote last, and what to do.
pub(crate) fn launch(plan: &Plan) -> Result<Running, String> {
    let ip = address(plan)?;
    let Some(start) = &plan.start else {
        let port = plan.port.unwrap_or(443);
        return Ok(Running {
            tcp: SocketAddr::new(ip, port),
            udp: SocketAddr::new(ip, plan.quic_port.unwrap_or(port)),
            child: None,
        });
    };
    let port = match plan.port {
        Some(port) => port,
        // The subject may choose for itself where it says so in its line.
        None if start.ready_line.as_ref().is_some_and(|line| line.contains("{port}")) => 0,
        None => free_port()?,
    };
    let fill = |text: &String| {
        let quic = plan.quic_port.unwrap_or(port);
        let bundle = plan.bundle.canonicalize().unwrap_or_else(|_| plan.bundle.clone());
        text.replace("{port}", &port.to_string())
            .replace("{quic_port}", &quic.to_string())
            .replace("{bundle}", &bundle.display().to_string())
    };
    let words: Vec<String> = start.command.iter().map(fill).collect();
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(start.env.iter().map(|(name, value)| (name, fill(value))))
        .current_dir(&start.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{program} cannot be started in {}: {e}", start.directory.display()))?;
    let stdin = child.stdin.take();
    let lines = lines(&mut child);
    let mut running =
        Running { tcp: SocketAddr::new(ip, port), udp: SocketAddr::new(ip, port), child: Some((child, stdin)) };
    let (tcp, udp) = ready(plan, start, port, &lines, &mut running)?;
    running.tcp.set_port(tcp);
    running.udp.set_port(udp);
    // What it writes from now on nobody reads; the threads take it, so that it never waits for a reader.
    Ok(running)
}

/// The address that is connected to.
fn address(plan: &Plan) -> Result<IpAddr, String> {
    plan.address.map_or_else(|| address_of(&plan.host), Ok)
}

/// The address of a host.
///
/// # Errors
/// That it is not known.
pub(crate) fn address_of(host: &str) -> Result<IpAddr, String> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    if host == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let found = (host, 0).to_socket_addrs().ok().and_then(|mut all| all.next());
    found.map(|addr| addr.ip()).ok_or_else(|| {
        format!(
            "the host {host:?} is not known here\n  mend: give [target] an address, or a host that can be looked up"
        )
    })
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
    listener.map(|addr| addr.port()).map_err(|e| format!("no free port: {e}"))
}

/// What the subject writes, line by line and bounded.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>),
        child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let send = send.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut octets = Vec::new();
            // A line without an end is taken in pieces.
            while reader.by_ref().take(1 << 16).read_until(b'\n', &mut octets).is_ok_and(|n| n > 0) {
                let line: String = String::from_utf8_lossy(&octets).trim_end().chars().take(KEPT.1).collect();
                // Nobody may be interested any more.
                let _ = send.send(inert(&line));
                octets.clear();
            }
        });
    }
    receive
}

/// Waits until the subject is ready; returns its ports.
fn ready(
    plan: &Plan,
    start: &Start,
    port: u16,
    lines: &mpsc::Receiver<String>,
    running: &mut Running,
) -> Result<(u16, u16), String> {
    let end = Instant::now() + start.ready;
    let mut said: Vec<String> = Vec::new();
    let failed = |what: &str, said: &[String]| {
        let said = if said.is_empty() {
            "it wrote nothing".to_owned()
        } else {
            format!("it wrote:\n    {}", said.join("\n    "))
        };
        format!(
            "the subject is not ready: {what}; {said}\n  mend: start it by hand with the command of [start], and compare ready_line with what it writes"
        )
    };
    loop {
        while let Ok(line) = lines.recv_timeout(AGAIN) {
            if let Some((tcp, udp)) = start.ready_line.as_ref().and_then(|wanted| matched(wanted, &line)) {
                let tcp = tcp.unwrap_or(port);
                return Ok((tcp, udp.or(plan.quic_port).unwrap_or(tcp)));
            }
            said.push(line);
            if said.len() > KEPT.0 {
                said.remove(0);
            }
            if Instant::now() > end {
                break;
            }
        }
        if start.ready_line.is_none() && TcpStream::connect_timeout(&running.tcp, AGAIN).is_ok() {
            return Ok((port, plan.quic_port.unwrap_or(port)));
        }
        if let Some((child, _)) = &mut running.child
            && let Ok(Some(status)) = child.try_wait()
        {
            said.extend(lines.try_iter());
            return Err(failed(&format!("it ended ({status})"), &said));
        }
        if Instant::now() > end {
            return Err(failed(&format!("nothing for {} s", start.ready.as_secs()), &said));
        }
    }
}

/// Whether a line begins as wanted, and the numbers that stand for `{port}` and `{quic_port}`.
fn matched(wanted: &str, line: &str) -> Option<(Option<u16>, Option<u16>)> {
    let (mut wanted, mut line) = (wanted, line);
    let (mut tcp, mut udp) = (None, None);
    while let Some(at) = wanted.find('{') {
        let (before, rest) = wanted.split_at(at);
        line = line.strip_prefix(before)?;
        let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let number = line.get(..end)?.parse().ok()?;
        line = line.get(end..)?;
        wanted = match (rest.strip_prefix("{port}"), rest.strip_prefix("{quic_port}")) {
            (Some(rest), _) => {
                tcp = Some(number);
                rest
            }
            (None, Some(rest)) => {
                udp = Some(number);
                rest
            }
            (None, None) => return None,
        };
    }
    line.starts_with(wanted).then_some((tcp, udp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_in_the_line() {
        let wanted = "ready https://localhost:{port} quic {quic_port}";
        assert_eq!(matched(wanted, "ready https://localhost:8443 quic 8444"), Some((Some(8443), Some(8444))));
        assert_eq!(matched(wanted, "ready https://localhost: quic 8444"), None);
        assert_eq!(matched("ready", "ready now"), Some((None, None)));
        assert_eq!(matched("ready", "not ready"), None);
    }
}
