//! The arguments of `proof` and `exporter`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ekmcheck_suite::case::Transport;

use super::transport;

#[derive(Subcommand)]
pub(crate) enum ProofAction {
    /// Decode a proof and say what is wrong with its form; 1 if anything is
    Inspect {
        /// The proof, or `-` for standard input
        proof: String,
    },
    /// Verify a proof as the reference does, and say which check fails and why; 1 if one does
    Verify(VerifyArgs),
    /// Make a right proof and print it
    Make(MakeArgs),
}

/// What a proof belongs to.
#[derive(Args)]
pub(crate) struct IngredientArgs {
    /// The access token
    #[arg(long)]
    pub(crate) token: String,
    /// The client's certificate, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,
    /// The exporter value of the connection, in base64url or hexadecimal
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) ekm: String,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The proof, or `-` for standard input
    pub(crate) proof: String,
    #[command(flatten)]
    pub(crate) of: IngredientArgs,
    /// The method of the request, for `htm`
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// The URL of the request, for `htu`
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The time in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) now: Option<i64>,
}

#[derive(Args)]
pub(crate) struct MakeArgs {
    #[command(flatten)]
    pub(crate) of: IngredientArgs,
    /// The private key of the certificate: unencrypted PKCS#8 in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// An identifier that may be used once
    #[arg(long)]
    pub(crate) jti: Option<String>,
    /// The method that the proof is for
    #[arg(long)]
    pub(crate) htm: Option<String>,
    /// The target that the proof is for
    #[arg(long)]
    pub(crate) htu: Option<String>,
    /// The time in Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) now: Option<i64>,
}

#[derive(Args)]
pub(crate) struct ExporterArgs {
    /// Where the server listens: HOST:PORT
    #[arg(value_name = "HOST:PORT")]
    pub(crate) target: String,
    /// The trust anchors for its certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: PathBuf,
    /// The client's certificate with its issuers, in PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The client's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// TLS version and HTTP version
    #[arg(long, value_name = "NAME", value_parser = transport, default_value = "tls13-h1")]
    pub(crate) transport: Transport,
    /// The name that its certificate is for [default: HOST]
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Connect to another machine too
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// The time in Unix seconds, for the validity of certificates [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) now: Option<i64>,
}
