//! What goes on the wire for a refusal, against section 3.5 and RFC 6750 by value. Part of every property with a guard.

use ekmcheck_binding::{
    guard::Guard,
    refusal::{Check, Refusal},
    steps::Steps,
};

/// The longest field value: what a subject says of a proof may not grow with the proof.
const LONGEST: usize = 300;

/// The answer to this refusal has the status and the error of its check, and is one line of plain characters.
pub(super) fn hold_to<S: Steps>(guard: &Guard<S>, refusal: &Refusal) {
    let (status, error) = match refusal.check().name() {
        "credentials" => (401, None),
        "authorization" => (400, Some("invalid_request")),
        "token" | "confirmation" | "certificate" => (401, Some("invalid_token")),
        "presence" => (401, Some("use_session_binding")),
        _ => (401, Some("invalid_proof")),
    };
    let answer = guard.answer(refusal);
    let found = (answer.status, answer.error.map(|error| error.name()));
    assert!(found == (status, error), "ANSWER: {found:?} instead of {:?} to {refusal}", (status, error));
    let challenge = answer.challenge();
    let begins = match error {
        None => challenge == "Bearer",
        Some(error) => challenge.starts_with(&format!("Bearer error=\"{error}\", error_description=\"")),
    };
    let plain = challenge.bytes().all(|octet| (b' '..=b'~').contains(&octet) && octet != b'\\');
    let quotes = challenge.bytes().filter(|octet| *octet == b'"').count();
    let quoted = quotes == if error.is_some() { 4 } else { 0 };
    assert!(begins && plain && quoted && challenge.len() <= LONGEST, "ANSWER: {challenge:?} to {refusal}");
    assert!(Check::from_name(refusal.check().name()) == Some(refusal.check()), "ANSWER: {refusal}");
}
