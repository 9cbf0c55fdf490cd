//! What requests cost: that it is measured, in every format, and that it is not measured where that says nothing.

mod common;

use common::{Scratch, assert_fits};

#[test]
fn every_scheme_is_measured_and_written_in_every_format() {
    let scratch = Scratch::new("bench");
    let words = ["bench", "--transport", "tls13-h1", "--transport", "quic-h3", "--requests", "1,10", "--curve-only"];
    let done = scratch.ekmcheck(&[&words[..], &["--turns", "1", "--report", "cost", "--quiet"]].concat());
    let done = done.ends_with(0).says(&["## tls13-h1", "## quic-h3", "pays from"]);
    assert_eq!(done.err, "", "quiet");
    let report = scratch.json("cost/bench.json");
    assert_fits("bench.schema.json", &report);
    let points = report["points"].as_array().unwrap();
    assert_eq!(points.len(), 2 * 2 * 7);
    for point in points {
        let number = |name: &str| point[name].as_f64().unwrap();
        assert!(["throughput", "server", "client"].map(number).iter().all(|n| *n > 0.0), "{point}");
    }
    let number = |of: &serde_json::Value, name: &str| of[name].as_f64().unwrap();
    let of = |scheme: &str| points.iter().find(|p| p["scheme"] == scheme && p["load"]["requests"] == 10).unwrap();
    // However slow the machine and the build: what signs each time costs the client more.
    assert!(number(of("dpop"), "client") > number(of("bearer"), "client"));
    assert!(scratch.read("cost/bench.html").contains("default-src 'none'"));
    assert!(scratch.read("cost/cost-tls13-h1.svg").starts_with("<svg xmlns="));
    assert!(scratch.read("cost/break-even-quic-h3.svg").contains("session-bound-uncached"));
    assert!(scratch.read("cost/bench.md").contains("| dpop-server-tls |"));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let scratch = Scratch::new("bench-not");
    let one = ["--requests", "1", "--turns", "1", "--curve-only"];
    let bench = |more: &[&str]| scratch.ekmcheck(&[&["bench"], more, &one[..]].concat());
    bench(&["--subject", "fault:ekm-unchecked"]).ends_with(2).says(&["cannot be measured"]);
    bench(&["--scheme", "dpopp"]).ends_with(2).says(&["it is one of bearer"]);
    bench(&["--turns", "0"]).ends_with(2);
}
