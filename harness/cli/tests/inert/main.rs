//! What a subject, a plan, a file or an argument says does nothing anywhere but stand there, and no secret comes back out:
//! every command, on a pseudo-terminal and in files, read by parsers.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

#[path = "../common/mod.rs"]
mod common;
mod files;
mod parrot;
mod screen;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use common::Scratch;
use ekmcheck_suite::inert::steers;
use html5gum::{Token, Tokenizer};
use parrot::{HOSTILE, Heard, Manner};
use serde_json::Value;

/// Whether a line of somebody else's stands where the tool's own begin; what stands in does not.
fn has_forged_line(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("FORGED LINE"))
}

/// All files below a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|entry| if entry.is_dir() { files_in(&entry) } else { vec![entry] }).collect()
}

/// All files below a folder, but for the bundle, which holds the keys of the harness.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    files_in(folder).into_iter().filter(|file| !file.starts_with(folder.join("bundle"))).collect()
}

/// A file is what its name says, and nothing in it steers, runs or is markup of a subject's.
#[track_caller]
fn assert_harmless(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let name = path.display();
    let odd: BTreeSet<char> = text.chars().filter(|c| *c != '\n' && steers(*c)).collect();
    assert!(odd.is_empty(), "{name}: {odd:?}");
    assert!(!has_forged_line(&text), "{name}: a line of the subject's own");
    match path.extension().unwrap().to_str().unwrap() {
        "json" | "sarif" => drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{name}: {e}"))),
        "ndjson" => text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap())),
        "xml" | "svg" => {
            let read = roxmltree::Document::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!read.descendants().any(|node| ["img", "script"].contains(&node.tag_name().name())), "{name}");
        }
        "html" => {
            for token in Tokenizer::new(&text).map(Result::unwrap) {
                if let Token::StartTag(tag) = token {
                    let tag_name = String::from_utf8_lossy(&tag.name).into_owned();
                    assert!(
                        !["img", "iframe", "object", "embed", "base", "link"].contains(&tag_name.as_str()),
                        "{name}"
                    );
                    assert!(!tag.attributes.keys().any(|a| a.starts_with(b"on")), "{name}: {tag_name}");
                    assert!(!tag.attributes.values().any(|v| v.starts_with(b"javascript:")), "{name}: {tag_name}");
                }
            }
            let scripts = text.matches("<script").count();
            assert!(scripts == 0 || scripts == 2 && path.ends_with("report.html"), "{name}: {scripts} scripts");
        }
        "md" => {
            // Between back quotes nothing is markup, and elsewhere it is escaped.
            let outside: String =
                text.lines().map(|line| line.split('`').step_by(2).collect::<String>() + "\n").collect();
            for markup in ["<img", "<script", "](javascript", "| [x]"] {
                let at = outside.find(markup).filter(|at| !outside[..*at].ends_with('\\'));
                assert_eq!(at, None, "{name}: {markup} in\n{outside}");
            }
        }
        other => panic!("{name}: nobody has said what is harmless in .{other}"),
    }
}

/// A folder with a bundle and a plan for a parrot. What the plan itself says is hostile, too.
fn planned(test: &str, manner: Manner, heard: &Heard, transports: &str) -> Scratch {
    let scratch = Scratch::new(&format!("inert-{test}"));
    scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).ends_with(0);
    let bundle = scratch.0.join("bundle");
    let port = parrot::start(&bundle, manner, heard);
    let quic = parrot::start_quic(&bundle, heard);
    let name = serde_json::to_string(HOSTILE).unwrap();
    scratch.write(
        "plan.toml",
        format!(
            "[subject]\nname = {name}\nversion = {name}\n[target]\nurl = \"https://localhost:{port}\"\nquic_port = {quic}\n\
             bundle = \"bundle\"\ntransports = [{transports}]\n[limits]\nstep_seconds = 5\n"
        ),
    );
    scratch
}

/// Runs a command on a terminal, and once more without; nothing of what comes out steers, and nothing is secret.
fn shows(scratch: &Scratch, heard: &Heard, arguments: &[&str]) -> String {
    let (screen, status) = screen::on_terminal(&mut scratch.command(arguments));
    assert!(!screen.contains("panicked") && (0..=4).contains(&status), "{arguments:?}: {screen}");
    assert_eq!(screen::foreign(&screen), Vec::<String>::new(), "{arguments:?}: {screen:?}");
    let piped = scratch.ekmcheck(arguments);
    for text in [&piped.out, &piped.err] {
        let odd: BTreeSet<char> = text.chars().filter(|c| *c != '\n' && steers(*c)).collect();
        assert!(odd.is_empty(), "{arguments:?}: {odd:?} in {text}");
    }
    let secrets = heard.secrets();
    for text in [&screen, &piped.out, &piped.err] {
        assert!(!has_forged_line(text), "{arguments:?}: {text}");
        assert_keeps(&secrets, text, &format!("{arguments:?}"));
    }
    screen + &piped.out + &piped.err
}

/// No secret stands in a text.
#[track_caller]
fn assert_keeps(secrets: &BTreeSet<String>, text: &str, whose: &str) {
    let text = text.to_lowercase();
    let leaked: Vec<&String> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
    assert!(
        leaked.is_empty(),
        "{whose}: {} of {} secrets: {:?}",
        leaked.len(),
        secrets.len(),
        leaked.first().map(|s| (s, &text[text.find(s.as_str()).unwrap().saturating_sub(100)..]))
    );
}

/// All that the commands wrote.
fn assert_files(scratch: &Scratch, heard: &Heard, wanted: &[&str]) {
    let files = files_of(&scratch.0);
    for name in wanted {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name} is not there");
    }
    let secrets = heard.secrets();
    for file in files.iter().filter(|file| !file.ends_with("plan.toml")) {
        assert_harmless(file);
        assert_keeps(&secrets, &fs::read_to_string(file).unwrap(), &file.display().to_string());
    }
}

const CASES: [&str; 7] = [
    "rs.exporter.of-another-connection",
    "rs.typ.missing",
    "rs.accept.valid",
    "rs.jti.empty",
    "rs.exporter.in-hex",
    "rs.accept.valid-quic",
    "rs.handshake.no-certificate",
];

const REPORTS: [&str; 9] = [
    "report.json",
    "transcripts.ndjson",
    "report.html",
    "junit.xml",
    "summary.md",
    "ctrf.json",
    "results.sarif",
    "badge.svg",
    "ambiguities.md",
];

#[test]
fn a_parrot_is_tested_and_nothing_comes_back_out() {
    let heard = Heard::default();
    let scratch = planned("run", Manner::NearlyRight, &heard, "\"tls13-h1\", \"tls12-h1\", \"quic-h3\"");
    let filters: Vec<&str> = CASES.iter().flat_map(|case| ["--filter", case]).collect();
    let run = ["run", "plan.toml", "--skip-doctor", "--transcripts", "all", "--report", "report", "--strict"];
    let said = shows(&scratch, &heard, &[&run[..], &filters].concat());
    assert!(said.contains("closed by peer") && said.contains("fingerprint-"), "QUIC's reasons are told\n{said}");
    assert_files(&scratch, &heard, &REPORTS);
    assert!(heard.secrets().len() > 50, "{}", heard.secrets().len());
    // A challenge and a reason can still be read.
    let traces = scratch.read("report/transcripts.ndjson");
    assert!(
        traces.contains("onerror=alert(1)") && traces.contains("error_description") && traces.contains("fingerprint-")
    );
    shows(&scratch, &heard, &["report", "report", "--to", "again"]);
    shows(&scratch, &heard, &["diff", "report/report.json", "report/report.json"]);
    shows(&scratch, &heard, &["ambiguities", "--report", "report/report.json"]);
    for case in ["rs.exporter.of-another-connection", "rs.accept.valid-quic", "rs.exporter.in-hex"] {
        shows(&scratch, &heard, &["replay", case, "plan.toml"]);
    }
    shows(&scratch, &heard, &["doctor", "plan.toml"]);
    shows(&scratch, &heard, &["check-plan", "plan.toml"]);
    assert_files(&scratch, &heard, &REPORTS);
}

#[test]
fn a_parrot_that_refuses_everybody_is_no_better_told() {
    let heard = Heard::default();
    let scratch = planned("refuses", Manner::Refuses, &heard, "\"tls13-h1\"");
    let said = shows(&scratch, &heard, &["doctor", "plan.toml"]);
    assert!(said.contains("a right request is refused with 401") && said.contains("owned"), "{said}");
    shows(&scratch, &heard, &["run", "plan.toml", "--report", "report"]);
    shows(&scratch, &heard, &["fuzz", "plan.toml", "--requests", "50", "--report", "found"]);
    shows(&scratch, &heard, &["bench", "plan.toml", "--requests", "1", "--turns", "1", "--report", "cost"]);
    assert_files(&scratch, &heard, &[]);
}

#[test]
fn names_of_a_certificate_are_inert_and_keep_secrets() {
    let heard = Heard::default();
    let scratch = planned("names", Manner::NearlyRight, &heard, "\"tls13-h1\", \"tls12-h1\"");
    let filters = ["--filter", "rs.accept.valid", "--filter", "rs.accept.valid-tls12", "--report", "report"];
    let run =
        |words: &[&str]| shows(&scratch, &heard, &[&["run", "plan.toml", "--skip-doctor"], words, &filters].concat());
    run(&[]);
    // The same plan with the port of a server that has made names of what the first one heard.
    let odd = parrot::start(&scratch.0.join("bundle"), Manner::OddNames, &heard);
    let plan = scratch.read("plan.toml");
    let (before, after) = plan.split_once("localhost:").unwrap();
    let after = after.split_once('"').unwrap().1;
    scratch.write("plan.toml", format!("{before}localhost:{odd}\"{after}"));
    let said = run(&["--transcripts", "all"]);
    assert!(said.contains("owned") && said.contains("not valid for name"), "the names are told\n{said}");
    shows(&scratch, &heard, &["doctor", "plan.toml"]);
    shows(&scratch, &heard, &["replay", "rs.accept.valid", "plan.toml"]);
    let url = format!("https://localhost:{odd}");
    shows(&scratch, &heard, &["run", "--subject", &url, "--bundle", "bundle", "--transport", "tls13-h1"]);
    let ca = ["--ca", "bundle/harness/root.pem"];
    shows(&scratch, &heard, &[&["exporter", &format!("localhost:{odd}")], &ca[..]].concat());
    assert_files(&scratch, &heard, &REPORTS);
}

#[test]
fn a_campaign_and_a_measurement_keep_secrets() {
    let heard = Heard::default();
    let scratch = planned("fuzz", Manner::NearlyRight, &heard, "\"tls13-h1\"");
    let said = shows(&scratch, &heard, &["fuzz", "plan.toml", "--requests", "150", "--report", "found"]);
    assert!(said.contains("findings against a MUST"), "{said}");
    shows(
        &scratch,
        &heard,
        &["fuzz", "plan.toml", "--resume", "found/campaign.json", "--requests", "20", "--report", "more"],
    );
    shows(&scratch, &heard, &["fuzz", "plan.toml", "--replay", "found/campaign.json", "--report", "again"]);
    let bench = ["bench", "plan.toml", "--requests", "1,10", "--turns", "1", "--curve-only", "--report", "cost"];
    let said = shows(&scratch, &heard, &bench);
    assert!(said.contains("What requests cost on `"), "{said}");
    assert_files(
        &scratch,
        &heard,
        &["campaign.json", "campaign.md", "campaign.html", "campaign.sarif", "bench.json", "bench.md"],
    );
    // Over QUIC no request is taken at all.
    let plan = scratch.read("plan.toml").replace("\"tls13-h1\"", "\"quic-h3\"");
    scratch.write("plan.toml", plan);
    let said = shows(&scratch, &heard, &["fuzz", "plan.toml", "--requests", "50", "--report", "nothing"]);
    assert!(said.contains("closed by peer"), "{said}");
    shows(&scratch, &heard, &["bench", "plan.toml", "--requests", "1", "--turns", "1", "--report", "no-cost"]);
    assert_files(&scratch, &heard, &[]);
}
