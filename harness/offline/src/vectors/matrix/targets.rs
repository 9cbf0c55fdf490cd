//! Pairs of request and `htu`, and of request and `htm` (LIB-B20).
//!
//! A path is the form of the draft's example, an absolute URI that of its words (A-01): so a right absolute one is open,
//! and a wrong one is wrong in either form.

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::case::{
    Basis::{Draft, Hardening, Inherited},
    Level::{May, Must, Should},
};

use super::super::{
    ledger::{Entry, entry_of},
    plan::Plan,
    step::{Part, Step},
    world::Place,
};

const USUAL: Place = Place::USUAL;
const ROOT: Place = Place { path: "/", ..USUAL };
const PORT: Place = Place { authority: "rs.ekmcheck.example:8443", ..USUAL };
const IPV6: Place = Place { authority: "[2001:db8::1]:8443", ..USUAL };

const DIFFERS: Entry = entry_of("rs.htu", "3.3.2 5i", Must, Draft);
const GUARDED: Entry = entry_of("rs.htu", "3.3.2 5i", Must, Hardening);

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = other();
    plans.extend(same());
    plans.extend(absolute());
    plans.extend(methods());
    plans
}

fn at(path: &'static str) -> Place {
    Place { path, ..USUAL }
}

fn htu(value: &str) -> Step {
    Step::set(Part::Claims, "htu", serde_json::Value::from(value).to_string())
}

fn title(place: Place, htu: &str) -> String {
    format!("`htu` is {htu:?}, the request goes to https://{}{}.", place.authority, place.path)
}

fn other() -> Vec<Plan> {
    let slash = entry_of("rs.htu", "2.3.2.2", Should, Hardening);
    let reserved = entry_of("rs.htu", "RFC 3986 2.2", Must, Hardening);
    let form = entry_of("rs.htu", "2.3.2.2", Should, Hardening);
    [
        ("htu-of-path-for-root", ROOT, "/api/resource", DIFFERS),
        ("htu-of-root-for-path", USUAL, "/", DIFFERS),
        ("htu-without-trailing-slash", at("/api/resource/"), "/api/resource", slash),
        ("htu-of-end-of-path", at("/v1/api/resource"), "/api/resource", DIFFERS),
        ("htu-that-ends-with-path", USUAL, "/v1/api/resource", DIFFERS),
        ("htu-longer-than-path", USUAL, "/api/resources", DIFFERS),
        ("htu-with-path-parameter", USUAL, "/api/resource;v=1", GUARDED),
        ("htu-with-slash-for-escape", at("/api/resource%2Fx"), "/api/resource/x", reserved),
        ("htu-escaped-twice", at("/api/%72esource"), "/api/%2572esource", reserved),
        ("htu-with-escaped-question-mark", at("/api/resource%3Fx"), "/api/resource?x", reserved),
        ("htu-with-backslashes", USUAL, r"\api\resource", GUARDED),
        ("htu-with-nul", USUAL, "/api/resource\0/x", GUARDED),
        ("htu-with-space-first", USUAL, " /api/resource", GUARDED),
        ("htu-with-space-last", USUAL, "/api/resource ", GUARDED),
        ("htu-with-line-feed", USUAL, "/api/resource\n", GUARDED),
        ("htu-of-asterisk", USUAL, "*", GUARDED),
        ("htu-relative", USUAL, "api/resource", form),
        ("htu-without-scheme", USUAL, "rs.ekmcheck.example/api/resource", form),
        ("htu-of-default-port", PORT, "https://rs.ekmcheck.example/api/resource", DIFFERS),
        ("htu-of-port-that-wraps", USUAL, "https://rs.ekmcheck.example:65979/api/resource", DIFFERS),
        ("htu-of-port-80", USUAL, "https://rs.ekmcheck.example:80/api/resource", DIFFERS),
        ("htu-of-sub-domain", USUAL, "https://x.rs.ekmcheck.example/api/resource", DIFFERS),
        ("htu-of-parent-domain", USUAL, "https://ekmcheck.example/api/resource", DIFFERS),
        ("htu-of-host-in-path", USUAL, "https://other.example/rs.ekmcheck.example/api/resource", DIFFERS),
        ("htu-of-host-with-nul", USUAL, "https://rs.ekmcheck.example\0.other.example/api/resource", GUARDED),
        ("htu-with-backslash-authority", USUAL, r"https://other.example\@rs.ekmcheck.example/api/resource", GUARDED),
        ("htu-of-other-address", IPV6, "https://[2001:db8::2]:8443/api/resource", DIFFERS),
        ("htu-with-web-socket-scheme", USUAL, "wss://rs.ekmcheck.example/api/resource", DIFFERS),
        ("htu-with-one-slash", USUAL, "https:/rs.ekmcheck.example/api/resource", GUARDED),
        ("htu-of-file", USUAL, "file:///api/resource", DIFFERS),
    ]
    .into_iter()
    .map(|(name, place, value, entry)| {
        let plan = Plan::refused(Check::Htu, name, &title(place, value)).at(place).step(htu(value)).entry(entry);
        plan.flag("target-comparison").row("LIB-B20").row("LIB-B03")
    })
    .collect()
}

/// The path form, right.
fn same() -> Vec<Plan> {
    let exact = entry_of("rs.htu", "2.3.2.2", Must, Draft);
    let escapes = entry_of("rs.htu", "RFC 3986 6.2.2.2", Should, Inherited);
    let case = entry_of("rs.htu", "RFC 3986 6.2.2.1", Should, Inherited);
    [
        ("htu-of-root", ROOT, "/", exact),
        ("htu-of-path-without-query", at("/api/resource?x=1&y=/2"), "/api/resource", exact),
        ("htu-of-path-with-empty-query", at("/api/resource?"), "/api/resource", exact),
        ("htu-with-trailing-slash-as-path", at("/api/resource/"), "/api/resource/", exact),
        ("htu-with-escape-as-path", at("/api/caf%C3%A9"), "/api/caf%C3%A9", exact),
        ("htu-with-path-parameter-as-path", at("/api/resource;v=1"), "/api/resource;v=1", exact),
        ("htu-with-tilde-escaped", at("/~user/x"), "/%7Euser/x", escapes),
        ("htu-with-tilde", at("/%7Euser/x"), "/~user/x", escapes),
        ("htu-with-hyphen-escaped", at("/a-b/x"), "/a%2Db/x", escapes),
        ("htu-with-escape-in-lower-case", at("/api/caf%C3%A9"), "/api/caf%c3%a9", case),
        ("htu-with-escaped-slash-as-path", at("/api/a%2Fb"), "/api/a%2fb", case),
    ]
    .into_iter()
    .map(|(name, place, value, entry)| {
        let plan = Plan::accepted(name, &title(place, value)).at(place);
        // The right value as such needs no step; see `Step::edit_proof`.
        let plan = if value == place.path { right(plan) } else { maybe(plan, place, value) };
        plan.entry(entry).row("LIB-B20").row("LIB-B03")
    })
    .collect()
}

fn right(mut plan: Plan) -> Plan {
    plan.claims.htu = true;
    plan
}

/// Whoever makes the right proof leaves the query away already.
fn maybe(plan: Plan, place: Place, value: &str) -> Plan {
    let without_query = place.path.split('?').next().unwrap_or_default();
    if without_query == value { right(plan) } else { plan.step(htu(value)) }
}

/// The absolute form, equal by RFC 3986 or nearly so.
fn absolute() -> Vec<Plan> {
    let no = Some(Check::Htu);
    [
        ("htu-absolute-with-port", PORT, "https://rs.ekmcheck.example:8443/api/resource", None),
        ("htu-absolute-of-address", IPV6, "https://[2001:db8::1]:8443/api/resource", None),
        ("htu-absolute-of-address-in-upper-case", IPV6, "https://[2001:DB8::1]:8443/api/resource", None),
        ("htu-absolute-of-address-in-full", IPV6, "https://[2001:db8:0:0:0:0:0:1]:8443/api/resource", no),
        ("htu-absolute-without-path", ROOT, "https://rs.ekmcheck.example", None),
        ("htu-absolute-with-empty-port", USUAL, "https://rs.ekmcheck.example:/api/resource", None),
        ("htu-absolute-with-zero-in-port", PORT, "https://rs.ekmcheck.example:08443/api/resource", no),
        ("htu-absolute-with-host-escaped", USUAL, "https://rs.ekmcheck.ex%61mple/api/resource", no),
        ("htu-absolute-with-dot-after-host", USUAL, "https://rs.ekmcheck.example./api/resource", no),
        ("htu-without-scheme-but-slashes", USUAL, "//rs.ekmcheck.example/api/resource", no),
        ("htu-in-letters-for-escapes", at("/api/caf%C3%A9"), "/api/caf\u{e9}", no),
        ("htu-with-empty-fragment", USUAL, "/api/resource#", no),
        ("htu-with-empty-query", USUAL, "/api/resource?", no),
    ]
    .into_iter()
    .map(|(name, place, value, check)| {
        let plan = Plan::open(check, name, &title(place, value)).at(place).step(htu(value));
        plan.entry(entry_of("rs.htu", "2.3.2.2", May, Draft)).flag("target-comparison").row("LIB-B20").row("LIB-B03")
    })
    .collect()
}

fn methods() -> Vec<Plan> {
    let htm = |value: &str| Step::set(Part::Claims, "htm", serde_json::Value::from(value).to_string());
    let wrong = [
        ("htm-of-get-for-head", "HEAD", "GET"),
        ("htm-of-post-for-get", "GET", "POST"),
        ("htm-of-the-beginning", "GET", "G"),
        ("htm-that-begins-alike", "GET", "GETX"),
        ("htm-with-space", "GET", "GET "),
        ("htm-with-list", "GET", "GET, PUT"),
        ("htm-with-asterisk", "GET", "*"),
        ("htm-in-wide-letters", "GET", "\u{ff27}\u{ff25}\u{ff34}"),
    ];
    let wrong = wrong.into_iter().map(|(name, method, value)| {
        let plan = Plan::refused(Check::Htm, name, &format!("`htm` is {value:?}, the method is {method}."));
        let plan = plan.at(Place { method, ..USUAL }).step(htm(value));
        plan.entry(entry_of("rs.htm", "3.3.2 5i", Must, Draft)).flag("wrong-value").row("LIB-B03")
    });
    let right = [("htm-of-post", "POST"), ("htm-of-delete", "DELETE"), ("htm-of-own-method", "PURGE-all")];
    let right = right.into_iter().map(|(name, method)| {
        let mut plan =
            Plan::accepted(name, &format!("`htm` is {method}, and so is the method.")).at(Place { method, ..USUAL });
        plan.claims.htm = true;
        plan.entry(entry_of("rs.htm", "2.3.2.2", Must, Draft)).row("LIB-B03")
    });
    wrong.chain(right).collect()
}
