//! Markdown for the summary of a CI step: bounded, because hosts refuse what is too long.

use std::fmt::Write as _;

use ekmcheck_suite::{
    dialect::choices,
    inert::{code, prose},
    outcome::Verdict,
    report::{Conclusion, hindrance},
};

use crate::{Material, again, groups, words};

/// How many requirements are shown, and how many cases of one; the rest is counted. GitHub takes 1 MiB a step.
const REQUIREMENTS: usize = 30;
const CASES: usize = 5;

pub(crate) fn markdown(material: &Material<'_>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, material);
    out
}

fn write(out: &mut String, material: &Material<'_>) -> std::fmt::Result {
    let (report, counts) = (&material.report, &material.report.counts);
    let conclusion = material.conclusion();
    let sign = match conclusion {
        Conclusion::Conformant if counts.warned > 0 => "⚠️",
        Conclusion::AsKnown => "⚠️",
        Conclusion::Conformant => "✅",
        Conclusion::NotConformant => "❌",
        Conclusion::Incomplete | Conclusion::HarnessFault => "❔",
    };
    writeln!(out, "## {sign} TLS session binding: {}\n", words::conclusion(conclusion, report))?;
    writeln!(out, "{}\n", words::meaning(conclusion, report))?;
    if let Some(why) = &report.unfinished {
        writeln!(out, "Not all was played: {}\n", code(why))?;
    }
    writeln!(
        out,
        "Subject {}, ekmcheck {}, {}, transports {}.\n",
        code(&report.subject),
        prose(&report.ekmcheck),
        prose(&report.draft),
        material.transports().join(" ")
    )?;
    writeln!(out, "| | passed / judged |\n|---|---:|")?;
    for (name, (passed, judged)) in words::tallies(report) {
        writeln!(out, "| {name} | {passed} / {judged} |")?;
    }
    writeln!(
        out,
        "\nApplicable {} = executed {} + not testable {} + not executed {}. Passed {}, failed {}, warned {}, observed {}, \
         inconclusive {}, harness faults {}.",
        counts.applicable,
        counts.executed,
        counts.not_testable,
        counts.not_executed,
        counts.passed,
        counts.failed,
        counts.warned,
        counts.observed,
        counts.inconclusive,
        counts.errors
    )?;
    if counts.hindered > 0 {
        writeln!(out, "\n{}.", hindrance(counts.hindered))?;
    }
    if !report.dialect.is_usual() {
        writeln!(out, "\nDialect: {}.", prose(&report.dialect.words()))?;
    }
    let choices = choices(&report.cases);
    if !choices.is_empty() {
        writeln!(out, "\nWhere the draft leaves it open: {}.", prose(&choices.join("; ")))?;
    }
    deviations(out, material, Verdict::Fail, "Broken")?;
    deviations(out, material, Verdict::Warn, "Not met (a SHOULD or our hardening)")?;
    for (verdict, title) in [
        (Verdict::Error, "Faults of the harness"),
        (Verdict::Inconclusive, "Inconclusive"),
        (Verdict::NotTestable, "Not testable"),
    ] {
        others(out, material, verdict, title)?;
    }
    Ok(())
}

fn deviations(out: &mut String, material: &Material<'_>, verdict: Verdict, title: &str) -> std::fmt::Result {
    let groups = groups::by_requirement(material, verdict);
    if !groups.is_empty() {
        writeln!(out, "\n### {title}")?;
    }
    for group in groups.iter().take(REQUIREMENTS) {
        let (clause, text) = group.requirement.map_or(("", ""), |r| (r.clause.as_str(), r.text.as_str()));
        writeln!(out, "\n**{}** ({}): {}\n", code(group.id), prose(clause), prose(text))?;
        for same in group.cases.iter().take(CASES) {
            let Some(outcome) = same.outcome() else { continue };
            writeln!(out, "- {} on {}", code(&outcome.id), same.transports().join(" "))?;
            writeln!(out, "  - expected {}, seen {}", code(&outcome.expected), code(&outcome.seen))?;
            if !same.reason.is_empty() {
                writeln!(out, "  - why: {}", code(same.reason))?;
            }
            writeln!(out, "  - again: {}", code(&again(&material.report, outcome)))?;
        }
        more(out, group.cases.len(), CASES, "- and {} more cases; report.html has them")?;
    }
    more(out, groups.len(), REQUIREMENTS, "\nAnd {} more requirements; report.html has them.")
}

fn others(out: &mut String, material: &Material<'_>, verdict: Verdict, title: &str) -> std::fmt::Result {
    let groups = groups::by_reason(material, verdict);
    if !groups.is_empty() {
        writeln!(out, "\n### {title}\n")?;
    }
    for (reason, outcomes) in groups.iter().take(REQUIREMENTS) {
        let ids: Vec<String> =
            outcomes.iter().take(CASES).map(|o| format!("{} on {}", code(&o.id), o.transport.name())).collect();
        let rest = outcomes.len().saturating_sub(CASES);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        writeln!(out, "- {}: {}{rest}", code(reason), ids.join(", "))?;
    }
    more(out, groups.len(), REQUIREMENTS, "- and {} more reasons; report.html has them")
}

fn more(out: &mut String, all: usize, shown: usize, text: &str) -> std::fmt::Result {
    if all > shown { writeln!(out, "{}", text.replace("{}", &(all - shown).to_string())) } else { Ok(()) }
}
