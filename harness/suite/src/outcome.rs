//! What came of a case on a transport.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::{Basis, Level, Transport},
    role::Role,
};

/// The verdict on a requirement, and the worst of them on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As required.
    Pass,
    /// The draft leaves it open; recorded.
    Observed,
    /// Not as a SHOULD has it, or as this suite's hardening has it.
    Warn,
    /// A control failed, so that the answer proves nothing.
    Inconclusive,
    /// It cannot be tested here; the reason says why. Never green.
    NotTestable,
    /// Against a MUST of the draft or of an RFC that it builds on.
    Fail,
    /// The harness's own fault.
    Error,
}

impl Verdict {
    /// All of them, the best first.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Observed, Self::Warn, Self::Inconclusive, Self::NotTestable, Self::Fail, Self::Error];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Observed => "observed",
            Self::Warn => "warn",
            Self::Inconclusive => "inconclusive",
            Self::NotTestable => "not-testable",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }

    /// The verdict on a deviation.
    #[must_use]
    pub fn of_deviation(level: Level, basis: Basis) -> Self {
        match (level, basis) {
            (Level::Must, Basis::Draft | Basis::Inherited) => Self::Fail,
            (Level::Must, Basis::Hardening) | (Level::Should, _) => Self::Warn,
            (Level::May, _) => Self::Observed,
        }
    }

    /// How much it weighs beside other results on the same thing: what could not be tested says nothing against, or for,
    /// what was.
    #[must_use]
    pub fn weight(self) -> (bool, Self) {
        (self != Self::NotTestable, self)
    }

    /// Whether a deviation was found: what the kill matrix counts.
    #[must_use]
    pub fn is_deviation(self) -> bool {
        matches!(self, Self::Fail | Self::Warn)
    }
}

/// The verdict on one requirement that a case touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementVerdict {
    /// The requirement.
    pub id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where it is not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The events that the verdict rests on. A pass has some, always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Events of one way through the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Which of the case's transcripts on the transport, from 0.
    pub play: usize,
    /// The events by their places in it, from 0.
    pub events: Vec<usize>,
}

/// What came of a case on a transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The case.
    pub id: String,
    /// The rows of the catalogue that it covers.
    pub rows: Vec<String>,
    /// What must hold, in a sentence.
    pub title: String,
    /// The entry of the ambiguity register, where the draft leaves freedom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
    /// The role under test.
    pub role: Role,
    /// The transport.
    pub transport: Transport,
    /// The worst verdict of its requirements.
    pub verdict: Verdict,
    /// How strong the case is.
    pub level: Level,
    /// Where it comes from.
    pub basis: Basis,
    /// One verdict a requirement.
    pub requirements: Vec<RequirementVerdict>,
    /// What should have happened.
    pub expected: String,
    /// What happened.
    pub seen: String,
    /// Why the verdict is what it is; empty for a plain pass.
    pub reason: String,
    /// It could not be tested because the subject did not get to it: it was unavailable, or did not process requests. The run
    /// is then not whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hindered: bool,
}
