//! Where the draft can be read in more than one way: the register, and a page for the working group that says what was
//! observed.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::Case,
    inert::{code, prose},
    outcome::Outcome,
    report::Report,
};

/// A question that the draft leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ambiguity {
    /// `A-` and two digits.
    pub id: String,
    /// The question.
    pub question: String,
    /// The clauses that it arises from.
    pub clause: String,
    /// Whom it concerns.
    pub roles: Vec<String>,
    /// The answers that a reasonable reader may defend.
    pub readings: Vec<String>,
    /// What the reference does.
    pub reference: String,
    /// A text that would settle it.
    pub settled_by: String,
    /// Why no case observes it; none if some case does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unobserved: Option<String>,
}

/// The register as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The draft and revision that was read.
    pub draft: String,
    /// The questions.
    pub ambiguities: Vec<Ambiguity>,
}

impl Register {
    /// What is wrong with register and cases together: ids that are used twice or not known, questions that no case
    /// observes without a reason, and reasons where there is a case.
    #[must_use]
    pub fn lint(&self, cases: &[Case]) -> Vec<String> {
        let mut faults = Vec::new();
        for case in cases {
            if let Some(id) = case.ambiguity.as_ref().filter(|id| !self.ambiguities.iter().any(|a| a.id == **id)) {
                faults.push(format!("{}: ambiguity {id} is not in the register", case.id));
            }
        }
        for ambiguity in &self.ambiguities {
            let id = &ambiguity.id;
            if self.ambiguities.iter().filter(|a| a.id == *id).count() > 1 {
                faults.push(format!("ambiguity {id} twice"));
            }
            let observed = cases.iter().any(|c| c.ambiguity.as_ref() == Some(id));
            match (&ambiguity.unobserved, observed) {
                (None, false) => faults.push(format!("ambiguity {id} has neither a case nor a reason")),
                (Some(_), true) => faults.push(format!("ambiguity {id} has a case and a reason why it has none")),
                _ => {}
            }
        }
        faults
    }
}

/// The register as a page in Markdown, with what was observed in these runs.
#[must_use]
pub fn page(register: &Register, reports: &[Report]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut out, register, reports);
    out
}

fn write_page(out: &mut String, register: &Register, reports: &[Report]) -> std::fmt::Result {
    writeln!(out, "# Where {} can be read in more than one way\n", prose(&register.draft))?;
    writeln!(
        out,
        "{} questions. Whatever a subject does about them is recorded and never counted as a violation by itself.",
        register.ambiguities.len()
    )?;
    for report in reports {
        let transports: Vec<&str> = report.transports.iter().map(|t| t.name()).collect();
        writeln!(
            out,
            "\nSubject {}: ekmcheck {}, transports {}.",
            code(&report.subject),
            prose(&report.ekmcheck),
            transports.join(", ")
        )?;
    }
    for ambiguity in &register.ambiguities {
        writeln!(out, "\n## {}: {}\n", prose(&ambiguity.id), prose(&ambiguity.question))?;
        writeln!(out, "Clause {}; concerns {}.\n", prose(&ambiguity.clause), prose(&ambiguity.roles.join(", ")))?;
        writeln!(out, "Readings that can be defended:\n")?;
        for reading in &ambiguity.readings {
            writeln!(out, "- {}", prose(reading))?;
        }
        writeln!(out, "\nThe reference: {}\n", prose(&ambiguity.reference))?;
        writeln!(out, "Would be settled by: {}", prose(&ambiguity.settled_by))?;
        if let Some(why) = &ambiguity.unobserved {
            writeln!(out, "\nNot observed: {}", prose(why))?;
        }
        for report in reports {
            observed(out, &ambiguity.id, report)?;
        }
    }
    Ok(())
}

/// What one subject did, a line a case, transports of the same outcome together.
fn observed(out: &mut String, id: &str, report: &Report) -> std::fmt::Result {
    let mut lines: Vec<(&Outcome, Vec<&str>)> = Vec::new();
    for outcome in report.cases.iter().filter(|o| o.ambiguity.as_deref() == Some(id)) {
        let same = |(other, _): &&mut (&Outcome, Vec<&str>)| other.id == outcome.id && other.seen == outcome.seen;
        match lines.iter_mut().find(same) {
            Some((_, transports)) => transports.push(outcome.transport.name()),
            None => lines.push((outcome, vec![outcome.transport.name()])),
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nObserved of {}:\n\n| case | what | transports | seen | verdict |\n|---|---|---|---|---|",
        code(&report.subject)
    )?;
    for (outcome, transports) in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            prose(&outcome.id),
            prose(&outcome.title),
            if transports.len() == report.transports.len() { "all".to_owned() } else { transports.join(" ") },
            code(&outcome.seen),
            outcome.verdict.name()
        )?;
    }
    Ok(())
}
