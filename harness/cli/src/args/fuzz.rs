//! Arguments of `ekmcheck fuzz`.

use std::path::PathBuf;

use clap::Args;
use ekmcheck_suite::case::Transport;

use super::{BoundedArgs, BoundsArgs, Format, NetworkArgs, shard, transport};

#[derive(Args)]
pub(crate) struct FuzzArgs {
    /// The plan of a subject (TOML), or the directory that has one as `plan.toml`, in place of --subject
    #[arg(value_name = "PLAN", conflicts_with_all = ["subject", "bundle"])]
    pub(crate) plan: Option<PathBuf>,
    /// A verifier library behind an adapter in place of a server (docs/adapters.md). No shell looks at the command line
    #[arg(long, value_name = "CMD", conflicts_with_all = [
        "plan", "subject", "bundle", "transport", "rate", "connections", "keylog", "stop_after_errors",
    ])]
    pub(crate) adapter: Option<String>,
    #[command(flatten)]
    pub(crate) bounded: BoundedArgs,
    /// How often an adapter that gave no answer is started anew, in all
    #[arg(long, value_name = "N", default_value_t = 100, requires = "adapter")]
    pub(crate) restarts: usize,
    /// What to test, as for `run`
    #[arg(long, default_value = "reference")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Only on these transports, in turn; may be given more than once [default: all]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub(crate) transport: Vec<Transport>,
    /// What is tried, and in which order [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Only the K-th of N parts, each of which goes its own way; `ekmcheck merge` puts their campaigns together
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub(crate) shard: Option<(usize, usize)>,
    /// The most requests
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) requests: u64,
    /// The longest that it may take
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// End after so many answers with 5xx
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) stop_after_errors: u64,
    /// End with the first finding against a MUST
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Go on from what an earlier campaign found worth trying
    #[arg(long, value_name = "campaign.json")]
    pub(crate) resume: Option<PathBuf>,
    /// Play the findings of a campaign again, or a mutant of a file of its own, and nothing else
    #[arg(long, value_name = "campaign.json", conflicts_with_all = ["resume", "shard"])]
    pub(crate) replay: Option<PathBuf>,
    /// Play nothing: write mutants into this directory, each in a file that --replay plays, as ClusterFuzz asks of a black
    /// box fuzzer
    #[arg(long = "output_dir", value_name = "DIR", conflicts_with_all = ["plan", "adapter", "bundle", "resume", "replay"])]
    pub(crate) output_dir: Option<PathBuf>,
    /// Mutants to begin with, for --output_dir: those of all files there
    #[arg(long = "input_dir", value_name = "DIR", requires = "output_dir")]
    pub(crate) input_dir: Option<PathBuf>,
    /// How many mutants --output_dir gets
    #[arg(long = "no_of_files", value_name = "N", default_value_t = 100, requires = "output_dir")]
    pub(crate) no_of_files: usize,
    /// Where the reports of the campaign go, and the findings as files
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-fuzz")]
    pub(crate) report: PathBuf,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) bounds: BoundsArgs,
}
