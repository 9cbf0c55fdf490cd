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
fn a_subject_that_takes_nothing_is_not_judged() {
    let scratch = Scratch::new("fuzz-refuses");
    let done = scratch.ekmcheck(&["fuzz", "--subject", "fault:exports-without-context", "--transport", "tls12-h1"]);
    assert_eq!(done.status, 2, "{}{}", done.out, done.err);
    assert!(done.err.contains("ekmcheck doctor"), "{}", done.err);
}
