//! A second strict reader for the oracle: the `base64` crate and serde_json, with what they let through refused here.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ekmcheck_binding::json::{self, Value as Read};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// As deep as a reader of proofs goes.
const MAX_DEPTH: usize = 64;

/// Decodes every spelling; strict is only the comparison after it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encodes without padding.
pub(super) fn encode(octets: &[u8]) -> String {
    LENIENT.encode(octets)
}

/// The octets of a segment, if encoding them gives that very segment.
pub(super) fn canonical(segment: &str) -> Option<Vec<u8>> {
    LENIENT.decode(segment).ok().filter(|octets| encode(octets) == segment)
}

/// Whatever octets there may be in a segment; only for people to read.
pub(super) fn lenient(segment: &str) -> Vec<u8> {
    LENIENT.decode(segment).unwrap_or_else(|_| b"not base64url".to_vec())
}

/// What serde_json says of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// An object without duplicate names.
    Object(Map<String, Value>),
    /// Not JSON, not an object, or with a duplicate name.
    Refused,
    /// Perhaps an object, but with a number that no double holds. serde_json refuses it, RFC 8259 does not.
    OutOfRange,
}

/// Reads a text that should be an object.
pub(super) fn object(octets: &[u8]) -> Reading {
    match serde_json::from_slice(octets) {
        Ok(NoDuplicates(Value::Object(object))) if depth_of(object.values()) < MAX_DEPTH => Reading::Object(object),
        Err(error) if error.to_string().starts_with("number out of range") => Reading::OutOfRange,
        _ => Reading::Refused,
    }
}

/// As [`object`], with numbers beyond a double brought down to their first hundred digits, and an exponent to 200: still
/// far beyond any time.
pub(super) fn object_of_any_range(octets: &[u8]) -> Reading {
    match object(octets) {
        Reading::OutOfRange => object(&in_range(octets)),
        other => other,
    }
}

/// Replaces the digits of exponents that lead out of range, and drops digits beyond the first hundred. What is no JSON
/// stays none: the digits alone change.
fn in_range(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let (mut at, mut in_string) = (0, false);
    while let Some(&octet) = octets.get(at) {
        let rest = octets.get(at..).unwrap_or_default();
        let taken = match octet {
            b'\\' if in_string => 2.min(rest.len()),
            b'-' | b'0'..=b'9' if !in_string => {
                rest.iter().take_while(|c| c.is_ascii_digit() || b"+-.eE".contains(c)).count()
            }
            _ => 1,
        };
        in_string ^= octet == b'"';
        let (token, _) = rest.split_at(taken);
        let text = String::from_utf8_lossy(token);
        if text.parse().is_ok_and(f64::is_infinite) {
            let (digits, exponent) = text.split_once(['e', 'E']).map_or((&*text, ""), |(digits, _)| (digits, "e200"));
            let whole = digits.find('.').unwrap_or(digits.len());
            out.extend(digits.bytes().take(whole.min(100)).chain(digits.bytes().skip(whole)).chain(exponent.bytes()));
        } else {
            out.extend(token);
        }
        at += taken;
    }
    out
}

/// How many levels of arrays and objects the deepest of these values lies in.
fn depth_of<'a>(values: impl Iterator<Item = &'a Value>) -> usize {
    values.map(depth).max().unwrap_or(0)
}

fn depth(value: &Value) -> usize {
    // An empty one holds nothing that lies deeper than itself.
    match value {
        Value::Array(elements) if !elements.is_empty() => 1 + depth_of(elements.iter()),
        Value::Object(members) if !members.is_empty() => 1 + depth_of(members.values()),
        _ => 0,
    }
}

/// The members of an object in their order, with those that come twice. Only for readers that are wrong on purpose.
pub(super) fn members(octets: &[u8]) -> Option<Vec<(String, Read)>> {
    let Members(members) = serde_json::from_slice(octets).ok()?;
    members.into_iter().map(|(name, value)| json::parse(value.to_string().as_bytes()).ok().map(|v| (name, v))).collect()
}

struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// A value in which no object has a name twice. serde_json itself keeps the last one without a word.
struct NoDuplicates(Value);

impl<'de> Deserialize<'de> for NoDuplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build).map(Self)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(NoDuplicates(element)) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, NoDuplicates(value))) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_its_libraries_let_through() {
        assert_eq!(canonical("QQ").unwrap(), b"A");
        for text in ["QR", "QQ==", "QQ=", "Q", "Q Q", "+/+/"] {
            assert_eq!(canonical(text), None, "{text}");
        }
        for text in ["[]", "{", r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#, r#"{"a":01}"#, "\u{feff}{}"] {
            assert_eq!(object(text.as_bytes()), Reading::Refused, "{text}");
        }
        let nested = |n| format!(r#"{{"a":{}1{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(matches!(object(nested(63).as_bytes()), Reading::Object(_)));
        assert_eq!(object(nested(64).as_bytes()), Reading::Refused);
    }

    #[test]
    fn numbers_beyond_a_double_are_brought_down() {
        let text = r#"{"e\"1e999":-2e400,"b":[1e308]}"#;
        assert_eq!(object(text.as_bytes()), Reading::OutOfRange);
        let Reading::Object(object) = object_of_any_range(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(object["e\"1e999"].as_f64(), Some(-2e200));
        assert_eq!(object["b"][0].as_f64(), Some(1e308));
        let long = format!(r#"{{"a":-{},"b":{}.5e9}}"#, "7".repeat(400), "7".repeat(400));
        assert_eq!(super::object(long.as_bytes()), Reading::OutOfRange);
        let Reading::Object(object) = object_of_any_range(long.as_bytes()) else { panic!("{long}") };
        assert!(object["a"].as_f64().unwrap() < -1e90 && object["b"].as_f64().unwrap() > 1e200);
        for text in [r#"{"a":01e999}"#.to_owned(), format!(r#"{{"a":0{}}}"#, "7".repeat(400))] {
            assert_eq!(object_of_any_range(text.as_bytes()), Reading::Refused);
        }
    }
}
