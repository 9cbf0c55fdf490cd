//! Where secrets stand in a text, in whatever spelling.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{PIECE, Piece, is_no_word};

/// The least number of octets that are looked for in a list of numbers: a piece in base64 is made of nine.
const LIST: usize = 12;
/// How many characters may stand between two numbers of a list: `, 0x`, `:`, `\x`.
const BETWEEN: usize = 4;

/// base64url, with or without padding, whatever the last bits are.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The octets of an exporter value, and how many characters they are at least; a UUID has 36.
const EXPORTED: usize = 32;
const ENCODED: usize = 40;

/// Lower-case hexadecimal.
pub(super) fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

/// A character of base64 or hexadecimal, with one spelling for both cases and both alphabets.
pub(super) fn folded(c: char) -> Option<u8> {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' => u8::try_from(c.to_ascii_lowercase()).ok(),
        '-' | '+' => Some(b'-'),
        '_' | '/' => Some(b'_'),
        _ => None,
    }
}

/// Whether a character may stand within a secret that is one word: a JWS, or one that is percent-encoded.
fn in_word(c: char) -> bool {
    folded(c).is_some() || ".=~%".contains(c)
}

/// The places of secrets, in order and apart from each other.
pub(super) fn secrets(text: &str, is_known: &dyn Fn(&Piece) -> bool, by_form: bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = words(text, in_word)
        .filter(|word| {
            let word = text.get(word.clone()).unwrap_or_default();
            stands_in(word, is_known)
                || is_token(word)
                || (by_form && looks_random(word))
                || decoded(word).iter().any(|d| is_in(d, is_known))
        })
        .collect();
    for (list, octets) in lists(text) {
        let is_secret = (by_form && octets.len() >= EXPORTED) || is_in(&octets, is_known);
        if is_secret && !found.iter().any(|word| word.start < list.end && list.start < word.end) {
            found.push(list);
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// Whether a run of it is as long as an exporter value in base64, or longer, and no words.
fn looks_random(word: &str) -> bool {
    word.split(|c| folded(c).is_none()).any(|run| run.len() >= ENCODED && is_no_word(run.as_bytes()))
}

/// The longest runs of such characters.
fn words(text: &str, is_in: fn(char) -> bool) -> impl Iterator<Item = Range<usize>> {
    text.split(move |c| !is_in(c)).filter(|word| word.len() >= PIECE).map(|word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        start..start + word.len()
    })
}

/// Whether a known piece stands in a text as it is.
fn stands_in(text: &str, is_known: &dyn Fn(&Piece) -> bool) -> bool {
    text.split(|c| folded(c).is_none()).filter(|run| run.len() >= PIECE).any(|run| {
        let folded: Vec<u8> = run.chars().filter_map(folded).collect();
        folded.windows(PIECE).any(|window| Piece::try_from(window).is_ok_and(|piece| is_known(&piece)))
    })
}

/// Whether octets are text with a secret in it, or an exporter value or a part of one themselves.
fn is_in(octets: &[u8], is_known: &dyn Fn(&Piece) -> bool) -> bool {
    stands_in(&String::from_utf8_lossy(octets), is_known) || stands_in(&hex(octets), is_known)
}

/// Whether it has the form of a JWS, by whomever it was sent and however long ago: what begins like a JSON object, and two
/// parts more.
fn is_token(word: &str) -> bool {
    let mut parts = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).split('.');
    let is_object =
        |part: &str| part.len() >= PIECE && ["eyJ", "ewo", "eyA"].iter().any(|begin| part.starts_with(begin));
    parts.next().is_some_and(is_object)
        && parts.next().is_some_and(|part| part.len() >= PIECE)
        && parts.next().is_some()
}

/// What a word may be when it is decoded, in each way in which that can be done.
fn decoded(word: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if word.contains('%') {
        found.push(from_percent(word));
    }
    if word.len().is_multiple_of(2) && word.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        found.push(word.as_bytes().chunks(2).filter_map(octet).collect());
    }
    // A JWS is no base64 as a whole.
    for part in word.split(['.', '%', '~']).filter(|part| part.len() >= PIECE) {
        let url: String = part
            .chars()
            .filter(|c| *c != '=')
            .map(|c| match c {
                '+' => '-',
                '/' => '_',
                c => c,
            })
            .collect();
        found.extend(BASE64.decode(url));
    }
    found
}

fn octet(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()
}

fn from_percent(word: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), word.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail.split_at_checked(2)) {
            (b'%', Some((pair, after))) if octet(pair).is_some() => {
                out.extend(octet(pair));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// Lists of numbers, as octets: in hexadecimal of two digits each (`12:AB`, `\x12\xab`, `0x12, 0xab`), and in decimal.
fn lists(text: &str) -> Vec<(Range<usize>, Vec<u8>)> {
    let mut found = Vec::new();
    for read in [of_hexadecimal as fn(&str) -> Option<u8>, of_decimal] {
        let mut list: Option<(Range<usize>, Vec<u8>)> = None;
        let mut keep =
            |list: Option<(Range<usize>, Vec<u8>)>| found.extend(list.filter(|(_, octets)| octets.len() >= LIST));
        for (range, word) in numbers(text) {
            match (read(word), &mut list) {
                (Some(octet), Some((so_far, octets))) if range.start - so_far.end <= BETWEEN => {
                    octets.push(octet);
                    so_far.end = range.end;
                }
                (Some(octet), _) => keep(list.replace((range, vec![octet]))),
                // What stands between two numbers: `0` and `x` of `0x12` are read with it.
                (None, _) => keep(list.take()),
            }
        }
        keep(list);
    }
    found
}

/// Runs of letters and digits.
fn numbers(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        (start..start + word.len(), word)
    })
}

fn of_hexadecimal(word: &str) -> Option<u8> {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix('x')).unwrap_or(word);
    octet(digits.as_bytes()).filter(|_| digits.len() <= 2)
}

fn of_decimal(word: &str) -> Option<u8> {
    word.parse().ok()
}
