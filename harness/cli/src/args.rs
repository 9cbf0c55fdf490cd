//! The command line.

mod adapter;
mod bench;
mod compare;
mod fuzz;
mod proof;
mod vectors;

pub(crate) use adapter::{AdapterAction, AdapterArgs, BoundedArgs};
pub(crate) use bench::BenchArgs;
pub(crate) use compare::{DiffArgs, MergeArgs};
pub(crate) use fuzz::FuzzArgs;
pub(crate) use proof::{ExporterArgs, IngredientArgs, MakeArgs, ProofAction, VerifyArgs};
pub(crate) use vectors::{VectorListArgs, VectorsAction};

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ekmcheck_report::ReportFormat;
use ekmcheck_suite::case::{Basis, Level, Transport};

use crate::{fuzz_seeds::FuzzSeedsArgs, init::InitArgs, serve::ServeArgs, target::NetworkArgs};

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
    Run(Box<RunArgs>),
    /// List cases, requirements, alterations, faults or harmless variations
    List(ListArgs),
    /// Play one case and show every step: handshakes, proofs, requests, answers, and what decided
    Replay(ReplayArgs),
    /// Look at a single proof: what is in it, why it is refused; or make one
    Proof {
        #[command(subcommand)]
        action: ProofAction,
    },
    /// Print an access token of a bundle's issuer, valid for an hour
    Token(TokenArgs),
    /// Fuzz a live server: mutants between right requests, with the reference as the oracle
    Fuzz(FuzzArgs),
    /// Measure what requests cost end to end, against bearer, RFC 8705 and DPoP
    Bench(BenchArgs),
    /// Connect to a server and print what this connection exports, rightly and under each usual mistake
    Exporter(ExporterArgs),
    /// Put the reports of the shards of a run together
    Merge(MergeArgs),
    /// Say what changed from one report to another: what regressed, what is fixed
    Diff(DiffArgs),
    /// Show a case: what it is about, what is sent, what it expects, which faults it catches
    Show(ShowArgs),
    /// Make reports from a saved report.json, without playing again
    Report(ReportArgs),
    /// Print the questions that the draft leaves open, with what was observed of subjects, as a page in Markdown
    Ambiguities(AmbiguitiesArgs),
    /// Make all that a server needs to be tested: certificates, keys, issuer, a guide and a plan
    Init(InitArgs),
    /// Serve a party of the suite on ports of this machine, at the system's time
    Serve(ServeArgs),
    /// Say what is wrong with a plan, with line and mend
    CheckPlan(PlanArgs),
    /// Find out whether a subject is set up so that a verdict on it means something, and what to mend
    Doctor(PlanArgs),
    /// Prove that every check can fail: all faults against all cases (the kill matrix)
    Selftest(SelftestArgs),
    /// The frozen vectors for verifier libraries: list, show, bundle, check and write them
    Vectors {
        /// What to do
        #[command(subcommand)]
        action: VectorsAction,
    },
    /// Look after the adapter of a verifier library in another language; `run --adapter` plays the vectors on it
    Adapter {
        #[command(subcommand)]
        action: AdapterAction,
    },
    /// Write the inputs that fuzzing starts with, a folder for each target
    FuzzSeeds(FuzzSeedsArgs),
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
    /// Only cases of this strength: `must`, `should` or `may`; may be given more than once
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) level: Vec<Level>,
    /// Only cases that come from there: `draft`, `inherited` (an RFC that the draft builds on) or `hardening` (our
    /// judgement); may be given more than once
    #[arg(long, value_name = "BASIS", value_parser = basis)]
    pub(crate) basis: Vec<Basis>,
    /// Only cases about this question that the draft leaves open, such as `A-03`; may be given more than once
    #[arg(long, value_name = "ID")]
    pub(crate) ambiguity: Vec<String>,
    /// Only cases with this tag: a group such as `cache`, a requirement, a row of the catalogue, a clause; may be given
    /// more than once (`ekmcheck list tags` shows all)
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Read cases from this directory instead of the embedded ones
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct TokenArgs {
    /// The directory that `ekmcheck init` made
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// The client whose certificate it is bound to, by its name in the bundle
    #[arg(long, value_name = "NAME", default_value = "p256")]
    pub(crate) client: String,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// The plan of a subject (TOML), or the directory that has one as `plan.toml`, in place of --subject;
    /// `ekmcheck init resource-server` writes one
    #[arg(value_name = "PLAN", conflicts_with_all = ["subject", "bundle"])]
    pub(crate) plan: Option<PathBuf>,
    /// What to test: `reference`, `fault:NAME`, `fault:NAME+NAME`, `variation:NAME`, or a server by its URL,
    /// `https://HOST:PORT`, with --bundle [default: that of the report that is played again, or `reference`]
    #[arg(long)]
    pub(crate) subject: Option<String>,
    #[command(flatten)]
    pub(crate) adapter: AdapterArgs,
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
    /// Where `report.json` and the other reports go
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-report")]
    pub(crate) report: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Whose traces go into `transcripts.ndjson`, and so into the HTML page
    #[arg(long, value_enum, default_value_t = Transcripts::Problems)]
    pub(crate) transcripts: Transcripts,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Say where the time went: plays, handshakes, signatures, and what they cost alone in the same run
    #[arg(long)]
    pub(crate) timings: bool,
    /// Play at once, without the doctor's look at the configuration of a server that runs elsewhere or is started
    #[arg(long)]
    pub(crate) skip_doctor: bool,
    /// Exit with 1 on warnings too: on what only a SHOULD or our hardening asks for
    #[arg(long)]
    pub(crate) strict: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
    #[command(flatten)]
    pub(crate) part: PartArgs,
    #[command(flatten)]
    pub(crate) known: KnownArgs,
}

/// How much is asked of the subject, and what is logged of it.
#[derive(Clone, Args)]
pub(crate) struct BoundsArgs {
    /// At most so many requests a second
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<NonZeroU32>,
    /// At most so many connections at once; a case that needs more is not testable
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,
    /// Append the secrets of the harness's own connections to this file, in the key log format of NSS
    #[arg(long, value_name = "FILE")]
    pub(crate) keylog: Option<PathBuf>,
}

/// Which part of the selection, and how often.
#[derive(Args)]
pub(crate) struct PartArgs {
    /// Only the K-th of N even parts of the selection; `ekmcheck merge` puts their reports together
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub(crate) shard: Option<(usize, usize)>,
    /// Only what failed, warned, was inconclusive or ended by a harness fault in that report, on the same transports
    #[arg(long, value_name = "REPORT.json")]
    pub(crate) rerun_failed: Option<PathBuf>,
    /// Play the selection again and again, with other seeds, until something is not as it should be
    #[arg(long)]
    pub(crate) repeat_until_failure: bool,
    /// How many times at most
    #[arg(long, value_name = "N", default_value = "100", requires = "repeat_until_failure")]
    pub(crate) times: NonZeroU32,
}

/// Failures that are known.
#[derive(Args)]
pub(crate) struct KnownArgs {
    /// Failures that are known and tolerated (TOML): they do not fail the run; an entry that no longer holds does
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write such a list of what failed here; every reason in it has to be filled in before it is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A summary
    Human,
    /// The whole result as JSON
    Json,
}

#[derive(Args)]
pub(crate) struct OutputArgs {
    /// Which reports are written beside `report.json`, by commas: html (report.html, one page that works from disk), junit
    /// (junit.xml), summary (summary.md, for the summary of a CI step), ctrf (ctrf.json), sarif (results.sarif, violations
    /// for code scanning), badge (badge.svg), ambiguities (ambiguities.md); `none` for none [default: all]
    #[arg(long, value_name = "NAMES", value_parser = outputs)]
    pub(crate) output: Option<Outputs>,
}

/// The reports that were asked for.
#[derive(Clone)]
pub(crate) struct Outputs(pub(crate) Vec<ReportFormat>);

impl OutputArgs {
    /// The reports to write.
    pub(crate) fn formats(&self) -> &[ReportFormat] {
        self.output.as_ref().map_or(&ReportFormat::ALL, |o| &o.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transcripts {
    /// Of every case
    All,
    /// Of the cases that did not pass
    Problems,
    /// Of none
    None,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// The `report.json` of a run, or the directory where it lies; a `transcripts.ndjson` beside it is read as well
    #[arg(value_name = "FILE", default_value = "ekmcheck-report")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Where the reports go [default: beside `report.json`]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Count warnings as violations, as `run --strict` does
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read cases and ledger from this directory instead of the embedded ones
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
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
    /// What --tag takes
    Tags,
}

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// The id of the case
    pub(crate) case: String,
    /// The plan of a subject (TOML), or the directory that has one as `plan.toml`, in place of --subject
    #[arg(value_name = "PLAN", conflicts_with_all = ["subject", "bundle"])]
    pub(crate) plan: Option<PathBuf>,
    /// What to test, as for `run`
    #[arg(long, default_value = "reference")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Only on these transports; may be given more than once [default: the first that the case is played on]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub(crate) transport: Vec<Transport>,
    /// The numbers in identifiers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Show tokens, proofs and exporter values as they are, instead of their fingerprints
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Read cases from this directory instead of the embedded ones
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For a terminal
    Human,
    /// As JSON
    Json,
    /// For a page or a comment
    Markdown,
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
pub(crate) struct PlanArgs {
    /// The plan of the subject (TOML), or the directory that has one as `plan.toml`; `ekmcheck init resource-server` writes one
    pub(crate) plan: PathBuf,
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
    /// Play also the cases in which a fault cannot differ from the reference, as that refuses nothing there by the check
    /// that the fault gets wrong; it must come to the same
    #[arg(long)]
    pub(crate) no_shortcuts: bool,
    /// How many cases to play at once [default: twice the number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Write every verdict on every subject to `verdicts.json` as well, to be compared with those of another version
    #[arg(long, conflicts_with = "named")]
    pub(crate) verdicts: bool,
    /// Where `kill-matrix.json` goes
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-report")]
    pub(crate) report: PathBuf,
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
    /// What `diff --format json` prints
    Diff,
    /// A line of `transcripts.ndjson`
    Transcript,
    /// A vector file
    Vector,
    /// A file of known answers for the exporter
    ExporterAnswer,
    /// What `vectors bundle` writes
    Bundle,
    /// campaign.json
    Campaign,
    /// bench.json
    Bench,
    /// A line that an adapter is asked
    AdapterRequest,
    /// A line that an adapter answers
    AdapterAnswer,
}

fn level(name: &str) -> Result<Level, String> {
    match name {
        "must" => Ok(Level::Must),
        "should" => Ok(Level::Should),
        "may" => Ok(Level::May),
        _ => Err("it is one of must, should, may".to_owned()),
    }
}

fn basis(name: &str) -> Result<Basis, String> {
    match name {
        "draft" => Ok(Basis::Draft),
        "inherited" => Ok(Basis::Inherited),
        "hardening" => Ok(Basis::Hardening),
        _ => Err("it is one of draft, inherited, hardening".to_owned()),
    }
}

/// Which shard, from 1, and of how many.
fn shard(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
    let parsed = text.split_once('/').and_then(|(k, n)| Some((number(k)?, number(n)?)));
    parsed.filter(|(k, n)| k <= n).ok_or_else(|| "it is K/N, such as 2/4, with K from 1 to N".to_owned())
}

fn transport(name: &str) -> Result<Transport, String> {
    Transport::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Transport::ALL.iter().map(|t| t.name()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

fn outputs(names: &str) -> Result<Outputs, String> {
    if names == "none" {
        return Ok(Outputs(Vec::new()));
    }
    let one = |name: &str| {
        ReportFormat::from_name(name.trim()).ok_or_else(|| {
            let known: Vec<&str> = ReportFormat::ALL.iter().map(|f| f.name()).collect();
            format!("{name:?} is none of {}; `none` writes none", known.join(", "))
        })
    };
    names.split(',').map(one).collect::<Result<_, _>>().map(Outputs)
}

/// The number of jobs, by default twice the number of cores: a play waits as often as it works.
pub(crate) fn jobs(given: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    given.map_or_else(|| cores() * 2, NonZeroUsize::get)
}
