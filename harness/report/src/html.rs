//! One page that works from disk: no request leaves it, nothing of it runs that is not named by its hash. What matters
//! most is there without a script; the script adds the list of all cases, filters, permalinks and traces.

mod data;
mod parts;
mod register;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ekmcheck_suite::report::{Conclusion, DRAFT};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::{Material, ReportFault, words};

pub(crate) const STYLE: &str = include_str!("../assets/report.css");
const SCRIPT: &str = include_str!("../assets/report.js");

/// The views; without a script all stand one below the other.
const VIEWS: [(&str, &str); 4] =
    [("summary", "Summary"), ("cases", "Cases"), ("ledger", "Ledger"), ("ambiguities", "Ambiguities")];

pub(crate) fn page(material: &Material<'_>) -> Result<String, ReportFault> {
    let report = &material.report;
    let conclusion = words::conclusion(material.conclusion(), report);
    let data = data::json(material)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (capital(conclusion)) " · " (report.subject) " · ekmcheck" }
                // Our own text, and what the policy names by its hash: escaped it would be another.
                style { (PreEscaped(STYLE)) }
            }
            body {
                a .skip href="#main" { "Skip to the content" }
                (head(material))
                main #main tabindex="-1" {
                    section #summary .view aria-labelledby="summary-title" { (parts::summary(material)) }
                    section #cases .view aria-labelledby="cases-title" { (parts::cases(material)) }
                    section #case .view aria-labelledby="case-title" hidden { h2 #case-title tabindex="-1" {} }
                    section #ledger .view aria-labelledby="ledger-title" { (register::ledger(material)) }
                    section #ambiguities .view aria-labelledby="ambiguities-title" { (register::ambiguities(material)) }
                }
                p #said .unseen role="status" aria-live="polite" {}
                footer {
                    "ekmcheck " (report.ekmcheck) " · seed " (report.seed)
                    " · made from " code { "report.json" } "; this page sends and loads nothing"
                }
                // No `<` is left in it, so that nothing within can end the element.
                script #data type="application/json" { (PreEscaped(data)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// Only this script and this style; no address at all; no text that becomes markup.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

pub(crate) fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn head(material: &Material<'_>) -> Markup {
    let report = &material.report;
    html! {
        header .top {
            div .bar {
                p .mark { "ekmcheck" }
                nav aria-label="Views" {
                    ul {
                        @for (id, title) in VIEWS {
                            li { a href={ "#" (id) } data-view=(id) { (title) } }
                        }
                    }
                }
            }
            div .lead data-conclusion=(tone(material)) {
                h1 { (capital(words::conclusion(material.conclusion(), report))) }
                p .meaning { (words::meaning(material.conclusion(), report)) }
                @if let Some(why) = &report.unfinished { p .meaning { "Not all was played: " (why) } }
                dl .about {
                    div { dt { "Subject" } dd { code { (report.subject) } } }
                    div { dt { "Draft" } dd { a href={ "https://datatracker.ietf.org/doc/html/" (DRAFT) } rel="noreferrer" { (report.draft) } } }
                    div { dt { "Transports" } dd { (material.transports().join(" ")) } }
                    @if let Some(started) = words::started(report) {
                        div { dt { "Played" } dd { (started) } }
                    }
                    div { dt { "Cost" } dd { (format!("{:.1}", report.cost.seconds)) " s, " (report.cost.plays) " plays, " (report.cost.handshakes) " handshakes" } }
                }
            }
        }
    }
}

/// How the page is coloured.
fn tone(material: &Material<'_>) -> &'static str {
    match material.conclusion() {
        Conclusion::Conformant if material.report.counts.warned > 0 => "warn",
        Conclusion::AsKnown => "warn",
        Conclusion::Conformant => "pass",
        Conclusion::NotConformant => "fail",
        Conclusion::Incomplete | Conclusion::HarnessFault => "inconclusive",
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
