//! What the command reads and writes: how much of each kind of file, from where, and what to do when it cannot be.

use std::path::{Path, PathBuf};

use ekmcheck_player::files::{self, Access, FileFault};
use ekmcheck_suite::brief;
use serde::de::DeserializeOwned;

use crate::{Trouble, lost};

/// A kind of file that is read.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The most octets of such a file.
    pub(crate) most: u64,
    /// The most values in it, if it is JSON. A value of two octets takes a hundred in memory.
    pub(crate) values: usize,
    /// Whether a pipe of the process may stand for it: `/dev/stdin`, `<(…)`.
    pub(crate) pipe: bool,
    /// What helps where it cannot be read.
    pub(crate) mend: &'static str,
}

const MIB: u64 = 1 << 20;
/// Of a file that a person writes, or that has one thing in it.
const FEW: usize = 50_000;
/// As many as fit into a hundred megabytes of memory, whatever they are.
const MANY: usize = 300_000;

/// The plan of a subject. The one that `init` writes, with all its comments, has three thousand octets.
pub(crate) const PLAN: Kind = Kind {
    most: MIB / 4,
    values: FEW,
    pipe: false,
    mend: "make one with `ekmcheck init resource-server --dir DIR`; it is DIR/plan.toml",
};
/// Known failures. An entry for every case on every transport would be half of it.
pub(crate) const BASELINE: Kind =
    Kind { most: MIB, values: FEW, pipe: false, mend: "make one with `ekmcheck run --write-baseline FILE`" };
/// The result of a run. That of the whole suite on all transports is a sixth of it. One may come out of a version control
/// system, through a pipe.
pub(crate) const REPORT: Kind =
    Kind { most: 8 * MIB, values: MANY, pipe: true, mend: "give the report.json of an ekmcheck run" };
/// The traces beside it. Those of the whole suite with `--transcripts all` are half of it.
pub(crate) const TRANSCRIPTS: Kind = Kind {
    most: 24 * MIB,
    values: MANY,
    pipe: false,
    mend: "take the file that was written with report.json, or move it away",
};
/// The result of a campaign, or one mutant. Its corpus and its findings are some thousand mutants at the most.
pub(crate) const CAMPAIGN: Kind =
    Kind { most: 8 * MIB, values: MANY, pipe: true, mend: "give the campaign.json of an `ekmcheck fuzz`" };
/// An earlier measurement, which is looked at to know that it is one.
pub(crate) const BENCH: Kind =
    Kind { most: MIB, values: FEW, pipe: false, mend: "give the bench.json of an `ekmcheck bench`" };
/// An earlier input of the black box fuzzer: one mutant.
pub(crate) const MUTANT: Kind =
    Kind { most: MIB, values: FEW, pipe: false, mend: "give a file of `ekmcheck fuzz --output_dir`" };
/// A vector. The longest of the frozen ones, with a token of three hundred thousand octets, is a third of it.
pub(crate) const VECTOR: Kind =
    Kind { most: MIB, values: FEW, pipe: true, mend: "compare with vectors/schema/vector.schema.json" };
/// A case, the ledger, or the register of ambiguities. The ledger, the longest, is a thirtieth of it.
pub(crate) const SCENARIO: Kind =
    Kind { most: MIB, values: FEW, pipe: false, mend: "compare with the files of scenarios/ in the repository" };
/// A file of a trust bundle: a key, a chain of certificates, a few names.
pub(crate) const BUNDLE: Kind = Kind {
    most: MIB / 16,
    values: FEW,
    pipe: false,
    mend: "`ekmcheck init resource-server --dir DIR --force` makes a bundle anew",
};
/// Certificates of a PKI of somebody's own, or a key. A file with all the roots that browsers trust is a quarter of it.
pub(crate) const PEM: Kind =
    Kind { most: MIB, values: FEW, pipe: true, mend: "give a file in PEM, as OpenSSL writes it" };
/// A proof on standard input. No server takes one of more than some thousand octets.
pub(crate) const PROOF: Kind =
    Kind { most: MIB, values: FEW, pipe: true, mend: "give one proof: header.claims.signature" };

/// The most files that are looked at below one folder, and how deep folders may be.
pub(crate) const FOLDER: (usize, usize) = (20_000, 16);

/// What is said where a file of that kind cannot be used.
pub(crate) fn unusable(path: &Path, what: impl std::fmt::Display, kind: &Kind) -> Trouble {
    let what = what.to_string();
    Trouble::Given(format!("{}: {}\n  mend: {}", path.display(), brief::message(&what), kind.mend))
}

/// Reads a file.
pub(crate) fn octets(path: &Path, kind: &Kind) -> Result<Vec<u8>, FileFault> {
    if kind.pipe { files::read_or_pipe(path, kind.most) } else { files::read(path, kind.most) }
}

/// Reads a file as text.
pub(crate) fn text_of(path: &Path, kind: &Kind) -> Result<String, FileFault> {
    octets(path, kind).and_then(files::text)
}

/// Reads a file as text, and says what helps where it cannot.
pub(crate) fn text(path: &Path, kind: &Kind) -> Result<String, Trouble> {
    text_of(path, kind).map_err(|e| unusable(path, e, kind))
}

/// Reads what comes on standard input.
pub(crate) fn standard_input(kind: &Kind) -> Result<String, FileFault> {
    files::to_the_end(std::io::stdin().lock(), kind.most).and_then(files::text)
}

/// Reads a file of JSON.
pub(crate) fn json<T: DeserializeOwned>(path: &Path, kind: &Kind) -> Result<T, Trouble> {
    parsed(path, &text(path, kind)?, kind)
}

/// A text of JSON that was read from that file.
pub(crate) fn parsed<T: DeserializeOwned>(path: &Path, text: &str, kind: &Kind) -> Result<T, Trouble> {
    let read = within(text, kind).and_then(|()| serde_json::from_str(text).map_err(|e| e.to_string()));
    read.map_err(|e| unusable(path, e, kind))
}

/// Whether a text of JSON has no more values than its kind may have.
pub(crate) fn within(text: &str, kind: &Kind) -> Result<(), String> {
    // A value stands behind one of these; that they stand in strings as well makes no difference for what is usual.
    let values = text.bytes().filter(|octet| matches!(octet, b',' | b'[' | b'{')).count();
    if values > kind.values {
        return Err(format!("has more than the {} values that such a file may have", kind.values));
    }
    Ok(())
}

/// All files below a folder whose names `wanted` takes, in the order of their paths.
pub(crate) fn below(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Below { wanted, seen: 0, files: Vec::new() };
    found.walk(folder, &mut Vec::new())?;
    found.files.sort();
    Ok(found.files)
}

struct Below<W> {
    wanted: W,
    /// How many entries were looked at, of whatever kind.
    seen: usize,
    files: Vec<PathBuf>,
}

impl<W: Fn(&Path) -> bool> Below<W> {
    /// `inside` are the folders that this one is in, without links.
    fn walk(&mut self, folder: &Path, inside: &mut Vec<PathBuf>) -> Result<(), Trouble> {
        let trouble = |e: std::io::Error| Trouble::Given(format!("{}: {e}", folder.display()));
        let refused = |why: String, mend: &str| Trouble::Given(format!("{}: {why}\n  mend: {mend}", folder.display()));
        let place = folder.canonicalize().map_err(trouble)?;
        if inside.contains(&place) {
            return Err(refused("a link to a folder that it stands in".to_owned(), "take the link away"));
        }
        if inside.len() > FOLDER.1 {
            return Err(refused(format!("more than {} folders deep", FOLDER.1), "name the folder that is meant"));
        }
        inside.push(place);
        for entry in std::fs::read_dir(folder).map_err(trouble)? {
            let path = entry.map_err(trouble)?.path();
            self.seen += 1;
            if self.seen > FOLDER.0 {
                let why = format!("there are more than {} files in and below it", FOLDER.0);
                return Err(refused(why, "name the folder that is meant"));
            }
            if path.is_dir() {
                self.walk(&path, inside)?;
            } else if (self.wanted)(&path) {
                self.files.push(path);
            }
        }
        inside.pop();
        Ok(())
    }
}

/// Writes a file below a directory that is made if need be.
pub(crate) fn write(directory: &Path, name: &str, octets: impl AsRef<[u8]>) -> Result<(), Trouble> {
    put(&directory.join(name), octets.as_ref(), Access::Open)
}

/// Writes a file; the directory is made if need be.
pub(crate) fn put(path: &Path, octets: &[u8], access: Access) -> Result<(), Trouble> {
    made(path).and_then(|()| files::replace(path, octets, access)).map_err(|e| unwritten(path, &e))
}

/// Writes a file that keeps a result. Where that cannot be, it is told at once and in the exit status, and what else there
/// is to write and to say is not lost with it; what an earlier run left there goes, for it says something else.
pub(crate) fn keep(directory: &Path, name: &str, octets: impl AsRef<[u8]>) -> bool {
    let path = directory.join(name);
    match put(&path, octets.as_ref(), Access::Open) {
        Ok(()) => true,
        Err(trouble) => {
            lost(&trouble.to_string());
            if path.symlink_metadata().is_ok_and(|there| there.is_file()) {
                let _ = std::fs::remove_file(&path);
            }
            false
        }
    }
}

/// Takes a file away that an earlier run left, if it is there.
pub(crate) fn forget(path: &Path) {
    let is_there = path.symlink_metadata().is_ok_and(|there| there.is_file());
    if let Some(e) = is_there.then(|| std::fs::remove_file(path).err()).flatten() {
        lost(&of_earlier(path, &e));
    }
}

/// What is said of a file that an earlier run left and that cannot be taken away.
pub(crate) fn of_earlier(path: &Path, why: &std::io::Error) -> String {
    format!("{}: {why}\n  it is of an earlier run, and says nothing of this one", path.display())
}

/// The folder of a path, also where it is the one that the command runs in.
pub(crate) fn folder(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Finds out that a file cannot be written before the work whose result it is to hold.
pub(crate) fn writable(directory: &Path, name: &str) -> Result<(), Trouble> {
    let path = directory.join(name);
    made(&path).and_then(|()| files::replaceable(&path)).map_err(|e| unwritten(&path, &e))
}

fn made(path: &Path) -> Result<(), FileFault> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => Ok(std::fs::create_dir_all(folder)?),
        _ => Ok(()),
    }
}

/// What is said where a file cannot be written.
pub(crate) fn unwritten(path: &Path, fault: &FileFault) -> Trouble {
    let mend = match fault {
        FileFault::Link | FileFault::NoFile(_) => "\n  mend: move it away, or name another place",
        _ => "",
    };
    Trouble::Given(format!("{}: {fault}{mend}", path.display()))
}

#[cfg(test)]
mod tests;
