//! What requests cost, as a page and as charts.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use ekmcheck_report::{bench, bench_page, break_even_chart, cost_chart};
use ekmcheck_suite::{
    bench::{Bench, Scheme},
    case::Transport,
};
use serde_json::json;

fn done(loads: &[u32]) -> Bench {
    let points = Scheme::ALL.into_iter().zip(1_u8..).flat_map(|(scheme, n)| {
        loads.iter().map(move |requests| {
            json!({
                "transport": "tls13-h1", "scheme": scheme.name(), "requests": 64,
                "load": {"users": 1, "requests": requests, "hops": 1},
                "throughput": 10.0 * f64::from(*requests), "server": 100.0 / f64::from(*requests), "client": 10.0 * f64::from(n),
                "by_bearer": 0.9, "by_ballast": null, "by_dpop": 2.0,
            })
        })
    });
    let done = json!({
        "ekmcheck": "0", "subject": "a \u{202e}<script>", "draft": "d", "cores": 2, "turns": 1, "at_once": 4,
        "octets": [800, 390],
        "floors": {"verify": 40.0, "sign": 15.0, "hash": 0.5, "dpop_verify": 42.0, "dpop_make": 16.0},
        "points": points.collect::<Vec<_>>(), "left_out": [["dpop", "401"]], "unfinished": "no <answer>\u{202e}",
        "break_even": [], "predictions": [],
    });
    serde_json::from_value::<Bench>(done).unwrap().concluded()
}

#[test]
fn the_page_says_what_is_not_kept() {
    let page = bench(&done(&[1, 10, 1_000]));
    assert!(page.contains("- not kept: tls13-h1: 0.900 of the throughput of bearer"), "{page}");
    assert!(page.contains("asked for was measured:** `no <answer>\u{fffd}`"), "{page}");
    assert!(
        page.contains("# What requests cost on `a \u{fffd}<script>`")
            && page.contains("Left out: dpop")
            && !page.contains('\u{202e}'),
        "{page}"
    );
}

#[test]
fn charts_are_well_formed_and_need_two_loads() {
    let done_well = done(&[1, 10, 1_000]);
    for chart in [cost_chart(&done_well, Transport::Tls13H1), break_even_chart(&done_well, Transport::Tls13H1)] {
        let chart = chart.unwrap();
        let read = roxmltree::Document::parse(&chart).unwrap();
        assert!(read.descendants().any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "polyline"))));
    }
    assert_eq!(cost_chart(&done(&[10]), Transport::Tls13H1), None);
    assert_eq!(cost_chart(&done_well, Transport::QuicH3), None);
    let page = bench_page(&done_well);
    assert!(page.contains("<svg") && !page.contains("<script"), "what the subject says is escaped");
}
