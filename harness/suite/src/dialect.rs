//! What a right resource server may choose where the draft leaves it open, and what the suite then has to follow: found out once,
//! at the beginning of a run, and said in the report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{case::PerRequestClaim, outcome::Outcome};

/// The dialect of a subject. By default that of the draft's own examples.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The form of `htu` that it takes (ambiguity A-01).
    #[serde(default, skip_serializing_if = "HtuForm::is_either")]
    pub htu: HtuForm,
    /// The per-request claims without which no proof is accepted (ambiguity A-13).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demanded: Vec<PerRequestClaim>,
}

/// The forms of `htu` that a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HtuForm {
    /// A path as well as an absolute URI.
    #[default]
    Either,
    /// A path alone.
    Path,
    /// An absolute URI alone.
    Absolute,
}

impl HtuForm {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    fn is_either(&self) -> bool {
        *self == Self::Either
    }
}

impl Dialect {
    /// Whether it is that of the draft's examples.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a proof serves one request only.
    #[must_use]
    pub fn demands(&self) -> bool {
        !self.demanded.is_empty()
    }

    /// In words, for reports.
    #[must_use]
    pub fn words(&self) -> String {
        let demanded = self.demanded.iter().map(|claim| claim.name()).collect::<Vec<_>>().join(", ");
        let parts = [
            (self.htu == HtuForm::Path, "htu is a path (A-01)".to_owned()),
            (self.htu == HtuForm::Absolute, "htu is an absolute URI (A-01)".to_owned()),
            (self.demands(), format!("every proof needs {demanded} (A-13)")),
        ];
        parts.into_iter().filter(|(holds, _)| *holds).map(|(_, words)| words).collect::<Vec<_>>().join("; ")
    }
}

/// What a subject was seen to choose beside its dialect, where the draft leaves it open and nothing has to follow: a
/// sentence an ambiguity that cases of the run are about.
#[must_use]
pub fn choices(outcomes: &[Outcome]) -> Vec<String> {
    // Of an observation, the reason is what was seen.
    let accepts = |id: &str| {
        let seen = outcomes.iter().find(|o| o.id == id)?.reason.strip_prefix("observed: ")?;
        Some(seen.starts_with('2'))
    };
    let mut choices = Vec::new();
    if let Some(accepted) = accepts("rs.accept.plain-bearer") {
        let does = if accepted { "accepted" } else { "refused" };
        choices.push(format!("tokens that are bound to nothing are {does} (A-05)"));
    }
    let algorithms = [
        ("RS256", "rs.alg.rs256"),
        ("PS256", "rs.alg.ps256"),
        ("PS384", "rs.alg.ps384"),
        ("EdDSA", "rs.alg.eddsa"),
        ("Ed25519", "rs.alg.ed25519"),
    ];
    let known: Vec<_> = algorithms.iter().filter_map(|(name, id)| Some((*name, accepts(id)?))).collect();
    if !known.is_empty() {
        let taken: Vec<_> = known.iter().filter(|(_, accepted)| *accepted).map(|(name, _)| *name).collect();
        let taken = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        choices.push(format!("of the algorithms beside ECDSA it takes {taken} (A-09)"));
    }
    let within =
        match ["new-connection", "other-token", "other-client"].map(|id| accepts(&format!("rs.jti.same-jti-{id}"))) {
            [Some(true), ..] => Some("one connection"),
            [Some(false), Some(true), _] => Some("one token"),
            [_, Some(false), Some(true)] => Some("one client"),
            [_, _, Some(false)] => Some("all clients"),
            _ => None,
        };
    choices.extend(within.map(|within| format!("a jti may not come again within {within} (A-12)")));
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        case::{Basis, Level, Transport},
        outcome::Verdict,
        role::Role,
    };

    #[test]
    fn words_name_the_open_question() {
        assert_eq!(Dialect::default().words(), "");
        let both = Dialect { htu: HtuForm::Absolute, demanded: vec![PerRequestClaim::Jti, PerRequestClaim::Htm] };
        assert_eq!(both.words(), "htu is an absolute URI (A-01); every proof needs jti, htm (A-13)");
    }

    #[test]
    fn choices_are_told_from_what_was_observed() {
        let seen = |id: &str, reason: &str| Outcome {
            id: id.to_owned(),
            rows: Vec::new(),
            title: String::new(),
            ambiguity: None,
            role: Role::ResourceServer,
            transport: Transport::Tls13H1,
            verdict: Verdict::Observed,
            level: Level::May,
            basis: Basis::Draft,
            requirements: Vec::new(),
            expected: String::new(),
            seen: String::new(),
            reason: reason.to_owned(),
            hindered: false,
        };
        assert!(choices(&[]).is_empty());
        let outcomes = [
            seen("rs.accept.plain-bearer", "observed: 401 invalid_token"),
            seen("rs.alg.rs256", "observed: 200"),
            seen("rs.alg.ps256", "observed: 401 invalid_proof"),
            seen("rs.jti.same-jti-new-connection", "observed: 401 invalid_proof"),
            seen("rs.jti.same-jti-other-token", "observed: 401 invalid_proof"),
            seen("rs.jti.same-jti-other-client", "observed: 200"),
            // It could not be tested.
            seen("rs.alg.eddsa", "no connection with an ed25519 certificate"),
        ];
        let expected = [
            "tokens that are bound to nothing are refused (A-05)",
            "of the algorithms beside ECDSA it takes RS256 (A-09)",
            "a jti may not come again within one client (A-12)",
        ];
        assert_eq!(choices(&outcomes), expected);
    }
}
