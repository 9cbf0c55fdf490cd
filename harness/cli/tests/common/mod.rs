//! What tests of the command have in common: a folder of their own, and how the command ended.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]
#![allow(dead_code, unreachable_pub, reason = "shared by tests, none of which uses all of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the test's own, where the command runs; gone when the test succeeds.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// An empty one.
    pub fn new(test: &str) -> Self {
        // The number of the process keeps two runs of the tests apart.
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The command, ready to run here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ekmcheck"));
        command.current_dir(&self.0).env("NO_COLOR", "1").args(arguments);
        command
    }

    /// Runs the command to its end.
    pub fn ekmcheck(&self, arguments: &[&str]) -> Done {
        let output = self.command(arguments).output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Done { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Reads a file as JSON.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
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
pub struct Done {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Done {
    /// Ended with that status.
    #[track_caller]
    pub fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Every part stands in what was printed, on whichever stream.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            let said = self.out.contains(part) || self.err.contains(part);
            assert!(said, "no {part:?} in\n{}\nstderr:\n{}", self.out, self.err);
        }
        self
    }
}

/// The value fits a schema of the repository.
#[track_caller]
pub fn assert_fits(schema: &str, value: &Value) {
    let text = fs::read_to_string(root().join("scenarios/schema").join(schema)).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new());
}

/// The id and transport of every case of a report.
pub fn units(report: &Value) -> Vec<(String, String)> {
    let text = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    report["cases"].as_array().unwrap().iter().map(|c| (text(c, "id"), text(c, "transport"))).collect()
}
