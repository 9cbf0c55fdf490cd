//! Bounds on what a run asks of its subject: requests a second, connections at once.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ekmcheck_forge::alteration;
use ekmcheck_suite::play::{Play, Step};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// The bounds; by default none.
#[derive(Debug, Default)]
pub struct Pace {
    requests: Option<Bucket>,
    connections: Option<(u32, Arc<Semaphore>)>,
}

/// A token bucket that holds no more than one token: requests are evenly spaced, and whoever takes several at once makes
/// the others wait for as many.
#[derive(Debug)]
struct Bucket {
    every: Duration,
    /// When the next token is there.
    next: Mutex<Option<Instant>>,
}

/// Why a play cannot keep within the bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the play has {needs} connections open at once, and {bound} are allowed (--connections)")]
pub struct TooMany {
    needs: u32,
    bound: u32,
}

impl Pace {
    /// At most so many requests a second, and so many connections open at once.
    #[must_use]
    pub fn new(rate: Option<NonZeroU32>, connections: Option<NonZeroU32>) -> Self {
        let bucket = |rate: NonZeroU32| Bucket { every: Duration::from_secs(1) / rate.get(), next: Mutex::default() };
        let connections = connections.map(|n| (n.get(), Arc::new(Semaphore::new(n.get() as usize))));
        Self { requests: rate.map(bucket), connections }
    }

    /// Waits until that many requests may be sent together.
    pub async fn requests(&self, number: usize) {
        let Some(bucket) = &self.requests else { return };
        let slot = {
            let mut next = bucket.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let slot = next.map_or(now, |next| next.max(now));
            *next = Some(slot + bucket.every * u32::try_from(number).unwrap_or(u32::MAX));
            slot
        };
        sleep_until(slot).await;
    }

    /// Waits until the play may open all connections that it has at once. They are had together, for two plays that wait
    /// for each other's second connection would wait for ever. `None` where there is no bound.
    pub(crate) async fn connections(&self, play: &Play) -> Result<Option<OwnedSemaphorePermit>, TooMany> {
        let Some((bound, permits)) = &self.connections else { return Ok(None) };
        let needs = at_once(play);
        if needs > *bound {
            return Err(TooMany { needs, bound: *bound });
        }
        // Nobody closes it.
        Ok(permits.clone().acquire_many_owned(needs).await.ok())
    }

    /// How much longer a play may take when `jobs` of them take turns.
    pub(crate) fn longer(&self, play: &Play, jobs: usize) -> Duration {
        let Some(bucket) = &self.requests else { return Duration::ZERO };
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        let requests = u32::try_from(sends(&play.steps)).unwrap_or(u32::MAX).saturating_add(play.repeated());
        // Each of them waits for its turn behind one batch of every other play at most; a batch is rarely above ten.
        bucket.every.saturating_mul(requests.saturating_mul(jobs).saturating_mul(10))
    }
}

fn sends(steps: &[Step]) -> usize {
    let of = |step: &Step| match step {
        Step::Send(_) | Step::Abandon(_) => 1,
        Step::Together(sends) | Step::Pipeline(sends) => sends.len(),
        _ => 0,
    };
    steps.iter().flat_map(Step::flat).map(of).sum()
}

/// The most connections that a play has open at once; not fewer.
fn at_once(play: &Play) -> u32 {
    let (mut open, mut most, mut other) = (Vec::<&str>::new(), 1, 0);
    for step in play.steps.iter().flat_map(Step::flat) {
        match step {
            Step::Connect(connect) if !open.contains(&connect.name.as_str()) => open.push(&connect.name),
            Step::Close(close) => open.retain(|name| *name != close.connection),
            Step::Abandon(send) => open.retain(|name| *name != send.on),
            _ => {}
        }
        // An alteration may want another connection to take something from; it stays open.
        let needs_other = |send: &ekmcheck_suite::play::Send| {
            send.alter.as_deref().and_then(alteration::named).is_some_and(|a| a.needs_other)
        };
        other = other.max(u32::from(requests(step).any(needs_other)));
        let probe = u32::from(matches!(step, Step::Probe(_)));
        most = most.max(u32::try_from(open.len()).unwrap_or(u32::MAX) + other + probe);
    }
    most
}

fn requests(step: &Step) -> impl Iterator<Item = &ekmcheck_suite::play::Send> {
    let (one, many): (Option<&_>, &[_]) = match step {
        Step::Send(send) | Step::Abandon(send) => (Some(&**send), &[]),
        Step::Together(sends) | Step::Pipeline(sends) => (None, sends),
        _ => (None, &[]),
    };
    one.into_iter().chain(many)
}

#[cfg(test)]
mod tests {
    use ekmcheck_suite::{
        case::Expect,
        play::{Close, Connect, How, Send, Temper},
    };

    use super::*;

    fn connect(name: &str) -> Step {
        Step::Connect(Connect { name: name.to_owned(), ..Connect::default() })
    }

    fn play(steps: Vec<Step>) -> Play {
        Play { temper: Temper::Story, steps }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_and_batches_paid_for_afterwards() {
        let pace = Pace::new(NonZeroU32::new(10), None);
        let begun = Instant::now();
        let mut at = Vec::new();
        for number in [1, 1, 5, 1, 1] {
            pace.requests(number).await;
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at, [0, 100, 200, 700, 800]);
        // What was not used is not saved up.
        tokio::time::advance(Duration::from_secs(60)).await;
        let begun = Instant::now();
        pace.requests(1).await;
        pace.requests(1).await;
        assert_eq!(begun.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_keep_to_the_rate() {
        let pace = Arc::new(Pace::new(NonZeroU32::new(100), None));
        let begun = Instant::now();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move { pace.requests(1).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(begun.elapsed().as_millis(), 490);
    }

    #[tokio::test(start_paused = true)]
    async fn without_bounds_nothing_waits() {
        let pace = Pace::default();
        let begun = Instant::now();
        pace.requests(1000).await;
        assert_eq!(pace.connections(&play(vec![connect("a")])).await.unwrap().map(drop), None);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[test]
    fn connections_at_once_are_counted() {
        let close = |name: &str| Step::Close(Close { connection: name.to_owned(), how: How::Fin });
        let altered = |name: &str| {
            Step::Send(Box::new(Send { alter: Some(name.to_owned()), ..Send::new("a", Expect::Observed) }))
        };
        assert_eq!(at_once(&play(vec![connect("a"), close("a"), connect("b")])), 1);
        assert_eq!(at_once(&play(vec![connect("a"), connect("b"), close("a"), connect("c")])), 2);
        assert_eq!(at_once(&play(vec![connect("a"), connect("a")])), 1);
        let other = alteration::table().find(|a| a.needs_other).unwrap();
        assert_eq!(at_once(&play(vec![connect("a"), altered(other.name)])), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_had_together_or_not_at_all() {
        let pace = Pace::new(None, NonZeroU32::new(2));
        let (one, two) = (play(vec![connect("a")]), play(vec![connect("a"), connect("b")]));
        let three = play(vec![connect("a"), connect("b"), connect("c")]);
        assert!(pace.connections(&three).await.unwrap_err().to_string().contains("3 connections open at once, and 2"));
        let held = pace.connections(&one).await.unwrap();
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, pace.connections(&two)).await.is_err());
        drop(held);
        assert!(tokio::time::timeout(second, pace.connections(&two)).await.unwrap().unwrap().is_some());
    }
}
