//! JUnit XML: a suite a transport. What only a SHOULD asks for does not redden a build unless the run is strict.

use std::time::Duration;

use ekmcheck_suite::outcome::{Outcome, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{Material, ReportFault, again, words};

pub(crate) fn xml(material: &Material<'_>) -> Result<String, ReportFault> {
    let result = &material.report;
    let mut report = Report::new("ekmcheck");
    // No number is negative or endless in a result of ours; in a file anything may stand.
    report.time = Duration::try_from_secs_f64(result.cost.seconds).ok();
    report.timestamp = result.started.and_then(|at| chrono::DateTime::from_timestamp(at, 0)).map(Into::into);
    for transport in &result.transports {
        let mut suite = TestSuite::new(format!("ekmcheck.{}", transport.name()));
        suite.add_property(("subject", result.subject.as_str()));
        suite.add_property(("draft", result.draft.as_str()));
        suite.add_property(("seed", result.seed.to_string().as_str()));
        suite.add_test_cases(result.cases.iter().filter(|o| o.transport == *transport).map(|o| case(material, o)));
        report.add_test_suite(suite);
    }
    if result.counts.not_executed > 0 {
        // Else a run that was cut short would look whole.
        let mut suite = TestSuite::new("ekmcheck.run");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("not-executed").set_message(format!(
            "{} results are missing: the run was cut short{}",
            result.counts.not_executed,
            result.unfinished.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        ));
        suite.add_test_case(TestCase::new("complete", status));
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn case(material: &Material<'_>, outcome: &Outcome) -> TestCase {
    let non_success = |kind: NonSuccessKind| {
        let mut status = TestCaseStatus::non_success(kind);
        let requirement = outcome.requirements.iter().find(|r| r.verdict == outcome.verdict);
        status
            .set_type(requirement.map_or(outcome.verdict.name(), |r| r.id.as_str()))
            .set_message(outcome.reason.as_str())
            .set_description(details(material, outcome));
        status
    };
    let status = match outcome.verdict {
        verdict if material.violates(verdict) => non_success(NonSuccessKind::Failure),
        Verdict::Inconclusive | Verdict::Error => non_success(NonSuccessKind::Error),
        Verdict::NotTestable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(outcome.reason.as_str());
            status
        }
        _ => TestCaseStatus::success(),
    };
    // Some readers keep one of two cases with the same name: the transport is in the class, too.
    let area = outcome.id.rsplit_once(['.', '/']).map_or("", |(area, _)| area);
    let mut case = TestCase::new(outcome.id.as_str(), status);
    case.set_classname(format!("{}.{area}", outcome.transport.name()));
    case.add_property(("title", outcome.title.as_str()));
    case.add_property(("verdict", outcome.verdict.name()));
    case.add_property(("level", words::level(outcome.level)));
    case.add_property(("basis", words::basis(outcome.basis)));
    case.add_property(("clause", material.case(&outcome.id).map_or("", |c| c.clause.as_str())));
    if outcome.verdict == Verdict::Observed {
        case.add_property(("observed", outcome.seen.as_str()));
        case.add_property(("ambiguity", outcome.ambiguity.as_deref().unwrap_or_default()));
    }
    if outcome.verdict == Verdict::Warn && !material.strict {
        case.set_system_out(format!("warning: {}\n{}", outcome.reason, details(material, outcome)));
    }
    case
}

fn details(material: &Material<'_>, outcome: &Outcome) -> String {
    let mut text = format!("{}\nexpected  {}\nseen      {}\n", outcome.title, outcome.expected, outcome.seen);
    for found in outcome.requirements.iter().filter(|r| r.verdict != Verdict::Pass) {
        let known = material.ledger.requirement(&found.id);
        let (clause, statement) = known.map_or(("", ""), |r| (r.clause.as_str(), r.text.as_str()));
        text += &format!("{}  {} ({clause}) {statement}\n", found.verdict.name(), found.id);
        text += &found.reason.as_ref().map(|r| format!("  {r}\n")).unwrap_or_default();
    }
    text + "again     " + &again(&material.report, outcome) + "\n"
}
