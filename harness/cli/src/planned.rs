//! Plans in use: checked, examined, and as the subject of a run.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use clap::CommandFactory as _;
use ekmcheck_player::{
    network::{Introspection, Limits, Origin, Target},
    subject::Subject,
    world::World,
};
use ekmcheck_suite::{case::Transport, load::suggestion};

use crate::{
    Trouble,
    args::{Cli, PlanArgs},
    bundle,
    doctor::{Finding, Patient, Weight, examine},
    plan::{
        self, Plan,
        launch::{Running, launch},
    },
    print, run, scenarios,
};

/// A subject that a plan found or started, and what is needed to play to it. It ends with this value.
pub(crate) struct Planned {
    pub(crate) subject: Subject,
    pub(crate) world: World,
    pub(crate) transports: Vec<Transport>,
    pub(crate) zero_rtt: bool,
    pub(crate) running: Running,
}

/// Says whether a plan can be followed.
pub(crate) fn check(args: &PlanArgs) -> Result<u8, Trouble> {
    let plan = read(&args.plan)?;
    let names: Vec<&str> = plan.transports.iter().map(|t| t.name()).collect();
    let how = if plan.start.is_some() { "is started" } else { "is to run already" };
    print(&format!("{}: {} {how}; transports {}\n", args.plan.display(), plan.name, names.join(" ")));
    Ok(0)
}

/// Examines a subject; configuration trouble ends with 2.
pub(crate) fn doctor(args: &PlanArgs) -> Result<u8, Trouble> {
    let all = scenarios::all(None)?;
    let planned = start(&read(&args.plan)?)?;
    let Planned { subject, world, transports, zero_rtt, running } = planned;
    let patient = Patient {
        tcp: transports.iter().any(|t| !t.is_quic()).then_some(running.tcp),
        world: Arc::new(world),
        subject,
        transports,
        zero_rtt,
        cases: all.cases,
        ledger: Arc::new(all.ledger),
    };
    let findings = run::runtime()?.block_on(examine(&patient));
    let (text, well) = told(&findings, &format!("ekmcheck run {}", args.plan.display()));
    print(&text);
    Ok(if well { 0 } else { crate::USAGE })
}

/// What was found, as text that ends with the command that comes next; and whether it makes sense to go there.
pub(crate) fn told(findings: &[Finding], next: &str) -> (String, bool) {
    let mut out = String::new();
    for Finding { weight, what, hint } in findings {
        let mark = match weight {
            Weight::Good => "\x1b[32mgood\x1b[0m    ",
            Weight::Note => "note    ",
            Weight::Trouble => "\x1b[31mtrouble\x1b[0m ",
        };
        out.push_str(&format!("{mark} {}\n", plain(what)));
        if !hint.is_empty() {
            out.push_str(&format!("         mend: {hint}\n"));
        }
    }
    let trouble = findings.iter().filter(|f| f.weight == Weight::Trouble).count();
    out.push_str(&match trouble {
        0 => format!("ready: `{next}`\n"),
        n => format!("{n} to mend before a run means anything\n"),
    });
    (out, trouble == 0)
}

/// Reads a plan and finds or starts its subject.
pub(crate) fn of_plan(path: &Path) -> Result<Planned, Trouble> {
    start(&read(path)?)
}

fn read(path: &Path) -> Result<Plan, Trouble> {
    // A word that is neither may be a command that was mistyped.
    if path.extension().is_none() && !path.exists() {
        let word = path.display().to_string();
        let commands = Cli::command();
        let hint = suggestion(&word, commands.get_subcommands().map(clap::Command::get_name));
        return Err(Trouble::Given(format!("{word:?} is neither a COMMAND nor the file of a plan; {hint}")));
    }
    plan::read(path).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Trouble::Given(mistakes.join("\nerror: "))
    })
}

fn start(plan: &Plan) -> Result<Planned, Trouble> {
    let bundle = bundle::read(&plan.bundle)?;
    let running = launch(plan).map_err(Trouble::Given)?;
    let origin = |transport: &Transport| {
        let addr = if transport.is_quic() { running.udp } else { running.tcp };
        (*transport, Origin::new(addr, &plan.host))
    };
    let fixture = plan.bundle.join(ekmcheck_forge::bundle::INTROSPECTION);
    let target = Target {
        name: plan.name.clone(),
        origins: plan.transports.iter().map(origin).collect(),
        places: BTreeMap::new(),
        other_host: plan.other_host,
        introspection: plan.introspection.then(|| Introspection::of_file(&fixture)),
        allow_remote: plan.allow_remote,
        limits: Limits { step: plan.step },
    };
    target.permitted().map_err(Trouble::Given)?;
    Ok(Planned {
        subject: Subject::Network(Arc::new(target)),
        world: World::of_bundle(&bundle).ahead_by(plan.clock_skew),
        transports: plan.transports.clone(),
        zero_rtt: plan.zero_rtt,
        running,
    })
}

/// A subject's words may try to steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
