//! The contract of a ClusterFuzz black box fuzzer: a directory of earlier inputs, one for new ones, and how many.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use ekmcheck_player::campaign::mutants;
use serde_json::Value;

use crate::{Trouble, print, run};

/// How the files are called; ClusterFuzz takes those that begin so for inputs.
const PREFIX: &str = "fuzz-";
/// The longest earlier input that is read, in octets.
const LONGEST: u64 = 1 << 20;

/// Writes so many mutants. Without a seed, every call writes others.
pub(super) fn write(output: &Path, input: Option<&Path>, count: usize, seed: Option<u64>) -> Result<u8, Trouble> {
    let by_time = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |t| t.as_nanos() as u64);
    let earlier = input.map(read).transpose()?.unwrap_or_default();
    let made = mutants(seed.unwrap_or_else(by_time), &earlier, count);
    for (index, mutant) in made.iter().enumerate() {
        run::write_file(output, &format!("{PREFIX}{index}.json"), &run::json(mutant)?)?;
    }
    print(&format!("{} mutants written to {}\n", made.len(), output.display()));
    Ok(0)
}

/// The mutants of a directory, in the order of their files. Others put their files there too, so that what is none is none.
fn read(directory: &Path) -> Result<Vec<Value>, Trouble> {
    let trouble = |e: std::io::Error| Trouble::Given(format!("{}: {e}", directory.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(trouble)? {
        paths.push(entry.map_err(trouble)?.path());
    }
    paths.sort();
    let short = |path: &&std::path::PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= LONGEST);
    let texts = paths.iter().filter(short).filter_map(|path| fs::read_to_string(path).ok());
    Ok(texts.filter_map(|text| serde_json::from_str(&text).ok()).collect())
}
