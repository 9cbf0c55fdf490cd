//! The result of a run as data (`report.json`) and as text for a terminal.

mod again;
mod baseline;
mod diff;
mod shard;
mod terminal;

pub use baseline::{Baseline, Known};
pub use diff::{Change, Difference, Kind, difference};
pub use shard::{MergeFaults, Shard, Unit, deal, merge};
pub use terminal::{Style, hindrance, summary, timings};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    adapter::Adapter,
    case::{Basis, Level, Transport},
    dialect::Dialect,
    outcome::{Outcome, Verdict},
};

/// The draft and revision that the suite tests.
pub const DRAFT: &str = "draft-mw-oauth-tls-session-bound-tokens-06";

/// How many cases ended how. One case on one transport counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Cases that make sense on the transports of the run: executed, not testable and not executed together.
    pub applicable: usize,
    /// Played to an end.
    pub executed: usize,
    /// As required.
    pub passed: usize,
    /// Against a MUST of the draft or of an RFC that it builds on.
    pub failed: usize,
    /// Against a SHOULD or against hardening.
    pub warned: usize,
    /// Left open by the draft; recorded.
    pub observed: usize,
    /// A control failed.
    pub inconclusive: usize,
    /// Ended by a fault of the harness.
    pub errors: usize,
    /// Not as required, and tolerated by the list of known failures; counted here and nowhere else.
    #[serde(default, skip_serializing_if = "is_none")]
    pub known: usize,
    /// Cannot be tested on this subject.
    pub not_testable: usize,
    /// Of these, how many because the subject did not get to what was asked of it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub hindered: usize,
    /// Selected and not played: the run was cut short.
    pub not_executed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_none(number: &usize) -> bool {
    *number == 0
}

impl Counts {
    /// Counts outcomes; `selected` is how many were to be played.
    #[must_use]
    pub fn of(outcomes: &[Outcome], selected: usize) -> Self {
        let count = |verdict| outcomes.iter().filter(|o| o.verdict == verdict).count();
        let not_testable = count(Verdict::NotTestable);
        Self {
            applicable: selected,
            executed: outcomes.len() - not_testable,
            passed: count(Verdict::Pass),
            failed: count(Verdict::Fail),
            warned: count(Verdict::Warn),
            observed: count(Verdict::Observed),
            inconclusive: count(Verdict::Inconclusive),
            errors: count(Verdict::Error),
            known: 0,
            not_testable,
            hindered: outcomes.iter().filter(|o| o.hindered).count(),
            not_executed: selected.saturating_sub(outcomes.len()),
        }
    }
}

/// What the run cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Ways gone through cases: warm, cold, story.
    pub plays: usize,
    /// TLS handshakes.
    pub handshakes: usize,
    /// Signatures of access tokens and proofs that were made.
    pub signatures: usize,
    /// Signatures that the subject had to verify: of the token on every request, of every proof once.
    pub verifications: usize,
    /// Seconds that the same number of bare handshakes takes, as many at once, measured in the same run.
    pub bare_handshakes: Option<f64>,
    /// Seconds that the same number of bare signatures and verifications (ES256) takes, on as many cores.
    pub bare_signatures: Option<f64>,
}

impl Cost {
    /// The run's time as a multiple of that of the bare handshakes and signatures that it needs.
    #[must_use]
    pub fn times_bare(&self) -> Option<f64> {
        let floor = self.bare_handshakes? + self.bare_signatures?;
        (floor > 0.0).then(|| self.seconds / floor)
    }
}

/// How a requirement fared over all cases that touch it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementSummary {
    /// The requirement.
    pub id: String,
    /// The worst verdict; not testable only if no case could be tested.
    pub verdict: Verdict,
    /// In how many cases it was touched.
    pub touched: usize,
    /// In how many of them it could not be tested.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_testable: usize,
    /// In how many of them it was not as required.
    pub deviations: usize,
}

/// The exit status of a run; the numbers are a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// 0: every applicable case was played or is known to be untestable, and none is against a MUST.
    Conformant,
    /// 0: nothing is wrong but what the list of known failures tolerates. Not conformant, and no worse than known.
    AsKnown,
    /// 1: something is against a MUST.
    NotConformant,
    /// 3: nothing, or not all, was played to a conclusion.
    Incomplete,
    /// 4: the harness itself failed.
    HarnessFault,
}

impl Conclusion {
    /// The exit status.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Conformant | Self::AsKnown => 0,
            Self::NotConformant => 1,
            Self::Incomplete => 3,
            Self::HarnessFault => 4,
        }
    }

    /// The same, or not conformant where warnings count as violations and there are some.
    #[must_use]
    pub fn strictly(self, strict: bool, counts: &Counts) -> Self {
        if strict && self == Self::Conformant && counts.warned > 0 { Self::NotConformant } else { self }
    }

    /// From the counts. A violation found stands, whatever else went wrong.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        if counts.failed > 0 {
            Self::NotConformant
        } else if counts.errors > 0 {
            Self::HarnessFault
        } else if counts.executed == 0 || counts.inconclusive > 0 || counts.hindered > 0 || counts.not_executed > 0 {
            Self::Incomplete
        } else {
            Self::Conformant
        }
    }
}

/// The whole result: `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of the tool.
    pub ekmcheck: String,
    /// What was tested: `reference`, `fault:NAME` …
    pub subject: String,
    /// The words of `ekmcheck run` that name the subject, where `--subject` with that name is not enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named_by: Vec<String>,
    /// Draft and revision.
    pub draft: String,
    /// The transports of the run.
    pub transports: Vec<Transport>,
    /// The seed of the run.
    pub seed: u64,
    /// The folder that the cases were read from, where it is not the embedded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<String>,
    /// The adapter, where a library in another language was given vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// The part of the selection that this is about, where it is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What the list of known failures came to, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// How the subject reads what the draft leaves open; the suite follows it.
    #[serde(default, skip_serializing_if = "Dialect::is_usual")]
    pub dialect: Dialect,
    /// When the run began, in seconds since 1970; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<i64>,
    /// Why not all that was selected was played, where that is so. Words of the subject may stand in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// How many cases ended how.
    pub counts: Counts,
    /// What it cost.
    pub cost: Cost,
    /// How each requirement fared.
    pub requirements: Vec<RequirementSummary>,
    /// One entry a case and transport, by id.
    pub cases: Vec<Outcome>,
}

impl Report {
    /// Counts and sums up. `cases` may come in any order.
    #[must_use]
    pub fn new(
        subject: &str,
        transports: Vec<Transport>,
        seed: u64,
        cost: Cost,
        selected: usize,
        mut cases: Vec<Outcome>,
    ) -> Self {
        cases.sort_by(|a, b| (&a.id, a.transport).cmp(&(&b.id, b.transport)));
        let counts = Counts::of(&cases, selected);
        Self {
            ekmcheck: env!("CARGO_PKG_VERSION").to_owned(),
            subject: subject.to_owned(),
            named_by: Vec::new(),
            draft: DRAFT.to_owned(),
            transports,
            seed,
            scenarios: None,
            adapter: None,
            shard: None,
            baseline: None,
            dialect: Dialect::default(),
            started: None,
            unfinished: None,
            conclusion: Conclusion::of(&counts),
            counts,
            cost,
            requirements: requirements(&cases),
            cases,
        }
    }

    /// `(passed, judged)` of the executed cases of a level and basis; observed ones are not counted.
    #[must_use]
    pub fn tally(&self, level: Option<Level>, basis: Basis) -> (usize, usize) {
        let judged = self.cases.iter().filter(|o| {
            o.basis == basis
                && level.is_none_or(|l| o.level == l)
                && !matches!(o.verdict, Verdict::Observed | Verdict::NotTestable)
        });
        judged.fold((0, 0), |(passed, all), o| (passed + usize::from(o.verdict == Verdict::Pass), all + 1))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn requirements(cases: &[Outcome]) -> Vec<RequirementSummary> {
    let mut by_id: BTreeMap<&str, RequirementSummary> = BTreeMap::new();
    for found in cases.iter().flat_map(|o| &o.requirements) {
        let entry = by_id.entry(&found.id).or_insert_with(|| RequirementSummary {
            id: found.id.clone(),
            verdict: Verdict::NotTestable,
            touched: 0,
            not_testable: 0,
            deviations: 0,
        });
        entry.verdict = std::cmp::max_by_key(entry.verdict, found.verdict, |v| v.weight());
        entry.touched += 1;
        entry.not_testable += usize::from(found.verdict == Verdict::NotTestable);
        entry.deviations += usize::from(found.verdict.is_deviation());
    }
    by_id.into_values().collect()
}
