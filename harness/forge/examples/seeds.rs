//! Writes the seeds of every fuzz target into a folder for each: `cargo run -p ekmcheck-forge --example seeds
//! --features properties -- fuzz/corpus`. The same files at every run.

use std::{env, error::Error, fs, path::PathBuf};

use ekmcheck_forge::properties::TARGETS;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = env::args_os().nth(1).map(PathBuf::from).ok_or("the folder of the corpora, please")?;
    for target in TARGETS {
        let folder = corpus.join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, octets) in (target.seeds)() {
            fs::write(folder.join(name), octets)?;
        }
    }
    Ok(())
}
