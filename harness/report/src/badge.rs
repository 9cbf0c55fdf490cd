//! A badge: the verdict and the count of what the draft itself demands. No word of a subject is in it.

use ekmcheck_suite::{
    case::{Basis, Level},
    report::Conclusion,
};
use maud::html;

use crate::{Material, words};

/// The mean width of a letter at 11 pixels in the fonts named below; `textLength` makes the text fit whatever comes.
const LETTER: usize = 6;

pub(crate) fn svg(material: &Material<'_>) -> String {
    let name = "TLS session binding";
    let (passed, judged) = material.report.tally(Some(Level::Must), Basis::Draft);
    let said = words::conclusion(material.conclusion(), &material.report);
    let result = format!("{said}, {passed}/{judged} MUST");
    let colour = match material.conclusion() {
        Conclusion::Conformant if material.report.counts.warned > 0 => "#7a6200",
        Conclusion::AsKnown => "#7a6200",
        Conclusion::Conformant => "#1a7f37",
        Conclusion::NotConformant => "#b3261e",
        Conclusion::Incomplete | Conclusion::HarnessFault => "#57606a",
    };
    let (left, right) = (name.len() * LETTER, result.len() * LETTER);
    let width = left + right + 32;
    let label = format!("{name}: {result}");
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height="20" role="img" aria-label=(label) {
            title { (label) }
            rect width=(width) height="20" rx="3" fill=(colour) {}
            path d={ "M3 0h" (left + 13) "v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" } fill="#333" {}
            g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" {
                text x="8" y="14" textLength=(left) lengthAdjust="spacingAndGlyphs" { (name) }
                text x=(left + 24) y="14" textLength=(right) lengthAdjust="spacingAndGlyphs" { (result) }
            }
        }
    };
    markup.into_string() + "\n"
}
