use std::fs;

use super::*;

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
