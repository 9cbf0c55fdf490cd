//! `fields`: how header fields become a token and a proof, against a second reading and in a whole decision.

use std::sync::Arc;

use arbitrary::{Arbitrary, Result as Read, Unstructured};
use ekmcheck_binding::{
    guard::{AccessTokens, Guard, Policy, Request, ValidToken},
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Steps},
    target::Target,
};

use super::{
    answer,
    plan::{Plan, pick},
    stage::{AUTHORITY, METHOD, NOW, PATHS, Presented, Scene, stage},
};

/// Takes the octets for the values of the `Authorization` and `Session-Binding-Proof` fields of a request. The guard's
/// steps find in them what a second reading finds, and the guard accepts if and only if that is the right token with the
/// right proof.
pub fn fields(octets: &[u8]) {
    fields_on(&ByTheDraft, octets);
}

/// [`fields`] for other steps: to prove that the property finds what is wrong with them.
pub fn fields_on<S: Steps + Clone>(steps: &S, octets: &[u8]) {
    let Ok(Values { authorization, proofs }) = Values::arbitrary(&mut Unstructured::new(octets)) else { return };
    let authorization: Vec<&[u8]> = authorization.iter().map(Vec::as_slice).collect();
    let proofs: Vec<&[u8]> = proofs.iter().map(Vec::as_slice).collect();
    let story = || {
        let text = |values: &[&[u8]]| values.iter().map(|v| v.escape_ascii().to_string()).collect::<Vec<_>>();
        format!("\nAuthorization {:#?}\nSession-Binding-Proof {:#?}", text(&authorization), text(&proofs))
    };

    let token = steps.access_token(&authorization).map_err(|refusal| refusal.check());
    let wanted_token = token_in(&authorization);
    assert!(token == wanted_token, "FIELD: the token is {wanted_token:?} and not {token:?}{}", story());
    let proof = steps.proof_field(&proofs).map_err(|refusal| refusal.check());
    let wanted_proof = proof_in(&proofs);
    assert!(proof == wanted_proof, "FIELD: the proof is {wanted_proof:?} and not {proof:?}{}", story());
    if let &[only] = &proofs[..] {
        let spaced = [b" \t", only, b"\t "].concat();
        let spaced = steps.proof_field(&[&spaced]).map_err(|refusal| refusal.check());
        assert!(spaced == proof, "FIELD: with white space around it, the proof is {spaced:?}{}", story());
    }

    let right = right();
    let request = Request {
        method: METHOD,
        target: Target::https(AUTHORITY, right.path),
        authorization: &authorization,
        proofs: &proofs,
    };
    let guard = Guard::new(steps.clone(), Policy::default());
    let connection = right.connection(&stage().here);
    let told = format!("{connection:?}");
    assert!(told.contains("ExporterValue(..)"), "SECRET: the exporter value is printed: {told}");
    // A token that asks for nothing needs no proof, and a proof that comes all the same has to be right.
    for bound in [true, false] {
        let verdict = guard.decide(&connection, &request, &Tokens { bound }, NOW as f64);
        if let Err(refusal) = &verdict {
            answer::hold_to(&guard, refusal);
        }
        let proof = wanted_proof == Ok(Some(&right.field)) || !bound && wanted_proof == Ok(None);
        let faultless = wanted_token == Ok(&right.token.text) && proof;
        match (verdict.map(drop), faultless) {
            (Ok(()), true) | (Err(_), false) => {}
            (Ok(()), false) => assert!(faultless, "BYPASS: accepted{}", story()),
            (Err(refusal), true) => assert!(!faultless, "DOS: refused by {refusal}{}", story()),
        }
    }
}

/// RFC 6750 section 2.1 and RFC 9110 section 11.4, by octets.
fn token_in<'a>(values: &[&'a [u8]]) -> Result<&'a str, Check> {
    let value = match values {
        [] => return Err(Check::Credentials),
        [value] => std::str::from_utf8(value).map_err(|_| Check::Authorization)?,
        _ => return Err(Check::Authorization),
    };
    let end = value.bytes().position(|octet| octet == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Check::Credentials);
    }
    let token = rest.trim_start_matches(' ').trim_end_matches(' ');
    let mut padding = false;
    let mut any = false;
    for octet in token.bytes() {
        match octet {
            b'=' => padding = true,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' if !padding => any = true,
            _ => return Err(Check::Authorization),
        }
    }
    if any { Ok(token) } else { Err(Check::Authorization) }
}

/// One field, and what is between the white space of RFC 9110 section 5.5.
fn proof_in<'a>(values: &[&'a [u8]]) -> Result<Option<&'a str>, Check> {
    let &value = match values {
        [] => return Ok(None),
        [value] => value,
        _ => return Err(Check::Field),
    };
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let Some(start) = value.iter().position(|octet| !is_space(octet)) else { return Err(Check::Field) };
    let end = value.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    std::str::from_utf8(value.get(start..end).unwrap_or_default()).map(Some).map_err(|_| Check::Field)
}

/// What arrives.
struct Values {
    authorization: Vec<Vec<u8>>,
    proofs: Vec<Vec<u8>>,
}

const SCHEMES: [&[u8]; 14] = [
    b"Bearer ",
    b"bearer ",
    b"BEARER ",
    b"Bearer  ",
    b"Bearer",
    b"Bearer\t",
    b"Bearer:",
    b" Bearer ",
    b"DPoP ",
    b"Basic ",
    b"",
    b"Bearer,",
    b"Bearers ",
    b"Bea\xc3\xa9r ",
];

/// What follows a scheme, and what a proof field is pieced together of; `T` and `P` stand for the right ones.
const PIECES: [&[u8]; 24] = [
    b"T",
    b"P",
    b" ",
    b"\t",
    b",",
    b", ",
    b"=",
    b"==",
    b"a",
    b"a=b",
    b"~+/-._",
    b"\0",
    b"\r\n",
    b"\xc3\xa9",
    b"\xff",
    b"\"",
    b";q=1",
    b"Bearer T",
    b"Bearer ",
    b".",
    b"\xe2\x80\x83",
    b"\x0b",
    b"%20",
    b"!",
];

impl<'a> Arbitrary<'a> for Values {
    fn arbitrary(u: &mut Unstructured<'a>) -> Read<Self> {
        let mut values = Self { authorization: Vec::new(), proofs: Vec::new() };
        for _ in 0..how_many(u)? {
            let scheme = SCHEMES[pick(u, SCHEMES.len())?].to_vec();
            values.authorization.push([scheme, pieces(u, 0)?].concat());
        }
        for _ in 0..how_many(u)? {
            values.proofs.push(pieces(u, 1)?);
        }
        Ok(values)
    }
}

/// Mostly one.
fn how_many(u: &mut Unstructured<'_>) -> Read<usize> {
    Ok([1, 1, 1, 1, 2, 0, 2, 3][pick(u, 8)?])
}

/// Mostly the usual one, alone or among others.
fn pieces(u: &mut Unstructured<'_>, usual: usize) -> Read<Vec<u8>> {
    let mut out = Vec::new();
    let count = [1, 1, 2, 3, 4, 0, 2, 3][pick(u, 8)?];
    for _ in 0..count {
        let piece = match pick(u, 4)? {
            0 | 1 => PIECES[usual],
            2 => PIECES[pick(u, PIECES.len())?],
            _ => {
                let length = pick(u, 4)?;
                out.extend(u.bytes(length.min(u.len()))?);
                continue;
            }
        };
        out.extend(match piece {
            b"T" => right().token.text.as_bytes().to_vec(),
            b"P" => right().field.as_bytes().to_vec(),
            b"Bearer T" => format!("Bearer {}", right().token.text).into_bytes(),
            other => other.to_vec(),
        });
    }
    Ok(out)
}

/// The right token and the right proof, made once: only how they arrive differs.
fn right() -> &'static Presented {
    static RIGHT: std::sync::OnceLock<Presented> = std::sync::OnceLock::new();
    RIGHT.get_or_init(|| {
        let plan = Plan::right();
        let scene = Scene::new(&plan);
        let field = scene.proof(&scene.setting(), scene.token(), &[]);
        Presented { client: scene.client, token: scene.token(), field, path: PATHS[0] }
    })
}

struct Tokens {
    /// Whether the token asks for binding.
    bound: bool,
}

impl AccessTokens for Tokens {
    fn validate(&self, token: &str, _: f64) -> Result<ValidToken, Refusal> {
        if token != right().token.text {
            return Err(Refusal::new(Check::Token, "unknown"));
        }
        let valid = right().token.valid.clone();
        if self.bound { valid } else { valid.map(|valid| ValidToken { claims: Arc::default(), ..valid }) }
    }
}
