//! Plans in use: checked, examined, and as the subject of a run.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use clap::CommandFactory as _;
use ekmcheck_forge::pki::CLIENTS;
use ekmcheck_player::{
    network::{Hand, Introspection, Limits, Origin, Target, TokenCommand},
    subject::Subject,
    world::World,
};
use ekmcheck_suite::{case::Transport, inert::inert, load::suggestion, play::Place, report::Style};

use crate::{
    Trouble,
    args::{Cli, PlanArgs},
    bundle,
    doctor::{Finding, Patient, Weight, examine},
    plan::{
        self, Plan,
        launch::{Running, launch},
    },
    print, reach, run, scenarios,
    signals::Stop,
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
    let stop = Stop::on_signals()?;
    let (planned, world) = start(&read(&args.plan)?, &stop)?;
    let patient = planned.patient(Arc::new(world), planned.transports.clone())?;
    let findings = run::runtime()?.block_on(stop.unless("while the doctor looked", examine(&patient)))?;
    let (text, well) = told(&findings, &format!("ekmcheck run {}", args.plan.display()));
    print(&text);
    Ok(if well { 0 } else { crate::USAGE })
}

/// Examines a subject before it is played to.
///
/// # Errors
/// What is to be mended.
pub(crate) async fn fit(
    planned: &Planned,
    world: Arc<World>,
    transports: &[Transport],
    stop: &Stop,
) -> Result<(), Trouble> {
    healthy(&planned.patient(world, transports.to_vec())?, stop).await
}

/// The same for a subject of which only the URL is known, and that answers there.
///
/// # Errors
/// What is to be mended.
pub(crate) async fn fit_at_url(
    subject: &Subject,
    world: Arc<World>,
    transports: &[Transport],
    stop: &Stop,
) -> Result<(), Trouble> {
    let all = scenarios::all(None)?;
    let patient = Patient {
        tcp: Vec::new(),
        world,
        subject: subject.clone(),
        transports: transports.to_vec(),
        zero_rtt: None,
        cases: all.cases,
        ledger: Arc::new(all.ledger),
    };
    healthy(&patient, stop).await
}

async fn healthy(patient: &Patient, stop: &Stop) -> Result<(), Trouble> {
    let findings = stop.unless("while the doctor looked", examine(patient)).await?;
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
            tcp: match transports.iter().any(|t| !t.is_quic()) {
                true => std::iter::once(self.running.tcp).chain(self.running.others.iter().copied()).collect(),
                false => Vec::new(),
            },
            world,
            subject: self.subject.clone(),
            transports,
            zero_rtt: Some(self.zero_rtt),
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
    // A word that is neither a file nor a directory may be a command that was mistyped.
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
pub(crate) fn start(plan: &Plan, stop: &Stop) -> Result<(Planned, World), Trouble> {
    let bundle = bundle::read_with(&plan.bundle, &plan.clients)?;
    let roots = plan.server_ca.as_deref().map(bundle::certificates).transpose()?;
    // Before anything is sent, to the subject either.
    let places = plan.places.iter().map(|(place, (host, port))| Ok((*place, host, *port, place_of(plan, host)?)));
    let places: Vec<(Place, &String, u16, Vec<IpAddr>)> = places.collect::<Result<_, Trouble>>()?;
    let running = launch(plan, stop)?;
    let origin = |transport: &Transport| {
        let addr = if transport.is_quic() { running.udp } else { running.tcp };
        (*transport, Origin::new(addr, &plan.host))
    };
    let places = places.into_iter().filter_map(|(place, host, port, addresses)| {
        // One that is not there is told of by the cases that need it.
        let ip = match &addresses[..] {
            [only] => *only,
            several => reach::answering(several, port).ok().or(several.first().copied())?,
        };
        let origin = Origin::new(SocketAddr::new(ip, port), host);
        Some((place, plan.transports.iter().map(|transport| (*transport, origin.clone())).collect()))
    });
    let places = places.collect();
    let fixture = plan.bundle.join(ekmcheck_forge::bundle::INTROSPECTION);
    let target = Target {
        name: plan.name.clone(),
        origins: plan.transports.iter().map(origin).collect(),
        places,
        other_host: plan.other_host,
        scopes: plan.scopes,
        dialect: plan.dialect.clone(),
        tokens: plan.tokens.clone().map(|(command, directory)| {
            let certificates = CLIENTS.into_iter().map(|name| (name.to_owned(), bundle::certificate_of(plan, name)));
            Arc::new(TokenCommand::new(command, directory, certificates.collect()))
        }),
        clients: (!plan.clients.is_empty()).then(|| plan.clients.keys().cloned().collect()),
        introspection: plan.introspection.then(|| Introspection::of_file(&fixture)),
        hand: running.process().map(Hand::on),
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

/// The addresses of another server, if they may be connected to.
fn place_of(plan: &Plan, host: &str) -> Result<Vec<IpAddr>, Trouble> {
    let addresses = reach::addresses(host).and_then(|found| reach::permitted(found, plan.allow_remote));
    addresses.map_err(|why| Trouble::Given(format!("[places]: {why}")))
}
