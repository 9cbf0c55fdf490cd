//! Plans in use: checked, examined, and as the subject of a run.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

use clap::CommandFactory as _;
use ekmcheck_forge::pki::CLIENTS;
use ekmcheck_player::{
    network::{Introspection, Limits, Origin, Target, TokenCommand},
    subject::Subject,
    world::World,
};
use ekmcheck_suite::{case::Transport, inert::inert, load::suggestion, report::Style};

use crate::{
    Trouble,
    args::{Cli, PlanArgs},
    bundle,
    doctor::{Finding, Patient, Weight, examine},
    plan::{
        self, Plan,
        launch::{Running, address_of, launch},
    },
    print, run, scenarios,
    terminal::COLOURS,
};

/// A subject that a plan found or started. It ends with this value.
pub(crate) struct Planned {
    pub(crate) subject: Subject,
    pub(crate) transports: Vec<Transport>,
    pub(crate) zero_rtt: bool,
    pub(crate) running: Running,
}

/// Says whether a plan can be followed.
pub(crate) fn check(args: &PlanArgs) -> Result<u8, Trouble> {
    let plan = read(&args.plan)?;
    let names: Vec<&str> = plan.transports.iter().map(|t| t.name()).collect();
    let how = if plan.start.is_some() { "is started" } else { "is to run already" };
    print(&format!("{}: {} {how}; transports {}\n", args.plan.display(), inert(&plan.name), names.join(" ")));
    Ok(0)
}

/// Examines a subject; configuration trouble ends with 2.
pub(crate) fn doctor(args: &PlanArgs) -> Result<u8, Trouble> {
    let (planned, world) = start(&read(&args.plan)?)?;
    let patient = planned.patient(Arc::new(world), planned.transports.clone())?;
    let findings = run::runtime()?.block_on(examine(&patient));
    let (text, well) = told(&findings, &format!("ekmcheck run {}", args.plan.display()));
    print(&text);
    Ok(if well { 0 } else { crate::USAGE })
}

/// Examines a subject before it is played to.
///
/// # Errors
/// What is to be mended.
pub(crate) async fn fit(planned: &Planned, world: Arc<World>, transports: &[Transport]) -> Result<(), Trouble> {
    let patient = planned.patient(world, transports.to_vec())?;
    let findings = examine(&patient).await;
    match told(&findings, "") {
        (_, true) => Ok(()),
        (out, false) => Err(Trouble::Given(format!(
            "{} is not fit to be judged; nothing was played (--skip-doctor plays all the same):\n{}",
            inert(&patient.subject.name()),
            out.trim_end()
        ))),
    }
}

/// What was found, as text that ends with the command that comes next; and whether it makes sense to go there.
pub(crate) fn told(findings: &[Finding], next: &str) -> (String, bool) {
    let Style { good, bad, reset, .. } = *COLOURS;
    let mut out = String::new();
    for Finding { weight, what, hint } in findings {
        let mark = match weight {
            Weight::Good => format!("{good}good{reset}    "),
            Weight::Note => "note    ".to_owned(),
            Weight::Trouble => format!("{bad}trouble{reset} "),
        };
        out.push_str(&format!("{mark} {}\n", inert(what)));
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

impl Planned {
    /// What the doctor looks into, with all embedded cases.
    fn patient(&self, world: Arc<World>, transports: Vec<Transport>) -> Result<Patient, Trouble> {
        let all = scenarios::all(None)?;
        Ok(Patient {
            tcp: transports.iter().any(|t| !t.is_quic()).then_some(self.running.tcp),
            world,
            subject: self.subject.clone(),
            transports,
            zero_rtt: self.zero_rtt,
            cases: all.cases,
            ledger: Arc::new(all.ledger),
        })
    }
}

/// Reads a plan.
///
/// # Errors
/// All its mistakes, each with line and mend.
pub(crate) fn read(path: &Path) -> Result<Plan, Trouble> {
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

/// Finds or starts the subject of a plan, and makes the world that it is played to from.
///
/// # Errors
/// Why it cannot be found or started.
pub(crate) fn start(plan: &Plan) -> Result<(Planned, World), Trouble> {
    let bundle = bundle::read_with(&plan.bundle, &plan.clients)?;
    let roots = plan.server_ca.as_deref().map(bundle::certificates).transpose()?;
    let running = launch(plan).map_err(Trouble::Given)?;
    let origin = |transport: &Transport| {
        let addr = if transport.is_quic() { running.udp } else { running.tcp };
        (*transport, Origin::new(addr, &plan.host))
    };
    let mut places = BTreeMap::new();
    for (place, (host, port)) in &plan.places {
        let addr = SocketAddr::new(address_of(host).map_err(Trouble::Given)?, *port);
        let origins = plan.transports.iter().map(|transport| (*transport, Origin::new(addr, host)));
        places.insert(*place, origins.collect());
    }
    let fixture = plan.bundle.join(ekmcheck_forge::bundle::INTROSPECTION);
    let target = Target {
        name: plan.name.clone(),
        origins: plan.transports.iter().map(origin).collect(),
        places,
        other_host: plan.other_host,
        scopes: plan.scopes,
        tokens: plan.tokens.clone().map(|(command, directory)| {
            let certificates = CLIENTS.into_iter().map(|name| (name.to_owned(), bundle::certificate_of(plan, name)));
            Arc::new(TokenCommand::new(command, directory, certificates.collect()))
        }),
        clients: (!plan.clients.is_empty()).then(|| plan.clients.keys().cloned().collect()),
        introspection: plan.introspection.then(|| Introspection::of_file(&fixture)),
        allow_remote: plan.allow_remote,
        limits: Limits { step: plan.step },
    };
    target.permitted().map_err(Trouble::Given)?;
    let planned = Planned {
        subject: Subject::Network(Arc::new(target)),
        transports: plan.transports.clone(),
        zero_rtt: plan.zero_rtt,
        running,
    };
    let world = World::of_bundle(&bundle).ahead_by(plan.clock_skew);
    Ok((planned, world.trusting(roots.unwrap_or_default())))
}
