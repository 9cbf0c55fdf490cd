//! The contract of a ClusterFuzz black box fuzzer: a directory of earlier inputs, one for new ones, and how many.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use ekmcheck_campaign::mutants;
use serde_json::Value;

use crate::{
    Trouble,
    files::{self, MUTANT},
    note, print, run,
};

/// How the files are called; ClusterFuzz takes those that begin so for inputs.
const PREFIX: &str = "fuzz-";
/// The most octets of all earlier inputs. A mutant has some hundred; as values they take twenty times the memory.
const MUTANTS: usize = 4 << 20;

/// Writes so many mutants. Without a seed, every call writes others.
pub(super) fn write(output: &Path, input: Option<&Path>, count: usize, seed: Option<u64>) -> Result<u8, Trouble> {
    let by_time = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |t| t.as_nanos() as u64);
    let earlier = input.map(read).transpose()?.unwrap_or_default();
    let made = mutants(seed.unwrap_or_else(by_time), &earlier, count);
    for (index, mutant) in made.iter().enumerate() {
        files::write(output, &format!("{PREFIX}{index}.json"), &run::json(mutant)?)?;
    }
    print(&format!("{} mutants written to {}\n", made.len(), output.display()));
    Ok(0)
}

/// The mutants of a directory, in the order of their files. Others put their files there too, so that what is none is none;
/// and what is more than fits is left out.
fn read(directory: &Path) -> Result<Vec<Value>, Trouble> {
    let (mut found, mut room) = (Vec::new(), MUTANTS);
    for path in files::below(directory, |_| true)? {
        let Ok(text) = files::text_of(&path, &MUTANT) else { continue };
        if text.len() > room {
            note(&format!("{}: only mutants of {MUTANTS} octets in all are begun with", directory.display()));
            break;
        }
        if let Ok(mutant) = files::parsed(&path, &text, &MUTANT) {
            found.push(mutant);
            room -= text.len();
        }
    }
    Ok(found)
}
