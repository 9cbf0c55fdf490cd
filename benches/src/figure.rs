//! Figures: what is measured, in batches that take turns.
//!
//! A machine that gets slower in between slows all figures of a turn, so that the ratio of two figures of one turn holds
//! where their times do not. A ratio is the median of those of all turns.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Iterations between two readings of the clock at most.
pub const BATCH: usize = 64;

/// What is measured.
pub struct Figure<'a> {
    /// The name in tables and bounds.
    pub name: &'static str,
    /// Iterations a turn: few where one takes long.
    pub turn: u64,
    /// Runs so many iterations and says how long they took.
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
    /// How often it was run.
    pub runs: usize,
}

impl<'a> Figure<'a> {
    /// `prepare` makes what a batch of that size needs, before the clock runs; `measured` does one iteration, the number of
    /// which is given, and says whether it came out as it should.
    ///
    /// # Panics
    /// Later, when an iteration did not come out so: what is measured would not be what the name says.
    pub fn new<B>(
        name: &'static str,
        mut prepare: impl FnMut(usize) -> B + 'a,
        mut measured: impl FnMut(&mut B, usize) -> bool + 'a,
    ) -> Self {
        let run = Box::new(move |iterations| timed(iterations, &mut prepare, &mut measured));
        Self { name, turn: BATCH as u64, run, runs: 0 }
    }

    /// The same with so many iterations a turn, where one iteration takes so little that the clock would show.
    #[must_use]
    pub fn turns_of(self, iterations: u64) -> Self {
        Self { turn: iterations, ..self }
    }

    /// Runs so many iterations and says how long they took.
    pub fn run(&mut self, iterations: u64) -> Duration {
        self.runs += 1;
        (self.run)(iterations)
    }
}

fn timed<B>(
    iterations: u64,
    prepare: &mut impl FnMut(usize) -> B,
    measured: &mut impl FnMut(&mut B, usize) -> bool,
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let size = left.min(BATCH as u64) as usize;
        let mut batch = prepare(size);
        let mut right = true;
        let start = Instant::now();
        for n in 0..size {
            right &= black_box(measured(black_box(&mut batch), n));
        }
        elapsed += start.elapsed();
        assert!(right, "not the verdict that is to be measured");
        left -= size as u64;
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

    fn of(&self, name: &str) -> Option<&[f64]> {
        self.names.iter().position(|known| *known == name).map(|at| self.samples[at].as_slice())
    }

    /// The median of a figure in nanoseconds.
    #[must_use]
    pub fn median(&self, name: &str) -> Option<f64> {
        self.of(name).map(|samples| median(samples.to_vec()))
    }

    /// The median, over the turns, of one figure by another.
    #[must_use]
    pub fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        let ratios = self.of(of)?.iter().zip(self.of(to)?).map(|(one, other)| one / other);
        Some(median(ratios.collect()))
    }

    /// The figures as a table, each with its ratio to one of them.
    #[must_use]
    pub fn table(&self, floor: &str) -> String {
        let mut out = format!("{:<26}{:>14}{:>16}\n", "", "ns, median", format!("x {floor}"));
        for name in &self.names {
            let (time, ratio) = (self.median(name).unwrap_or(f64::NAN), self.ratio(name, floor).unwrap_or(f64::NAN));
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

/// What a ratio of two figures must keep to.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The figure above.
    pub of: &'static str,
    /// The figure below.
    pub to: &'static str,
    /// What the ratio is at most.
    pub most: f64,
    /// In words.
    pub what: &'static str,
}

/// What the project promises of itself.
pub const BOUNDS: [Bound; 4] = [
    Bound { of: "cold", to: "es256-verify", most: 1.10, what: "full verification by one raw ES256 verification" },
    Bound { of: "dpop", to: "es256-verify", most: 1.10, what: "our DPoP verification by one raw ES256 verification" },
    Bound { of: "cached", to: "sha256-token", most: 0.25, what: "cached verification by one SHA-256 of the token" },
    Bound { of: "cached", to: "dpop", most: 1.0 / 400.0, what: "cached verification by our DPoP verification" },
];

impl Bound {
    /// Whether the ratio keeps to it, with a line that says so. A ratio that was not measured does not.
    #[must_use]
    pub fn checked(&self, turns: &Turns) -> (bool, String) {
        let ratio = turns.ratio(self.of, self.to).unwrap_or(f64::NAN);
        let holds = ratio <= self.most;
        let word = if holds { "ok    " } else { "FAILED" };
        (holds, format!("{word} {:<58} {ratio:>8.4}, at most {:.4}", self.what, self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(cold: f64) -> Turns {
        let samples = vec![vec![cold, 100.0 * cold, 1.0], vec![1.0, 100.0, 10.0]];
        Turns { names: vec!["cold", "es256-verify"], samples }
    }

    #[test]
    fn a_ratio_is_that_of_the_same_turn() {
        assert_eq!(turns(1.05).ratio("cold", "es256-verify"), Some(1.05), "a turn that was slower for both");
        assert_eq!(turns(1.05).median("es256-verify"), Some(10.0));
    }

    #[test]
    fn a_bound_that_is_not_kept_is_told() {
        assert!(BOUNDS[0].checked(&turns(1.05)).0);
        assert!(!BOUNDS[0].checked(&turns(1.15)).0);
        assert!(!BOUNDS[1].checked(&turns(1.0)).0, "not measured");
    }
}
