//! Arguments of `ekmcheck merge` and `ekmcheck diff`.

use std::path::PathBuf;

use clap::Args;

use super::{DiffFormat, Format};

#[derive(Args)]
pub(crate) struct MergeArgs {
    /// The `report.json` of every shard, or the `campaign.json` of each of a campaign
    #[arg(required = true, value_name = "REPORT.json")]
    pub(crate) reports: Vec<PathBuf>,
    /// Where `report.json` of the whole goes
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-report")]
    pub(crate) report: PathBuf,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args)]
pub(crate) struct DiffArgs {
    /// The earlier `report.json`
    pub(crate) before: PathBuf,
    /// The later `report.json`
    pub(crate) after: PathBuf,
    /// What is printed
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub(crate) format: DiffFormat,
}
