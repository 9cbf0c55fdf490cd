//! What is done in a case, step by step. The player carries it out and decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    Send(Send),
    /// Sends several requests at once on one HTTP/2 or HTTP/3 connection.
    Together(Vec<Send>),
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
    /// The method; GET if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path; `/api/resource` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
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
    /// The expectation, where the step has one.
    #[must_use]
    pub fn expects(&self) -> Option<&Expect> {
        match self {
            Self::Send(send) => Some(&send.expect),
            Self::Together(sends) => sends.first().map(|s| &s.expect),
            Self::Interleave(interleave) => Some(&interleave.expect),
            Self::Probe(probe) => Some(&probe.expect),
            Self::Connect(_)
            | Self::Close(_)
            | Self::UpdateKeys(_)
            | Self::Migrate(_)
            | Self::RotateId(_)
            | Self::AdvanceClock(_) => None,
        }
    }

    /// Whether it is only a control.
    #[must_use]
    pub fn is_control(&self) -> bool {
        matches!(self, Self::Send(Send { control: true, .. }))
    }

    /// The requests of the step.
    pub fn sends(&self) -> impl Iterator<Item = &Send> {
        let sends = match self {
            Self::Send(send) => std::slice::from_ref(send),
            Self::Together(sends) => sends.as_slice(),
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
            method: None,
            path: None,
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
        let others = self.steps.iter().filter_map(|step| match step {
            Step::Connect(connect) => connect.over,
            _ => None,
        });
        std::iter::once(transport).chain(others)
    }
}

impl Case {
    /// The ways through the case: a story is one; an alteration is played warm and cold.
    #[must_use]
    pub fn plays(&self) -> Vec<Play> {
        if let Some(steps) = &self.play {
            return vec![Play { temper: Temper::Story, steps: steps.clone() }];
        }
        let (Some(alter), Some(expect)) = (&self.alter, &self.expect) else { return Vec::new() };
        let connect = || Step::Connect(Connect { name: "it".to_owned(), ..Connect::default() });
        // A proof with a jti serves one request.
        let once = self.claims.contains(&PerRequestClaim::Jti).then_some(ProofSource::Fresh);
        let good = || Step::Send(Send { control: true, proof: once.clone(), ..Send::new("it", Expect::Accepted) });
        // A token of its own: an altered token must not replace the one that the controls use, and an altered proof is
        // made for the controls' token.
        let altered = || Step::Send(Send { alter: Some(alter.clone()), ..Send::new("it", expect.clone()) });
        vec![
            Play { temper: Temper::Warm, steps: vec![connect(), good(), altered(), good()] },
            Play { temper: Temper::Cold, steps: vec![connect(), altered(), good()] },
        ]
    }
}
