//! Faults about the proof's claims.

use aws_lc_rs::digest;
use ekmcheck_binding::{base64url, digest::sha256, json::Value, refusal::Check};

use super::fault;
use crate::fault::{
    Bend, Fault, JtiBy,
    sight::{Sight, hex},
};

const EKM: &[Check] = &[Check::Ekm];
const ATH: &[Check] = &[Check::Ath];

pub(super) const TABLE: &[Fault] = &[
    fault(
        "ekm-unchecked",
        "does not compare the exporter value",
        &[Bend::Omits(Check::Ekm, None)],
        &[
            "rs.replay.another-process",
            "rs.replay.after-a-restart",
            "rs.exporter.random",
            "rs.exporter.missing",
            "rs.exporter.zero",
            "rs.replay.second-connection",
            "rs.replay.same-certificate-after-close",
        ],
    ),
    fault(
        "ekm-optional",
        "accepts a proof without ekm",
        &[Bend::Also(EKM, |s| s.lacks("ekm"))],
        &["rs.exporter.missing"],
    ),
    fault(
        "ekm-of-other-type",
        "takes an ekm that is no string for absent",
        &[Bend::Also(EKM, |s| s.is_other_type("ekm"))],
        &["rs.exporter.null", "rs.exporter.number", "rs.exporter.array", "rs.exporter.object"],
    ),
    fault(
        "names-without-case",
        "looks claims up without regard to case",
        &[
            Bend::Also(EKM, |s| {
                named(s, |n| n.eq_ignore_ascii_case("ekm")) == Some(base64url::encode(s.exported("right")))
            }),
            Bend::Also(ATH, |s| {
                named(s, |n| n.eq_ignore_ascii_case("ath")) == Some(base64url::encode(&sha256(s.token.as_bytes())))
            }),
        ],
        &["rs.exporter.name-capitalised", "rs.token-hash.name-in-upper-case"],
    ),
    fault(
        "claims-at-any-depth",
        "looks claims up in objects too",
        &[
            Bend::Also(EKM, |s| inner(s, "ekm") == Some(base64url::encode(s.exported("right")))),
            Bend::Also(ATH, |s| inner(s, "ath") == Some(base64url::encode(&sha256(s.token.as_bytes())))),
        ],
        &["rs.exporter.nested", "rs.token-hash.nested"],
    ),
    fault(
        "ekm-unset",
        "compares with a buffer that was never filled",
        &[Bend::Also(EKM, |s| s.ekm().iter().all(|b| *b == 0) && !s.lacks("ekm") && !s.is_other_type("ekm"))],
        &["rs.exporter.zero", "rs.exporter.empty"],
    ),
    fault(
        "ekm-prefix",
        "compares as many octets as the shorter value has",
        &[Bend::Also(EKM, |s| {
            let (carried, right) = (s.ekm(), s.exported("right"));
            carried.len() >= 16 && carried.iter().zip(right).all(|(a, b)| a == b)
        })],
        &["rs.exporter.31-octets", "rs.exporter.33-octets"],
    ),
    fault(
        "ekm-longer-export",
        "accepts a 64-octet export",
        &[Bend::Also(EKM, |s| s.ekm() == s.exported("64-octets"))],
        &["rs.exporter.64-octets"],
    ),
    fault(
        "ekm-truncated-export",
        "truncates a 64-octet export",
        &[Bend::Also(EKM, |s| s.exported("64-octets").get(..32) == Some(&s.ekm()))],
        &["rs.exporter.truncated"],
    ),
    fault(
        "ekm-in-hex",
        "reads ekm in hexadecimal",
        &[Bend::Also(EKM, |s| s.claim("ekm") == hex(s.exported("right")))],
        &["rs.exporter.in-hex"],
    ),
    fault(
        "ekm-padded",
        "reads padded ekm",
        &[Bend::Also(EKM, |s| s.claim("ekm") == format!("{}=", base64url::encode(s.exported("right"))))],
        &["rs.exporter.padded"],
    ),
    fault(
        "ekm-of-any-connection",
        "accepts the exporter value of any live connection",
        &[Bend::Also(EKM, |s| s.others.iter().any(|o| o.right() == s.ekm()))],
        &[
            "rs.replay.quic-and-tcp",
            "rs.exporter.of-another-connection",
            "rs.replay.proofs-swapped",
            "rs.replay.proof-of-an-unused-connection",
        ],
    ),
    fault(
        "exports-without-context",
        "exports with no context",
        &[Bend::Exports("no-context")],
        &["rs.exporter.no-context", "rs.exporter.zero-length-context", "rs.accept.valid-tls12"],
    ),
    fault(
        "exports-with-nul-context",
        "exports with a NUL octet as context",
        &[Bend::Exports("nul-context")],
        &[
            "rs.exporter.nul-context",
            "rs.accept.valid",
            "rs.transport.aes-128-gcm",
            "rs.transport.aes-256-gcm",
            "rs.transport.chacha20",
            "rs.transport.hello-retry",
            "rs.exporter.no-context-in-tls13",
        ],
    ),
    fault(
        "exports-label-with-nul",
        "counts the NUL behind the label",
        &[Bend::Exports("label-with-nul")],
        &["rs.exporter.label-with-nul"],
    ),
    fault(
        "accepts-other-labels",
        "tries other spellings of the label too",
        &[Bend::Also(EKM, |s| {
            ["label-with-nul", "label-without-prefix", "label-in-lower-case"].iter().any(|n| s.ekm() == s.exported(n))
        })],
        &["rs.exporter.label-with-nul", "rs.exporter.label-without-prefix", "rs.exporter.label-in-lower-case"],
    ),
    fault(
        "accepts-channel-binding",
        "accepts the value of EXPORTER-Channel-Binding too",
        &[Bend::Also(EKM, |s| s.ekm() == s.exported("channel-binding-label"))],
        &["rs.exporter.channel-binding-label"],
    ),
    fault(
        "accepts-any-context",
        "tries other contexts too",
        &[Bend::Also(EKM, |s| ["no-context", "nul-context"].iter().any(|n| s.ekm() == s.exported(n)))],
        &["rs.exporter.no-context", "rs.exporter.nul-context"],
    ),
    fault(
        "ath-unchecked",
        "does not compare the token's hash",
        &[Bend::Omits(Check::Ath, None)],
        &["rs.token-hash.of-another-token", "rs.cache.other-token"],
    ),
    fault(
        "ath-optional",
        "accepts a proof without ath",
        &[Bend::Also(ATH, |s| s.lacks("ath"))],
        &["rs.token-hash.missing"],
    ),
    fault(
        "ath-of-other-type",
        "takes an ath that is no string for absent",
        &[Bend::Also(ATH, |s| s.is_other_type("ath"))],
        &["rs.token-hash.null", "rs.token-hash.number", "rs.token-hash.array"],
    ),
    fault(
        "ath-in-hex",
        "reads ath in hexadecimal",
        &[Bend::Also(ATH, |s| s.claim("ath") == hex(&sha256(s.token.as_bytes())))],
        &["rs.token-hash.in-hex"],
    ),
    fault(
        "ath-padded",
        "reads padded ath",
        &[Bend::Also(ATH, |s| {
            s.claim("ath").strip_suffix('=') == Some(&base64url::encode(&sha256(s.token.as_bytes())))
        })],
        &["rs.token-hash.padded"],
    ),
    fault(
        "ath-any-hash",
        "accepts other hashes",
        &[Bend::Also(ATH, |s| {
            [&digest::SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA384, &digest::SHA512]
                .iter()
                .any(|a| hash_is(s, digest::digest(a, s.token.as_bytes()).as_ref()))
        })],
        &["rs.token-hash.sha-1", "rs.token-hash.sha-384", "rs.token-hash.sha-512"],
    ),
    fault(
        "ath-of-field",
        "hashes the whole Authorization value",
        &[Bend::Also(ATH, |s| hash_is(s, &sha256(format!("Bearer {}", s.token).as_bytes())))],
        &["rs.token-hash.with-scheme"],
    ),
    fault(
        "ath-of-payload",
        "hashes the payload of the token",
        &[Bend::Also(ATH, |s| hash_is(s, &sha256(s.token.split('.').nth(1).unwrap_or_default().as_bytes())))],
        &["rs.token-hash.of-payload"],
    ),
    fault(
        "ath-with-newline",
        "hashes a line",
        &[Bend::Also(ATH, |s| hash_is(s, &sha256(format!("{}\n", s.token).as_bytes())))],
        &["rs.token-hash.with-newline"],
    ),
    fault(
        "ath-half",
        "is content with half of the hash",
        &[Bend::Also(ATH, |s| hash_is(s, &sha256(s.token.as_bytes())[..16]))],
        &["rs.token-hash.left-half"],
    ),
    fault(
        "iat-unchecked",
        "does not look at the time of iat",
        &[Bend::Omits(Check::Iat, None)],
        &[
            "rs.iat.one-hour-past",
            "rs.iat.one-hour-ahead",
            "rs.iat.milliseconds",
            "rs.iat.zero",
            "rs.iat.two-to-the-64",
        ],
    ),
    fault(
        "iat-never-stale",
        "accepts any age",
        &[Bend::Window(f64::INFINITY, 60.0)],
        &["rs.iat.one-hour-past", "rs.iat.zero"],
    ),
    fault(
        "iat-any-future",
        "accepts any time ahead",
        &[Bend::Window(300.0, f64::INFINITY)],
        &["rs.iat.one-hour-ahead", "rs.iat.milliseconds"],
    ),
    fault(
        "iat-no-skew",
        "allows no difference between clocks",
        &[Bend::Window(5.0, 0.0)],
        &["rs.iat.10-seconds-past", "rs.iat.8-seconds-ahead"],
    ),
    fault("iat-optional", "accepts a proof without iat", &[Bend::Absent("iat")], &["rs.iat.missing"]),
    fault(
        "iat-of-other-type",
        "lets an iat pass that it cannot read",
        &[Bend::Swallows(Check::Iat)],
        &[
            "rs.iat.string",
            "rs.iat.true",
            "rs.iat.null",
            "rs.iat.beyond-a-double",
            "rs.iat.exponent-999999",
            "rs.iat.6000-digits",
        ],
    ),
    fault(
        "htm-unchecked",
        "does not compare htm",
        &[Bend::Omits(Check::Htm, None)],
        &["rs.method.alone", "rs.method.of-another-method"],
    ),
    fault(
        "odd-htm-is-absent",
        "takes an htm of another type for absent",
        &[Bend::Absent("htm")],
        &["rs.method.null", "rs.method.empty", "rs.method.array", "rs.method.number"],
    ),
    fault("htu-unchecked", "does not compare htu", &[Bend::Omits(Check::Htu, None)], &["rs.target.of-another-path"]),
    fault("odd-htu-is-absent", "takes an htu of another type for absent", &[Bend::Absent("htu")], &["rs.target.null"]),
    fault(
        "htu-path-only",
        "compares the path of htu only",
        &[Bend::Also(&[Check::Htu], |s| {
            let path = s.text.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
            path.is_some() && path == s.request.map(|r| r.target.path)
        })],
        &["rs.target.of-another-host", "rs.target.with-http-scheme"],
    ),
    fault(
        "htu-prefix",
        "compares the beginning of htu",
        &[Bend::Also(&[Check::Htu], |s| {
            s.request.is_some_and(|r| !s.text.is_empty() && r.target.path.starts_with(s.text))
        })],
        &["rs.target.of-a-prefix"],
    ),
    fault(
        "htm-always-get",
        "compares htm with GET, whatever the method",
        &[Bend::Not(Check::Htm, |s| s.text != "GET")],
        &["rs.method.right"],
    ),
    fault(
        "jti-unchecked",
        "does not look at jti",
        &[Bend::Omits(Check::Jti, None)],
        &["rs.jti.same-proof-twice", "rs.jti.same-jti-fresh-proof", "rs.cache.jti-replayed-on-hit"],
    ),
    fault(
        "odd-jti-is-absent",
        "takes a jti of another type for absent",
        &[Bend::Absent("jti")],
        &["rs.jti.null", "rs.jti.empty", "rs.jti.number"],
    ),
    fault(
        "jti-by-proof",
        "remembers whole proofs instead of jti",
        &[Bend::Jti(JtiBy::ProofBytes)],
        &["rs.jti.same-jti-fresh-proof"],
    ),
    fault(
        "jti-for-the-window",
        "forgets jti after the window of iat",
        &[Bend::Jti(JtiBy::Window)],
        &["rs.jti.after-the-iat-window"],
    ),
    fault(
        "jti-folded",
        "compares jti without regard to case, white space and Unicode normal form",
        &[Bend::Jti(JtiBy::Folded)],
        &["rs.jti.differs-in-case", "rs.jti.differs-in-white-space", "rs.jti.differs-in-normal-form"],
    ),
    fault(
        "jti-burned-first",
        "uses jti up before the other checks",
        &[Bend::BurnsJti],
        &["rs.jti.not-used-up-by-a-bad-proof"],
    ),
];

/// The first claim whose name is as wanted, where it is a string.
fn named(sight: &Sight<'_>, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let (_, value) = sight.proof?.claims.members().iter().find(|(name, _)| wanted(name))?;
    if let Value::String(text) = value { Some(text.clone()) } else { None }
}

/// A string of that name in an object among the claims.
fn inner(sight: &Sight<'_>, name: &str) -> Option<String> {
    sight.proof?.claims.members().iter().find_map(|(_, value)| match value {
        Value::Object(object) => match object.member(name)? {
            Value::String(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    })
}

fn hash_is(sight: &Sight<'_>, octets: &[u8]) -> bool {
    sight.claim("ath") == base64url::encode(octets)
}
