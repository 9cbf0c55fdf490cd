use std::{collections::BTreeSet, fs};

use clap::{Command, CommandFactory as _, builder::ValueParser};
use serde_json::Value;

use super::*;
use crate::args::Cli;

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ekmcheck-cli-files-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn said<T>(done: Result<T, Trouble>) -> String {
    done.map(drop).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_name_and_what_helps() {
    let folder = Folder::new("told");
    let path = folder.0.join("report.json");
    let read = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        said(json::<serde_json::Value>(&path, &REPORT))
    };
    for (content, what) in [
        (&b""[..], "EOF"),
        (b"\xff", "line 1 is not UTF-8"),
        (&[b'['; 100_000], "recursion limit"),
        (format!("[0{}]", ",0".repeat(MANY)).as_bytes(), "more than the 300000 values"),
        (&[b' '; 8 << 20], "EOF"),
        (&[b' '; (8 << 20) + 1], "more than the 8388608 octets"),
    ] {
        let told = read(content);
        let begin = format!("{}: ", path.display());
        assert!(told.starts_with(&begin) && told.contains(what) && told.contains("\n  mend: give the rep"), "{told}");
    }
}

#[test]
fn a_word_of_a_file_is_not_repeated_by_the_megabyte() {
    let folder = Folder::new("word");
    let path = folder.0.join("campaign.json");
    fs::write(&path, format!("\"{}\"", "x".repeat(1_000_000))).unwrap();
    let told = said(json::<bool>(&path, &CAMPAIGN));
    assert!(told.len() < 1_000 && told.contains("(1000"), "{} octets", told.len());
}

#[cfg(unix)]
#[test]
fn a_folder_that_never_ends_is_left() {
    let folder = Folder::new("below");
    let below = |name: &str| below(&folder.0.join(name), |path| path.extension().is_some_and(|e| e == "json"));
    fs::create_dir_all(folder.0.join("good/b")).unwrap();
    for file in ["good/z.json", "good/b/a.json", "good/b/a.md"] {
        fs::write(folder.0.join(file), "").unwrap();
    }
    std::os::unix::fs::symlink("b", folder.0.join("good/same")).unwrap();
    let names = ["good/b/a.json", "good/same/a.json", "good/z.json"].map(|name| folder.0.join(name));
    assert_eq!(below("good").unwrap(), names, "a link to a folder beside is followed");

    std::os::unix::fs::symlink("../good", folder.0.join("good/again")).unwrap();
    assert!(said(below("good")).contains("again: a link to a folder that it stands in"));
    let deep = (0..30).map(|n| n.to_string()).collect::<PathBuf>();
    fs::create_dir_all(folder.0.join("deep").join(deep)).unwrap();
    assert!(said(below("deep")).contains("folders deep"));
    fs::create_dir(folder.0.join("many")).unwrap();
    for n in 0..=FOLDER.0 {
        fs::write(folder.0.join("many").join(n.to_string()), "").unwrap();
    }
    assert!(said(below("many")).contains("more than 20000 files"));
}

/// Every kind of file, as the table of what commands read calls it.
const KINDS: [(&str, &Kind); 12] = [
    ("plan", &PLAN),
    ("baseline", &BASELINE),
    ("report", &REPORT),
    ("transcripts", &TRANSCRIPTS),
    ("campaign", &CAMPAIGN),
    ("bench", &BENCH),
    ("mutant", &MUTANT),
    ("vector", &VECTOR),
    ("scenario", &SCENARIO),
    ("bundle", &BUNDLE),
    ("pem", &PEM),
    ("proof", &PROOF),
];

/// The arguments of a command and of those below it that are paths, each behind the name of its command.
fn paths(command: &Command, name: &str, out: &mut BTreeSet<(String, String)>) {
    let path = ValueParser::path_buf().type_id();
    for argument in command.get_arguments().filter(|a| a.get_value_parser().type_id() == path) {
        out.insert((name.to_owned(), argument.get_id().to_string()));
    }
    for below in command.get_subcommands() {
        paths(below, format!("{name} {}", below.get_name()).trim_start(), out);
    }
}

/// Who adds an argument or a kind of file adds it to what `tests/inputs.rs` tries.
#[test]
fn whatever_is_read_or_written_is_in_the_table() {
    let table: Value = serde_json::from_str(include_str!("../../tests/inputs/table.json")).unwrap();
    let rows = || table.as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap());
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let tried: BTreeSet<_> = rows().map(|row| (text(row, "command"), text(row, "argument"))).collect();
    let mut all = BTreeSet::new();
    paths(&Cli::command(), "", &mut all);
    // Without a command it is `run`.
    let (whole, of_run): (BTreeSet<_>, _) = all.into_iter().partition(|(command, _)| !command.is_empty());
    let mut of_run = of_run.into_iter().map(|(_, argument)| ("run".to_owned(), argument));
    assert!(of_run.all(|argument| whole.contains(&argument)));
    assert!(whole.len() > 40, "{whole:?}");
    let missing: Vec<_> = whole.difference(&tried).collect();
    assert!(missing.is_empty(), "not in tests/inputs/table.json: {missing:?}");
    // What is no path may come on standard input.
    let unknown: Vec<_> =
        tried.difference(&whole).filter(|(_, argument)| !["proof", "stdin"].contains(&argument.as_str())).collect();
    assert!(unknown.is_empty(), "no such argument: {unknown:?}");

    let kinds: BTreeSet<_> = rows().map(|row| text(row, "kind")).filter(|kind| !kind.is_empty()).collect();
    // Those are read by others: the reference server, the adapter, and a comparison with what is made.
    let others = ["introspection", "questions", "vectors"];
    let known: BTreeSet<_> = KINDS.iter().map(|(name, _)| *name).chain(others).collect();
    assert_eq!(kinds.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
    assert_eq!(include_str!("../files.rs").matches(": Kind =").count(), KINDS.len(), "every kind stands here");
}

/// The suite's own files are nowhere near the limits.
#[test]
fn limits_leave_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (folder, kind) in [("scenarios", &SCENARIO), ("vectors", &VECTOR)] {
        let files = below(&root.join(folder), |path| path.extension().is_some_and(|e| e == "json")).unwrap();
        assert!(files.len() > 400 && files.len() < FOLDER.0 / 10, "{folder}: {}", files.len());
        for file in files {
            let text = text(&file, kind).unwrap();
            assert!(text.len() as u64 <= kind.most / 2, "{}", file.display());
            let counted = Kind { values: kind.values / 2, ..*kind };
            assert_eq!(within(&text, &counted), Ok(()), "{}", file.display());
        }
    }
    for (name, kind) in KINDS {
        assert!(kind.most <= 24 * MIB && !kind.mend.is_empty(), "{name}");
    }
}
