use super::*;
use crate::case::{Basis, Level};

fn vector(verdict: &str, level: &str, basis: &str) -> Vector {
    let check = if verdict == "refuse" { "\"ekm\"" } else { "null" };
    let checks = if verdict == "refuse" { check } else { "" };
    let text = format!(
        r#"{{"id": "ekm/x", "title": "t", "alteration": null, "changes": null, "recipe": [], "flags": [], "client": "p256", "clause": "3.3.2 5f",
        "level": "{level}", "basis": "{basis}", "requirements": ["rs.exporter-match"],
        "inputs": {{"certificate": "AA==", "access_token": "a", "token_claims": {{}}, "token_valid_until": 2, "exporter":
        "00", "now": 1, "request": {{"method": "GET", "authority": "a", "path": "/"}}, "proof": "p"}},
        "policy": {{"iat_past": 300, "iat_future": 60}}, "expect": {{"verdict": "{verdict}", "check": {check}, "checks": [{checks}]}},
        "debug": {{"header": null, "payload": null}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn refused(check: &str) -> Told {
    Told::Refused { check: Some(check.to_owned()), detail: None }
}

fn heard(accept: bool, controls: [Told; 2], asked: Told) -> Heard {
    let control = |told| Control { vector: "control".to_owned(), accept, told };
    Heard { controls: controls.map(control).into(), asked }
}

/// The verdict on a vector with controls that came out right.
fn verdict(due: &str, level: &str, basis: &str, asked: Told) -> Verdict {
    let right = if due == "accept" { refused("ath") } else { Told::Accepted };
    judge(&vector(due, level, basis), &heard(due != "accept", [right.clone(), right], asked)).verdict
}

#[test]
fn what_must_be_refused() {
    assert_eq!(verdict("refuse", "MUST", "draft", refused("ekm")), Verdict::Pass);
    assert_eq!(verdict("refuse", "MUST", "draft", refused("alg")), Verdict::Pass);
    assert_eq!(verdict("refuse", "MUST", "draft", Told::Accepted), Verdict::Fail);
    assert_eq!(verdict("refuse", "MUST", "inherited", Told::Accepted), Verdict::Fail);
    assert_eq!(verdict("refuse", "MUST", "hardening", Told::Accepted), Verdict::Warn);
    assert_eq!(verdict("refuse", "SHOULD", "draft", Told::Accepted), Verdict::Warn);
    assert_eq!(verdict("refuse", "MUST", "draft", Told::Unsupported("x".to_owned())), Verdict::NotTestable);
    assert_eq!(verdict("refuse", "MUST", "draft", Told::Nothing("ended".to_owned())), Verdict::Inconclusive);
}

#[test]
fn what_must_be_accepted() {
    assert_eq!(verdict("accept", "MUST", "draft", Told::Accepted), Verdict::Pass);
    assert_eq!(verdict("accept", "MUST", "draft", refused("alg")), Verdict::Fail);
    assert_eq!(verdict("accept", "SHOULD", "inherited", refused("alg")), Verdict::Warn);
    assert_eq!(verdict("accept", "MUST", "draft", Told::Unsupported("x".to_owned())), Verdict::NotTestable);
    assert_eq!(verdict("accept", "MUST", "draft", Told::Nothing("ended".to_owned())), Verdict::Inconclusive);
}

#[test]
fn what_is_open_is_observed() {
    for told in [Told::Accepted, refused("iat")] {
        assert_eq!(verdict("open", "MAY", "draft", told), Verdict::Observed);
    }
    assert_eq!(verdict("open", "MAY", "draft", Told::Unsupported("x".to_owned())), Verdict::NotTestable);
}

#[test]
fn a_failed_control_leaves_nothing_to_conclude() {
    let wrong = vector("refuse", "MUST", "draft");
    let always_refuses = judge(&wrong, &heard(true, [refused("x"), refused("x")], refused("ekm")));
    assert_eq!(always_refuses.verdict, Verdict::Inconclusive);
    let reason = &always_refuses.reason;
    assert!(reason.contains("the right proof of control was refused by x"), "{reason}");
    for controls in [[Told::Accepted, refused("x")], [refused("x"), Told::Accepted]] {
        assert_eq!(judge(&wrong, &heard(true, controls, refused("ekm"))).verdict, Verdict::Inconclusive);
    }
    let right = vector("accept", "MUST", "draft");
    let always_accepts = judge(&right, &heard(false, [Told::Accepted, Told::Accepted], Told::Accepted));
    assert_eq!(always_accepts.verdict, Verdict::Inconclusive);
    let died = heard(true, [Told::Accepted, Told::Nothing("ended".to_owned())], refused("ekm"));
    assert_eq!(judge(&wrong, &died).verdict, Verdict::Inconclusive);
}

#[test]
fn no_control_excuses_an_acceptance() {
    let wrong = vector("refuse", "MUST", "draft");
    for control in [refused("x"), Told::Nothing("ended".to_owned()), Told::Unsupported("x".to_owned())] {
        assert_eq!(judge(&wrong, &heard(true, [control.clone(), control], Told::Accepted)).verdict, Verdict::Fail);
    }
}

#[test]
fn a_key_that_is_not_supported_cannot_be_tested() {
    let unsupported = || Told::Unsupported("no Ed25519".to_owned());
    let heard = heard(true, [unsupported(), unsupported()], refused("alg"));
    let outcome = judge(&vector("refuse", "MUST", "draft"), &heard);
    assert_eq!(outcome.verdict, Verdict::NotTestable);
    assert!(outcome.reason.contains("no Ed25519"), "{}", outcome.reason);
}

#[test]
fn words() {
    let of = |told| judge(&vector("refuse", "MUST", "draft"), &heard(true, [Told::Accepted, Told::Accepted], told));
    let outcome = of(refused("alg"));
    assert_eq!(outcome.reason, "refused for another reason: alg instead of ekm");
    assert_eq!(outcome.seen, "refused by alg; controls as they should be");
    let accepted = of(Told::Accepted);
    assert_eq!(accepted.reason, "rs.exporter-match: accepted what it must refuse");
    assert_eq!((accepted.level, accepted.basis), (Level::Must, Basis::Draft));
    assert_eq!(accepted.requirements[0].verdict, Verdict::Fail);
}
