//! The command as a person or a script uses it: the built binary, what it prints, what it leaves and how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the test's own, where the command runs; gone when the test succeeds.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        // The number of the process keeps two runs of the tests apart.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{test}", std::process::id()));
        assert!(!path.exists(), "{} is in use", path.display());
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Copies a folder of the repository, and returns the copy.
    fn copy(&self, folder: &str) -> PathBuf {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
                let to = to.join(entry.file_name());
                if entry.path().is_dir() {
                    copy(&entry.path(), &to);
                } else {
                    fs::write(to, fs::read(entry.path()).unwrap()).unwrap();
                }
            }
        }
        let to = self.0.join(folder);
        copy(&root().join(folder), &to);
        to
    }

    fn ekmcheck(&self, arguments: &[&str]) -> Done {
        ekmcheck(&self.0, arguments)
    }

    /// Runs with the report in `report`, and reads it.
    fn run(&self, arguments: &[&str]) -> (Done, Value) {
        let done = self.ekmcheck(&[arguments, &["--report", "report"]].concat());
        (done, json(&self.0.join("report/report.json")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What cannot be removed does no harm.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// How the command ended.
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Done {
    #[track_caller]
    fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Every part stands in what was printed, on whichever stream.
    #[track_caller]
    fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.out.contains(part) || self.err.contains(part),
                "no {part:?} in\n{}\nstderr:\n{}",
                self.out,
                self.err
            );
        }
        self
    }
}

fn ekmcheck(folder: &Path, arguments: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekmcheck"));
    let output = command.current_dir(folder).env("NO_COLOR", "1").args(arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Done { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

fn cases(report: &Value) -> &[Value] {
    report["cases"].as_array().unwrap()
}

/// What must be the same when the same is played again.
fn verdicts(report: &Value) -> Vec<[&str; 4]> {
    cases(report).iter().map(|case| ["id", "transport", "verdict", "seen"].map(|m| case[m].as_str().unwrap())).collect()
}

/// The cases that did not come to the same in two runs, or were not the same.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let (one, other) = (verdicts(one), verdicts(other));
    assert_eq!(one.len(), other.len());
    one.iter().zip(&other).filter(|(a, b)| a != b).map(|(a, b)| format!("{a:?} against {b:?}")).collect()
}

#[track_caller]
fn assert_fits(schema: &str, value: &Value) {
    let validator = jsonschema::validator_for(&json(&root().join("scenarios/schema").join(schema))).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{schema}: {faults:?}");
}

#[track_caller]
fn assert_has<'a>(value: &Value, members: impl IntoIterator<Item = &'a str>) {
    for member in members {
        assert!(value.get(member).is_some(), "no {member} in {value}");
    }
}

/// What the figures promise: nothing applicable is left out of the sum.
#[track_caller]
fn assert_adds_up(report: &Value) {
    let count = |name: &str| report["counts"][name].as_u64().unwrap_or_else(|| panic!("no {name}"));
    let sum = |names: &[&str]| names.iter().map(|n| count(n)).sum::<u64>();
    assert_eq!(count("applicable"), sum(&["executed", "not_testable", "not_executed"]));
    assert_eq!(count("executed"), sum(&["passed", "failed", "warned", "observed", "inconclusive", "errors"]));
    assert_eq!(count("executed") + count("not_testable"), cases(report).len() as u64);
}

#[test]
fn the_reference_conforms_and_the_report_says_so() {
    let scratch = Scratch::new("reference");
    let (done, report) = scratch.run(&["run", "--filter", "rs.exporter"]);
    done.ends_with(0).says(&["conformant.", "report: report", "subject: reference"]);
    assert_fits("report.schema.json", &report);
    assert_has(&report, ["subject", "draft", "counts", "cases", "transports", "seed", "requirements", "conclusion"]);
    assert_has(
        &report["counts"],
        [
            "applicable",
            "executed",
            "passed",
            "failed",
            "warned",
            "observed",
            "inconclusive",
            "not_testable",
            "not_executed",
        ],
    );
    assert_adds_up(&report);
    assert!(report["counts"]["passed"].as_u64().unwrap() > 50);
    assert_eq!((&report["subject"], &report["conclusion"]), (&"reference".into(), &"conformant".into()));
    assert!(report["draft"].as_str().unwrap().ends_with("-06"));
    for case in cases(&report) {
        assert_has(
            case,
            ["id", "role", "transport", "verdict", "level", "basis", "requirements", "expected", "seen", "reason"],
        );
        assert!(case["id"].as_str().unwrap().starts_with("rs.exporter."), "{case}");
        assert!(!case["requirements"].as_array().unwrap().is_empty(), "{case}");
        assert_ne!(case["seen"], "", "{case}");
    }
}

#[test]
fn json_on_standard_output_is_the_report() {
    let scratch = Scratch::new("json");
    let (done, report) = scratch.run(&["run", "--filter", "rs.typ.jwt", "--format", "json"]);
    let done = done.ends_with(0);
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), report);
    assert_eq!(done.err, "");
    assert_eq!(cases(&report).len(), 5);
}

#[test]
fn the_whole_suite_passes_and_the_ledger_is_what_it_emitted() {
    let scratch = Scratch::new("whole");
    let (done, first) = scratch.run(&[]);
    done.ends_with(0).says(&["conformant.", "failed 0"]);
    assert_fits("report.schema.json", &first);
    assert_adds_up(&first);
    for none in ["failed", "warned", "inconclusive", "errors", "not_testable", "not_executed"] {
        assert_eq!(first["counts"][none], 0, "{none}");
    }
    assert_eq!(rows_of(&first), due_rows(), "rows that the run emitted, and rows that are due and not excluded");
}

/// The rows of the catalogue that a run emitted a verdict for.
fn rows_of(report: &Value) -> BTreeSet<String> {
    let rows = cases(report).iter().flat_map(|c| c["rows"].as_array().unwrap().clone());
    rows.map(|r| r.as_str().unwrap().to_owned()).collect()
}

/// The rows of the ledger, without those that it excludes.
fn due_rows() -> BTreeSet<String> {
    let ledger = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/requirements.json");
    let ledger: Value = serde_json::from_str(&fs::read_to_string(ledger).unwrap()).unwrap();
    let all = ledger["rows"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned());
    let excluded = ledger["excluded"].as_array().unwrap().iter().map(|e| e["row"].as_str().unwrap().to_owned());
    let excluded: BTreeSet<String> = excluded.collect();
    all.filter(|row| !excluded.contains(row)).collect()
}

#[test]
fn neither_the_seed_nor_the_number_of_jobs_changes_a_verdict() {
    let scratch = Scratch::new("jobs");
    let filters = ["run", "--filter", "rs.cache", "--filter", "rs.replay.*", "--filter", "rs.jti.first-use"];
    let run = |more: &[&str]| {
        let (done, report) = scratch.run(&[&filters, more].concat());
        done.ends_with(0);
        report
    };
    let usual = run(&[]);
    let other = run(&["--jobs", "1", "--seed", "99"]);
    assert_eq!((&usual["seed"], &other["seed"]), (&1.into(), &99.into()));
    assert!(cases(&usual).len() > 60, "{}", cases(&usual).len());
    assert_eq!(differences(&usual, &other), Vec::<String>::new());
}

#[test]
fn a_failure_names_the_requirement_and_the_line_that_replays_it() {
    let scratch = Scratch::new("failure");
    let (done, report) = scratch.run(&["run", "--subject", "fault:ekm-unchecked", "--filter", "rs.exporter.random"]);
    let done = done.ends_with(1).says(&[
        "broken  rs.exporter-match  3.3.2 5f",
        "ekm is the exporter value of this connection.",
        "rs.exporter.random on tls13-h1",
        "expected  refused 401 invalid_proof",
        "seen      warm: 200 x3; cold: 200 x2",
        "accepted what it must refuse",
        "not conformant.",
    ]);
    assert_eq!(report["counts"]["failed"], 5);
    assert_adds_up(&report);
    let again = done.out.lines().find_map(|l| l.trim().strip_prefix("again")).unwrap();
    let words: Vec<&str> = again.split_whitespace().collect();
    let Some(("ekmcheck", arguments)) = words.split_first().map(|(first, rest)| (*first, rest)) else {
        panic!("{again}")
    };
    let again = scratch.ekmcheck(arguments).ends_with(1).says(&["broken  rs.exporter-match", "1 cases"]);
    assert!(!again.out.contains("tls13-h2"), "the line names one transport:\n{}", again.out);
    // Without --report, the report goes to the usual place.
    assert_eq!(json(&scratch.0.join("ekmcheck-report/report.json"))["counts"]["failed"], 1);
}

#[test]
fn warnings_count_only_where_strictness_is_asked_for() {
    let scratch = Scratch::new("strict");
    let run = ["run", "--subject", "fault:thumbprint-padded", "--filter", "rs.confirmation.padded"];
    let (done, report) = scratch.run(&run);
    done.ends_with(0).says(&["not met  rs.", "conformant, with warnings."]);
    assert_eq!((&report["counts"]["failed"], &report["counts"]["warned"]), (&0.into(), &5.into()));
    scratch.run(&[&run[..], &["--strict"]].concat()).0.ends_with(1);
}

#[test]
fn what_selects_nothing_is_no_success() {
    let scratch = Scratch::new("empty");
    let (done, report) = scratch.run(&["run", "--filter", "rs.exporter.randon"]);
    done.ends_with(3).says(&[
        "incomplete: nothing was played.",
        "did you mean \"rs.exporter.random\"?",
        "ekmcheck list",
    ]);
    assert_eq!((&report["conclusion"], &report["counts"]["applicable"]), (&"incomplete".into(), &0.into()));
    // A case that does not apply to the transport is not played either.
    scratch.run(&["run", "--filter", "rs.exporter.no-context", "--transport", "tls13-h1"]).0.ends_with(3);
    // Beside another one, a pattern without a case is at least told.
    let (done, _) = scratch.run(&["run", "--filter", "rs.typ.jwt", "--filter", "rs.typ.jtw"]);
    done.ends_with(0).says(&["no case matches \"rs.typ.jtw\"; did you mean \"rs.typ.jwt\"?"]);
}

#[test]
fn a_mistake_in_the_arguments_ends_with_2_and_a_hint() {
    let scratch = Scratch::new("usage");
    for (arguments, hint) in [
        (&["run", "--subject", "fault:ekm-uncheked"][..], "did you mean \"ekm-unchecked\"?"),
        (&["run", "--subject", "variation:no-cahce"], "did you mean \"no-cache\"?"),
        (&["run", "--subject", "refrence"], "`reference`, `fault:NAME`, `fault:NAME+NAME`, `variation:NAME` or a URL"),
        (&["run", "--subject", "fault"], "`reference`, `fault:NAME`, `fault:NAME+NAME`, `variation:NAME` or a URL"),
        (&["run", "--transport", "tls13h1"], "tls13-h1, tls13-h2, tls12-h1, tls12-h2"),
        (&["run", "--format", "hmuan"], "a similar value exists: 'human'"),
        (&["run", "--fliter", "x"], "a similar argument exists: '--filter'"),
        (&["run", "--jobs", "0"], "'--jobs <N>'"),
        (&["run", "--seed", "one"], "'--seed <SEED>'"),
        (&["--subject", "reference", "run"], "--subject"),
        (&["list", "cas"], "a similar value exists: 'cases'"),
        (&["list", "cases", "--fromat", "json"], "a similar argument exists: '--format'"),
        (&["schema", "cas"], "a similar value exists: 'case'"),
        (&["selftest", "--falt", "x"], "a similar argument exists: '--fault'"),
        (&["selftest", "--fault", "ekm-unchecked", "--fault", "ekm-uncheked"], "did you mean \"ekm-unchecked\"?"),
        (&["selftest", "--fault", "nothing-like-it"], "there is no fault \"nothing-like-it\""),
        (&["show", "rs.exporter.randon"], "did you mean \"rs.exporter.random\"?"),
        (&["show", "nothing-like-it"], "ekmcheck list"),
        (&["completions", "bsh"], "a similar value exists: 'bash'"),
        (&["vectors"], "check"),
        (&["vectors", "check", "not-there"], "not-there"),
        (&["run", "--scenarios", "not-there"], "not-there"),
        (&["rnu"], "COMMAND"),
    ] {
        let done = scratch.ekmcheck(arguments).ends_with(2).says(&[hint]);
        assert_eq!(done.out, "", "{arguments:?}: complaints go to standard error");
    }
    assert!(fs::read_dir(&scratch.0).unwrap().next().is_none(), "a mistake leaves no report behind");
}

#[test]
fn a_report_that_cannot_be_written_is_named() {
    let scratch = Scratch::new("unwritable");
    fs::write(scratch.0.join("file"), "").unwrap();
    fs::create_dir_all(scratch.0.join("folder/report.json")).unwrap();
    fs::create_dir_all(scratch.0.join("folder/kill-matrix.json")).unwrap();
    for report in ["file", "file/below", "folder"] {
        let path = Path::new(report).join("report.json");
        let done = scratch.ekmcheck(&["run", "--report", report]).ends_with(2).says(&[path.to_str().unwrap()]);
        assert_eq!(done.out, "", "found out before anything was played");
    }
    scratch.ekmcheck(&["selftest", "--report", "folder"]).ends_with(2).says(&["kill-matrix.json"]);
}

#[test]
fn a_broken_case_file_is_named_with_line_and_mend() {
    let scratch = Scratch::new("broken");
    let folder = scratch.copy("scenarios");
    scratch.ekmcheck(&["run", "--scenarios", "scenarios", "--filter", "rs.typ.jwt", "--report", "r"]).ends_with(0);
    let run = || scratch.ekmcheck(&["run", "--scenarios", "scenarios", "--filter", "rs.typ.jwt", "--report", "r"]);
    let path = |name: &str| folder.join("resource-server/typ").join(name);
    let edit = |name: &str, from: &str, to: &str| {
        let path = path(name);
        let right = fs::read_to_string(&path).unwrap();
        assert!(right.contains(from), "{name}: {right}");
        fs::write(&path, right.replacen(from, to, 1)).unwrap();
        move || fs::write(path, right).unwrap()
    };
    for (from, to, line, what, mend) in [
        ("\"title\":", "\"title\"", 4, "expected `:`", "well-formed JSON"),
        ("\"title\"", "\"titel\"", 4, "unknown field `titel`", "did you mean \"title\"?"),
        ("\"MUST\"", "\"MUS\"", 5, "unknown variant `MUS`", "did you mean \"MUST\"?"),
        ("\"typ-jwt\"", "\"typ-jtw\"", 9, "unknown alteration \"typ-jtw\"", "did you mean \"typ-jwt\"?"),
        ("[\"rs.typ\"]", "[\"rs.tpy\"]", 8, "unknown requirement \"rs.tpy\"", "did you mean \"rs.typ\"?"),
        ("[\"rs.typ\"]", "[]", 8, "no requirement", "name at least one"),
        ("  \"requirements\": [\"rs.typ\"],\n", "", 10, "missing field `requirements`", "add \"requirements\""),
        ("\"check\": \"typ\"", "\"check\": \"typp\"", 10, "unknown check \"typp\"", "did you mean \"typ\"?"),
        ("\"rs.typ.jwt\"", "\"rs.typ.other\"", 2, "does not fit the file's place", "\"rs.typ.jwt\""),
    ] {
        let mended = edit("jwt.json", from, to);
        let place = format!("typ/jwt.json:{line}:");
        let done = run().ends_with(2).says(&[&place, what, mend, "mend:"]);
        assert_eq!(done.err.matches("error:").count(), 1, "{}", done.err);
        mended();
    }
    // Every broken file is told, in order, whatever was selected.
    let mended = [edit("wpt.json", "typ-wpt", "typ-wtp"), edit("dpop.json", "}}", "}")];
    let done = run().ends_with(2).says(&["typ/wpt.json:9:", "typ/dpop.json:", "did you mean \"typ-wpt\"?"]);
    assert_eq!(done.err.matches("error:").count(), 2, "{}", done.err);
    assert!(done.err.find("dpop.json") < done.err.find("wpt.json"), "{}", done.err);
    mended.into_iter().for_each(|mend| mend());
    // A case in no role's folder would silently not be played.
    fs::create_dir(folder.join("resource-sever")).unwrap();
    fs::rename(path("jwt.json"), folder.join("resource-sever/jwt.json")).unwrap();
    run().ends_with(2).says(&["resource-sever/jwt.json", "mend: move it to resource-server/"]);
    // One of a role that nobody plays yet would be played as a resource server's.
    fs::rename(folder.join("resource-sever"), folder.join("client")).unwrap();
    run().ends_with(2).says(&["client/jwt.json", "whose cases can be played"]);
    fs::remove_dir_all(folder.join("client")).unwrap();
    fs::write(folder.join("requirements.json"), "{\n  \"requirements\": 7}").unwrap();
    run().ends_with(2).says(&["requirements.json:2:", "mend:"]);
    fs::remove_file(folder.join("requirements.json")).unwrap();
    run().ends_with(2).says(&["no requirements.json in scenarios"]);
}

#[test]
fn a_wrong_exporter_value_is_called_by_its_name() {
    const MISTAKE: &str = "the value exported with no context";
    let scratch = Scratch::new("mistake");
    let (done, report) = scratch.run(&["run", "--filter", "rs.exporter.no-context"]);
    done.ends_with(0);
    let transports: Vec<_> = cases(&report).iter().map(|c| c["transport"].as_str().unwrap()).collect();
    assert_eq!(transports, ["tls12-h1", "tls12-h2"], "in TLS 1.3 it is the right value");
    for case in cases(&report) {
        assert_eq!(case["verdict"], "pass");
        assert!(case["reason"].as_str().unwrap().contains(MISTAKE), "{case}");
    }
    let subject = ["run", "--subject", "fault:exports-without-context", "--transport", "tls12-h1"];
    let (done, report) = scratch.run(&[&subject[..], &["--filter", "rs.exporter.no-context"]].concat());
    done.ends_with(1).says(&[MISTAKE, "the subject seems to make this very mistake"]);
    let [case] = cases(&report) else { panic!("{report}") };
    assert_eq!(case["verdict"], "fail");
    let reason = case["reason"].as_str().unwrap();
    assert!(reason.contains(MISTAKE) && reason.contains("seems to make this very mistake"), "{reason}");
}

#[test]
fn every_row_of_the_catalogue_is_covered_excluded_or_pending() {
    let scratch = Scratch::new("catalogue");
    let list = scratch.ekmcheck(&["list", "rows", "--format", "json"]).ends_with(0);
    let rows: Vec<Value> = serde_json::from_str(&list.out).unwrap();
    let mut counts = BTreeMap::new();
    for row in &rows {
        *counts.entry(row["state"].as_str().unwrap()).or_insert(0) += 1;
        let has_cases = !row["cases"].as_array().unwrap().is_empty();
        assert_eq!(row["state"] == "covered", has_cases, "{row}");
    }
    // Of 630 in all: 414 of resource servers, 58 of clients, 39 of sidecars, 58 of authorization servers, 46 of libraries, and 15
    // of the suite itself.
    let expected = [("by vectors", 46), ("covered", 367), ("excluded", 15), ("of the suite", 15), ("pending", 187)];
    assert_eq!(counts, BTreeMap::from(expected));
    for (prefix, number) in [("RS-", 414), ("CL-", 58), ("SC-", 39), ("AS-", 58), ("LIB-", 46), ("HX", 15)] {
        assert_eq!(rows.iter().filter(|r| r["id"].as_str().unwrap().starts_with(prefix)).count(), number, "{prefix}");
    }
}

#[test]
fn every_list_for_people_and_for_programs() {
    let scratch = Scratch::new("list");
    for (what, least, known) in [
        ("cases", 200, "rs.exporter.random"),
        ("requirements", 30, "rs.exporter-match"),
        ("rows", 630, "RS-D12"),
        ("alterations", 150, "ekm-random"),
        ("faults", 100, "ekm-unchecked"),
        ("variations", 5, "no-cache"),
    ] {
        let human = scratch.ekmcheck(&["list", what]).ends_with(0);
        let json = scratch.ekmcheck(&["list", what, "--format", "json"]).ends_with(0);
        let list: Vec<Value> = serde_json::from_str(&json.out).unwrap();
        let ids: BTreeSet<&str> = list.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        assert!(ids.len() >= least && ids.contains(known), "{what}: {ids:?}");
        assert_eq!(ids.len(), list.len(), "{what}: an id twice");
        let lines: BTreeSet<&str> = human.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(lines, ids, "{what}");
        for (line, entry) in human.out.lines().zip(&list) {
            assert!(line.split_whitespace().count() > 1, "{what} says nothing of {entry}");
        }
    }
    assert_eq!(scratch.ekmcheck(&["list"]).out, scratch.ekmcheck(&["list", "cases"]).out);
    let some = scratch.ekmcheck(&["list", "--filter", "rs.typ.*"]).ends_with(0);
    assert!(some.out.lines().count() > 5 && some.out.lines().all(|l| l.starts_with("rs.typ.")), "{}", some.out);
}

#[test]
fn a_case_is_shown_with_all_that_concerns_it() {
    let scratch = Scratch::new("show");
    let done = scratch.ekmcheck(&["show", "rs.exporter.random"]).ends_with(0).says(&[
        "An arbitrary exporter value is refused",
        "RS-D12",
        "3.3.2 5f",
        "ekm is the exporter value of this connection.",
        "proof.claims.ekm",
        "warm",
        "ekm-unchecked",
    ]);
    // The last part is the file itself, for whoever wants to copy it.
    let file: Value = serde_json::from_str(&done.out[done.out.find("{\n").unwrap()..]).unwrap();
    assert_eq!(file, json(&root().join("scenarios/resource-server/exporter/random.json")));
}

#[test]
fn schemas_are_those_of_the_files() {
    let scratch = Scratch::new("schema");
    for (format, path) in [
        ("case", "scenarios/schema/case.schema.json"),
        ("requirements", "scenarios/schema/requirements.schema.json"),
        ("report", "scenarios/schema/report.schema.json"),
        ("transcript", "scenarios/schema/transcript.schema.json"),
        ("vector", "vectors/schema/vector.schema.json"),
        ("exporter-answer", "vectors/schema/exporter.schema.json"),
        ("bundle", "vectors/schema/bundle.schema.json"),
    ] {
        let printed = scratch.ekmcheck(&["schema", format]).ends_with(0).out;
        assert!(printed == fs::read_to_string(root().join(path)).unwrap(), "{path} is not what is printed");
    }
}

#[test]
fn completions_know_the_commands() {
    let scratch = Scratch::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        scratch.ekmcheck(&["completions", shell]).ends_with(0).says(&["ekmcheck", "selftest", "transport"]);
    }
}

#[test]
fn vectors_are_checked_to_the_last_octet() {
    ekmcheck(&root(), &["vectors", "check"]).ends_with(0).says(&["0 files not as they should be"]);
    let scratch = Scratch::new("vectors");
    let folder = scratch.copy("vectors");
    scratch.ekmcheck(&["vectors", "check"]).ends_with(0);

    let vector = folder.join("valid/es256-p256.json");
    let right = fs::read(&vector).unwrap();
    let mut wrong = right.clone();
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    fs::write(&vector, wrong).unwrap();
    let done =
        scratch.ekmcheck(&["vectors", "check"]).ends_with(1).says(&["valid/es256-p256.json: differs", "1 files not"]);
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
    fs::remove_file(&vector).unwrap();
    scratch.ekmcheck(&["vectors", "check"]).ends_with(1).says(&["valid/es256-p256.json"]);
    // What is written is what is checked.
    scratch.ekmcheck(&["vectors", "write"]).ends_with(0);
    assert!(fs::read(&vector).unwrap() == right);

    fs::create_dir_all(folder.join("valid/deeper")).unwrap();
    for extra in ["valid/extra.json", "valid/deeper/extra.json", "schema/extra.json", "extra.json"] {
        fs::write(folder.join(extra), "{}").unwrap();
        scratch.ekmcheck(&["vectors", "check"]).ends_with(1).says(&[extra, "is not made by anything"]);
        fs::remove_file(folder.join(extra)).unwrap();
    }
    scratch.ekmcheck(&["vectors", "check", folder.to_str().unwrap()]).ends_with(0);
}

#[test]
fn vectors_are_listed_shown_and_bundled() {
    let scratch = Scratch::new("vectors-shown");
    let all = scratch.ekmcheck(&["vectors", "list", "--format", "json"]).ends_with(0).out;
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert!(all.len() > 700, "{}", all.len());
    for (arguments, ids) in [
        (&["--filter", "ekm/ekm-missing"][..], &["ekm/ekm-missing"][..]),
        (&["--filter", "exporter/tls13-*-early"], &["exporter/tls13-sha256-early", "exporter/tls13-sha384-early"]),
        (&["--flag", "nesting", "--filter", "format"], &["format/payload-nested-deeply"]),
    ] {
        let listed = scratch.ekmcheck(&[&["vectors", "list", "--format", "json"], arguments].concat()).ends_with(0).out;
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    }
    scratch.ekmcheck(&["vectors", "list", "--filter", "alg/hmac"]).ends_with(0).says(&["alg/hmac-empty", "refuse"]);
    scratch.ekmcheck(&["vectors", "list", "--filter", "nothing-like-it"]).ends_with(2).says(&["fits no vector"]);
    scratch.ekmcheck(&["vectors", "list", "--flag", "alg-nome"]).ends_with(2).says(&["did you mean \"alg-none\"?"]);

    let shown = scratch.ekmcheck(&["vectors", "show", "swap/dpop-proof"]).ends_with(0);
    shown.says(&["refuse, by typ, x5t, ekm", "RFC 8725 3.12", "dpop+jwt", "refuses: typ", "cross-jwt-confusion"]);
    let shown = scratch.ekmcheck(&["vectors", "show", "exporter/tls12-sha256-no-context"]).ends_with(0);
    shown.says(&["context       none", "8de397b99601cf4a", "right         no"]);
    scratch.ekmcheck(&["vectors", "show", "ekm/ekm-mising"]).ends_with(2).says(&["did you mean \"ekm/ekm-missing\"?"]);
    for id in ["format/nul-in-signature", "format/carriage-return-in-signature"] {
        // Whatever is in a vector, a terminal gets lines of text.
        let out = scratch.ekmcheck(&["vectors", "show", id]).ends_with(0).out;
        assert!(!out.contains(|c: char| c.is_control() && c != '\n'), "{id}");
    }

    let printed = scratch.ekmcheck(&["vectors", "bundle"]).ends_with(0).out;
    scratch.ekmcheck(&["vectors", "bundle", "--output", "out/vectors.json"]).ends_with(0).says(&["out/vectors.json"]);
    assert!(fs::read_to_string(scratch.0.join("out/vectors.json")).unwrap() == printed, "the file is what is printed");
    let bundle: Value = serde_json::from_str(&printed).unwrap();
    let schema: Value = serde_json::from_str(&scratch.ekmcheck(&["schema", "bundle"]).ends_with(0).out).unwrap();
    assert!(jsonschema::is_valid(&schema, &bundle));
    assert_eq!(bundle["vectors"].as_array().unwrap().len() + bundle["exporter"].as_array().unwrap().len(), all.len());
    let requirements = bundle["requirements"].as_array().unwrap();
    assert!(requirements.iter().any(|r| r["id"] == "rs.exporter-parameters" && r["text"].is_string()));
}

#[test]
fn the_selftest_writes_the_kill_matrix() {
    let scratch = Scratch::new("selftest");
    scratch
        .ekmcheck(&["selftest", "--fault", "ekm-unchecked", "--report", "matrix"])
        .ends_with(0)
        .says(&["1 of 1 faults caught", "kill-matrix.json"]);
    let matrix = json(&scratch.0.join("matrix/kill-matrix.json"));
    assert_eq!(matrix["findings"], Value::Array(Vec::new()));
    let [fault] = matrix["faults"].as_array().unwrap().as_slice() else { panic!("{}", matrix["faults"]) };
    assert_eq!((&fault["name"], &fault["conclusion"]), (&"ekm-unchecked".into(), &"not-conformant".into()));
    let list =
        |name: &str| -> BTreeSet<&str> { fault[name].as_array().unwrap().iter().filter_map(Value::as_str).collect() };
    assert!(list("named").contains("rs.exporter.random"), "{fault}");
    assert!(list("named").is_subset(&list("caught_by")), "{fault}");
    assert_eq!(matrix["cases"]["rs.exporter.random"], Value::from(vec!["ekm-unchecked"]));
    assert_eq!(matrix["cases"]["rs.accept.valid"], Value::Array(Vec::new()), "a right request tells nothing here");
}

#[test]
fn a_failing_run_leaves_transcripts_and_no_secret() {
    let scratch = Scratch::new("secrets");
    let filters =
        ["--filter", "rs.exporter", "--filter", "rs.replay", "--filter", "rs.token", "--filter", "rs.confusion"];
    let (done, report) = scratch.run(&[&["run", "--subject", "fault:ekm-unchecked"], &filters[..]].concat());
    let done = done.ends_with(1);
    let transcripts = fs::read_to_string(scratch.0.join("report/transcripts.ndjson")).unwrap();
    let failed: BTreeSet<&str> =
        cases(&report).iter().filter(|c| c["verdict"] == "fail").map(|c| c["id"].as_str().unwrap()).collect();
    assert!(failed.len() > 10, "{failed:?}");
    let mut told = BTreeSet::new();
    for line in transcripts.lines() {
        let transcript: Value = serde_json::from_str(line).unwrap();
        assert_fits("transcript.schema.json", &transcript);
        told.insert(transcript["case"].as_str().unwrap().to_owned());
    }
    assert!(failed.iter().all(|id| told.contains(*id)), "a failure without its transcript: {failed:?} {told:?}");
    let report = fs::read_to_string(scratch.0.join("report/report.json")).unwrap();
    for (name, text) in [("report", &report), ("transcripts", &transcripts), ("stdout", &done.out)] {
        // The beginning of every JWS: `{"` in base64url.
        assert!(!text.contains("eyJ"), "{name}: a token or a proof");
        assert!(!text.contains("PRIVATE KEY"), "{name}: a key");
    }
    // An exporter value is 32 octets: 43 characters, or 64 hexadecimal digits. Certificates' thumbprints are no secret.
    for line in transcripts.lines() {
        let transcript: Value = serde_json::from_str(line).unwrap();
        let mut texts = Vec::new();
        collect(&transcript, "", &mut texts);
        for (member, text) in texts.into_iter().filter(|(member, _)| *member != "certificate") {
            let longest = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').map(str::len).max();
            assert!(longest.unwrap_or(0) < 43, "{member}: {text}");
        }
    }
}

/// All strings with the names of their members.
fn collect<'a>(value: &'a Value, name: &'a str, out: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => out.push((name, text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, out)),
        Value::Object(members) => members.iter().for_each(|(name, value)| collect(value, name, out)),
        _ => {}
    }
}
