//! `challenge`: the reader of `WWW-Authenticate` against a second one, and against what it reads written out again.

use super::Seed;
use crate::challenge::{Challenge, parse};

/// Takes the octets for the value of a `WWW-Authenticate` field. It is read if and only if a second reader reads it, and then
/// as the same; what was read and is written out again is read as the same once more.
pub fn challenge(octets: &[u8]) {
    challenge_on(&parse, octets);
}

/// [`challenge`] for another reader: to prove that the property finds what is wrong with it.
pub fn challenge_on(reader: &dyn Fn(&str) -> Result<Vec<Challenge>, String>, octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let read = reader(text);
    let wanted = second_reading(text);
    assert!(read.as_ref().ok() == wanted.as_ref(), "CHALLENGE: {read:?} and not {wanted:?}\n{text:?}");
    let Ok(challenges) = read else { return };
    for challenge in &challenges {
        for (name, value) in &challenge.parameters {
            assert!(challenge.parameter(name) == Some(value), "CHALLENGE: {name} is not found again\n{text:?}");
        }
        assert!(challenge.is_bearer() == challenge.scheme.eq_ignore_ascii_case("bearer"), "CHALLENGE: {text:?}");
    }
    let written = written(&challenges);
    let again = reader(&written);
    assert!(
        again.as_ref() == Ok(&challenges),
        "CHALLENGE: written out again as {written:?}, it is {again:?}\n{text:?}"
    );
}

fn written(challenges: &[Challenge]) -> String {
    let one = |challenge: &Challenge| {
        let parameters = challenge.parameters.iter().map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{value}\"")
        });
        format!("{} {}", challenge.scheme, parameters.collect::<Vec<_>>().join(", "))
    };
    challenges.iter().map(one).collect::<Vec<_>>().join(" , ")
}

/// What a field value is made of.
#[derive(Debug, PartialEq)]
enum Piece {
    Token(String),
    Quoted(String),
    Equals,
    Comma,
}

/// In two passes, where the first reader makes one: pieces, and then challenges of them. White space separates, so that
/// only the order of pieces counts.
fn second_reading(text: &str) -> Option<Vec<Challenge>> {
    let pieces = pieces(&without_token68(text))?;
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = &pieces[..];
    loop {
        rest = match rest {
            [] => return Some(challenges),
            [Piece::Comma, rest @ ..] => rest,
            [Piece::Token(name), Piece::Equals, Piece::Token(value) | Piece::Quoted(value), rest @ ..]
                if !challenges.is_empty() && matches!(rest, [] | [Piece::Comma, ..]) =>
            {
                let name = name.to_ascii_lowercase();
                let challenge = challenges.last_mut()?;
                if challenge.parameters.iter().any(|(known, _)| *known == name) {
                    return None;
                }
                challenge.parameters.push((name, value.clone()));
                rest
            }
            [Piece::Token(scheme), rest @ ..] if challenges.is_empty() || rest.first() != Some(&Piece::Equals) => {
                challenges.push(Challenge { scheme: scheme.clone(), parameters: Vec::new() });
                rest
            }
            _ => return None,
        };
    }
}

/// The text without what stands for parameters as a token68 (RFC 9110 section 11.2): the last word of a member of the list, if
/// what stands before it are words alone.
fn without_token68(text: &str) -> String {
    let of68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let is_68 = |word: &str| word.starts_with(of68) && word.trim_end_matches('=').chars().all(of68);
    let is_token = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c));
    let member = |member: &str| {
        let words: Vec<&str> = member.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.split_last() {
            Some((last, before)) if !before.is_empty() && before.iter().all(is_token) && is_68(last) => {
                before.join(" ")
            }
            _ => member.to_owned(),
        }
    };
    members(text).into_iter().map(member).collect::<Vec<_>>().join(",")
}

/// The members of the list: between commas, but for those in quoted strings.
fn members(text: &str) -> Vec<&str> {
    let (mut members, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                members.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    members.push(&text[begin..]);
    members
}

const MARKS: &str = "!#$%&'*+-.^_`|~";

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        match first {
            ' ' | '\t' => {}
            '=' => pieces.push(Piece::Equals),
            ',' => pieces.push(Piece::Comma),
            '"' => {
                let mut value = String::new();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => value.push(characters.next()?),
                        other => value.push(other),
                    }
                }
                pieces.push(Piece::Quoted(value));
            }
            _ => {
                let mut token = String::new();
                let mut next = Some(first);
                while let Some(c) = next.filter(|c| c.is_ascii_alphanumeric() || MARKS.contains(*c)) {
                    token.push(c);
                    next = characters.next_if(|c| c.is_ascii_alphanumeric() || MARKS.contains(*c));
                }
                (!token.is_empty()).then(|| pieces.push(Piece::Token(token)))?;
            }
        }
    }
    // Not even in a quoted string.
    (!text.chars().any(|c| c.is_control() && c != '\t')).then_some(pieces)
}

/// Values as servers send them, and as they should not.
pub(super) fn seeds() -> Vec<Seed> {
    [
        ("bearer", "Bearer"),
        ("error", r#"Bearer error="invalid_proof", error_description="exporter mismatch""#),
        ("two", r#"Bearer error="use_session_binding", DPoP algs="ES256 EdDSA", error="use_dpop_nonce""#),
        ("escaped", r#"bearer realm="a \"b\" \\c, d=e",error=invalid_token"#),
        ("spaces", " ,Bearer\terror = \"a\" ,, scope=\"\" , "),
        ("token68", "Basic YWJj=="),
        ("twice", "Bearer error=a, Error=b"),
        ("no-end", "Bearer error=\"a"),
        ("beyond-ascii", "Bearer error_description=\"\u{e9}\u{1f511}\""),
        ("control", "Bearer error=\"a\u{7f}\""),
    ]
    .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
    .to_vec()
}
