//! The Common Test Report Format (ctrf.io).

use ekmcheck_suite::outcome::{Outcome, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Material, ReportFault, json::pretty, words};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    test_id: String,
    name: &'a str,
    status: &'static str,
    /// Plays of many cases go on at once, so none has a time of its own.
    duration: u32,
    suite: [&'static str; 1],
    raw_status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    tags: Vec<&'a str>,
    extra: Value,
}

pub(crate) fn json(material: &Material<'_>) -> Result<String, ReportFault> {
    let report = &material.report;
    let tests: Vec<Test<'_>> = report.cases.iter().map(|o| test(material, o)).collect();
    let count = |status: &str| tests.iter().filter(|t| t.status == status).count();
    // Whole milliseconds; out-of-range numbers of a file end at the bounds.
    let start = report.started.unwrap_or_default().saturating_mul(1000);
    let duration = (report.cost.seconds * 1000.0) as i64;
    Ok(pretty(&json!({
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "generatedBy": "ekmcheck",
        "results": {
            "tool": { "name": "ekmcheck", "version": report.ekmcheck },
            "summary": {
                "tests": tests.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": count("pending"),
                "other": count("other"),
                "suites": report.transports.len(),
                "start": start,
                "stop": start.saturating_add(duration),
                "duration": duration,
                "extra": { "conclusion": material.conclusion(), "counts": report.counts },
            },
            "tests": tests,
            "environment": { "appName": report.subject, "extra": { "draft": report.draft, "seed": report.seed } },
        },
    }))?)
}

fn test<'a>(material: &Material<'_>, outcome: &'a Outcome) -> Test<'a> {
    let status = match outcome.verdict {
        verdict if material.violates(verdict) => "failed",
        Verdict::Fail | Verdict::Error => "failed",
        Verdict::Pass | Verdict::Warn => "passed",
        Verdict::NotTestable => "skipped",
        Verdict::Observed | Verdict::Inconclusive => "other",
    };
    let trace = (status == "failed").then(|| {
        format!(
            "expected  {}\nseen      {}\nagain     {}",
            outcome.expected,
            outcome.seen,
            crate::again(&material.report, outcome)
        )
    });
    Test {
        test_id: format!("{}/{}", outcome.id, outcome.transport.name()),
        name: &outcome.id,
        status,
        duration: 0,
        suite: [outcome.transport.name()],
        raw_status: outcome.verdict.name(),
        message: &outcome.reason,
        trace,
        tags: outcome.requirements.iter().map(|r| r.id.as_str()).collect(),
        extra: json!({
            "title": outcome.title,
            "level": words::level(outcome.level),
            "basis": words::basis(outcome.basis),
            "seen": outcome.seen,
        }),
    }
}
