//! Alterations of the proof's claims. The proof is signed after the change, so that only the named check can refuse.

use aws_lc_rs::digest;
use ekmcheck_binding::{base64url, digest::sha256, refusal::Check};
use serde_json::{Value, json};

use super::{Alteration, Edit::Proof, Leads, row};
use crate::recipe::{ProofRecipe, Setting};

const ATH: &str = "proof.claims.ath";
const EKM: &str = "proof.claims.ekm";
const IAT: &str = "proof.claims.iat";
const HTM: &str = "proof.claims.htm";
const HTU: &str = "proof.claims.htu";
const JTI: &str = "proof.claims.jti";
const BAD_ATH: Leads = Leads::Refused(Check::Ath);
const BAD_EKM: Leads = Leads::Refused(Check::Ekm);
const BAD_IAT: Leads = Leads::Refused(Check::Iat);
const BAD_HTM: Leads = Leads::Refused(Check::Htm);
const BAD_HTU: Leads = Leads::Refused(Check::Htu);
const BAD_JTI: Leads = Leads::Refused(Check::Jti);

pub(super) const TABLE: &[Alteration] = &[
    row("ath-missing", ATH, BAD_ATH, Proof(|p, _, _| p.claims.remove("ath"))),
    row("ath-of-another-token", ATH, BAD_ATH, Proof(|p, _, t| ath(p, &sha256(format!("{t}x").as_bytes())))),
    row("ath-in-hex", ATH, BAD_ATH, Proof(|p, _, t| p.claims.set("ath", hex(&sha256(t.as_bytes()))))),
    row("ath-padded", ATH, BAD_ATH, Proof(|p, _, _| p.claims.set("ath", format!("{}=", p.claims.text_of("ath"))))),
    row("ath-sha-1", ATH, BAD_ATH, Proof(|p, _, t| hashed(p, t, &digest::SHA1_FOR_LEGACY_USE_ONLY))),
    row("ath-sha-384", ATH, BAD_ATH, Proof(|p, _, t| hashed(p, t, &digest::SHA384))),
    row("ath-sha-512", ATH, BAD_ATH, Proof(|p, _, t| hashed(p, t, &digest::SHA512))),
    row("ath-with-scheme", ATH, BAD_ATH, Proof(|p, _, t| ath(p, &sha256(format!("Bearer {t}").as_bytes())))),
    row(
        "ath-of-payload",
        ATH,
        BAD_ATH,
        Proof(|p, _, t| {
            ath(p, &sha256(t.split('.').nth(1).unwrap_or_default().as_bytes()));
        }),
    ),
    row("ath-with-newline", ATH, BAD_ATH, Proof(|p, _, t| ath(p, &sha256(format!("{t}\n").as_bytes())))),
    row("ath-left-half", ATH, BAD_ATH, Proof(|p, _, t| ath(p, &sha256(t.as_bytes())[..16]))),
    row("ath-null", ATH, BAD_ATH, Proof(|p, _, _| p.claims.set("ath", Value::Null))),
    row("ath-number", ATH, BAD_ATH, Proof(|p, _, _| p.claims.set("ath", 7))),
    row("ath-array", ATH, BAD_ATH, Proof(|p, _, _| p.claims.set("ath", json!([p.claims.text_of("ath")])))),
    row(
        "ath-with-unused-bits",
        ATH,
        Leads::Open(Some(Check::Ath)),
        Proof(|p, _, _| {
            p.claims.set("ath", other_spelling(&p.claims.text_of("ath")));
        }),
    ),
    row("ekm-missing", EKM, BAD_EKM, Proof(|p, _, _| p.claims.remove("ekm"))),
    row("ekm-random", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, &sha256(&s.unique.to_be_bytes())))),
    Alteration {
        needs_other: true,
        ..row(
            "ekm-of-another-connection",
            EKM,
            BAD_EKM,
            Proof(|p, s, _| {
                if let Some(other) = s.other {
                    ekm(p, other.right());
                }
            }),
        )
    },
    row("ekm-zero", EKM, BAD_EKM, Proof(|p, _, _| ekm(p, &[0; 32]))),
    row("ekm-empty", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", ""))),
    row("ekm-31-octets", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.right().get(..31).unwrap_or_default()))),
    row("ekm-33-octets", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, &[s.exporters.right(), &[0]].concat()))),
    row("ekm-64-octets", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("64-octets")))),
    row(
        "ekm-truncated",
        EKM,
        BAD_EKM,
        Proof(|p, s, _| {
            ekm(p, s.exporters.get("64-octets").get(..32).unwrap_or_default());
        }),
    ),
    row("ekm-in-hex", EKM, BAD_EKM, Proof(|p, s, _| p.claims.set("ekm", hex(s.exporters.right())))),
    row("ekm-padded", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", format!("{}=", p.claims.text_of("ekm"))))),
    row("ekm-null", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", Value::Null))),
    row("ekm-number", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", 7))),
    row("ekm-array", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", json!([p.claims.text_of("ekm")])))),
    row("ekm-object", EKM, BAD_EKM, Proof(|p, _, _| p.claims.set("ekm", json!({"value": p.claims.text_of("ekm")})))),
    row(
        "ekm-with-unused-bits",
        EKM,
        Leads::Open(Some(Check::Ekm)),
        Proof(|p, _, _| {
            p.claims.set("ekm", other_spelling(&p.claims.text_of("ekm")));
        }),
    ),
    row("ekm-channel-binding-label", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("channel-binding-label")))),
    // Right only for a token that names that label, if anybody knows labels of tokens.
    row("ekm-other-label", EKM, Leads::Open(Some(Check::Ekm)), Proof(|p, s, _| ekm(p, s.exporters.get("other-label")))),
    row("ekm-label-with-nul", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("label-with-nul")))),
    row("ekm-label-without-prefix", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("label-without-prefix")))),
    row("ekm-label-in-lower-case", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("label-in-lower-case")))),
    // In TLS 1.2 another value; in TLS 1.3 the very same, and then this changes nothing.
    row("ekm-no-context", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("no-context")))),
    row("ekm-nul-context", EKM, BAD_EKM, Proof(|p, s, _| ekm(p, s.exporters.get("nul-context")))),
    row("iat-missing", IAT, BAD_IAT, Proof(|p, _, _| p.claims.remove("iat"))),
    row("iat-one-hour-past", IAT, BAD_IAT, Proof(|p, s, _| p.claims.set("iat", s.now - 3600))),
    row("iat-one-hour-ahead", IAT, BAD_IAT, Proof(|p, s, _| p.claims.set("iat", s.now + 3600))),
    row("iat-10-seconds-past", IAT, Leads::Accepted, Proof(|p, s, _| p.claims.set("iat", s.now - 10))),
    row("iat-8-seconds-ahead", IAT, Leads::Accepted, Proof(|p, s, _| p.claims.set("iat", s.now + 8))),
    row("iat-30-seconds-past", IAT, Leads::Open(None), Proof(|p, s, _| p.claims.set("iat", s.now - 30))),
    row("iat-120-seconds-past", IAT, Leads::Open(None), Proof(|p, s, _| p.claims.set("iat", s.now - 120))),
    row("iat-299-seconds-past", IAT, Leads::Open(None), Proof(|p, s, _| p.claims.set("iat", s.now - 299))),
    row("iat-310-seconds-past", IAT, Leads::Open(Some(Check::Iat)), Proof(|p, s, _| p.claims.set("iat", s.now - 310))),
    row("iat-900-seconds-past", IAT, Leads::Open(Some(Check::Iat)), Proof(|p, s, _| p.claims.set("iat", s.now - 900))),
    row("iat-30-seconds-ahead", IAT, Leads::Open(None), Proof(|p, s, _| p.claims.set("iat", s.now + 30))),
    row("iat-70-seconds-ahead", IAT, Leads::Open(Some(Check::Iat)), Proof(|p, s, _| p.claims.set("iat", s.now + 70))),
    row("iat-299-seconds-ahead", IAT, Leads::Open(Some(Check::Iat)), Proof(|p, s, _| p.claims.set("iat", s.now + 299))),
    row("iat-900-seconds-ahead", IAT, Leads::Open(Some(Check::Iat)), Proof(|p, s, _| p.claims.set("iat", s.now + 900))),
    row("iat-string", IAT, BAD_IAT, Proof(|p, s, _| p.claims.set("iat", s.now.to_string()))),
    row("iat-fraction", IAT, Leads::Open(None), Proof(|p, s, _| p.claims.set_raw("iat", &format!("{}.5", s.now - 1)))),
    row("iat-milliseconds", IAT, BAD_IAT, Proof(|p, s, _| p.claims.set("iat", s.now * 1000))),
    row("iat-zero", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set("iat", 0))),
    row("iat-true", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set("iat", true))),
    row("iat-null", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set("iat", Value::Null))),
    row("iat-beyond-a-double", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set_raw("iat", "1e400"))),
    row("iat-two-to-the-64", IAT, BAD_IAT, Proof(|p, _, _| p.claims.set_raw("iat", "18446744073709551616"))),
    row("htm-of-another-method", HTM, BAD_HTM, Proof(|p, _, _| p.claims.set("htm", "PUT"))),
    row(
        "htm-in-lower-case",
        HTM,
        Leads::Open(Some(Check::Htm)),
        Proof(|p, s, _| {
            p.claims.set("htm", s.method.to_ascii_lowercase());
        }),
    ),
    row("htm-null", HTM, BAD_HTM, Proof(|p, _, _| p.claims.set("htm", Value::Null))),
    row("htm-empty", HTM, BAD_HTM, Proof(|p, _, _| p.claims.set("htm", ""))),
    row("htm-array", HTM, BAD_HTM, Proof(|p, s, _| p.claims.set("htm", json!([s.method])))),
    row("htm-number", HTM, BAD_HTM, Proof(|p, _, _| p.claims.set("htm", 7))),
    row("htu-absolute", HTU, Leads::Open(None), Proof(|p, s, _| htu(p, s, "https", s.authority))),
    row("htu-of-another-path", HTU, BAD_HTU, Proof(|p, _, _| p.claims.set("htu", "/api/other"))),
    row("htu-of-another-host", HTU, BAD_HTU, Proof(|p, s, _| htu(p, s, "https", "other.example"))),
    row("htu-with-http-scheme", HTU, BAD_HTU, Proof(|p, s, _| htu(p, s, "http", s.authority))),
    row(
        "htu-with-query",
        HTU,
        Leads::Open(Some(Check::Htu)),
        Proof(|p, _, _| {
            p.claims.set("htu", format!("{}?x=1", p.claims.text_of("htu")));
        }),
    ),
    row(
        "htu-with-fragment",
        HTU,
        Leads::Open(Some(Check::Htu)),
        Proof(|p, _, _| {
            p.claims.set("htu", format!("{}#top", p.claims.text_of("htu")));
        }),
    ),
    row("htu-null", HTU, BAD_HTU, Proof(|p, _, _| p.claims.set("htu", Value::Null))),
    row(
        "htu-of-a-prefix",
        HTU,
        BAD_HTU,
        Proof(|p, _, _| {
            let mut path = p.claims.text_of("htu");
            path.pop();
            p.claims.set("htu", path);
        }),
    ),
    // Not an error by itself: the same identifier at each use, for cases that repeat it. Another one in each play: a
    // server that outlives the play may remember it.
    row("jti-fixed", JTI, Leads::Accepted, Proof(|p, s, _| fixed_jti(p, s, "the-same-identifier-#"))),
    // Others than that one, to whoever compares strings (RFC 7519 section 4.1.7).
    row("jti-fixed-in-upper-case", JTI, Leads::Accepted, Proof(|p, s, _| fixed_jti(p, s, "THE-SAME-IDENTIFIER-#"))),
    row("jti-fixed-with-space", JTI, Leads::Accepted, Proof(|p, s, _| fixed_jti(p, s, "the-same-identifier-# "))),
    row("jti-fixed-composed", JTI, Leads::Accepted, Proof(|p, s, _| fixed_jti(p, s, "identifi\u{e9}-#"))),
    row("jti-fixed-decomposed", JTI, Leads::Accepted, Proof(|p, s, _| fixed_jti(p, s, "identifie\u{301}-#"))),
    row("jti-129-characters", JTI, Leads::Open(None), Proof(|p, s, _| long_jti(p, s, 129))),
    row("jti-4096-characters", JTI, Leads::Open(Some(Check::Jti)), Proof(|p, s, _| long_jti(p, s, 4096))),
    row("jti-7000-characters", JTI, Leads::Open(Some(Check::Jti)), Proof(|p, s, _| long_jti(p, s, 7000))),
    row("jti-empty", JTI, BAD_JTI, Proof(|p, _, _| p.claims.set("jti", ""))),
    row("jti-null", JTI, BAD_JTI, Proof(|p, _, _| p.claims.set("jti", Value::Null))),
    row("jti-number", JTI, BAD_JTI, Proof(|p, _, _| p.claims.set("jti", 7))),
    // Registered claims that the draft does not use.
    row(
        "nbf-and-exp",
        "proof.claims.exp",
        Leads::Accepted,
        Proof(|p, s, _| {
            p.claims.set("nbf", s.now);
            p.claims.set("exp", s.now + 300);
        }),
    ),
    row("exp-passed", "proof.claims.exp", Leads::Open(None), Proof(|p, s, _| p.claims.set("exp", s.now - 3600))),
    row("nbf-ahead", "proof.claims.nbf", Leads::Open(None), Proof(|p, s, _| p.claims.set("nbf", s.now + 3600))),
    row(
        "claims-unknown",
        "proof.claims",
        Leads::Accepted,
        Proof(|p, _, _| {
            p.claims.set("foo", json!({"bar": [1]}));
            p.claims.set("tx_id", "17");
        }),
    ),
];

fn ath(proof: &mut ProofRecipe, octets: &[u8]) {
    proof.claims.set("ath", base64url::encode(octets));
}

fn hashed(proof: &mut ProofRecipe, token: &str, algorithm: &'static digest::Algorithm) {
    ath(proof, digest::digest(algorithm, token.as_bytes()).as_ref());
}

fn ekm(proof: &mut ProofRecipe, octets: &[u8]) {
    proof.claims.set("ekm", base64url::encode(octets));
}

fn htu(proof: &mut ProofRecipe, setting: &Setting<'_>, scheme: &str, authority: &str) {
    proof.claims.set("htu", format!("{scheme}://{authority}{}", setting.path));
}

/// The identifier of a play: `#` stands for the number of the play.
fn fixed_jti(proof: &mut ProofRecipe, setting: &Setting<'_>, text: &str) {
    proof.claims.set("jti", text.replace('#', &setting.play.to_string()));
}

/// An identifier of that many characters, and another one at each request.
fn long_jti(proof: &mut ProofRecipe, setting: &Setting<'_>, length: usize) {
    let mut jti = format!("proof-{}-", setting.unique);
    jti.extend(std::iter::repeat_n('x', length.saturating_sub(jti.len())));
    proof.claims.set("jti", jti);
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

/// Another spelling of the same octets: the unused bits of the last character are set.
pub(crate) fn other_spelling(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut octets = text.as_bytes().to_vec();
    let unused = match octets.len() % 4 {
        2 => 0b1111,
        3 => 0b11,
        _ => 0,
    };
    if let Some(last) = octets.last_mut()
        && let Some(value) = ALPHABET.iter().position(|c| c == last)
        && let Some(other) = ALPHABET.get(value | unused)
    {
        *last = *other;
    }
    String::from_utf8_lossy(&octets).into_owned()
}
