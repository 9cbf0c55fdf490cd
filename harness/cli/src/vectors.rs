//! `ekmcheck vectors`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Trouble,
    args::{VectorsAction, VectorsArgs},
    note, print, run,
};

/// Writes or checks; returns the exit status.
pub(crate) fn vectors(args: &VectorsArgs) -> Result<u8, Trouble> {
    let made: BTreeMap<String, String> =
        ekmcheck_player::vectors::files().map_err(|e| Trouble::Harness(e.to_string()))?.into_iter().collect();
    match &args.action {
        VectorsAction::Write { directory } => {
            for (path, text) in &made {
                let path = Path::new(path);
                let folder = directory.join(path.parent().unwrap_or(Path::new("")));
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                run::write_file(&folder, &name, text)?;
            }
            print(&format!("{} vectors written to {}\n", vectors_in(&made), directory.display()));
            Ok(0)
        }
        VectorsAction::Check { directory } => check(directory, &made),
    }
}

fn vectors_in(made: &BTreeMap<String, String>) -> usize {
    made.keys().filter(|path| !path.starts_with("schema/")).count()
}

fn check(directory: &Path, made: &BTreeMap<String, String>) -> Result<u8, Trouble> {
    let mut faults = Vec::new();
    for (path, text) in made {
        let file = directory.join(path);
        match fs::read_to_string(&file) {
            Ok(found) if found == *text => {}
            Ok(_) => faults.push(format!("{}: differs from what is made", file.display())),
            Err(e) => faults.push(format!("{}: {e}", file.display())),
        }
    }
    let mut found = Vec::new();
    files(directory, &mut found).map_err(|e| Trouble::Given(format!("{}: {e}", directory.display())))?;
    for path in found {
        let relative = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        // At the top stands also what a reader needs: the README, the licence.
        let about = !relative.contains('/') && !relative.ends_with(".json");
        if !made.contains_key(&relative) && !about {
            faults.push(format!("{}: is not made by anything", path.display()));
        }
    }
    for fault in &faults {
        note(fault);
    }
    print(&format!("{} vectors, {} files not as they should be\n", vectors_in(made), faults.len()));
    Ok(u8::from(!faults.is_empty()))
}

/// All files below a folder.
fn files(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}
