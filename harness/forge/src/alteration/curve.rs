//! Alterations of signatures on elliptic curves: numbers out of range, other numbers for the same signature, and a
//! signature that belongs to another payload.

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
    refusal::Check,
};

use super::{Alteration, Edit::ProofText, Leads, row, row_of};
use crate::{
    keys::{Number, ed25519_plus_order, high_s, with_numbers},
    recipe::Setting,
};

const SIGNATURE: &str = "proof.signature";
const BAD: Leads = Leads::Refused(Check::Signature);

pub(super) const TABLE: &[Alteration] = &[
    row("signature-r-zero", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Zero, Number::Right))),
    row("signature-s-zero", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Right, Number::Zero))),
    row("signature-ones", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::One, Number::One))),
    row(
        "signature-order-less-one",
        SIGNATURE,
        BAD,
        ProofText(|t, s| p256(t, s, Number::OrderLessOne, Number::OrderLessOne)),
    ),
    row("signature-r-order", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Order, Number::Right))),
    row("signature-s-order", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Right, Number::Order))),
    row(
        "signature-order-plus-one",
        SIGNATURE,
        BAD,
        ProofText(|t, s| p256(t, s, Number::OrderPlusOne, Number::OrderPlusOne)),
    ),
    row("signature-r-prime", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Prime, Number::Right))),
    row("signature-r-prime-plus-one", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::PrimePlusOne, Number::One))),
    row("signature-r-plus-order", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::PlusOrder, Number::Right))),
    row("signature-s-plus-order", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Right, Number::PlusOrder))),
    row(
        "signature-r-plus-shifted-order",
        SIGNATURE,
        BAD,
        ProofText(|t, s| p256(t, s, Number::PlusShiftedOrder, Number::Right)),
    ),
    row("signature-r-plus-2-to-256", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::PlusTwoTo256, Number::Right))),
    row("signature-s-plus-2-to-256", SIGNATURE, BAD, ProofText(|t, s| p256(t, s, Number::Right, Number::PlusTwoTo256))),
    row(
        "signature-with-other-s",
        SIGNATURE,
        Leads::Open(None),
        ProofText(|t, s| respelt(t, |raw| high_s(s.client.key.kind(), raw))),
    ),
    row(
        "signature-truncated",
        SIGNATURE,
        BAD,
        ProofText(|t, _| respelt(t, |raw| raw.split_last().map(|(_, rest)| rest.to_vec()))),
    ),
    row_of(
        "ed25519",
        "signature-s-plus-ed25519-order",
        SIGNATURE,
        BAD,
        ProofText(|t, s| {
            respelt(t, |raw| if s.client.key.kind() == KeyKind::Ed25519 { ed25519_plus_order(raw) } else { None })
        }),
    ),
    row_of(
        "p521",
        "signature-with-leading-zeros",
        SIGNATURE,
        Leads::Accepted,
        ProofText(|t, s| p521(t, s, |r, s| r == 0 && s == 0)),
    ),
    // The counterpart: every second number on P-521 has a leading zero octet by chance.
    row_of(
        "p521",
        "signature-without-leading-zeros",
        SIGNATURE,
        Leads::Accepted,
        ProofText(|t, s| p521(t, s, |r, s| r != 0 && s != 0)),
    ),
    Alteration { needs_other: true, ..row("ekm-swapped-in", SIGNATURE, BAD, ProofText(swapped_in)) },
];

/// The proof with another signature; as it was if there is none.
fn respelt(text: &str, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> String {
    let changed = || {
        let (input, signature) = text.rsplit_once('.')?;
        let raw = change(&base64url::decode(signature).ok()?)?;
        Some(format!("{input}.{}", base64url::encode(&raw)))
    };
    changed().unwrap_or_else(|| text.to_owned())
}

fn p256(text: &str, setting: &Setting<'_>, r: Number, s: Number) -> String {
    let is_p256 = setting.client.key.kind() == KeyKind::P256;
    respelt(text, |raw| if is_p256 { Some(with_numbers(raw, r, s)) } else { None })
}

/// Signs until the first octets of `r` and `s` are as wanted, which one signature in four has. White space before the
/// claims makes another message of the same meaning, for signatures that have no chance in them.
fn p521(text: &str, setting: &Setting<'_>, wanted: impl Fn(u8, u8) -> bool) -> String {
    let key = &setting.client.key;
    let signed = |spaces: usize| {
        let (header, rest) = text.split_once('.')?;
        let claims = base64url::decode(rest.split_once('.')?.0).ok()?;
        let input = format!("{header}.{}", base64url::encode(&[vec![b' '; spaces], claims].concat()));
        let raw = key.sign(Algorithm::Es512, input.as_bytes(), setting.signing).ok()?;
        let found = wanted(*raw.first()?, *raw.get(raw.len() / 2)?);
        found.then(|| format!("{input}.{}", base64url::encode(&raw)))
    };
    // All of a hundred fail once in 10^12 times.
    let mut tries = (1..=100).filter(|_| key.kind() == KeyKind::P521);
    tries.find_map(signed).unwrap_or_else(|| text.to_owned())
}

/// The signature of the proof for another connection, under a payload in which `ekm` was replaced by the right value.
fn swapped_in(text: &str, setting: &Setting<'_>) -> String {
    let swapped = || {
        let (input, _) = text.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let [here, there] = [setting.exporters, setting.other?].map(|e| base64url::encode(e.right()));
        let claims = String::from_utf8(base64url::decode(claims).ok()?).ok()?.replace(&here, &there);
        let captured = format!("{header}.{}", base64url::encode(claims.as_bytes()));
        let key = &setting.client.key;
        let raw = key.sign(Algorithm::usual_for(key.kind()), captured.as_bytes(), setting.signing).ok()?;
        Some(format!("{input}.{}", base64url::encode(&raw)))
    };
    swapped().unwrap_or_else(|| text.to_owned())
}
