//! Every member with a value of every wrong kind (LIB-B04). What is there and of a wrong kind is never absent.

use ekmcheck_binding::refusal::Check;
use ekmcheck_forge::alteration;
use ekmcheck_suite::case::{
    Basis::{Draft, Hardening, Inherited},
    Level::{Must, Should},
};

use super::super::{
    ledger::{Entry, entry_of},
    plan::Plan,
    step::{Part, Step, in_array, in_object},
};

/// Names of the kinds and their texts.
const KINDS: [(&str, &str); 7] = [
    ("null", "null"),
    ("true", "true"),
    ("zero", "0"),
    ("number", "7"),
    ("empty", "\"\""),
    ("empty-array", "[]"),
    ("empty-object", "{}"),
];

const OPTIONAL: [(&str, Check, Entry); 3] = [
    ("htm", Check::Htm, entry_of("rs.htm", "2.3.2.2", Must, Hardening)),
    ("htu", Check::Htu, entry_of("rs.htu", "2.3.2.2", Must, Hardening)),
    ("jti", Check::Jti, entry_of("rs.jti", "RFC 7519 4.1.7", Must, Hardening)),
];

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (member, check, entry) in [
        ("ath", Check::Ath, entry_of("rs.token-hash", "2.3.2.1", Must, Draft)),
        ("ekm", Check::Ekm, entry_of("rs.exporter-match", "2.3.2.1", Must, Draft)),
        ("iat", Check::Iat, entry_of("rs.iat-window", "2.3.2.1", Must, Draft)),
    ] {
        plans.extend(of_proof(Part::Claims, member, member, check, entry));
    }
    for (member, check, entry) in OPTIONAL {
        plans.extend(of_proof(Part::Claims, member, member, check, entry));
    }
    for (member, name, check, entry) in [
        ("typ", "typ", Check::Typ, entry_of("rs.typ", "2.3.1", Must, Draft)),
        ("alg", "alg", Check::Alg, entry_of("rs.alg-fits-key", "2.3.1", Must, Draft)),
        ("x5t#S256", "x5t", Check::X5t, entry_of("rs.x5t-header", "2.3.1", Should, Draft)),
    ] {
        plans.extend(of_proof(Part::Header, member, name, check, entry));
    }
    plans.extend(of_cnf("tls_exp", "tls-exp", entry_of("rs.confirmation-form", "2.4", Must, Hardening)));
    plans.extend(of_cnf("x5t#S256", "cnf-x5t", entry_of("rs.confirmation-form", "RFC 8705 3.1", Must, Inherited)));
    plans.extend(whole_cnf());
    plans
}

/// Names that the table of alterations has already are left out, and so are kinds that are right for the member.
fn is_new(name: &str) -> bool {
    alteration::named(name).is_none() && name != "iat-number"
}

fn of_proof(part: Part, member: &'static str, stem: &str, check: Check, entry: Entry) -> Vec<Plan> {
    let path = part.path(member);
    let plan = |kind: &str, title: &str, step| {
        let plan = Plan::refused(check, format!("{stem}-{kind}"), title).step(step).entry(entry);
        plan.flag("type-confusion").row("LIB-B04").row(if part == Part::Header { "LIB-B01" } else { "LIB-B02" })
    };
    let mut plans: Vec<Plan> = KINDS
        .into_iter()
        .filter(|(kind, _)| is_new(&format!("{stem}-{kind}")))
        .map(|(kind, raw)| plan(kind, &format!("`{path}` is `{raw}`."), Step::set(part, member, raw)))
        .collect();
    for (kind, wrap) in [("array", in_array as fn(_) -> _), ("object", in_object)] {
        if is_new(&format!("{stem}-{kind}")) {
            let step = Step::wrapped(part, member, &format!("in an {kind}"), wrap);
            plans.push(plan(kind, &format!("The right value of `{path}` stands in an {kind}."), step));
        }
    }
    plans
}

fn of_cnf(member: &'static str, stem: &str, entry: Entry) -> Vec<Plan> {
    let path = format!("token.claims.cnf.{member}");
    let plan = |kind: &str, title: &str, step| {
        let plan = Plan::refused(Check::Confirmation, format!("{stem}-{kind}"), title).step(step).entry(entry);
        plan.flag("type-confusion").flag("binding-downgrade").row("LIB-B04").row("LIB-B21")
    };
    let mut plans: Vec<Plan> = KINDS
        .into_iter()
        .filter(|(kind, _)| is_new(&format!("{stem}-{kind}")))
        .map(|(kind, raw)| {
            let value = serde_json::from_str(raw).unwrap_or_default();
            plan(kind, &format!("`{path}` is `{raw}`."), Step::cnf(member, value))
        })
        .collect();
    for (kind, wrap) in [("array", in_array as fn(_) -> _), ("object", in_object)] {
        if is_new(&format!("{stem}-{kind}")) {
            let title = format!("The right value of `{path}` stands in an {kind}.");
            let line = format!("`{path}` = the right value in an {kind}");
            let step = Step::token(path.clone(), line, move |token, _| {
                let mut cnf = token.claims.member("cnf").unwrap_or_default();
                cnf[member] = wrap(cnf[member].take());
                token.claims.set("cnf", cnf);
            });
            plans.push(plan(kind, &title, step));
        }
    }
    plans
}

fn whole_cnf() -> Vec<Plan> {
    let entry = entry_of("rs.confirmation-form", "RFC 7800 3.1", Must, Inherited);
    let plan = |kind: &'static str, raw: &'static str| {
        let step = Step::token("token.claims.cnf", format!("`token.claims.cnf` = {raw}"), move |token, _| {
            token.claims.set_raw("cnf", raw);
        });
        let plan =
            Plan::refused(Check::Confirmation, format!("cnf-{kind}"), &format!("`token.claims.cnf` is `{raw}`."));
        plan.step(step).entry(entry).flag("type-confusion").flag("binding-downgrade").row("LIB-B04").row("LIB-B21")
    };
    // An empty object confirms nothing, and is no wrong kind: see `open/cnf-empty-object`.
    let wrong = KINDS.into_iter().filter(|(kind, _)| is_new(&format!("cnf-{kind}")) && *kind != "empty-object");
    wrong.map(|(kind, raw)| plan(kind, raw)).collect()
}
