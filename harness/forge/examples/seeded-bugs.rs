//! The seeded-bug gate: every verifier that is wrong on purpose is found by its fuzz target within its budget, from nothing.
//! `cargo run --release -p ekmcheck-forge --features properties --example seeded-bugs -- --seeds 5 --budget 60`.
//!
//! Two threads, as two cores have: each takes the next bug and hunts for it alone. Prints a table of times; exits with 1
//! when the median over the seeds is beyond the budget for any.

#![expect(clippy::print_stdout, reason = "its purpose")]

use std::{
    env,
    error::Error,
    panic,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use ekmcheck_forge::properties::{BUGS, Bug, TARGETS, Target, engine::Inputs};

/// How one bug was found: seconds and inputs, at each seed.
type Found = Vec<Option<(Duration, u64)>>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut options = Options { seeds: 5, budget: Duration::from_secs(60), only: String::new() };
    let mut arguments = env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--seeds" => options.seeds = value.parse()?,
            "--budget" => options.budget = Duration::from_secs(value.parse()?),
            "--only" => options.only = value,
            _ => return Err(format!("{name}: --seeds N, --budget SECONDS or --only PART_OF_A_NAME").into()),
        }
    }
    // Every finding is a panic, and there are hundreds of them.
    panic::set_hook(Box::new(|_| {}));
    let bugs: Vec<Bug> = BUGS.into_iter().filter(|bug| bug.name.contains(&options.only)).collect();
    for target in TARGETS {
        if let Some(story) = finding(&target, options.budget / 20) {
            println!("`{}` has a finding by the reference, so what it finds proves nothing:\n{story}", target.name);
            return Ok(ExitCode::FAILURE);
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((bug, (1..=options.seeds).map(|seed| hunt(bug, seed, options.budget)).collect::<Found>()));
        }
        done
    };
    let mut done: Vec<(&Bug, Found)> = thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(bug, _)| (bug.target, bug.name));
    Ok(if table(&done) == done.len() && !done.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Options {
    seeds: u64,
    budget: Duration,
    only: String,
}

/// A property that panics on the reference as well would find every bug.
fn finding(target: &Target, budget: Duration) -> Option<String> {
    let start = Instant::now();
    let inputs = Inputs::new(0).take_while(|_| start.elapsed() < budget);
    let mut findings = inputs.filter_map(|octets| panic::catch_unwind(|| (target.check)(&octets)).err());
    findings.next().map(|told| told.downcast_ref::<String>().cloned().unwrap_or_default())
}

fn hunt(bug: &Bug, seed: u64, budget: Duration) -> Option<(Duration, u64)> {
    let start = Instant::now();
    for (count, octets) in (1..).zip(Inputs::new(seed)) {
        if bug.is_found_by(&octets) {
            return Some((start.elapsed(), count));
        }
        if start.elapsed() > budget {
            break;
        }
    }
    None
}

/// Prints the table; how many were found within the budget, by the median.
fn table(done: &[(&Bug, Found)]) -> usize {
    println!("| target | bug | median | least | most | inputs (median) |\n|---|---|---|---|---|---|");
    let mut found = 0;
    for (bug, runs) in done {
        let mut runs = runs.clone();
        // What was not found lasted longest.
        runs.sort_by_key(|run| run.map_or((Duration::MAX, u64::MAX), |(time, inputs)| (time, inputs)));
        let show = |run: Option<&Option<(Duration, u64)>>| {
            run.copied().flatten().map_or("not found".to_owned(), |(time, _)| format!("{:.2} s", time.as_secs_f64()))
        };
        let median = runs.get(runs.len() / 2);
        found += usize::from(median.copied().flatten().is_some());
        let inputs = median.copied().flatten().map_or("–".to_owned(), |(_, inputs)| inputs.to_string());
        let (least, most) = (show(runs.first()), show(runs.last()));
        println!("| `{}` | {} | {} | {least} | {most} | {inputs} |", bug.target, bug.name, show(median));
    }
    println!("\n{found} of {} found", done.len());
    found
}
