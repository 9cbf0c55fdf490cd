//! What a run leaves on disk, and the same made again from what was saved.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn scratch(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("reports-{}-{test}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

fn ekmcheck(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekmcheck"));
    let Output { status, stdout, stderr } = command.current_dir(folder).args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

const ALL: [&str; 9] = [
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
fn a_run_writes_all_and_what_is_saved_makes_them_again() {
    let folder = scratch("all");
    let run = ["run", "--filter", "rs.exporter.random", "--subject", "fault:ekm-unchecked", "--report", "out"];
    let (status, said) = ekmcheck(&folder, &run);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("report: out/report.html"), "{said}");
    let out = folder.join("out");
    assert_eq!(files(&out), set(&ALL));
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let first: Vec<String> = ALL.iter().map(|name| read(name)).collect();
    for name in &ALL[2..] {
        fs::remove_file(out.join(name)).unwrap();
    }
    let (status, said) = ekmcheck(&folder, &["report", "out"]);
    assert_eq!(status, 0, "{said}");
    for (name, first) in ALL.iter().zip(first) {
        assert!(read(name) == first, "{name} is another when it is made again");
    }
    let (status, _) = ekmcheck(&folder, &["report", "out/report.json", "--output", "html,junit", "--to", "elsewhere"]);
    assert_eq!((status, files(&folder.join("elsewhere"))), (0, set(&["junit.xml", "report.html"])));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_asked_for_is_what_is_written() {
    let folder = scratch("asked");
    let lines = |how: &str| {
        let run = ["run", "--filter", "rs.exporter.random", "--output", "none", "--transcripts", how, "--report", how];
        let (status, said) = ekmcheck(&folder, &run);
        assert_eq!(status, 0, "{said}");
        assert!(said.contains(&format!("report: {how}/report.json")), "{said}");
        assert_eq!(files(&folder.join(how)), set(&ALL[..2]));
        fs::read_to_string(folder.join(how).join(ALL[1])).unwrap().lines().count()
    };
    // Warm and cold on five transports, all passed.
    assert_eq!(["all", "problems", "none"].map(lines), [10, 0, 0]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_mistake_names_the_place_and_the_mend() {
    let folder = scratch("mistakes");
    let says = |arguments: &[&str], parts: &[&str]| {
        let (status, said) = ekmcheck(&folder, arguments);
        assert_eq!(status, 2, "{said}");
        assert!(parts.iter().all(|p| said.contains(p)), "{said}");
    };
    says(&["report"], &["ekmcheck-report", "mend: give the report.json"]);
    says(&["report", "--output", "pdf"], &["\"pdf\" is none of html, junit", "`none`"]);
    fs::write(folder.join("report.json"), "{\"nothing\": 1}").unwrap();
    says(&["report", "report.json"], &["report.json: unknown field `nothing`", "line 1", "mend"]);
    let (status, said) = ekmcheck(&folder, &["run", "--filter", "rs.exporter.random", "--report", "."]);
    assert_eq!(status, 0, "{said}");
    fs::write(folder.join("transcripts.ndjson"), "\n{}\n").unwrap();
    says(&["report", "."], &["transcripts.ndjson, line 2: missing field", "mend"]);
    fs::remove_dir_all(folder).unwrap();
}
