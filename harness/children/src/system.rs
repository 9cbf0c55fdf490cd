//! What the operating system has of processes, as far as it is reached without `unsafe`.

use std::process::{Child, Command, ExitStatus};

use super::family::Process;

/// What a process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// To end.
    Term,
    /// Nothing more: it is ended.
    Kill,
}

/// Whether all processes can be seen.
pub(super) const SEES_ALL: bool = cfg!(target_os = "linux");

/// All processes; none where they cannot be seen.
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let stat = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        // Others than numbers are none.
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        // The name in it may be no text.
        let stat = std::fs::read(entry.path().join("stat")).ok()?;
        Process::parse(&String::from_utf8_lossy(&stat))
    };
    entries.filter_map(stat).collect()
}

/// A variable of the environment that a process was started with.
pub(super) fn variable(id: u32, name: &str) -> Option<String> {
    let read = || std::fs::read(format!("/proc/{id}/environ")).ok();
    let mut all = read()?;
    // While a program takes the place of another one, it has none for a moment.
    for _ in 0..10 {
        if !all.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
        all = read()?;
    }
    let value = |entry: &[u8]| Some(str::from_utf8(entry).ok()?.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    all.split(|octet| *octet == 0).find_map(value)
}

#[cfg(unix)]
pub(super) use self::unix::*;

#[cfg(unix)]
mod unix {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};

    use rustix::process::{self as sys, Pid, WaitId, WaitIdOptions, WaitOptions};

    use super::*;

    fn pid(id: u32) -> Option<Pid> {
        // 0 and 1 would be everybody.
        i32::try_from(id).ok().filter(|id| *id > 1).and_then(Pid::from_raw)
    }

    fn signal(signal: Signal) -> sys::Signal {
        match signal {
            Signal::Term => sys::Signal::TERM,
            Signal::Kill => sys::Signal::KILL,
        }
    }

    /// Lets orphans come to this process; whether that is possible.
    pub(in super::super) fn adopt_orphans() -> bool {
        #[cfg(target_os = "linux")]
        return sys::set_child_subreaper(Some(sys::getpid())).is_ok();
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Has the program lead a process group of its own.
    pub(in super::super) fn lead_a_group(command: &mut Command) {
        command.process_group(0);
    }

    /// Tells all of a group. Who has gone need not be told.
    pub(in super::super) fn tell_group(leader: u32, what: Signal) {
        let _ = pid(leader).map(|pid| sys::kill_process_group(pid, signal(what)));
    }

    /// Tells a process. Who has gone need not be told.
    pub(in super::super) fn tell(id: u32, what: Signal) {
        let _ = pid(id).map(|pid| sys::kill_process(pid, signal(what)));
    }

    /// Takes notice of the end of a process that came to this one.
    pub(in super::super) fn bury(id: u32) {
        let _ = pid(id).map(|pid| sys::waitpid(Some(pid), WaitOptions::NOHANG));
    }

    /// How a child ended, if it did; its number stays taken.
    pub(in super::super) fn status(child: &mut Child) -> Option<ExitStatus> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match sys::waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(Some(status)) => {
                // As `wait` has it: the status above the signal.
                let raw = status.exit_status().map(|code| code << 8).or(status.terminating_signal());
                Some(ExitStatus::from_raw(raw.unwrap_or_default()))
            }
            Ok(None) => None,
            // It was waited for already.
            Err(_) => child.try_wait().ok().flatten(),
        }
    }
}

#[cfg(not(unix))]
pub(super) use self::other::*;

/// There are no groups: the program itself is ended, and what it started is not known.
#[cfg(not(unix))]
mod other {
    use super::*;

    pub(in super::super) fn adopt_orphans() -> bool {
        false
    }

    pub(in super::super) fn lead_a_group(_: &mut Command) {}

    pub(in super::super) fn tell_group(leader: u32, what: Signal) {
        tell(leader, what);
    }

    pub(in super::super) fn tell(id: u32, _: Signal) {
        // The system's own tool, as there is no safe way to a process by its number.
        let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &id.to_string()]).output();
    }

    pub(in super::super) fn bury(_: u32) {}

    pub(in super::super) fn status(child: &mut Child) -> Option<ExitStatus> {
        child.try_wait().ok().flatten()
    }
}
