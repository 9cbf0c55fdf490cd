//! `proof_bytes`: the readers against two other readers.

use ekmcheck_binding::{
    confirmation::Confirmation,
    json::{Object, Value as Read},
    proof::Proof,
    refusal::{Check, Refusal},
    target::Target,
};
use serde_json::{Map, Value};

use super::{
    oracle::{self, MAX_LENGTH},
    stage::{AUTHORITY, PATHS},
    strict::{self, Reading},
};

/// Takes the octets for the value of the proof field. They are read if and only if the `base64` crate and serde_json,
/// held to the strict rules, read them too, and then as the same; and whatever was read can be looked at further.
pub fn proof_bytes(octets: &[u8]) {
    proof_bytes_on(&Proof::parse, octets);
}

/// [`proof_bytes`] for another reader: to prove that the property finds what is wrong with it.
pub fn proof_bytes_on(reader: &dyn Fn(&str) -> Result<Proof, Refusal>, octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let segments: Option<Vec<Vec<u8>>> = text.split('.').map(strict::canonical).collect();
    let segments = segments.as_deref().filter(|segments| segments.len() == 3 && text.len() <= MAX_LENGTH);
    match reader(text) {
        Ok(proof) => {
            assert!(segments.is_some(), "BYPASS: not three segments of canonical base64url\n{text}");
            let [header, claims, signature] = segments.unwrap_or_default() else { return };
            let (signing_input, _) = text.rsplit_once('.').unwrap_or_default();
            assert_eq!(proof.signing_input, signing_input, "the signing input is not what came\n{text}");
            assert_eq!(&proof.signature, signature, "the signature is not what came\n{text}");
            assert_agreement(&proof.header, header);
            assert_agreement(&proof.claims, claims);
            look_further(&proof);
        }
        Err(refusal) => {
            assert_eq!(refusal.check(), Check::Format, "BLAME: {refusal}\n{text}");
            let is_object = |octets: &Vec<u8>| matches!(strict::object(octets), Reading::Object(_));
            let right = segments.is_some_and(|segments| segments.iter().take(2).all(is_object));
            assert!(!right, "DOS: {refusal}\n{text}");
        }
    }
}

/// What was read is what serde_json reads.
fn assert_agreement(read: &Object, octets: &[u8]) {
    let agree = match strict::object(octets) {
        Reading::Object(other) => same_members(read, &other),
        Reading::OutOfRange => true,
        Reading::Refused => false,
    };
    assert!(agree, "BYPASS: serde_json reads otherwise\n{}\n{read:?}", String::from_utf8_lossy(octets));
}

fn same_members(read: &Object, other: &Map<String, Value>) -> bool {
    read.members().len() == other.len()
        && read.members().iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
}

fn same(read: &Read, other: &Value) -> bool {
    match (read, other) {
        (Read::Null, Value::Null) => true,
        (Read::Bool(one), Value::Bool(other)) => one == other,
        (Read::String(one), Value::String(other)) => one == other,
        // serde_json rounds less well than the standard library, unless asked to.
        (Read::Number(one), Value::Number(other)) => match (one.to_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= one.abs() * 1e-12 + 1e-300,
            _ => false,
        },
        (Read::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Read::Object(one), Value::Object(other)) => same_members(one, other),
        _ => false,
    }
}

/// Everything that is read from a proof before its signature has been looked at, or could be.
fn look_further(proof: &Proof) {
    for object in [&proof.claims, &proof.header] {
        // Only that they return.
        _ = Confirmation::from_claims(object);
        _ = Confirmation::from_introspection(object);
    }
    let Ok(claims) = proof.request_claims() else { return };
    assert!(claims.iat.is_finite(), "iat is {}", claims.iat);
    for path in PATHS {
        let Some(htu) = &claims.htu else { return };
        let named = Target::https(AUTHORITY, path).is_named_by(htu) == Ok(true);
        assert_eq!(named, oracle::is_target(htu, path), "htu {htu:?} for {path}");
    }
}
