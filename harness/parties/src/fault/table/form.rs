//! Faults about the proof field, the spelling of a proof, and the form of answers.

use ekmcheck_binding::{
    base64url,
    json::Value,
    refusal::{Check, ErrorCode, WireAnswer},
};

use super::fault;
use crate::fault::{Bend, Fault, lenient};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "first-field-wins",
        "takes the first of two proof fields",
        &[Bend::Finds(|f| f.first().copied())],
        &["rs.field.twice", "rs.field.twice-garbage-last"],
    ),
    fault(
        "last-field-wins",
        "takes the last of two proof fields",
        &[Bend::Finds(|f| f.last().copied())],
        &["rs.field.twice", "rs.field.twice-garbage-first"],
    ),
    fault(
        "list-of-proofs",
        "takes the first proof of a list",
        &[Bend::Reads(lenient::first_of_list)],
        &["rs.field.joined-by-comma"],
    ),
    fault("quotes-stripped", "strips quotes from the proof", &[Bend::Reads(lenient::quotes)], &["rs.field.quoted"]),
    fault(
        "scheme-skipped",
        "skips a scheme before the proof",
        &[Bend::Reads(lenient::behind_scheme)],
        &["rs.field.with-scheme"],
    ),
    fault(
        "scheme-case-sensitive",
        "knows only Bearer with a capital B",
        &[Bend::CaseSensitiveScheme],
        &["rs.field.scheme-in-lower-case", "rs.field.scheme-in-upper-case"],
    ),
    fault(
        "malformed-passes",
        "lets a proof pass that it cannot read",
        &[Bend::Swallows(Check::Format)],
        &[
            "rs.form.segments-one",
            "rs.form.segment-header-empty",
            "rs.form.segment-payload-empty",
            "rs.form.nested-deeply",
            "rs.form.encrypted",
            "rs.limits.dots",
        ],
    ),
    fault(
        "any-length",
        "reads proofs of any length",
        &[Bend::Reads(lenient::any_length)],
        &["rs.limits.long-header", "rs.limits.long-payload"],
    ),
    fault(
        "unencoded-payload",
        "knows b64 and takes payloads as they are",
        &[
            Bend::Reads(lenient::unencoded),
            Bend::Also(&[Check::Crit], |s| {
                s.proof.is_some_and(|p| p.header.member("b64") == Some(&Value::Bool(false)))
            }),
        ],
        &["rs.form.unencoded-payload"],
    ),
    fault("inflates", "inflates payloads", &[Bend::Reads(lenient::inflated)], &["rs.form.deflated"]),
    fault(
        "extra-segments-ignored",
        "takes the first three segments",
        &[Bend::Reads(lenient::first_three)],
        &["rs.form.segments-four", "rs.form.segments-five"],
    ),
    fault(
        "two-segments-unsigned",
        "takes two segments for an unsigned proof and accepts it",
        &[
            Bend::Reads(lenient::two_segments),
            Bend::Also(&[Check::Signature], |s| s.proof.is_some_and(|p| p.signature.is_empty())),
        ],
        &["rs.form.segments-two"],
    ),
    fault(
        "json-serialisation",
        "reads the JSON serialisations",
        &[Bend::Reads(lenient::json_serialisation)],
        &["rs.form.json-flattened", "rs.form.json-general"],
    ),
    fault(
        "percent-decoded",
        "decodes percent-encoding in the proof",
        &[Bend::Reads(lenient::percent)],
        &["rs.form.percent-encoded"],
    ),
    fault(
        "padding-accepted",
        "decodes padded base64url",
        &[Bend::Reads(lenient::lax_base64)],
        &["rs.form.padding-in-header", "rs.form.padding-in-payload", "rs.form.padding-in-signature"],
    ),
    fault(
        "standard-alphabet",
        "decodes the standard alphabet",
        &[Bend::Reads(lenient::standard_alphabet)],
        &["rs.form.standard-alphabet"],
    ),
    fault(
        "white-space-skipped",
        "skips white space in segments",
        &[Bend::Reads(lenient::skips_white_space)],
        &["rs.form.space-inside", "rs.form.tab-inside"],
    ),
    fault(
        "foreign-characters-dropped",
        "drops foreign characters",
        &[Bend::Reads(lenient::cleans)],
        &["rs.form.foreign-character"],
    ),
    fault(
        "utf-8-lossy",
        "replaces invalid UTF-8",
        &[Bend::Reads(lenient::lossy_utf8)],
        &["rs.form.utf-8-invalid-in-header", "rs.form.utf-8-invalid-in-payload"],
    ),
    fault(
        "any-encoding",
        "detects UTF-16 and byte order marks",
        &[Bend::Reads(lenient::any_encoding)],
        &["rs.form.utf-16", "rs.form.byte-order-mark"],
    ),
    fault(
        "first-json-value",
        "stops reading behind the JSON object",
        &[Bend::Reads(lenient::first_value)],
        &["rs.form.trailing-character", "rs.form.second-object"],
    ),
    fault(
        "relaxed-json",
        "reads JSON with comments and more",
        &[Bend::Reads(lenient::relaxed_json)],
        &["rs.form.comment", "rs.form.trailing-comma", "rs.form.single-quotes", "rs.form.nan", "rs.form.infinity"],
    ),
    fault("any-depth", "reads JSON of any depth", &[Bend::Reads(lenient::any_depth)], &["rs.form.nested-deeply"]),
    fault(
        "arrays-unwrapped",
        "takes the payload out of an array",
        &[Bend::Reads(lenient::unwraps_arrays)],
        &["rs.form.payload-array"],
    ),
    fault(
        "last-duplicate-wins",
        "takes the last of two members",
        &[Bend::Reads(lenient::last_duplicate)],
        &[
            "rs.typ.twice-wrong-first",
            "rs.iat.twice",
            "rs.token-hash.twice-wrong-first",
            "rs.exporter.twice-wrong-first",
        ],
    ),
    fault(
        "first-duplicate-wins",
        "takes the first of two members",
        &[Bend::Reads(lenient::first_duplicate)],
        &[
            "rs.typ.twice-wrong-last",
            "rs.iat.twice-wrong-last",
            "rs.token-hash.twice-wrong-last",
            "rs.exporter.twice-wrong-last",
        ],
    ),
    fault(
        "unknown-header-refused",
        "refuses unknown header parameters",
        &[Bend::Not(Check::Crit, |s| s.proof.is_some_and(|p| p.header.members().len() > 3))],
        &["rs.accept.unknown-header-parameters", "rs.accept.hostile-kid"],
    ),
    fault(
        "unknown-claims-refused",
        "refuses unknown claims",
        &[Bend::Not(Check::Crit, |s| {
            const KNOWN: [&str; 6] = ["ath", "ekm", "iat", "jti", "htm", "htu"];
            s.proof.is_some_and(|p| p.claims.members().iter().any(|(n, _)| !KNOWN.contains(&n.as_str())))
        })],
        &["rs.accept.unknown-claims", "rs.accept.nbf-and-exp", "rs.accept.claims-named-like-properties"],
    ),
    fault(
        "escapes-refused",
        "compares claim names before unescaping them",
        &[Bend::Not(Check::Crit, |s| {
            let payload = s.proof.and_then(|p| p.signing_input.split('.').nth(1)).unwrap_or_default();
            base64url::decode(payload).is_ok_and(|octets| String::from_utf8_lossy(&octets).contains("\\u"))
        })],
        &["rs.accept.escaped-claim-name"],
    ),
    fault(
        "answers-403",
        "refuses with 403",
        &[Bend::Answers(|_, a| WireAnswer { status: 403, ..a })],
        &["rs.answer.invalid-proof", "rs.answer.use-session-binding"],
    ),
    fault(
        "answers-400-to-malformed",
        "answers a malformed proof with 400",
        &[Bend::Answers(|check, a| if check == Check::Format { WireAnswer { status: 400, ..a } } else { a })],
        &["rs.answer.malformed-segments", "rs.answer.malformed-json", "rs.answer.malformed-utf-8"],
    ),
    fault(
        "answers-500-to-malformed",
        "breaks on a malformed proof",
        &[Bend::Answers(|check, a| if check == Check::Format { WireAnswer { status: 500, ..a } } else { a })],
        &["rs.limits.mutated-proofs"],
    ),
    fault(
        "answers-500-to-odd-types",
        "breaks on a claim of another type",
        &[Bend::Answers(|check, a| if check == Check::Ekm { WireAnswer { status: 500, ..a } } else { a })],
        &["rs.answer.malformed-type"],
    ),
    fault(
        "answers-invalid-token",
        "answers a wrong proof with invalid_token",
        &[Bend::Answers(|_, a| match a.error {
            Some(ErrorCode::InvalidProof) => WireAnswer { error: Some(ErrorCode::InvalidToken), ..a },
            _ => a,
        })],
        &["rs.answer.invalid-proof"],
    ),
    fault(
        "answers-invalid-proof-to-none",
        "answers a missing proof with invalid_proof",
        &[Bend::Answers(|_, a| match a.error {
            Some(ErrorCode::UseSessionBinding) => WireAnswer { error: Some(ErrorCode::InvalidProof), ..a },
            _ => a,
        })],
        &["rs.answer.use-session-binding"],
    ),
    fault(
        "no-description",
        "does not explain refusals",
        &[Bend::Answers(|_, a| WireAnswer { description: None, ..a })],
        &["rs.answer.description"],
    ),
    fault("no-challenge", "sends 401 without a challenge", &[Bend::Challenges(|_| None)], &["rs.answer.bearer"]),
    fault(
        "dpop-challenge",
        "challenges with DPoP",
        &[Bend::Challenges(|c| Some(c.replace("Bearer", "DPoP")))],
        &["rs.answer.bearer"],
    ),
    fault(
        "challenge-unreadable",
        "leaves a quoted string open before the Bearer challenge is complete",
        &[Bend::Challenges(|c| Some(format!("{c}, realm=\"open")))],
        &["rs.answer.one-line"],
    ),
    fault(
        "description-in-latin-1",
        "puts other characters into the description",
        &[Bend::Challenges(|c| Some(c.replace("verification", "\u{fc}berpr\u{fc}fung")))],
        &["rs.answer.description-characters"],
    ),
];
