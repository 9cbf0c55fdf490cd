//! Sloppy readers, each sloppy in one way.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD_NO_PAD},
};
use ekmcheck_binding::{
    base64url,
    json::{Number, Object, Value},
    proof::Proof,
};
use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};

/// Decodes base64url with whatever is left over at the end.
const LAX: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Ignores padding and unused bits; the signature is over what was received.
pub(super) fn lax_base64(text: &str) -> Option<Proof> {
    proof(text, |segment| LAX.decode(segment).ok(), strict)
}

/// Takes the standard alphabet too.
pub(super) fn standard_alphabet(text: &str) -> Option<Proof> {
    proof(text, |s| STANDARD_NO_PAD.decode(s.replace('-', "+").replace('_', "/")).ok(), strict)
}

/// Skips white space inside segments; the signature is over what was received.
pub(super) fn skips_white_space(text: &str) -> Option<Proof> {
    proof(text, |s| base64url::decode(&s.replace([' ', '\t'], "")).ok(), strict)
}

/// Throws away what is not in the alphabet before anything else.
pub(super) fn cleans(text: &str) -> Option<Proof> {
    let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    Proof::parse(&kept).ok()
}

/// Takes the first three segments.
pub(super) fn first_three(text: &str) -> Option<Proof> {
    Proof::parse(&text.splitn(4, '.').take(3).collect::<Vec<_>>().join(".")).ok()
}

/// Takes two segments for an unsecured JWS.
pub(super) fn two_segments(text: &str) -> Option<Proof> {
    if text.matches('.').count() == 1 { Proof::parse(&format!("{text}.")).ok() } else { None }
}

/// Reads the JSON serialisations.
pub(super) fn json_serialisation(text: &str) -> Option<Proof> {
    let jws: serde_json::Value = serde_json::from_str(text).ok()?;
    let part = |v: &serde_json::Value, name: &str| v.get(name).and_then(|p| p.as_str().map(str::to_owned));
    let holder = jws.get("signatures").and_then(|s| s.get(0)).unwrap_or(&jws);
    let (protected, signature) = (part(holder, "protected")?, part(holder, "signature")?);
    Proof::parse(&format!("{protected}.{}.{signature}", part(&jws, "payload")?)).ok()
}

/// Decodes percent-encoding first.
pub(super) fn percent(text: &str) -> Option<Proof> {
    Proof::parse(&text.replace("%2E", ".")).ok()
}

/// Strips quotes.
pub(super) fn quotes(text: &str) -> Option<Proof> {
    Proof::parse(text.trim_matches('"')).ok()
}

/// Takes what stands behind the last space.
pub(super) fn behind_scheme(text: &str) -> Option<Proof> {
    Proof::parse(text.rsplit(' ').next()?).ok()
}

/// Takes the first of a list.
pub(super) fn first_of_list(text: &str) -> Option<Proof> {
    Proof::parse(text.split(',').next()?.trim()).ok()
}

/// Replaces invalid UTF-8.
pub(super) fn lossy_utf8(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| strict(String::from_utf8_lossy(octets).as_bytes()))
}

/// Detects UTF-16 and byte order marks.
pub(super) fn any_encoding(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| {
        if octets.get(1) == Some(&0) {
            let units: Vec<u16> = octets.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
            return strict(String::from_utf16(&units).ok()?.as_bytes());
        }
        strict(octets.strip_prefix("\u{feff}".as_bytes()).unwrap_or(octets))
    })
}

/// Reads the first JSON value and stops there.
pub(super) fn first_value(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| {
        object(serde_json::Deserializer::from_slice(octets).into_iter::<serde_json::Value>().next()?.ok()?)
    })
}

/// Reads JSON with comments, trailing commas, single quotes, NaN and Infinity.
pub(super) fn relaxed_json(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| {
        let text = std::str::from_utf8(octets).ok()?;
        let text = text.replace("/* proof */", "").replace(",}", "}").replace('\'', "\"");
        strict(text.replace("-Infinity", "null").replace("NaN", "null").as_bytes())
    })
}

/// Reads any depth; it skips what it does not need.
pub(super) fn any_depth(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| {
        let text = std::str::from_utf8(octets).ok()?;
        let (Some(start), Some(end)) = (text.find("[["), text.rfind("]]").map(|at| at + 2)) else {
            return strict(octets);
        };
        strict(format!("{}null{}", &text[..start], &text[end..]).as_bytes())
    })
}

/// Reads a proof of any length.
pub(super) fn any_length(text: &str) -> Option<Proof> {
    proof(text, strict_base64, strict)
}

/// Takes a payload that is JSON already (RFC 7797).
pub(super) fn unencoded(text: &str) -> Option<Proof> {
    proof(text, |s| strict_base64(s).or_else(|| s.starts_with('{').then(|| s.as_bytes().to_vec())), strict)
}

/// Inflates, as far as the blocks are stored ones.
pub(super) fn inflated(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| strict(octets.strip_prefix(&[1]).and_then(|o| o.get(4..)).unwrap_or(octets)))
}

/// Takes the object out of an array.
pub(super) fn unwraps_arrays(text: &str) -> Option<Proof> {
    proof(text, strict_base64, |octets| {
        let value: serde_json::Value = serde_json::from_slice(octets).ok()?;
        object(value.get(0).cloned().unwrap_or(value))
    })
}

/// Of two members with the same name takes the last.
pub(super) fn last_duplicate(text: &str) -> Option<Proof> {
    proof(text, strict_base64, last_wins)
}

/// Of two members with the same name takes the first.
pub(super) fn first_duplicate(text: &str) -> Option<Proof> {
    proof(text, strict_base64, first_wins)
}

pub(crate) fn last_wins(octets: &[u8]) -> Option<Object> {
    object(serde_json::from_slice(octets).ok()?)
}

pub(crate) fn first_wins(octets: &[u8]) -> Option<Object> {
    Some(first_of_each(serde_json::from_slice(octets).ok()?))
}

fn first_of_each(Members(members): Members) -> Object {
    let mut kept: Vec<(String, Value)> = Vec::new();
    for (name, member) in members {
        if !kept.iter().any(|(n, _)| *n == name) {
            let value = match member {
                Member::Object(members) => Value::Object(first_of_each(members)),
                Member::Other(value) => convert(value),
            };
            kept.push((name, value));
        }
    }
    Object::from_members(kept)
}

fn proof(
    text: &str,
    decode: impl Fn(&str) -> Option<Vec<u8>>,
    read: impl Fn(&[u8]) -> Option<Object>,
) -> Option<Proof> {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts[..] else { return None };
    Some(Proof {
        header: read(&decode(header)?)?,
        claims: read(&decode(payload)?)?,
        signing_input: format!("{header}.{payload}"),
        signature: decode(signature)?,
    })
}

fn strict_base64(segment: &str) -> Option<Vec<u8>> {
    base64url::decode(segment).ok()
}

fn strict(octets: &[u8]) -> Option<Object> {
    ekmcheck_binding::json::parse_object(octets).ok()
}

fn object(value: serde_json::Value) -> Option<Object> {
    match convert(value) {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn convert(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(b),
        serde_json::Value::Number(n) => Value::Number(Number::from_text(n.to_string())),
        serde_json::Value::String(s) => Value::String(s),
        serde_json::Value::Array(a) => Value::Array(a.into_iter().map(convert).collect()),
        serde_json::Value::Object(o) => {
            Value::Object(Object::from_members(o.into_iter().map(|(k, v)| (k, convert(v))).collect()))
        }
    }
}

/// All members of an object, duplicates included.
struct Members(Vec<(String, Member)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Object(Members),
    Other(serde_json::Value),
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        deserializer.deserialize_map(Collect)
    }
}
