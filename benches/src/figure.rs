//! Figures: what is measured, in batches that take turns.
//!
//! A machine that gets slower in between slows all figures of a turn, so that the ratio of two figures of one turn holds
//! where their times do not. A ratio is the median of those of the turns. Time is the thread's own on a processor: whoever
//! else wants the processor takes it away for longer than a batch takes.

use std::{hint::black_box, time::Duration};

use cpu_time::ThreadTime;

/// Iterations at most between two readings of the clock, where something is prepared for each.
pub const BATCH: usize = 64;

/// What is measured.
pub struct Figure<'a> {
    /// The name in tables and bounds.
    pub name: &'static str,
    /// Iterations a turn: few where one takes long.
    pub turn: u64,
    /// Runs so many iterations, each with the work that was added, and says how long they took.
    run: Box<Run<'a>>,
    /// What each iteration does besides.
    added: Option<Work<'a>>,
    /// How often it was run.
    pub runs: usize,
}

/// What one iteration does, the number of which is given; says whether it came out as it should.
pub type Work<'a> = Box<dyn FnMut(usize) -> bool + 'a>;

/// The same, lent for one run.
type Added<'r> = &'r mut dyn FnMut(usize) -> bool;

type Run<'a> = dyn FnMut(u64, Option<Added<'_>>) -> Duration + 'a;

impl<'a> Figure<'a> {
    /// `prepare` makes what a batch of that size needs, before the clock runs; `measured` does one iteration, the number of
    /// which is given, and says whether it came out as it should.
    ///
    /// # Panics
    /// Later, when an iteration did not come out so: what is measured would not be what the name says.
    pub fn new<B>(
        name: &'static str,
        mut prepare: impl FnMut(usize) -> B + 'a,
        measured: impl FnMut(&mut B, usize) -> bool + 'a,
    ) -> Self {
        Self::in_batches(name, BATCH as u64, move |size| prepare(size as usize), measured)
    }

    /// A figure of work that needs no preparation. The number of an iteration stays below [`BATCH`], and then begins anew.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn of(name: &'static str, mut work: impl FnMut(usize) -> bool + 'a) -> Self {
        Self::in_batches(name, u64::MAX, |_| (), move |(), n| work(n))
    }

    fn in_batches<B>(
        name: &'static str,
        most: u64,
        mut prepare: impl FnMut(u64) -> B + 'a,
        mut measured: impl FnMut(&mut B, usize) -> bool + 'a,
    ) -> Self {
        let run = Box::new(move |iterations, added: Option<Added<'_>>| match added {
            None => timed(iterations, most, &mut prepare, &mut measured),
            Some(added) => timed(iterations, most, &mut prepare, |batch, n| measured(batch, n) & added(n)),
        });
        Self { name, turn: BATCH as u64, run, added: None, runs: 0 }
    }

    /// The same with more work in each iteration: a path that got slower.
    #[must_use]
    pub fn with(self, work: Work<'a>) -> Self {
        Self { added: Some(work), ..self }
    }

    /// The same with so many iterations a turn, where one iteration takes so little that the clock would show.
    #[must_use]
    pub fn turns_of(self, iterations: u64) -> Self {
        Self { turn: iterations, ..self }
    }

    /// Runs so many iterations and says how long they took.
    pub fn run(&mut self, iterations: u64) -> Duration {
        self.runs += 1;
        match &mut self.added {
            None => (self.run)(iterations, None),
            Some(added) => (self.run)(iterations, Some(&mut **added)),
        }
    }
}

fn timed<B>(
    iterations: u64,
    most: u64,
    prepare: &mut impl FnMut(u64) -> B,
    mut measured: impl FnMut(&mut B, usize) -> bool,
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let size = left.min(most);
        let mut batch = prepare(size);
        let mut right = true;
        let start = ThreadTime::now();
        for n in 0..size {
            right &= black_box(measured(black_box(&mut batch), n as usize % BATCH));
        }
        elapsed += start.elapsed();
        assert!(right, "not the verdict that is to be measured");
        left -= size;
    }
    elapsed
}

/// What was measured in turns: by figure, the nanoseconds an iteration of each turn.
pub struct Turns {
    names: Vec<&'static str>,
    samples: Vec<Vec<f64>>,
}

impl Turns {
    /// Takes all figures in turn, so many times, after one turn that does not count.
    pub fn take(figures: &mut [Figure<'_>], turns: usize) -> Self {
        let mut samples = vec![Vec::with_capacity(turns); figures.len()];
        for turn in 0..=turns {
            for (figure, samples) in figures.iter_mut().zip(&mut samples) {
                let iterations = figure.turn;
                let nanoseconds = figure.run(iterations).as_secs_f64() * 1e9 / iterations as f64;
                if turn > 0 {
                    samples.push(nanoseconds);
                }
            }
        }
        Self { names: figures.iter().map(|figure| figure.name).collect(), samples }
    }

    /// The third of the turns in which all figures together took least: whoever else uses the caches and the pipelines of a
    /// processor slows some work more than other work, and not in every turn.
    #[must_use]
    pub fn quiet(self) -> Self {
        let count = self.samples.first().map_or(0, Vec::len);
        let whole = |turn: usize| self.samples.iter().map(|samples| samples[turn]).sum::<f64>();
        let mut turns: Vec<usize> = (0..count).collect();
        turns.sort_by(|one, other| whole(*one).total_cmp(&whole(*other)));
        turns.truncate(count.div_ceil(3));
        let samples = self.samples.iter().map(|samples| turns.iter().map(|turn| samples[*turn]).collect()).collect();
        Self { names: self.names, samples }
    }

    fn of(&self, name: &str) -> Option<&[f64]> {
        self.names.iter().position(|known| *known == name).map(|at| self.samples[at].as_slice())
    }

    /// The median of a figure in nanoseconds.
    #[must_use]
    pub fn median(&self, name: &str) -> Option<f64> {
        self.of(name).map(|samples| median(samples.to_vec()))
    }

    /// The median, over the turns, of one figure, less others, by the sum of others again.
    #[must_use]
    pub fn ratio(&self, of: &str, less: &[&str], to: &[&str]) -> Option<f64> {
        let all = |names: &[&str]| names.iter().map(|name| self.of(name)).collect::<Option<Vec<_>>>();
        let (of, less, to) = (self.of(of)?, all(less)?, all(to)?);
        let sum = |figures: &[&[f64]], turn: usize| figures.iter().map(|samples| samples[turn]).sum::<f64>();
        Some(median((0..of.len()).map(|turn| (of[turn] - sum(&less, turn)) / sum(&to, turn)).collect()))
    }

    /// The figures as a table, each with its ratio to one of them.
    #[must_use]
    pub fn table(&self, floor: &str) -> String {
        let mut out = format!("{:<26}{:>14}{:>16}\n", "", "ns, median", format!("x {floor}"));
        for name in &self.names {
            let (time, ratio) =
                (self.median(name).unwrap_or(f64::NAN), self.ratio(name, &[], &[floor]).unwrap_or(f64::NAN));
            out.push_str(&format!("{name:<26}{time:>14.1}{ratio:>16.4}\n"));
        }
        out
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        n => f64::midpoint(samples[(n - 1) / 2], samples[n / 2]),
    }
}

/// What a ratio of figures must keep to, on whatever processor.
///
/// Each compares like with like: a signature with a signature, a hash with the same hash by the same library, reading with
/// reading. How many hashes a processor makes in the time of one signature depends on its instructions for either, by a
/// factor of four and more, and says nothing about the code.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The figure above.
    pub of: &'static str,
    /// What is taken off it.
    pub less: &'static [&'static str],
    /// The figures below, which are added up.
    pub to: &'static [&'static str],
    /// What the ratio is at most.
    pub most: f64,
    /// The work that the bound is there to find: done once more, it breaks the bound.
    pub finds: &'static str,
    /// In words.
    pub what: &'static str,
}

/// What the project promises of itself.
pub const BOUNDS: [Bound; 5] = [
    Bound {
        of: "cold",
        less: &[],
        to: &["verify-and-hash"],
        most: 1.10,
        finds: "es256-verify",
        what: "full verification by its signature and its hash",
    },
    Bound {
        of: "cold-but-signature",
        less: &["sha256-token"],
        to: &["parse-proof"],
        most: 2.5,
        finds: "parse-proof",
        what: "full verification without those two by one parse",
    },
    Bound {
        of: "dpop",
        less: &[],
        to: &["verify-and-hash-dpop"],
        most: 1.10,
        finds: "es256-verify",
        what: "our DPoP verification by its signature and its hash",
    },
    Bound {
        of: "cached",
        less: &[],
        to: &["compare-octets", "read-thumbprint"],
        most: 3.5,
        finds: "sha256-token",
        what: "cached verification by what it compares and reads",
    },
    Bound {
        of: "cached",
        less: &[],
        to: &["verify-and-hash-dpop"],
        most: 1.0 / 200.0,
        finds: "sha256-token",
        what: "cached verification by DPoP's signature and hash",
    },
];

/// Ratios that are worth a line and promise nothing: they depend on what the processor is good at.
pub const RATIOS: [(&str, &str); 5] = [
    ("cold", "es256-verify"),
    ("dpop", "es256-verify"),
    ("dpop", "cached"),
    ("cached", "sha256-token"),
    ("es256-verify", "sha256-token"),
];

impl Bound {
    /// The figures that it is about.
    pub fn figures(&self) -> impl Iterator<Item = &'static str> {
        [self.of].into_iter().chain(self.less.iter().copied()).chain(self.to.iter().copied())
    }

    /// Whether the ratio keeps to it, with a line that says so. A ratio that was not measured does not.
    #[must_use]
    pub fn checked(&self, turns: &Turns) -> (bool, String) {
        let ratio = turns.ratio(self.of, self.less, self.to).unwrap_or(f64::NAN);
        let holds = ratio <= self.most;
        let word = if holds { "ok    " } else { "FAILED" };
        (holds, format!("{word} {:<56} {ratio:>8.4}, at most {:.4}", self.what, self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(cold: f64) -> Turns {
        let samples = vec![vec![cold, 100.0 * cold, 1.0], vec![1.0, 100.0, 10.0], vec![0.25, 25.0, 2.5]];
        Turns { names: vec!["cold", "verify-and-hash", "sha256-token"], samples }
    }

    #[test]
    fn a_ratio_is_that_of_the_same_turn() {
        let turns = turns(1.75);
        let ratio = |less: &[&str], to: &[&str]| turns.ratio("cold", less, to);
        assert_eq!(ratio(&[], &["verify-and-hash"]), Some(1.75), "a turn that was slower for both");
        assert_eq!(ratio(&[], &["verify-and-hash", "sha256-token"]), Some(1.4), "by the sum of two");
        assert_eq!(ratio(&["sha256-token"], &["verify-and-hash"]), Some(1.5), "less a third");
        assert_eq!(ratio(&[], &["dpop"]), None);
        assert_eq!(turns.median("verify-and-hash"), Some(10.0));
    }

    #[test]
    fn quiet_turns_are_those_that_were_short_for_all() {
        let samples = vec![vec![9.0, 1.0, 2.0, 8.0, 9.0, 7.0], vec![9.0, 1.5, 2.0, 1.0, 9.0, 7.0]];
        let quiet = Turns { names: vec!["cold", "dpop"], samples }.quiet();
        assert_eq!(quiet.samples, [[1.0, 2.0], [1.5, 2.0]], "not the fourth, which was short for one alone");
    }

    #[test]
    fn a_bound_that_is_not_kept_is_told() {
        assert!(BOUNDS[0].checked(&turns(1.05)).0);
        assert!(!BOUNDS[0].checked(&turns(1.15)).0);
        assert!(!BOUNDS[2].checked(&turns(1.0)).0, "not measured");
    }

    #[test]
    fn added_work_is_done_and_must_come_out_right() {
        let (mut own, mut added) = (0, 0);
        let figure = Figure::of("own", |_| (own += 1, true).1);
        figure.with(Box::new(|_| (added += 1, true).1)).run(100);
        assert_eq!((own, added), (100, 100));
        let wrong = || Figure::of("own", |_| true).with(Box::new(|n| n != 7)).run(8);
        assert!(std::panic::catch_unwind(wrong).is_err());
    }
}
