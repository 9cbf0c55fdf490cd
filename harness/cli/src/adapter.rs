//! `ekmcheck adapter` and `ekmcheck run --adapter`: verifier libraries in other languages.

mod check;

use std::{
    collections::BTreeSet,
    io,
    time::{Duration, Instant},
};

use ekmcheck_offline::{
    adapter::{
        self, Launch, Plan,
        serve::{self, Fault},
    },
    vectors,
};
use ekmcheck_player::run::Played;
use ekmcheck_suite::{
    adapter::{Adapter, as_case},
    case::Transport,
    load::suggestion,
    report::{Cost, Report, summary},
    vector::Vector,
};

use crate::{
    Trouble,
    args::{AdapterAction, BoundedArgs, Format, RunArgs},
    earlier::{Earlier, Of},
    files::{self, VECTOR},
    note, print,
    progress::Progress,
    reports,
    run::{known, now, status, write_baseline},
    scenarios::{self, Scenarios},
    select,
    signals::{self, Stop, interrupted},
    terminal::COLOURS,
};

/// Checks an adapter, or is one; returns the exit status.
pub(crate) fn adapter(action: &AdapterAction) -> Result<u8, Trouble> {
    match action {
        AdapterAction::Check { command, bounded } => check::check(command, &launch(command, bounded)?, &all()?),
        AdapterAction::Serve { fault } => {
            let fault = fault.as_deref().map(named).transpose()?;
            let done = serve::serve(io::stdin().lock(), io::stdout().lock(), io::stderr().lock(), fault);
            // A reader that went away ends it like one that closes its standard input.
            match done {
                Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(Trouble::Given(e.to_string())),
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Trouble::Harness(e.to_string())),
                _ => Ok(0),
            }
        }
    }
}

fn named(fault: &str) -> Result<Fault, Trouble> {
    Fault::from_name(fault).ok_or_else(|| {
        let names: Vec<String> = Fault::names().collect();
        Trouble::Given(format!("--fault {fault}: {}", suggestion(fault, names.iter().map(String::as_str))))
    })
}

/// All vectors, in the order of their ids.
fn all() -> Result<Vec<Vector>, Trouble> {
    let made = vectors::generate().map_err(|e| Trouble::Harness(e.to_string()))?;
    Ok(made.vectors)
}

pub(crate) fn launch(command: &str, bounded: &BoundedArgs) -> Result<Launch, Trouble> {
    let words = shlex::split(command).filter(|words| !words.is_empty());
    Ok(Launch {
        words: words.ok_or_else(|| {
            Trouble::Given(format!("the adapter's command {command:?} is empty, or a quotation in it does not end"))
        })?,
        first: Duration::from_secs_f64(bounded.start_within),
        answer: Duration::from_secs_f64(bounded.answer_within),
    })
}

/// Plays the vectors on an adapter, prints, writes the reports; returns the exit status.
pub(crate) fn run(command: &str, args: &RunArgs) -> Result<u8, Trouble> {
    let begun = Instant::now();
    let started = now()?;
    let launch = launch(command, &args.adapter.bounded)?;
    let frozen = all()?;
    let vectors = match &args.adapter.vector[..] {
        [] => frozen.clone(),
        paths => paths.iter().map(|path| files::json(path, &VECTOR)).collect::<Result<_, _>>()?,
    };
    let live = scenarios::all(None)?;
    let cases: Vec<_> = vectors.iter().map(as_case).collect();
    let known = known(args, None, &cases, started)?;
    let selected = select::cases(cases.clone(), &live.register, &args.selection)?;
    let selected: BTreeSet<String> = selected.into_iter().map(|case| case.id).collect();
    let stands = Scenarios { cases, ..live };

    let stop = Stop::on_signals()?;
    let (asker, opened) = adapter::open(&launch, &frozen).map_err(|why| {
        Earlier::of(Of::Run, &args.report).set_aside(None);
        match stop.is_given() {
            true => interrupted("while the adapter started"),
            false => not_opened(command, &why),
        }
    })?;
    // Not before: a liar leaves no report that could be taken for one.
    reports::room(args)?;
    let vectors: Vec<Vector> = vectors.into_iter().filter(|v| selected.contains(&v.id)).collect();
    let jobs = args.jobs.map_or(1, usize::from);
    let plan = Plan { launch, vectors, jobs, restarts: args.adapter.restarts };
    let mut progress = Progress::of(plan.vectors.len(), args.quiet || args.format == Format::Json);
    let mut played = Vec::new();
    let done = adapter::run(&plan, asker, &opened, stop.flag(), |outcome| {
        let one = Played { outcome: outcome.clone(), transcripts: Vec::new(), refused_by: BTreeSet::new() };
        progress.finished(&one);
        played.push(one);
    });
    drop(progress);

    let cost = Cost {
        seconds: begun.elapsed().as_secs_f64(),
        plays: done.outcomes.len(),
        verifications: done.asked,
        ..Cost::default()
    };
    let about = opened.about;
    let subject = format!("adapter:{} {}", about.name, about.version);
    let mut report =
        Report::new(&subject, vec![Transport::Offline], args.seed, cost, plan.vectors.len(), done.outcomes);
    report.adapter = Some(Adapter { command: command.to_owned(), about });
    if report.counts.not_executed > 0 {
        let interrupted = stop.is_given().then(|| "interrupted".to_owned());
        report.unfinished = done.given_up.clone().or(interrupted);
    }
    let files = args.adapter.vector.iter();
    report.named_by = files.flat_map(|path| ["--vector".to_owned(), path.display().to_string()]).collect();
    report.started = Some(started);
    if let Some(list) = &known {
        report.set_baseline(list.judge(&report));
    }
    let shown = signals::whole(|| {
        write_baseline(args, &report, known.as_ref(), started);
        reports::save(args, &stands, &report, &played)
    });
    match args.format {
        Format::Json => print(&reports::json(&report)?),
        Format::Human => {
            print(&summary(&report, &stands.ledger, *COLOURS));
            print(&reports::place(shown.as_deref()));
        }
    }
    if done.restarts > 0 {
        note(&format!("the adapter was started anew {} times", done.restarts));
    }
    if report.counts.applicable == 0 {
        note("nothing was selected; `ekmcheck vectors` and vectors/README.md say what there is");
    }
    Ok(status(&report, args.strict))
}

pub(crate) fn not_opened(command: &str, why: &str) -> Trouble {
    let again = shlex::try_quote(command).map(|q| q.into_owned()).unwrap_or_default();
    Trouble::Given(format!(
        "--adapter {command}: {why}\n  nothing was played and nothing counts; mend it with the help of `ekmcheck adapter check {again}`"
    ))
}
