//! Arguments of `ekmcheck bench`.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, value_parser};
use ekmcheck_suite::{bench::Scheme, case::Transport};

use super::{BoundsArgs, Format, NetworkArgs, transport};

#[derive(Args)]
pub(crate) struct BenchArgs {
    /// The plan of a subject (TOML), or the directory that has one as `plan.toml`, in place of --subject: bearer,
    /// certificate-bound and session-bound are measured
    #[arg(value_name = "PLAN", conflicts_with_all = ["subject", "bundle"])]
    pub(crate) plan: Option<PathBuf>,
    /// What to measure: `reference`, the embedded server, or a URL
    #[arg(long, default_value = "reference")]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Only on these transports; may be given more than once [default: tls13-h1, tls13-h2, quic-h3]
    #[arg(long, value_name = "NAME", value_parser = transport)]
    pub(crate) transport: Vec<Transport>,
    /// Only these schemes: bearer, bearer-ballast, certificate-bound, session-bound, session-bound-uncached, dpop, dpop-server-tls; may be
    /// given more than once [default: all]
    #[arg(long, value_name = "NAME", value_parser = scheme)]
    pub(crate) scheme: Vec<Scheme>,
    /// Requests a connection, by commas: the curve
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,10,100,1000,10000")]
    pub(crate) requests: Vec<NonZeroU32>,
    /// Only the curve: neither several users on a connection nor several servers on the way
    #[arg(long)]
    pub(crate) curve_only: bool,
    /// How often each scheme has its turn under each load
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = value_parser!(u32).range(1..))]
    pub(crate) turns: u32,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) at_once: u32,
    /// End with 1 where the measured ratios are not those that the project promises
    #[arg(long)]
    pub(crate) check: bool,
    /// Where bench.json, bench.md, bench.html and the charts go
    #[arg(long, value_name = "DIR", default_value = "ekmcheck-bench")]
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

fn scheme(name: &str) -> Result<Scheme, String> {
    let names = || Scheme::ALL.map(Scheme::name).join(", ");
    Scheme::from_name(name).ok_or_else(|| format!("it is one of {}", names()))
}
