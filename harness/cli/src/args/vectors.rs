//! The arguments of `vectors`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

#[derive(Subcommand)]
pub(crate) enum VectorsAction {
    /// Make the vectors anew, compare them with the files and look for what contradicts itself; 1 if anything differs
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
    /// Put all vectors into one JSON file, with the tables of what their names mean
    Bundle {
        /// Write to this file instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List the vectors
    List(VectorListArgs),
    /// Show a vector, decoded for people
    Show {
        /// Its id, like `ekm/ekm-missing`
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct VectorListArgs {
    /// Only these: an id, a part of one, or a pattern with `*`; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Vec<String>,
    /// Only those with this flag, such as `alg-none`; may be given more than once
    #[arg(long, value_name = "FLAG")]
    pub(crate) flag: Vec<String>,
    /// How
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
