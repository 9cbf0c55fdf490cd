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

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::ExitCode,
    time::Duration,
};

use criterion::Criterion;
use ekmcheck_benches::{
    But, Inputs,
    figure::{BATCH, BOUNDS, Bound, Figure, RATIOS, Turns},
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
    let but = Guard::new(But { signature: false }, Policy::default());
    let proofs: Vec<String> = (0..=BATCH).map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap()).collect();
    let bound = inputs.among(BATCH).unwrap();
    let mut groups = [
        ("floor", floors::figures(&inputs, &bound, &proofs)),
        ("session", protocols::session(&inputs, &bound, &guard, &but)),
        ("dpop", protocols::dpop(&inputs, &proofs)),
        ("peers", peers::figures(&inputs)),
        ("make", floors::making(&inputs)),
        ("stores", stores::figures(measuring)),
    ];
    if let Some(mode) = env::args().find(|argument| ["--check", "--prove"].contains(&argument.as_str())) {
        println!("{}", processor());
        let figures = groups.into_iter().flat_map(|(_, figures)| figures).collect();
        return if mode == "--check" { check(figures) } else { prove(figures, &inputs) };
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

fn needed() -> BTreeSet<&'static str> {
    BOUNDS.iter().flat_map(Bound::figures).chain(RATIOS.iter().flat_map(|(of, to)| [*of, *to])).collect()
}

/// Measures what the bounds are about, and nothing else.
fn check(mut figures: Vec<Figure<'_>>) -> ExitCode {
    let needed = needed();
    figures.retain(|figure| needed.contains(figure.name));
    for attempt in 1..=TRIES {
        let turns = Turns::take(&mut figures, TURNS).quiet();
        println!("attempt {attempt}, medians of the quietest third of {TURNS} turns\n{}", turns.table("es256-verify"));
        for (of, to) in RATIOS {
            let ratio = turns.ratio(of, &[], &[to]).unwrap_or(f64::NAN);
            println!("       {:<56} {ratio:>8.4}", format!("{of} by {to}, on this processor"));
        }
        let checked = BOUNDS.map(|bound| bound.checked(&turns));
        checked.iter().for_each(|(_, line)| println!("{line}"));
        if checked.iter().all(|(holds, _)| *holds) {
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::FAILURE
}

/// Shows that each bound finds what it is there for: the same measurement, with that work done once more.
fn prove<'a>(figures: Vec<Figure<'a>>, inputs: &'a Inputs) -> ExitCode {
    let slower: BTreeMap<&str, &str> = BOUNDS.iter().map(|bound| (bound.of, bound.finds)).collect();
    let needed = needed();
    let needed = figures.into_iter().filter(|figure| needed.contains(figure.name));
    let mut figures: Vec<Figure<'_>> = needed
        .map(|figure| match slower.get(figure.name) {
            Some(work) => figure.with(floors::work(work, inputs).unwrap()),
            None => figure,
        })
        .collect();
    let turns = Turns::take(&mut figures, TURNS / 3).quiet();
    let mut all = true;
    for bound in BOUNDS {
        let (holds, line) = bound.checked(&turns);
        all &= !holds;
        println!("{}, with another {}: {}", line, bound.finds, if holds { "NOT FOUND" } else { "found" });
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The processor in words, as far as the system tells: its name, its instructions that matter here, and what the library was
/// told not to use.
fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = known.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
    let flags: Vec<&str> = ["adx", "avx2", "bmi2", "sha_ni", "sha2"]
        .into_iter()
        .filter(|flag| flags.split_whitespace().any(|known| known == *flag))
        .collect();
    let name = field("model name").unwrap_or_else(|| env::consts::ARCH.to_owned());
    let masked = env::var("OPENSSL_ia32cap").map(|mask| format!(", OPENSSL_ia32cap={mask}")).unwrap_or_default();
    format!("{name}, with {}{masked}", if flags.is_empty() { "nothing known".to_owned() } else { flags.join(" ") })
}
