//! `ekmcheck fuzz`: a campaign on a live subject.

use std::{fs, path::Path, sync::Arc, time::Duration};

use ekmcheck_player::campaign::{Progress, Settings, campaign};
use ekmcheck_suite::{
    campaign::{Campaign, Ended, Weight},
    report::plain,
};

use crate::{
    Trouble,
    args::{Format, FuzzArgs},
    note, planned, print,
    run::{self, COLOURS},
    scenarios,
};

/// How many requests go by between two lines of progress.
const LINE: u64 = 5_000;

/// Carries out a campaign; 1 where something is against a MUST.
pub(crate) fn fuzz(args: &FuzzArgs) -> Result<u8, Trouble> {
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
    let (subject, world, _running) = run::found(plan.as_ref(), &args.subject, &args.network, &asked, now)?;
    let mut transports = asked;
    transports.retain(|t| plan.as_ref().is_none_or(|plan| plan.transports.contains(t)));
    if transports.is_empty() {
        return Err(Trouble::Given("no transport is left: the plan names none of those that are asked for".to_owned()));
    }
    let earlier = args.resume.as_deref().map(read).transpose()?;
    let (corpus, replay) = match (&args.replay, &earlier) {
        (Some(path), _) => (examples(&read(path)?), true),
        (None, Some(earlier)) => (earlier.corpus.clone(), false),
        (None, None) => (Vec::new(), false),
    };
    let world = world.with(run::controls(&args.bounds)?);
    let settings = Settings {
        subject,
        transports,
        seed: args.seed,
        requests: args.requests,
        time: args.seconds.map(Duration::from_secs),
        server_errors: args.stop_after_errors,
        cases: Arc::new(all.cases),
        corpus,
        replay,
        fail_fast: args.fail_fast,
    };
    fs::create_dir_all(&args.report).map_err(|e| Trouble::Given(format!("{}: {e}", args.report.display())))?;
    let mut told = 0;
    let progress = |at: Progress| {
        if !args.quiet && at.requests >= told + LINE {
            told = at.requests;
            let (violations, notes) = at.findings;
            note(&format!(
                "{} requests, {} behaviours, {violations} findings against a MUST, {notes} others",
                at.requests, at.behaviours
            ));
        }
    };
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let done = run::runtime()?.block_on(campaign(&world, &settings, progress, interrupted));
    let mut done = done.map_err(Trouble::Given)?;
    done.named_by = named_by(args);
    let path = args.report.join("campaign.json");
    fs::write(&path, run::json(&done)?).map_err(|e| Trouble::Given(format!("{}: {e}", path.display())))?;
    let summary = args.report.join("campaign.md");
    let written = fs::write(&summary, ekmcheck_report::campaign(&done));
    written.map_err(|e| Trouble::Given(format!("{}: {e}", summary.display())))?;
    match args.format {
        Format::Json => print(&run::json(&done)?),
        Format::Human => print(&told_of(&done, &path)),
    }
    Ok(match done.ended {
        _ if done.violates() => 1,
        Ended::ServerErrors | Ended::Refusing => 3,
        _ => 0,
    })
}

fn read(path: &Path) -> Result<Campaign, Trouble> {
    let trouble = |what: String| {
        Trouble::Given(format!("{}: {what}\n  mend: give the campaign.json of an `ekmcheck fuzz`", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|e| trouble(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| trouble(e.to_string()))
}

fn examples(campaign: &Campaign) -> Vec<serde_json::Value> {
    campaign.findings.iter().flat_map(|f| &f.examples).map(|e| e.mutations.clone()).collect()
}

fn named_by(args: &FuzzArgs) -> Vec<String> {
    match (&args.plan, &args.network.bundle) {
        (Some(plan), _) => vec![plan.display().to_string()],
        (None, Some(bundle)) => {
            let words = ["--subject", &args.subject, "--bundle", &bundle.display().to_string()];
            words.map(str::to_owned).to_vec()
        }
        (None, None) => vec!["--subject".to_owned(), args.subject.clone()],
    }
}

/// The campaign for a terminal.
fn told_of(done: &Campaign, path: &Path) -> String {
    let mut out = format!("subject: {}  seed: {}\n", plain(&done.subject), done.seed);
    for finding in &done.findings {
        let (colour, word) = match finding.weight {
            Weight::Violation => (COLOURS.bad, "violation"),
            Weight::Note => (COLOURS.doubtful, "note     "),
        };
        out.push_str(&format!("\n{colour}{word}{}  {}  seen {} times\n", COLOURS.reset, finding.id, finding.times));
        if let Some(example) = finding.examples.first() {
            out.push_str(&format!(
                "  on {} after {} requests{}\n    reference {}\n    subject   {}\n    changes   {}\n",
                example.transport.name(),
                example.at_request,
                if example.warm { ", behind a right request" } else { "" },
                plain(&example.expected),
                plain(&example.seen),
                plain(&example.mutations["mutations"].to_string()),
            ));
        }
    }
    let ended = match done.ended {
        Ended::Requests => "all requests were sent",
        Ended::Time => "the time was over",
        Ended::ServerErrors => "the subject answered with too many server errors",
        Ended::Refusing => "the subject takes right requests no more",
        Ended::Interrupted => "interrupted",
    };
    let violations = done.findings.iter().filter(|f| f.weight == Weight::Violation).count();
    out.push_str(&format!(
        "\n{} requests ({} mutants) on {} connections, {:.1} s, {:.0} a second; {ended}\n  {violations} findings against a MUST, {} others, {} different behaviours\n",
        done.requests,
        done.mutants,
        done.connections,
        done.seconds,
        done.rate(),
        done.findings.len() - violations,
        done.novelty.last().map_or(0, |n| n.behaviours),
    ));
    let shown = path.display();
    out.push_str(&format!("report: {shown}\n"));
    if !done.findings.is_empty() {
        out.push_str(&format!("again:  ekmcheck fuzz {} --replay {shown}\n", done.named_by.join(" ")));
    }
    out
}
