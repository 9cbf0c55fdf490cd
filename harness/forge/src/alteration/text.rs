//! Alterations of the proof's spelling: segments, base64url, JSON. Where a sloppy reader would still find the right
//! claims, the signature is over the odd text, so that only a strict reader refuses.

use ekmcheck_binding::{base64url, refusal::Check};
use serde_json::json;

use super::{
    Alteration,
    Edit::{Proof, ProofText},
    Leads, row,
};
use crate::{
    document::Document,
    keys::der_signature,
    recipe::{ProofRecipe, Spelling},
};

const SIGNATURE: &str = "proof.signature";
const SEGMENTS: &str = "proof.segments";
const HEADER: &str = "proof.header";
const PAYLOAD: &str = "proof.payload";
const MALFORMED: Leads = Leads::Refused(Check::Format);
const BAD_SIGNATURE: Leads = Leads::Refused(Check::Signature);

pub(super) const TABLE: &[Alteration] = &[
    row("signature-altered", SIGNATURE, BAD_SIGNATURE, ProofText(|t, _| with_first_signature_character_changed(t))),
    row(
        "signature-der",
        SIGNATURE,
        BAD_SIGNATURE,
        ProofText(|t, _| {
            let (input, signature) = t.rsplit_once('.').unwrap_or((t, ""));
            let raw = base64url::decode(signature).unwrap_or_default();
            format!("{input}.{}", base64url::encode(&der_signature(&raw)))
        }),
    ),
    row(
        "signature-too-long",
        SIGNATURE,
        BAD_SIGNATURE,
        ProofText(|t, _| {
            let (input, signature) = t.rsplit_once('.').unwrap_or((t, ""));
            let raw = base64url::decode(signature).unwrap_or_default();
            format!("{input}.{}", base64url::encode(&[&raw[..], &[0]].concat()))
        }),
    ),
    row(
        "payload-altered",
        PAYLOAD,
        BAD_SIGNATURE,
        ProofText(|t, _| {
            let mut parts: Vec<String> = t.split('.').map(str::to_owned).collect();
            if let Some(payload) = parts.get_mut(1) {
                let text = base64url::decode(payload).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).replacen('{', "{\"x\":1,", 1);
                *payload = base64url::encode(text.as_bytes());
            }
            parts.join(".")
        }),
    ),
    row(
        "header-serialised-anew",
        HEADER,
        BAD_SIGNATURE,
        ProofText(|t, _| {
            let (header, rest) = t.split_once('.').unwrap_or((t, ""));
            let text = base64url::decode(header).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).replacen('{', "{ ", 1);
            format!("{}.{rest}", base64url::encode(text.as_bytes()))
        }),
    ),
    row("segments-one", SEGMENTS, MALFORMED, ProofText(|t, _| t.split('.').next().unwrap_or_default().to_owned())),
    row(
        "segments-two",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| t.rsplit_once('.').map_or_else(String::new, |(two, _)| two.to_owned())),
    ),
    row("segments-four", SEGMENTS, MALFORMED, ProofText(|t, _| format!("{t}.QQ"))),
    row("segments-five", SEGMENTS, MALFORMED, ProofText(|t, _| format!("{t}.QQ.QQ"))),
    row(
        "segment-header-empty",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| format!(".{}", t.split_once('.').map_or("", |(_, rest)| rest))),
    ),
    row(
        "segment-payload-empty",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| {
            let mut parts: Vec<&str> = t.split('.').collect();
            if let Some(payload) = parts.get_mut(1) {
                *payload = "";
            }
            parts.join(".")
        }),
    ),
    row(
        "json-flattened",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| {
            let parts: Vec<&str> = t.split('.').collect();
            json!({"protected": parts.first(), "payload": parts.get(1), "signature": parts.get(2)}).to_string()
        }),
    ),
    row(
        "json-general",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| {
            let parts: Vec<&str> = t.split('.').collect();
            let signature = json!({"protected": parts.first(), "signature": parts.get(2)});
            json!({"payload": parts.get(1), "signatures": [signature]}).to_string()
        }),
    ),
    row("percent-encoded", SEGMENTS, MALFORMED, ProofText(|t, _| t.replace('.', "%2E"))),
    row(
        "padding-in-header",
        SEGMENTS,
        MALFORMED,
        Proof(|p, _, _| {
            pad(&mut p.header);
            p.header_spelling = Spelling::Padded;
        }),
    ),
    row(
        "padding-in-payload",
        SEGMENTS,
        MALFORMED,
        Proof(|p, _, _| {
            pad(&mut p.claims);
            p.claims_spelling = Spelling::Padded;
        }),
    ),
    row("padding-in-signature", SEGMENTS, MALFORMED, ProofText(|t, _| format!("{t}=="))),
    row(
        "standard-alphabet-in-payload",
        SEGMENTS,
        MALFORMED,
        Proof(|p, _, _| {
            // A value whose base64 has both characters that differ, wherever in a group of three octets it starts.
            p.claims.set("note", "\u{7f}>?>?>~~~???>>>");
            p.claims_spelling = Spelling::StandardAlphabet;
        }),
    ),
    row("space-in-payload", SEGMENTS, MALFORMED, Proof(|p, _, _| p.claims_spelling = Spelling::WithSpace)),
    row("tab-in-payload", SEGMENTS, MALFORMED, Proof(|p, _, _| p.claims_spelling = Spelling::WithTab)),
    row(
        "foreign-character-in-payload",
        SEGMENTS,
        MALFORMED,
        ProofText(|t, _| {
            let (header, rest) = t.split_once('.').unwrap_or((t, ""));
            let (start, end) = rest.split_at(8.min(rest.len()));
            format!("{header}.{start}?{end}")
        }),
    ),
    row(
        "unused-bits-in-header",
        SEGMENTS,
        Leads::Open(Some(Check::Format)),
        Proof(|p, _, _| {
            pad(&mut p.header);
            p.header_spelling = Spelling::UnusedBits;
        }),
    ),
    row(
        "unused-bits-in-payload",
        SEGMENTS,
        Leads::Open(Some(Check::Format)),
        Proof(|p, _, _| {
            pad(&mut p.claims);
            p.claims_spelling = Spelling::UnusedBits;
        }),
    ),
    row(
        "unused-bits-in-signature",
        SEGMENTS,
        Leads::Open(Some(Check::Format)),
        ProofText(|t, _| super::claims::other_spelling(t)),
    ),
    row("utf-8-invalid-in-header", HEADER, MALFORMED, Proof(|p, _, _| invalid_utf_8(&mut p.header))),
    row("utf-8-invalid-in-payload", PAYLOAD, MALFORMED, Proof(|p, _, _| invalid_utf_8(&mut p.claims))),
    row(
        "utf-16-payload",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            let octets: Vec<u8> = p.claims.text().encode_utf16().flat_map(u16::to_le_bytes).collect();
            p.claims.set_octets(octets);
        }),
    ),
    row("byte-order-mark-in-payload", PAYLOAD, MALFORMED, Proof(|p, _, _| around(p, "\u{feff}", ""))),
    row("payload-with-trailing-character", PAYLOAD, MALFORMED, Proof(|p, _, _| around(p, "", "x"))),
    row("payload-with-second-object", PAYLOAD, MALFORMED, Proof(|p, _, _| around(p, "", "{}"))),
    row("payload-array", PAYLOAD, MALFORMED, Proof(|p, _, _| around(p, "[", "]"))),
    row("payload-with-comment", PAYLOAD, MALFORMED, Proof(|p, _, _| around(p, "/* proof */", ""))),
    row(
        "payload-with-trailing-comma",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            let text = p.claims.text();
            p.claims.set_octets(format!("{},}}", text.trim_end_matches('}')));
        }),
    ),
    row(
        "payload-in-single-quotes",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            let text = p.claims.text().replace('"', "'");
            p.claims.set_octets(text);
        }),
    ),
    row("payload-with-nan", PAYLOAD, MALFORMED, Proof(|p, _, _| p.claims.set_raw("n", "NaN"))),
    row("payload-with-infinity", PAYLOAD, MALFORMED, Proof(|p, _, _| p.claims.set_raw("n", "-Infinity"))),
    row(
        "payload-nested-deeply",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            // 2,500 levels make some 6,700 octets of proof, which fits the field size limit of every common server.
            p.claims.set_raw("n", &format!("{}{}", "[".repeat(2_500), "]".repeat(2_500)));
        }),
    ),
    row(
        "payload-member-twice",
        PAYLOAD,
        MALFORMED,
        Proof(|p, s, _| {
            p.claims.prepend_raw("\"iat\"", &(s.now - 7200).to_string());
        }),
    ),
    row(
        "payload-name-escaped",
        PAYLOAD,
        Leads::Accepted,
        Proof(|p, _, _| {
            p.claims.rename_raw("ath", "\"\\u0061th\"");
        }),
    ),
    // Wherever it is changed, the signature is not over that any more. With the number 0 the signature itself is changed.
    row("proof-mutated", SIGNATURE, BAD_SIGNATURE, ProofText(|t, s| mutated(t, s.unique))),
];

pub(super) fn with_first_signature_character_changed(jws: &str) -> String {
    let (input, signature) = jws.rsplit_once('.').unwrap_or((jws, ""));
    // The first character: the last one may carry bits that do not count.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{input}.{first}{}", signature.get(1..).unwrap_or_default())
}

/// One character replaced by another of the alphabet; which, and by which, depends on the number alone. The last one of
/// a segment is left: it may carry bits that do not count.
fn mutated(jws: &str, number: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut octets = jws.as_bytes().to_vec();
    let is_last = |at: usize| octets.get(at + 1).is_none_or(|next| *next == b'.');
    let places: Vec<usize> = (0..octets.len()).rev().filter(|at| octets[*at] != b'.' && !is_last(*at)).collect();
    // Numbers that follow each other are to go to distant places (Fibonacci hashing).
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let [place, step] = [spread >> 40, (spread >> 8) % 63].map(|n| usize::try_from(n).unwrap_or_default());
    let at = places.get(place % places.len().max(1));
    if let Some(octet) = at.and_then(|at| octets.get_mut(*at))
        && let Some(value) = ALPHABET.iter().position(|c| c == octet)
        && let Some(other) = ALPHABET.get((value + 1 + step) % 64)
    {
        *octet = *other;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Adds a member so that the length leaves room for padding and for unused bits.
fn pad(document: &mut Document) {
    let spaces = match document.octets().len() % 3 {
        1 => 0,
        2 => 2,
        _ => 1,
    };
    let text = document.text();
    document.set_octets(format!("{}{text}", " ".repeat(spaces)));
}

fn invalid_utf_8(document: &mut Document) {
    let mut octets = document.text().into_bytes();
    octets.pop();
    octets.extend_from_slice(b",\"x\":\"\xff\xfe\"}");
    document.set_octets(octets);
}

fn around(proof: &mut ProofRecipe, before: &str, after: &str) {
    let text = proof.claims.text();
    proof.claims.set_octets(format!("{before}{text}{after}"));
}
