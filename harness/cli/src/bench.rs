//! `ekmcheck bench`: what requests cost end to end.

use ekmcheck_costs::{Settings, bench as measure};
use ekmcheck_suite::{
    bench::{Bench, Load, Point, Scheme},
    case::Transport,
};

use crate::{
    Trouble,
    args::{BenchArgs, Format},
    earlier::{Earlier, MEASURED, Of},
    files, note, planned, print, reports, run,
    signals::{self, Stop},
};

/// The transports of which all three versions of HTTP are seen.
const USUAL: [Transport; 3] = [Transport::Tls13H1, Transport::Tls13H2, Transport::QuicH3];

/// Users on a connection, and requests of each: a thousand in all.
const USERS: [(u32, u32); 3] = [(10, 100), (100, 10), (1_000, 1)];

/// Requests a connection where a request passes several servers.
const WITH_HOPS: u32 = 100;

/// Measures, writes the reports, and ends with 1 where something is not as promised and that was asked for, or else with 3
/// where not everything was measured.
pub(crate) fn bench(args: &BenchArgs) -> Result<u8, Trouble> {
    let now = run::now()?;
    let plan = args.plan.as_deref().map(planned::read).transpose()?;
    if plan.as_ref().is_some_and(|plan| plan.tokens.is_some() || !plan.clients.is_empty()) {
        return Err(Trouble::Given(
            "what is measured is signed with the keys of the bundle\n  mend: have the subject trust the bundle, and take [tokens] and [pki] out of the plan"
                .to_owned(),
        ));
    }
    let mut transports = if args.transport.is_empty() { USUAL.to_vec() } else { run::transports(&args.transport) };
    transports.retain(|t| plan.as_ref().is_none_or(|plan| plan.transports.contains(t)));
    if transports.is_empty() {
        return Err(Trouble::Given("no transport is left: the plan names none of those that are asked for".to_owned()));
    }
    let stop = Stop::on_signals()?;
    // Where this comes to nothing, an earlier measurement must not look like it.
    let nothing = |_: &Trouble| Earlier::of(Of::Bench, &args.report).set_aside(None);
    let found = run::found(plan.as_ref(), &args.subject, &args.network, &transports, now, &stop);
    let (subject, world, _running) = found.inspect_err(nothing)?;
    let mut bounds = args.bounds.clone();
    if let Some(plan) = &plan {
        bounds.rate = bounds.rate.or(plan.rate);
        bounds.connections = bounds.connections.or(plan.connections);
    }
    let at_once = bounds.connections.map_or(args.at_once, |most| most.get().min(args.at_once));
    let world = world.with(run::controls(&bounds)?);
    let settings = Settings {
        subject,
        transports,
        schemes: if args.scheme.is_empty() { Scheme::ALL.to_vec() } else { args.scheme.clone() },
        loads: loads(args),
        turns: args.turns,
        at_once,
    };
    let mut told = |point: &Point| {
        if !args.quiet {
            note(&line(point));
        }
    };
    files::writable(&args.report, MEASURED)?;
    let done = measure(&world, &settings, &mut told, stop.flag());
    let done = done.map_err(|why| if stop.is_given() { Trouble::Incomplete(why) } else { Trouble::Given(why) });
    let done = done.inspect_err(nothing)?;
    let is_written = signals::whole(|| write(args, &done))?;
    match args.format {
        Format::Json => print(&run::json(&done)?),
        Format::Human => {
            let place = reports::place(is_written.then_some(args.report.as_path()));
            print(&format!("{}\n{place}", ekmcheck_report::bench(&done)));
        }
    }
    Ok(match &done.unfinished {
        _ if args.check && !done.broken().is_empty() => 1,
        Some(_) => 3,
        None => 0,
    })
}

fn loads(args: &BenchArgs) -> Vec<Load> {
    let mut loads: Vec<Load> = args.requests.iter().map(|n| Load { users: 1, requests: n.get(), hops: 1 }).collect();
    if !args.curve_only {
        loads.extend(USERS.map(|(users, requests)| Load { users, requests, hops: 1 }));
        loads.extend((2..=4).map(|hops| Load { users: 1, requests: WITH_HOPS, hops }));
    }
    loads
}

/// Writes what was measured, and takes away the charts of an earlier measurement; what cannot be written is told, and the
/// others are written all the same. Whether the file of the result is.
fn write(args: &BenchArgs, done: &Bench) -> Result<bool, Trouble> {
    let earlier = Earlier::of(Of::Bench, &args.report);
    let is_written = files::keep(&args.report, MEASURED, run::json(done)?);
    files::keep(&args.report, "bench.md", ekmcheck_report::bench(done));
    files::keep(&args.report, "bench.html", ekmcheck_report::bench_page(done));
    let mut charts = Vec::new();
    for transport in done.transports() {
        let drawn = [
            ("cost", ekmcheck_report::cost_chart(done, transport)),
            ("break-even", ekmcheck_report::break_even_chart(done, transport)),
        ];
        for (name, chart) in drawn.into_iter().filter_map(|(name, chart)| Some((name, chart?))) {
            let name = format!("{name}-{}.svg", transport.name());
            files::keep(&args.report, &name, chart + "\n");
            charts.push(name);
        }
    }
    earlier.forget(|name| name.ends_with(".svg") && !charts.iter().any(|chart| chart == name));
    Ok(is_written)
}

fn line(point: &Point) -> String {
    let load = point.load;
    let server = point.server.map_or_else(String::new, |server| format!("server {server:.1} µs, "));
    format!(
        "{} {:<22} {} users x {} requests, {} servers: {:.0} a second, {server}client {:.1} µs",
        point.transport.name(),
        point.scheme.name(),
        load.users,
        load.requests,
        load.hops,
        point.throughput,
        point.client
    )
}
