//! Alterations of how members are named, nested, repeated and written. The proof is signed after the change.

use ekmcheck_binding::{base64url, digest::sha256, refusal::Check};
use serde_json::json;

use super::{Alteration, Edit::Proof, Leads, row};
use crate::recipe::ProofRecipe;

const ATH: &str = "proof.claims.ath";
const EKM: &str = "proof.claims.ekm";
const IAT: &str = "proof.claims.iat";
const PAYLOAD: &str = "proof.payload";
const BAD_IAT: Leads = Leads::Refused(Check::Iat);
const MALFORMED: Leads = Leads::Refused(Check::Format);

pub(super) const TABLE: &[Alteration] = &[
    row("ath-in-upper-case", ATH, Leads::Refused(Check::Ath), Proof(|p, _, _| p.claims.rename("ath", "ATH"))),
    row("ekm-capitalised", EKM, Leads::Refused(Check::Ekm), Proof(|p, _, _| p.claims.rename("ekm", "Ekm"))),
    row("ath-nested", ATH, Leads::Refused(Check::Ath), Proof(|p, _, _| nested(p, "ath"))),
    row("ekm-nested", EKM, Leads::Refused(Check::Ekm), Proof(|p, _, _| nested(p, "ekm"))),
    row(
        "ath-twice-wrong-first",
        ATH,
        MALFORMED,
        Proof(|p, _, t| p.claims.prepend_raw("\"ath\"", &quoted(&sha256(format!("{t}x").as_bytes())))),
    ),
    row(
        "ath-twice-wrong-last",
        ATH,
        MALFORMED,
        Proof(|p, _, t| p.claims.append_raw("\"ath\"", &quoted(&sha256(format!("{t}x").as_bytes())))),
    ),
    row("ekm-twice-wrong-first", EKM, MALFORMED, Proof(|p, _, _| p.claims.prepend_raw("\"ekm\"", &quoted(&[0; 32])))),
    row("ekm-twice-wrong-last", EKM, MALFORMED, Proof(|p, _, _| p.claims.append_raw("\"ekm\"", &quoted(&[0; 32])))),
    row(
        "iat-twice-wrong-last",
        IAT,
        MALFORMED,
        Proof(|p, s, _| p.claims.append_raw("\"iat\"", &(s.now - 7200).to_string())),
    ),
    row("iat-exponent-999999", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set_raw("iat", "1e999999"))),
    // 6,000 digits make some 8,300 octets of proof; more would not reach the reader of many a server.
    row("iat-6000-digits", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set_raw("iat", &"7".repeat(6_000)))),
    row(
        "payload-with-lone-surrogate",
        PAYLOAD,
        Leads::Open(Some(Check::Format)),
        Proof(|p, _, _| p.claims.set_raw("x", "\"\\ud800\"")),
    ),
    row("payload-with-nul", PAYLOAD, Leads::Open(None), Proof(|p, _, _| p.claims.set_raw("x", "\"a\\u0000b\""))),
    // 0xc1 0xa1 is the letter a in more octets than it needs, which UTF-8 forbids.
    row(
        "payload-with-overlong-utf-8",
        PAYLOAD,
        Leads::Open(Some(Check::Format)),
        Proof(|p, _, _| {
            let text = p.claims.text();
            let open = text.trim_end_matches('}').as_bytes();
            p.claims.set_octets([open, b",\"x\":\"\xc1\xa1\"}"].concat());
        }),
    ),
    row(
        "claims-named-like-properties",
        "proof.claims",
        Leads::Accepted,
        Proof(|p, _, _| {
            p.claims.set("__proto__", json!({"ekm": "x", "active": true}));
            p.claims.set("constructor", json!({"prototype": {"ath": "x"}}));
            p.claims.set("toString", 1);
        }),
    ),
];

fn quoted(octets: &[u8]) -> String {
    format!("\"{}\"", base64url::encode(octets))
}

/// Moves a claim into an object.
fn nested(proof: &mut ProofRecipe, name: &str) {
    if let Some(value) = proof.claims.member(name) {
        proof.claims.remove(name);
        proof.claims.set("proof", json!({name: value}));
    }
}
