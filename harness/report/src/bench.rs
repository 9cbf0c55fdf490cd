//! What requests cost, as a page in Markdown, as charts in SVG and as one page that works from disk.

mod chart;

use std::fmt::Write as _;

use ekmcheck_suite::{
    bench::{Bench, LEAST_BY_BEARER, MOST_DEVIATION, Point, Scheme},
    case::Transport,
    inert::{code, inert, prose},
};
use maud::{DOCTYPE, PreEscaped, html};

/// The page: the floors, what was measured, where the lines cross, what the floors predict.
#[must_use]
pub fn bench(bench: &Bench) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, bench);
    out
}

fn write(out: &mut String, bench: &Bench) -> std::fmt::Result {
    let Bench { floors, turns, at_once, cores, octets: (token, proof), .. } = bench;
    writeln!(out, "# What requests cost on {}\n", code(&bench.subject))?;
    writeln!(
        out,
        "ekmcheck {}, {}; {turns} turns, {at_once} connections at once, {cores} processors; token of {token} octets, proof of {proof}.\n",
        prose(&bench.ekmcheck),
        prose(&bench.draft)
    )?;
    writeln!(
        out,
        "Floors: one ES256 verification {:.1} µs, one ES256 signature {:.1} µs, one SHA-256 of the token {:.2} µs; one DPoP verification {:.1} µs, one DPoP proof {:.1} µs, both without HTTP.\n",
        floors.verify, floors.sign, floors.hash, floors.dpop_verify, floors.dpop_make
    )?;
    writeln!(
        out,
        "Times are medians, in µs of processor time a request, handshakes and proofs included; requests a second are those of one processor that is client and server, or by the clock where the server is elsewhere.\n"
    )?;
    for (scheme, why) in &bench.left_out {
        writeln!(out, "Left out: {}, which the subject does not take ({}).\n", scheme.name(), code(why))?;
    }
    if let Some(why) = &bench.unfinished {
        writeln!(out, "**Not everything that was asked for was measured:** {}.\n", code(why))?;
    }
    for transport in bench.transports() {
        writeln!(out, "## {}\n", transport.name())?;
        writeln!(
            out,
            "| requests a connection | scheme | requests a second | server | client | by bearer | by ballast | by dpop |"
        )?;
        writeln!(out, "|---:|---|---:|---:|---:|---:|---:|---:|")?;
        let of = |point: &&Point| point.transport == transport;
        for point in bench.points.iter().filter(of) {
            let by = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            writeln!(
                out,
                "| {} | {} | {:.0} | {} | {:.1} | {} | {} | {} |",
                load(point),
                point.scheme.name(),
                point.throughput,
                point.server.map_or_else(|| "-".to_owned(), |server| format!("{server:.1}")),
                point.client,
                by(point.by_bearer),
                by(point.by_ballast),
                by(point.by_dpop)
            )?;
        }
        writeln!(out)?;
    }
    if !bench.break_even.is_empty() {
        writeln!(out, "## Break-even\n")?;
        writeln!(out, "| transport | against | a connection costs more by | a request costs less by | pays from |")?;
        writeln!(out, "|---|---|---:|---:|---:|")?;
    }
    for found in &bench.break_even {
        let from = found.requests.map_or_else(|| "never".to_owned(), |n| format!("{n} requests a connection"));
        let (transport, against) = (found.transport.name(), found.against.name());
        let (connection, request) = (found.connection, found.request);
        writeln!(out, "| {transport} | {against} | {connection:.0} µs | {request:.1} µs | {from} |")?;
    }
    if !bench.predictions.is_empty() {
        writeln!(out, "\n## Throughput against DPoP\n")?;
        writeln!(out, "| transport | requests a connection | the floors predict | measured | off by |")?;
        writeln!(out, "|---|---:|---:|---:|---:|")?;
    }
    for p in &bench.predictions {
        let off = p.deviation() * 100.0;
        let (transport, requests) = (p.transport.name(), p.requests);
        writeln!(out, "| {transport} | {requests} | {:.2} | {:.2} | {off:+.0} % |", p.predicted, p.measured)?;
    }
    writeln!(
        out,
        "\nPromised: at least {LEAST_BY_BEARER} of the throughput of bearer, at most {:.0} % off what the floors predict.\n",
        MOST_DEVIATION * 100.0
    )?;
    let broken = bench.broken();
    for line in &broken {
        writeln!(out, "- not kept: {line}")?;
    }
    if broken.is_empty() { writeln!(out, "Kept, as far as it was measured.") } else { Ok(()) }
}

/// The load of a point in words.
fn load(point: &Point) -> String {
    let load = point.load;
    let users = if load.users > 1 { format!("{} users x {}", load.users, load.requests) } else { String::new() };
    let hops = if load.hops > 1 { format!("{}, {} servers", load.requests, load.hops) } else { String::new() };
    match (load.users, load.hops) {
        (1, 1) => load.requests.to_string(),
        (_, 1) => users,
        _ => hops,
    }
}

/// The cost of a request over requests a connection, of all schemes on a transport; none without at least two loads.
#[must_use]
pub fn cost_chart(bench: &Bench, transport: Transport) -> Option<String> {
    let lines = Scheme::ALL.into_iter().filter_map(|scheme| {
        let curve = bench.curve(transport, scheme);
        let points = curve.iter().map(|p| (p.load.on_a_connection() as f64, p.both())).collect::<Vec<_>>();
        (points.len() > 1).then_some((scheme, points))
    });
    let title = format!("Processor time a request, server and client together, {}", transport.name());
    chart::svg(&title, "µs a request", &lines.collect::<Vec<_>>(), None)
}

/// The cost of a request by that of one with DPoP without a client certificate: below the line at 1 it is less.
#[must_use]
pub fn break_even_chart(bench: &Bench, transport: Transport) -> Option<String> {
    let yardstick = bench.curve(transport, Scheme::DpopServerTls);
    let lines = [Scheme::SessionBound, Scheme::SessionBoundUncached, Scheme::Dpop].into_iter().filter_map(|scheme| {
        let curve = bench.curve(transport, scheme);
        let ratio = |(own, other): (&&Point, &&Point)| (own.load.on_a_connection() as f64, own.both() / other.both());
        let points = curve.iter().zip(&yardstick).map(ratio).collect::<Vec<_>>();
        (points.len() > 1).then_some((scheme, points))
    });
    let title = format!("Processor time by that of DPoP over TLS without client certificates, {}", transport.name());
    chart::svg(&title, "times", &lines.collect::<Vec<_>>(), Some(1.0))
}

/// One page with the charts and the same tables as text. It loads nothing and runs nothing.
#[must_use]
pub fn bench_page(done: &Bench) -> String {
    let charts = done.transports().into_iter().flat_map(|t| [cost_chart(done, t), break_even_chart(done, t)]);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "What requests cost · ekmcheck" }
            }
            body {
                h1 { "What requests cost on " (inert(&done.subject)) }
                // Made by maud as well.
                @for chart in charts.flatten() { figure { (PreEscaped(chart)) } }
                pre { (bench(done)) }
            }
        }
    }
    .into_string()
}
