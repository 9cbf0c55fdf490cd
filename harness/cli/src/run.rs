//! `ekmcheck run`.

use std::{fs, io::Write as _, path::Path, sync::Arc};

use ekmcheck_player::{
    run::{Pick, Plan, Played},
    subject::Subject,
    world::{Clock, World},
};
use ekmcheck_suite::{
    ambiguity,
    case::Transport,
    outcome::Verdict,
    report::{Conclusion, Report, Style, summary, timings},
};

use crate::{
    Trouble,
    args::{Format, RunArgs, jobs},
    bundle, note, print, scenarios, target,
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
    let all = scenarios::all(args.selection.scenarios.as_deref())?;
    for hint in scenarios::unmatched(&all.cases, &args.selection.filter) {
        note(&hint);
    }
    let cases = scenarios::select(all.cases, &args.selection.filter);
    let ledger = Arc::new(all.ledger);
    let mut transports = args.transport.clone();
    if transports.is_empty() {
        transports = Transport::ALL.to_vec();
    }
    transports.sort();
    transports.dedup();
    let (subject, world) = subject(args, &transports)?;
    let runtime = runtime()?;
    if let Subject::Network(target) = &subject {
        runtime.block_on(target::ready(&world, target))?;
    }
    writable(&args.report, "report.json")?;
    let plan = Plan {
        cases: Arc::new(cases),
        ledger: ledger.clone(),
        transports,
        pick: Pick::All,
        // All plays go to one server there, and what one leaves in a faulty memory would hide the fault from another.
        jobs: if matches!(subject, Subject::Network(_)) { args.jobs.map_or(1, usize::from) } else { jobs(args.jobs) },
        seed: args.seed,
        rounds: u32::MAX,
        // What handshakes cost here says nothing about a server that is elsewhere.
        measure_floor: !matches!(subject, Subject::Network(_)),
        subject,
    };
    let (report, played) = runtime.block_on(async {
        let interrupted = async {
            // Without a handler the run simply cannot be interrupted gently.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        ekmcheck_player::run::run(world, plan, |_| {}, interrupted).await
    });
    write(&args.report, &report, &played)?;
    write_file(&args.report, "ambiguities.md", &ambiguity::page(&all.register, std::slice::from_ref(&report)))?;
    match args.format {
        Format::Json => print(&json(&report)?),
        Format::Human => {
            print(&summary(&report, &ledger, COLOURS));
            if args.timings {
                print(&timings(&report));
            }
            print(&format!("report: {}\n", args.report.join("report.json").display()));
        }
    }
    if report.counts.applicable == 0 {
        note("nothing was selected; `ekmcheck list` shows the cases");
    }
    Ok(match report.conclusion {
        Conclusion::Conformant if args.strict && report.counts.warned > 0 => Conclusion::NotConformant,
        conclusion => conclusion,
    }
    .exit_status())
}

/// What is tested, and the world that it lives in.
fn subject(args: &RunArgs, transports: &[Transport]) -> Result<(Subject, Arc<World>), Trouble> {
    let bundle = args.network.bundle.as_deref();
    match bundle.filter(|_| target::is_url(&args.subject)) {
        Some(bundle) => {
            let bundle = bundle::read(bundle)?;
            let target = target::of_url(&args.subject, transports, &args.network)?;
            Ok((Subject::Network(Arc::new(target)), Arc::new(World::of_bundle(&bundle))))
        }
        None if target::is_url(&args.subject) => Err(Trouble::Given(format!(
            "--subject {} needs --bundle DIR, the directory with the keys that the server trusts; `ekmcheck init resource-server --dir DIR` makes one",
            args.subject
        ))),
        None if bundle.is_some() => Err(Trouble::Given(format!(
            "--bundle goes with a server's URL as the subject, and {} is started with keys of its own",
            args.subject
        ))),
        None => {
            let subject = Subject::parse(&args.subject).map_err(Trouble::Given)?;
            Ok((subject, Arc::new(World::at(now()?).map_err(|e| Trouble::Harness(e.to_string()))?)))
        }
    }
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
    match Clock::of_system().now() {
        now @ 1.. => Ok(now),
        _ => Err(Trouble::Harness("the system's clock stands before 1970".to_owned())),
    }
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

fn write(directory: &Path, report: &Report, played: &[Played]) -> Result<(), Trouble> {
    write_file(directory, "report.json", &json(report)?)?;
    let mut lines = String::new();
    for transcript in played.iter().filter(|p| p.outcome.verdict != Verdict::Pass).flat_map(|p| &p.transcripts) {
        lines.push_str(&serde_json::to_string(transcript).map_err(|e| Trouble::Harness(e.to_string()))?);
        lines.push('\n');
    }
    write_file(directory, "transcripts.ndjson", &lines)
}
