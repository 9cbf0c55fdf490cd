//! A fuzz campaign as a page in Markdown.

use std::fmt::Write as _;

use ekmcheck_suite::campaign::{Campaign, Weight};

use crate::inert;

/// The page: what was done, what was found, how the number of behaviours grew.
#[must_use]
pub fn campaign(done: &Campaign) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, done);
    out
}

fn write(out: &mut String, done: &Campaign) -> std::fmt::Result {
    let violations = done.findings.iter().filter(|f| f.weight == Weight::Violation).count();
    writeln!(out, "# Fuzz campaign on {}\n", code(&done.subject))?;
    writeln!(
        out,
        "{} requests ({} mutants) on {} connections in {:.1} s, {:.0} a second; seed {}, ekmcheck {}, {}.\n",
        done.requests,
        done.mutants,
        done.connections,
        done.seconds,
        done.rate(),
        done.seed,
        done.ekmcheck,
        done.draft
    )?;
    writeln!(out, "{violations} findings against a MUST, {} others.\n", done.findings.len() - violations)?;
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
                code(&example.mutations["mutations"].to_string())
            )?;
        }
    }
    writeln!(out, "\n| requests | behaviours |\n|---:|---:|")?;
    for point in &done.novelty {
        writeln!(out, "| {} | {} |", point.requests, point.behaviours)?;
    }
    Ok(())
}

/// Between back quotes, where nothing is markup; a cell has no bar.
fn code(text: &str) -> String {
    format!("`{}`", inert(text).replace(['`', '|'], "\u{fffd}"))
}
