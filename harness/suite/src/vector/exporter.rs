use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::versioned;
use crate::case::{Basis, Level};

/// A known answer for the exporter: secrets of a connection, the parameters of a call, and what it gives. All octets in
/// lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExporterAnswer {
    /// The folder and the name of the file without `.json`, like `exporter/tls12-sha256-no-context`.
    pub id: String,
    /// What it is about, in one sentence.
    pub title: String,
    /// The clause that decides.
    pub clause: String,
    /// How strong the requirement is.
    pub level: Level,
    /// Where the requirement comes from.
    pub basis: Basis,
    /// The requirements that it is about, by their ids.
    pub requirements: Vec<String>,
    /// The classes of bugs that it finds, by their names in the table of flags.
    pub flags: Vec<String>,
    /// The version of TLS.
    pub tls: TlsVersion,
    /// The hash of the cipher suite, which is that of the PRF of TLS 1.2 and of HKDF in TLS 1.3: `SHA-256` or `SHA-384`.
    #[schemars(regex(pattern = "^SHA-(256|384)$"))]
    pub hash: String,
    /// What `secret` is.
    pub secret_kind: SecretKind,
    /// The secret that the value is derived from.
    #[schemars(regex(pattern = "^([0-9a-f]{2})+$"))]
    pub secret: String,
    /// TLS 1.2: the random of the client, 32 octets. Null for TLS 1.3, where the secret has it in it.
    pub client_random: Option<String>,
    /// TLS 1.2: the random of the server, 32 octets. Null for TLS 1.3.
    pub server_random: Option<String>,
    /// The octets of the label.
    #[schemars(regex(pattern = "^([0-9a-f]{2})+$"))]
    pub label: String,
    /// The octets of the context; `""` for a zero-length one, null for none.
    pub context: Option<String>,
    /// How many octets were asked for.
    pub length: u32,
    /// How many of them were kept, from the first.
    pub kept: u32,
    /// What the call gives.
    #[schemars(regex(pattern = "^([0-9a-f]{2})+$"))]
    pub output: String,
    /// Whether that is the exporter value of the draft for this connection. It may be even where the call is another, as
    /// TLS 1.3 does not tell no context from a zero-length one.
    pub is_right: bool,
}

/// The version of TLS; QUIC is as TLS 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 5246, with the exporter of RFC 5705.
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446 with its section 7.5.
    #[serde(rename = "1.3")]
    Tls13,
}

/// The kinds of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// TLS 1.2: the master secret, 48 octets.
    MasterSecret,
    /// TLS 1.3: the exporter master secret, as many octets as the hash has.
    ExporterMasterSecret,
    /// TLS 1.3: the early exporter master secret, which no exporter value of the draft is derived from.
    EarlyExporterMasterSecret,
}

impl ExporterAnswer {
    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        versioned(schemars::schema_for!(Self).to_value())
    }
}
