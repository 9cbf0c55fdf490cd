//! What the harness and a verifier in another language say to each other, and what the answers to a vector mean.
//!
//! One JSON object a line: a [`Request`] to the adapter's standard input, an [`Answer`] from its standard output.

mod judge;

pub use judge::{Control, Heard, Told, judge};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    case::{Case, Expect, Refused, Transport},
    inert::{bounded, inert},
    role::Role,
    vector::{Inputs, Vector, Verdict, Window},
};

/// The longest line that an adapter may answer, in octets, with the newline.
pub const LONGEST_ANSWER: usize = 1 << 16;
/// How many characters are kept of a word such as a name, and how many of a sentence.
const KEPT: (usize, usize) = (100, 400);
/// How many features are kept.
const FEATURES: usize = 64;

/// What an adapter is asked. It ignores members that it does not know, and answers `unsupported` to commands that it does
/// not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who are you? The first request to a fresh adapter.
    Hello {
        /// What the answer has to repeat.
        id: u64,
    },
    /// Would you let this request through? Every one starts from nothing: no `jti` is remembered, nothing is cached.
    Verify {
        /// What the answer has to repeat.
        id: u64,
        /// What a verifier is given, as in a vector.
        inputs: Box<Inputs>,
        /// The window of `iat` to use.
        policy: Window,
    },
}

/// What an adapter answers, with the `id` of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// To `hello`.
    Hello {
        /// That of the request.
        id: u64,
        /// The adapter's name.
        name: String,
        /// Its version.
        version: String,
        /// The language, with its version.
        language: String,
        /// The library that verifies, with its version.
        library: String,
        /// What it can do, in words like `ES256`; for people, nothing depends on it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        features: Vec<String>,
    },
    /// To `verify`: the request is let through.
    Accept {
        /// That of the request.
        id: u64,
    },
    /// To `verify`: the request is refused.
    Refuse {
        /// That of the request.
        id: u64,
        /// The check that refused, by its name in a vector (`ekm`, `signature` …), where the library tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check: Option<String>,
        /// Why, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The command is not known, or the library cannot do this at all: it has no such key type or algorithm. A proof that
    /// is wrong is refused, and not unsupported.
    Unsupported {
        /// That of the request.
        id: u64,
        /// What is not supported.
        why: String,
    },
}

/// What an adapter says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The adapter's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The language, with its version.
    pub language: String,
    /// The library that verifies, with its version.
    pub library: String,
    /// What it can do, in words like `ES256`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// An adapter as the subject of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// The command line that starts it, as it was given.
    pub command: String,
    /// What it says of itself.
    pub about: About,
}

impl Answer {
    /// Reads a line. What it says is cut to a bounded length, and characters that steer a terminal are replaced.
    ///
    /// # Errors
    /// What is wrong with the line, in a sentence for the adapter's author.
    pub fn read(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|e| inert(&format!("no JSON: {e}")))?;
        let Value::Object(members) = &value else { return Err("JSON, but no object".to_owned()) };
        if members.contains_key("command") {
            return Err("it has a \"command\", as if it were the request sent back".to_owned());
        }
        if !members.contains_key("answer") {
            return Err("no \"answer\" in it: one of hello, accept, refuse, unsupported".to_owned());
        }
        let answer: Self = serde_json::from_value(value).map_err(|e| inert(&e.to_string()))?;
        Ok(match answer {
            Self::Hello { id, name, version, language, library, features } => Self::Hello {
                id,
                name: bounded(&name, KEPT.0),
                version: bounded(&version, KEPT.0),
                language: bounded(&language, KEPT.0),
                library: bounded(&library, KEPT.0),
                features: features.iter().take(FEATURES).map(|f| bounded(f, KEPT.0)).collect(),
            },
            Self::Accept { id } => Self::Accept { id },
            Self::Refuse { id, check, detail } => Self::Refuse {
                id,
                check: check.map(|c| bounded(&c, KEPT.0)),
                detail: detail.map(|d| bounded(&d, KEPT.1)),
            },
            Self::Unsupported { id, why } => Self::Unsupported { id, why: bounded(&why, KEPT.1) },
        })
    }

    /// The id of the request that it answers.
    #[must_use]
    pub fn id(&self) -> u64 {
        match self {
            Self::Hello { id, .. } | Self::Accept { id } | Self::Refuse { id, .. } | Self::Unsupported { id, .. } => {
                *id
            }
        }
    }
}

/// A vector as reports and selections see cases. It cannot be played as one.
#[must_use]
pub fn as_case(vector: &Vector) -> Case {
    let refused = || Refused { check: vector.expect.check.clone(), ..Refused::default() };
    Case {
        id: vector.id.clone(),
        role: Role::Verifier,
        row: String::new(),
        also: Vec::new(),
        title: vector.title.clone(),
        level: vector.level,
        basis: vector.basis,
        clause: vector.clause.clone(),
        requirements: vector.requirements.clone(),
        ambiguity: None,
        transports: Some(vec![Transport::Offline]),
        client: Some(vector.client.clone()),
        claims: Vec::new(),
        alter: vector.alteration.clone(),
        expect: Some(match vector.expect.verdict {
            Verdict::Accept => Expect::Accepted,
            Verdict::Refuse => Expect::Refused(refused()),
            Verdict::Open => Expect::Observed,
        }),
        play: None,
        without_clock: None,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(Answer::read(r#"{"answer":"accept","id":7}"#), Ok(Answer::Accept { id: 7 }));
        let refused = Answer::read(r#"{"id":8,"answer":"refuse","check":"ekm","detail":"not \u001b[31mequal"}"#);
        let detail = Some("not \u{fffd}[31mequal".to_owned());
        assert_eq!(refused, Ok(Answer::Refuse { id: 8, check: Some("ekm".to_owned()), detail }));
        let hello =
            r#"{"id":1,"answer":"hello","name":"n","version":"1","language":"l","library":"b","features":["x"]}"#;
        let Ok(Answer::Hello { id: 1, name, features, .. }) = Answer::read(hello) else { panic!("not read") };
        assert_eq!((name.as_str(), features.len()), ("n", 1));
        let long = format!(r#"{{"id":9,"answer":"unsupported","why":"{}"}}"#, "x".repeat(5000));
        let Ok(Answer::Unsupported { why, .. }) = Answer::read(&long) else { panic!("not read") };
        assert_eq!(why.len(), KEPT.1);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (line, said) in [
            ("", "no JSON"),
            ("ready", "no JSON"),
            ("[1]", "no object"),
            (r#"{"id":1,"command":"hello"}"#, "sent back"),
            (r#"{"id":1}"#, "no \"answer\""),
            (r#"{"id":1,"answer":"yes"}"#, "unknown variant"),
            (r#"{"answer":"accept"}"#, "missing field `id`"),
            (r#"{"id":"1","answer":"accept"}"#, "invalid type"),
            (r#"{"id":-1,"answer":"accept"}"#, "invalid value"),
            (r#"{"id":1,"answer":"refuse","chek":"ekm"}"#, "unknown field `chek`"),
            (r#"{"id":1,"answer":"unsupported"}"#, "missing field `why`"),
            (r#"{"id":1,"answer":"hello","name":"n"}"#, "missing field"),
        ] {
            let fault = Answer::read(line).unwrap_err();
            assert!(fault.contains(said), "{line}: {fault}");
        }
    }
}
