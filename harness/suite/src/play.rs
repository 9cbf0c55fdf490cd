//! What is done in a case, step by step. The player carries it out and decides nothing.

mod life;

pub use life::{ClientCa, Issue, Kept, Place, Restart, Rounds, TokenForm};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{Case, Expect, PerRequestClaim, Transport};

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Opens a connection.
    Connect(Connect),
    /// Sends a ClientHello on a connection of its own, and looks at the first answer.
    Probe(Probe),
    /// Sends a request and waits for the answer.
    Send(Box<Send>),
    /// Sends several requests at once on one HTTP/2 or HTTP/3 connection.
    Together(Vec<Send>),
    /// Sends several requests in one write on one raw connection, and then waits for their answers.
    Pipeline(Vec<Send>),
    /// Sends the requests of many tokens in turn on one connection.
    Interleave(Interleave),
    /// Closes a connection.
    Close(Close),
    /// Updates the traffic keys (TLS 1.3, QUIC).
    UpdateKeys(UpdateKeys),
    /// Moves the client's end to another port (QUIC).
    Migrate(Migrate),
    /// Has the client use another of the connection ids that the server offered (QUIC).
    RotateId(RotateId),
    /// Moves the subject's clock.
    AdvanceClock(AdvanceClock),
    /// Makes a token known by introspection, or changes what introspection says of it.
    Issue(Issue),
    /// Stops the subject and starts it anew.
    Restart(Restart),
    /// Does steps again and again.
    Rounds(Rounds),
    /// Sends a request and resets the connection without waiting for the answer.
    Abandon(Box<Send>),
    /// The connection is to be still the one that was opened under its name.
    Kept(Kept),
}

/// Opens a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// What later steps call it.
    pub name: String,
    /// The client certificate; the case's if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The transport; the one that the case is played on if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Transport>,
    /// The server; the usual one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Place>,
    /// Comes from the same source port as the earlier connection of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_port_as: Option<String>,
    /// Resumes the session of the earlier connection of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Offers only this cipher suite, by its IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// Offers a key share that provokes a HelloRetryRequest.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hello_retry: bool,
    /// Writes HTTP/1.1 field names in lower case.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lower_case_fields: bool,
    /// Speaks HTTP/1.1 without a library, so that nothing is too odd to be sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub raw: bool,
    /// What the client presents in the handshake; its certificate with that of the intermediate if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presents: Option<Presents>,
    /// Names no application protocol in the handshake, and speaks HTTP/1.1.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_alpn: bool,
    /// Asks first, from the same port, for a version that nobody speaks, and waits for the Version Negotiation packet
    /// (QUIC).
    #[serde(default, skip_serializing_if = "is_false")]
    pub version_negotiation: bool,
    /// Sends the first request as early data (0-RTT), if the subject allows it; else as soon as the handshake is over.
    /// With `resume`, over TLS 1.3 and HTTP/1.1. The proof of that request cannot be one for this connection.
    #[serde(default, skip_serializing_if = "is_false")]
    pub early_data: bool,
    /// The subject may refuse the handshake: requests on the connection then have no answer. In TLS 1.3 a client is
    /// connected before the server has looked at its certificate, so that a refusal may show as late as that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub may_fail: bool,
}

/// What a client presents in the handshake instead of its certificate with that of the intermediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presents {
    /// Nothing, where the server asks for a certificate.
    Nothing,
    /// The public key alone (RFC 7250).
    RawPublicKey,
    /// Its certificate, then those of another client and of an authority that have nothing to do with it, and that of the
    /// intermediate last.
    WithStrangers,
}

/// Sends a ClientHello on a TCP connection of its own. Refused means that a TLS alert comes, or the end of the
/// connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Which.
    pub hello: Hello,
    /// What should come of it.
    pub expect: Expect,
}

/// A ClientHello that no client of the harness sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hello {
    /// TLS 1.0 at best.
    Tls10,
    /// TLS 1.1 at best.
    Tls11,
    /// TLS 1.2 without the extended master secret (RFC 7627).
    Tls12WithoutExtendedMasterSecret,
}

/// Sends a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The connection.
    pub on: String,
    /// The access token, by a name of the story's own; made at first mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The client whose certificate the token is bound to; that of the connection if not given. Counts at first mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_to: Option<String>,
    /// The proof; by default the one made for this token on this connection, and made if there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofSource>,
    /// The alteration of this request, by its name in the table. One of the token counts at the token's first mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alter: Option<String>,
    /// Changes that a campaign made up, as `campaign.json` has them. What they take from another connection is that of the
    /// connections `other` and `closed` of the story.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Value>,
    /// The method; GET if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path; `/api/resource` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Host and port that the request and its proof name; those of the connection if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Further fields of the request, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// What is odd about how the request is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// How many times, one after the other; once if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What should come of it.
    pub expect: Expect,
    /// It only shows that the surroundings work: if it fails, the case is inconclusive.
    #[serde(default, skip_serializing_if = "is_false")]
    pub control: bool,
}

/// Where the proof of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofSource {
    /// A new proof, where otherwise the one at hand would be used again.
    Fresh,
    /// A new proof with these per-request claims.
    FreshWith(Vec<PerRequestClaim>),
    /// The proof that was made for this token on that other connection.
    MadeOn(String),
    /// The proof that was made on this connection for that other token.
    MadeFor(String),
    /// A new proof for the exporter value of that other connection, signed with this connection's key.
    ForExporterOf(String),
    /// The proof field with this text.
    Text(String),
    /// No proof.
    Absent,
}

/// An odd way of writing a request. A library writes the first two in HTTP/2, and the first in HTTP/3; all else needs a raw
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// The proof is in the trailer section, behind some content, and not in the header section (RFC 9110 section 6.5).
    ProofInTrailers,
    /// A Host field names another host than the absolute form of the target, or than `:authority`, does.
    AnotherHost,
    /// There is `Expect: 100-continue` and some content, which is sent upon a 100 answer only (RFC 9110 section 10.1.1).
    ContentWithheld,
    /// The target has the absolute form (RFC 9112 section 3.2.2).
    AbsoluteForm,
    /// The target has the authority form (RFC 9112 section 3.2.3); for CONNECT.
    AuthorityForm,
    /// It offers to go on with WebSocket (RFC 6455 section 4.1).
    Upgrade,
    /// Each octet is in a TLS record of its own.
    OctetByOctet,
}

impl Wire {
    /// Whether no HTTP library writes such a request, in any version.
    #[must_use]
    pub fn needs_raw(self) -> bool {
        !matches!(self, Self::ProofInTrailers | Self::AnotherHost)
    }
}

/// Sends the requests of many tokens in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interleave {
    /// The connection.
    pub on: String,
    /// How many tokens, each with its proof.
    pub tokens: u32,
    /// How many requests a token.
    pub rounds: u32,
    /// All requests of a round at once (HTTP/2, HTTP/3).
    #[serde(default, skip_serializing_if = "is_false")]
    pub at_once: bool,
    /// What should come of each.
    pub expect: Expect,
}

/// Closes a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The connection.
    pub connection: String,
    /// In which way.
    pub how: How,
}

/// Ways to close a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// close_notify, then FIN. QUIC: CONNECTION_CLOSE.
    CloseNotify,
    /// FIN alone. QUIC: in silence, as `rst`.
    Fin,
    /// RST. QUIC: in silence.
    Rst,
}

/// Updates the traffic keys; the exporter value stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateKeys {
    /// The connection.
    pub on: String,
    /// Who begins.
    pub by: Side,
    /// How many times before the next request. QUIC: once, as each is to be confirmed before the next.
    pub times: u32,
}

/// Moves the client's end to another port; the connection and its exporter value stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// The connection.
    pub on: String,
}

/// Has the client use another of the connection ids that the server offered, and retire the one in use; the connection
/// and its exporter value stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateId {
    /// The connection.
    pub on: String,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// Moves the subject's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceClock {
    /// Seconds ahead.
    pub seconds: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Step {
    /// The expectations of the step.
    #[must_use]
    pub fn expects(&self) -> Vec<&Expect> {
        match self {
            Self::Send(send) => vec![&send.expect],
            Self::Together(sends) | Self::Pipeline(sends) => sends.iter().map(|s| &s.expect).collect(),
            Self::Interleave(interleave) => vec![&interleave.expect],
            Self::Probe(probe) => vec![&probe.expect],
            Self::Rounds(rounds) => rounds.steps.iter().flat_map(Self::expects).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether nothing in it counts but as a control.
    #[must_use]
    pub fn is_control(&self) -> bool {
        match self {
            Self::Send(send) => send.control,
            Self::Together(sends) | Self::Pipeline(sends) => sends.iter().all(|send| send.control),
            Self::Rounds(rounds) => rounds.steps.iter().all(Self::is_control),
            other => other.expects().is_empty(),
        }
    }

    /// The step, and those within it.
    #[must_use]
    pub fn flat(&self) -> Vec<&Self> {
        match self {
            Self::Rounds(rounds) => std::iter::once(self).chain(rounds.steps.iter().flat_map(Self::flat)).collect(),
            _ => vec![self],
        }
    }

    /// The requests of the step.
    pub fn sends(&self) -> impl Iterator<Item = &Send> {
        let sends = match self {
            Self::Send(send) | Self::Abandon(send) => std::slice::from_ref(&**send),
            Self::Together(sends) | Self::Pipeline(sends) => sends.as_slice(),
            _ => &[],
        };
        sends.iter()
    }
}

impl Send {
    /// A request on a connection with the usual token and proof.
    #[must_use]
    pub fn new(on: &str, expect: Expect) -> Self {
        Self {
            on: on.to_owned(),
            token: None,
            bound_to: None,
            proof: None,
            alter: None,
            changes: Vec::new(),
            method: None,
            path: None,
            authority: None,
            fields: BTreeMap::new(),
            wire: None,
            times: None,
            expect,
            control: false,
        }
    }
}

/// How a case is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Temper {
    /// After a good request on the same connection, when things may be cached.
    Warm,
    /// On a fresh connection, when nothing is cached.
    Cold,
    /// A story of its own.
    Story,
    /// The story for a subject whose clock cannot be moved: times in token and proof are moved instead.
    #[serde(rename = "story-without-clock")]
    StoryWithoutClock,
}

/// One way through a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// Which.
    pub temper: Temper,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Play {
    /// The transports that it needs when the case is played on `transport`.
    pub fn transports(&self, transport: Transport) -> impl Iterator<Item = Transport> {
        let others = self.steps.iter().flat_map(Step::flat).filter_map(|step| match step {
            Step::Connect(connect) => connect.over,
            _ => None,
        });
        std::iter::once(transport).chain(others)
    }

    /// How many steps and requests there are by repetition, about.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        let of = |step: &Step| match step {
            Step::Send(send) => send.times.unwrap_or(0),
            Step::Interleave(interleave) => interleave.tokens.saturating_mul(interleave.rounds),
            Step::Rounds(rounds) => rounds.times.saturating_mul(u32::try_from(rounds.steps.len()).unwrap_or(u32::MAX)),
            _ => 0,
        };
        self.steps.iter().flat_map(Step::flat).map(of).fold(0, u32::saturating_add)
    }

    /// How often the subject is started anew.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.steps.iter().flat_map(Step::flat).filter(|step| matches!(step, Step::Restart(_))).count()
    }

    /// The servers that it needs beside the usual one.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.steps.iter().flat_map(Step::flat).filter_map(|step| match step {
            Step::Connect(connect) => connect.to,
            _ => None,
        })
    }
}

impl Case {
    /// The ways through the case: a story is one; an alteration is played warm and cold.
    ///
    /// On a subject whose clock cannot be moved, a story that moves it is another one, if there is one.
    #[must_use]
    pub fn plays(&self, clock_moves: bool) -> Vec<Play> {
        if let Some(steps) = &self.play {
            return vec![match &self.without_clock {
                Some(other) if !clock_moves => Play { temper: Temper::StoryWithoutClock, steps: other.clone() },
                _ => Play { temper: Temper::Story, steps: steps.clone() },
            }];
        }
        let (Some(alter), Some(expect)) = (&self.alter, &self.expect) else { return Vec::new() };
        let connect = || Step::Connect(Connect { name: "it".to_owned(), ..Connect::default() });
        let (htu, jti) = (self.claims.contains(&PerRequestClaim::Htu), self.claims.contains(&PerRequestClaim::Jti));
        // Whether htu is a path or an absolute URI is contested. A control has none where the altered request is to
        // be refused, so that it shows the rest to be right on servers that know the other form only.
        let (once, tested) = if htu && matches!(expect, Expect::Refused(_)) {
            let others = self.claims.iter().copied().filter(|c| *c != PerRequestClaim::Htu).collect();
            (Some(ProofSource::FreshWith(others)), Some(ProofSource::Fresh))
        } else {
            // A proof with a jti serves one request.
            (jti.then_some(ProofSource::Fresh), None)
        };
        let good =
            || Step::Send(Box::new(Send { control: true, proof: once.clone(), ..Send::new("it", Expect::Accepted) }));
        // A token of its own: an altered token must not replace the one that the controls use, and an altered proof is
        // made for the controls' token.
        let altered = || {
            let proof = tested.clone();
            Step::Send(Box::new(Send { alter: Some(alter.clone()), proof, ..Send::new("it", expect.clone()) }))
        };
        vec![
            Play { temper: Temper::Warm, steps: vec![connect(), good(), altered(), good()] },
            Play { temper: Temper::Cold, steps: vec![connect(), altered(), good()] },
        ]
    }
}
