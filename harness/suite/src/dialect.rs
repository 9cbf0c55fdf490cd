//! What a right resource server may choose where the draft leaves it open, and what the suite then has to follow: found out once,
//! at the beginning of a run, and said in the report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::PerRequestClaim;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_the_open_question() {
        assert_eq!(Dialect::default().words(), "");
        let both = Dialect { htu: HtuForm::Absolute, demanded: vec![PerRequestClaim::Jti, PerRequestClaim::Htm] };
        assert_eq!(both.words(), "htu is an absolute URI (A-01); every proof needs jti, htm (A-13)");
    }
}
