//! `ekmcheck replay`.

use std::sync::Arc;

use ekmcheck_player::{
    run::{Pick, Plan},
    tap::Tap,
    world::Controls,
};
use ekmcheck_suite::{
    case::{Case, Transport},
    inert::inert,
    load::suggestion,
};

use crate::{
    Trouble,
    args::ReplayArgs,
    note, planned, print, run, scenarios,
    signals::Stop,
    terminal::COLOURS,
    trace::{Trace, trace},
};

/// Plays one case, prints what happened step by step, and ends as a run of it would.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Trouble> {
    let all = scenarios::all(args.scenarios.as_deref())?;
    let case = all.cases.iter().find(|c| c.id == args.case).ok_or_else(|| {
        let hint = suggestion(&args.case, all.cases.iter().map(|c| c.id.as_str()));
        Trouble::Given(format!("there is no case {:?}; {hint} (`ekmcheck list` shows all)", args.case))
    })?;
    let plan_file = args.plan.as_deref().map(planned::read).transpose()?;
    let mut transports = run::transports(&args.transport);
    transports.retain(|t| case.applies_to(*t) && plan_file.as_ref().is_none_or(|plan| plan.transports.contains(t)));
    if transports.is_empty() {
        let speaks = |t: &&Transport| plan_file.as_ref().is_none_or(|plan| plan.transports.contains(t));
        let on = Transport::ALL.iter().filter(|t| case.applies_to(**t)).filter(speaks);
        let on: Vec<&str> = on.map(|t| t.name()).collect();
        let none = "no transport that the plan names".to_owned();
        let on = if on.is_empty() { none } else { format!("{} only", on.join(", ")) };
        return Err(Trouble::Given(format!("{} is played on {on}\n  mend: name one of its transports", case.id)));
    }
    if args.transport.is_empty() {
        transports.truncate(1);
    }
    if args.show_secrets {
        note("what follows holds secrets: tokens, proofs and exporter values of this run");
    }
    let controls = run::controls(&args.bounds)?;
    let stop = Stop::on_signals()?;
    let (subject, world, _running) =
        run::found(plan_file.as_ref(), &args.subject, &args.network, &transports, run::now()?, &stop)?;
    let ledger = Arc::new(all.ledger);
    let plan = |transport| Plan {
        subject: subject.clone(),
        cases: Arc::new(vec![Case::clone(case)]),
        ledger: ledger.clone(),
        transports: vec![transport],
        pick: Pick::All,
        // What is tapped must come in order.
        jobs: 1,
        seed: args.seed,
        rounds: u32::MAX,
        measure_floor: false,
    };
    run::runtime()?.block_on(async {
        let tap = Arc::new(Tap::default());
        let world = Arc::new(world.with(Controls { tap: Some(tap.clone()), ..controls }));
        let mut status = 0;
        for transport in transports {
            let run = ekmcheck_player::run::run(world.clone(), plan(transport), |_| {}, stop.given());
            let (report, played) = run.await;
            let seen = tap.take();
            for played in &played {
                print(&trace(&Trace {
                    case,
                    ledger: &ledger,
                    subject: &report.subject,
                    played,
                    seen: &seen,
                    show_secrets: args.show_secrets,
                    style: *COLOURS,
                }));
            }
            status = status.max(run::status(&report, false));
            if let Some(why) = &report.unfinished {
                note(&format!("not all was played: {}", inert(why)));
                break;
            }
        }
        Ok(status)
    })
}
