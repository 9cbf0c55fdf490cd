//! `confirmation`: what a token or an introspection response asks for, against a second reading.

use arbitrary::{Result as Read, Unstructured};
use ekmcheck_binding::{
    confirmation::Confirmation,
    digest::Thumbprint,
    json::{self, Object, Value as Member},
    refusal::{Check, Refusal},
};
use serde_json::{Map, Value};

use super::{
    plan::pick,
    stage::stage,
    strict::{self, Reading, canonical},
};

/// Where a confirmation was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The claims of a JWT.
    Claims,
    /// An introspection response.
    Introspection,
}

/// A reader of confirmations.
pub type Reader<'a> = &'a dyn Fn(&Object, Source) -> Result<Confirmation, Refusal>;

/// Takes the octets for the claims of a token and for an introspection response: for their text, if the first octet is
/// odd, and otherwise for a list of members to write one of. What is asked for is what a second reading finds; members that
/// nobody knows and the order of members change nothing.
pub fn confirmation(octets: &[u8]) {
    confirmation_on(
        &|claims, source| match source {
            Source::Claims => Confirmation::from_claims(claims),
            Source::Introspection => Confirmation::from_introspection(claims),
        },
        octets,
    );
}

/// [`confirmation`] for another reader: to prove that the property finds what is wrong with it.
pub fn confirmation_on(reader: Reader<'_>, octets: &[u8]) {
    let text = match octets.split_first() {
        Some((first, rest)) if first % 2 == 1 => rest.to_vec(),
        _ => match written(&mut Unstructured::new(octets.get(1..).unwrap_or_default())) {
            Ok(text) => text.into_bytes(),
            Err(_) => return,
        },
    };
    let story = || String::from_utf8_lossy(&text).into_owned();
    let read = json::parse_object(&text);
    let claims = match (&read, strict::object_of_any_range(&text)) {
        (Ok(claims), Reading::Object(other)) => (claims, other),
        (Err(_), Reading::Refused) => return,
        (_, other) => {
            return assert!(other == Reading::OutOfRange, "JSON: {read:?}, and serde_json {other:?}\n{}", story());
        }
    };
    let (claims, other) = claims;
    for source in [Source::Claims, Source::Introspection] {
        let active = source == Source::Claims || other.get("active") == Some(&Value::Bool(true));
        let wanted = if active { wanted(&other).map_err(|()| Check::Confirmation) } else { Err(Check::Token) };
        let verdict = |claims: &Object| reader(claims, source).map_err(|refusal| refusal.check());
        let found = verdict(claims);
        let kind = match (&found, &wanted) {
            (Ok(_), Err(_)) => "BYPASS",
            (Err(_), Ok(_)) => "DOS",
            _ => "BLAME",
        };
        assert!(found == wanted, "{kind}: {source:?} ask for {wanted:?} and not {found:?}\n{}", story());
        for (what, changed) in [("in another order", reversed(claims)), ("with unknown members", with_unknown(claims))]
        {
            let changed = verdict(&changed);
            assert!(changed == found, "ORDER: {what} {source:?} ask for {changed:?} and not {found:?}\n{}", story());
        }
    }
}

/// Section 2.4 by value.
fn wanted(claims: &Map<String, Value>) -> Result<Confirmation, ()> {
    let Some(cnf) = claims.get("cnf") else { return Ok(Confirmation::Unbound) };
    let cnf = cnf.as_object().ok_or(())?;
    let thumbprint = |value: &Value| {
        let text = value.as_str().filter(|text| canonical(text).is_some_and(|octets| octets.len() == 32)).ok_or(())?;
        Thumbprint::parse(text).ok().filter(|read| read.to_string() == text).ok_or(())
    };
    match (cnf.get("jkt"), cnf.get("x5t#S256").map(thumbprint), cnf.get("tls_exp").map(Value::as_str)) {
        (Some(_), ..) | (_, Some(Err(())), _) | (_, None, Some(_)) => Err(()),
        (None, None, None) => Ok(Confirmation::Unbound),
        (None, Some(Ok(thumbprint)), None) => Ok(Confirmation::Certificate(thumbprint)),
        (None, Some(Ok(thumbprint)), Some(Some("EXPORTER-oauth-tls-session-bound"))) => {
            Ok(Confirmation::Session(thumbprint))
        }
        (None, Some(Ok(_)), Some(_)) => Err(()),
    }
}

fn reversed(object: &Object) -> Object {
    let members = object.members().iter().rev().map(|(name, value)| {
        let value = if let Member::Object(inner) = value { Member::Object(reversed(inner)) } else { value.clone() };
        (name.clone(), value)
    });
    Object::from_members(members.collect())
}

/// One more member, also in the objects within.
fn with_unknown(object: &Object) -> Object {
    let members = object.members().iter().map(|(name, value)| {
        let value = if let Member::Object(inner) = value { Member::Object(with_unknown(inner)) } else { value.clone() };
        (name.clone(), value)
    });
    let unknown = ("urn:ekmcheck:unknown".to_owned(), Member::Object(Object::default()));
    Object::from_members(members.chain([unknown]).collect())
}

const OUTER: [&str; 10] =
    ["cnf", "active", "exp", "Cnf", "cnf ", "\\u0063nf", "Active", "x5t#S256", "tls_exp", "\\u0061ctive"];

const INNER: [&str; 12] = [
    "x5t#S256",
    "tls_exp",
    "jkt",
    "x5t#s256",
    "x5t",
    "TLS_EXP",
    "tls_exp ",
    "jwk",
    "kid",
    "x5t\\u0023S256",
    "cnf",
    "active",
];

const LABELS: [&str; 8] = [
    "\"EXPORTER-oauth-tls-session-bound\"",
    "\"exporter-oauth-tls-session-bound\"",
    "\"EXPORTER-oauth-tls-session-bound \"",
    "\"EXPORTER-oauth-tls-session-bound\\u0000\"",
    "\"EXPORTER-oauth-tls-session-boun\"",
    "\"EXPORTER-Channel-Binding\"",
    "\"\\u0045XPORTER-oauth-tls-session-bound\"",
    "\"\"",
];

const OTHERS: [&str; 16] = [
    "true",
    "false",
    "null",
    "0",
    "1",
    "\"true\"",
    "\"\"",
    "[]",
    "{}",
    "[true]",
    "-0",
    "1e999",
    "\"cnf\"",
    "[[[]]]",
    "{\"a\":1,\"a\":2}",
    "",
];

/// An object out of choices; the right claims where there are none.
fn written(u: &mut Unstructured<'_>) -> Read<String> {
    let mut members = vec![
        ("active".to_owned(), "true".to_owned()),
        (
            "cnf".to_owned(),
            object(&[("x5t#S256".to_owned(), thumbprint(0)), ("tls_exp".to_owned(), LABELS[0].to_owned())]),
        ),
    ];
    for _ in 0..pick(u, 4)? {
        let name = OUTER[if pick(u, 2)? == 0 { pick(u, 2)? } else { pick(u, OUTER.len())? }];
        let value = match pick(u, 4)? {
            0..=2 if name == "cnf" => {
                let mut inner = Vec::new();
                for _ in 0..pick(u, 5)? {
                    let name = INNER[if pick(u, 4)? < 3 { pick(u, 3)? } else { pick(u, INNER.len())? }];
                    inner.push((name.to_owned(), value(name, u)?));
                }
                object(&inner)
            }
            _ => value(name, u)?,
        };
        // Mostly in place of the one of that name; sometimes beside it.
        if pick(u, 8)? < 7 {
            members.retain(|(other, _)| other != name);
        }
        members.push((name.to_owned(), value));
    }
    Ok(object(&members))
}

fn value(name: &str, u: &mut Unstructured<'_>) -> Read<String> {
    Ok(match (pick(u, 4)?, name) {
        (0 | 1, "tls_exp" | "TLS_EXP") => LABELS[pick(u, LABELS.len())?].to_owned(),
        (0 | 1, "active") => OTHERS[pick(u, OTHERS.len())?].to_owned(),
        (0 | 1, _) => thumbprint(pick(u, 6)?),
        (2, _) => LABELS[pick(u, LABELS.len())?].to_owned(),
        _ => OTHERS[pick(u, OTHERS.len())?].to_owned(),
    })
}

/// A thumbprint as it should be written, and as it should not.
fn thumbprint(how: usize) -> String {
    let right = stage().client("p256").identity.certificate.thumbprint().to_string();
    match how {
        0 => format!("\"{right}\""),
        1 => format!("\"{right}=\""),
        2 => format!("\"{}\"", right.get(1..).unwrap_or_default()),
        3 => format!("\"{}\"", crate::alteration::other_spelling(&right)),
        4 => format!("[\"{right}\"]"),
        _ => format!("\"{right} \""),
    }
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}
