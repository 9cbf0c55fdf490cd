//! Every format, read by a parser of its kind: what a subject said stays words, and nothing is lost or too long.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how long a report takes is part of the promise"
)]

use std::time::Instant;

use ekmcheck_report::{Material, ReportFormat};
use ekmcheck_suite::{
    ambiguity::Register,
    case::{Basis, Level, Transport},
    inert::inert,
    outcome::{Outcome, RequirementVerdict, Verdict},
    report::{Cost, Report},
    requirement::Ledger,
    role::Role,
    transcript::{Answer, Event, Exchanged, Reaction, Transcript},
};
use html5gum::{Token, Tokenizer};
use serde_json::{Value, json};

/// What a subject may say to whoever reads a report.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\
                       ]]>--> ` | [x](javascript:alert(3)) \"'& \u{2028}\u{202e}\u{0}\r\n\u{fffe}";

fn ledger() -> Ledger {
    let requirement = |id: &str, level: &str, basis: &str| {
        json!({"id": id, "role": "resource-server", "level": level, "basis": basis, "clause": "3.3.2 5f",
               "revision": "-06", "text": "The exporter value is that of the connection."})
    };
    serde_json::from_value(json!({
        "requirements": [requirement("rs.one", "MUST", "draft"), requirement("rs.two", "SHOULD", "draft")],
        "rows": ["RS-A01"], "excluded": [{"row": "RS-A01", "reason": "no case"}], "readings": []
    }))
    .unwrap()
}

fn register() -> Register {
    Register { draft: "draft".to_owned(), ambiguities: Vec::new() }
}

fn outcome(id: &str, transport: Transport, verdict: Verdict, words: &str) -> Outcome {
    let id = id.to_owned();
    let requirement = if verdict == Verdict::Warn { "rs.two" } else { "rs.one" };
    Outcome {
        id,
        rows: vec!["RS-A01".to_owned()],
        title: "What must hold".to_owned(),
        ambiguity: None,
        role: Role::ResourceServer,
        transport,
        verdict,
        level: Level::Must,
        basis: Basis::Draft,
        requirements: vec![RequirementVerdict {
            id: requirement.to_owned(),
            verdict,
            reason: Some(words.to_owned()),
            evidence: Vec::new(),
        }],
        expected: "refused 401 invalid_proof".to_owned(),
        seen: words.to_owned(),
        reason: words.to_owned(),
        hindered: false,
    }
}

fn report(outcomes: Vec<Outcome>) -> Report {
    let selected = outcomes.len() + 1;
    let mut report = Report::new(HOSTILE, Transport::ALL.to_vec(), 1, Cost::default(), selected, outcomes);
    report.started = Some(1_795_000_000);
    report
}

/// One of every verdict, each with hostile words.
fn hostile() -> Report {
    let each = |(n, verdict): (usize, &Verdict)| outcome(&format!("rs.v{n}"), Transport::Tls13H1, *verdict, HOSTILE);
    report(Verdict::ALL.iter().enumerate().map(each).collect())
}

fn transcript(case: &str, words: &str) -> Transcript {
    Transcript {
        case: case.to_owned(),
        transport: Transport::Tls13H1,
        temper: serde_json::from_value(json!("story")).unwrap(),
        events: vec![Event::Exchanged(Box::new(Exchanged {
            step: 0,
            on: "it".to_owned(),
            connection: 1,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            alteration: None,
            changes: None,
            token: "0".to_owned(),
            proof: None,
            ekm: None,
            expect: serde_json::from_value(json!("accepted")).unwrap(),
            control: false,
            reaction: Reaction::Answer(Answer {
                status: 401,
                challenges: vec![words.to_owned()],
                challenges_cut: false,
                retry_after: None,
                after: 0,
                cache_control: Vec::new(),
                reflects: Vec::new(),
            }),
            twin: None,
            check: None,
        }))],
    }
}

fn render(report: &Report, transcripts: &[Transcript], strict: bool, format: ReportFormat) -> String {
    let (ledger, register) = (ledger(), register());
    Material::new(report, transcripts, &ledger, &register, &[], strict).unwrap().render(format).unwrap()
}

#[track_caller]
fn assert_fits(schema: &str, value: &Value) {
    let faults: Vec<_> = jsonschema::validator_for(&serde_json::from_str(schema).unwrap())
        .unwrap()
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn nothing_that_steers_stands_in_any_format() {
    for format in ReportFormat::ALL {
        let text = render(&hostile(), &[transcript("rs.v0", HOSTILE)], false, format);
        let steers: Vec<char> = text.chars().filter(|c| *c != '\n' && inert(&c.to_string()) != c.to_string()).collect();
        assert!(steers.is_empty(), "{}: {steers:?}", format.file());
    }
}

#[test]
fn hostile_words_are_text_in_the_page() {
    let page = render(&hostile(), &[transcript("rs.v5", HOSTILE)], false, ReportFormat::Html);
    let (mut open, mut data, mut text) = (Vec::new(), Vec::new(), Vec::new());
    for token in Tokenizer::new(&page) {
        match token.unwrap() {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                assert!(!["img", "iframe", "object", "embed", "base", "link"].contains(&name.as_str()), "{name}");
                for (attribute, value) in &tag.attributes {
                    assert!(!attribute.starts_with(b"on") && &attribute[..] != b"style", "{name} {attribute:?}");
                    assert!(!value.starts_with(b"javascript:"));
                }
                open.push(name);
            }
            Token::EndTag(_) => open.push(String::new()),
            Token::String(words) => match open.last().map(String::as_str) {
                Some("script") => data.push(String::from_utf8(words.to_vec()).unwrap()),
                _ => text.push(String::from_utf8(words.to_vec()).unwrap()),
            },
            Token::Error(error) => panic!("{error:?}"),
            Token::Comment(_) => panic!("a comment"),
            Token::Doctype(_) => {}
        }
    }
    assert_eq!(open.iter().filter(|n| *n == "script").count(), 2, "the data and the program");
    assert!(text.iter().any(|t| t.contains("<img src=x onerror=alert(2)>")), "the words can be read");
    // The tokenizer may give the text in pieces; the program follows the data.
    let data: Value = serde_json::Deserializer::from_str(&data.concat()).into_iter().next().unwrap().unwrap();
    let challenge =
        &data["traces"]["rs.v5/tls13-h1"][0]["events"][0]["exchanged"]["reaction"]["answer"]["challenges"][0];
    assert_eq!(*challenge, inert(HOSTILE));
    assert!(data["strings"].as_array().unwrap().contains(&json!(inert(HOSTILE))));
}

#[test]
fn the_page_lets_nothing_run_but_what_it_names() {
    let page = render(&hostile(), &[], false, ReportFormat::Html);
    let policy = page.split("content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.matches("sha256-").count() == 2, "{policy}");
}

#[test]
fn junit_tells_every_verdict_apart() {
    for strict in [false, true] {
        let xml = render(&hostile(), &[], strict, ReportFormat::Junit);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let case = |n: usize| {
            let name = format!("rs.v{n}");
            document.descendants().find(|d| d.attribute("name") == Some(&name)).unwrap()
        };
        let says = |n: usize, tag: &str| case(n).children().any(|c| c.has_tag_name(tag));
        let at = |verdict| Verdict::ALL.iter().position(|v| *v == verdict).unwrap();
        assert!(says(at(Verdict::Fail), "failure"));
        assert_eq!(says(at(Verdict::Warn), "failure"), strict);
        assert_eq!(says(at(Verdict::Warn), "system-out"), !strict);
        assert!(says(at(Verdict::Error), "error") && says(at(Verdict::Inconclusive), "error"));
        assert!(says(at(Verdict::NotTestable), "skipped"));
        for passed in [at(Verdict::Pass), at(Verdict::Observed)] {
            assert!(!["failure", "error", "skipped"].iter().any(|tag| says(passed, tag)));
        }
        let observed = case(at(Verdict::Observed));
        assert!(
            observed.descendants().any(|d| d.attribute("name") == Some("observed") && d.attribute("value").is_some())
        );
        let suites = document.descendants().filter(|d| d.has_tag_name("testsuite"));
        let names: Vec<_> = suites.filter_map(|s| s.attribute("name")).collect();
        assert_eq!(names.len(), 6, "one a transport, and one for what was not executed: {names:?}");
        let failure = case(at(Verdict::Fail)).descendants().find(|d| d.has_tag_name("failure")).unwrap();
        assert!(failure.attribute("message").unwrap().contains("<img src=x"), "words are kept");
        assert!(failure.text().unwrap().contains("--filter rs.v5"));
    }
}

#[test]
fn json_formats_fit_and_count() {
    let ctrf: Value = serde_json::from_str(&render(&hostile(), &[], false, ReportFormat::Ctrf)).unwrap();
    assert_fits(include_str!("schema/ctrf.schema.json"), &ctrf);
    let summary = &ctrf["results"]["summary"];
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(count("tests"), ["passed", "failed", "skipped", "pending", "other"].map(count).iter().sum::<u64>());
    assert_eq!((count("passed"), count("failed"), count("skipped"), count("other")), (2, 2, 1, 2));

    for (strict, levels) in [(false, vec!["error"]), (true, vec!["error", "warning"])] {
        let sarif: Value = serde_json::from_str(&render(&hostile(), &[], strict, ReportFormat::Sarif)).unwrap();
        assert_fits(include_str!("schema/sarif.schema.json"), &sarif);
        let run = &sarif["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.iter().map(|r| r["level"].as_str().unwrap()).collect::<Vec<_>>(), levels);
        for result in results {
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(
                !result["message"]["text"].as_str().unwrap().contains(['[', ']']),
                "readers make links of brackets"
            );
        }
    }
}

#[test]
fn the_badge_is_a_picture_with_words() {
    let svg = render(&hostile(), &[], false, ReportFormat::Badge);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let words = document.descendants().find(|d| d.has_tag_name(("http://www.w3.org/2000/svg", "title"))).unwrap();
    assert_eq!(words.text().unwrap(), "TLS session binding: not conformant, 1/5 MUST");
}

#[test]
fn markdown_keeps_a_subjects_words_in_code_spans() {
    let text = render(&hostile(), &[], false, ReportFormat::Summary);
    let outside: String = text.split('`').step_by(2).collect();
    assert!(!outside.contains("script") && !outside.contains("](") && !outside.contains('<'), "{outside}");
    assert!(
        text.contains("not conformant") && text.contains("Applicable 8 = executed 6 + not testable 1 + not executed 1"),
        "{text}"
    );
}

/// As many results as the suite may ever have, a tenth of them bad, each with words of its own.
fn many() -> (Report, Vec<Transcript>) {
    let mut outcomes = Vec::new();
    let mut transcripts = Vec::new();
    for n in 0..2000 {
        for transport in Transport::ALL {
            let verdict = if n % 10 == 0 { Verdict::Fail } else { Verdict::Pass };
            let words =
                format!("warm: 200, 401 invalid_proof, 200; cold: 401 invalid_proof, 200 ({n} {})", transport.name());
            outcomes.push(outcome(&format!("rs.area.case-with-a-name-{n}"), transport, verdict, &words));
        }
        for _ in 0..2 {
            transcripts.push(transcript(&format!("rs.area.case-with-a-name-{n}"), &"words ".repeat(400)));
        }
    }
    (report(outcomes), transcripts)
}

#[test]
fn ten_thousand_results_are_written_soon_and_are_not_too_long() {
    let (report, transcripts) = many();
    assert_eq!(report.cases.len(), 10_000);
    for format in ReportFormat::ALL {
        // The only test here that looks at a clock: the bound is part of the promise.
        let begun = Instant::now();
        let text = render(&report, &transcripts, false, format);
        let took = begun.elapsed().as_secs_f64();
        println!("{}: {} octets, {took:.2} s", format.file(), text.len());
        let most = match format {
            ReportFormat::Html => 5_000_000,
            ReportFormat::Summary => 1 << 20,
            _ => 30_000_000,
        };
        assert!(text.len() < most, "{}: {} octets", format.file(), text.len());
        assert!(took < if cfg!(debug_assertions) { 10.0 } else { 2.0 }, "{}: {took:.1} s", format.file());
    }
    let page = render(&report, &transcripts, false, ReportFormat::Html);
    assert!(page.contains("\"left_out\":1"), "what did not fit is counted");
}
