//! `crit` (LIB-B09). What a recipient does not understand makes the JWS invalid; what breaks the rules for producers alone,
//! a recipient may refuse (RFC 7515 section 4.1.11).

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
    let crit = |raw: &str| Step::set(Part::Header, "crit", raw);
    let unknown = |name: &str, title: &str, raw: &str, member: &'static str, value: &'static str| {
        let line = format!("`proof.header.crit` = {raw}, `proof.header.{member}` = {value}");
        let raw = raw.to_owned();
        let step = Step::proof("proof.header.crit", line, move |p, _, _| {
            p.header.set_raw("crit", &raw);
            p.header.set_raw(member, value);
        });
        refused(name, title).step(step)
    };
    let claim = Step::set(Part::Claims, "crit", r#"["x-unknown"]"#);
    vec![
        unknown(
            "crit-url-name",
            "`crit` names an extension by a URL.",
            r#"["https://ekmcheck.example/x"]"#,
            "https://ekmcheck.example/x",
            "1",
        ),
        unknown("crit-exp", "`crit` names `exp`, which is no header parameter of JWS.", r#"["exp"]"#, "exp", "1"),
        unknown(
            "crit-known-and-unknown",
            "`crit` names `b64`, which some know, and then an extension that nobody knows.",
            r#"["b64","x-unknown"]"#,
            "x-unknown",
            "true",
        ),
        unknown(
            "crit-null-value",
            "`crit` names an extension whose parameter is null.",
            r#"["x-unknown"]"#,
            "x-unknown",
            "null",
        ),
        unknown(
            "crit-in-other-case",
            "`crit` names an extension that differs from a standard name in case alone.",
            r#"["ALG"]"#,
            "ALG",
            r#""ES256""#,
        ),
        wrong_kind("null", crit("null")),
        wrong_kind("true", crit("true")),
        wrong_kind("number", crit("7")),
        wrong_kind("string", crit(r#""x-unknown""#)),
        wrong_kind("empty-string", crit(r#""""#)),
        wrong_kind("object", crit(r#"{"x-unknown":true}"#)),
        wrong_kind("array-of-numbers", crit("[7]")),
        wrong_kind("array-of-null", crit("[null]")),
        wrong_kind("nested-array", crit(r#"[["alg"]]"#)),
        // It is listed and not understood, which is enough.
        refused("crit-absent-parameter", "`crit` names an extension whose parameter is not there.")
            .step(crit(r#"["x-unknown"]"#)),
        open("crit-standard-name-twice", "`crit` names `typ` twice.", crit(r#"["typ","typ"]"#)),
        open("crit-own-parameter", "`crit` names `x5t#S256`, which the draft asks for.", crit(r#"["x5t#S256"]"#)),
        // A verifier that knows RFC 7797 may take it, as the payload is encoded as ever.
        open(
            "b64-true",
            "`b64` is true, and `crit` names it.",
            Step::proof("proof.header.b64", "`proof.header.b64` = true, `proof.header.crit` = [\"b64\"]", |p, _, _| {
                p.header.set_raw("b64", "true");
                p.header.set_raw("crit", r#"["b64"]"#);
            }),
        ),
        Plan::accepted("crit-in-payload", "A claim is called `crit`, which means nothing there.")
            .step(claim)
            .entry(entry_of("rs.ignores-unknown", "RFC 7519 4", Must, Inherited))
            .row("LIB-B09"),
    ]
}

fn refused(name: &str, title: &str) -> Plan {
    let entry = entry_of("rs.crit", "RFC 7515 4.1.11", Must, Inherited);
    Plan::refused(Check::Crit, name, title).entry(entry).flag("crit-ignored").row("LIB-B09")
}

/// Its value is an array of names; what a recipient does with another one, the section leaves to it.
fn wrong_kind(kind: &str, step: Step) -> Plan {
    refused(&format!("crit-{kind}"), &format!("`crit` is no array of names ({}).", kind.replace('-', " ")))
        .entry(entry_of("rs.crit", "RFC 7515 4.1.11", Should, Hardening))
        .flag("type-confusion")
        .step(step)
}

fn open(name: &str, title: &str, step: Step) -> Plan {
    let entry = entry_of("rs.crit", "RFC 7515 4.1.11", May, Inherited);
    Plan::open(Some(Check::Crit), name, title).step(step).entry(entry).flag("crit-ignored").row("LIB-B09")
}
