//! A frozen test vector: everything that a verifier library needs to decide once, without a network, and what it should
//! decide. One JSON file a vector, read by unit tests in any language.

mod bundle;
mod exporter;
mod flag;
mod lint;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{
    bundle::{Bundle, Counts},
    exporter::{ExporterAnswer, SecretKind, TlsVersion},
    flag::{FLAGS, Flag, flags},
    lint::{OFFLINE, lint},
};
use crate::case::{Basis, Level};

/// The version of the vectors and of their format, which has its own numbers (see `vectors/CHANGELOG.md`): the first
/// changes when a field goes or changes its meaning, the second when fields or vectors come or a verdict is mended.
pub const VERSION: &str = "0.2.0";

/// A test vector for a verifier of Session-Binding Proofs: inputs, and the verdict on them. All octets are frozen: the
/// file is the same at every generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// The folder and the name of the file without `.json`, like `ekm/ekm-missing`. The folder is the check that must
    /// refuse, or `valid`, `open`, `pairs` (two defects) or `swap` (a token of another kind).
    pub id: String,
    /// What the vector is about, in one sentence.
    pub title: String,
    /// The one defect, by its name in the table of alterations; null where nothing in the table was applied.
    pub alteration: Option<String>,
    /// What is changed, as a path like `proof.claims.ekm`; null where nothing is, or more than one thing.
    pub changes: Option<String>,
    /// How it was made: what was done to right ingredients, in that order, for people. Empty for a right proof as such.
    pub recipe: Vec<String>,
    /// The client whose certificate and key are used, by its name in the frozen PKI, like `p256`.
    pub client: String,
    /// The clause that decides: a section of the draft, or an RFC with its section.
    pub clause: String,
    /// How strong the requirement is.
    pub level: Level,
    /// Where the requirement comes from.
    pub basis: Basis,
    /// The requirements that the vector is about, by their ids, like `rs.exporter-match`.
    pub requirements: Vec<String>,
    /// The classes of bugs that the vector finds, by their names in the table of flags, like `alg-none`.
    pub flags: Vec<String>,
    /// What the verifier is given.
    pub inputs: Inputs,
    /// The tolerances that the verdict holds for.
    pub policy: Window,
    /// What the verifier should make of it.
    pub expect: Expected,
    /// The proof's segments decoded, for people; the verdict does not depend on it.
    pub debug: Decoded,
}

/// What a verifier is given. The handshake has succeeded, and the access token was found valid (signature, issuer,
/// audience and so on); what it says in `cnf` is still to be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The client's end-entity certificate in the handshake: DER in base64 (standard alphabet, padded), one line.
    #[schemars(regex(pattern = "^[A-Za-z0-9+/]+={0,2}$"), extend("contentEncoding" = "base64"))]
    pub certificate: String,
    /// The access token as it stands behind `Bearer `: a compact JWS.
    pub access_token: String,
    /// All claims of the access token, as its payload has them. `cnf` is missing here where the token has none, and null
    /// where the token says null.
    pub token_claims: Map<String, Value>,
    /// The end of the token's validity, in Unix seconds.
    pub token_valid_until: i64,
    /// The exporter value of the connection: 32 octets as 64 lower-case hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub exporter: String,
    /// The verifier's clock, in Unix seconds.
    pub now: i64,
    /// The request, as the server saw it on this connection.
    pub request: RequestLine,
    /// The value of the one `Session-Binding-Proof` field, without white space around it.
    pub proof: String,
}

/// What of a request counts; the scheme is always `https`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// The method, like `GET`.
    pub method: String,
    /// Host and, where it is not 443, port, like `rs.example:8443`.
    pub authority: String,
    /// The path; it may carry a query.
    pub path: String,
}

/// The window of `iat`, edges included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How old `iat` may be, in seconds.
    pub iat_past: u32,
    /// How far ahead `iat` may be, in seconds.
    pub iat_future: u32,
}

/// The expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The verdict.
    pub verdict: Verdict,
    /// `refuse`: the check by which the reference refuses. `open`: the same, where it does. Null where nothing refuses.
    pub check: Option<String>,
    /// The checks that do not hold: a verifier that says why it refuses is right with any of them. All others hold, if
    /// they are made. One, which is `check`, for a vector with one defect; more in `pairs` and `swap`, beginning with
    /// `check`. Empty where nothing refuses.
    pub checks: Vec<String>,
}

impl Expected {
    /// Whether a refusal for that reason is for a right one.
    #[must_use]
    pub fn admits(&self, check: &str) -> bool {
        self.checks.iter().any(|c| c == check)
    }
}

/// A verdict on a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The verifier lets the request through.
    Accept,
    /// The verifier refuses.
    Refuse,
    /// The draft leaves freedom: either is right. Record what the verifier does.
    Open,
}

/// Segments of the proof in clear. Null where a segment is missing, is not strict base64url or is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decoded {
    /// The text of the protected header.
    pub header: Option<String>,
    /// The text of the payload.
    pub payload: Option<String>,
}

impl Vector {
    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        versioned(schemars::schema_for!(Self).to_value())
    }
}

/// A schema that says of which version of the format it is.
fn versioned(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("x-version".to_owned(), VERSION.into());
    }
    schema
}
