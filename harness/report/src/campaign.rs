//! A fuzz campaign as a page in Markdown, as one in HTML, and in SARIF.

mod page;
mod sarif;

use std::fmt::Write as _;

use ekmcheck_suite::{
    campaign::{Campaign, Example, Weight},
    inert::{code, prose},
};

use crate::{ReportFault, json::line};

/// A page in HTML, which loads nothing and runs nothing: what was done, what was found, how the number of behaviours grew.
#[must_use]
pub fn html(done: &Campaign) -> String {
    page::page(done)
}

/// SARIF 2.1.0: a rule a finding against a MUST, a result each of its examples.
///
/// # Errors
/// [`ReportFault`], which no campaign is known to cause.
pub fn sarif(done: &Campaign) -> Result<String, ReportFault> {
    sarif::json(done)
}

/// A page in Markdown: what was done, what was found, how the number of behaviours grew.
#[must_use]
pub fn markdown(done: &Campaign) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, done);
    out
}

fn write(out: &mut String, done: &Campaign) -> std::fmt::Result {
    let (violations, others) = done.weighed();
    writeln!(out, "# Fuzz campaign on {}\n", code(&done.subject))?;
    writeln!(
        out,
        "{}; {}; seed {}{}, ekmcheck {}, {}{}.\n",
        done.work(),
        done.end(),
        done.seed,
        done.shard.map(|(part, parts)| format!(", part {part} of {parts}")).unwrap_or_default(),
        prose(&done.ekmcheck),
        prose(&done.draft),
        if done.machine.is_empty() { String::new() } else { format!(", {}", prose(&done.machine)) },
    )?;
    let incomplete = if done.is_whole() { "" } else { " **Incomplete.**" };
    writeln!(out, "{violations} findings against a MUST, {others} others.{incomplete}\n")?;
    if !done.findings.is_empty() {
        writeln!(out, "| finding | weight | times | first after | reference | subject | changes |")?;
        writeln!(out, "|---|---|---:|---:|---|---|---|")?;
    }
    for finding in &done.findings {
        let weight = if finding.weight == Weight::Violation { "violation" } else { "note" };
        if let Some(example) = finding.examples.first() {
            writeln!(
                out,
                "| {} | {weight} | {} | {} | {} | {} | {} |",
                code(&finding.id),
                finding.times,
                example.at_request,
                code(&example.expected),
                code(&example.seen),
                code(&changes(example))
            )?;
        }
    }
    if !done.findings.is_empty() {
        writeln!(out, "\nAgain: {}", code(&done.again("campaign.json")))?;
    }
    writeln!(out, "\n| requests | behaviours |\n|---:|---:|")?;
    for point in &done.novelty {
        writeln!(out, "| {} | {} |", point.requests, point.behaviours)?;
    }
    Ok(())
}

/// The changes to a right request, on one line.
fn changes(example: &Example) -> String {
    line(&example.mutations["mutations"]).unwrap_or_default()
}
