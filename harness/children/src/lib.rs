//! Programs that the harness starts. Each leads a process group of its own and ends with all that it started: when it is
//! asked to, or else by force.
//!
//! A wrapper (`sh -c`, `npm start`, `go run`) has its server in the group. A daemon leaves the group and its parent. On Linux
//! it is found all the same: orphans come to this process ([`adopt_orphans`]), and whatever a program starts inherits a mark in
//! its environment. Elsewhere only the group is known. What SIGKILL does to this process cannot be answered; then standard
//! input, which ends, is the only sign to the programs.

mod family;
mod system;

use std::{
    collections::BTreeMap,
    io,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use system::Signal;

/// The variable that marks what a program has started.
const MARK: &str = "EKMCHECK_STARTED";

/// How long a program may take to end: after its standard input has, after it was asked to, after force.
const PATIENCE: [(Option<Signal>, Duration); 3] = [
    (None, Duration::from_millis(500)),
    (Some(Signal::Term), Duration::from_secs(2)),
    (Some(Signal::Kill), Duration::from_secs(2)),
];
/// How often it is looked at meanwhile.
const AGAIN: Duration = Duration::from_millis(10);

/// The leaders of the groups that live, and their marks. Held while a program is started, so that none is missed.
static LIVE: Mutex<BTreeMap<u32, String>> = Mutex::new(BTreeMap::new());
static NUMBER: AtomicU32 = AtomicU32::new(0);
/// Whether this process starts programs in no other way, so that every orphan that comes to it is one of theirs.
static ADOPTS: AtomicBool = AtomicBool::new(false);

fn live() -> MutexGuard<'static, BTreeMap<u32, String>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on what the programs leave behind comes to this process, and is ended with the last of them. For a process that
/// starts programs in no other way.
pub fn adopt_orphans() {
    ADOPTS.store(system::adopt_orphans(), Ordering::Relaxed);
}

/// Ends this process now, and all programs with it, by force.
pub fn exit(status: u8) -> ! {
    // Held to the end: nothing more is started.
    let live = live();
    for (leader, mark) in live.iter() {
        let family = Family { leader: *leader, mark: mark.clone() };
        let end = Instant::now() + Duration::from_secs(1);
        // Who is just starting another one may get away from the first try.
        loop {
            family.tell(Signal::Kill, &live);
            if family.members(&live).is_empty() || Instant::now() > end {
                break;
            }
            thread::sleep(AGAIN);
        }
    }
    std::process::exit(i32::from(status))
}

/// All that comes of a program, whether it is known or not.
#[derive(Debug, Clone)]
struct Family {
    leader: u32,
    mark: String,
}

impl Family {
    /// Has the command lead a group, and marks what it starts.
    fn mark(command: &mut Command) -> String {
        let mark = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        system::lead_a_group(command.env(MARK, &mark));
        mark
    }

    /// Starts a command that was marked so; it returns the number of the process.
    fn start<T>(mark: String, spawn: impl FnOnce() -> io::Result<(T, u32)>) -> io::Result<(T, Self)> {
        let mut live = live();
        let (child, leader) = spawn()?;
        live.insert(leader, mark.clone());
        Ok((child, Self { leader, mark }))
    }

    /// The processes of it that live, as far as the system tells.
    fn members(&self, live: &BTreeMap<u32, String>) -> Vec<u32> {
        let table = system::processes();
        let others = |mark: &str| live.iter().any(|(leader, other)| *leader != self.leader && other == mark);
        let alone = ADOPTS.load(Ordering::Relaxed) && live.keys().all(|leader| *leader == self.leader);
        family::members(&table, std::process::id(), self.leader, |id| match system::variable(id, MARK) {
            Some(mark) if mark == self.mark => true,
            Some(mark) if others(&mark) => false,
            // It took the mark off, or has one of its own.
            _ => alone && !live.contains_key(&id),
        })
    }

    fn tell(&self, signal: Signal, live: &BTreeMap<u32, String>) {
        let members = self.members(live);
        // The number of a group that has ended may be another one's by now.
        if !members.is_empty() || !system::SEES_ALL {
            system::tell_group(self.leader, signal);
        }
        members.into_iter().for_each(|id| system::tell(id, signal));
    }
}

/// A program that runs, with all that it started. It is ended with this value.
#[derive(Debug)]
pub struct Group {
    child: Child,
    family: Family,
    input: Option<ChildStdin>,
    ended: bool,
}

impl Group {
    /// Starts the program.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mark = Family::mark(command);
        let spawn = || {
            let child = command.spawn()?;
            let id = child.id();
            Ok((child, id))
        };
        let (mut child, family) = Family::start(mark, spawn)?;
        let input = child.stdin.take();
        Ok(Self { child, family, input, ended: false })
    }

    /// Its standard input, if it was piped; whoever takes it has to close it.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    /// Its standard output, if it was piped.
    pub fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, if it was piped.
    pub fn take_errors(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How the program itself ended, if it did.
    pub fn status(&mut self) -> Option<ExitStatus> {
        // It stays in the table of processes, so that its number is nobody else's until the group was told to end.
        system::status(&mut self.child)
    }

    /// How it ended, if nothing lives of it any more: a daemon's parent ends at once.
    pub fn over(&mut self) -> Option<ExitStatus> {
        let status = self.status()?;
        self.members().is_empty().then_some(status)
    }

    /// The processes that live of it, as far as the system tells.
    #[must_use]
    pub fn members(&self) -> Vec<u32> {
        self.family.members(&live())
    }

    /// Ends it: closes its standard input, asks it to end, and then makes it. Returns whether nothing of it lives.
    pub fn end(&mut self) -> bool {
        if self.ended {
            return true;
        }
        drop(self.input.take());
        let over = PATIENCE.into_iter().any(|(signal, patience)| self.ends_within(signal, patience));
        self.ended = true;
        if over {
            // What it left to the table of processes.
            let _ = self.child.wait();
            let mut live = live();
            live.remove(&self.family.leader);
            if ADOPTS.load(Ordering::Relaxed) {
                let own = std::process::id();
                let gone = system::processes().into_iter().filter(|p| p.gone && p.parent == own);
                gone.filter(|p| !live.contains_key(&p.id)).for_each(|p| system::bury(p.id));
            }
        }
        over
    }

    fn ends_within(&mut self, signal: Option<Signal>, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut told = false;
        loop {
            if self.over().is_some() {
                return true;
            }
            // By force again and again: one that is just being started is not there yet.
            if let Some(signal) = signal.filter(|signal| !told || *signal == Signal::Kill) {
                self.family.tell(signal, &live());
                told = true;
            }
            if Instant::now() > end {
                return false;
            }
            thread::sleep(AGAIN);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// A program that somebody else waits for; what is left of it is ended by force with this value.
#[derive(Debug)]
pub struct Leash(Family);

impl Leash {
    /// Starts the program with the runtime's own means.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub fn start(command: &mut tokio::process::Command) -> io::Result<(tokio::process::Child, Self)> {
        let mark = Family::mark(command.as_std_mut());
        let spawn = || {
            let child = command.spawn()?;
            let id = child.id().ok_or_else(|| io::Error::other("it has no number"))?;
            Ok((child, id))
        };
        let (child, family) = Family::start(mark, spawn)?;
        Ok((child, Self(family)))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let mut live = live();
        self.0.tell(Signal::Kill, &live);
        live.remove(&self.0.leader);
    }
}

#[cfg(test)]
mod tests;
