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
//! The clock is read by [`timed`] and not by criterion, so that criterion's estimates and the table at the end are made
//! from the same samples, and all four figures have the same loop around them.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark: a failure ends it, and it prints a table")]

use std::{
    cell::Cell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use ekmcheck_benches::{Inputs, NOW, dpop::DpopVerifier};
use ekmcheck_binding::{
    algorithm::Algorithm,
    cache::ConnectionId,
    crypto::{AwsLc, SignatureVerifier as _},
    guard::{Accepted, Connection, Guard, Policy},
    refusal::Refusal,
    steps::{ByTheDraft, Moment},
};

/// Samples a figure. Criterion takes a few more while it warms up, which the table leaves out.
const SAMPLES: usize = 100;

/// Iterations between two readings of the clock at most; also how many DPoP proofs there are.
const BATCH: usize = 256;

/// The figures that were measured, in order: name and nanoseconds per iteration, one number a sample.
type Table = Vec<(&'static str, Vec<f64>)>;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut table = Table::new();
    verify(&mut criterion, &mut table);
    criterion.final_summary();
    print(&table);
}

fn verify(criterion: &mut Criterion, table: &mut Table) {
    let inputs = Inputs::new().unwrap();
    let mut group = criterion.benchmark_group("verify");
    let policy = Policy::default();

    let key = inputs.connection.certificate.key();
    let (input, signature) = (inputs.parsed.signing_input.as_bytes(), &inputs.parsed.signature);
    figure(&mut group, table, "raw-es256", |_| (), |(), _| AwsLc.verify(Algorithm::Es256, key, input, signature));

    let guard = Guard::new(ByTheDraft, policy);
    let number = Cell::new(1);
    let open = |_| {
        number.set(number.get() + 1);
        Open::new(&guard, Connection { id: ConnectionId(number.get()), ..inputs.connection.clone() })
    };
    let cold = |open: &mut Vec<Open<'_>>, n: usize| is(decide(&guard, &open[n].connection, &inputs), Moment::Cold);
    figure(&mut group, table, "cold", |size| (0..size).map(open).collect(), cold);

    let open = Open::new(&guard, inputs.connection.clone());
    assert!(is(decide(&guard, &open.connection, &inputs), Moment::Cold));
    figure(&mut group, table, "cached", |_| (), |(), _| is(decide(&guard, &open.connection, &inputs), Moment::Hit));

    let proofs: Vec<String> = (0..BATCH).map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap()).collect();
    // A batch uses each proof once, and the next batch begins with an empty store.
    let dpop = |verifier: &mut DpopVerifier, n: usize| {
        inputs.request(&inputs.dpop, &proofs[n], |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64).is_ok())
    };
    figure(&mut group, table, "dpop-per-request", |_| DpopVerifier::new(policy), dpop);
    group.finish();
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

/// Adds a figure. `prepare` makes what a batch of that size needs; `measured` says whether it came out as it should.
fn figure<B>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    table: &mut Table,
    name: &'static str,
    mut prepare: impl FnMut(usize) -> B,
    mut measured: impl FnMut(&mut B, usize) -> bool,
) {
    let mut samples = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let elapsed = timed(iterations, &mut prepare, &mut measured);
            samples.push(elapsed.as_nanos() as f64 / iterations as f64);
            elapsed
        });
    });
    table.push((name, samples));
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

/// Prints the medians, unless this was a mere test or a selection without the floor.
fn print(table: &Table) {
    let median = |samples: &[f64]| {
        let mut last = samples.get(samples.len().checked_sub(SAMPLES)?..)?.to_vec();
        last.sort_by(f64::total_cmp);
        Some(f64::midpoint(last[(SAMPLES - 1) / 2], last[SAMPLES / 2]))
    };
    let medians = table.iter().filter_map(|(name, samples)| Some((name, median(samples)?))).collect::<Vec<_>>();
    let Some(floor) = medians.first().filter(|(name, _)| **name == "raw-es256").map(|(_, floor)| *floor) else {
        return;
    };
    println!("one request, ES256, median of {SAMPLES} samples");
    println!("{:<18}{:>12}{:>16}", "", "µs", "× raw-es256");
    for (name, nanoseconds) in medians {
        println!("{name:<18}{:>12.2}{:>16.2}", nanoseconds / 1000.0, nanoseconds / floor);
    }
}
