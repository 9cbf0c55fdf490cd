//! Failures that are known: what they excuse, and what they do not.

mod common;

use common::{Done, Scratch, assert_fits};

const CASE: &str = "rs.exporter.64-octets";

fn run(scratch: &Scratch, subject: &str, more: &[&str]) -> Done {
    let some =
        ["run", "--filter", CASE, "--filter", "rs.exporter.zero", "--transport", "tls13-h1", "--transport", "tls12-h1"];
    scratch.ekmcheck(&[&some[..], &["--subject", subject], more].concat())
}

fn entry(expected: &str, more: &str) -> String {
    format!(
        "[[known]]\nid = \"{CASE}\"\nexpected = \"{expected}\"\nreason = \"see the tracker\"\n{more}\nexpires = 9999-12-31\n"
    )
}

#[test]
fn a_known_failure_does_not_fail_the_run_and_is_not_conformance() {
    let scratch = Scratch::new("known");
    scratch.write("known.toml", entry("fail", "link = \"https://example.org/7\""));
    let done = run(&scratch, "fault:ekm-longer-export", &["--baseline", "known.toml"]).ends_with(0);
    assert!(!done.out.lines().any(|l| l == "conformant."), "{}", done.out);
    done.says(&["known 2", "failed 0", "not conformant, as known", "see the tracker", "https://example.org/7"]);
    let report = scratch.json("ekmcheck-report/report.json");
    assert_fits("report.schema.json", &report);
    assert_eq!((&report["conclusion"], &report["counts"]["known"]), (&"as-known".into(), &2.into()));
    assert_eq!(report["counts"]["executed"], 4);
    // Another failure beside it fails the run.
    scratch.write("other.toml", entry("fail", "transport = \"tls13-h1\""));
    run(&scratch, "fault:ekm-longer-export", &["--baseline", "other.toml"]).ends_with(1).says(&["failed 1", "known 1"]);
}

#[test]
fn a_list_that_no_longer_holds_fails_the_run() {
    let scratch = Scratch::new("stale");
    let judged = |text: String, subject: &str, parts: &[&str]| {
        scratch.write("known.toml", text);
        run(&scratch, subject, &["--baseline", "known.toml"]).ends_with(1).says(parts);
    };
    judged(entry("fail", ""), "reference", &["known.toml:1:", "is as required now", "mend: take the entry out"]);
    judged(
        entry("warn", ""),
        "fault:ekm-longer-export",
        &["known.toml:1:", "came to fail and not to warn", "failed 2"],
    );
    let expired = entry("fail", "").replace("9999-12-31", "2020-01-31");
    judged(expired, "fault:ekm-longer-export", &["was tolerated until 2020-01-31", "failed 2"]);
}

#[test]
fn a_list_that_makes_no_sense_is_refused_before_anything_is_played() {
    let scratch = Scratch::new("senseless");
    let good = entry("fail", "");
    for (text, parts) in [
        (good.replace(CASE, "rs.exporter.64-octetz"), ["known.toml:1:", "did you mean \"rs.exporter.64-octets\""]),
        (good.replace("see the tracker", "TODO"), ["known.toml:1:", "say why the failure is tolerated"]),
        (good.replace("see the tracker", " "), ["known.toml:1:", "no reason"]),
        (good.replace("\"fail\"", "\"pass\""), ["known.toml:1:", "\"fail\", \"warn\" or \"inconclusive\""]),
        (format!("# two\n{good}{good}"), ["known.toml:8:", "stands above already"]),
        (good.replace("9999-12-31", "12:00:00"), ["known.toml:1:", "is not a date"]),
        (good.replace("expires = 9999-12-31", ""), ["missing field `expires`", "mend:"]),
        (good.replace("reason", "raeson"), ["raeson", "mend:"]),
        (good.replace("\"see", "see"), ["known.toml:4:", "mend:"]),
    ] {
        scratch.write("known.toml", &text);
        run(&scratch, "reference", &["--baseline", "known.toml"]).ends_with(2).says(&parts);
    }
    let never = entry("fail", "transport = \"tls13-h1\"").replace(CASE, "rs.exporter.no-context");
    scratch.write("known.toml", never);
    run(&scratch, "reference", &["--baseline", "known.toml"]).ends_with(2).says(&["is never played on tls13-h1"]);
    run(&scratch, "reference", &["--baseline", "nowhere.toml"]).ends_with(2).says(&["nowhere.toml"]);
}

#[test]
fn a_list_is_written_and_asks_for_reasons() {
    let scratch = Scratch::new("written");
    let faulty = "fault:ekm-longer-export";
    run(&scratch, faulty, &["--write-baseline", "new.toml"]).ends_with(1);
    let text = scratch.read("new.toml");
    assert_eq!(text.matches("[[known]]").count(), 1, "one entry for both transports: {text}");
    run(&scratch, faulty, &["--baseline", "new.toml"]).ends_with(2).says(&["new.toml:4:", "has no reason"]);
    run(&scratch, faulty, &["--write-baseline", "new.toml"])
        .ends_with(2)
        .says(&["is there already", "--baseline new.toml"]);
    scratch.write("filled.toml", text.replace("TODO", "a \\\"late\\\" library"));
    run(&scratch, faulty, &["--baseline", "filled.toml"]).ends_with(0).says(&["known 2"]);
    // Reasons are kept, and what passes is left out.
    run(&scratch, faulty, &["--baseline", "filled.toml", "--write-baseline", "kept.toml"]).ends_with(0);
    assert!(!scratch.read("kept.toml").contains("TODO"));
    run(&scratch, faulty, &["--baseline", "kept.toml"]).ends_with(0).says(&["known 2", "a \"late\" library"]);
    run(&scratch, "reference", &["--write-baseline", "empty.toml"]).ends_with(0);
    assert!(!scratch.read("empty.toml").contains("[[known]]"));
}
