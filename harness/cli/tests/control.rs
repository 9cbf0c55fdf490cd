//! What of a suite is played, how often, and what becomes of the reports.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use std::collections::BTreeSet;

use common::{Scratch, assert_fits, units};
use serde_json::Value;

/// A server that fails few of these cases, and one that fails none.
const EXPORTERS: [&str; 6] = ["--filter", "rs.exporter", "--transport", "tls13-h1", "--transport", "tls12-h1"];
const FAULTY: [&str; 2] = ["--subject", "fault:ekm-longer-export"];

fn failed(report: &Value) -> BTreeSet<(String, String)> {
    let bad = report["cases"].as_array().unwrap().iter().filter(|c| c["verdict"] == "fail").cloned();
    units(&serde_json::json!({"cases": bad.collect::<Vec<_>>()})).into_iter().collect()
}

#[test]
fn strength_origin_and_questions_select() {
    let scratch = Scratch::new("selections");
    let list = |arguments: &[&str]| -> Vec<Value> {
        let done = scratch.ekmcheck(&[&["list", "--format", "json"], arguments].concat()).ends_with(0);
        serde_json::from_str(&done.out).unwrap()
    };
    let all = list(&[]).len();
    let of = |level: &str| list(&["--level", level]).len();
    assert_eq!(of("must") + of("should") + of("may"), all);
    assert!(of("must") > of("should") && of("should") > 0 && of("may") > 0);
    let by = |basis: &str| list(&["--basis", basis]).len();
    assert_eq!(by("draft") + by("inherited") + by("hardening"), all);
    let both = list(&["--level", "must", "--level", "should", "--basis", "hardening"]);
    assert!(!both.is_empty() && both.iter().all(|c| c["basis"] == "hardening" && c["level"] != "MAY"));
    assert!(!list(&["--ambiguity", "A-03"]).is_empty());
    assert!(list(&["--tag", "rs.exporter-match"]).len() > list(&["--tag", "RS-D44"]).len());
    assert!(list(&["--tag", "cache"]).iter().all(|c| c["id"].as_str().is_some_and(|id| id.starts_with("rs.cache."))));
    scratch.ekmcheck(&["list", "--tag", "cahce"]).ends_with(2).says(&["no case has it", "did you mean \"cache\"?"]);
    scratch.ekmcheck(&["list", "tags"]).ends_with(0);
    scratch.ekmcheck(&["list", "--ambiguity", "A-3"]).ends_with(2).says(&["no such question", "ekmcheck ambiguities"]);
    scratch.ekmcheck(&["run", "--level", "high"]).ends_with(2).says(&["must, should, may"]);
    let arguments = ["run", "--ambiguity", "A-03", "--transport", "tls13-h1", "--quiet"];
    let done = scratch.ekmcheck(&arguments).ends_with(0);
    assert!(done.err.is_empty(), "{}", done.err);
    assert!(
        scratch.json("ekmcheck-report/report.json")["cases"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["ambiguity"] == "A-03")
    );
}

#[test]
fn shards_make_the_whole_again_and_nothing_else_does() {
    let scratch = Scratch::new("shards");
    let run = |more: &[&str], report: &str, status: i32| {
        scratch.ekmcheck(&[&["run", "--report", report], &EXPORTERS[..], more].concat()).ends_with(status)
    };
    run(&FAULTY, "whole", 1);
    let whole = scratch.json("whole/report.json");
    for shard in ["1/3", "2/3", "3/3"] {
        let name = format!("of-{}", &shard[..1]);
        let done = scratch.ekmcheck(&[&["run", "--shard", shard, "--report", &name], &EXPORTERS[..], &FAULTY].concat());
        let report = scratch.json(&format!("{name}/report.json"));
        assert_fits("report.schema.json", &report);
        let (own, elsewhere) = (&report["counts"]["applicable"], &report["shard"]["elsewhere"]);
        assert_eq!(own.as_u64().unwrap() + elsewhere.as_u64().unwrap(), whole["counts"]["applicable"]);
        assert_eq!(report["counts"]["not_executed"], 0);
        done.says(&[&format!("shard {shard}")]);
    }
    let merge = |reports: &[&str], status| {
        scratch.ekmcheck(&[&["merge", "--report", "merged"], reports].concat()).ends_with(status)
    };
    merge(&["of-1/report.json", "of-3/report.json", "of-2/report.json"], 1).says(&["3 shards", "not conformant"]);
    let merged = scratch.json("merged/report.json");
    assert_fits("report.schema.json", &merged);
    for same in ["cases", "counts", "requirements", "conclusion", "subject"] {
        assert_eq!(merged[same], whole[same], "{same}");
    }
    merge(&["of-1/report.json", "of-3/report.json"], 2).says(&["missing: shard 2/3"]);
    merge(&["of-1/report.json", "of-1/report.json", "of-2/report.json", "of-3/report.json"], 2)
        .says(&["shard 1/3 is there 2 times", "of-1/report.json"]);
    merge(&["of-1/report.json", "of-2/report.json", "whole/report.json"], 2)
        .says(&["whole/report.json: not the report of a shard", "missing: shard 3/3"]);
    run(&["--shard", "3/3"], "of-another", 0);
    merge(&["of-1/report.json", "of-2/report.json", "of-another/report.json"], 2)
        .says(&["of-another/report.json: subject is \"reference\", and \"fault:ekm-longer-export\""]);
    scratch
        .ekmcheck(
            &[
                &["run", "--shard", "3/3", "--report", "narrow", "--filter", "rs.exporter.zero"],
                &EXPORTERS[2..],
                &FAULTY,
            ]
            .concat(),
        )
        .says(&["shard 3/3"]);
    merge(&["of-1/report.json", "of-2/report.json", "narrow/report.json"], 2)
        .says(&["not the shards of one selection"]);
    for bad in ["0/3", "4/3", "3", "a/b", "1/0"] {
        scratch.ekmcheck(&["run", "--shard", bad]).ends_with(2).says(&["K/N"]);
    }
}

#[test]
fn only_what_failed_is_played_again() {
    let scratch = Scratch::new("rerun");
    scratch.ekmcheck(&[&["run", "--report", "first"], &EXPORTERS[..], &FAULTY].concat()).ends_with(1);
    let first = failed(&scratch.json("first/report.json"));
    assert!(!first.is_empty() && first.iter().all(|(id, _)| id.starts_with("rs.exporter.")));
    // The subject is that of the report, unless another one is named.
    scratch.ekmcheck(&["run", "--rerun-failed", "first/report.json", "--report", "again"]).ends_with(1);
    let again = scratch.json("again/report.json");
    assert_eq!(again["subject"], "fault:ekm-longer-export");
    assert_eq!(units(&again).into_iter().collect::<BTreeSet<_>>(), first);
    let mended = ["run", "--rerun-failed", "first/report.json", "--subject", "reference", "--report", "mended"];
    scratch.ekmcheck(&mended).ends_with(0);
    assert_eq!(units(&scratch.json("mended/report.json")).len(), first.len());
    scratch.ekmcheck(&["run", "--rerun-failed", "mended/report.json"]).ends_with(3).says(&["nothing was selected"]);
    scratch.ekmcheck(&["run", "--rerun-failed", "nowhere.json"]).ends_with(2).says(&["nowhere.json", "mend:"]);
}

#[test]
fn a_selection_is_repeated_until_it_fails() {
    let scratch = Scratch::new("repeat");
    let one = ["run", "--transport", "tls13-h1", "--filter", "rs.exporter.64-octets", "--repeat-until-failure"];
    let well = scratch.ekmcheck(&[&one[..], &["--times", "3", "--seed", "5"]].concat()).ends_with(0);
    well.says(&["went well 3 times, the last with seed 7"]);
    assert_eq!(scratch.json("ekmcheck-report/report.json")["seed"], 7);
    let bad = scratch.ekmcheck(&[&one[..], &FAULTY].concat()).ends_with(1);
    bad.says(&["went well 0 times, and not with seed 1", "not conformant"]);
    scratch.ekmcheck(&["run", "--times", "3"]).ends_with(2);
}

#[test]
fn the_line_that_replays_has_seed_and_folder_and_works() {
    let scratch = Scratch::new("again");
    let cases = common::root().join("scenarios");
    let arguments = ["run", "--seed", "9", "--scenarios", cases.to_str().unwrap(), "--filter", "rs.exporter.64-octets"];
    let done = scratch.ekmcheck(&[&arguments[..], &FAULTY].concat()).ends_with(1);
    let line = done.out.lines().find_map(|l| l.trim().strip_prefix("again     ekmcheck ")).unwrap();
    assert!(line.contains("--seed 9") && line.contains("--scenarios /"), "{line}");
    let words: Vec<&str> = line.split(' ').collect();
    let again = scratch.ekmcheck(&words).ends_with(1);
    again.says(&["rs.exporter.64-octets on tls13-h1"]);
    assert_eq!(scratch.json("ekmcheck-report/report.json")["seed"], 9);
}

#[test]
fn a_difference_tells_what_became_worse() {
    let scratch = Scratch::new("diff");
    let run = |subject: &str, filter: &str, report: &str| {
        let arguments =
            ["run", "--subject", subject, "--filter", filter, "--transport", "tls12-h1", "--report", report];
        scratch.ekmcheck(&arguments);
    };
    run("reference", "rs.exporter", "good");
    run("fault:ekm-longer-export", "rs.exporter", "bad");
    run("fault:ekm-padded", "rs.exporter.*padded", "other");
    let diff = |one: &str, other: &str, format: &str, status| {
        let (one, other) = (format!("{one}/report.json"), format!("{other}/report.json"));
        scratch.ekmcheck(&["diff", &one, &other, "--format", format]).ends_with(status)
    };
    diff("good", "bad", "human", 1).says(&[
        "regressed  rs.exporter.64-octets on tls12-h1  pass → fail",
        "fixed 0",
        "note",
    ]);
    diff("bad", "good", "human", 0).says(&["fixed  rs.exporter.64-octets on tls12-h1  fail → pass", "regressed 0"]);
    diff("good", "good", "human", 0).says(&["regressed 0, fixed 0"]);
    let json: Value = serde_json::from_str(&diff("bad", "other", "json", 1).out).unwrap();
    assert_fits("diff.schema.json", &json);
    let kinds: BTreeSet<&str> =
        json["changes"].as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["gone", "regressed"].into());
    diff("good", "bad", "markdown", 1).says(&["## regressed", "| `rs.exporter.64-octets` | tls12-h1 | pass → fail |"]);
    diff("other", "good", "json", 0).says(&["\"new\"", "\"fixed\""]);
}
