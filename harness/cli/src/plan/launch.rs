//! Starts a subject as a plan says, finds out when it is ready, and ends it.

mod wrote;

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use ekmcheck_children::Group;
use ekmcheck_player::network::Process;

use self::wrote::Wrote;
use super::{
    Plan, Start,
    listening::{self, Over, Owner},
};
use crate::{
    Trouble, note, reach,
    signals::{Stop, interrupted},
};

/// How often it is looked whether a subject is ready.
const AGAIN: Duration = Duration::from_millis(20);
/// The longest that a port on another machine may take to show that it is there.
const FAR: Duration = Duration::from_secs(1);
/// How many ports are chosen, one after the other, where others are faster.
const TRIES: usize = 5;

/// A subject that runs; it is ended with this value, if it was started here.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens on TCP.
    pub(crate) tcp: SocketAddr,
    /// Where it listens on UDP.
    pub(crate) udp: SocketAddr,
    /// Where else it could listen on TCP, by its name.
    pub(crate) others: Vec<SocketAddr>,
    launched: Option<Arc<Launched>>,
}

impl Running {
    /// The process, if it was started here.
    pub(crate) fn process(&self) -> Option<Arc<dyn Process>> {
        self.launched.clone().map(|launched| launched as Arc<dyn Process>)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(launched) = &self.launched
            && !launched.state.lock().unwrap_or_else(PoisonError::into_inner).group.end()
        {
            note("some process of the subject cannot be ended; look for it");
        }
    }
}

/// A subject that was started here.
#[derive(Debug)]
struct Launched {
    plan: Plan,
    start: Start,
    addresses: Vec<IpAddr>,
    ports: Ports,
    stop: Stop,
    /// Held while it is started anew.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    group: Group,
    wrote: Wrote,
    /// Why it is not there any more, if it could not be started anew.
    lost: Option<String>,
}

/// The ports of TCP and UDP; 0 where the subject chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports {
    tcp: u16,
    udp: u16,
}

/// Why a subject did not start.
enum Failed {
    /// A port is somebody else's.
    Taken(String),
    Otherwise(String),
    /// Nobody waits for it any more.
    Stopped,
}

impl Failed {
    fn words(self) -> String {
        match self {
            Self::Taken(why) | Self::Otherwise(why) => why,
            Self::Stopped => "interrupted".to_owned(),
        }
    }
}

/// Finds the subject, or starts it and waits until it is ready.
///
/// # Errors
/// What went wrong, what the subject wrote last, and what to do; or that the command was asked to end meanwhile.
pub(crate) fn launch(plan: &Plan, stop: &Stop) -> Result<Running, Trouble> {
    let addresses = match plan.address {
        Some(address) => vec![address],
        None => reach::addresses(&plan.host).map_err(|why| {
            Trouble::Given(format!("{why}\n  mend: give [target] an address, or a host that can be looked up"))
        })?,
    };
    // Before anything is sent, or started that would answer for it.
    let addresses = reach::permitted(addresses, plan.allow_remote).map_err(Trouble::Given)?;
    match &plan.start {
        None => {
            let tcp = plan.port.unwrap_or(443);
            let (tcp, udp) = found(plan, &addresses, Ports { tcp, udp: plan.quic_port.unwrap_or(tcp) });
            Ok(Running { tcp, udp, others: others(&addresses, tcp), launched: None })
        }
        Some(start) => launch_at(plan, start, addresses, stop, &mut free_port),
    }
}

fn launch_at(
    plan: &Plan,
    start: &Start,
    addresses: Vec<IpAddr>,
    stop: &Stop,
    choose: &mut dyn FnMut() -> Result<u16, String>,
) -> Result<Running, Trouble> {
    // The subject may choose for itself where it says so in its line.
    let chooses = start.ready_line.as_ref().is_some_and(|line| line.contains("{port}"));
    let fixed = plan.port.or(chooses.then_some(0));
    let mut taken = String::new();
    for _ in 0..if fixed.is_some() { 1 } else { TRIES } {
        let tcp = fixed.map_or_else(&mut *choose, Ok).map_err(Trouble::Given)?;
        let ports = Ports { tcp, udp: plan.quic_port.unwrap_or(tcp) };
        match begin(plan, start, &addresses, ports, stop) {
            Ok((state, ports)) => {
                let (tcp, udp) = found(plan, &addresses, ports);
                let others = others(&addresses, tcp);
                let (plan, start, stop, state) = (plan.clone(), start.clone(), stop.clone(), Mutex::new(state));
                let launched = Launched { plan, start, addresses, ports, stop, state };
                return Ok(Running { tcp, udp, others, launched: Some(Arc::new(launched)) });
            }
            Err(Failed::Taken(why)) => taken = why,
            Err(Failed::Otherwise(why)) => return Err(Trouble::Given(why)),
            Err(Failed::Stopped) => return Err(interrupted("while the subject started")),
        }
    }
    Err(Trouble::Given(taken))
}

/// At which of its addresses it is, as far as that shows.
fn found(plan: &Plan, addresses: &[IpAddr], ports: Ports) -> (SocketAddr, SocketAddr) {
    let first = addresses.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let over_tcp = plan.transports.iter().any(|transport| !transport.is_quic());
    // With one address there is nothing to find out, and who is not there is told of later.
    let answers = || reach::answering(addresses, ports.tcp).ok();
    let tcp = if over_tcp && addresses.len() > 1 { answers().unwrap_or(first) } else { first };
    let is_bound = |ip: &&IpAddr| listening::is_bound(Over::Udp, SocketAddr::new(**ip, ports.udp)) == Some(true);
    let udp = std::iter::once(&tcp).chain(addresses).find(is_bound).copied().unwrap_or(tcp);
    (SocketAddr::new(tcp, ports.tcp), SocketAddr::new(udp, ports.udp))
}

fn others(addresses: &[IpAddr], tcp: SocketAddr) -> Vec<SocketAddr> {
    addresses.iter().filter(|ip| **ip != tcp.ip()).map(|ip| SocketAddr::new(*ip, tcp.port())).collect()
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
    listener.map(|addr| addr.port()).map_err(|e| format!("no free port: {e}"))
}

/// What goes over the ports.
fn over(plan: &Plan) -> impl Iterator<Item = Over> {
    let quic = plan.transports.iter().any(|transport| transport.is_quic());
    let tcp = plan.transports.iter().any(|transport| !transport.is_quic());
    [(tcp, Over::Tcp), (quic, Over::Udp)].into_iter().filter(|(wanted, _)| *wanted).map(|(_, over)| over)
}

/// Why a port cannot be the subject's, if somebody has it before the subject is there.
fn taken(plan: &Plan, addresses: &[IpAddr], ports: Ports) -> Option<String> {
    for over in over(plan) {
        let port = if over == Over::Tcp { ports.tcp } else { ports.udp };
        for addr in addresses.iter().map(|ip| SocketAddr::new(*ip, port)).filter(|addr| addr.port() != 0) {
            let bound = match over {
                Over::Tcp => TcpListener::bind(addr).map(drop),
                Over::Udp => UdpSocket::bind(addr).map(drop),
            };
            if bound.is_err_and(|e| e.kind() == ErrorKind::AddrInUse) {
                let by = match listening::owner(over, addr, &[]) {
                    Owner::Other(who) => format!(" by {who}"),
                    Owner::Named | Owner::Unknown => String::new(),
                };
                return Some(not_its_own(&format!("{addr} is taken{by} before it is started")));
            }
        }
    }
    None
}

fn not_its_own(what: &str) -> String {
    format!(
        "the subject cannot have its port: {what}\n  mend: end what listens there, or name another port in [target]; a command that has another program listen (docker, systemctl) is to be given by hand, with a plan without [start]"
    )
}

/// Starts the subject on these ports, and waits until it is ready; with it, the ports that it has.
fn begin(
    plan: &Plan,
    start: &Start,
    addresses: &[IpAddr],
    ports: Ports,
    stop: &Stop,
) -> Result<(State, Ports), Failed> {
    if let Some(why) = taken(plan, addresses, ports) {
        return Err(Failed::Taken(why));
    }
    let fill = |text: &String| {
        let bundle = plan.bundle.canonicalize().unwrap_or_else(|_| plan.bundle.clone());
        text.replace("{port}", &ports.tcp.to_string())
            .replace("{quic_port}", &ports.udp.to_string())
            .replace("{bundle}", &bundle.display().to_string())
    };
    let words: Vec<String> = start.command.iter().map(fill).collect();
    let (program, arguments) = words.split_first().ok_or(Failed::Otherwise("the command is empty".to_owned()))?;
    let mut command = Command::new(program);
    command.args(arguments).envs(start.env.iter().map(|(name, value)| (name, fill(value))));
    command.current_dir(&start.directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(&mut command)
        .map_err(|e| Failed::Otherwise(format!("{program} cannot be started in {}: {e}", start.directory.display())))?;
    // What it writes is taken as long as it lives, so that it never waits for a reader.
    let wrote = Wrote::by(&mut group, start.ready_line.as_deref());
    let ports = ready(plan, start, addresses, ports, &mut group, &wrote, stop)?;
    let named = group.members();
    for (over, port) in over(plan).map(|over| (over, if over == Over::Tcp { ports.tcp } else { ports.udp })) {
        for addr in addresses.iter().map(|ip| SocketAddr::new(*ip, port)) {
            if let Owner::Other(who) = listening::owner(over, addr, &named) {
                return Err(Failed::Taken(not_its_own(&format!("at {addr} listens {who}, which it did not start"))));
            }
        }
    }
    Ok((State { group, wrote, lost: None }, ports))
}

/// Waits until the subject is ready; returns its ports.
fn ready(
    plan: &Plan,
    start: &Start,
    addresses: &[IpAddr],
    ports: Ports,
    group: &mut Group,
    wrote: &Wrote,
    stop: &Stop,
) -> Result<Ports, Failed> {
    let end = Instant::now() + start.ready;
    let failed = |what: &str| {
        format!(
            "the subject is not ready: {what}; {}\n  mend: start it by hand with the command of [start], and compare ready_line with what it writes",
            wrote.words()
        )
    };
    loop {
        if stop.is_given() {
            return Err(Failed::Stopped);
        }
        // Before the port is looked at: who answers after its end is somebody else.
        let over = group.over();
        if let Some((tcp, udp)) = wrote.ready() {
            let tcp = tcp.unwrap_or(ports.tcp);
            return Ok(Ports { tcp, udp: udp.or(plan.quic_port).unwrap_or(tcp) });
        }
        if let Some(status) = over {
            wrote.to_the_end();
            let why = failed(&format!("it ended ({status})"));
            return Err(if wrote.of_a_taken_port() { Failed::Taken(why) } else { Failed::Otherwise(why) });
        }
        if start.ready_line.is_none() && addresses.iter().any(|ip| is_there(plan, *ip, ports)) {
            return Ok(ports);
        }
        if Instant::now() > end {
            return Err(Failed::Otherwise(failed(&format!("nothing for {} s", start.ready.as_secs()))));
        }
        thread::sleep(AGAIN);
    }
}

/// Whether something has the port.
fn is_there(plan: &Plan, ip: IpAddr, ports: Ports) -> bool {
    let over_tcp = plan.transports.iter().any(|transport| !transport.is_quic());
    match listening::is_bound(Over::Udp, SocketAddr::new(ip, ports.udp)).filter(|_| !over_tcp) {
        Some(bound) => bound,
        None => {
            let patience = if ip.is_loopback() { AGAIN } else { FAR };
            TcpStream::connect_timeout(&SocketAddr::new(ip, ports.tcp), patience).is_ok()
        }
    }
}

impl Process for Launched {
    fn ended(&self) -> Option<String> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            // It is being started anew.
            Err(TryLockError::WouldBlock) => return None,
        };
        if state.lost.is_some() {
            return state.lost.clone();
        }
        let status = state.group.over()?;
        state.wrote.to_the_end();
        Some(format!("{status}; {}", state.wrote.words()))
    }

    fn can_restart(&self) -> Result<(), String> {
        let mut given = self.start.command.iter().chain(self.start.env.values());
        match self.plan.port.is_some() || given.any(|text| text.contains("{port}")) {
            true => Ok(()),
            false => {
                Err("the subject chooses its port anew at each start ({port} stands in no word of [start])".to_owned())
            }
        }
    }

    fn restart(&self) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.group.end();
        let begun = match begin(&self.plan, &self.start, &self.addresses, self.ports, &self.stop) {
            Ok((_, ports)) if ports != self.ports => Err("it has another port now".to_owned()),
            Ok((new, _)) => Ok(new),
            Err(failed) => Err(failed.words()),
        };
        match begun {
            Ok(new) => {
                *state = new;
                Ok(())
            }
            Err(why) => {
                state.lost = Some(format!("it could not be started anew: {why}"));
                Err(why)
            }
        }
    }

    fn restart_takes(&self) -> Duration {
        // What ending it may take comes to it.
        self.start.ready + Duration::from_secs(5)
    }
}

#[cfg(test)]
mod tests;
