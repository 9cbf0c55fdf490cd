//! What asks a command to end: an interrupt, SIGTERM, or SIGHUP, which a closed terminal sends. The first lets it keep what
//! finished, write its reports and end what it started; a second ends it at once, and what it started by force.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ekmcheck_children as children;
use tokio::sync::watch;

use crate::{INCOMPLETE, Trouble, note};

/// Held while files are written that belong together.
static WRITING: Mutex<()> = Mutex::new(());
/// How often, and how long each time, a second signal waits for them.
const WRITES: (u32, Duration) = (200, Duration::from_millis(10));

/// Writes files: a second signal finds all of them written, or none begun.
pub(crate) fn whole<T>(write: impl FnOnce() -> T) -> T {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    write()
}

/// Waits until nothing is being written, and keeps it so; but not for ever, as a disk may hang.
fn written() -> Option<MutexGuard<'static, ()>> {
    for _ in 0..WRITES.0 {
        match WRITING.try_lock() {
            Ok(written) => return Some(written),
            Err(TryLockError::Poisoned(written)) => return Some(written.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(WRITES.1),
        }
    }
    None
}

/// Whether the command was asked to end. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    given: Arc<AtomicBool>,
    told: watch::Receiver<bool>,
}

impl Stop {
    /// From now on signals do not end the process any more, but ask it to end.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn on_signals() -> Result<Self, Trouble> {
        let trouble = |e: std::io::Error| Trouble::Harness(format!("signals cannot be waited for: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(trouble)?;
        let given = Arc::new(AtomicBool::new(false));
        let (tell, told) = watch::channel(false);
        // From here on, and not from when the thread gets its turn.
        let mut signals = runtime.block_on(async { Signals::of_system() }).map_err(trouble)?;
        let seen = given.clone();
        let wait = move || {
            runtime.block_on(signals.next());
            seen.store(true, Ordering::Relaxed);
            // Who does not wait asks the flag.
            let _ = tell.send(true);
            note("asked to end: what finished is kept; once more ends at once");
            runtime.block_on(signals.next());
            let _written = written();
            children::exit(INCOMPLETE)
        };
        thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(trouble)?;
        Ok(Self { given, told })
    }

    /// Whether it was.
    pub(crate) fn is_given(&self) -> bool {
        self.given.load(Ordering::Relaxed)
    }

    /// The same for what runs without a runtime.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.given
    }

    /// Ends when it is.
    pub(crate) async fn given(&self) {
        let mut told = self.told.clone();
        // The sender lives as long as the process.
        if told.wait_for(|told| *told).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What a part of the work comes to, if the command is not asked to end before; `what` says during which.
    ///
    /// # Errors
    /// [`Trouble::Incomplete`] if it is.
    pub(crate) async fn unless<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            () = self.given() => Err(interrupted(what)),
            done = work => Ok(done),
        }
    }

    /// One that nobody gives.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        let (tell, told) = watch::channel(false);
        // Who is not there any more sends nothing.
        drop(tell);
        Self { given: Arc::default(), told }
    }

    /// Gives it, to those who ask.
    #[cfg(test)]
    pub(crate) fn give(&self) {
        self.given.store(true, Ordering::Relaxed);
    }
}

/// That nothing came of it.
pub(crate) fn interrupted(what: &str) -> Trouble {
    Trouble::Incomplete(format!("interrupted {what}; nothing was played"))
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn of_system() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        // Who was started with `nohup` is to outlive its terminal.
        if !hang_up_is_ignored() {
            kinds.push(SignalKind::hangup());
        }
        kinds.into_iter().map(signal).collect::<std::io::Result<_>>().map(Self)
    }

    async fn next(&mut self) {
        std::future::poll_fn(|cx| match self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        })
        .await;
    }
}

/// Whether this process was started so that SIGHUP does nothing, as far as the system tells.
#[cfg(unix)]
fn hang_up_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, 1))
}

/// Whether a signal is among those that a process ignores, by its `/proc/ID/status`: a mask in hexadecimal.
#[cfg(unix)]
fn ignores(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn of_system() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a handler the command simply cannot be interrupted gently.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_where_its_bit_is_set() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert!(ignores(status, 1) && ignores(status, 13));
        assert!(!ignores(status, 2) && !ignores(status, 15));
        assert!(!ignores("SigIgn:\tno\n", 1) && !ignores("", 1));
    }
}
