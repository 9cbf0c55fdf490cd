//! Arguments of `ekmcheck fuzz`.

use std::path::PathBuf;

use clap::Args;
use ekmcheck_suite::case::Transport;

use super::{BoundsArgs, Format, NetworkArgs, transport};

#[derive(Args)]
pub(crate) struct FuzzArgs {
    /// The plan of a subject (TOML), in place of --subject
    #[arg(value_name = "PLAN", conflicts_with_all = ["subject", "bundle"])]
    pub(crate) plan: Option<PathBuf>,
    /// What to test, as for `run`
    #[arg(long, default_value = "reference")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Only on these transports, in turn; may be given more than once [default: all]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub(crate) transport: Vec<Transport>,
    /// What is tried, and in which order
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
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
    /// Play the findings of a campaign again, and nothing else
    #[arg(long, value_name = "campaign.json", conflicts_with = "resume")]
    pub(crate) replay: Option<PathBuf>,
    /// Where `campaign.json` and `campaign.md` go
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
