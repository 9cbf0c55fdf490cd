//! `ekmcheck fuzz-seeds`.

use std::path::PathBuf;

use clap::Args;
use ekmcheck_forge::properties as of_forge;
use ekmcheck_suite::properties as of_suite;

use crate::{Trouble, files, print};

#[derive(Args)]
pub(crate) struct FuzzSeedsArgs {
    /// The directory of the corpora
    #[arg(default_value = "fuzz/corpus")]
    pub(crate) directory: PathBuf,
}

/// Writes the inputs that fuzzing starts with, a folder for each target: the same files at every run.
pub(crate) fn fuzz_seeds(args: &FuzzSeedsArgs) -> Result<u8, Trouble> {
    let targets = of_forge::TARGETS.map(|target| (target.name, target.seeds));
    let targets = targets.into_iter().chain(of_suite::TARGETS.map(|target| (target.name, target.seeds)));
    let (mut files, mut octets) = (0, 0);
    for (name, seeds) in targets {
        for (seed, content) in seeds() {
            files::write(&args.directory.join(name), &seed, &content)?;
            files += 1;
            octets += content.len();
        }
    }
    print(&format!("{files} seeds of {octets} octets written to {}\n", args.directory.display()));
    Ok(0)
}
