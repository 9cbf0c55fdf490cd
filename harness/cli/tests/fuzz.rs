//! Campaigns on live servers: what is wrong is found and played again, and who is right is not blamed.

mod common;

use common::{Done, Scratch};
use serde_json::Value;

/// Faults of ten kinds, each with the finding that tells it.
const FAULTS: [(&str, &str); 10] = [
    ("ekm-unchecked", "bypass.ekm"),
    ("ath-unchecked", "bypass.ath"),
    ("signature-unchecked", "bypass.signature"),
    ("typ-unchecked", "bypass.typ"),
    ("alg-none", "bypass.alg"),
    ("iat-unchecked", "bypass.iat"),
    ("htm-unchecked", "bypass.htm"),
    ("htu-unchecked", "bypass.htu"),
    ("jti-unchecked", "bypass.jti"),
    ("proof-optional", "bypass.presence"),
];

fn campaign(scratch: &Scratch, subject: &str, requests: &str, more: &[&str]) -> (Done, Value) {
    let words = ["fuzz", "--subject", subject, "--requests", requests, "--quiet", "--report", "found"];
    let done = scratch.ekmcheck(&[&words[..], more].concat());
    let report = scratch.json("found/campaign.json");
    (done, report)
}

#[test]
fn ten_faults_are_found_within_two_thousand_requests() {
    let scratch = Scratch::new("fuzz-faults");
    for (number, (fault, finding)) in FAULTS.into_iter().enumerate() {
        let seed = (number + 1).to_string();
        let subject = format!("fault:{fault}");
        let (done, report) = campaign(&scratch, &subject, "2000", &["--fail-fast", "--seed", &seed]);
        assert_eq!(done.status, 1, "{fault}: {}{}", done.out, done.err);
        let found = report["findings"].as_array().unwrap();
        let violations: Vec<_> = found.iter().filter(|f| f["weight"] == "violation").map(|f| &f["id"]).collect();
        assert!(violations.contains(&&Value::from(finding)), "{fault}: {violations:?}");
        assert!(report["requests"].as_u64().unwrap() <= 2_100);
    }
}

#[test]
fn the_reference_is_not_blamed() {
    let scratch = Scratch::new("fuzz-reference");
    let (done, report) = campaign(&scratch, "reference", "3000", &["--seed", "9"]);
    assert_eq!(done.status, 0, "{}{}", done.out, done.err);
    assert_eq!(report["findings"], Value::Array(vec![]), "{}", done.out);
    assert_eq!(report["ended"], "requests");
    assert!(report["novelty"].as_array().unwrap().len() > 5);
}

#[test]
fn what_was_found_is_played_again_and_a_campaign_goes_on() {
    let scratch = Scratch::new("fuzz-replay");
    let (_, first) = campaign(&scratch, "fault:ekm-unchecked", "600", &[]);
    let same = campaign(&scratch, "fault:ekm-unchecked", "600", &[]).1;
    let of = |report: &Value| report["findings"][0]["examples"][0]["mutations"].clone();
    assert_eq!(of(&first), of(&same), "the same seed finds the same");
    scratch.write("first.json", first.to_string());
    let (done, again) = campaign(&scratch, "fault:ekm-unchecked", "600", &["--replay", "first.json"]);
    assert_eq!((done.status, &again["findings"][0]["id"]), (1, &first["findings"][0]["id"]));
    // Who does it right has none of it.
    let (done, _) = campaign(&scratch, "reference", "600", &["--replay", "first.json"]);
    assert_eq!(done.status, 0, "{}", done.out);
    let (_, on) = campaign(&scratch, "reference", "600", &["--resume", "first.json", "--seed", "2"]);
    assert!(on["corpus"].as_array().unwrap().len() >= first["corpus"].as_array().unwrap().len());
    scratch.write("broken.json", "{}");
    let done = scratch.ekmcheck(&["fuzz", "--replay", "broken.json"]);
    assert_eq!(done.status, 2);
    assert!(done.err.contains("broken.json") && done.err.contains("mend:"), "{}", done.err);
}

#[test]
fn a_replay_that_plays_nothing_does_not_look_like_one_that_finds_nothing() {
    let scratch = Scratch::new("fuzz-unplayed");
    let mutant =
        |change: &str| format!(r#"{{"mutations": [{change}], "claims": [false, false, false], "warm": false}}"#);
    for (change, what) in
        [(r#"{"row": "typ-jtw"}"#, "no alteration \"typ-jtw\""), (r#"{"rwo": "typ-jwt"}"#, "unknown variant `rwo`")]
    {
        scratch.write("typo.json", mutant(change));
        for words in [&["--subject", "reference"][..], &["--adapter", &adapter("")]] {
            let done = scratch.ekmcheck(&[&["fuzz", "--replay", "typo.json"], words].concat());
            assert_eq!(done.status, 2, "{}{}", done.out, done.err);
            let told = ["typo.json", "mutant 1", what, "mend:"].map(|part| done.err.contains(part));
            assert_eq!(told, [true; 4], "{}", done.err);
        }
    }
    // A verifier library is always given a proof.
    scratch.write("absent.json", mutant("\"no-proof\""));
    let done = scratch.ekmcheck(&["fuzz", "--replay", "absent.json", "--adapter", &adapter("")]);
    assert_eq!(done.status, 3, "{}{}", done.out, done.err);
    let said = ["1 of the mutants to be played again were not", "incomplete."].map(|part| done.out.contains(part));
    assert_eq!(said, [true; 2], "{}", done.out);
    let pages = ["ekmcheck-fuzz/campaign.md", "ekmcheck-fuzz/campaign.html"].map(|page| scratch.read(page));
    assert!(pages.iter().all(|page| page.to_lowercase().contains("incomplete")), "{}", pages[0]);
    let done = scratch.ekmcheck(&["fuzz", "--replay", "absent.json", "--transport", "tls13-h1"]);
    assert_eq!(done.status, 0, "{}{}", done.out, done.err);
    let (_, nothing) = campaign(&scratch, "reference", "20", &[]);
    scratch.write("nothing.json", nothing.to_string());
    let done = scratch.ekmcheck(&["fuzz", "--replay", "nothing.json"]);
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("nothing.json") && done.err.contains("--resume"), "{}", done.err);
}

#[test]
fn a_subject_that_takes_nothing_is_not_judged() {
    let scratch = Scratch::new("fuzz-refuses");
    let done = scratch.ekmcheck(&["fuzz", "--subject", "fault:exports-without-context", "--transport", "tls12-h1"]);
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("ekmcheck doctor"), "{}", done.err);
}

/// The command line of the tool as an adapter with something wrong.
fn adapter(fault: &str) -> String {
    let tool = shlex::try_join([env!("CARGO_BIN_EXE_ekmcheck")]).unwrap_or_default();
    if fault.is_empty() { format!("{tool} adapter serve") } else { format!("{tool} adapter serve --fault {fault}") }
}

#[test]
fn a_verifier_library_without_a_check_is_found_out_within_two_thousand_questions() {
    let scratch = Scratch::new("fuzz-adapter");
    for check in ["ekm", "ath", "signature", "typ", "iat", "htm", "htu", "certificate", "x5t"] {
        let subject = adapter(&format!("without-{check}"));
        let words =
            ["fuzz", "--adapter", &subject, "--requests", "2000", "--fail-fast", "--quiet", "--report", "found"];
        let done = scratch.ekmcheck(&words);
        let report = scratch.json("found/campaign.json");
        let found: Vec<_> = report["findings"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
        // What a header names in `x5t#S256` is compared beside the certificate itself: to leave it out is a note.
        let weighed = if check == "x5t" { 0 } else { 1 };
        assert_eq!(done.status, weighed, "{check}: {}{}", done.out, done.err);
        assert!(found.contains(&&Value::from(format!("bypass.{check}"))), "{check}: {found:?}");
    }
    let done =
        scratch.ekmcheck(&["fuzz", "--adapter", &adapter(""), "--requests", "4000", "--quiet", "--report", "right"]);
    assert_eq!(done.status, 0, "{}{}", done.out, done.err);
    assert_eq!(scratch.json("right/campaign.json")["findings"], Value::Array(vec![]));
}

#[test]
fn an_adapter_that_ends_or_lies_costs_nothing_that_was_found() {
    let scratch = Scratch::new("fuzz-adapter-bad");
    let run = |fault: &str, report: &str| {
        let subject = adapter(fault);
        scratch.ekmcheck(&[
            "fuzz",
            "--adapter",
            &subject,
            "--requests",
            "600",
            "--restarts",
            "3",
            "--quiet",
            "--report",
            report,
        ])
    };
    let done = run("crash", "crash");
    assert_eq!(done.status, 3, "{}{}", done.out, done.err);
    let report = scratch.json("crash/campaign.json");
    assert_eq!(report["ended"], "refusing");
    assert!(report["mutants"].as_u64().unwrap() > 0);
    for liar in ["accepts-all", "refuses-all", "echoes"] {
        let done = run(liar, "liar");
        assert_eq!(done.status, 2, "{liar}: {}", done.out);
        assert!(!scratch.0.join("liar/campaign.json").exists(), "{liar}: nothing that could be taken for a report");
    }
}

#[test]
fn findings_are_files_that_the_player_takes() {
    let scratch = Scratch::new("fuzz-files");
    for fault in ["ekm-unchecked", "jti-unchecked", "proof-optional", "cache-by-token"] {
        let subject = format!("fault:{fault}");
        let (done, report) = campaign(&scratch, &subject, "1500", &[]);
        assert_eq!(done.status, 1, "{fault}: {}{}", done.out, done.err);
        let examples: usize =
            report["findings"].as_array().unwrap().iter().map(|f| f["examples"].as_array().unwrap().len()).sum();
        let words = ["run", "--scenarios", "found/scenarios", "--report", "played", "--quiet"];
        let done = scratch.ekmcheck(&[&words[..], &["--subject", &subject]].concat());
        assert_eq!(done.status, 1, "{fault}: {}{}", done.out, done.err);
        assert_eq!(scratch.json("played/report.json")["counts"]["executed"], examples);
        let done = scratch.ekmcheck(&[&words[..], &["--subject", "reference"]].concat());
        assert_eq!(done.status, 0, "{fault}: {}{}", done.out, done.err);
    }
    // And of a library.
    let (faulty, right) = (adapter("without-ath"), adapter(""));
    scratch.ekmcheck(&["fuzz", "--adapter", &faulty, "--requests", "400", "--quiet", "--report", "library"]);
    let vector = "library/vectors/found/bypass-ath.json";
    let done = scratch.ekmcheck(&["run", "--adapter", &faulty, "--vector", vector, "--quiet"]);
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    assert!(done.out.contains(&format!("--vector {vector} --filter found/bypass-ath")), "{}", done.out);
    let done = scratch.ekmcheck(&["run", "--adapter", &right, "--vector", vector, "--quiet"]);
    assert_eq!(done.status, 0, "{}{}", done.out, done.err);
}

#[test]
fn the_reports_of_a_campaign_are_there_and_inert() {
    let scratch = Scratch::new("fuzz-reports");
    let (_, mut report) = campaign(&scratch, "fault:typ-unchecked", "300", &[]);
    let sarif = scratch.json("found/campaign.sarif");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], report["findings"][0]["id"]);
    assert!(scratch.read("found/campaign.md").contains("bypass.typ"));
    assert!(scratch.read("found/campaign.html").contains("bypass.typ"));
    // Whatever a subject says.
    report["subject"] = "<script>alert(1)</script>\u{1b}[31m".into();
    report["findings"][0]["examples"][0]["seen"] = "<img src=x onerror=alert(1)>".into();
    scratch.write("hostile.json", report.to_string());
    let done = scratch.ekmcheck(&["merge", "hostile.json", "--report", "hostile"]);
    assert_eq!(done.status, 1, "{}", done.err);
    assert!(!done.out.contains('\u{1b}'), "{}", done.out);
    let page = scratch.read("hostile/campaign.html");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'));
}

#[test]
fn shards_are_put_together() {
    let scratch = Scratch::new("fuzz-shards");
    for part in ["1/2", "2/2"] {
        let report = format!("part-{}", &part[..1]);
        let words = ["fuzz", "--subject", "fault:ath-unchecked", "--requests", "500", "--quiet", "--shard", part];
        scratch.ekmcheck(&[&words[..], &["--report", &report]].concat());
    }
    let parts = ["part-1/campaign.json", "part-2/campaign.json"];
    let requests: u64 = parts.iter().map(|part| scratch.json(part)["requests"].as_u64().unwrap()).sum();
    let done = scratch.ekmcheck(&[&["merge"][..], &parts, &["--report", "whole"]].concat());
    assert_eq!(done.status, 1, "{}{}", done.out, done.err);
    let whole = scratch.json("whole/campaign.json");
    assert_eq!((whole["requests"].as_u64(), &whole["findings"][0]["id"]), (Some(requests), &"bypass.ath".into()));
    let done = scratch.ekmcheck(&["merge", parts[0], parts[0]]);
    assert_eq!(done.status, 2);
    assert!(done.err.contains("shard 1/2 is given twice") && done.err.contains("mend:"), "{}", done.err);
}

#[test]
fn the_black_box_contract_is_kept() {
    let scratch = Scratch::new("fuzz-black-box");
    let write = |more: &[&str]| scratch.ekmcheck(&[&["fuzz", "--no_of_files", "7"], more].concat());
    assert_eq!(write(&["--output_dir", "one", "--seed", "5"]).status, 0);
    // What others left there is no input.
    scratch.write("one/notes.txt", "{");
    scratch.write("one/other.json", "[1]");
    assert_eq!(write(&["--output_dir", "two", "--input_dir", "one", "--seed", "6"]).status, 0);
    for number in 0..7 {
        let file = format!("two/fuzz-{number}.json");
        let done = scratch.ekmcheck(&[
            "fuzz",
            "--replay",
            &file,
            "--subject",
            "reference",
            "--quiet",
            "--transport",
            "tls13-h1",
        ]);
        assert_eq!(done.status, 0, "{file}: {}{}", done.out, done.err);
    }
    assert!(!scratch.0.join("two/fuzz-7.json").exists());
    // Other ones every time where no seed is given.
    let of = |directory: &str| {
        assert_eq!(write(&["--output_dir", directory]).status, 0);
        (0..7).map(|number| scratch.json(&format!("{directory}/fuzz-{number}.json"))).collect::<Vec<_>>()
    };
    assert_ne!(of("three"), of("four"));
    let done = write(&["--output_dir", "five", "--input_dir", "nowhere"]);
    assert_eq!(done.status, 2);
    assert!(done.err.contains("nowhere"), "{}", done.err);
}
