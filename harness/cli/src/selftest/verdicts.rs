//! Every verdict of a self-test: what a change to the suite must not move without a reason (`selftest --verdicts`).

use std::collections::BTreeMap;

use ekmcheck_suite::{
    outcome::{Outcome, Verdict},
    report::Report,
};
use serde::Serialize;

/// Verdicts by case and transport.
type OfSubject = BTreeMap<String, String>;

/// Written as JSON with a verdict a line, so that `git diff` shows what moved.
#[derive(Default, Serialize)]
pub(super) struct Verdicts {
    /// On the reference, all of them.
    reference: OfSubject,
    /// On every other subject those that are not the reference's.
    others: BTreeMap<String, OfSubject>,
}

impl Verdicts {
    /// Takes note of a run. The reference's comes first.
    pub(super) fn note(&mut self, report: &Report) {
        let all = report.cases.iter().map(|o| (format!("{} {}", o.id, o.transport.name()), text(o)));
        if report.subject == "reference" {
            self.reference = all.collect();
        } else {
            let differs = all.filter(|(key, verdict)| self.reference.get(key) != Some(verdict)).collect();
            self.others.insert(report.subject.clone(), differs);
        }
    }
}

/// The verdict, and the requirements that it rests on where something is not as required.
fn text(outcome: &Outcome) -> String {
    let worst = outcome.requirements.iter().filter(|r| r.verdict.is_deviation());
    let mut text = outcome.verdict.name().to_owned();
    for requirement in worst {
        let warned = if requirement.verdict == Verdict::Warn { " (warn)" } else { "" };
        text.push_str(&format!(" {}{warned}", requirement.id));
    }
    text
}
