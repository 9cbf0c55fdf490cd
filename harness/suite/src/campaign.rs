//! What came of a fuzz campaign on a live subject.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Transport;

/// What kind of deviation from the reference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Accepted what must be refused.
    Bypass,
    /// Refused what must be accepted.
    RefusesRight,
    /// A right request was refused after it, also on a new connection.
    Poisons,
    /// Answered with 5xx.
    ServerError,
    /// No answer: a timeout, or the end of the connection in the middle of an answer.
    NoAnswer,
}

impl Class {
    /// The name in files and on the terminal.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::RefusesRight => "refuses-right",
            Self::Poisons => "poisons",
            Self::ServerError => "server-error",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// A SHOULD, our hardening, or where the draft leaves freedom.
    Note,
    /// Against a MUST of the draft or of an RFC that it builds on.
    Violation,
}

/// A request that shows a finding, as small as it could be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The changes to a right request, for `ekmcheck fuzz --replay`.
    pub mutations: Value,
    /// The per-request claims that the proof carries: of `jti`, `htm`, `htu`.
    pub claims: Vec<String>,
    /// Whether a right request went before it on the same connection.
    pub warm: bool,
    /// The transport.
    pub transport: Transport,
    /// What it weighs alone.
    pub weight: Weight,
    /// What the reference does: `accepts`, or the check that refuses.
    pub expected: String,
    /// What the subject did.
    pub seen: String,
    /// How many requests had been sent when it was first seen.
    pub at_request: u64,
}

/// What a subject does wrong in one way: all requests of one class that one check of the reference is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Class and check, like `bypass.ekm`.
    pub id: String,
    /// The class.
    pub class: Class,
    /// The check of the reference, or `none`.
    pub check: String,
    /// The heaviest of the examples.
    pub weight: Weight,
    /// How many requests showed it.
    pub times: u64,
    /// Some of them, each seen again in three trials of three.
    pub examples: Vec<Example>,
}

/// How many ways to answer had been seen after so many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Novelty {
    /// Requests sent.
    pub requests: u64,
    /// Different pairs of what the reference and what the subject did.
    pub behaviours: u64,
}

/// Why a campaign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All requests were sent.
    Requests,
    /// The time was over.
    Time,
    /// As many answers with 5xx as were allowed.
    ServerErrors,
    /// The subject takes right requests no more.
    Refusing,
    /// Somebody ended it.
    Interrupted,
}

/// A campaign: `campaign.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Version of the tool.
    pub ekmcheck: String,
    /// What was tested.
    pub subject: String,
    /// The words of `ekmcheck fuzz` that name it.
    pub named_by: Vec<String>,
    /// Draft and revision.
    pub draft: String,
    /// The transports in use.
    pub transports: Vec<Transport>,
    /// The seed.
    pub seed: u64,
    /// Requests sent, controls and trials among them.
    pub requests: u64,
    /// Mutated requests among them, trials left out.
    pub mutants: u64,
    /// Connections opened.
    pub connections: u64,
    /// Seconds.
    pub seconds: f64,
    /// Why it ended.
    pub ended: Ended,
    /// Answers with 5xx.
    pub server_errors: u64,
    /// What was found, violations first.
    pub findings: Vec<Finding>,
    /// How the number of different behaviours grew.
    pub novelty: Vec<Novelty>,
    /// Mutants that brought something new, to go on from (`--resume`).
    pub corpus: Vec<Value>,
}

impl Campaign {
    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.requests as f64 / self.seconds } else { 0.0 }
    }

    /// Whether something is against a MUST.
    #[must_use]
    pub fn violates(&self) -> bool {
        self.findings.iter().any(|f| f.weight == Weight::Violation)
    }
}
