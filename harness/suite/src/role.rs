//! The five roles that can be under test. A case's role is its folder in `scenarios/`, and what else a role is called.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The party under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A resource server; the harness is the client.
    ResourceServer,
    /// A client; the harness is the resource server and the issuer.
    Client,
    /// A proxy beside a client, which makes its proofs.
    Sidecar,
    /// An authorization server, which binds tokens.
    AuthorizationServer,
    /// A library that verifies proofs, given vectors; no file of a case has this role.
    Verifier,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ResourceServer, Self::Client, Self::Sidecar, Self::AuthorizationServer, Self::Verifier];

    /// Its name in plans, reports and on the command line, and its folder in `scenarios/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceServer => "resource-server",
            Self::Client => "client",
            Self::Sidecar => "sidecar",
            Self::AuthorizationServer => "authorization-server",
            Self::Verifier => "verifier",
        }
    }

    /// What the ids of its cases and requirements begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ResourceServer => "rs",
            Self::Client => "cl",
            Self::Sidecar => "sc",
            Self::AuthorizationServer => "as",
            Self::Verifier => "lib",
        }
    }

    /// The role of the cases in a folder.
    #[must_use]
    pub fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == folder)
    }

    /// The role of a row of the catalogue; none of the rows about the harness itself.
    #[must_use]
    pub fn of_row(row: &str) -> Option<Self> {
        let prefix = row.split('-').next()?;
        Self::ALL.into_iter().find(|role| role.prefix().eq_ignore_ascii_case(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prefixes_tell_roles_apart() {
        for role in Role::ALL {
            assert_eq!(Role::of_folder(role.name()), Some(role));
            assert_eq!(Role::of_row(&format!("{}-A01", role.prefix().to_uppercase())), Some(role));
            assert_eq!(serde_json::to_value(role).ok(), Some(role.name().into()));
        }
        assert_eq!(Role::of_row("HX01"), None);
    }
}
