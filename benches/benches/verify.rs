//! What one request costs a resource server, a group a question, with floors in the same run. See `README.md`.
//!
//! The clock is read by [`Figure`] and not by criterion, so that all figures have the same loop around them, in criterion's
//! samples and in the turns at the end.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark: a failure ends it, and it prints a table")]

#[path = "verify/floors.rs"]
mod floors;
#[path = "verify/peers.rs"]
mod peers;
#[path = "verify/protocols.rs"]
mod protocols;
#[path = "verify/stores.rs"]
mod stores;

use std::{env, process::ExitCode, time::Duration};

use criterion::Criterion;
use ekmcheck_benches::{
    Inputs,
    figure::{BATCH, BOUNDS, Figure, Turns},
};
use ekmcheck_binding::{
    guard::{Guard, Policy},
    steps::ByTheDraft,
};

/// Turns of the table, and of the check.
const TURNS: usize = 150;

/// How often the check measures anew before it says that a bound is not kept: an hour of noise is no regression, and a
/// regression is there each time.
const TRIES: usize = 3;

fn main() -> ExitCode {
    // As criterion tells a test apart.
    let measuring = env::args().any(|argument| argument == "--bench");
    let inputs = Inputs::new().unwrap();
    let guard = Guard::new(ByTheDraft, Policy::default());
    let proofs: Vec<String> = (0..=BATCH).map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap()).collect();
    let mut groups = [
        ("floor", floors::figures(&inputs)),
        ("session", protocols::session(&inputs, &guard)),
        ("dpop", protocols::dpop(&inputs, &proofs)),
        ("peers", peers::figures(&inputs)),
        ("make", floors::making(&inputs)),
        ("stores", stores::figures(measuring)),
    ];
    if env::args().any(|argument| argument == "--check") {
        return check(groups);
    }
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    for (name, figures) in &mut groups {
        let mut group = criterion.benchmark_group(*name);
        for figure in figures {
            group.bench_function(figure.name, |bencher| bencher.iter_custom(|iterations| figure.run(iterations)));
        }
        group.finish();
    }
    criterion.final_summary();
    // Not after a mere test, nor when only some of them were asked for.
    if groups.iter().flat_map(|(_, figures)| figures).all(|figure| figure.runs >= 10) {
        let mut figures: Vec<Figure<'_>> = groups.into_iter().flat_map(|(_, figures)| figures).collect();
        let turns = Turns::take(&mut figures, TURNS / 3);
        println!("all figures in turn, medians of {} turns\n{}", TURNS / 3, turns.table("es256-verify"));
        println!("proof {} octets, token {} octets", inputs.proof.len(), inputs.token.len());
        println!("{}", stores::purge());
    }
    ExitCode::SUCCESS
}

/// Measures what the bounds are about, and nothing else.
fn check<const N: usize>(groups: [(&'static str, Vec<Figure<'_>>); N]) -> ExitCode {
    let needed = |figure: &Figure<'_>| BOUNDS.iter().any(|bound| [bound.of, bound.to].contains(&figure.name));
    let mut figures: Vec<Figure<'_>> = groups.into_iter().flat_map(|(_, figures)| figures).filter(needed).collect();
    for attempt in 1..=TRIES {
        let turns = Turns::take(&mut figures, TURNS);
        println!("attempt {attempt}, medians of {TURNS} turns\n{}", turns.table("es256-verify"));
        let checked = BOUNDS.map(|bound| bound.checked(&turns));
        checked.iter().for_each(|(_, line)| println!("{line}"));
        if checked.iter().all(|(holds, _)| *holds) {
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::FAILURE
}
