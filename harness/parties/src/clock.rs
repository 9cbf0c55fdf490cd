//! Clocks that are told the time, and one that asks the system for it: the only place of the parties that does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

/// A clock that stands still until it is moved, or goes with the system's. Copies share the hand.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The time; of a clock that goes with the system's, how far it is ahead.
    hand: Arc<AtomicI64>,
    goes: bool,
}

impl Clock {
    /// A clock at that time, in Unix seconds.
    #[must_use]
    pub fn at(seconds: i64) -> Self {
        Self { hand: Arc::new(AtomicI64::new(seconds)), goes: false }
    }

    /// Another clock, which shows so many seconds more than this one does now, and has a hand of its own.
    #[must_use]
    pub fn ahead(&self, seconds: i64) -> Self {
        let hand = self.hand.load(Ordering::SeqCst).saturating_add(seconds);
        Self { hand: Arc::new(AtomicI64::new(hand)), goes: self.goes }
    }

    /// A clock that goes with the system's.
    #[must_use]
    pub fn of_system() -> Self {
        Self { hand: Arc::default(), goes: true }
    }

    /// The time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        let hand = self.hand.load(Ordering::SeqCst);
        if self.goes { hand.saturating_add(system()) } else { hand }
    }

    /// Moves the hand.
    pub fn advance(&self, seconds: i64) {
        self.hand.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// Unix seconds; before 1970 there is no time that a certificate could have.
fn system() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The time for certificate validation. What a server starts with is a clock of its own, which stands still or goes, so that moving a server's clock ends no certificate.
impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(self.now()).ok()?)))
    }
}
