//! Failures that are known and tolerated for a while, and what came of them in a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conclusion, Counts, Report};
use crate::{
    case::Transport,
    outcome::{Outcome, Verdict},
};

/// What the list of known failures came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The failures that were as the list has them.
    pub known: Vec<Known>,
    /// What is wrong with the list, by line: entries that are stale, expired, or came to another verdict. None of them
    /// excuses anything, and each of them fails the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// A failure that was expected and happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The case.
    pub id: String,
    /// The transport.
    pub transport: Transport,
    /// The verdict, as expected.
    pub verdict: Verdict,
    /// Why it is tolerated.
    pub reason: String,
    /// Where it is followed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Report {
    /// Takes the known failures out of the counts of what failed, and draws the conclusion anew.
    pub fn set_baseline(&mut self, baseline: Baseline) {
        let mut counts = Counts::of(&self.cases, self.counts.applicable);
        for known in &baseline.known {
            let of = match known.verdict {
                Verdict::Fail => &mut counts.failed,
                Verdict::Warn => &mut counts.warned,
                Verdict::Inconclusive => &mut counts.inconclusive,
                // Nothing else can be excused.
                _ => continue,
            };
            *of = of.saturating_sub(1);
            counts.known += 1;
        }
        let graver = |known: &Known| known.verdict != Verdict::Warn;
        let excused = baseline.known.iter().any(graver);
        self.conclusion = match Conclusion::of(&counts) {
            Conclusion::Conformant if excused => Conclusion::AsKnown,
            conclusion => conclusion,
        };
        self.counts = counts;
        self.baseline = Some(baseline);
    }

    /// The entry by which an outcome is known and tolerated, if it is.
    #[must_use]
    pub fn known(&self, outcome: &Outcome) -> Option<&Known> {
        let known = &self.baseline.as_ref()?.known;
        known.iter().find(|k| k.id == outcome.id && k.transport == outcome.transport)
    }
}
