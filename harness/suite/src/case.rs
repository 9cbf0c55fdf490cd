//! What a case is: a JSON file, one defect wide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{play::Step, role::Role};

/// How strong a requirement is (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// A right implementation may do otherwise.
    May,
    /// A deviation is a warning.
    Should,
    /// A deviation is a violation.
    Must,
}

/// Where a requirement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The draft's own text.
    Draft,
    /// An RFC that the draft builds on.
    Inherited,
    /// This suite's judgement. Never makes an implementation non-conformant.
    Hardening,
}

/// TLS or QUIC, and HTTP, each with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TLS 1.3, HTTP/1.1.
    Tls13H1,
    /// TLS 1.3, HTTP/2.
    Tls13H2,
    /// TLS 1.2, HTTP/1.1.
    Tls12H1,
    /// TLS 1.2, HTTP/2.
    Tls12H2,
    /// QUIC version 1 with TLS 1.3, HTTP/3.
    QuicH3,
    /// None: a frozen vector that a library is given. No case is played on it.
    Offline,
}

impl Transport {
    /// All transports that cases are played on, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Tls13H1, Self::Tls13H2, Self::Tls12H1, Self::Tls12H2, Self::QuicH3];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls13H1 => "tls13-h1",
            Self::Tls13H2 => "tls13-h2",
            Self::Tls12H1 => "tls12-h1",
            Self::Tls12H2 => "tls12-h2",
            Self::QuicH3 => "quic-h3",
            Self::Offline => "offline",
        }
    }

    /// The transport of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Whether the TLS version is 1.3.
    #[must_use]
    pub fn is_tls13(self) -> bool {
        matches!(self, Self::Tls13H1 | Self::Tls13H2 | Self::QuicH3)
    }

    /// Whether it goes over QUIC.
    #[must_use]
    pub fn is_quic(self) -> bool {
        matches!(self, Self::QuicH3)
    }

    /// Whether HTTP/2 is spoken.
    #[must_use]
    pub fn is_h2(self) -> bool {
        matches!(self, Self::Tls13H2 | Self::Tls12H2)
    }
}

/// One of the optional claims of section 2.3.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PerRequestClaim {
    /// The identifier.
    Jti,
    /// The method.
    Htm,
    /// The target.
    Htu,
}

impl PerRequestClaim {
    /// The name of the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Htm => "htm",
            Self::Htu => "htu",
        }
    }
}

/// What the subject should do with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// A 2xx answer.
    Accepted,
    /// A refusal.
    Refused(Refused),
    /// Of the requests of the step exactly one is accepted, and the others are refused like this.
    Once(Refused),
    /// Whatever it does is recorded, and never a failure.
    Observed,
}

/// How a refusal should look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The `error` codes that are right; none named: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// The statuses that are right; none named: 401.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// The end of the connection, or a TLS alert, is as good as an answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_no_answer: bool,
    /// The check that refuses in the reference (and must in an adapter that names its checks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Refused {
    /// The statuses that are right.
    #[must_use]
    pub fn statuses(&self) -> &[u16] {
        if self.status.is_empty() { &[401] } else { &self.status }
    }
}

/// The clients of the PKI with keys of which no subject is asked more than of others.
const OPTIONAL_KEYS: [&str; 4] = ["p384", "p521", "ed25519", "rsa2048"];

/// The role of a case until its folder is known.
fn unplaced() -> Role {
    Role::ResourceServer
}

/// One case. Either `alter` with `expect`, which is played warm (good, bad, good on one connection) and cold (bad, good
/// on a fresh one), or `play`, a story of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The prefix of its role (`rs.`) and the path of the file below the role's folder, with dots; never a number.
    pub id: String,
    /// The role under test: that of the folder. The file does not say it.
    #[serde(skip, default = "unplaced")]
    pub role: Role,
    /// The row of the catalogue that it covers.
    pub row: String,
    /// Other rows that ask for the same play.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// One sentence: what must hold.
    pub title: String,
    /// How strong the requirement is.
    pub level: Level,
    /// Where it comes from.
    pub basis: Basis,
    /// The clause: a section of the draft, or an RFC with its section.
    pub clause: String,
    /// The requirements that the case is about, by their ids in `requirements.json`.
    pub requirements: Vec<String>,
    /// The entry of the ambiguity register, where the draft leaves freedom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
    /// The transports on which it makes sense; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transports: Option<Vec<Transport>>,
    /// The client certificate, by its name in the PKI; `p256` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The per-request claims that proofs carry; none if not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<PerRequestClaim>,
    /// The alteration, by its name in the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alter: Option<String>,
    /// What should come of the alteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// The story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play: Option<Vec<Step>>,
    /// The story on a subject whose clock cannot be moved: times in token and proof are moved instead. A story that moves
    /// the clock and has no such other is not testable there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_clock: Option<Vec<Step>>,
    /// Anything that a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Case {
    /// The rows of the catalogue that it covers.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.row).chain(&self.also).map(String::as_str)
    }

    /// Whether the client's key is one that a right subject may know nothing of: which algorithms it supports is its choice
    /// (ambiguity A-09).
    #[must_use]
    pub fn key_is_optional(&self) -> bool {
        self.client.as_deref().is_some_and(|client| OPTIONAL_KEYS.contains(&client))
    }

    /// Whether the case makes sense on a transport.
    #[must_use]
    pub fn applies_to(&self, transport: Transport) -> bool {
        self.transports.as_ref().is_none_or(|t| t.contains(&transport))
    }

    /// The stories that it tells.
    pub fn stories(&self) -> impl Iterator<Item = &[Step]> {
        self.play.iter().chain(&self.without_clock).map(Vec::as_slice)
    }

    /// The steps of all stories, those within rounds too.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stories().flatten().flat_map(Step::flat)
    }

    /// Whether its story needs that the subject's clock can be moved.
    #[must_use]
    pub fn moves_clock(&self) -> bool {
        self.play.iter().flatten().flat_map(Step::flat).any(|s| matches!(s, Step::AdvanceClock(_)))
    }

    /// Whether some step expects a refusal.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        let negative = |e: &Expect| matches!(e, Expect::Refused(_) | Expect::Once(_));
        self.expect.as_ref().is_some_and(negative) || self.steps().flat_map(Step::expects).any(negative)
    }

    /// Whether nothing in it can fail: all that it expects is to be observed, but for controls.
    #[must_use]
    pub fn is_observation(&self) -> bool {
        let observed = |e: &Expect| matches!(e, Expect::Observed);
        self.expect.as_ref().is_some_and(observed)
            || self.play.as_ref().is_some_and(|p| {
                let mut tested = p.iter().filter(|s| !s.is_control()).flat_map(Step::expects).peekable();
                tested.peek().is_some() && tested.all(observed)
            })
    }
}
