//! The window between looking and remembering.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
};

/// The longest that a request stays in the window. Long enough for a request that was sent at the same time to come in;
/// whoever comes alone is only delayed.
const WINDOW: Duration = Duration::from_millis(300);

/// Who is in the window.
#[derive(Default)]
pub(super) struct Race {
    inside: Mutex<Inside>,
    came: Condvar,
}

#[derive(Default)]
struct Inside {
    now: usize,
    /// Everybody who ever met somebody.
    met: u8,
}

impl Race {
    /// Goes through the window; returns a number of one's own if somebody else was in it too.
    pub(super) fn run(&self) -> Option<u8> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.now += 1;
        if inside.now > 1 {
            self.came.notify_all();
        } else {
            let wait = || {
                let waited = self.came.wait_timeout_while(inside, WINDOW, |inside| inside.now < 2);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
            // The request that is waited for may be queued behind this one.
            let many = Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
            inside = if many { block_in_place(wait) } else { wait() };
            let alone = inside.now < 2;
            inside.now = 0;
            if alone {
                return None;
            }
        }
        inside.met = inside.met.wrapping_add(1);
        Some(inside.met)
    }
}
