//! `ekmcheck run`.

use std::{path::Path, sync::Arc};

use ekmcheck_player::{
    files::Access,
    keylog::KeyLogFile,
    pace::Pace,
    run::{Pick, Plan, Played},
    subject::Subject,
    world::{Clock, Controls, World},
};
use ekmcheck_suite::{
    case::{Case, Transport},
    report::{Conclusion, Report, summary, timings},
};

use crate::{
    Trouble, adapter,
    args::{BoundsArgs, Format, RunArgs, jobs},
    baseline::{self, List},
    bundle,
    earlier::{Earlier, Of},
    files, lost, note, plan, planned,
    planned::Planned,
    print,
    progress::Progress,
    reports, scenarios, select,
    signals::{self, Stop},
    target,
    target::NetworkArgs,
    terminal::COLOURS,
};

/// Plays, prints, writes `report.json`; returns the exit status.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Trouble> {
    if let Some(command) = &args.adapter.adapter {
        return adapter::run(command, args);
    }
    // What is wrong with arguments and files says nothing of the subject, and the reports of an earlier run may stay.
    let mut at_work = false;
    let done = play(args, &mut at_work);
    if at_work && done.is_err() {
        Earlier::of(Of::Run, &args.report).set_aside(args.part.rerun_failed.as_deref());
    }
    done
}

/// Does it; `at_work` is true from when something is done with the subject until there is a result.
fn play(args: &RunArgs, at_work: &mut bool) -> Result<u8, Trouble> {
    let earlier = args.part.rerun_failed.as_deref().map(reports::saved).transpose()?;
    let all = scenarios::all(args.selection.scenarios.as_deref())?;
    let now = now()?;
    let plan_file = args.plan.as_deref().map(planned::read).transpose()?;
    let known = known(args, plan_file.as_ref().and_then(|p| p.baseline.as_deref()), &all.cases, now)?;
    let cases = select::cases(all.cases.clone(), &all.register, &args.selection)?;
    let ledger = Arc::new(all.ledger.clone());
    let stop = Stop::on_signals()?;
    let named = args.subject.as_deref().or(earlier.as_ref().map(|e| e.subject.as_str())).unwrap_or("reference");
    *at_work = true;
    // What it started ends with this function.
    let (subject, world, planned) = found(plan_file.as_ref(), named, &args.network, &args.transport, now, &stop)?;
    let mut bounds = args.bounds.clone();
    if let Some(plan) = &plan_file {
        bounds.rate = bounds.rate.or(plan.rate);
        bounds.connections = bounds.connections.or(plan.connections);
    }
    let world = Arc::new(world.with(controls(&bounds)?));
    let runtime = runtime()?;
    let speaks = planned.as_ref().map_or(Transport::ALL.to_vec(), |planned| planned.transports.clone());
    let asked = if args.transport.is_empty() { &speaks } else { &args.transport };
    match (&subject, &planned) {
        (_, Some(planned)) if !args.skip_doctor => {
            runtime.block_on(planned::fit(planned, world.clone(), &transports(asked), &stop))?;
        }
        (Subject::Network(target), None) => {
            runtime.block_on(stop.unless("while the subject was greeted", target::ready(&world, target)))??;
            if !args.skip_doctor {
                runtime.block_on(planned::fit_at_url(&subject, world.clone(), &transports(asked), &stop))?;
            }
        }
        _ => {}
    }
    reports::room(args)?;
    let mut plan = Plan {
        cases: Arc::new(cases),
        ledger: ledger.clone(),
        transports: transports(asked),
        pick: Pick::All,
        // All plays go to one server there, and what one leaves in a faulty memory would hide the fault from another.
        jobs: if matches!(subject, Subject::Network(_)) { args.jobs.map_or(1, usize::from) } else { jobs(args.jobs) },
        seed: args.seed,
        rounds: u32::MAX,
        // The handshakes of the measurement would be noise in a key log, and say nothing about a server that is elsewhere.
        measure_floor: !args.part.repeat_until_failure
            && args.bounds.keylog.is_none()
            && !matches!(subject, Subject::Network(_)),
        subject,
    };
    let shard = select::part(&mut plan, &args.part, earlier.as_ref())?;
    let finish = |report: &mut Report| {
        report.shard = shard;
        report.named_by = named_by(args);
        report.scenarios = args.selection.scenarios.as_ref().map(|d| d.display().to_string());
        if let Some(list) = &known {
            report.set_baseline(list.judge(report));
        }
    };
    let (mut report, played) = runtime.block_on(repeat(world, plan, args, finish, &stop));
    report.started = Some(now);
    *at_work = false;
    let shown = signals::whole(|| {
        write_baseline(args, &report, known.as_ref(), now);
        reports::save(args, &all, &report, &played)
    });
    match args.format {
        Format::Json => print(&reports::json(&report)?),
        Format::Human => {
            print(&summary(&report, &ledger, *COLOURS));
            if args.timings {
                print(&timings(&report));
            }
            print(&reports::place(shown.as_deref()));
        }
    }
    if report.counts.applicable == 0 {
        note("nothing was selected; `ekmcheck list` shows the cases");
    }
    Ok(status(&report, args.strict))
}

/// Plays once; or again and again, each time with the next seed, until something is not as it should be.
async fn repeat(
    world: Arc<World>,
    plan: Plan,
    args: &RunArgs,
    finish: impl Fn(&mut Report),
    stop: &Stop,
) -> (Report, Vec<Played>) {
    let times = if args.part.repeat_until_failure { args.part.times.get() } else { 1 };
    let mut time = 1;
    loop {
        let plan = Plan { seed: plan.seed.wrapping_add(u64::from(time - 1)), ..plan.clone() };
        let mut progress = Progress::of(plan.units().len(), args.quiet || args.format == Format::Json);
        let finished = |played: &Played| progress.finished(played);
        let (mut report, played) = ekmcheck_player::run::run(world.clone(), plan, finished, stop.given()).await;
        drop(progress);
        finish(&mut report);
        let well = status(&report, args.strict) == 0;
        let last = time == times || !well || stop.is_given();
        if args.part.repeat_until_failure && last {
            let (went, seed) = (if well { time } else { time - 1 }, report.seed);
            note(&match well {
                true => format!("went well {went} times, the last with seed {seed}"),
                false => format!("went well {went} times, and not with seed {seed}"),
            });
        }
        if last {
            return (report, played);
        }
        time += 1;
    }
}

/// The bounds and the key log that were asked for.
pub(crate) fn controls(args: &BoundsArgs) -> Result<Controls, Trouble> {
    let key_log = match &args.keylog {
        None => None,
        Some(path) => {
            let shown = path.display().to_string();
            let hole = format!("{shown}: the key log is not whole: ");
            let file = KeyLogFile::open(path, move |e| lost(&format!("{hole}{e}")));
            let file = file.map_err(|e| files::unwritten(path, &e))?;
            note(&format!(
                "{shown}: holds secrets; who has it and a capture reads all that the harness sent, tokens and proofs too"
            ));
            Some(Arc::new(file))
        }
    };
    Ok(Controls { pace: Pace::new(args.rate, args.connections), key_log, tap: None })
}

/// The transports asked for; all if none is.
pub(crate) fn transports(asked: &[Transport]) -> Vec<Transport> {
    let mut transports = if asked.is_empty() { Transport::ALL.to_vec() } else { asked.to_vec() };
    transports.sort();
    transports.dedup();
    transports
}

/// Writes the list of what failed, if that was asked for.
pub(crate) fn write_baseline(args: &RunArgs, report: &Report, known: Option<&List>, now: i64) {
    let Some(path) = &args.known.write_baseline else { return };
    let written = baseline::day(now).and_then(|today| {
        let text = baseline::of(report, args.strict, known, today);
        files::put(path, text.as_bytes(), Access::Open)
    });
    if let Err(trouble) = written {
        lost(&trouble.to_string());
    }
}

/// The list of known failures; and the file for a new one must not be there yet, for reasons would be lost.
pub(crate) fn known(args: &RunArgs, of_plan: Option<&Path>, cases: &[Case], now: i64) -> Result<Option<List>, Trouble> {
    if let Some(path) = args.known.write_baseline.as_ref().filter(|p| p.exists()) {
        return Err(Trouble::Given(format!(
            "{}: is there already\n  mend: name another file; with `--baseline {}` the reasons in it are kept",
            path.display(),
            path.display()
        )));
    }
    args.known.baseline.as_deref().or(of_plan).map(|path| List::read(path, cases, baseline::day(now)?)).transpose()
}

/// The exit status that a report comes to.
pub(crate) fn status(report: &Report, strict: bool) -> u8 {
    let wrong = report.baseline.as_ref().is_some_and(|b| !b.faults.is_empty());
    match report.conclusion {
        Conclusion::Conformant | Conclusion::AsKnown if wrong || (strict && report.counts.warned > 0) => {
            Conclusion::NotConformant
        }
        Conclusion::Incomplete if wrong => Conclusion::NotConformant,
        conclusion => conclusion,
    }
    .exit_status()
}

/// The words that name a subject of which its name does not tell enough.
fn named_by(args: &RunArgs) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let path = |path: &std::path::Path| path.display().to_string();
    if let Some(plan) = &args.plan {
        return vec![path(plan)];
    }
    let (Some(named), Some(bundle)) = (&args.subject, &args.network.bundle) else { return Vec::new() };
    let mut named_by = words(&["--subject", named, "--bundle", &path(bundle)]);
    let network = &args.network;
    for (name, value) in [
        ("--quic-port", network.quic_port.map(|port| port.to_string())),
        ("--introspection", network.introspection.as_deref().map(path)),
    ] {
        named_by.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    }
    let flags =
        [("--allow-remote", network.allow_remote), ("--other-host", network.other_host), ("--scopes", network.scopes)];
    named_by.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()));
    named_by
}

/// What is tested, and the world that it lives in: the subject of the plan if there is one, or else the one of that name.
/// What was started for it ends with the third.
pub(crate) fn found(
    plan: Option<&plan::Plan>,
    named: &str,
    network: &NetworkArgs,
    asked: &[Transport],
    now: i64,
    stop: &Stop,
) -> Result<(Subject, World, Option<Planned>), Trouble> {
    match plan {
        Some(plan) => {
            let (planned, world) = planned::start(plan, stop)?;
            Ok((planned.subject.clone(), world, Some(planned)))
        }
        None => subject(named, network, asked, now).map(|(subject, world)| (subject, world, None)),
    }
}

fn subject(named: &str, network: &NetworkArgs, asked: &[Transport], now: i64) -> Result<(Subject, World), Trouble> {
    let bundle = network.bundle.as_deref();
    match bundle.filter(|_| target::is_url(named)) {
        Some(bundle) => {
            let bundle = bundle::read(bundle)?;
            let target = target::of_url(named, &transports(asked), network)?;
            Ok((Subject::Network(Arc::new(target)), World::of_bundle(&bundle)))
        }
        None if target::is_url(named) => Err(Trouble::Given(format!(
            "--subject {named} needs --bundle DIR, the directory with the keys that the server trusts; `ekmcheck init resource-server --dir DIR` makes one"
        ))),
        None if bundle.is_some() => Err(Trouble::Given(format!(
            "--bundle goes with a server's URL as the subject, and {named} is started with keys of its own"
        ))),
        None => {
            let subject = Subject::parse(named).map_err(Trouble::Given)?;
            Ok((subject, World::at(now).map_err(|e| Trouble::Harness(e.to_string()))?))
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

/// A value as indented JSON with a newline at the end, inert in a terminal.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Trouble> {
    ekmcheck_report::json::readable(value).map_err(|e| Trouble::Harness(e.to_string()))
}
