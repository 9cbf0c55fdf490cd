//! A jump of this machine's clock: what it costs is the plays that it touched, and not the subject.

use std::time::{Duration, Instant};

use crate::world::Clock;

/// Seconds by which two clocks may differ that are read in whole seconds, one after the other, while one is being slewed.
const TOLERATED: i64 = 2;

/// Both clocks at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The one that proofs and tokens have, in Unix seconds: it can be set, and goes on while the machine sleeps.
    pub(crate) told: i64,
    /// One that can not, since whatever time.
    pub(crate) steady: Duration,
}

impl Reading {
    /// Now; the steady clock counts from `since`.
    pub(crate) fn now(clock: &Clock, since: Instant) -> Self {
        Self { told: clock.now(), steady: since.elapsed() }
    }
}

/// The seconds by which the clock that can be set was ahead of the steady one from one reading to the next, where that is
/// more than two clocks differ by anyway; negative if it was behind.
pub(crate) fn jump(before: Reading, after: Reading) -> Option<i64> {
    let steady = after.steady.saturating_sub(before.steady).as_secs();
    let told = after.told.saturating_sub(before.told);
    let ahead = told.saturating_sub(i64::try_from(steady).unwrap_or(i64::MAX));
    (ahead.saturating_abs() > TOLERATED).then_some(ahead)
}

/// What playing comes to while the clock goes as it should: where it jumped, it is played once more.
///
/// # Errors
/// The seconds of the second jump.
pub(crate) async fn undisturbed<T, F: Future<Output = T>>(
    mut read: impl FnMut() -> Reading,
    mut play: impl FnMut() -> F,
) -> Result<T, i64> {
    let before = read();
    let played = play().await;
    if jump(before, read()).is_none() {
        return Ok(played);
    }
    let before = read();
    let played = play().await;
    jump(before, read()).map_or(Ok(played), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_jump_touched_is_played_once_more() {
        // The clock is ahead by so much after each reading; the steady one stands.
        async fn played(ahead: &[i64]) -> (Result<u32, i64>, u32) {
            let (mut ahead, mut plays) = (ahead.iter(), 0);
            let read = || Reading { told: *ahead.next().unwrap(), steady: Duration::ZERO };
            let done = undisturbed(read, || {
                plays += 1;
                std::future::ready(plays)
            });
            (done.await, plays)
        }
        assert_eq!(played(&[0, 0]).await, (Ok(1), 1));
        assert_eq!(played(&[0, 100, 100, 100]).await, (Ok(2), 2));
        assert_eq!(played(&[0, 100, 100, 40]).await, (Err(-60), 2));
    }

    #[test]
    fn two_clocks_that_go_alike_are_no_jump_and_one_that_was_set_is() {
        let reading = |told, millis| Reading { told, steady: Duration::from_millis(millis) };
        let from = reading(1_000, 5_500);
        assert_eq!(jump(from, reading(1_000, 5_500)), None);
        assert_eq!(jump(from, reading(1_030, 35_400)), None);
        // Whole seconds, read apart.
        assert_eq!(jump(from, reading(1_031, 34_600)), None);
        assert_eq!(jump(from, reading(1_029, 36_400)), None);
        assert_eq!(jump(from, reading(1_003, 5_500)), Some(3));
        assert_eq!(jump(from, reading(4_600, 5_600)), Some(3_600));
        assert_eq!(jump(from, reading(940, 6_500)), Some(-61));
        // Set to what no clock shows.
        assert_eq!(jump(from, reading(i64::MAX, 6_500)), Some(i64::MAX - 1_001));
        assert_eq!(jump(reading(i64::MAX, 0), reading(i64::MIN, 0)), Some(i64::MIN));
    }

    #[test]
    fn a_reading_is_of_the_clock_that_it_was_given() {
        let (clock, since) = (Clock::at(1_000), Instant::now());
        let before = Reading::now(&clock, since);
        clock.advance(100);
        assert_eq!(jump(before, Reading::now(&clock, since)), Some(100));
    }
}
