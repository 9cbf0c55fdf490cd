//! What cannot be written is told, costs nothing that can, and shows in the exit status; and no report of an earlier run says
//! something else than the run that was last.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use common::{Done, Scratch};
use serde_json::Value;

/// One case on one transport, which passes on the reference, and fails on a server with this fault.
const ONE: [&str; 6] = ["run", "--filter", "rs.exporter.64-octets", "--transport", "tls13-h1", "--quiet"];
const FAULT: [&str; 2] = ["--subject", "fault:ekm-longer-export"];
const FORMATS: [&str; 7] =
    ["report.html", "junit.xml", "summary.md", "ctrf.json", "results.sarif", "badge.svg", "ambiguities.md"];

/// Runs with standard output elsewhere.
fn into(scratch: &Scratch, file: &str, arguments: &[&str]) -> Done {
    let out = File::options().write(true).open(file).unwrap();
    let output = scratch.command(arguments).stdout(out).stderr(Stdio::piped()).output().unwrap();
    Done { status: output.status.code().unwrap(), out: String::new(), err: String::from_utf8(output.stderr).unwrap() }
}

/// Runs where no file may become longer than so many blocks of 512 octets.
fn limited(scratch: &Scratch, blocks: u32, arguments: &[&str]) -> Done {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_ekmcheck")])
        .args(arguments)
        .current_dir(&scratch.0)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Done { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn names(scratch: &Scratch, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(scratch.0.join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn with<'a>(one: &[&'a str], other: &[&'a str]) -> Vec<&'a str> {
    [one, other].concat()
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    if !std::path::Path::new("/dev/full").exists() {
        println!("not tried: no /dev/full here");
        return;
    }
    let scratch = Scratch::new("full");
    for arguments in [
        &["vectors", "bundle"][..],
        &["vectors", "list"],
        &["list"],
        &["schema", "case"],
        &["completions", "bash"],
        &["show", "rs.typ.jwt"],
        &["ambiguities"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let done = into(&scratch, "/dev/full", arguments).ends_with(4);
        assert!(done.err.starts_with("error: standard output: No space left"), "{arguments:?}: {}", done.err);
        assert_eq!(done.err.matches("error:").count(), 1, "told once: {}", done.err);
        into(&scratch, "/dev/null", arguments).ends_with(0);
    }
    // The reports are written, and what is worse is not hidden.
    into(&scratch, "/dev/full", &with(&ONE, &["--report", "good"])).ends_with(4);
    into(&scratch, "/dev/full", &with(&with(&ONE, &FAULT), &["--report", "bad"])).ends_with(1);
    into(&scratch, "/dev/full", &with(&ONE, &["--format", "json", "--report", "json"])).ends_with(4);
    assert_eq!(scratch.json("good/report.json")["conclusion"], "conformant");
    assert_eq!(scratch.json("bad/report.json")["conclusion"], "not-conformant");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let scratch = Scratch::new("pipe");
    for arguments in [&["completions", "bash"][..], &["vectors", "bundle"], &["list"], &["--help"]] {
        let mut child = scratch.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        // Nobody reads any more.
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.is_empty(), "{arguments:?}: {:?} {err}", output.status);
    }
}

#[test]
fn the_verdict_is_printed_whatever_becomes_of_the_reports() {
    let scratch = Scratch::new("kept");
    for (report, subject, status, verdict) in
        [("good", &[][..], 4, "conformant."), ("bad", &FAULT[..], 1, "not conformant")]
    {
        for stubborn in ["junit.xml", "report.html", "transcripts.ndjson"] {
            fs::create_dir_all(scratch.0.join(report).join(stubborn).join("inside")).unwrap();
        }
        let done = scratch.ekmcheck(&with(&with(&ONE, subject), &["--report", report])).ends_with(status);
        let done = done.says(&[verdict, &format!("report: {report}/report.json")]);
        for stubborn in ["junit.xml", "report.html", "transcripts.ndjson"] {
            let named = format!("error: {report}/{stubborn}: a folder, and a file is wanted");
            assert!(done.err.contains(&named), "{}", done.err);
        }
        for kept in ["report.json", "summary.md", "ctrf.json", "results.sarif", "badge.svg", "ambiguities.md"] {
            assert!(!scratch.read(&format!("{report}/{kept}")).is_empty(), "{kept}");
        }
        assert_eq!(names(&scratch, report).len(), 9, "nothing else: {:?}", names(&scratch, report));
    }
}

#[test]
fn a_full_disk_costs_the_reports_that_do_not_fit_and_nothing_else() {
    let scratch = Scratch::new("disk");
    scratch.ekmcheck(&with(&with(&ONE, &FAULT), &["--report", "r"])).ends_with(1);
    let done = limited(&scratch, 16, &with(&ONE, &["--report", "r"])).ends_with(4);
    let done = done.says(&["conformant.", "report: r/report.json", "error: r/report.html: File too large"]);
    assert!(!done.err.contains("report.json"), "{}", done.err);
    assert_eq!(scratch.json("r/report.json")["conclusion"], "conformant");
    let left = names(&scratch, "r");
    assert!(!left.contains(&"report.html".to_owned()), "that of the faulty server is gone");
    assert!(left.iter().all(|name| !name.starts_with('.')), "no part is left: {left:?}");
    // Nothing fits at all.
    let none = limited(&scratch, 0, &with(&with(&ONE, &FAULT), &["--report", "r"])).ends_with(1);
    none.says(&["not conformant", "report: none could be written", "error: r/report.json: File too large"]);
    assert!(!scratch.0.join("r/report.json").exists(), "it said that another server conforms");
}

#[test]
fn what_cannot_be_kept_beside_the_reports_is_told() {
    let scratch = Scratch::new("beside");
    let one = with(&ONE, &["--report", "r", "--output", "none"]);
    scratch.write("mine", "mine");
    for place in ["mine/list", ".."] {
        let done = scratch.ekmcheck(&with(&one, &["--write-baseline", place])).ends_with(2);
        assert_eq!(done.out, "", "found out before anything is played");
    }
    symlink("mine", scratch.0.join("link")).unwrap();
    let linked = scratch.ekmcheck(&with(&one, &["--keylog", "link"])).ends_with(2);
    assert_eq!(linked.out, "");
    linked.says(&["link: a link, which is not followed", "mend:"]);
    assert_eq!(scratch.read("mine"), "mine");
    // And when it is too late for that.
    fs::write(scratch.0.join("keys"), [b'#'; 1024]).unwrap();
    let done = limited(&scratch, 2, &with(&one, &["--keylog", "keys"]));
    let holes = done.err.matches("keys: the key log is not whole: File too large").count();
    assert_eq!((done.status, holes), (4, 1), "{}", done.err);
    assert!(done.out.contains("conformant."), "{}", done.out);
}

#[test]
fn a_run_that_writes_less_leaves_nothing_of_an_earlier_one() {
    let scratch = Scratch::new("stale");
    scratch.ekmcheck(&with(&with(&ONE, &FAULT), &["--report", "r"])).ends_with(1);
    scratch.write("r/notes.txt", "mine");
    assert_eq!(names(&scratch, "r").len(), 10);
    scratch.ekmcheck(&with(&ONE, &["--report", "r", "--output", "badge"])).ends_with(0);
    assert_eq!(names(&scratch, "r"), ["badge.svg", "notes.txt", "report.json", "transcripts.ndjson"]);
    assert_eq!(scratch.read("r/transcripts.ndjson"), "", "of a run in which nothing failed");

    // Beside no result of ours such a name is somebody's.
    fs::create_dir(scratch.0.join("theirs")).unwrap();
    for result in ["", "{}", "{\"tests\": 3}"] {
        scratch.write("theirs/junit.xml", "theirs");
        scratch.write("theirs/report.json", result);
        scratch.ekmcheck(&with(&ONE, &["--report", "theirs", "--output", "none"])).ends_with(0);
        assert_eq!(scratch.read("theirs/junit.xml"), "theirs");
        fs::remove_file(scratch.0.join("theirs/report.json")).unwrap();
    }
}

#[test]
fn the_whole_of_a_run_is_not_shown_by_the_page_of_a_part() {
    let scratch = Scratch::new("merged");
    for shard in ["1/2", "2/2"] {
        let report = &shard[..1];
        scratch.ekmcheck(&with(&ONE, &["--filter", "rs.typ.jwt", "--shard", shard, "--report", report])).ends_with(0);
    }
    scratch.ekmcheck(&["merge", "1/report.json", "2/report.json", "--report", "1"]).ends_with(0);
    assert_eq!(names(&scratch, "1"), ["report.json", "transcripts.ndjson"]);
}

#[test]
fn a_run_that_comes_to_nothing_leaves_no_earlier_verdict_and_loses_none() {
    let scratch = Scratch::new("early");
    scratch.ekmcheck(&["init", "resource-server", "--dir", "b", "--name", "127.0.0.1"]).ends_with(0);
    // Nothing listens there.
    scratch.write("b/plan.toml", scratch.read("b/plan.toml").replace("127.0.0.1:8443", "127.0.0.1:1"));
    scratch.ekmcheck(&with(&ONE, &["--report", "r"])).ends_with(0);
    scratch.write("r/notes.txt", "mine");
    let before = names(&scratch, "r");

    // What is wrong with the arguments says nothing of the subject.
    scratch.ekmcheck(&["run", "b/plan.toml", "--report", "r", "--tag", "no-such-tag"]).ends_with(2);
    scratch.ekmcheck(&["run", "b/plam.toml", "--report", "r"]).ends_with(2);
    assert_eq!(names(&scratch, "r"), before);

    let done = scratch.ekmcheck(&["run", "b/plan.toml", "--report", "r"]).ends_with(2);
    done.says(&["what an earlier run left in r is in r/earlier now"]);
    assert_eq!(names(&scratch, "r"), ["earlier", "notes.txt"]);
    for file in FORMATS.iter().chain(&["report.json", "transcripts.ndjson"]) {
        assert!(scratch.0.join("r/earlier").join(file).exists(), "{file}");
    }
    let earlier: Value = scratch.json("r/earlier/report.json");
    assert_eq!(earlier["conclusion"], "conformant");
    // Again, with nothing there to be set aside.
    scratch.ekmcheck(&["run", "b/plan.toml", "--report", "r"]).ends_with(2);
    assert_eq!(scratch.json("r/earlier/report.json"), earlier);

    // What the run is made of is needed once more.
    scratch.ekmcheck(&with(&with(&ONE, &FAULT), &["--report", "again"])).ends_with(1);
    let before = names(&scratch, "again");
    let again = ["run", "b/plan.toml", "--rerun-failed", "again/report.json", "--report", "again"];
    scratch.ekmcheck(&again).ends_with(2);
    assert_eq!(names(&scratch, "again"), before);
}

#[test]
fn what_a_shell_puts_in_the_place_of_a_file_is_read() {
    let scratch = Scratch::new("shell");
    if Command::new("bash").arg("-c").arg("true").status().is_err() {
        println!("not tried: no bash here");
        return;
    }
    scratch.ekmcheck(&with(&ONE, &["--report", "r"])).ends_with(0);
    let shell = |line: &str| {
        let line = line.replace("ekmcheck", env!("CARGO_BIN_EXE_ekmcheck"));
        let output = Command::new("bash").args(["-c", &line]).current_dir(&scratch.0).output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Done { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    };
    shell("ekmcheck diff <(cat r/report.json) r/report.json").ends_with(0);
    shell("ekmcheck ambiguities --report /dev/stdin < <(cat r/report.json)").ends_with(0);
    shell("ekmcheck diff <(yes) r/report.json").ends_with(2).says(&["more than the 8388608 octets", "mend:"]);
    shell("yes | ekmcheck proof inspect -").ends_with(2).says(&["PROOF: standard input: has more than the 1048576"]);
    shell("ekmcheck proof inspect - < /dev/zero").ends_with(2).says(&["PROOF: standard input: has more than"]);
    // A plan is beside what it names.
    shell("ekmcheck check-plan <(true)").ends_with(2).says(&["a pipe, and a file is wanted"]);
}
