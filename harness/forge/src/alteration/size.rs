//! Alterations by size. What a server takes of a request's head differs, so they are changes of the request and no test
//! vectors: a verifier may never see them.

use ekmcheck_binding::{algorithm::Algorithm, base64url, refusal::Check};

use super::{
    Alteration,
    Edit::{Request, Token},
    Leads, row,
};
use crate::recipe::{RequestRecipe, Setting, TokenRecipe};

const FIELD: &str = "request.fields.Session-Binding-Proof";
const TOKEN: &str = "token.claims.note";
const MALFORMED: Leads = Leads::Refused(Check::Format);
const OPEN: Leads = Leads::Open(None);

/// Most of what a head may have in the harness's own servers, 64 KiB, with room for the rest of the request.
const LONG: usize = 60_000;

pub(super) const TABLE: &[Alteration] = &[
    row(
        "field-of-dots",
        FIELD,
        MALFORMED,
        Request(|r, _| r.set_field(RequestRecipe::PROOF_FIELD, vec![vec![b'.'; LONG]])),
    ),
    row("field-with-long-header", FIELD, MALFORMED, Request(|r, s| padded(r, s, 0, &note(LONG)))),
    row("field-with-long-payload", FIELD, MALFORMED, Request(|r, s| padded(r, s, 1, &note(LONG)))),
    row(
        "field-with-many-claims",
        FIELD,
        Leads::Open(Some(Check::Format)),
        Request(|r, s| {
            // Some 30,000 octets of proof.
            let members: Vec<String> = (0..2_000).map(|n| format!("\"c{n}\":{n}")).collect();
            padded(r, s, 1, &members.join(","));
        }),
    ),
    row("token-of-4-kb", TOKEN, OPEN, Token(|t, _| of_kb(t, 4))),
    row("token-of-8-kb", TOKEN, OPEN, Token(|t, _| of_kb(t, 8))),
    row("token-of-12-kb", TOKEN, OPEN, Token(|t, _| of_kb(t, 12))),
    row("token-of-16-kb", TOKEN, OPEN, Token(|t, _| of_kb(t, 16))),
];

/// A member that makes a segment of about so many octets.
fn note(octets: usize) -> String {
    format!("\"note\":\"{}\"", "x".repeat(octets * 3 / 4))
}

/// Adds members to a segment of the proof, and signs it anew.
fn padded(request: &mut RequestRecipe, setting: &Setting<'_>, segment: usize, members: &str) {
    let proof = request.field(RequestRecipe::PROOF_FIELD);
    let longer = || {
        let mut parts: Vec<String> = std::str::from_utf8(&proof).ok()?.split('.').map(str::to_owned).collect();
        let text = String::from_utf8(base64url::decode(parts.get(segment)?).ok()?).ok()?;
        let text = format!("{},{members}}}", text.strip_suffix('}')?);
        *parts.get_mut(segment)? = base64url::encode(text.as_bytes());
        let input = format!("{}.{}", parts.first()?, parts.get(1)?);
        let key = &setting.client.key;
        let raw = key.sign(Algorithm::usual_for(key.kind()), input.as_bytes(), setting.signing).ok()?;
        Some(format!("{input}.{}", base64url::encode(&raw)))
    };
    if let Some(longer) = longer() {
        request.set_field(RequestRecipe::PROOF_FIELD, vec![longer.into_bytes()]);
    }
}

/// All of the token but the note has some 700 octets.
fn of_kb(token: &mut TokenRecipe, kb: usize) {
    token.claims.set("note", "x".repeat((kb * 1024 - 700) * 3 / 4));
}
