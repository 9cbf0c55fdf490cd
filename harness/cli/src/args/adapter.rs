//! About adapters: verifier libraries in other languages.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A verifier library as the subject of a run.
#[derive(Args)]
pub(crate) struct AdapterArgs {
    /// The frozen vectors instead of the cases, on a verifier library in any language: the command line of a program that
    /// answers lines of JSON (docs/adapters.md). No shell looks at it
    #[arg(long, value_name = "CMD", conflicts_with_all = [
        "plan", "subject", "bundle", "transport", "scenarios", "ambiguity", "rate", "connections", "keylog", "shard",
        "rerun_failed", "repeat_until_failure", "timings", "seed",
    ])]
    pub(crate) adapter: Option<String>,
    /// A vector from a file instead of the frozen ones, such as one that a campaign found; may be given more than once
    #[arg(long, value_name = "FILE", requires = "adapter")]
    pub(crate) vector: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) bounded: BoundedArgs,
    /// How often an adapter that failed is started anew, in all
    #[arg(long, value_name = "N", default_value_t = 20, requires = "adapter")]
    pub(crate) restarts: usize,
}

/// How long an adapter may take.
#[derive(Args)]
pub(crate) struct BoundedArgs {
    /// How long an adapter may take for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) answer_within: f64,
    /// How long an adapter may take to start and to greet, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) start_within: f64,
}

#[derive(Subcommand)]
pub(crate) enum AdapterAction {
    /// Find out whether an adapter keeps the contract, so that a verdict on it means something, and what to mend
    Check {
        /// The command line that starts it; no shell looks at it
        #[arg(value_name = "CMD")]
        command: String,
        #[command(flatten)]
        bounded: BoundedArgs,
    },
    /// Be an adapter: the reference, as a model for others
    Serve {
        /// With one thing wrong: a check left out (`without-ekm`), or trouble with the contract (`crash`, `hang` …)
        #[arg(long, value_name = "NAME")]
        fault: Option<String>,
    },
}

fn seconds(text: &str) -> Result<f64, String> {
    let right = |seconds: &f64| (0.01..=600.0).contains(seconds);
    text.parse().ok().filter(right).ok_or_else(|| "it is a number of seconds from 0.01 to 600".to_owned())
}
