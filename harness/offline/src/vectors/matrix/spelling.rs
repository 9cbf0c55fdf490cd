//! base64url that is none, in each segment and in the values that are base64url themselves (LIB-B07), and texts that
//! have not three segments (LIB-B08). Where a lax decoder would find the right octets, the signature is over the odd text.

use ekmcheck_binding::{base64url, refusal::Check};
use ekmcheck_suite::case::{
    Basis::{Draft, Hardening, Inherited},
    Level::{May, Must, Should},
};
use serde_json::Value;

use super::super::{
    ledger::{Entry, entry_of},
    plan::Plan,
    step::{Part, Step},
};

/// The right value in another spelling.
type Respell = fn(&str) -> String;

const STRICT: Entry = entry_of("rs.proof-form", "RFC 7515 2", Must, Inherited);

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = segments();
    plans.extend(alphabet());
    plans.extend(counts());
    plans.extend(values());
    plans
}

fn lenient(name: &str, title: &str) -> Plan {
    Plan::refused(Check::Format, name, title).entry(STRICT).flag("base64url-lenient").row("LIB-B07")
}

/// One character too many inside header, payload and signature.
fn segments() -> Vec<Plan> {
    let characters = [
        ("space", " ", "a space"),
        ("tab", "\t", "a tab"),
        ("newline", "\n", "a line feed"),
        ("carriage-return", "\r\n", "a carriage return and a line feed"),
        ("foreign-character", "?", "a question mark"),
        ("nul", "\0", "the character NUL"),
        ("padding-inside", "=", "an equals sign"),
        ("wide-letter", "\u{ff21}", "a full-width letter A"),
    ];
    let mut plans = Vec::new();
    for (stem, character, what) in characters {
        for segment in ["header", "payload", "signature"] {
            // Three are rows of the table.
            let is_known = segment == "payload" && ["space", "tab", "foreign-character"].contains(&stem);
            // One place is enough for those that differ little.
            let is_rare = segment != "signature" && ["carriage-return", "nul", "padding-inside"].contains(&stem);
            if is_known || is_rare {
                continue;
            }
            let line = format!("{what} in the {segment} segment");
            let step = match segment {
                "signature" => Step::text("proof.segments", line, move |text, _, _| {
                    let (input, signature) = text.rsplit_once('.').unwrap_or((text, ""));
                    Ok(format!("{input}.{}", with(signature, character)))
                }),
                _ => Step::respelled("proof.segments", line, move |header, payload| match segment {
                    "header" => (with(&header, character), payload),
                    _ => (header, with(&payload, character)),
                }),
            };
            plans.push(
                lenient(&format!("{stem}-in-{segment}"), &format!("There is {what} in the {segment} segment."))
                    .step(step),
            );
        }
    }
    plans
}

fn with(segment: &str, character: &str) -> String {
    let (start, end) = segment.split_at(8.min(segment.len()));
    format!("{start}{character}{end}")
}

fn alphabet() -> Vec<Plan> {
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let header = Step::proof("proof.segments", "a header segment in the standard alphabet", |p, _, _| {
        p.header.set("note", "\u{7f}>?>?>~~~???>>>");
        p.header_spelling = ekmcheck_forge::recipe::Spelling::StandardAlphabet;
    });
    let signature = Step::text("proof.segments", "a signature segment in the standard alphabet", move |text, _, _| {
        let (input, signature) = text.rsplit_once('.').unwrap_or((text, ""));
        Ok(format!("{input}.{}", standard(signature)))
    });
    // Spaces before an object do not matter, and leave a length that no octets encode to.
    let filled = |octets: Vec<u8>| [" ".repeat((3 - octets.len() % 3) % 3).as_bytes(), &octets].concat();
    let fill = move |segment: String| base64url::encode(&filled(base64url::decode(&segment).unwrap_or_default())) + "A";
    let one_more = |name: &str, segment: &str, step| {
        let title =
            format!("The {segment} segment has a character after its end: 1 modulo 4, which no octets encode to.");
        lenient(name, &title).step(step)
    };
    let end = |name: &str, title: &str, end: &'static str| {
        let step = Step::text("proof.segments", format!("{title} after the proof"), move |text, _, _| {
            Ok(format!("{text}{end}"))
        });
        lenient(name, &format!("There is {title} after the proof.")).step(step).entry(entry_of(
            "rs.proof-form",
            "RFC 7515 2",
            Should,
            Hardening,
        ))
    };
    vec![
        lenient("standard-alphabet-in-header", "The header segment has `+` and `/`.").step(header),
        lenient("standard-alphabet-in-signature", "The signature segment has `+` and `/`.")
            .client("rsa2048")
            .step(signature),
        one_more(
            "length-1-of-header",
            "header",
            Step::respelled("proof.segments", "one more character in the header segment", move |h, p| (fill(h), p)),
        ),
        one_more(
            "length-1-of-payload",
            "payload",
            Step::respelled("proof.segments", "one more character in the payload segment", move |h, p| (h, fill(p))),
        ),
        // 96 octets, 128 characters: nothing is left over for the 129th.
        one_more(
            "length-1-of-signature",
            "signature",
            Step::text("proof.segments", "one more character in the signature segment", |text, _, _| {
                Ok(format!("{text}A"))
            }),
        )
        .client("p384"),
        end("padding-escaped", "padding in percent-encoding", "%3D%3D"),
        end("newline-at-end", "a line feed", "\n"),
        end("nul-at-end", "the character NUL", "\0"),
    ]
}

fn counts() -> Vec<Plan> {
    let plan = |name: &str, title: &str, edit: fn(&str) -> String| {
        let step = Step::text("proof.segments", title.trim_end_matches('.'), move |text, _, _| Ok(edit(text)));
        let plan = Plan::refused(Check::Format, name, title).step(step).flag("segment-count").row("LIB-B08");
        plan.entry(entry_of("rs.proof-form", "RFC 7515 3.1", Must, Inherited))
    };
    let field = |name: &str, title: &str, level, edit| {
        plan(name, title, edit).entry(entry_of("rs.proof-form", "2.3", level, Hardening))
    };
    vec![
        plan("segments-all-empty", "Two dots, and nothing besides.", |_| "..".to_owned()),
        plan("segments-dot-first", "A dot before the proof.", |t| format!(".{t}")),
        plan("segments-dot-last", "A dot after the proof.", |t| format!("{t}.")),
        plan("segments-with-empty-one", "An empty segment between payload and signature.", |t| {
            t.rsplit_once('.').map_or_else(String::new, |(input, signature)| format!("{input}..{signature}"))
        }),
        plan("segments-six", "The proof twice, with a dot between.", |t| format!("{t}.{t}")),
        plan("segments-by-ideographic-stops", "The segments with ideographic full stops between.", |t| {
            t.replace('.', "\u{3002}")
        }),
        plan("segments-by-spaces", "The segments with spaces between.", |t| t.replace('.', " ")),
        field("two-with-comma", "The proof twice, with a comma between.", Must, |t| format!("{t}, {t}")),
        field("with-scheme", "`Bearer` before the proof.", Must, |t| format!("Bearer {t}")),
        field("with-dpop-scheme", "`DPoP` before the proof.", Must, |t| format!("DPoP {t}")),
        field("in-quotes", "The proof in double quotes.", Should, |t| format!("\"{t}\"")),
        field("in-array", "The proof in a JSON array.", Must, |t| format!("[\"{t}\"]")),
    ]
}

/// The values that are base64url themselves. Their octets are right in every one.
fn values() -> Vec<Plan> {
    let mut plans = Vec::new();
    let kinds: [(&str, &str, Respell); 3] = [
        ("with-space", "with a space inside", |v| with(v, " ")),
        ("in-standard-alphabet", "in the standard alphabet", |v| v.replace('-', "+").replace('_', "/")),
        ("padded", "with padding", |v| format!("{v}=")),
    ];
    let members = [
        (Part::Claims, "ath", "ath", Check::Ath, entry_of("rs.token-hash", "RFC 7515 2", Should, Inherited)),
        (Part::Claims, "ekm", "ekm", Check::Ekm, entry_of("rs.exporter-match", "2.3.2.1", Should, Draft)),
        (Part::Header, "x5t#S256", "x5t", Check::X5t, entry_of("rs.x5t-header", "RFC 7515 4.1.8", Should, Inherited)),
    ];
    for (part, member, stem, check, entry) in members {
        for (kind, what, respell) in kinds {
            if kind == "padded" && stem != "x5t" {
                continue;
            }
            let title = format!("`{}` is the right value {what}.", part.path(member));
            let step = Step::proof(part.path(member), format!("`{}` {what}", part.path(member)), move |p, _, _| {
                let value = part.of(p).text_of(member);
                part.of(p).set(member, respell(&value));
            });
            let plan = Plan::refused(check, format!("{stem}-{kind}"), &title).step(step).entry(entry);
            // The thumbprint of this one has characters that the alphabets differ in.
            let client = if stem == "x5t" && kind == "in-standard-alphabet" { CLIENT_WITH_DASH } else { "p256" };
            plans.push(plan.client(client).flag("base64url-lenient").row("LIB-B07"));
        }
    }
    let unused = Step::proof("proof.header.x5t#S256", "`proof.header.x5t#S256` with unused bits set", |p, _, _| {
        let value = p.header.text_of("x5t#S256");
        p.header.set("x5t#S256", with_unused_bits(&value));
    });
    let plan = Plan::open(Some(Check::X5t), "x5t-with-unused-bits", "`x5t#S256` in the header has unused bits set.")
        .step(unused);
    plans.push(
        plan.entry(entry_of("rs.x5t-header", "RFC 4648 3.5", May, Inherited)).flag("base64url-lenient").row("LIB-B07"),
    );
    let unused =
        Step::token("token.claims.cnf.x5t#S256", "`token.claims.cnf.x5t#S256` with unused bits set", |t, _| {
            let mut cnf = t.claims.member("cnf").unwrap_or_default();
            let value = cnf["x5t#S256"].as_str().map(with_unused_bits);
            cnf["x5t#S256"] = value.map_or(Value::Null, Value::from);
            t.claims.set("cnf", cnf);
        });
    let plan =
        Plan::open(Some(Check::Confirmation), "cnf-with-unused-bits", "`x5t#S256` in `cnf` has unused bits set.")
            .step(unused);
    plans.push(
        plan.entry(entry_of("rs.confirmation-form", "RFC 4648 3.5", May, Inherited))
            .flag("base64url-lenient")
            .row("LIB-B07"),
    );
    plans
}

const CLIENT_WITH_DASH: &str = "p384";

/// Of 43 characters the last has two bits that no octet uses.
fn with_unused_bits(value: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = value.split_at(value.len().saturating_sub(1));
    let place = ALPHABET.iter().position(|c| last.as_bytes() == [*c]).unwrap_or_default();
    let other = ALPHABET.get(place | 3).copied().unwrap_or(b'_');
    format!("{start}{}", char::from(other))
}
