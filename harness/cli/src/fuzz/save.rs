//! What is left of a campaign: reports, and the findings as files that others can play.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_campaign as campaign;
use ekmcheck_offline::vectors;
use ekmcheck_report::campaign::{html, markdown, sarif};
use ekmcheck_suite::{
    campaign::{Campaign, Weight, times},
    inert::inert,
    report::Style,
    role::Role,
};

use super::{read, status};
use crate::{
    Trouble,
    args::{Format, MergeArgs},
    earlier::FUZZED,
    files::{self, CAMPAIGN},
    lost, print, reports, run, scenarios,
    terminal::COLOURS,
};

/// Below the role's folder of the scenarios, and in the vectors.
const FOUND: &str = "found";

/// Writes all reports and a file for each example; returns the path of the report, if that could be written. What cannot be
/// written is told, and the others are written all the same.
pub(super) fn save(directory: &Path, done: &Campaign) -> Option<PathBuf> {
    let keep = |name: &str, text: Result<String, Trouble>| match text {
        Ok(text) => files::keep(directory, name, text),
        Err(trouble) => {
            lost(&format!("{}: {trouble}", directory.join(name).display()));
            false
        }
    };
    let is_written = keep(FUZZED, run::json(done));
    keep("campaign.md", Ok(markdown(done)));
    keep("campaign.html", Ok(html(done)));
    keep("campaign.sarif", sarif(done).map_err(|e| Trouble::Harness(e.to_string())));
    let findings = match done.adapter {
        None => cases(directory, done),
        Some(_) => as_vectors(directory, done),
    };
    if let Err(trouble) = findings {
        lost(&trouble.to_string());
    }
    is_written.then(|| directory.join(FUZZED))
}

/// A directory that `run --scenarios` takes: the ledger, the register, and a case for each example.
fn cases(directory: &Path, done: &Campaign) -> Result<(), Trouble> {
    let all = scenarios::all(None)?;
    let root = directory.join("scenarios");
    let found = root.join(Role::ResourceServer.name()).join(FOUND);
    forget(&found)?;
    if done.findings.is_empty() {
        return Ok(());
    }
    files::keep(&root, scenarios::LEDGER, run::json(&all.ledger)?);
    files::keep(&root, scenarios::REGISTER, run::json(&all.register)?);
    for case in campaign::cases(done, &all.cases) {
        let name = case.id.rsplit('.').next().unwrap_or_default();
        files::keep(&found, &format!("{name}.json"), run::json(&case)?);
    }
    Ok(())
}

/// Files that `run --adapter CMD --vector` takes.
fn as_vectors(directory: &Path, done: &Campaign) -> Result<(), Trouble> {
    let harness = |e: String| Trouble::Harness(e);
    let frozen = vectors::generate().map_err(|e| harness(e.to_string()))?.vectors;
    let root = directory.join("vectors");
    forget(&root.join(FOUND))?;
    for vector in campaign::vectors(done, &frozen).map_err(harness)? {
        files::keep(&root.join(FOUND), &format!("{}.json", name_of(&vector.id)), vectors::render(&vector));
    }
    Ok(())
}

fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What an earlier campaign found must not look like this one's.
fn forget(found: &Path) -> Result<(), Trouble> {
    let Ok(entries) = fs::read_dir(found) else { return Ok(()) };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_some_and(|e| e == "json") {
            fs::remove_file(&path).map_err(|e| Trouble::Given(format!("{}: {e}", path.display())))?;
        }
    }
    Ok(())
}

/// Puts the campaigns of shards together, as `ekmcheck merge` does with reports; the text of the first was read already.
pub(crate) fn merge(args: &MergeArgs, first: &str) -> Result<u8, Trouble> {
    let part = |(n, path): (usize, &PathBuf)| if n == 0 { files::parsed(path, first, &CAMPAIGN) } else { read(path) };
    let parts: Vec<Campaign> = args.reports.iter().enumerate().map(part).collect::<Result<_, _>>()?;
    let whole = Campaign::merged(&parts).map_err(|why| {
        Trouble::Given(format!(
            "these campaigns are not the parts of one: {why}\n  mend: give the campaign.json of each shard of the same `fuzz --shard K/N` once"
        ))
    })?;
    files::writable(&args.report, FUZZED)?;
    let path = save(&args.report, &whole);
    match args.format {
        Format::Json => print(&run::json(&whole)?),
        Format::Human => print(&told(&whole, path.as_deref(), *COLOURS)),
    }
    Ok(status(&whole))
}

/// The campaign for a terminal.
pub(super) fn told(done: &Campaign, path: Option<&Path>, colours: Style) -> String {
    let mut out = format!("subject: {}  seed: {}\n", inert(&done.subject), done.seed);
    for finding in &done.findings {
        let (colour, word) = match finding.weight {
            Weight::Violation => (colours.bad, "violation"),
            Weight::Note => (colours.doubtful, "note     "),
        };
        out.push_str(&format!(
            "\n{colour}{word}{}  {}  seen {}\n",
            colours.reset,
            inert(&finding.id),
            times(finding.times)
        ));
        if let Some(example) = finding.examples.first() {
            out.push_str(&format!(
                "  on {} after {} requests{}\n    reference {}\n    subject   {}\n    changes   {}\n",
                example.transport.name(),
                example.at_request,
                if example.warm { ", behind a right request" } else { "" },
                inert(&example.expected),
                inert(&example.seen),
                ekmcheck_report::json::line(&example.mutations["mutations"]).unwrap_or_default(),
            ));
        }
    }
    let (violations, others) = done.weighed();
    let behaviours = done.novelty.last().map_or(0, |n| n.behaviours);
    out.push_str(&format!(
        "\n{}; {}\n  {violations} findings against a MUST, {others} others, {behaviours} different behaviours\n",
        done.work(),
        done.end(),
    ));
    if !done.is_whole() {
        out.push_str("incomplete.\n");
    }
    out.push_str(&reports::place(path));
    if let Some(path) = path.filter(|_| !done.findings.is_empty()) {
        out.push_str(&format!("again:  {}\n", inert(&done.again(&path.display().to_string()))));
    }
    out
}
