//! A run that is watched, bounded, logged, interrupted; and one case replayed step by step.

#![cfg(unix)]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use common::{Scratch, assert_fits};

#[test]
fn an_interrupted_run_keeps_what_finished() {
    let scratch = Scratch::new("interrupted");
    // At this rate the whole would take the better part of an hour.
    let mut command = scratch.command(&["run", "--rate", "4", "--jobs", "1", "--report", "report"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first line comes with the first result.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("1/") && first.contains("failed 0"), "{first}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{out}");
    assert!(out.contains("incomplete"), "{out}");
    let report = scratch.json("report/report.json");
    assert_fits("report.schema.json", &report);
    let count = |name: &str| report["counts"][name].as_u64().unwrap();
    assert!(count("executed") + count("not_testable") > 0 && count("not_executed") > 1000, "{out}");
    assert_eq!(count("applicable"), count("executed") + count("not_testable") + count("not_executed"));
    assert_eq!(report["cases"].as_array().unwrap().len() as u64, count("executed") + count("not_testable"));
}

#[test]
fn progress_is_lines_without_a_terminal_and_nothing_where_it_would_disturb() {
    let scratch = Scratch::new("progress");
    let one = ["run", "--filter", "rs.exporter.zero", "--transport", "tls13-h1"];
    let done = scratch.ekmcheck(&one).ends_with(0);
    assert!(done.err.starts_with("1/1 after ") && !done.err.contains('\u{1b}'), "{}", done.err);
    assert_eq!(done.err.lines().count(), 1);
    for quiet in [&["--quiet"][..], &["--format", "json"]] {
        assert_eq!(scratch.ekmcheck(&[&one[..], quiet].concat()).ends_with(0).err, "");
    }
}

#[test]
fn a_key_log_is_the_owners_alone_and_holds_the_exporter_secret() {
    let scratch = Scratch::new("keylog");
    scratch.write("keys.log", "");
    fs::set_permissions(scratch.0.join("keys.log"), fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = ["run", "-q", "--keylog", "keys.log", "--filter", "rs.exporter.zero"];
    scratch.ekmcheck(&arguments).ends_with(0).says(&["keys.log: holds secrets"]);
    let log = scratch.read("keys.log");
    // A warm and a cold play on three transports with TLS 1.3 and two with TLS 1.2, and no handshake beside these.
    assert_eq!(log.lines().filter(|l| l.starts_with("EXPORTER_SECRET ")).count(), 6, "{log}");
    assert_eq!(log.lines().filter(|l| l.starts_with("CLIENT_RANDOM ")).count(), 4, "{log}");
    for line in log.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words.len() == 3 && words[1].len() == 64 && words[2].bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
    }
    let mode = fs::metadata(scratch.0.join("keys.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    scratch.ekmcheck(&["run", "--keylog", "no/such/folder"]).ends_with(2).says(&["no/such/folder"]);
}

#[test]
fn bounds_are_kept_and_what_they_forbid_is_said() {
    let scratch = Scratch::new("bounds");
    let one = ["run", "-q", "--transport", "tls13-h1", "--connections", "1", "--filter"];
    let done = scratch.ekmcheck(&[&one[..], &["rs.exporter.of-another-connection"]].concat());
    done.says(&["2 connections open at once, and 1 are allowed", "not testable 1"]);
    scratch.ekmcheck(&[&one[..], &["rs.exporter.zero"]].concat()).ends_with(0);
    scratch.ekmcheck(&["run", "--rate", "0"]).ends_with(2);
}

#[test]
fn a_replay_shows_every_step_and_no_secret() {
    let scratch = Scratch::new("replay");
    let one = ["replay", "rs.exporter.no-context", "--transport", "tls12-h1"];
    let done = scratch.ekmcheck(&one).ends_with(0);
    assert!(!done.out.contains('\u{1b}') && done.err.is_empty(), "{}\n{}", done.out, done.err);
    let secrets = ["eyJ", "\"ekm\":\"A", "64-octets: "];
    assert!(secrets.iter().all(|s| !done.out.contains(s)), "{}", done.out);
    done.says(&[
        "TLS 1.2  TLS_ECDHE_ECDSA",
        "full handshake",
        "certificate x5t#S256",
        "zero-length context, 32 octets: fingerprint",
        "proof header  {\"typ\":\"tls-binding-proof+jwt\"",
        "\"ekm\":\"(43 characters, fingerprint",
        "> GET /api/resource",
        "altered: ekm-no-context, which changes proof.claims.ekm",
        "mistake  the proof's ekm is the value exported with no context",
        "WWW-Authenticate: Bearer error=\"invalid_proof\"",
        "refused by the check ekm",
        "expected  refused 401 invalid_proof",
        "The exporter value has the draft's label",
        "clause    2.2",
    ]);
    let shown = scratch.ekmcheck(&[&one[..], &["--show-secrets"]].concat()).ends_with(0);
    shown.says(&["Bearer eyJ", "64-octets: ", "holds secrets"]);
    let faulty = scratch.ekmcheck(&[&one[..], &["--subject", "fault:exports-without-context"]].concat()).ends_with(1);
    faulty.says(&["fail  rs.exporter", "accepted what it must refuse"]);
    scratch
        .ekmcheck(&["replay", "rs.exporter.no-contxt"])
        .ends_with(2)
        .says(&["did you mean \"rs.exporter.no-context\""]);
    scratch.ekmcheck(&["replay", "rs.exporter.no-context", "--transport", "tls13-h1"]).ends_with(2).says(&["tls12-h1"]);
}
