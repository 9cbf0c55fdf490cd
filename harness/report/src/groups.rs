//! What went wrong, grouped as it is read: by requirement, then by case, transports of the same outcome together.

use std::collections::HashMap;

use ekmcheck_suite::{
    outcome::{Outcome, Verdict},
    requirement::Requirement,
};

use crate::Material;

/// One broken requirement with the cases that show it.
pub(crate) struct Group<'a> {
    pub(crate) id: &'a str,
    /// None if the ledger does not know it.
    pub(crate) requirement: Option<&'a Requirement>,
    /// Results that show it: cases, each once a transport.
    pub(crate) results: usize,
    pub(crate) cases: Vec<Same<'a>>,
}

/// A case on the transports where it came to the same.
pub(crate) struct Same<'a> {
    /// Why; a requirement's own reason, or else that of the case.
    pub(crate) reason: &'a str,
    /// At least one.
    pub(crate) outcomes: Vec<&'a Outcome>,
}

impl<'a> Same<'a> {
    pub(crate) fn transports(&self) -> Vec<&'static str> {
        self.outcomes.iter().map(|o| o.transport.name()).collect()
    }

    /// The first of them.
    pub(crate) fn outcome(&self) -> Option<&'a Outcome> {
        self.outcomes.first().copied()
    }
}

/// The requirements that have this verdict somewhere, what is broken most often first: it is most likely the cause of
/// the rest.
pub(crate) fn by_requirement<'a>(material: &'a Material<'_>, verdict: Verdict) -> Vec<Group<'a>> {
    let mut at: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for outcome in &material.report.cases {
        for found in outcome.requirements.iter().filter(|r| r.verdict == verdict) {
            let at = *at.entry(&found.id).or_insert_with(|| {
                let requirement = material.ledger.requirement(&found.id);
                groups.push(Group { id: &found.id, requirement, results: 0, cases: Vec::new() });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else { continue };
            group.results += 1;
            join(&mut group.cases, outcome, found.reason.as_deref().unwrap_or(&outcome.reason));
        }
    }
    groups.sort_by_key(|g| std::cmp::Reverse(g.results));
    groups
}

/// The results of a verdict by their reason: many share one cause, which is then said once.
pub(crate) fn by_reason<'a>(material: &'a Material<'_>, verdict: Verdict) -> Vec<(&'a str, Vec<&'a Outcome>)> {
    let mut at: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, Vec<&Outcome>)> = Vec::new();
    for outcome in material.report.cases.iter().filter(|o| o.verdict == verdict) {
        let at = *at.entry(&outcome.reason).or_insert_with(|| {
            groups.push((&outcome.reason, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, same)) = groups.get_mut(at) {
            same.push(outcome);
        }
    }
    groups
}

/// Outcomes come by id, so those of a case stand at the end.
fn join<'a>(cases: &mut Vec<Same<'a>>, outcome: &'a Outcome, reason: &'a str) {
    let here = cases.iter_mut().rev().take_while(|s| s.outcome().is_some_and(|o| o.id == outcome.id));
    let mut same = here.filter(|s| s.outcome().is_some_and(|o| o.seen == outcome.seen) && s.reason == reason);
    match same.next() {
        Some(same) => same.outcomes.push(outcome),
        None => cases.push(Same { reason, outcomes: vec![outcome] }),
    }
}
