//! `ekmcheck run`.

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use ekmcheck_player::{
    run::{Pick, Plan},
    subject::Subject,
    world::World,
};
use ekmcheck_suite::{
    case::Transport,
    report::{Style, summary, timings},
};

use crate::{
    Trouble,
    args::{Format, RunArgs, jobs},
    note, print, reports, scenarios,
};

/// ANSI sequences; the stream that they are written to drops them where no terminal reads.
const COLOURS: Style = Style {
    good: "\x1b[32m",
    bad: "\x1b[31m",
    doubtful: "\x1b[33m",
    faint: "\x1b[2m",
    strong: "\x1b[1m",
    reset: "\x1b[0m",
};

/// Plays, prints, writes `report.json`; returns the exit status.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Trouble> {
    let subject = Subject::parse(&args.subject).map_err(Trouble::Given)?;
    let all = scenarios::all(args.selection.scenarios.as_deref())?;
    for hint in scenarios::unmatched(&all.cases, &args.selection.filter) {
        note(&hint);
    }
    let cases = scenarios::select(all.cases.clone(), &args.selection.filter);
    let ledger = Arc::new(all.ledger.clone());
    let mut transports = args.transport.clone();
    if transports.is_empty() {
        transports = Transport::ALL.to_vec();
    }
    transports.sort();
    transports.dedup();
    writable(&args.report, "report.json")?;
    let plan = Plan {
        subject,
        cases: Arc::new(cases),
        ledger: ledger.clone(),
        transports,
        pick: Pick::All,
        jobs: jobs(args.jobs),
        seed: args.seed,
        rounds: u32::MAX,
        measure_floor: true,
    };
    let started = now()?;
    let (mut report, played) = runtime()?.block_on(async {
        let world = Arc::new(World::at(started).map_err(|e| Trouble::Harness(e.to_string()))?);
        let interrupted = async {
            // Without a handler the run simply cannot be interrupted gently.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Ok::<_, Trouble>(ekmcheck_player::run::run(world, plan, |_| {}, interrupted).await)
    })?;
    report.started = Some(started);
    let shown = reports::save(args, &all, &report, &played)?;
    match args.format {
        Format::Json => print(&reports::json(&report)?),
        Format::Human => {
            print(&summary(&report, &ledger, COLOURS));
            if args.timings {
                print(&timings(&report));
            }
            print(&format!("report: {}\n", shown.display()));
        }
    }
    if report.counts.applicable == 0 {
        note("nothing was selected; `ekmcheck list` shows the cases");
    }
    Ok(report.conclusion.strictly(args.strict, &report.counts).exit_status())
}

/// A runtime with the number of threads that the machine has cores.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Trouble::Harness(format!("no runtime: {e}")))
}

/// The time, asked once.
pub(crate) fn now() -> Result<i64, Trouble> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_secs()).ok());
    since.ok_or_else(|| Trouble::Harness("the system's clock stands before 1970".to_owned()))
}

/// A value as indented JSON with a newline at the end.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Trouble> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Trouble::Harness(e.to_string()))?;
    Ok(text + "\n")
}

/// Writes a file below a directory that is made if need be.
pub(crate) fn write_file(directory: &Path, name: &str, text: &str) -> Result<(), Trouble> {
    let path = directory.join(name);
    let trouble = |e: std::io::Error| Trouble::Given(format!("{}: {e}", path.display()));
    fs::create_dir_all(directory).map_err(trouble)?;
    fs::File::create(&path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(trouble)
}

/// Finds out that a file cannot be written before the work whose result it is to hold.
pub(crate) fn writable(directory: &Path, name: &str) -> Result<(), Trouble> {
    let path = directory.join(name);
    let trouble = |e: std::io::Error| Trouble::Given(format!("{}: {e}", path.display()));
    fs::create_dir_all(directory).map_err(trouble)?;
    fs::OpenOptions::new().append(true).create(true).open(&path).map(drop).map_err(trouble)
}
