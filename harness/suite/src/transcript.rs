//! What happened: events, written by the player in order, read by the judge. Secrets appear as fingerprints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::{Expect, Transport},
    play::Temper,
};

/// The events of one way through a case on one transport.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// The case.
    pub case: String,
    /// The transport.
    pub transport: Transport,
    /// Warm, cold or story.
    pub temper: Temper,
    /// In order.
    pub events: Vec<Event>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A handshake ended well, as the client saw it.
    Connected(Connected),
    /// A handshake failed that may fail.
    ConnectFailed(ConnectFailed),
    /// The server's view of a connection, where the subject is in process.
    ServerConnected(ServerConnected),
    /// A request went out and was answered, or was not.
    Exchanged(Box<Exchanged>),
    /// An interim answer with that status (1xx) came before the answer that follows.
    Interim(u16),
    /// A ClientHello went out, and this came first.
    Probed(Probed),
    /// A request was not processed, or the subject was unavailable, and it goes out once more.
    Again(Again),
    /// A connection was closed.
    Closed(Closed),
    /// Keys were updated; the exporter value afterwards.
    KeysUpdated(KeysUpdated),
    /// The client's end of a connection moved to another port.
    Migrated(Migrated),
    /// The client took another connection id; the connection by name.
    IdRotated(String),
    /// Whether anything had connected, by the end, to the address that the header of a proof points at.
    Fetched(bool),
    /// The subject's clock was moved by these seconds.
    ClockMoved(i64),
    /// A request went out and the connection was reset without waiting for the answer; the connection by name.
    Abandoned(String),
    /// The subject was stopped and started anew.
    Restarted,
    /// Introspection has an answer, or another one, for a token; the token by name.
    Introspectable(String),
    /// Whether a connection is still the one that was opened under its name.
    Kept(Kept),
    /// The play cannot go on: this subject, transport or library cannot do what the next step asks.
    NotTestable(String),
    /// The play cannot go on, as the subject does not get to what is asked of it: it is unavailable, or does not process
    /// requests.
    Hindered(String),
    /// The play broke off; the reason is the harness's or the surroundings', not the subject's answer.
    Broken(String),
}

/// A connection as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connected {
    /// The name in the play.
    pub name: String,
    /// The number within the play. A name may come again, a number never does.
    #[serde(default)]
    pub number: usize,
    /// The client certificate, by its name.
    pub client: String,
    /// The thumbprint of that certificate, or of the public key that was presented in its place; empty if the client
    /// presented nothing.
    pub certificate: String,
    /// The transport, where it is another than the play's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Transport>,
    /// The cipher suite.
    pub suite: String,
    /// Full, after HelloRetryRequest, or resumed.
    pub handshake: Handshake,
    /// The client's port.
    pub port: u16,
    /// The exporter value and the likely mistakes: name and fingerprint.
    pub exporters: Vec<(String, String)>,
    /// The subject took the first request as early data.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early_data: bool,
    /// The number of the connection whose place it takes: the subject ended that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<usize>,
}

/// A connection that did not come about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectFailed {
    /// The name in the play.
    pub name: String,
    /// The client certificate, by its name.
    pub client: String,
    /// Why, as the client sees it; bounded.
    pub reason: String,
}

/// Kinds of handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// A full one.
    Full,
    /// A full one after a HelloRetryRequest.
    HelloRetry,
    /// A resumed one.
    Resumed,
}

/// A connection as the server in process sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerConnected {
    /// The client's port, which pairs the two views.
    pub port: u16,
    /// The thumbprint of the client certificate that the server saw.
    pub certificate: String,
    /// The fingerprint of the exporter value by the draft's parameters, as the server's end exports it.
    pub exporter: String,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchanged {
    /// The step of the play, from 0.
    pub step: usize,
    /// The connection by name.
    pub on: String,
    /// The connection by number; 0 if there never was one.
    #[serde(default)]
    pub connection: usize,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The alteration, if any.
    pub alteration: Option<String>,
    /// What the alteration changes, as a path.
    pub changes: Option<String>,
    /// The fingerprint of the access token.
    pub token: String,
    /// The fingerprint of the proof; none if none was sent.
    pub proof: Option<String>,
    /// The fingerprint of the exporter value in the proof, where it could be read.
    pub ekm: Option<String>,
    /// What was expected of it.
    pub expect: Expect,
    /// It was only a control.
    pub control: bool,
    /// What came.
    pub reaction: Reaction,
    /// The status of the answer to the same request with right credentials, where the answer may be about the request itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<u16>,
    /// The check that refused, by the subject's own word, where it is in process.
    pub check: Option<String>,
}

/// A ClientHello and what came first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// Which ClientHello.
    pub hello: crate::play::Hello,
    /// What was expected of it.
    pub expect: Expect,
    /// Whether the subject went on with the handshake.
    pub went_on: bool,
    /// What came, in words.
    pub came: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// An HTTP answer.
    Answer(Answer),
    /// None: the connection ended before any of it came, or the subject said that it did not process the request.
    NotProcessed(String),
    /// None within the time that a step may take.
    Hung(String),
    /// None: the connection, or HTTP on it, failed.
    Nothing(String),
}

/// An HTTP answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The values of `WWW-Authenticate`, bounded, control characters replaced.
    pub challenges: Vec<String>,
    /// Not all of them are in `challenges`, or not whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub challenges_cut: bool,
    /// The seconds of `Retry-After`, if it is a number (RFC 9110 section 10.2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// For how many whole seconds the harness waited for it, where that is more than one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u64,
    /// The values of `Cache-Control`, bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cache_control: Vec<String>,
    /// What of the request stands in the answer, fields and content: `token`, `proof` or `ekm`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reflects: Vec<String>,
}

/// A request that goes out once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// The connection by name.
    pub on: String,
    /// The connection by number.
    pub connection: usize,
    /// What came of it before.
    pub reaction: Reaction,
    /// For how many seconds the harness waited, as the answer asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A connection that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The connection by name.
    pub connection: String,
    /// How.
    pub how: String,
}

/// Keys that were updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysUpdated {
    /// The connection by name.
    pub on: String,
    /// Who began.
    pub by: crate::play::Side,
    /// How many times.
    pub times: u32,
}

/// Whether a connection is still the one that was opened under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The connection by name.
    pub on: String,
    /// It is.
    pub kept: bool,
}

/// A connection whose client's end moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrated {
    /// The connection by name.
    pub on: String,
    /// The client's port from now on; the one by which the two views of the connection are paired stays that of its
    /// beginning.
    pub port: u16,
}

impl Transcript {
    /// The exchanges in order.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchanged> {
        self.events.iter().filter_map(|e| match e {
            Event::Exchanged(exchanged) => Some(&**exchanged),
            _ => None,
        })
    }

    /// The client's views of connections in order.
    pub fn connections(&self) -> impl Iterator<Item = &Connected> {
        self.events.iter().filter_map(|e| match e {
            Event::Connected(connected) => Some(connected),
            _ => None,
        })
    }
}
