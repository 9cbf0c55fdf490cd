//! Four figures side by side on the same inputs: what one request costs a resource server, per protocol and state.
//!
//! - `raw-es256`: the bare ES256 verification of the proof's signing input by AWS-LC. The floor.
//! - `cold`: the first request with a proof on a connection: [`Guard::decide`] with the cache on, which looks up,
//!   misses, verifies in full and inserts. Each iteration has a connection of its own, opened before and closed after
//!   the clock runs. (A guard without a cache would save two SHA-256 of the proof and the insertion, and would be a
//!   server that no request after the first profits from.)
//! - `cached`: a later request with the same proof on the same connection.
//! - `dpop-per-request`: a request with a DPoP proof, each signed beforehand and with an identifier of its own.
//!
//! The clock is read by [`timed`] and not by criterion, so that all four figures have the same loop around them, in
//! criterion's samples and in the table at the end. The table is measured by itself: criterion takes one figure after the
//! other, and a machine that gets slower in between would show in the ratios. [`table`] takes them in turn.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark: a failure ends it, and it prints a table")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::Criterion;
use ekmcheck_benches::{Inputs, NOW, dpop::DpopVerifier};
use ekmcheck_binding::{
    algorithm::Algorithm,
    cache::ConnectionId,
    crypto::{AwsLc, SignatureVerifier as _},
    guard::{Accepted, Connection, Guard, Policy},
    refusal::Refusal,
    steps::{ByTheDraft, Moment},
};

/// Samples a figure, for criterion and for the table.
const SAMPLES: usize = 100;

/// Iterations between two readings of the clock at most; also how many DPoP proofs there are.
const BATCH: usize = 256;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let inputs = Inputs::new().unwrap();
    let guard = Guard::new(ByTheDraft, Policy::default());
    let proofs: Vec<String> = (0..BATCH).map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap()).collect();
    let mut figures = [raw(&inputs), cold(&inputs, &guard), cached(&inputs, &guard), dpop(&inputs, &proofs)];
    let mut group = criterion.benchmark_group("verify");
    for figure in &mut figures {
        group.bench_function(figure.name, |bencher| {
            bencher.iter_custom(|iterations| {
                figure.calls += 1;
                (figure.run)(iterations)
            });
        });
    }
    group.finish();
    criterion.final_summary();
    // Not after a mere test, nor when only some of them were asked for.
    if figures.iter().all(|figure| figure.calls >= SAMPLES) {
        table(&mut figures);
    }
}

/// What is measured.
struct Figure<'a> {
    name: &'static str,
    /// Runs so many iterations and says how long they took.
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
    /// How often criterion ran it.
    calls: usize,
}

impl<'a> Figure<'a> {
    /// `prepare` makes what a batch of that size needs; `measured` says whether it came out as it should.
    fn new<B>(
        name: &'static str,
        mut prepare: impl FnMut(usize) -> B + 'a,
        mut measured: impl FnMut(&mut B, usize) -> bool + 'a,
    ) -> Self {
        Self { name, run: Box::new(move |iterations| timed(iterations, &mut prepare, &mut measured)), calls: 0 }
    }
}

fn raw(inputs: &Inputs) -> Figure<'_> {
    let key = inputs.connection.certificate.key();
    let (input, signature) = (inputs.parsed.signing_input.as_bytes(), &inputs.parsed.signature);
    Figure::new("raw-es256", |_| (), move |(), _| AwsLc.verify(Algorithm::Es256, key, input, signature))
}

fn cold<'a>(inputs: &'a Inputs, guard: &'a Guard) -> Figure<'a> {
    let mut number = 1;
    let mut open = move || {
        number += 1;
        Open::new(guard, Connection { id: ConnectionId(number), ..inputs.connection.clone() })
    };
    let prepare = move |size| (0..size).map(|_| open()).collect();
    Figure::new("cold", prepare, move |open: &mut Vec<Open<'_>>, n| {
        is(decide(guard, &open[n].connection, inputs), Moment::Cold)
    })
}

fn cached<'a>(inputs: &'a Inputs, guard: &'a Guard) -> Figure<'a> {
    let open = Open::new(guard, inputs.connection.clone());
    assert!(is(decide(guard, &open.connection, inputs), Moment::Cold));
    Figure::new("cached", |_| (), move |(), _| is(decide(guard, &open.connection, inputs), Moment::Hit))
}

/// A batch uses each proof once, and the next batch begins with an empty store.
fn dpop<'a>(inputs: &'a Inputs, proofs: &'a [String]) -> Figure<'a> {
    Figure::new(
        "dpop-per-request",
        |_| DpopVerifier::new(Policy::default()),
        |verifier, n| {
            inputs.request(&inputs.dpop, &proofs[n], |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64).is_ok())
        },
    )
}

fn decide(guard: &Guard, connection: &Connection, inputs: &Inputs) -> Result<Accepted, Refusal> {
    inputs.request(&inputs.bearer, &inputs.proof, |r| guard.decide(connection, r, &inputs.bound_to_session, NOW as f64))
}

fn is(verdict: Result<Accepted, Refusal>, moment: Moment) -> bool {
    verdict.is_ok_and(|accepted| accepted.moment == Some(moment))
}

/// A connection that the guard knows of until it is dropped.
struct Open<'a> {
    guard: &'a Guard,
    connection: Connection,
}

impl<'a> Open<'a> {
    fn new(guard: &'a Guard, connection: Connection) -> Self {
        guard.opened(&connection);
        Self { guard, connection }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.guard.closed(&self.connection);
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

/// Prints the medians of batches that are taken in turn.
fn table(figures: &mut [Figure<'_>]) {
    let mut samples = vec![Vec::new(); figures.len()];
    for _ in 0..SAMPLES {
        for (figure, samples) in figures.iter_mut().zip(&mut samples) {
            samples.push((figure.run)(BATCH as u64).as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    let medians: Vec<f64> = samples.into_iter().map(median).collect();
    println!("one request, ES256, median of {SAMPLES} batches of {BATCH}");
    println!("{:<18}{:>12}{:>16}", "", "µs", "× raw-es256");
    for (figure, median) in figures.iter().zip(&medians) {
        println!("{:<18}{median:>12.2}{:>16.2}", figure.name, median / medians[0]);
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    f64::midpoint(samples[(samples.len() - 1) / 2], samples[samples.len() / 2])
}
