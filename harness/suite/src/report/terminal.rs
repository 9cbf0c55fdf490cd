//! The text that a person reads.

use std::fmt::Write as _;

use super::{Conclusion, Report, Shard};
use crate::{
    case::{Basis, Level},
    inert::inert,
    outcome::{Outcome, Verdict},
    requirement::Ledger,
};

/// How to set off words; empty strings for plain text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Before what is good.
    pub good: &'static str,
    /// Before what is bad.
    pub bad: &'static str,
    /// Before what is to be looked at.
    pub doubtful: &'static str,
    /// Before what matters less.
    pub faint: &'static str,
    /// Before a heading.
    pub strong: &'static str,
    /// After each.
    pub reset: &'static str,
}

/// How many cases are shown for one broken requirement; the rest is counted.
const SHOWN: usize = 5;

/// The summary of a run: deviations grouped by requirement, then what could not be concluded, then the counts.
#[must_use]
pub fn summary(report: &Report, ledger: &Ledger, style: Style) -> String {
    let mut out = String::new();
    let transports: Vec<&str> = report.transports.iter().map(|t| t.name()).collect();
    let revision = report.draft.rsplit_once('-').map_or("", |(_, revision)| revision);
    line(
        &mut out,
        &format!(
            "{}ekmcheck {}{}  draft -{}  subject: {}  transports: {}",
            style.strong,
            inert(&report.ekmcheck),
            style.reset,
            inert(revision),
            inert(&report.subject),
            transports.join(" "),
        ),
    );
    for verdict in [Verdict::Fail, Verdict::Warn] {
        deviations(&mut out, report, ledger, verdict, style);
    }
    for (verdict, title) in [
        (Verdict::Error, "faults of the harness"),
        (Verdict::Inconclusive, "inconclusive"),
        (Verdict::NotTestable, "not testable"),
    ] {
        others(&mut out, report, verdict, title, style);
    }
    known(&mut out, report, style);
    counts(&mut out, report, style);
    out
}

fn deviations(out: &mut String, report: &Report, ledger: &Ledger, verdict: Verdict, style: Style) {
    let (colour, word) = match verdict {
        Verdict::Fail => (style.bad, "broken"),
        _ => (style.doubtful, "not met"),
    };
    // What is broken most often is most likely the cause of the rest.
    let mut requirements: Vec<_> = report.requirements.iter().filter(|r| r.deviations > 0).collect();
    requirements.sort_by_key(|r| std::cmp::Reverse(r.deviations));
    for summary in requirements {
        let same = |one: &Outcome, other: &Outcome| one.id == other.id && one.seen == other.seen;
        let mut cases: Vec<Vec<&Outcome>> = Vec::new();
        for outcome in &report.cases {
            let deviates = outcome.requirements.iter().any(|r| r.id == summary.id && r.verdict == verdict);
            if !deviates || report.known(outcome).is_some() {
                continue;
            }
            match cases.iter_mut().find(|c| same(c[0], outcome)) {
                Some(transports) => transports.push(outcome),
                None => cases.push(vec![outcome]),
            }
        }
        if cases.is_empty() {
            continue;
        }
        let (clause, text) = ledger.requirement(&summary.id).map_or(("", ""), |r| (r.clause.as_str(), r.text.as_str()));
        line(out, "");
        line(
            out,
            &format!(
                "{colour}{word}{}  {}{}{}  {}",
                style.reset,
                style.strong,
                inert(&summary.id),
                style.reset,
                inert(clause)
            ),
        );
        line(out, &format!("  {}", inert(text)));
        for transports in cases.iter().take(SHOWN) {
            deviation(out, report, &summary.id, transports, style);
        }
        if cases.len() > SHOWN {
            line(out, &format!("  and {} more, see the report", cases.len() - SHOWN));
        }
    }
}

/// One case, on all transports where it came to the same.
fn deviation(out: &mut String, report: &Report, requirement: &str, transports: &[&Outcome], style: Style) {
    let Some(outcome) = transports.first() else { return };
    let reason = outcome.requirements.iter().find(|r| r.id == requirement).and_then(|r| r.reason.as_deref());
    let names: Vec<&str> = transports.iter().map(|o| o.transport.name()).collect();
    line(out, &format!("  {} on {}", inert(&outcome.id), names.join(" ")));
    line(out, &format!("    expected  {}", inert(&outcome.expected)));
    line(out, &format!("    seen      {}", inert(&outcome.seen)));
    line(out, &format!("    reason    {}", inert(reason.unwrap_or_default())));
    line(out, &format!("    {}again     {}{}", style.faint, inert(&report.again(outcome)), style.reset));
}

fn others(out: &mut String, report: &Report, verdict: Verdict, title: &str, style: Style) {
    let of = |o: &&Outcome| o.verdict == verdict && report.known(o).is_none();
    let cases: Vec<&Outcome> = report.cases.iter().filter(of).collect();
    if cases.is_empty() {
        return;
    }
    line(out, "");
    line(out, &format!("{}{title}{}", style.doubtful, style.reset));
    // Many cases share one cause; it is said once.
    let mut reasons: Vec<(&str, Vec<&Outcome>)> = Vec::new();
    for outcome in cases {
        match reasons.iter_mut().find(|(reason, _)| *reason == outcome.reason) {
            Some((_, same)) => same.push(outcome),
            None => reasons.push((&outcome.reason, vec![outcome])),
        }
    }
    for (reason, same) in reasons {
        line(out, &format!("  {}", inert(reason)));
        for outcome in same.iter().take(SHOWN) {
            line(out, &format!("    {} on {}", inert(&outcome.id), outcome.transport.name()));
        }
        if same.len() > SHOWN {
            line(out, &format!("    and {} more", same.len() - SHOWN));
        }
    }
}

/// What the list of known failures tolerated, and what is wrong with it.
fn known(out: &mut String, report: &Report, style: Style) {
    let Some(baseline) = &report.baseline else { return };
    if !baseline.known.is_empty() {
        line(out, "");
        line(out, &format!("{}known and tolerated{}", style.doubtful, style.reset));
    }
    for known in &baseline.known {
        let (on, link) = (known.transport.name(), known.link.as_deref().unwrap_or_default());
        line(
            out,
            &format!(
                "  {} on {on}  {}: {} {}",
                inert(&known.id),
                known.verdict.name(),
                inert(&known.reason),
                inert(link)
            ),
        );
    }
    if !baseline.faults.is_empty() {
        line(out, "");
        line(out, &format!("{}the list of known failures is not right{}", style.bad, style.reset));
    }
    for fault in &baseline.faults {
        line(out, &format!("  {}", inert(fault)));
    }
}

fn counts(out: &mut String, report: &Report, style: Style) {
    let counts = &report.counts;
    let cases: std::collections::BTreeSet<&str> = report.cases.iter().map(|o| o.id.as_str()).collect();
    line(out, "");
    let ratio = report.cost.times_bare().map(|r| format!(" ({r:.1} x the bare handshakes and signatures)"));
    let ratio = ratio.unwrap_or_default();
    line(
        out,
        &format!(
            "{} plays of {} cases, {} handshakes, {:.1} s{ratio}",
            report.cost.plays,
            cases.len(),
            report.cost.handshakes,
            report.cost.seconds
        ),
    );
    line(
        out,
        &format!(
            "  applicable {} = executed {} + not testable {} + not executed {}",
            counts.applicable, counts.executed, counts.not_testable, counts.not_executed
        ),
    );
    if counts.hindered > 0 {
        line(out, &format!("  {}{}{}", style.doubtful, hindrance(counts.hindered), style.reset));
    }
    if !report.dialect.is_usual() {
        line(out, &format!("  dialect: {}", report.dialect.words()));
    }
    if let Some(why) = &report.unfinished {
        for (at, said) in why.lines().enumerate() {
            let begin = if at == 0 { "not all was played: " } else { "" };
            line(out, &format!("  {}{begin}{}{}", style.doubtful, inert(said), style.reset));
        }
    }
    if let Some(shard) = &report.shard {
        let Shard { number, of, elsewhere } = shard;
        line(
            out,
            &format!(
                "  shard {number}/{of}: {elsewhere} more are no part of this; `ekmcheck merge` puts them together"
            ),
        );
    }
    let known = if report.baseline.is_some() { format!("   known {}", counts.known) } else { String::new() };
    line(
        out,
        &format!(
            "  passed {}   failed {}   warned {}   observed {}   inconclusive {}   harness faults {}{known}",
            counts.passed, counts.failed, counts.warned, counts.observed, counts.inconclusive, counts.errors
        ),
    );
    let tally = |level, basis| {
        let (passed, all) = report.tally(level, basis);
        format!("{passed}/{all}")
    };
    line(
        out,
        &format!(
            "  draft MUST {}   draft SHOULD {}   inherited {}   hardening {}",
            tally(Some(Level::Must), Basis::Draft),
            tally(Some(Level::Should), Basis::Draft),
            tally(None, Basis::Inherited),
            tally(None, Basis::Hardening)
        ),
    );
    let (colour, word) = match report.conclusion {
        Conclusion::Conformant if counts.warned > 0 => (style.good, "conformant, with warnings."),
        Conclusion::Conformant => (style.good, "conformant."),
        Conclusion::AsKnown => {
            (style.doubtful, "not conformant, as known: nothing but what the list of known failures has.")
        }
        Conclusion::NotConformant => (style.bad, "not conformant."),
        Conclusion::Incomplete if counts.executed == 0 => (style.doubtful, "incomplete: nothing was played."),
        Conclusion::Incomplete => (style.doubtful, "incomplete."),
        Conclusion::HarnessFault => (style.bad, "the harness failed; this says nothing about the subject."),
    };
    line(out, &format!("{colour}{word}{}", style.reset));
}

/// How many cases the subject did not get to, in words.
#[must_use]
pub fn hindrance(hindered: usize) -> String {
    format!(
        "{hindered} not testable because the subject did not get to them: it was busy, or ended connections unanswered"
    )
}

/// Where the time of a run went.
#[must_use]
pub fn timings(report: &Report) -> String {
    let cost = &report.cost;
    let seconds = |s: Option<f64>| s.map_or("not measured".to_owned(), |s| format!("{s:.2} s"));
    let mut out = String::new();
    line(&mut out, "timings");
    line(&mut out, &format!("  run                  {:.2} s, {} plays", cost.seconds, cost.plays));
    line(&mut out, &format!("  bare handshakes      {}, {}", seconds(cost.bare_handshakes), cost.handshakes));
    line(
        &mut out,
        &format!(
            "  bare signatures      {}, {} made and {} verified (ES256)",
            seconds(cost.bare_signatures),
            cost.signatures,
            cost.verifications
        ),
    );
    let ratio = cost.times_bare().map_or("not measured".to_owned(), |r| format!("{r:.2}"));
    line(&mut out, &format!("  run / bare           {ratio}"));
    out
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
