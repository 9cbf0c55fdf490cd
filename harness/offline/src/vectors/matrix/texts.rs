//! Texts that are no JSON or no UTF-8, in header and payload (LIB-B18), and escapes that are right.

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::case::{
    Basis::{Hardening, Inherited},
    Level::{May, Must, Should},
};

use super::super::{
    ledger::{Entry, entry_of},
    plan::Plan,
    step::{Part, Step},
};

/// Of the payload: "a UTF-8-encoded representation of a completely valid JSON object", which forbids the extensions that
/// RFC 8259 section 9 lets a parser have.
const PAYLOAD: Entry = entry_of("rs.proof-form", "RFC 7519 7.2", Must, Inherited);
/// The same of the header.
const HEADER: Entry = entry_of("rs.proof-form", "RFC 7515 5.2", Must, Inherited);

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = octets();
    plans.extend(escapes());
    plans.extend(syntax());
    plans.extend(right());
    plans
}

fn plan(name: &str, title: &str, entry: Entry, flag: &'static str, step: Step) -> Plan {
    Plan::refused(Check::Format, name, title).step(step).entry(entry).flag(flag).row("LIB-B18")
}

/// A member whose value is these octets between quotes.
fn with_octets(part: Part, octets: &'static [u8], what: &str) -> Step {
    Step::octets(part, what, move |mut text| {
        text.pop();
        [&text[..], b",\"x\":\"", octets, b"\"}"].concat()
    })
}

fn octets() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (name, octets, what) in [
        ("utf-8-truncated", &b"\xe2\x82"[..], "has a character of three octets, of which one is missing"),
        ("utf-8-continuation-alone", b"\x80", "has a continuation octet alone"),
        ("utf-8-five-octets", b"\xf8\x88\x80\x80\x80", "has a sequence of five octets"),
        ("utf-8-beyond-unicode", b"\xf4\x90\x80\x80", "has a character beyond U+10FFFF"),
        ("latin-1", b"caf\xe9", "has a letter in ISO 8859-1"),
    ] {
        let title = format!("A claim that nobody knows {what}.");
        plans.push(plan(name, &title, PAYLOAD, "utf-8-lenient", with_octets(Part::Claims, octets, what)));
    }
    // As the overlong ones: not UTF-8, and many a decoder puts a replacement character there.
    let surrogate = with_octets(Part::Claims, b"\xed\xa0\x80", "has a surrogate in three octets");
    let free = entry_of("rs.proof-form", "RFC 8259 8.1", May, Inherited);
    let open =
        Plan::open(Some(Check::Format), "utf-8-surrogate", "A claim that nobody knows has a surrogate in UTF-8.");
    plans.push(open.step(surrogate).entry(free).flag("utf-8-lenient").row("LIB-B18"));
    let should = entry_of("rs.proof-form", "RFC 8725 3.7", Should, Inherited);
    let wide = |text: Vec<u8>, unit: fn(char) -> Vec<u8>| {
        String::from_utf8_lossy(&text).chars().flat_map(unit).collect::<Vec<u8>>()
    };
    let utf_16 = Step::octets(Part::Header, "in UTF-16 with the most significant octet first", move |text| {
        wide(text, |c| u32::from(c).to_be_bytes()[2..].to_vec())
    });
    let utf_32 =
        Step::octets(Part::Claims, "in UTF-32", move |text| wide(text, |c| u32::from(c).to_be_bytes().to_vec()));
    let mark = Step::octets(Part::Header, "after a byte order mark", |text| [&b"\xef\xbb\xbf"[..], &text].concat());
    plans.push(plan("utf-16-header", "The header is in UTF-16.", should, "utf-8-lenient", utf_16));
    plans.push(plan("utf-32-payload", "The payload is in UTF-32.", should, "utf-8-lenient", utf_32));
    // RFC 8259 section 8.1 lets a parser pass it over.
    let open =
        Plan::open(Some(Check::Format), "byte-order-mark-in-header", "The header begins with a byte order mark.");
    plans.push(open.step(mark).entry(free).flag("utf-8-lenient").row("LIB-B18"));
    plans
}

fn escapes() -> Vec<Plan> {
    [
        ("escape-of-two-digits", r"a\x61", "the escape `\\x61`"),
        ("escape-in-braces", r"a\u{61}", "the escape `\\u{61}`"),
        ("escape-octal", r"a\141", "the escape `\\141`"),
        ("escape-of-quote", r"a\'", "the escape `\\'`"),
        ("escape-cut-short", r"a\u00", "an escape of two digits"),
        ("line-feed-in-string", "a\nb", "a line feed in a string"),
        ("tab-in-string", "a\tb", "a tab in a string"),
        ("nul-in-string", "a\0b", "the octet 0 in a string"),
    ]
    .into_iter()
    .map(|(name, text, what)| {
        let step = with_octets(Part::Claims, text.as_bytes(), &format!("has {what}"));
        plan(name, &format!("A claim that nobody knows has {what}."), PAYLOAD, "utf-8-lenient", step)
    })
    .collect()
}

fn syntax() -> Vec<Plan> {
    let around = |part, what: &str, before: &'static str, after: &'static str| {
        Step::octets(part, what, move |text| [before.as_bytes(), &text, after.as_bytes()].concat())
    };
    let member = |raw: &'static str, what: &str| {
        Step::octets(Part::Claims, what, move |mut text| {
            text.pop();
            [&text[..], raw.as_bytes()].concat()
        })
    };
    let plan = |name: &str, title: &str, step| {
        let entry = if name.starts_with("header") { HEADER } else { PAYLOAD };
        plan(name, title, entry, "json-lenient", step)
    };
    vec![
        plan(
            "header-array",
            "The header is an array with the object in it.",
            around(Part::Header, "in an array", "[", "]"),
        ),
        plan(
            "header-with-second-object",
            "The header is followed by another object.",
            around(Part::Header, "before another object", "", r#"{"alg":"none"}"#),
        ),
        plan(
            "header-with-comment",
            "The header begins with a comment.",
            around(Part::Header, "after a comment", "/* */", ""),
        ),
        plan(
            "header-with-trailing-nul",
            "The header ends with the octet 0.",
            around(Part::Header, "before the octet 0", "", "\0"),
        ),
        plan(
            "payload-with-trailing-nul",
            "The payload ends with the octet 0.",
            around(Part::Claims, "before the octet 0", "", "\0"),
        ),
        plan(
            "payload-in-string",
            "The payload is a string.",
            Step::octets(Part::Claims, "as a JSON string", |text| {
                serde_json::Value::from(String::from_utf8_lossy(&text)).to_string().into_bytes()
            }),
        ),
        plan("payload-null", "The payload is `null`.", Step::octets(Part::Claims, "`null`", |_| b"null".to_vec())),
        plan(
            "payload-cut-short",
            "The payload lacks its last brace.",
            Step::octets(Part::Claims, "without the last brace", |mut text| {
                text.pop();
                text
            }),
        ),
        plan(
            "payload-with-line-comment",
            "A line of the payload is a comment.",
            member(",//x\n\"x\":1}", "with a comment to the end of the line"),
        ),
        plan(
            "payload-with-bare-name",
            "A name in the payload has no quotes.",
            member(",x:1}", "with a name without quotes"),
        ),
        plan(
            "payload-with-two-commas",
            "There are two commas in the payload.",
            member(",,\"x\":1}", "with two commas"),
        ),
        plan(
            "payload-with-semicolon",
            "There is an equals sign for a colon.",
            member(",\"x\"=1}", "with an equals sign for a colon"),
        ),
        plan(
            "payload-with-true-in-capitals",
            "A value of the payload is `True`.",
            member(",\"x\":True}", "with `True`"),
        ),
        plan(
            "payload-with-undefined",
            "A value of the payload is `undefined`.",
            member(",\"x\":undefined}", "with `undefined`"),
        ),
        plan(
            "payload-with-wide-space",
            "There is a no-break space in the payload.",
            member(",\u{a0}\"x\":1}", "with a no-break space"),
        ),
    ]
}

/// Other spellings of the same text, which any reader of JSON understands.
fn right() -> Vec<Plan> {
    let accepted = |name: &str, title: &str, step| {
        Plan::accepted(name, title)
            .step(step)
            .entry(entry_of("rs.ignores-unknown", "RFC 8259", Should, Inherited))
            .row("LIB-B18")
    };
    let unknown = |raw: &'static str| Step::set(Part::Claims, "x", raw);
    vec![
        accepted(
            "value-escaped",
            "`typ` is written with escapes.",
            Step::set(Part::Header, "typ", r#""tls-binding-proof\u002bjwt""#),
        ),
        accepted(
            "value-with-surrogate-pair",
            "A claim that nobody knows has a pair of surrogates.",
            unknown(r#""\ud83d\udd12""#),
        ),
        accepted(
            "value-with-solidus-escaped",
            "A claim that nobody knows has an escaped solidus.",
            unknown(r#""a\/b""#),
        ),
        accepted(
            "value-in-cyrillic",
            "A claim that nobody knows is in Cyrillic letters.",
            unknown("\"\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}\""),
        ),
        accepted(
            "payload-with-white-space",
            "There is white space between the members of the payload.",
            Step::octets(Part::Claims, "with white space", |text| {
                String::from_utf8_lossy(&text).replace("\":", "\" :\r\n\t").replace(",\"", " ,\n\"").into_bytes()
            }),
        ),
        accepted(
            "payload-in-other-order",
            "The members of the payload stand in another order.",
            Step::proof("proof.payload", "`iat` first", |p, _, _| {
                if let Some(iat) = p.claims.member("iat") {
                    p.claims.remove("iat");
                    p.claims.prepend_raw("\"iat\"", &iat.to_string());
                }
            }),
        ),
        accepted(
            "name-with-case-of-another",
            "Claims that nobody knows are called like known ones, in other case.",
            Step::proof("proof.claims", "claims `EKM`, `Ath` and `IAT` besides the right ones", |p, _, _| {
                for name in ["EKM", "Ath", "IAT"] {
                    p.claims.set(name, "x");
                }
            }),
        )
        .flag("name-comparison")
        .entry(entry_of("rs.ignores-unknown", "RFC 7519 4", Should, Hardening)),
    ]
}
