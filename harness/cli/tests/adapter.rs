//! Verifier libraries in other languages, played by the reference as an adapter: right, lying, and in trouble.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::Stdio,
};

use common::{Done, Scratch, assert_fits, root};
use serde_json::{Value, json};

/// The command line of the reference as an adapter, made wrong in a named way if one is given.
fn serve(fault: &str) -> String {
    let fault = if fault.is_empty() { String::new() } else { format!(" --fault {fault}") };
    format!("'{}' adapter serve{fault}", env!("CARGO_BIN_EXE_ekmcheck"))
}

fn run(scratch: &Scratch, fault: &str, more: &[&str]) -> Done {
    let command = serve(fault);
    scratch.ekmcheck(&[&["run", "--quiet", "--adapter", &command], more].concat())
}

/// The verdict on each vector of the report.
fn verdicts(scratch: &Scratch) -> BTreeMap<String, String> {
    let text = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    let report = scratch.json("ekmcheck-report/report.json");
    report["cases"].as_array().unwrap().iter().map(|c| (text(c, "id"), text(c, "verdict"))).collect()
}

/// Vectors on disk.
fn vectors() -> Vec<Value> {
    let folders = fs::read_dir(root().join("vectors")).unwrap().map(|f| f.unwrap().path());
    let files = folders.filter(|f| f.is_dir() && !f.ends_with("schema")).flat_map(|f| fs::read_dir(f).unwrap());
    let read = |file: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        serde_json::from_str::<Value>(&text).ok().filter(|v| v["inputs"].is_object())
    };
    files.filter_map(read).collect()
}

#[test]
fn the_reference_conforms_and_every_report_is_written() {
    let scratch = Scratch::new("adapter-right");
    let done = run(&scratch, "", &[]).ends_with(0).says(&["conformant.", "subject: adapter:ekmcheck"]);
    assert!(done.err.is_empty(), "{}", done.err);
    let report = scratch.json("ekmcheck-report/report.json");
    assert_fits("report.schema.json", &report);
    assert_eq!(report["adapter"]["about"]["library"], "ekmcheck-binding");
    let found = verdicts(&scratch);
    assert_eq!(found.len(), vectors().len());
    let by = |name: &str| found.values().filter(|v| *v == name).count();
    assert!(by("pass") > 200 && by("observed") > 10, "{found:?}");
    assert_eq!(by("pass") + by("observed"), found.len(), "{found:?}");
    for file in ["report.html", "junit.xml", "summary.md", "ctrf.json", "results.sarif", "badge.svg"] {
        assert!(!scratch.read(&format!("ekmcheck-report/{file}")).is_empty(), "{file}");
    }
}

#[test]
fn liars_are_exposed_and_nothing_counts() {
    let scratch = Scratch::new("adapter-liars");
    for (fault, said) in [
        ("accepts-all", "no wrong proof is refused"),
        ("refuses-all", "no right proof is accepted"),
        ("knows-all", "an unknown command is not answered with unsupported"),
        ("echoes", "sent back"),
    ] {
        run(&scratch, fault, &[]).ends_with(2).says(&[said, "nothing counts", "ekmcheck adapter check"]);
        assert!(!scratch.0.join("ekmcheck-report").exists(), "{fault} left a report");
        let checked = scratch.ekmcheck(&["adapter", "check", &serve(fault)]).ends_with(2);
        checked.says(&["trouble", "mend: ", "to mend before a run means anything"]);
    }
}

#[test]
fn a_check_that_is_left_out_is_found_by_its_vectors_alone() {
    let scratch = Scratch::new("adapter-without");
    let expect = |fault: &str, folders: &[&str]| {
        let found = run(&scratch, fault, &["--output", "none"]);
        assert!([0, 1].contains(&found.status), "{fault}: {}", found.err);
        let found = verdicts(&scratch);
        let bad = found.iter().filter(|(_, v)| *v == "fail" || *v == "warn").map(|(id, _)| id.split('/').next());
        assert_eq!(bad.flatten().collect::<BTreeSet<_>>(), folders.iter().copied().collect(), "{fault}");
    };
    // Not those that are made where a form is read: without them there is nothing to read on from.
    for check in ["certificate", "crit", "typ", "x5t", "signature", "ekm", "ath", "iat", "htm", "htu", "jti"] {
        expect(&format!("without-{check}"), &[check]);
    }
}

#[test]
fn trouble_costs_one_vector_and_the_others_count() {
    let scratch = Scratch::new("adapter-trouble");
    let three = |v: &Value| v["inputs"]["proof"].as_str().unwrap().split('.').count() == 3;
    // Few of them, for each costs an adapter, and of those that are started there may only be so many.
    let filters = ["format/json-", "format/percent-encoded", "format/encrypted", "typ/", "valid/"];
    let selected = |id: &&str| filters.iter().any(|filter| id.starts_with(filter));
    let all = vectors();
    let odd = all.iter().filter(|v| !three(v)).map(|v| v["id"].as_str().unwrap()).filter(selected);
    let odd: BTreeSet<String> = odd.map(str::to_owned).collect();
    assert!(odd.len() > 3 && odd.len() < 12, "{odd:?}");
    let selection: Vec<&str> =
        filters.iter().flat_map(|filter| ["--filter", filter]).chain(["--output", "none"]).collect();
    for (fault, said) in [
        ("crash", "the adapter ended (exit status: 4); it wrote: panicked at \u{fffd}[31mthe second segment"),
        ("hang", "no answer within 0.5 s"),
        ("garbage", "is no answer: no JSON"),
        ("octets", "not UTF-8"),
        ("long-line", "a line of more than 65536 octets"),
        ("wrong-id", "the answer is to the id"),
        ("twice", "a line that nobody asked for"),
    ] {
        let within = if fault == "hang" { "0.5" } else { "20" };
        let done = run(&scratch, fault, &[&selection[..], &["--answer-within", within]].concat()).ends_with(3);
        let report = scratch.json("ekmcheck-report/report.json");
        assert_eq!(report["conclusion"], "incomplete", "{fault}");
        assert_eq!(report["counts"]["errors"], 0, "{fault}: the subject's trouble is no fault of the harness");
        assert_eq!(report["counts"]["not_executed"], 0, "{fault}");
        for case in report["cases"].as_array().unwrap() {
            let id = case["id"].as_str().unwrap();
            if odd.contains(id) {
                assert_eq!(case["verdict"], "inconclusive", "{fault}: {id}");
                assert!(case["reason"].as_str().unwrap().contains(said), "{fault}: {id}: {}", case["reason"]);
            } else {
                assert_eq!(case["verdict"], "pass", "{fault}: {id}: {case}");
            }
        }
        done.says(&[&format!("the adapter was started anew {} times", odd.len())]);
    }
}

#[test]
fn it_is_started_anew_only_so_often() {
    let scratch = Scratch::new("adapter-restarts");
    let done = run(&scratch, "crash", &["--filter", "format/", "--restarts", "1"]).ends_with(3);
    done.says(&["not all was played: the adapter failed more often than the 1 times allowed"]);
    let report = scratch.json("ekmcheck-report/report.json");
    let count = |name: &str| report["counts"][name].as_u64().unwrap();
    assert_eq!(count("inconclusive"), 2);
    assert!(count("passed") > 0 && count("not_executed") > 0, "{}", report["counts"]);
}

#[test]
fn several_adapters_find_the_same() {
    let scratch = Scratch::new("adapter-jobs");
    run(&scratch, "without-ekm", &["--filter", "ekm/", "--filter", "ath/"]).ends_with(1);
    let one = verdicts(&scratch);
    run(&scratch, "without-ekm", &["--filter", "ekm/", "--filter", "ath/", "--jobs", "3"]).ends_with(1);
    assert_eq!(verdicts(&scratch), one);
    assert!(one.keys().all(|id| id.starts_with("ekm/") || id.starts_with("ath/")));
}

#[test]
fn selections_and_known_failures_are_as_for_cases() {
    let scratch = Scratch::new("adapter-selection");
    run(&scratch, "", &["--basis", "hardening", "--level", "must"]).ends_with(0);
    let report = scratch.json("ekmcheck-report/report.json");
    let cases = report["cases"].as_array().unwrap();
    assert!(!cases.is_empty() && cases.iter().all(|c| c["basis"] == "hardening" && c["level"] == "MUST"));
    run(&scratch, "", &["--filter", "nothing-like-that"]).ends_with(3).says(&["no case matches"]);
    let failing = ["--filter", "ekm/ekm-missing"];
    let done = run(&scratch, "without-ekm", &[&failing[..], &["--write-baseline", "known.toml"]].concat());
    let again = "--filter ekm/ekm-missing";
    done.ends_with(1).says(&["broken", "rs.exporter-match", "accepted what it must refuse", again]);
    let report = |file: &str| scratch.read(&format!("ekmcheck-report/{file}"));
    assert!(report("junit.xml").contains(r#"<testcase name="ekm/ekm-missing" classname="offline.ekm">"#));
    for file in ["junit.xml", "summary.md", "ctrf.json", "results.sarif", "report.html"] {
        let text = report(file);
        assert!(text.contains("ekmcheck run --adapter "), "{file}");
        assert!(!text.contains("--transport offline"), "{file}");
    }
    assert!(report("report.html").contains("#/case/ekm%2Fekm-missing/offline"));
    let known = scratch.read("known.toml").replace("TODO", "it is known");
    scratch.write("known.toml", known);
    run(&scratch, "without-ekm", &[&failing[..], &["--baseline", "known.toml"]].concat()).ends_with(0);
}

#[test]
fn commands_that_cannot_be_are_told() {
    let scratch = Scratch::new("adapter-commands");
    let run = |command: &str, said: &str| {
        scratch.ekmcheck(&["run", "--adapter", command]).ends_with(2).says(&[said]);
    };
    run("", "is empty");
    run("'unfinished", "a quotation in it does not end");
    run("/nowhere/adapter --x", "/nowhere/adapter cannot be started");
    scratch.ekmcheck(&["adapter", "check", "/nowhere/adapter"]).ends_with(2).says(&["cannot be started", "No shell"]);
    let silent = format!("'{}' list", env!("CARGO_BIN_EXE_ekmcheck"));
    run(&silent, "no answer: no JSON");
    scratch.ekmcheck(&["adapter", "serve", "--fault", "without-ekn"]).ends_with(2).says(&["without-ekm"]);
    let both = ["run", "--adapter", "x", "--subject", "reference"];
    scratch.ekmcheck(&both).ends_with(2).says(&["cannot be used with"]);
}

#[test]
fn the_reference_keeps_the_contract() {
    let scratch = Scratch::new("adapter-check");
    let done = scratch.ekmcheck(&["adapter", "check", &serve("")]).ends_with(0);
    let done = done.says(&["it greets: ekmcheck", "of 5 kinds of key", "in their order", "ends well", "ready: "]);
    assert!(!done.out.contains("trouble"), "{}", done.out);
    let found = scratch.ekmcheck(&["adapter", "check", &serve("crash")]).ends_with(2);
    found.says(&["format/segments-two: the adapter ended", "mend: an exception is a refusal", "ends well"]);
}

/// What is asked and answered has the published form, for every vector.
#[test]
fn lines_fit_their_schemas() {
    let scratch = Scratch::new("adapter-schemas");
    let mut lines = vec![json!({"id": 0, "command": "hello"})];
    for (n, vector) in vectors().into_iter().enumerate() {
        let asked = json!({"id": n + 1, "command": "verify", "inputs": vector["inputs"], "policy": vector["policy"]});
        assert_fits("adapter-request.schema.json", &asked);
        lines.push(asked);
    }
    let unknown = json!({"id": 100_000, "command": "dance"});
    lines.push(unknown);
    let mut child =
        scratch.command(&["adapter", "serve"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let asked: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), lines.len());
    for (asked, answer) in lines.iter().zip(&answers) {
        assert_fits("adapter-answer.schema.json", answer);
        assert_eq!(asked["id"], answer["id"]);
    }
    assert_eq!(answers[0]["answer"], "hello");
    assert_eq!(answers.last().unwrap()["answer"], "unsupported");
}
