//! How far a run has come, on standard error: a bar where a person looks on, now and then a line where a log is kept.

use std::{
    env,
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use ekmcheck_player::run::Played;
use ekmcheck_suite::{
    inert::inert,
    outcome::{Outcome, Verdict},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::note;

/// The least time from one line to the next.
const EVERY: Duration = Duration::from_secs(10);

/// The progress of one run.
pub(crate) struct Progress {
    shown: Shown,
    begun: Instant,
    tally: Tally,
}

enum Shown {
    Not,
    Bar(ProgressBar),
    Lines {
        /// When the last line was, counted from the beginning.
        last: Option<Duration>,
    },
}

/// What finished so far.
#[derive(Default)]
struct Tally {
    total: usize,
    finished: usize,
    failed: usize,
    warned: usize,
    /// Inconclusive, or ended by a fault of the harness.
    doubtful: usize,
    last: Option<String>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        self.finished += 1;
        match outcome.verdict {
            Verdict::Fail => self.failed += 1,
            Verdict::Warn => self.warned += 1,
            Verdict::Inconclusive | Verdict::Error => self.doubtful += 1,
            Verdict::Pass | Verdict::Observed | Verdict::NotTestable => return,
        }
        self.last = Some(format!("{} {} on {}", outcome.verdict.name(), inert(&outcome.id), outcome.transport.name()));
    }

    fn text(&self) -> String {
        let last = self.last.as_ref().map(|last| format!("   last: {last}")).unwrap_or_default();
        let counts = [("failed", self.failed), ("warned", self.warned), ("inconclusive", self.doubtful)];
        let counts =
            counts.iter().filter(|(word, n)| *n > 0 || *word == "failed").map(|(word, n)| format!("{word} {n}"));
        format!("{}{last}", counts.collect::<Vec<_>>().join("   "))
    }
}

impl Progress {
    /// For that many cases; nothing is shown if `quiet`.
    pub(crate) fn of(total: usize, quiet: bool) -> Self {
        let in_ci = env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        let shown = match (quiet || total == 0, stderr().is_terminal() && !in_ci) {
            (true, _) => Shown::Not,
            (false, true) => Shown::Bar(bar(total)),
            (false, false) => Shown::Lines { last: None },
        };
        Self { shown, begun: Instant::now(), tally: Tally { total, ..Tally::default() } }
    }

    /// A case has finished.
    pub(crate) fn finished(&mut self, played: &Played) {
        self.tally.count(&played.outcome);
        match &mut self.shown {
            Shown::Not => {}
            Shown::Bar(bar) => {
                bar.set_message(self.tally.text());
                bar.inc(1);
            }
            Shown::Lines { last } => {
                let now = self.begun.elapsed();
                if is_due(*last, now) {
                    *last = Some(now);
                    let Tally { total, finished, .. } = self.tally;
                    note(&format!("{finished}/{total} after {} s   {}", now.as_secs(), self.tally.text()));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// The first line comes with the first result, so that a log shows that something happens.
fn is_due(last: Option<Duration>, now: Duration) -> bool {
    last.is_none_or(|last| now.saturating_sub(last) >= EVERY)
}

fn bar(total: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(8);
    let bar = ProgressBar::with_draw_target(Some(total as u64), target);
    // Without colours, so that there is nothing for NO_COLOR to take away.
    match ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_once_and_then_every_ten_seconds() {
        let seconds = Duration::from_secs;
        assert!(is_due(None, seconds(0)));
        assert!(!is_due(Some(seconds(0)), seconds(9)));
        assert!(is_due(Some(seconds(0)), seconds(10)));
        assert!(!is_due(Some(seconds(12)), seconds(21)));
    }

    #[test]
    fn the_last_failure_is_named() {
        let tally = Tally { failed: 2, warned: 1, last: Some("fail rs.a on tls13-h1".to_owned()), ..Tally::default() };
        assert_eq!(tally.text(), "failed 2   warned 1   last: fail rs.a on tls13-h1");
        assert_eq!(Tally::default().text(), "failed 0");
    }
}
