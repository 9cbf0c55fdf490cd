//! Long proofs, and proofs of many parts (LIB-B23). What a verifier takes is up to it; what is malformed it refuses, and
//! soon.

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::case::{
    Basis::{Hardening, Inherited},
    Level::{May, Must, Should},
};

use super::super::{
    ledger::entry_of,
    plan::Plan,
    step::{Part, Step},
};

pub(super) fn plans() -> Vec<Plan> {
    let text = |name: &str, title: &str, make: fn() -> String| {
        let step = Step::text("proof.segments", title.trim_end_matches('.'), move |_, _, _| Ok(make()));
        let plan = Plan::refused(Check::Format, name, title).step(step);
        plan.entry(entry_of("rs.proof-form", "RFC 7515 3.1", Must, Inherited)).flag("oversize").row("LIB-B23")
    };
    let noted = |octets: usize, part| Step::set(part, "note", format!("\"{}\"", "x".repeat(octets)));
    let open = |check, name: &str, title: &str, step| {
        let plan = Plan::open(check, name, title).step(step).flag("oversize").row("LIB-B23");
        plan.entry(entry_of("rs.proof-form", "RFC 7515 3.1", May, Inherited))
    };
    let many = (0..2_000).map(|n| format!("\"c{n}\":{n}")).collect::<Vec<_>>().join(",");
    let too_long = Some(Check::Format);
    vec![
        text("dots-10000", "Ten thousand dots.", || ".".repeat(10_000)),
        text("dots-between-letters", "Ten thousand segments of one letter.", || "A.".repeat(10_000)),
        text("letters-without-dots", "A text of 64 KiB without a dot.", || "A".repeat(65_536)),
        Plan::accepted("claim-of-1-kb", "A claim that nobody knows has 1,000 characters.")
            .step(noted(1_000, Part::Claims))
            .entry(entry_of("rs.ignores-unknown", "RFC 7519 4", Should, Hardening))
            .row("LIB-B23"),
        open(None, "claim-of-4-kb", "A claim that nobody knows has 4,000 characters.", noted(4_000, Part::Claims)),
        open(
            None,
            "header-of-8-kb",
            "A header parameter that nobody knows has 8,000 characters.",
            noted(8_000, Part::Header),
        ),
        open(
            too_long,
            "claim-of-64-kb",
            "A claim that nobody knows has 64,000 characters.",
            noted(64_000, Part::Claims),
        ),
        open(
            too_long,
            "claims-2000",
            "There are 2,000 claims that nobody knows.",
            Step::set(Part::Claims, "many", format!("{{{many}}}")),
        ),
        open(
            None,
            "nested-20-levels",
            "A claim that nobody knows is an array of 20 levels.",
            Step::set(Part::Claims, "n", format!("{}{}", "[".repeat(20), "]".repeat(20))),
        ),
        open(
            too_long,
            "nested-100-levels",
            "A claim that nobody knows is an array of 100 levels.",
            Step::set(Part::Claims, "n", format!("{}{}", "[".repeat(100), "]".repeat(100))),
        )
        .flag("nesting"),
    ]
}
