//! What was found so far, in one place for each way to be wrong.

use std::collections::BTreeMap;

use ekmcheck_suite::{
    campaign::{Class, Example, Finding, Weight},
    case::Transport,
};

use super::{
    line::Expected,
    random::Mutant,
    weight::{Rows, weight},
};

/// Checks that are made of every request, so that no cache excuses what they refuse.
const EVERY_REQUEST: [&str; 7] = ["presence", "field", "token", "htm", "htu", "jti", "confirmation"];

/// All findings of a campaign.
pub(super) struct Found {
    rows: Rows,
    findings: BTreeMap<String, Finding>,
}

/// How a deviation was seen the last time.
pub(super) struct Sight<'a> {
    pub(super) expected: &'a Expected,
    pub(super) seen: String,
    pub(super) transport: Transport,
    pub(super) at_request: u64,
}

impl Found {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, findings: BTreeMap::new() }
    }

    /// Whether another example of the finding would say nothing new; it is counted then.
    pub(super) fn is_well_known(&mut self, class: Class, check: &str, mutant: &Mutant) -> bool {
        let heavier = self.weigh(class, check, mutant) == Weight::Violation;
        let Some(finding) = self.findings.get_mut(&id(class, check)) else { return false };
        let settled = finding.weight == Weight::Violation || !heavier;
        if finding.examples.len() < Finding::EXAMPLES || !settled {
            return false;
        }
        finding.times += 1;
        true
    }

    /// A warm connection excuses what the draft's figure takes a hit for.
    fn weigh(&self, class: Class, check: &str, mutant: &Mutant) -> Weight {
        let excused = class == Class::Bypass && mutant.warm && !EVERY_REQUEST.contains(&check);
        if excused { Weight::Note } else { weight(&self.rows, class, check, &mutant.mutations) }
    }

    /// Keeps an example that was confirmed.
    pub(super) fn keep(&mut self, class: Class, mutant: &Mutant, sight: &Sight<'_>) {
        let check = sight.expected.check();
        let weight = self.weigh(class, check, mutant);
        let expected = match sight.expected {
            Expected::Accepts => "accepts".to_owned(),
            Expected::Refuses(check) => check.clone(),
        };
        let example = Example {
            // What was read from JSON or made of strings and numbers is written without fail.
            mutations: serde_json::to_value(mutant).unwrap_or_default(),
            claims: mutant.claim_names(),
            warm: mutant.warm,
            transport: sight.transport,
            weight,
            expected,
            seen: sight.seen.clone(),
            at_request: sight.at_request,
        };
        let finding = self.findings.entry(id(class, check)).or_insert_with(|| Finding {
            id: id(class, check),
            class,
            check: check.to_owned(),
            weight,
            times: 0,
            examples: Vec::new(),
        });
        finding.times += 1;
        finding.show(example);
    }

    /// Findings against a MUST, and others.
    pub(super) fn count(&self) -> (usize, usize) {
        let violations = self.findings.values().filter(|f| f.weight == Weight::Violation).count();
        (violations, self.findings.len() - violations)
    }

    /// All of them, the heaviest first.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.findings.into_values().collect();
        findings.sort_by(|one, other| (other.weight, &one.id).cmp(&(one.weight, &other.id)));
        findings
    }
}

fn id(class: Class, check: &str) -> String {
    format!("{}.{check}", class.name())
}
