//! Steps about what lives longer than a request: tokens that are looked up, servers, connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Send, Step};

/// A server of the subject's other than the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Another process of the same service: same name, same certificate, same audience, a memory of its own.
    Node,
    /// Another service of the same operator: another audience.
    Service,
    /// The same service behind a listener whose clients come from another certification authority.
    OtherCa,
}

/// Makes an access token known to the subject by introspection (section 3.4), or changes what introspection says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// What later steps call the token.
    pub token: String,
    /// The text of the token. Counts at first mention.
    #[serde(default)]
    pub form: TokenForm,
    /// Members that the response has in place of the usual ones; `null` takes one away.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub response: serde_json::Map<String, serde_json::Value>,
}

/// Texts of access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenForm {
    /// Letters, digits and hyphens.
    #[default]
    Opaque,
    /// With every character that RFC 6750 section 2.1 allows.
    EveryCharacter,
    /// With `=` at the end.
    EndsWithEqualsSign,
    /// Five segments, as an encrypted JWT (RFC 7516) has.
    Jwe,
    /// A JWT that the resource server could also check on its own.
    Jwt,
    /// One of two texts whose SHA-256 hashes begin with the same octets.
    CollidingOne,
    /// The other of the two.
    CollidingTwo,
}

/// Stops the subject and starts it anew: connections end, and what it remembered is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// The authority that clients come from afterwards.
    #[serde(default, skip_serializing_if = "ClientCa::is_own")]
    pub client_ca: ClientCa,
}

/// The certification authority of a server's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCa {
    /// That of the harness's usual clients.
    #[default]
    Own,
    /// Another one, which issued the certificate of the client `foreign` only.
    Foreign,
}

impl ClientCa {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// Does steps again and again. In the names of tokens `{round}` is the number of the round, from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// How many times.
    pub times: u32,
    /// What is done.
    pub steps: Vec<Step>,
}

/// Whether a connection is still the one that was opened under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The connection.
    pub on: String,
}

impl Step {
    /// The step as it is in a round.
    #[must_use]
    pub fn in_round(&self, round: u32) -> Self {
        let named = |send: &Send| {
            let token = send.token.as_ref().map(|token| token.replace("{round}", &round.to_string()));
            Send { token, ..send.clone() }
        };
        match self {
            Self::Send(send) => Self::Send(Box::new(named(send))),
            Self::Together(sends) => Self::Together(sends.iter().map(named).collect()),
            Self::Abandon(send) => Self::Abandon(Box::new(named(send))),
            other => other.clone(),
        }
    }
}
