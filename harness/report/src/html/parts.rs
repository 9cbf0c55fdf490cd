//! The summary, what failed and why, and the frame of the list of cases.

use ekmcheck_suite::{
    dialect::choices,
    outcome::{Outcome, Verdict},
    report::{Counts, hindrance},
};
use maud::{Markup, html};

use crate::{
    Material, again,
    groups::{self, Group, Same},
    words,
};

/// How many cases of a requirement stand in the page itself; the list of cases has the rest.
const SHOWN: usize = 6;

pub(crate) fn summary(material: &Material<'_>) -> Markup {
    let report = &material.report;
    let counts = &report.counts;
    let choices = choices(&report.cases);
    html! {
        h2 #summary-title .unseen tabindex="-1" { "Summary" }
        (bar(counts))
        div .figures {
            div {
                ul .counts {
                    @for (verdict, name, count) in shares(counts) {
                        li .(verdict) .none[count == 0] { a href={ "#/cases?verdict=" (verdict) } { b { (count) } " " (name) } }
                    }
                    @if counts.not_executed > 0 { li .not-executed { b { (counts.not_executed) } " not executed" } }
                }
                p .sum {
                    (counts.applicable) " applicable = " (counts.executed) " executed + " (counts.not_testable)
                    " not testable + " (counts.not_executed) " not executed. One case on one transport is one result."
                    @if counts.hindered > 0 { " " (hindrance(counts.hindered)) "." }
                    @if !report.dialect.is_usual() { " Dialect: " (report.dialect.words()) "." }
                    @if !choices.is_empty() { " Where the draft leaves it open: " (choices.join("; ")) "." }
                }
            }
            table .tallies {
                caption .unseen { "Passed of those judged, by strength" }
                thead { tr { th scope="col" { "Strength" } th scope="col" { "Passed" } th scope="col" { "Judged" } th scope="col" { span .unseen { "Share" } } } }
                tbody {
                    @for (name, (passed, judged)) in words::tallies(report) {
                        tr .short[passed < judged] {
                            th scope="row" { (name) }
                            td { (passed) }
                            td { (judged) }
                            td { (share(passed, judged)) }
                        }
                    }
                }
            }
        }
        @for (verdict, title, note) in [
            (Verdict::Fail, "Broken", "Against a MUST of the draft or of an RFC that it builds on."),
            (Verdict::Warn, "Not met", "A SHOULD, or hardening of ours: no reason to call the subject non-conformant."),
        ] {
            (deviations(material, verdict, title, note))
        }
        @for (verdict, title, note) in [
            (Verdict::Error, "Faults of the harness", "They say nothing about the subject."),
            (Verdict::Inconclusive, "Inconclusive", "A right request was refused as well, so that a refusal proves nothing. Mend this first."),
            (Verdict::NotTestable, "Not testable", "Never counted as passed."),
        ] {
            (others(material, verdict, title, note))
        }
    }
}

/// Verdicts as the page names them, with their counts.
fn shares(counts: &Counts) -> [(&'static str, &'static str, usize); 7] {
    [
        ("fail", "failed", counts.failed),
        ("error", "harness faults", counts.errors),
        ("inconclusive", "inconclusive", counts.inconclusive),
        ("warn", "warned", counts.warned),
        ("observed", "observed", counts.observed),
        ("pass", "passed", counts.passed),
        ("not-testable", "not testable", counts.not_testable),
    ]
}

/// All that applies as one bar; what was not executed stays empty.
fn bar(counts: &Counts) -> Markup {
    let mut at = 0;
    let segments = shares(counts).map(|(verdict, _, count)| {
        at += count;
        (verdict, at - count, count)
    });
    html! {
        svg .whole viewBox={ "0 0 " (counts.applicable.max(1)) " 1" } preserveAspectRatio="none" aria-hidden="true" {
            @for (verdict, x, width) in segments {
                @if width > 0 { rect .(verdict) x=(x) width=(width) height="1" {} }
            }
        }
    }
}

fn share(passed: usize, judged: usize) -> Markup {
    html! {
        svg .share viewBox={ "0 0 " (judged.max(1)) " 1" } preserveAspectRatio="none" aria-hidden="true" {
            rect .pass width=(passed) height="1" {}
        }
    }
}

fn deviations(material: &Material<'_>, verdict: Verdict, title: &str, note: &str) -> Markup {
    let groups = groups::by_requirement(material, verdict);
    html! {
        @if !groups.is_empty() {
            h3 .part { (title) " " span .number { (groups.len()) } }
            p .note { (note) " What is seen most often comes first: it is most likely the cause of the rest." }
            @for group in &groups { (requirement(material, group, verdict)) }
        }
    }
}

fn requirement(material: &Material<'_>, group: &Group<'_>, verdict: Verdict) -> Markup {
    html! {
        article .broken .(verdict.name()) {
            header {
                h4 { (group.id) }
                @if let Some(known) = group.requirement {
                    span .tag { (words::basis(known.basis)) " " (words::level(known.level)) }
                    (clause(&known.clause))
                }
                span .tally { (group.results) @if group.results == 1 { " result" } @else { " results" } }
            }
            @if let Some(known) = group.requirement { p .statement { (known.text) } }
            ol .shown { @for same in group.cases.iter().take(SHOWN) { (deviation(material, same)) } }
            @if group.cases.len() > SHOWN {
                p .more {
                    a href={ "#/cases?verdict=" (verdict.name()) "&requirement=" (group.id) } {
                        "and " (group.cases.len() - SHOWN) " more"
                    }
                }
            }
        }
    }
}

fn deviation(material: &Material<'_>, same: &Same<'_>) -> Markup {
    let Some(outcome) = same.outcome() else { return html! {} };
    let all = same.outcomes.len() == material.report.transports.len() && same.outcomes.len() > 1;
    html! {
        li {
            p .which {
                a href=(permalink(outcome)) { (outcome.id) }
                span .where { @if all { "all transports" } @else { (same.transports().join(" ")) } }
            }
            dl .why {
                dt { "expected" } dd { (outcome.expected) }
                dt { "seen" } dd .seen { (outcome.seen) }
                @if !same.reason.is_empty() { dt { "why" } dd { (same.reason) } }
                dt { "again" } dd { code .again { (again(&material.report, outcome)) } }
            }
        }
    }
}

fn others(material: &Material<'_>, verdict: Verdict, title: &str, note: &str) -> Markup {
    let groups = groups::by_reason(material, verdict);
    html! {
        @if !groups.is_empty() {
            h3 .part { (title) " " span .number { (groups.iter().map(|(_, same)| same.len()).sum::<usize>()) } }
            p .note { (note) }
            ul .reasons {
                @for (reason, outcomes) in groups.iter().take(100) {
                    li {
                        p { (reason) }
                        p .which {
                            @for outcome in outcomes.iter().take(SHOWN) {
                                a href=(permalink(outcome)) { (outcome.id) " " span .where { (outcome.transport.name()) } } " "
                            }
                            @if outcomes.len() > SHOWN {
                                a href={ "#/cases?verdict=" (verdict.name()) } { "and " (outcomes.len() - SHOWN) " more" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The frame of the list; the script fills it.
pub(crate) fn cases(material: &Material<'_>) -> Markup {
    html! {
        h2 #cases-title tabindex="-1" { "Cases" }
        noscript { p .note { "The list of all cases and their traces need JavaScript; " code { "report.json" } " and " code { "transcripts.ndjson" } " have the same." } }
        form #filter .live role="search" hidden {
            label { span { "Search" } input type="search" name="q" placeholder="id, title, words seen" autocomplete="off"; }
            (choice("verdict", "Verdict", Verdict::ALL.map(Verdict::name)))
            (choice("level", "Level", ["MUST", "SHOULD", "MAY"]))
            (choice("basis", "Basis", ["draft", "inherited", "hardening"]))
            (choice("transport", "Transport", material.transports()))
            (choice("requirement", "Requirement", material.report.requirements.iter().map(|r| r.id.as_str())))
            button type="reset" { "Clear" }
        }
        p #shown .note .live hidden {}
        div .scroll .live tabindex="0" role="region" aria-label="List of cases" hidden {
            table #list {
                thead {
                    tr {
                        th scope="col" { "Case" }
                        th scope="col" { "Strength" }
                        @for name in material.transports() { th .cell scope="col" { (name) } }
                    }
                }
                tbody {}
            }
        }
        p .live hidden { button #more type="button" hidden {} }
    }
}

fn choice<'a>(name: &str, title: &str, values: impl IntoIterator<Item = &'a str>) -> Markup {
    html! {
        label {
            span { (title) }
            select name=(name) {
                option value="" { "any" }
                @for value in values { option value=(value) { (value) } }
            }
        }
    }
}

/// A clause, as a link where it can be read.
pub(crate) fn clause(clause: &str) -> Markup {
    html! {
        @match words::clause_address(clause) {
            Some(address) => a .clause href=(address) rel="noreferrer" { (clause) },
            None => span .clause { (clause) },
        }
    }
}

/// Ids are letters, digits, dots and hyphens, and those of vectors have a slash, as the script escapes it; in a file
/// anything may stand, and then leads nowhere.
pub(crate) fn permalink(outcome: &Outcome) -> String {
    format!("#/case/{}/{}", outcome.id.replace('/', "%2F"), outcome.transport.name())
}
