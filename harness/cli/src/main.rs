//! `ekmcheck`: conformance suite and fuzzing harness for TLS-session-bound access tokens.

mod adapter;
mod ambiguities;
mod args;
mod baseline;
mod bench;
mod bundle;
mod compare;
mod doctor;
mod earlier;
mod files;
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

use std::{
    io,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use ekmcheck_suite::{brief, inert};

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
        // Help and the version come this way, too.
        Err(e) => return ended(told(&e)),
    };
    // What a daemon leaves behind is ended with it.
    ekmcheck_children::adopt_orphans();
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
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ekmcheck", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(0)
        }
    };
    match done {
        Ok(status) => ended(status),
        Err(trouble) => {
            note(&brief::message(&format!("error: {trouble}")));
            ended(match trouble {
                Trouble::Given(_) => USAGE,
                Trouble::Harness(_) => HARNESS,
                Trouble::Incomplete(_) => INCOMPLETE,
            })
        }
    }
}

/// What clap has to say: help, the version, or what is wrong with the arguments, which are repeated there as they were given.
fn told(said: &clap::Error) -> u8 {
    let steers = |argument: std::ffi::OsString| argument.to_str().is_none_or(|text| text.contains(inert::steers));
    let steered = std::env::args_os().any(steers);
    if !said.use_stderr() {
        match steered {
            true => print(&said.render().to_string()),
            false => emit(&said.render().ansi().to_string()),
        }
        return 0;
    }
    if steered {
        // Without clap's colours: nobody could tell them from those of the arguments.
        note(brief::message(&said.render().to_string()).trim_end());
    } else {
        use io::Write as _;
        // Nothing is left to be done when even that cannot be written.
        let _ = writeln!(anstream::stderr(), "{}", brief::message(&said.render().ansi().to_string()).trim_end());
    }
    USAGE
}

/// Whether something that was to be written is not.
static LOST: AtomicBool = AtomicBool::new(false);
/// Whether nobody reads standard output, or it cannot be written.
static SILENT: AtomicBool = AtomicBool::new(false);

/// The exit status: what was lost is no success, and hides nothing that is worse.
fn ended(status: u8) -> ExitCode {
    let lost = LOST.load(Ordering::Relaxed) && status == 0;
    ExitCode::from(if lost { HARNESS } else { status })
}

/// Tells that something could not be written; the command goes on, and ends with [`HARNESS`] instead of 0.
pub(crate) fn lost(what: &str) {
    LOST.store(true, Ordering::Relaxed);
    note(&brief::message(&format!("error: {what}")));
}

/// Prints to standard output, inert. A reader that went away ends the output, not the tool; any other fault is told.
pub(crate) fn print(text: &str) {
    emit(&terminal::shown(text));
}

/// Writes to standard output what is fit for it.
fn emit(text: &str) {
    use io::Write as _;
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    let mut out = anstream::stdout();
    if let Err(e) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        SILENT.store(true, Ordering::Relaxed);
        if e.kind() != io::ErrorKind::BrokenPipe {
            lost(&format!("standard output: {e}\n  what is there is not whole"));
        }
    }
}

/// Prints to standard error.
pub(crate) fn note(text: &str) {
    use io::Write as _;
    // Nothing is left to be done when even that cannot be written.
    let _ = writeln!(anstream::stderr(), "{}", terminal::message(text));
}
