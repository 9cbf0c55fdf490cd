//! `ekmcheck report`, and what a run leaves in its directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_player::run::Played;
use ekmcheck_report::{Material, ReportFault, ReportFormat};
use ekmcheck_suite::{
    inert::inert,
    outcome::Verdict,
    report::{DRAFT, Report},
    transcript::Transcript,
};

use crate::{
    Trouble,
    args::{ReportArgs, RunArgs, Transcripts},
    note, print,
    run::write_file,
    scenarios::{self, Scenarios},
};

/// The file of the result.
const RESULT: &str = "report.json";
/// The file of the traces, one a line.
const TRACES: &str = "transcripts.ndjson";

/// Writes the result of a run, its traces and the reports; returns the file that a person opens first.
pub(crate) fn save(args: &RunArgs, all: &Scenarios, report: &Report, played: &[Played]) -> Result<PathBuf, Trouble> {
    let kept: Vec<&Transcript> = played
        .iter()
        .filter(|p| match args.transcripts {
            Transcripts::All => true,
            Transcripts::Problems => p.outcome.verdict != Verdict::Pass,
            Transcripts::None => false,
        })
        .flat_map(|p| &p.transcripts)
        .collect();
    write_file(&args.report, RESULT, &json(report)?)?;
    let mut lines = String::new();
    for transcript in &kept {
        lines += &ekmcheck_report::json::line(transcript).map_err(|e| Trouble::Harness(e.to_string()))?;
        lines.push('\n');
    }
    write_file(&args.report, TRACES, &lines)?;
    let material = material(report, kept.iter().copied(), all, args.strict)?;
    let formats = args.output.formats();
    write(&material, formats, &args.report)?;
    let first = if formats.contains(&ReportFormat::Html) { ReportFormat::Html.file() } else { RESULT };
    Ok(args.report.join(first))
}

/// Makes reports of a saved result, and names the files. What the run came to does not change how this ends.
pub(crate) fn report(args: &ReportArgs) -> Result<u8, Trouble> {
    let path = if args.from.is_dir() { args.from.join(RESULT) } else { args.from.clone() };
    let directory = path.parent().unwrap_or(Path::new(""));
    let report = saved(&path)?;
    let transcripts = traces(&directory.join(TRACES))?;
    let all = scenarios::all(args.scenarios.as_deref())?;
    if report.draft != DRAFT {
        note(&format!("{}: of {}; clauses and ledger are shown by {DRAFT}", path.display(), inert(&report.draft)));
    }
    let to = args.to.as_deref().unwrap_or(directory);
    for file in write(&material(&report, &transcripts, &all, args.strict)?, args.output.formats(), to)? {
        print(&format!("{}\n", file.display()));
    }
    Ok(0)
}

fn material<'a>(
    report: &Report,
    transcripts: impl IntoIterator<Item = &'a Transcript>,
    all: &'a Scenarios,
    strict: bool,
) -> Result<Material<'a>, Trouble> {
    let material = Material::new(report, transcripts, &all.ledger, &all.register, &all.cases, strict);
    material.map_err(|e| Trouble::Harness(e.to_string()))
}

fn write(material: &Material<'_>, formats: &[ReportFormat], directory: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let one = |format: &ReportFormat| {
        let text = material.render(*format).map_err(|e: ReportFault| Trouble::Harness(e.to_string()))?;
        write_file(directory, format.file(), &text)?;
        Ok(directory.join(format.file()))
    };
    formats.iter().map(one).collect()
}

/// A result as JSON that is inert in a terminal, too.
pub(crate) fn json(report: &Report) -> Result<String, Trouble> {
    ekmcheck_report::json::pretty(report).map_err(|e| Trouble::Harness(e.to_string()))
}

/// Reads the result of a run.
pub(crate) fn saved(path: &Path) -> Result<Report, Trouble> {
    let trouble = |what: String| {
        Trouble::Given(format!("{}: {what}\n  mend: give the report.json of an ekmcheck run", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|e| trouble(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| trouble(e.to_string()))
}

/// Reads traces; none where there is no such file.
fn traces(path: &Path) -> Result<Vec<Transcript>, Trouble> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Trouble::Given(format!("{}: {e}", path.display()))),
    };
    let one = |(n, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            let at = format!("{}, line {}: {e}", path.display(), n + 1);
            Trouble::Given(format!("{at}\n  mend: take the file that was written with report.json, or move it away"))
        })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(one).collect()
}
