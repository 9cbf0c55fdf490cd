//! The suite is tested by servers: each faulty one is caught by every case that it names, and no right one is blamed.
//!
//! The whole matrix is `ekmcheck selftest`; this is the part of it that a change must never break.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    thread,
};

use ekmcheck_forge::{alteration, mutation, pki};
use ekmcheck_player::{
    run::{Pick, Plan, Played, run},
    subject::{Subject, faults, variations},
    world::World,
};
use ekmcheck_suite::{
    case::{Case, Expect, Refused, Transport},
    load::{self, Names},
    outcome::{Outcome, Verdict},
    report::Report,
    requirement::Ledger,
    role::Role,
};
use tokio::runtime::Runtime;

/// 2026-07-01, in Unix seconds; nothing here asks the machine for the time.
const NOW: i64 = 1_782_864_000;

struct Scenarios {
    ledger: Arc<Ledger>,
    cases: Vec<Case>,
}

fn scenarios() -> &'static Scenarios {
    static SCENARIOS: LazyLock<Scenarios> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let ledger = fs::read_to_string(root.join("requirements.json")).unwrap();
        let ledger = load::ledger("requirements.json", &ledger).unwrap_or_else(|e| panic!("{e}"));
        let names = Names {
            alterations: alteration::table().map(|a| a.name.to_owned()).collect(),
            clients: pki::CLIENTS.iter().map(|n| (*n).to_owned()).collect(),
            no_change: Some(mutation::complaint),
        };
        let root = root.join("resource-server");
        let mut files = Vec::new();
        json_files(&root, &mut files);
        files.sort();
        let cases = files.iter().map(|path| {
            let stem = path.strip_prefix(&root).unwrap().with_extension("");
            let stem = stem.to_str().unwrap().replace('\\', "/");
            let text = fs::read_to_string(path).unwrap();
            load::case(&format!("{stem}.json"), (Role::ResourceServer, &stem), &text, &ledger, &names)
                .unwrap_or_else(|e| panic!("{e}"))
        });
        Scenarios { cases: cases.collect(), ledger: Arc::new(ledger) }
    });
    &SCENARIOS
}

fn json_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            json_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "json") {
            out.push(path);
        }
    }
}

/// Plays the cases, each on one of its transports.
fn play(
    world: &Arc<World>,
    runtime: &Runtime,
    subject: Subject,
    cases: Vec<Case>,
    turn: usize,
) -> (Report, Vec<Played>) {
    let plan = Plan {
        subject,
        cases: Arc::new(cases),
        ledger: scenarios().ledger.clone(),
        transports: Transport::ALL.to_vec(),
        pick: Pick::Turn(turn, Arc::default()),
        jobs: thread::available_parallelism().map_or(1, usize::from) * 2,
        seed: 1,
        rounds: 12,
        measure_floor: false,
    };
    runtime.block_on(run(world.clone(), plan, |_| {}, std::future::pending()))
}

fn world() -> Arc<World> {
    Arc::new(World::at(NOW).unwrap())
}

/// Whether the outcome blames a requirement that the case is about; a server that answers 403 would else be "caught" by
/// every case.
fn kills(case: &Case, outcome: &Outcome) -> bool {
    outcome.requirements.iter().any(|r| r.verdict.is_deviation() && case.requirements.contains(&r.id))
}

/// All outcomes of a right server that are not as they should be, in words.
fn blames(name: &str, report: &Report) -> Vec<String> {
    let right = |o: &&Outcome| !matches!(o.verdict, Verdict::Pass | Verdict::Observed | Verdict::NotTestable);
    let words = |o: &Outcome| {
        let (on, verdict) = (o.transport.name(), o.verdict.name());
        format!("{name}: {} on {on} comes to {verdict}: {} (seen: {})", o.id, o.reason, o.seen)
    };
    report.cases.iter().filter(right).map(words).collect()
}

#[test]
fn every_fault_is_caught_by_each_case_that_it_names() {
    let (world, runtime) = (world(), Runtime::new().unwrap());
    let mut escaped = Vec::new();
    for (turn, fault) in faults().enumerate() {
        let named = |case: &&Case| fault.caught_by.contains(&case.id.as_str());
        let cases: Vec<Case> = scenarios().cases.iter().filter(named).cloned().collect();
        for id in fault.caught_by.iter().filter(|id| !cases.iter().any(|c| c.id == **id)) {
            escaped.push(format!("{} names {id}, and there is no such case", fault.name));
        }
        let (report, _) = play(&world, &runtime, Subject::Fault(fault), cases.clone(), turn);
        assert_eq!(report.cases.len(), cases.len(), "{}: not all was played", fault.name);
        for outcome in &report.cases {
            let case = cases.iter().find(|c| c.id == outcome.id).unwrap();
            if !kills(case, outcome) {
                escaped.push(format!(
                    "{} ({}) is not caught by {} on {}: {}, seen: {}",
                    fault.name,
                    fault.does,
                    outcome.id,
                    outcome.transport.name(),
                    outcome.verdict.name(),
                    outcome.seen
                ));
            }
        }
    }
    assert!(escaped.is_empty(), "{} escaped:\n{}", escaped.len(), escaped.join("\n"));
}

#[test]
fn the_reference_is_never_blamed_and_refuses_by_the_check_that_the_case_names() {
    let cases = scenarios().cases.clone();
    assert!(cases.len() > 200, "{}", cases.len());
    let count = cases.len();
    let (report, played) = play(&world(), &Runtime::new().unwrap(), Subject::Reference, cases, 0);
    let blames = blames("reference", &report);
    assert!(blames.is_empty(), "{}", blames.join("\n"));
    assert_eq!(report.counts.executed, count, "and nothing is not testable");
    // Right for a wrong reason is not right.
    let mut refusals = 0;
    for transcript in played.iter().flat_map(|p| &p.transcripts) {
        for exchanged in transcript.exchanges() {
            let Expect::Refused(Refused { check: Some(check), .. }) = &exchanged.expect else { continue };
            assert_eq!(exchanged.check.as_ref(), Some(check), "{}: refused by another check", transcript.case);
            refusals += 1;
        }
    }
    assert!(refusals > 300, "{refusals} refusals name their check");
}

#[test]
fn no_harmless_variation_is_blamed() {
    let (world, runtime) = (world(), Runtime::new().unwrap());
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    // Every fourth of them: `ekmcheck selftest` plays all, on every transport.
    for (turn, variation) in variations().enumerate().step_by(4) {
        // A third of the cases each, on one of their transports: `ekmcheck selftest --named` plays all on each of them.
        let third = |(index, _): &(usize, &Case)| index % 3 == turn % 3;
        let cases: Vec<Case> = scenarios().cases.iter().enumerate().filter(third).map(|(_, c)| c.clone()).collect();
        let (report, _) = play(&world, &runtime, Subject::Variation(variation), cases.clone(), turn);
        // What such a server makes impossible is left out with the reason; it is little, and never for want of an answer.
        for outcome in report.cases.iter().filter(|o| o.verdict == Verdict::NotTestable) {
            assert!(!outcome.hindered && !outcome.reason.is_empty(), "{}: {}", variation.name, outcome.id);
        }
        let executed = report.counts.executed;
        assert!(executed * 10 >= cases.len() * 8, "{}: {executed} of {}", variation.name, cases.len());
        assert_eq!(report.counts.executed + report.counts.not_testable, cases.len(), "{}", variation.name);
        found.extend(blames(variation.name, &report));
        names.insert(variation.name);
    }
    assert!(names.len() >= 5, "{names:?}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A server that is wrong elsewhere passes, so that being caught means something.
#[test]
fn a_fault_is_not_caught_by_cases_about_other_things() {
    let fault = faults().find(|f| f.name == "ekm-unchecked").unwrap();
    let other = ["rs.typ.jwt", "rs.signature.altered", "rs.token.expired", "rs.accept.valid", "rs.token-hash.missing"];
    let cases: Vec<Case> = scenarios().cases.iter().filter(|c| other.contains(&c.id.as_str())).cloned().collect();
    assert_eq!(cases.len(), other.len());
    let (report, _) = play(&world(), &Runtime::new().unwrap(), Subject::Fault(fault), cases, 0);
    assert_eq!(blames(fault.name, &report), Vec::<String>::new());
}

/// What a server remembers of one form of `htu` must not pass for its opinion of the other.
#[test]
fn a_server_that_keeps_a_token_to_its_first_proof_has_no_dialect() {
    let (world, runtime) = (world(), Runtime::new().unwrap());
    let cases: Vec<Case> = scenarios().cases.iter().filter(|c| c.id == "rs.accept.valid").cloned().collect();
    for name in ["one-proof-a-token", "one-token-a-connection"] {
        let fault = faults().find(|f| f.name == name).unwrap();
        let (report, _) = play(&world, &runtime, Subject::Fault(fault), cases.clone(), 0);
        assert!(report.dialect.is_usual(), "{name}: {}", report.dialect.words());
    }
    for (name, words) in [
        ("htu-is-a-path", "htu is a path (A-01)"),
        ("demands-jti", "every proof needs jti (A-13)"),
        ("demands-absolute-htu", "htu is an absolute URI (A-01); every proof needs jti, htm, htu (A-13)"),
    ] {
        let variation = variations().find(|v| v.name == name).unwrap();
        let (report, _) = play(&world, &runtime, Subject::Variation(variation), cases.clone(), 0);
        assert_eq!(report.dialect.words(), words);
    }
}

/// `selftest` leaves out what a fault cannot touch: it must come to what the reference comes to.
#[test]
fn where_the_reference_refuses_nothing_by_its_check_a_fault_does_the_same() {
    let (world, runtime) = (world(), Runtime::new().unwrap());
    let fifth = |turn: usize| scenarios().cases.iter().enumerate().filter(move |(at, _)| at % 5 == turn % 5);
    let (mut compared, mut in_play) = (0, 0);
    for (turn, fault) in faults().filter(|f| f.acts_on_refusals_by().is_some()).enumerate().step_by(25) {
        let checks = fault.acts_on_refusals_by().unwrap();
        assert!(!checks.is_empty(), "{}", fault.name);
        let cases: Vec<Case> = fifth(turn).map(|(_, case)| case.clone()).collect();
        let (_, right) = play(&world, &runtime, Subject::Reference, cases, turn);
        let alike = |played: &&Played| checks.iter().all(|check| !played.refused_by.contains(check));
        let ids: BTreeSet<&str> = right.iter().filter(alike).map(|p| p.outcome.id.as_str()).collect();
        in_play += right.len() - ids.len();
        let cases = fifth(turn).map(|(_, case)| case.clone()).filter(|c| ids.contains(c.id.as_str())).collect();
        let (_, wrong) = play(&world, &runtime, Subject::Fault(fault), cases, turn);
        for played in &wrong {
            let same = right.iter().find(|r| r.outcome.id == played.outcome.id).unwrap();
            let of = |played: &Played| (played.outcome.verdict, played.outcome.requirements.clone());
            assert_eq!(of(played), of(same), "{}: {}", fault.name, played.outcome.id);
            assert!(checks.iter().all(|check| !played.refused_by.contains(check)), "{}", fault.name);
            compared += 1;
        }
    }
    assert!(compared > 250 && in_play > 10, "{compared} the same, {in_play} in play");
}
