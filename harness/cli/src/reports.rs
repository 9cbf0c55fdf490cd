//! `ekmcheck report`, and what a run leaves in its directory.

use std::path::{Path, PathBuf};

use ekmcheck_player::run::Played;
use ekmcheck_report::{Material, ReportFault, ReportFormat};
use ekmcheck_suite::{
    brief,
    inert::inert,
    outcome::Verdict,
    report::{DRAFT, Report},
    transcript::Transcript,
};

use crate::{
    Trouble, USAGE,
    args::{ReportArgs, RunArgs, Transcripts},
    earlier::{Earlier, Of, RESULT, TRACES},
    files::{self, REPORT, TRANSCRIPTS},
    lost, note, print,
    scenarios::{self, Scenarios},
};

/// Finds out before anything is played that there is no room for what it comes to.
pub(crate) fn room(args: &RunArgs) -> Result<(), Trouble> {
    files::writable(&args.report, RESULT)?;
    let Some(list) = &args.known.write_baseline else { return Ok(()) };
    let name = list.file_name().ok_or_else(|| Trouble::Given(format!("{}: it names no file", list.display())))?;
    files::writable(list.parent().unwrap_or(Path::new("")), &name.to_string_lossy())
}

/// Writes the result of a run, its traces and the reports; returns the file that a person opens first. What cannot be written
/// is told, and the others are written all the same. No report of an earlier run stays that says something else.
pub(crate) fn save(args: &RunArgs, all: &Scenarios, report: &Report, played: &[Played]) -> Option<PathBuf> {
    let kept: Vec<&Transcript> = played
        .iter()
        .filter(|p| match args.transcripts {
            Transcripts::All => true,
            Transcripts::Problems => p.outcome.verdict != Verdict::Pass,
            Transcripts::None => false,
        })
        .flat_map(|p| &p.transcripts)
        .collect();
    let formats = args.output.formats();
    let earlier = Earlier::of(Of::Run, &args.report);
    let mut saved = Vec::new();
    let mut keep = |name: &str, text: Result<String, Trouble>| match text {
        Ok(text) if files::keep(&args.report, name, &text) => saved.push(args.report.join(name)),
        Ok(_) => {}
        Err(trouble) => lost(&format!("{}: {trouble}", args.report.join(name).display())),
    };
    keep(RESULT, json(report));
    keep(TRACES, lines(&kept));
    match material(report, kept.iter().copied(), all, args.strict) {
        Ok(material) => formats.iter().for_each(|format| keep(format.file(), rendered(&material, *format))),
        Err(trouble) => lost(&trouble.to_string()),
    }
    earlier.forget(|name| !formats.iter().any(|format| format.file() == name) && name != TRACES && name != RESULT);
    let first = if formats.contains(&ReportFormat::Html) { ReportFormat::Html.file() } else { RESULT };
    let first = args.report.join(first);
    if saved.contains(&first) { Some(first) } else { saved.into_iter().next() }
}

/// Writes the result of all shards of a run; returns the file. What an earlier run left there goes, but for the traces of a run
/// that is one of the shards: they are of cases of the whole.
pub(crate) fn save_merged(folder: &Path, whole: &Report, of: &[PathBuf]) -> Result<Option<PathBuf>, Trouble> {
    let path = folder.join(RESULT);
    let is_shard = |there: &PathBuf| of.iter().any(|part| part.canonicalize().is_ok_and(|part| part == *there));
    let keeps_traces = path.canonicalize().is_ok_and(|there| is_shard(&there));
    let earlier = Earlier::of(Of::Run, folder);
    let is_written = files::keep(folder, RESULT, json(whole)?);
    earlier.forget(|name| name != RESULT && !(keeps_traces && name == TRACES));
    Ok(is_written.then_some(path))
}

/// The line that says where the reports are.
pub(crate) fn place(first: Option<&Path>) -> String {
    first.map_or_else(|| "report: none could be written\n".to_owned(), |file| format!("report: {}\n", file.display()))
}

fn lines(transcripts: &[&Transcript]) -> Result<String, Trouble> {
    let mut lines = String::new();
    for transcript in transcripts {
        lines += &ekmcheck_report::json::line(transcript).map_err(|e| Trouble::Harness(e.to_string()))?;
        lines.push('\n');
    }
    Ok(lines)
}

fn rendered(material: &Material<'_>, format: ReportFormat) -> Result<String, Trouble> {
    material.render(format).map_err(|e: ReportFault| Trouble::Harness(e.to_string()))
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
    let material = material(&report, &transcripts, &all, args.strict)?;
    let mut status = 0;
    for format in args.output.formats() {
        // The others are made all the same.
        match files::write(to, format.file(), rendered(&material, *format)?) {
            Ok(()) => print(&format!("{}\n", to.join(format.file()).display())),
            Err(trouble) => {
                note(&format!("error: {trouble}"));
                status = USAGE;
            }
        }
    }
    Ok(status)
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

/// A result as JSON that is inert in a terminal, too.
pub(crate) fn json(report: &Report) -> Result<String, Trouble> {
    ekmcheck_report::json::pretty(report).map_err(|e| Trouble::Harness(e.to_string()))
}

/// Reads the result of a run.
pub(crate) fn saved(path: &Path) -> Result<Report, Trouble> {
    files::json(path, &REPORT)
}

/// Reads traces; none where there is no such file.
fn traces(path: &Path) -> Result<Vec<Transcript>, Trouble> {
    let text = match files::text_of(path, &TRANSCRIPTS) {
        Ok(text) => text,
        Err(e) if e.is_missing() => return Ok(Vec::new()),
        Err(e) => return Err(files::unusable(path, e, &TRANSCRIPTS)),
    };
    let one = |(n, line): (usize, &str)| {
        let read =
            files::within(line, &TRANSCRIPTS).and_then(|()| serde_json::from_str(line).map_err(|e| e.to_string()));
        read.map_err(|e| {
            Trouble::Given(format!(
                "{}, line {}: {}\n  mend: {}",
                path.display(),
                n + 1,
                brief::message(&e),
                TRANSCRIPTS.mend
            ))
        })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(one).collect()
}
