//! The command line.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ekmcheck_suite::case::Transport;

use crate::{init::InitArgs, serve::ServeArgs, target::NetworkArgs};

/// Conformance suite and fuzzing harness for TLS-session-bound access tokens
/// (draft-mw-oauth-tls-session-bound-tokens). Without a command: the whole suite on the embedded reference.
///
/// Exit status: 0 conformant, 1 a violation, 2 usage or configuration, 3 incomplete (nothing or not all was played),
/// 4 a fault of the harness.
#[derive(Parser)]
#[command(name = "ekmcheck", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Play cases on a subject and say whether it conforms
    Run(RunArgs),
    /// List cases, requirements, alterations, faults or harmless variations
    List(ListArgs),
    /// Show a case: what it is about, what is sent, what it expects, which faults it catches
    Show(ShowArgs),
    /// Print the questions that the draft leaves open, with what was observed of subjects, as a page in Markdown
    Ambiguities(AmbiguitiesArgs),
    /// Make all that a server needs to be tested: certificates, keys, issuer, a guide and a plan
    Init(InitArgs),
    /// Serve a party of the suite on ports of this machine, at the system's time
    Serve(ServeArgs),
    /// Prove that every check can fail: all faults against all cases (the kill matrix)
    Selftest(SelftestArgs),
    /// Write or check the frozen vectors for verifier libraries
    Vectors(VectorsArgs),
    /// Print the JSON Schema of a format
    Schema(SchemaArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Clone)]
pub(crate) struct Selection {
    /// Only these cases: an id, a part of one, or a pattern with `*`; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Vec<String>,
    /// Read cases from this directory instead of the embedded ones
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// What to test: `reference`, `fault:NAME`, `fault:NAME+NAME`, `variation:NAME`, or a server by its URL,
    /// `https://HOST:PORT`, with --bundle
    #[arg(long, default_value = "reference")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Only these transports; may be given more than once [default: all]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub(crate) transport: Vec<Transport>,
    /// How many cases to play at once [default: twice the number of cores; 1 on a server by its URL]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Order of the cases, and the numbers in identifiers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where `report.json` goes
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-report")]
    pub(crate) report: PathBuf,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Say where the time went: plays, handshakes, signatures, and what they cost alone in the same run
    #[arg(long)]
    pub(crate) timings: bool,
    /// Exit with 1 on warnings too: on what only a SHOULD or our hardening asks for
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A summary
    Human,
    /// The whole result as JSON
    Json,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum, default_value_t = What::Cases)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// The cases
    Cases,
    /// The requirements
    Requirements,
    /// The rows of the catalogue, each with its cases or with the reason why there is none
    Rows,
    /// The alterations that a case may use
    Alterations,
    /// The faulty resource servers
    Faults,
    /// The harmless variations of the reference
    Variations,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The id of the case
    pub(crate) case: String,
    /// Read cases from this directory instead of the embedded ones
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct AmbiguitiesArgs {
    /// The `report.json` of a run; may be given more than once, one a subject
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SelftestArgs {
    /// Only these faults, by name or a part of it, and not the harmless variations; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) fault: Vec<String>,
    /// Play each fault against the cases that name it and no others: a third of the time, and all that a change can break
    #[arg(long)]
    pub(crate) named: bool,
    /// Play every fault on every transport instead of each case on one of its transports in turn
    #[arg(long)]
    pub(crate) all_transports: bool,
    /// How many cases to play at once [default: twice the number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Where `kill-matrix.json` goes
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-report")]
    pub(crate) report: PathBuf,
}

#[derive(Args)]
pub(crate) struct VectorsArgs {
    #[command(subcommand)]
    pub(crate) action: VectorsAction,
}

#[derive(Subcommand)]
pub(crate) enum VectorsAction {
    /// Make the vectors anew and compare them with the files
    Check {
        /// The directory of the vectors
        #[arg(default_value = "vectors")]
        directory: PathBuf,
    },
    /// Write the vectors
    Write {
        /// The directory of the vectors
        #[arg(default_value = "vectors")]
        directory: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct SchemaArgs {
    /// The format
    #[arg(value_enum)]
    pub(crate) format: SchemaOf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A case file
    Case,
    /// `requirements.json`
    Requirements,
    /// `ambiguities.json`
    Ambiguities,
    /// `report.json`
    Report,
    /// A line of `transcripts.ndjson`
    Transcript,
    /// A vector file
    Vector,
}

fn transport(name: &str) -> Result<Transport, String> {
    Transport::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Transport::ALL.iter().map(|t| t.name()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

/// The number of jobs, by default twice the number of cores: a play waits as often as it works.
pub(crate) fn jobs(given: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    given.map_or_else(|| cores() * 2, NonZeroUsize::get)
}
