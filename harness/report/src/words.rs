//! Words: what a verdict is called, the line that plays a case again.

use ekmcheck_suite::{
    case::{Basis, Level},
    inert::inert,
    outcome::{Outcome, Verdict},
    report::{Conclusion, DRAFT, Report},
};

/// The line that plays a case again, for a POSIX shell.
#[must_use]
pub fn again(report: &Report, outcome: &Outcome) -> String {
    inert(&report.again(outcome))
}

/// What of that line is the same for all cases, and what is the same for all transports.
pub(crate) fn again_parts(report: &Report, case: &str) -> (String, String) {
    let (run, case) = report.again_parts(case);
    (inert(&run), inert(&case))
}

/// What a run comes to, in a word or two.
pub(crate) fn conclusion(conclusion: Conclusion, report: &Report) -> &'static str {
    match conclusion {
        Conclusion::Conformant if report.counts.warned > 0 => "conformant, with warnings",
        Conclusion::Conformant => "conformant",
        Conclusion::AsKnown => "as known",
        Conclusion::NotConformant => "not conformant",
        Conclusion::Incomplete => "incomplete",
        Conclusion::HarnessFault => "harness fault",
    }
}

/// The same in a sentence that says what to do about it.
pub(crate) fn meaning(conclusion: Conclusion, report: &Report) -> String {
    let counts = &report.counts;
    match conclusion {
        Conclusion::Conformant if counts.warned > 0 => {
            format!(
                "Nothing is against a MUST; {} a SHOULD or our hardening.",
                results(counts.warned, "is", "are") + " against"
            )
        }
        Conclusion::Conformant => "Everything that applies was played, and nothing is against a MUST.".to_owned(),
        Conclusion::AsKnown => "Nothing is wrong but what the list of known failures tolerates.".to_owned(),
        Conclusion::NotConformant if counts.failed == 0 => {
            format!(
                "{} against a SHOULD or our hardening, and the run was strict.",
                results(counts.warned, "is", "are")
            )
        }
        Conclusion::NotConformant => {
            let broken = report.requirements.iter().filter(|r| r.verdict == Verdict::Fail).count();
            let (noun, verb) = if broken == 1 { ("requirement", "is") } else { ("requirements", "are") };
            format!("{broken} {noun} {verb} broken: {} against a MUST.", results(counts.failed, "is", "are"))
        }
        Conclusion::Incomplete if counts.executed == 0 => "Nothing was played, so nothing is known.".to_owned(),
        Conclusion::Incomplete => format!(
            "{} inconclusive and {} not played: this run allows no verdict.",
            results(counts.inconclusive, "is", "are"),
            counts.not_executed
        ),
        Conclusion::HarnessFault => "The harness failed; this says nothing about the subject.".to_owned(),
    }
}

fn results(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 result {one}") } else { format!("{count} results {many}") }
}

/// A level as RFC 2119 writes it.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::May => "MAY",
        Level::Should => "SHOULD",
        Level::Must => "MUST",
    }
}

/// Where a requirement comes from, in a word.
pub(crate) fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Draft => "draft",
        Basis::Inherited => "inherited",
        Basis::Hardening => "hardening",
    }
}

/// The four kinds of requirement that are counted apart, with passed and judged of each.
pub(crate) fn tallies(report: &Report) -> [(&'static str, (usize, usize)); 4] {
    [
        ("draft MUST", report.tally(Some(Level::Must), Basis::Draft)),
        ("draft SHOULD", report.tally(Some(Level::Should), Basis::Draft)),
        ("inherited", report.tally(None, Basis::Inherited)),
        ("hardening", report.tally(None, Basis::Hardening)),
    ]
}

/// Where a clause can be read: a section of the draft, or the first RFC that it names.
pub(crate) fn clause_address(clause: &str) -> Option<String> {
    let mut words = clause.split([' ', ',']).filter(|w| !w.is_empty());
    let section = |word: &str| {
        let is_section = word.starts_with(|c: char| c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_digit() || c == '.')
            && !word.ends_with('.');
        is_section.then(|| format!("#section-{word}"))
    };
    let first = words.next()?;
    if first == "RFC" {
        let number: u32 = words.next()?.parse().ok()?;
        let section = words.next().and_then(section).unwrap_or_default();
        return Some(format!("https://www.rfc-editor.org/rfc/rfc{number}{section}"));
    }
    Some(format!("https://datatracker.ietf.org/doc/html/{DRAFT}{}", section(first)?))
}

/// When the run began, for people; nothing if nobody said.
pub(crate) fn started(report: &Report) -> Option<String> {
    let at = chrono::DateTime::from_timestamp(report.started?, 0)?;
    Some(at.format("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_have_addresses() {
        let draft = format!("https://datatracker.ietf.org/doc/html/{DRAFT}");
        for (clause, address) in [
            ("3.3.2 5f", Some(format!("{draft}#section-3.3.2"))),
            ("2.4, 3.3.2", Some(format!("{draft}#section-2.4"))),
            ("RFC 7515 4.1.11, RFC 7519 4", Some("https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11".to_owned())),
            ("RFC 6750", Some("https://www.rfc-editor.org/rfc/rfc6750".to_owned())),
            ("hardening", None),
            ("", None),
            ("javascript:alert(1)", None),
            ("3.\"><b>", None),
        ] {
            assert_eq!(clause_address(clause), address, "{clause}");
        }
    }
}
