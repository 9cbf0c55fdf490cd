//! `ekmcheck vectors`.

mod show;

use std::{collections::BTreeMap, path::Path};

use ekmcheck_offline::vectors::{Made, generate};
use ekmcheck_player::files::{Access, FileFault};
use ekmcheck_suite::{
    load::suggestion,
    vector::{Bundle, Counts, ExporterAnswer, FLAGS, Vector, lint},
};
use serde_json::{Value, json};

use crate::{
    Trouble,
    args::{Format, VectorListArgs, VectorsAction},
    files, note, print, run, scenarios,
};

/// Does what is asked; returns the exit status.
pub(crate) fn vectors(action: &VectorsAction) -> Result<u8, Trouble> {
    let made = generate().map_err(|e| Trouble::Harness(e.to_string()))?;
    match action {
        VectorsAction::Write { directory } => {
            for (path, text) in &made.files() {
                files::write(directory, path, text)?;
            }
            print(&format!("{} written to {}\n", counted(&made), directory.display()));
            Ok(0)
        }
        VectorsAction::Check { directory } => check(directory, &made),
        VectorsAction::Bundle { output } => bundle(made, output.as_deref()),
        VectorsAction::List(args) => list(&made, args),
        VectorsAction::Show { id } => {
            let answer = made.exporter.iter().find(|answer| answer.id == *id);
            let vector = made.vectors.iter().find(|vector| vector.id == *id);
            print(&match (vector, answer) {
                (Some(vector), _) => show::vector(vector)?,
                (None, Some(answer)) => show::exporter(answer),
                (None, None) => return Err(unknown(&made, id)),
            });
            Ok(0)
        }
    }
}

fn unknown(made: &Made, id: &str) -> Trouble {
    let known = made.vectors.iter().map(|v| v.id.as_str()).chain(made.exporter.iter().map(|a| a.id.as_str()));
    let hint = suggestion(id, known);
    Trouble::Given(format!("there is no vector {id:?}; {hint} (`ekmcheck vectors list` shows all)"))
}

fn counted(made: &Made) -> String {
    let Counts { accept, refuse, open, exporter } = Counts::of(&made.vectors, &made.exporter);
    let vectors = made.vectors.len();
    format!(
        "{vectors} vectors ({refuse} to refuse, {accept} to accept, {open} open) and {exporter} known answers for the exporter"
    )
}

/// How many of what is wrong are told.
const TOLD: usize = 40;

fn check(directory: &Path, made: &Made) -> Result<u8, Trouble> {
    let wanted = made.files();
    let mut faults = Vec::new();
    for (path, text) in &wanted {
        let file = directory.join(path);
        let most = text.len() as u64;
        match ekmcheck_player::files::read(&file, most) {
            Ok(found) if found == text.as_bytes() => {}
            Ok(_) | Err(FileFault::TooLong(_)) => faults.push(format!("{}: differs from what is made", file.display())),
            Err(e) => faults.push(format!("{}: {e}", file.display())),
        }
    }
    let found = files::below(directory, |_| true)?;
    for path in found {
        let relative = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        // At the top stands also what a reader needs: the README, the licence.
        let about = !relative.contains('/') && !relative.ends_with(".json");
        if !wanted.contains_key(&relative) && !about {
            faults.push(format!("{}: is not made by anything", path.display()));
        }
    }
    let contradictions = lint(&made.vectors, &made.exporter);
    faults.iter().chain(&contradictions).take(TOLD).for_each(|fault| note(fault));
    if faults.len() + contradictions.len() > TOLD {
        note(&format!("… and {} more", faults.len() + contradictions.len() - TOLD));
    }
    print(&format!(
        "{}; {} files not as they should be, {} contradictions\n",
        counted(made),
        faults.len(),
        contradictions.len()
    ));
    Ok(u8::from(!faults.is_empty() || !contradictions.is_empty()))
}

fn bundle(made: Made, output: Option<&Path>) -> Result<u8, Trouble> {
    let requirements = scenarios::all(None)?.ledger.requirements;
    let counted = counted(&made);
    let text = run::json(&Bundle::new(made.vectors, made.exporter, &requirements))?;
    match output {
        None => print(&text),
        Some(path) => {
            if path.file_name().is_none() {
                return Err(Trouble::Given(format!("{}: it names no file", path.display())));
            }
            files::put(path, text.as_bytes(), Access::Open)?;
            print(&format!("{counted} in {}\n", path.display()));
        }
    }
    Ok(0)
}

fn list(made: &Made, args: &VectorListArgs) -> Result<u8, Trouble> {
    for flag in &args.flag {
        if !FLAGS.iter().any(|(name, ..)| name == flag) {
            let hint = suggestion(flag, FLAGS.iter().map(|(name, ..)| *name));
            return Err(Trouble::Given(format!("there is no flag {flag:?}; {hint}")));
        }
    }
    let rows: BTreeMap<&str, Value> = made
        .vectors
        .iter()
        .map(|vector| (vector.id.as_str(), row_of(vector)))
        .chain(made.exporter.iter().map(|answer| (answer.id.as_str(), row_of_answer(answer))))
        .collect();
    let flagged = |row: &Value| {
        let has = |flag: &String| row["flags"].as_array().is_some_and(|flags| flags.iter().any(|f| f == flag));
        args.flag.is_empty() || args.flag.iter().any(has)
    };
    let ids = scenarios::matching(rows.keys().copied(), &args.filter);
    for pattern in &args.filter {
        if scenarios::matching(rows.keys().copied(), std::slice::from_ref(pattern)).is_empty() {
            return Err(Trouble::Given(format!("{pattern:?} fits no vector (`ekmcheck vectors list` shows all)")));
        }
    }
    let rows: Vec<Value> =
        rows.into_iter().filter(|(id, row)| ids.contains(id) && flagged(row)).map(|(_, row)| row).collect();
    match args.format {
        Format::Json => print(&run::json(&rows)?),
        Format::Human => {
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let line =
                |row: &Value| format!("{:<44}  {:<7}  {}\n", text(row, "id"), text(row, "verdict"), text(row, "title"));
            print(&rows.iter().map(line).collect::<String>());
        }
    }
    Ok(0)
}

fn row_of(vector: &Vector) -> Value {
    let Vector { id, title, level, basis, clause, requirements, flags, expect, .. } = vector;
    json!({"id": id, "verdict": expect.verdict, "check": expect.check, "checks": expect.checks, "level": level,
        "basis": basis, "clause": clause, "requirements": requirements, "flags": flags, "title": title})
}

fn row_of_answer(answer: &ExporterAnswer) -> Value {
    let ExporterAnswer { id, title, level, basis, clause, requirements, flags, is_right, .. } = answer;
    let verdict = if *is_right { "right" } else { "wrong" };
    json!({"id": id, "verdict": verdict, "check": null, "checks": [], "level": level, "basis": basis, "clause": clause,
        "requirements": requirements, "flags": flags, "title": title})
}
