use super::*;
use crate::{
    load,
    play::Temper,
    transcript::{Connected, ServerConnected},
};

fn ledger() -> Ledger {
    let one = |id: &str, level: &str| {
        format!(
            r#"{{"id":"{id}","role":"resource-server","level":"{level}","basis":"draft","clause":"3.5","revision":"-06","text":"."}}"#
        )
    };
    let all = [
        one("rs.exporter-match", "MUST"),
        one(REFUSAL_STATUS, "MUST"),
        one(ERROR_CODE, "MUST"),
        one(BEARER_CHALLENGE, "MUST"),
        one(ERROR_DESCRIPTION, "SHOULD"),
        one(CHALLENGE_SYNTAX, "MUST"),
    ];
    load::ledger("l", &format!(r#"{{"requirements":[{}],"rows":[],"excluded":[],"readings":[]}}"#, all.join(",")))
        .unwrap()
}

fn case() -> Case {
    serde_json::from_str(
        r#"{"id":"rs.x","row":"RS-D12","title":".","level":"MUST","basis":"draft","clause":"3.3.2 5f",
        "requirements":["rs.exporter-match"],"alter":"ekm-random",
        "expect":{"refused":{"error":["invalid_proof"],"check":"ekm"}}}"#,
    )
    .unwrap()
}

fn connected(name: &str, right: &str) -> Event {
    Event::Connected(Connected {
        name: name.to_owned(),
        number: 1,
        client: "p256".to_owned(),
        certificate: "c".to_owned(),
        over: None,
        suite: "s".to_owned(),
        handshake: Handshake::Full,
        port: 1,
        exporters: vec![("right".to_owned(), right.to_owned()), ("no-context".to_owned(), "none".to_owned())],
        early_data: false,
        replaces: None,
    })
}

fn server(exporter: &str, certificate: &str) -> Event {
    Event::ServerConnected(ServerConnected {
        port: 1,
        certificate: certificate.to_owned(),
        exporter: exporter.to_owned(),
    })
}

fn sent(control: bool, expect: Expect, status: u16, challenge: &str, ekm: &str) -> Event {
    let challenges = if challenge.is_empty() { vec![] } else { vec![challenge.to_owned()] };
    Event::Exchanged(Box::new(Exchanged {
        step: 0,
        on: "it".to_owned(),
        connection: 1,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        alteration: None,
        changes: None,
        token: "t".to_owned(),
        proof: None,
        ekm: Some(ekm.to_owned()),
        expect,
        control,
        reaction: Reaction::Answer(Answer {
            status,
            challenges,
            challenges_cut: false,
            retry_after: None,
            after: 0,
            cache_control: vec![],
            reflects: vec![],
        }),
        twin: None,
        check: None,
    }))
}

const INVALID: &str = "Bearer error=\"invalid_proof\", error_description=\"x\"";

fn judged(case: &Case, good: u16, bad: (u16, &str), after: u16) -> Outcome {
    let events = vec![
        connected("it", "a"),
        server("a", "c"),
        sent(true, Expect::Accepted, good, "", "a"),
        sent(false, case.expect.clone().unwrap(), bad.0, bad.1, "none"),
        sent(true, Expect::Accepted, after, "", "a"),
    ];
    let transcript = Transcript { case: case.id.clone(), transport: Transport::Tls12H1, temper: Temper::Warm, events };
    judge(case, &ledger(), Transport::Tls12H1, &[transcript])
}

fn verdict_of(outcome: &Outcome, id: &str) -> Option<Verdict> {
    outcome.requirements.iter().find(|r| r.id == id).map(|r| r.verdict)
}

#[test]
fn accept_refuse_accept_passes_and_names_the_mistake() {
    let outcome = judged(&case(), 200, (401, INVALID), 200);
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.seen, "warm: 200, 401 invalid_proof, 200");
    assert!(outcome.reason.contains("no context"), "{}", outcome.reason);
}

#[test]
fn acceptance_fails_even_where_a_control_fails() {
    assert_eq!(judged(&case(), 200, (200, ""), 200).verdict, Verdict::Fail);
    let outcome = judged(&case(), 401, (200, ""), 401);
    assert_eq!(outcome.verdict, Verdict::Fail);
    assert!(outcome.reason.contains("seems to make this very mistake"), "{}", outcome.reason);
}

#[test]
fn to_follow_what_a_proof_points_at_fails_whatever_the_answer() {
    let judged = |fetched: bool, after: u16| {
        let events = vec![
            sent(true, Expect::Accepted, 200, "", "a"),
            sent(false, case().expect.unwrap(), 401, INVALID, "none"),
            sent(true, Expect::Accepted, after, "", "a"),
            Event::Fetched(fetched),
        ];
        let transcript = Transcript { case: case().id, transport: Transport::Tls12H1, temper: Temper::Warm, events };
        judge(&case(), &ledger(), Transport::Tls12H1, &[transcript]).verdict
    };
    assert_eq!(judged(false, 200), Verdict::Pass);
    assert_eq!(judged(true, 200), Verdict::Fail);
    assert_eq!(judged(true, 401), Verdict::Fail);
}

#[test]
fn a_warning_by_acceptance_is_not_hidden_by_a_control_either() {
    let hardening = Case { basis: Basis::Hardening, ..case() };
    assert_eq!(judged(&hardening, 401, (200, ""), 401).verdict, Verdict::Warn);
    assert_eq!(judged(&hardening, 401, (401, INVALID), 401).verdict, Verdict::Inconclusive);
}

#[test]
fn a_key_that_the_subject_does_not_know_is_no_finding() {
    let with_key = Case { client: Some("p521".to_owned()), ..case() };
    assert_eq!(judged(&with_key, 200, (401, INVALID), 200).verdict, Verdict::Pass);
    let unknown = judged(&with_key, 401, (401, INVALID), 401);
    assert_eq!(unknown.verdict, Verdict::NotTestable);
    assert!(unknown.reason.contains("p521"), "{}", unknown.reason);
    assert_eq!(judged(&with_key, 200, (401, INVALID), 401).verdict, Verdict::Inconclusive, "it is known");
    assert_eq!(judged(&with_key, 401, (200, ""), 401).verdict, Verdict::Fail, "no choice of keys excuses it");
    let everybodys = Case { client: Some("second".to_owned()), ..case() };
    assert_eq!(judged(&everybodys, 401, (401, INVALID), 401).verdict, Verdict::Inconclusive);
}

#[test]
fn a_key_that_was_accepted_in_one_play_is_known_in_the_other() {
    let with_key = Case { client: Some("p521".to_owned()), ..case() };
    let play = |temper, controls: [u16; 2]| {
        let events = vec![
            sent(true, Expect::Accepted, controls[0], "", "a"),
            sent(false, case().expect.unwrap(), 401, INVALID, "none"),
            sent(true, Expect::Accepted, controls[1], "", "a"),
        ];
        Transcript { case: case().id, transport: Transport::Tls12H1, temper, events }
    };
    let judged = |warm, cold| {
        let plays = [play(Temper::Warm, warm), play(Temper::Cold, cold)];
        judge(&with_key, &ledger(), Transport::Tls12H1, &plays).verdict
    };
    assert_eq!(judged([401, 401], [401, 401]), Verdict::NotTestable);
    assert_eq!(judged([200, 200], [401, 401]), Verdict::Inconclusive, "a control failed that had been right");
}

#[test]
fn a_server_that_refuses_everything_passes_nothing() {
    assert_eq!(judged(&case(), 401, (401, INVALID), 401).verdict, Verdict::Inconclusive);
    assert_eq!(judged(&case(), 200, (401, INVALID), 500).verdict, Verdict::Inconclusive);
}

#[test]
fn a_wrong_form_breaks_the_requirement_on_form_alone() {
    for (answer, id) in [
        ((403, ""), REFUSAL_STATUS),
        ((500, ""), REFUSAL_STATUS),
        ((401, ""), BEARER_CHALLENGE),
        ((401, "DPoP error=\"invalid_proof\""), BEARER_CHALLENGE),
        ((401, "Bearer error=\"invalid_token\""), ERROR_CODE),
        ((401, "Bearer"), ERROR_CODE),
    ] {
        let outcome = judged(&case(), 200, answer, 200);
        assert_eq!(outcome.verdict, Verdict::Fail, "{answer:?}");
        assert_eq!(verdict_of(&outcome, id), Some(Verdict::Fail), "{answer:?}");
        assert_eq!(verdict_of(&outcome, "rs.exporter-match"), Some(Verdict::Pass), "{answer:?}");
        assert!(outcome.reason.starts_with(id));
    }
}

#[test]
fn an_answer_of_http_needs_no_code_where_the_case_allows_it() {
    let mut either = case();
    let Some(Expect::Refused(refused)) = &mut either.expect else { panic!("a refusal") };
    refused.status = vec![401, 400];
    assert!(!refused.error.is_empty());
    assert_eq!(judged(&either, 200, (400, ""), 200).verdict, Verdict::Pass);
    assert_eq!(judged(&either, 200, (401, INVALID), 200).verdict, Verdict::Pass);
    assert_eq!(judged(&either, 200, (401, "Bearer"), 200).verdict, Verdict::Fail, "401 has its codes");
    let Some(Expect::Refused(refused)) = &mut either.expect else { panic!("a refusal") };
    refused.status = vec![400];
    assert_eq!(judged(&either, 200, (400, ""), 200).verdict, Verdict::Fail, "where it is the only one it has them too");
}

#[test]
fn the_consent_to_another_protocol_is_an_acceptance() {
    let outcome = judged(&case(), 200, (101, ""), 200);
    assert_eq!(verdict_of(&outcome, "rs.exporter-match"), Some(Verdict::Fail));
}

#[test]
fn hardening_and_should_only_warn() {
    let mut hardening = case();
    hardening.basis = Basis::Hardening;
    assert_eq!(judged(&hardening, 200, (200, ""), 200).verdict, Verdict::Warn);
    assert_eq!(judged(&hardening, 200, (403, ""), 200).verdict, Verdict::Warn, "the form weighs no more than the case");
    let mut should = case();
    should.level = Level::Should;
    assert_eq!(judged(&should, 200, (200, ""), 200).verdict, Verdict::Warn);
    let mut observed = case();
    observed.expect = Some(Expect::Observed);
    assert_eq!(judged(&observed, 200, (200, ""), 200).verdict, Verdict::Observed);
}

#[test]
fn descriptions_and_syntax_are_judged_where_named() {
    let mut explains = case();
    explains.requirements = vec![ERROR_DESCRIPTION.to_owned(), CHALLENGE_SYNTAX.to_owned()];
    assert_eq!(judged(&explains, 200, (401, INVALID), 200).verdict, Verdict::Pass);
    let silent = judged(&explains, 200, (401, "Bearer error=\"invalid_proof\""), 200);
    assert_eq!((silent.verdict, silent.requirements.len()), (Verdict::Warn, 2));
    let broken = judged(&explains, 200, (401, "Bearer error=\"invalid_proof\", error_description=\"\u{e9}\""), 200);
    assert_eq!(verdict_of(&broken, CHALLENGE_SYNTAX), Some(Verdict::Fail));
}

#[test]
fn the_harness_is_judged_first() {
    let case = case();
    let with = |events: Vec<Event>| {
        let transcript =
            Transcript { case: case.id.clone(), transport: Transport::Tls13H1, temper: Temper::Warm, events };
        judge(&case, &ledger(), Transport::Tls13H1, &[transcript]).verdict
    };
    assert_eq!(with(vec![connected("a", "x"), connected("b", "x")]), Verdict::Error, "not really a new connection");
    assert_eq!(with(vec![connected("a", "x"), server("y", "c")]), Verdict::Error, "the ends disagree");
    assert_eq!(with(vec![connected("a", "x"), server("x", "d")]), Verdict::Error, "another certificate was seen");
    assert_eq!(with(vec![Event::Broken("timeout".to_owned())]), Verdict::Inconclusive);
    assert_eq!(with(vec![Event::NotTestable("no TLS 1.2".to_owned())]), Verdict::NotTestable);
    assert_eq!(judge(&case, &ledger(), Transport::Tls13H1, &[]).verdict, Verdict::Error);
}

/// The transcript of `judged`, with another reaction to the altered request.
fn with_reaction(reaction: Reaction, twin: Option<u16>) -> Outcome {
    let case = case();
    let mut altered = sent(false, case.expect.clone().unwrap(), 401, INVALID, "none");
    if let Event::Exchanged(exchanged) = &mut altered {
        exchanged.reaction = reaction;
        exchanged.twin = twin;
    }
    let good = || sent(true, Expect::Accepted, 200, "", "a");
    let events = vec![connected("it", "a"), server("a", "c"), good(), altered, good()];
    let transcript = Transcript { case: case.id.clone(), transport: Transport::Tls12H1, temper: Temper::Warm, events };
    judge(&case, &ledger(), Transport::Tls12H1, &[transcript])
}

fn answer(status: u16, challenges: &[&str]) -> Reaction {
    Reaction::Answer(Answer {
        status,
        challenges: challenges.iter().map(|c| (*c).to_owned()).collect(),
        challenges_cut: false,
        retry_after: None,
        after: 0,
        cache_control: vec![],
        reflects: vec![],
    })
}

#[test]
fn a_pass_names_the_events_that_it_rests_on() {
    let outcome = judged(&case(), 200, (401, INVALID), 200);
    let own = &outcome.requirements[0];
    assert_eq!(own.verdict, Verdict::Pass);
    assert_eq!(own.evidence, [Evidence { play: 0, events: vec![2, 3, 4] }], "the refusal between two right requests");
    let outcome = judged(&case(), 200, (200, ""), 200);
    assert_eq!(outcome.requirements[0].evidence, [Evidence { play: 0, events: vec![2, 3, 4] }]);
}

#[test]
fn nothing_passes_without_evidence() {
    let case = case();
    let events = vec![connected("it", "a"), server("a", "c"), sent(true, Expect::Accepted, 200, "", "a")];
    let transcript = Transcript { case: case.id.clone(), transport: Transport::Tls12H1, temper: Temper::Warm, events };
    let outcome = judge(&case, &ledger(), Transport::Tls12H1, &[transcript]);
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert!(outcome.reason.contains("nothing was seen"), "{}", outcome.reason);
}

#[test]
fn only_a_refusal_is_a_refusal() {
    for status in [429, 503] {
        let outcome = with_reaction(answer(status, &[]), None);
        assert_eq!((outcome.verdict, outcome.hindered), (Verdict::NotTestable, true), "{status}");
    }
    let hung = with_reaction(Reaction::Hung("time is over".to_owned()), None);
    assert_eq!((hung.verdict, hung.hindered), (Verdict::Inconclusive, false));
    let closed = with_reaction(Reaction::NotProcessed("closed".to_owned()), None);
    assert_eq!(verdict_of(&closed, "rs.exporter-match"), Some(Verdict::Inconclusive));
    assert_eq!(verdict_of(&closed, REFUSAL_STATUS), Some(Verdict::Fail));
    // Refused with a status that the clause does not have: the check holds, and the status is judged for itself.
    let otherwise = with_reaction(answer(400, &[]), None);
    assert_eq!(verdict_of(&otherwise, "rs.exporter-match"), Some(Verdict::Pass));
    assert_eq!(verdict_of(&otherwise, REFUSAL_STATUS), Some(Verdict::Fail));
}

#[test]
fn an_answer_about_the_request_counts_only_if_right_credentials_get_it_too() {
    for status in [405, 413, 414, 431, 501] {
        let for_all = with_reaction(answer(status, &[]), Some(status));
        assert_eq!((for_all.verdict, for_all.hindered), (Verdict::NotTestable, false), "{status}");
        let for_wrong_ones = with_reaction(answer(status, &[]), Some(200));
        assert_eq!(verdict_of(&for_wrong_ones, "rs.exporter-match"), Some(Verdict::Inconclusive), "{status}");
        assert_eq!(verdict_of(&for_wrong_ones, REFUSAL_STATUS), Some(Verdict::Fail), "{status}");
        // Nobody is blamed for what is not known.
        let unknown = with_reaction(answer(status, &[]), None);
        assert_eq!(unknown.verdict, Verdict::Inconclusive, "{status}");
        assert_eq!(verdict_of(&unknown, REFUSAL_STATUS), None, "{status}");
    }
}

#[test]
fn all_bearer_challenges_count_and_what_was_cut_off_is_not_malformed() {
    let fields: [&[&str]; 4] = [
        &["Bearer realm=\"other\", Bearer error=\"invalid_proof\""],
        &["Bearer realm=\"other\", error=\"invalid_token\"", INVALID],
        &["Basic realm=\"a, \\\"b\\\"\"", "DPoP algs=\"ES256\"", INVALID],
        &["Negotiate YII0+/w==, Bearer error=\"invalid_proof\""],
    ];
    for challenges in fields {
        assert_eq!(with_reaction(answer(401, challenges), None).verdict, Verdict::Pass, "{challenges:?}");
    }
    let other = with_reaction(answer(401, &["Bearer error=\"invalid_token\", Bearer realm=\"other\""]), None);
    assert_eq!(verdict_of(&other, ERROR_CODE), Some(Verdict::Fail));
    let Reaction::Answer(cut) = answer(401, &["Bearer realm=\"rrr"]) else { unreachable!() };
    let cut = with_reaction(Reaction::Answer(Answer { challenges_cut: true, ..cut }), None);
    assert_eq!(cut.verdict, Verdict::Pass, "{}", cut.reason);
}

#[test]
fn a_refusal_that_takes_seconds_where_right_requests_take_none_is_none() {
    let Reaction::Answer(late) = answer(401, &[INVALID]) else { unreachable!() };
    let late = |after| with_reaction(Reaction::Answer(Answer { after, ..late.clone() }), None).verdict;
    assert_eq!([late(0), late(2), late(4)], [Verdict::Pass, Verdict::Pass, Verdict::Inconclusive]);
}
