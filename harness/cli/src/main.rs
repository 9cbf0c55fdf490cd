//! `ekmcheck`: conformance suite and fuzzing harness for TLS-session-bound access tokens.

mod adapter;
mod ambiguities;
mod args;
mod baseline;
mod bench;
mod bundle;
mod compare;
mod doctor;
mod fuzz;
mod fuzz_seeds;
mod init;
mod list;
mod plan;
mod planned;
mod progress;
mod proof;
mod reach;
mod replay;
mod reports;
mod run;
mod scenarios;
mod schema;
mod select;
mod selftest;
mod serve;
mod show;
mod signals;
mod target;
mod terminal;
mod trace;
mod vectors;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use ekmcheck_suite::inert;

/// Exit status for a mistake in what the tool was given: arguments, files, names.
const USAGE: u8 = 2;
/// Exit status where not all that was asked for was done.
const INCOMPLETE: u8 = 3;
/// Exit status for a failure of the tool itself.
const HARNESS: u8 = 4;

/// Why a command did not come to a result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// What was given is at fault; the text names the place and the mend.
    #[error("{0}")]
    Given(String),
    /// The tool or the machine is at fault.
    #[error("{0}")]
    Harness(String),
    /// It was ended before anything came of it.
    #[error("{0}")]
    Incomplete(String),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(trouble) => return usage(&trouble),
    };
    // What a daemon leaves behind is ended with it.
    ekmcheck_player::children::adopt_orphans();
    let done = match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Adapter { action }) => adapter::adapter(&action),
        Some(Command::List(args)) => list::list(&args),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Proof { action }) => proof::proof(&action),
        Some(Command::Fuzz(args)) => fuzz::fuzz(&args),
        Some(Command::Bench(args)) => bench::bench(&args),
        Some(Command::Token(args)) => bundle::token(&args),
        Some(Command::Exporter(args)) => proof::exporter(&args),
        Some(Command::Merge(args)) => compare::merge(&args),
        Some(Command::Diff(args)) => compare::diff(&args),
        Some(Command::Show(args)) => show::show(&args),
        Some(Command::Report(args)) => reports::report(&args),
        Some(Command::Ambiguities(args)) => ambiguities::ambiguities(&args),
        Some(Command::CheckPlan(args)) => planned::check(&args),
        Some(Command::Doctor(args)) => planned::doctor(&args),
        Some(Command::Selftest(args)) => selftest::selftest(&args),
        Some(Command::Init(args)) => init::init(&args),
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::Vectors { action }) => vectors::vectors(&action),
        Some(Command::FuzzSeeds(args)) => fuzz_seeds::fuzz_seeds(&args),
        Some(Command::Schema(args)) => schema::schema(&args),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "ekmcheck", &mut std::io::stdout());
            Ok(0)
        }
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(trouble) => {
            use std::io::Write as _;
            // Nothing is left to be done when even that cannot be written.
            let _ = writeln!(anstream::stderr(), "{}", terminal::message(&format!("error: {trouble}")));
            ExitCode::from(match trouble {
                Trouble::Given(_) => USAGE,
                Trouble::Harness(_) => HARNESS,
                Trouble::Incomplete(_) => INCOMPLETE,
            })
        }
    }
}

/// Help, the version, or what is wrong with the arguments, which are repeated there as they were given.
fn usage(trouble: &clap::Error) -> ExitCode {
    use std::io::Write as _;
    let steers = |argument: std::ffi::OsString| argument.to_str().is_none_or(|text| text.contains(inert::steers));
    if std::env::args_os().any(steers) {
        // Without clap's colours: nobody could tell them from those of the arguments.
        let _ = write!(anstream::stderr(), "{}", terminal::message(&trouble.render().to_string()));
    } else {
        // As `Cli::parse` does.
        let _ = trouble.print();
    }
    ExitCode::from(u8::try_from(trouble.exit_code()).unwrap_or(USAGE))
}

/// Prints to standard output; a reader that went away ends the output, not the tool.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let mut out = anstream::stdout();
    let _ = out.write_all(terminal::shown(text).as_bytes()).and_then(|()| out.flush());
}

/// Prints to standard error.
pub(crate) fn note(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stderr(), "{}", terminal::message(text));
}
