//! A campaign as one page that works from disk.

use ekmcheck_suite::{
    campaign::{Campaign, Example, Finding, Novelty, Weight, times},
    inert::inert,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::html::{STYLE, hash};

/// Width and height of the curve, in its own units.
const CURVE: (f64, f64) = (600.0, 160.0);

pub(super) fn page(done: &Campaign) -> String {
    let (violations, others) = done.weighed();
    let policy = format!("default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'", hash(STYLE));
    let subject = inert(&done.subject);
    let tone = match (violations, others) {
        (1.., _) => "fail",
        _ if !done.is_whole() => "inconclusive",
        (0, 1..) => "warn",
        (0, 0) => "pass",
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Fuzz campaign · " (subject) " · ekmcheck" }
                // Our own text, and what the policy names by its hash: escaped it would be another.
                style { (PreEscaped(STYLE)) }
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                header .top {
                    div .bar { p .mark { "ekmcheck" } }
                    div .lead data-conclusion=(tone) {
                        h1 { (violations) " findings against a MUST, " (others) " others" @if !done.is_whole() { "; incomplete" } }
                        p .meaning { (done.work()) "; " (done.end()) "." }
                        dl .about {
                            div { dt { "Subject" } dd { code { (subject) } } }
                            div { dt { "Draft" } dd { (inert(&done.draft)) } }
                            div { dt { "Transports" } dd { (done.transports.iter().map(|t| t.name()).collect::<Vec<_>>().join(" ")) } }
                            div { dt { "Seed" } dd { (done.seed) @if let Some((part, parts)) = done.shard { ", part " (part) " of " (parts) } } }
                            @if !done.machine.is_empty() { div { dt { "Machine" } dd { (inert(&done.machine)) } } }
                        }
                    }
                }
                main #main tabindex="-1" {
                    section .view aria-labelledby="findings" { (findings(done)) }
                    section .view aria-labelledby="behaviours" { (behaviours(&done.novelty)) }
                }
                footer { "ekmcheck " (inert(&done.ekmcheck)) " · made from " code { "campaign.json" } "; this page sends and loads nothing" }
            }
        }
    };
    page.into_string()
}

fn findings(done: &Campaign) -> Markup {
    html! {
        h2 #findings { "Findings" }
        @if done.findings.is_empty() {
            p { "Nothing was found. That says as much as was tried: no more." }
        } @else {
            p { "Each was seen in three trials of three and made as small as it could be. Again: " code { (inert(&done.again("campaign.json"))) } }
            @for finding in &done.findings { (one(finding)) }
        }
    }
}

fn one(finding: &Finding) -> Markup {
    html! {
        h3 { code { (inert(&finding.id)) } }
        p {
            @if finding.weight == Weight::Violation { strong { "Against a MUST" } } @else { "A note: a right implementation could do so" }
            ", seen " (times(finding.times)) "."
        }
        table {
            thead { tr { th scope="col" { "Weight" } th scope="col" { "After" } th scope="col" { "On" } th scope="col" { "Reference" } th scope="col" { "Subject" } th scope="col" { "Changes to a right request" } } }
            tbody { @for example in &finding.examples { (row(example)) } }
        }
    }
}

fn row(example: &Example) -> Markup {
    html! {
        tr {
            td { (if example.weight == Weight::Violation { "violation" } else { "note" }) }
            td { (example.at_request) }
            td { (example.transport.name()) @if example.warm { ", behind a right request" } }
            td { (inert(&example.expected)) }
            td { (inert(&example.seen)) }
            td { code { (super::changes(example)) } @if !example.claims.is_empty() { ", with " (inert(&example.claims.join(", "))) } }
        }
    }
}

/// How the number of different pairs of what the reference and what the subject did grew.
fn behaviours(novelty: &[Novelty]) -> Markup {
    let last = novelty.last().copied().unwrap_or(Novelty { requests: 0, behaviours: 0 });
    let across = |n: &Novelty| CURVE.0 * n.requests as f64 / (last.requests.max(1)) as f64;
    let up = |n: &Novelty| CURVE.1 - CURVE.1 * n.behaviours as f64 / (last.behaviours.max(1)) as f64;
    let points: Vec<String> = novelty.iter().map(|n| format!("{:.1},{:.1}", across(n), up(n))).collect();
    html! {
        h2 #behaviours { "Behaviours" }
        p { (last.behaviours) " different pairs of what the reference and what the subject did; the last new one came after " (last.requests) " requests." }
        @if novelty.len() > 1 {
            svg viewBox=(format!("-4 -4 {} {}", CURVE.0 + 8.0, CURVE.1 + 8.0)) role="img" aria-label="Different behaviours over requests" width="100%" height=(CURVE.1) {
                polyline points=(points.join(" ")) fill="none" stroke="currentColor" stroke-width="2" {}
            }
        }
    }
}
