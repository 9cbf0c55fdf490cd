//! The ledger and the ambiguities: what was due, and what the draft leaves open.

use std::collections::BTreeMap;

use ekmcheck_suite::{
    ambiguity::Ambiguity,
    outcome::{Outcome, Verdict},
};
use maud::{Markup, html};

use super::parts::{clause, permalink};
use crate::{Material, words};

pub(crate) fn ledger(material: &Material<'_>) -> Markup {
    let ledger = &material.ledger;
    let played = worst(material);
    let mut covered: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in &material.cases {
        case.rows().for_each(|row| covered.entry(row).or_default().push(&case.id));
    }
    html! {
        h2 #ledger-title tabindex="-1" { "Ledger" }
        p .note {
            (ledger.requirements.len()) " requirements and " (ledger.rows.len()) " rows of the catalogue: each row is covered by a case or excluded with a reason. "
            (ledger.excluded.len()) " are excluded."
        }
        h3 .part { "Requirements" }
        div .scroll tabindex="0" role="region" aria-label="Requirements" {
            table {
                thead { tr { th scope="col" { "Requirement" } th scope="col" { "Strength" } th scope="col" { "Clause" } th scope="col" { "Touched" } th scope="col" { "Deviations" } th scope="col" { "Verdict" } } }
                tbody {
                    @for requirement in &ledger.requirements {
                        @let fared = material.report.requirements.iter().find(|r| r.id == requirement.id);
                        tr {
                            th scope="row" { code { (requirement.id) } p { (requirement.text) } }
                            td { (words::basis(requirement.basis)) " " (words::level(requirement.level)) }
                            td { (clause(&requirement.clause)) }
                            td .figure { (fared.map_or(0, |f| f.touched)) }
                            td .figure { (fared.map_or(0, |f| f.deviations)) }
                            td { (verdict(fared.map(|f| f.verdict))) }
                        }
                    }
                }
            }
        }
        h3 .part { "Rows" }
        div .scroll tabindex="0" role="region" aria-label="Rows of the catalogue" {
            table {
                thead { tr { th scope="col" { "Row" } th scope="col" { "Covered by" } th scope="col" { "Notes" } } }
                tbody {
                    @for row in &ledger.rows {
                        tr {
                            th scope="row" { (row) }
                            td {
                                @for id in covered.get(row.as_str()).into_iter().flatten() { (covering(id, &played)) " " }
                                @for excluded in ledger.excluded.iter().filter(|e| e.row == *row) { b { "Excluded. " } (excluded.reason) }
                            }
                            td { @for reading in ledger.readings.iter().filter(|r| r.row == *row) { (reading.reading) } }
                        }
                    }
                }
            }
        }
    }
}

/// The worst result of each case that was played.
fn worst<'a>(material: &'a Material<'_>) -> BTreeMap<&'a str, &'a Outcome> {
    let mut worst: BTreeMap<&str, &Outcome> = BTreeMap::new();
    for outcome in &material.report.cases {
        let entry = worst.entry(&outcome.id).or_insert(outcome);
        if outcome.verdict.weight() > entry.verdict.weight() {
            *entry = outcome;
        }
    }
    worst
}

fn covering(id: &str, played: &BTreeMap<&str, &Outcome>) -> Markup {
    html! {
        @match played.get(id) {
            Some(outcome) => a .link .(outcome.verdict.name()) href=(permalink(outcome)) { (id) },
            None => span .link title="not in this run" { (id) },
        }
    }
}

fn verdict(verdict: Option<Verdict>) -> Markup {
    html! {
        @match verdict {
            Some(verdict) => span .verdict .(verdict.name()) { (verdict.name()) },
            None => span .verdict { "not touched" },
        }
    }
}

pub(crate) fn ambiguities(material: &Material<'_>) -> Markup {
    let all = &material.register.ambiguities;
    html! {
        h2 #ambiguities-title tabindex="-1" { "Ambiguities" }
        p .note {
            (all.len()) " questions that the draft leaves open. What a subject does about them is recorded, and never a violation by itself."
        }
        @for ambiguity in all { (question(material, ambiguity)) }
    }
}

fn question(material: &Material<'_>, ambiguity: &Ambiguity) -> Markup {
    let mut seen: Vec<(&Outcome, Vec<&str>)> = Vec::new();
    for outcome in material.report.cases.iter().filter(|o| o.ambiguity.as_ref() == Some(&ambiguity.id)) {
        match seen.iter_mut().find(|(other, _)| other.id == outcome.id && other.seen == outcome.seen) {
            Some((_, transports)) => transports.push(outcome.transport.name()),
            None => seen.push((outcome, vec![outcome.transport.name()])),
        }
    }
    html! {
        article .question {
            header { h3 { span .tag { (ambiguity.id) } " " (ambiguity.question) } (clause(&ambiguity.clause)) }
            ul .readings { @for reading in &ambiguity.readings { li { (reading) } } }
            dl .why {
                dt { "reference" } dd { (ambiguity.reference) }
                dt { "settled by" } dd { (ambiguity.settled_by) }
                @if let Some(why) = &ambiguity.unobserved { dt { "not observed" } dd { (why) } }
            }
            @if !seen.is_empty() {
                div .scroll tabindex="0" role="region" aria-label={ "What was observed of " (ambiguity.id) } {
                    table {
                        thead { tr { th scope="col" { "Case" } th scope="col" { "Transports" } th scope="col" { "Seen" } th scope="col" { "Verdict" } } }
                        tbody {
                            @for (outcome, transports) in seen {
                                tr {
                                    th scope="row" { a href=(permalink(outcome)) { (outcome.id) } p { (outcome.title) } }
                                    td { @if transports.len() == material.report.transports.len() { "all" } @else { (transports.join(" ")) } }
                                    td .seen { (outcome.seen) }
                                    td { (verdict(Some(outcome.verdict))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
