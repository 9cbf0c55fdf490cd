//! Every member twice (LIB-B06): plain and with an escape in the name, the wrong value first and last.
//!
//! RFC 7515 section 4 and RFC 7519 section 4 have a parser refuse, or take the last one. So a wrong last one is refused
//! either way, and a wrong first one is open.

use ekmcheck_binding::{digest::sha256, refusal::Check};
use ekmcheck_forge::alteration::Leads;
use ekmcheck_suite::case::{
    Basis::Inherited,
    Level::{May, Should},
};

use super::super::{
    ledger::entry_of,
    plan::Plan,
    step::{Part, Step},
};

/// A member, the stem of names, the name as it is and with an escape, and another value; `None`: of the hour before.
type Member = (Part, &'static str, &'static str, [&'static str; 2], Option<&'static str>);

const MEMBERS: [Member; 9] = [
    (Part::Header, "typ", "typ", [r#""typ""#, r#""t\u0079p""#], Some(r#""JWT""#)),
    (Part::Header, "alg", "alg", [r#""alg""#, r#""\u0061lg""#], Some(r#""none""#)),
    (Part::Header, "x5t#S256", "x5t", [r#""x5t#S256""#, r#""x5t\u0023S256""#], None),
    (Part::Claims, "ath", "ath", [r#""ath""#, r#""\u0061th""#], None),
    (Part::Claims, "ekm", "ekm", [r#""ekm""#, r#""\u0065km""#], None),
    (Part::Claims, "iat", "iat", [r#""iat""#, r#""\u0069at""#], Some("1799992800")),
    (Part::Claims, "jti", "jti", [r#""jti""#, r#""jt\u0069""#], Some(r#""another""#)),
    (Part::Claims, "htm", "htm", [r#""htm""#, r#""ht\u006d""#], Some(r#""PUT""#)),
    (Part::Claims, "htu", "htu", [r#""htu""#, r#""ht\u0075""#], Some(r#""/api/other""#)),
];

/// Those that the table of alterations has.
const KNOWN: [&str; 8] = [
    "typ-twice-wrong-first",
    "typ-twice-wrong-last-escaped",
    "ath-twice-wrong-first",
    "ath-twice-wrong-last",
    "ekm-twice-wrong-first",
    "ekm-twice-wrong-last",
    "iat-twice-wrong-first",
    "iat-twice-wrong-last",
];

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for member in MEMBERS {
        for escaped in [false, true] {
            for last in [false, true] {
                plans.extend(twice(member, escaped, last));
            }
        }
    }
    let step = Step::proof("proof.claims.note", "`proof.claims.note` is there twice, with one value", |p, _, _| {
        p.claims.append_raw("\"note\"", "1");
        p.claims.append_raw("\"note\"", "1");
    });
    let title = "A claim that nobody knows stands there twice, with the same value.";
    let plan = Plan::open(Some(Check::Format), "unknown-claim-twice", title).step(step);
    plans.push(
        plan.entry(entry_of("rs.proof-form", "RFC 7519 4", May, Inherited)).flag("duplicate-member").row("LIB-B06"),
    );
    plans
}

fn twice((part, member, stem, names, other): Member, escaped: bool, last: bool) -> Option<Plan> {
    let place = if last { "last" } else { "first" };
    let mut name = format!("{stem}-twice-wrong-{place}{}", if escaped { "-escaped" } else { "" });
    if KNOWN.contains(&name.as_str()) {
        return None;
    }
    if name == "typ-twice-wrong-last" {
        // The table gives that name to the escaped one.
        name.push_str("-plain");
    }
    let path = part.path(member);
    let written = names[usize::from(escaped)];
    let line = format!("another `{path}`, written {written}, comes {place}");
    let step = Step::proof(path.clone(), line, move |p, _, _| {
        let wrong = other
            .map_or_else(|| format!("\"{}\"", ekmcheck_binding::base64url::encode(&sha256(b"another"))), str::to_owned);
        match last {
            true => part.of(p).append_raw(written, &wrong),
            false => part.of(p).prepend_raw(written, &wrong),
        }
    });
    let clause = if part == Part::Header { "RFC 7515 4" } else { "RFC 7519 4" };
    // Another `jti` is as good as the first to a reader that takes the last one.
    let refused = last && member != "jti";
    let (leads, level) = match refused {
        true => (Leads::Refused(Check::Format), Should),
        false => (Leads::Open(Some(Check::Format)), May),
    };
    let title = format!(
        "`{path}` is there twice, the wrong one {place}{}.",
        if escaped { ", its name with an escape" } else { "" }
    );
    let plan = Plan::new(name, leads, &title).step(step).entry(entry_of("rs.proof-form", clause, level, Inherited));
    Some(plan.flag("duplicate-member").row("LIB-B06"))
}
