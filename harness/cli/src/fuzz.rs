//! `ekmcheck fuzz`: a campaign on a live subject or on a verifier library.

mod black_box;
mod save;

use std::{cell::Cell, path::Path, sync::Arc, time::Duration};

use ekmcheck_campaign::{OnAdapter, Progress, Settings, Work, campaign, complaint, on_adapter};
use ekmcheck_offline::{adapter::open, vectors};
use ekmcheck_player::subject::Subject;
use ekmcheck_suite::campaign::Campaign;
use serde_json::Value;

pub(crate) use self::save::merge;
use crate::{
    Trouble, adapter,
    args::{Format, FuzzArgs},
    earlier::{Earlier, FUZZED, Of},
    files::{self, CAMPAIGN},
    note, planned, print, run, scenarios,
    signals::{self, Stop},
    terminal::COLOURS,
};

/// How many requests go by between two lines of progress.
const LINE: u64 = 5_000;

/// Carries out a campaign; 1 where something is against a MUST.
pub(crate) fn fuzz(args: &FuzzArgs) -> Result<u8, Trouble> {
    if let Some(directory) = &args.output_dir {
        return black_box::write(directory, args.input_dir.as_deref(), args.no_of_files, args.seed);
    }
    let work = work(args)?;
    let mut done = match &args.adapter {
        Some(command) => of_adapter(command, work, args)?,
        None => of_server(work, args)?,
    };
    done.named_by = named_by(args);
    done.machine = machine();
    let path = signals::whole(|| save::save(&args.report, &done));
    match args.format {
        Format::Json => print(&run::json(&done)?),
        Format::Human => print(&save::told(&done, path.as_deref(), *COLOURS)),
    }
    Ok(status(&done))
}

/// Where the campaign comes to nothing, an earlier one must not look like it.
fn nothing(args: &FuzzArgs) {
    Earlier::of(Of::Campaign, &args.report).set_aside(args.replay.as_deref().or(args.resume.as_deref()));
}

/// 1 where something is against a MUST; 3 where that nothing is cannot be said, since not all that was asked for was done.
fn status(done: &Campaign) -> u8 {
    match done.violates() {
        true => 1,
        false if done.is_whole() => 0,
        false => 3,
    }
}

fn work(args: &FuzzArgs) -> Result<Work, Trouble> {
    let (corpus, replay) = corpus(args)?;
    Ok(Work {
        seed: args.seed.unwrap_or(1),
        shard: args.shard,
        requests: args.requests,
        time: args.seconds.map(Duration::from_secs),
        corpus,
        replay,
        fail_fast: args.fail_fast,
    })
}

fn of_server(work: Work, args: &FuzzArgs) -> Result<Campaign, Trouble> {
    let all = scenarios::all(None)?;
    let now = run::now()?;
    let plan = args.plan.as_deref().map(planned::read).transpose()?;
    if plan.as_ref().is_some_and(|plan| plan.tokens.is_some() || !plan.clients.is_empty()) {
        return Err(Trouble::Given(
            "a campaign signs with the keys of the bundle\n  mend: have the subject trust the bundle, and take [tokens] and [pki] out of the plan"
                .to_owned(),
        ));
    }
    let asked = run::transports(&args.transport);
    let stop = Stop::on_signals()?;
    let found = run::found(plan.as_ref(), &args.subject, &args.network, &asked, now, &stop);
    let (subject, world, _running) = found.inspect_err(|_| nothing(args))?;
    let mut transports = asked;
    transports.retain(|t| plan.as_ref().is_none_or(|plan| plan.transports.contains(t)));
    if transports.is_empty() {
        return Err(Trouble::Given("no transport is left: the plan names none of those that are asked for".to_owned()));
    }
    files::writable(&args.report, FUZZED)?;
    let world = world.with(run::controls(&args.bounds)?);
    let settings =
        Settings { subject, transports, work, server_errors: args.stop_after_errors, cases: Arc::new(all.cases) };
    let told = progress(args.quiet);
    let done = run::runtime()?.block_on(campaign(&world, &settings, told, stop.given()));
    if let Subject::Network(target) = &settings.subject
        && let Some(how) = target.ended()
    {
        note(&format!("the subject ended: {how}"));
    }
    let done = done.map_err(|why| if stop.is_given() { Trouble::Incomplete(why) } else { Trouble::Given(why) });
    done.inspect_err(|_| nothing(args))
}

fn of_adapter(command: &str, work: Work, args: &FuzzArgs) -> Result<Campaign, Trouble> {
    let made = vectors::generate().map_err(|e| Trouble::Harness(e.to_string()))?;
    let settings = OnAdapter {
        launch: adapter::launch(command, &args.bounded)?,
        command: command.to_owned(),
        vectors: Arc::new(made.vectors),
        work,
        restarts: args.restarts,
    };
    let refused = |why: String| {
        nothing(args);
        adapter::not_opened(command, &why)
    };
    let stop = Stop::on_signals()?;
    let opened = open(&settings.launch, &settings.vectors).map_err(refused)?;
    // Not before: a liar leaves no report that could be taken for one.
    files::writable(&args.report, FUZZED)?;
    on_adapter(&settings, opened, &mut progress(args.quiet), stop.flag()).map_err(refused)
}

/// A line now and then.
fn progress(quiet: bool) -> impl FnMut(Progress) {
    let told = Cell::new(0);
    move |at: Progress| {
        if !quiet && at.requests >= told.get() + LINE {
            told.set(at.requests);
            let (violations, notes) = at.findings;
            note(&format!(
                "{} requests, {} behaviours, {violations} findings against a MUST, {notes} others",
                at.requests, at.behaviours
            ));
        }
    }
}

/// What to begin with, and whether that is all.
fn corpus(args: &FuzzArgs) -> Result<(Vec<Value>, bool), Trouble> {
    let (path, corpus) = match (&args.replay, &args.resume) {
        (Some(path), _) => (path, mutants(path)?),
        (None, Some(earlier)) => (earlier, read(earlier)?.corpus),
        (None, None) => return Ok((Vec::new(), false)),
    };
    let replay = args.replay.is_some();
    let trouble = |what: &str, mend: &str| Trouble::Given(format!("{}: {what}\n  mend: {mend}", path.display()));
    complaint(&corpus).map_err(|what| trouble(&what, "give a file as `ekmcheck fuzz` wrote it, by this version"))?;
    if replay && corpus.is_empty() {
        return Err(trouble("it has no finding to play again", "`--resume` goes on from what it tried"));
    }
    Ok((corpus, replay))
}

/// Reads a `campaign.json`.
fn read(path: &Path) -> Result<Campaign, Trouble> {
    files::json(path, &CAMPAIGN)
}

/// The examples of a campaign, or a mutant in a file of its own.
fn mutants(path: &Path) -> Result<Vec<Value>, Trouble> {
    let text = files::text(path, &CAMPAIGN)?;
    let mutant: Value = files::parsed(path, &text, &CAMPAIGN)?;
    if mutant.get("mutations").is_some() {
        return Ok(vec![mutant]);
    }
    // As values and as a campaign at once it would take twice the memory.
    drop(mutant);
    let campaign: Campaign = files::parsed(path, &text, &CAMPAIGN)?;
    Ok(campaign.findings.iter().flat_map(|f| &f.examples).map(|e| e.mutations.clone()).collect())
}

fn named_by(args: &FuzzArgs) -> Vec<String> {
    let words = match (&args.adapter, &args.plan, &args.network.bundle) {
        (Some(command), ..) => vec!["--adapter", command],
        (None, Some(plan), _) => return vec![plan.display().to_string()],
        (None, None, Some(bundle)) => {
            return ["--subject", &args.subject, "--bundle", &bundle.display().to_string()].map(str::to_owned).to_vec();
        }
        (None, None, None) => vec!["--subject", &args.subject],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) { "a build without optimisation" } else { "a release build" };
    format!("{} {}, {cores} cores, {build}", std::env::consts::OS, std::env::consts::ARCH)
}
