//! Values of `typ` (LIB-B19): of other kinds of JWT, and spellings of the right one.

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::case::{
    Basis::{Draft, Inherited},
    Level::{May, Must},
};

use super::super::{
    ledger::entry_of,
    plan::Plan,
    step::{Part, Step},
};

pub(super) fn plans() -> Vec<Plan> {
    let set = |value: &str| Step::set(Part::Header, "typ", serde_json::Value::from(value).to_string());
    // Media types of other JWTs that a client signs with its key.
    let kinds = [
        ("typ-kb-jwt", "kb+jwt"),
        ("typ-client-attestation-pop", "oauth-client-attestation-pop+jwt"),
        ("typ-client-authentication", "client-authentication+jwt"),
        ("typ-authorization-request", "oauth-authz-req+jwt"),
        ("typ-introspection", "token-introspection+jwt"),
        ("typ-transaction-token", "txntoken+jwt"),
        ("typ-http-message", "http-sig+jwt"),
        ("typ-jose", "JOSE"),
        ("typ-jose-json", "JOSE+JSON"),
    ];
    let other = kinds.into_iter().map(|(name, value)| {
        let plan =
            Plan::refused(Check::Typ, name, &format!("`typ` is `{value}`, and all else is right.")).step(set(value));
        plan.entry(entry_of("rs.typ", "RFC 8725 3.11", Must, Inherited))
            .flag("cross-jwt-confusion")
            .row("LIB-B01")
            .row("LIB-B25")
    });
    let wrong = [
        ("typ-with-nul", "tls-binding-proof+jwt\0", "ends with the character NUL"),
        ("typ-with-wide-plus", "tls-binding-proof\u{ff0b}jwt", "has a full-width plus"),
        ("typ-of-look-alikes", "tls-binding-pro\u{43e}f+jwt", "has a Cyrillic letter"),
        ("typ-with-soft-hyphen", "tls-binding-\u{ad}proof+jwt", "has a soft hyphen"),
        ("typ-begins-alike", "tls-binding-proof+jwtx", "has a letter too many"),
        ("typ-ends-alike", "xtls-binding-proof+jwt", "has a letter before it"),
        ("typ-with-other-tree", "text/tls-binding-proof+jwt", "is of another type"),
    ];
    let wrong = wrong.into_iter().map(|(name, value, what)| {
        let plan = Plan::refused(Check::Typ, name, &format!("`typ` {what}.")).step(set(value));
        plan.entry(entry_of("rs.typ", "2.3.1", Must, Draft)).flag("cross-jwt-confusion").row("LIB-B01").row("LIB-B19")
    });
    let same = [
        ("typ-with-parameter", "tls-binding-proof+jwt;v=1", "has a parameter"),
        ("typ-with-space", "tls-binding-proof+jwt ", "ends with a space"),
        ("typ-in-upper-case", "TLS-BINDING-PROOF+JWT", "is in upper case"),
        ("typ-with-application-in-other-case", "Application/tls-binding-proof+jwt", "begins with `Application/`"),
    ];
    let same = same.into_iter().map(|(name, value, what)| {
        let plan = Plan::open(Some(Check::Typ), name, &format!("`typ` {what}.")).step(set(value));
        plan.entry(entry_of("rs.typ", "RFC 7515 4.1.9", May, Inherited)).flag("cross-jwt-confusion").row("LIB-B19")
    });
    other.chain(wrong).chain(same).collect()
}
