//! Which requirement a vector is about.

use ekmcheck_binding::refusal::Check;
use ekmcheck_forge::alteration::{Alteration, Leads};
use ekmcheck_suite::case::{
    Basis::{self, Draft, Hardening, Inherited},
    Level::{self, May, Must, Should},
};

/// A requirement as a vector names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub requirement: &'static str,
    /// The clause that decides.
    pub clause: &'static str,
    /// How strong it is.
    pub level: Level,
    /// Where it comes from.
    pub basis: Basis,
}

pub(super) const fn entry_of(requirement: &'static str, clause: &'static str, level: Level, basis: Basis) -> Entry {
    Entry { requirement, clause, level, basis }
}

/// The entry for a vector: by its check, or by what it changes where no check refuses.
pub(super) fn entry(name: &str, changes: Option<&str>, leads: Leads) -> Entry {
    if let Some((_, check, clause)) = LEFT_OPEN.iter().find(|(open, ..)| *open == name) {
        return Entry { level: May, basis: Inherited, clause, ..by_check(*check) };
    }
    if let Some((entry, _)) = FINER.iter().find(|(_, names)| names.contains(&name)) {
        return *entry;
    }
    match leads {
        Leads::Refused(check) => by_check(check),
        Leads::Open(Some(check)) => Entry { level: May, ..by_check(check) },
        Leads::Open(None) => Entry { level: May, ..by_path(changes.unwrap_or("proof.header.alg")) },
        Leads::Accepted => changes.map_or(entry_of("rs.accepts-valid-proof", "3.3.2 6", Must, Draft), by_path),
    }
}

/// Rows of the table that a right verifier may take, by an RFC that leaves the choice: to a verifier library they are
/// open, whatever a server is expected to do with them. Each with the clause that says so.
pub const LEFT_OPEN: &[(&str, Check, &str)] = &[
    // "Recipients MAY consider the JWS to be invalid if the critical list contains" such names, or breaks other rules.
    ("crit-empty", Check::Crit, "RFC 7515 4.1.11"),
    ("crit-standard-name", Check::Crit, "RFC 7515 4.1.11"),
    // A reader may take the last of two members, which here is the right one.
    ("typ-twice-wrong-first", Check::Format, "RFC 7515 4"),
    ("ath-twice-wrong-first", Check::Format, "RFC 7519 4"),
    ("ekm-twice-wrong-first", Check::Format, "RFC 7519 4"),
    ("payload-member-twice", Check::Format, "RFC 7519 4"),
    // "Implementations that parse JSON texts MAY ignore the presence of a byte order mark".
    ("byte-order-mark-in-payload", Check::Format, "RFC 8259 8.1"),
];

/// What a row should lead to in a verifier library.
pub(super) fn leads(row: &Alteration) -> Leads {
    let open = LEFT_OPEN.iter().find(|(name, ..)| *name == row.name);
    open.map_or(row.leads, |(_, check, _)| Leads::Open(Some(*check)))
}

pub(super) fn by_check(check: Check) -> Entry {
    match check {
        Check::Token => entry_of("rs.token-valid", "3.3.2 5b", Must, Draft),
        Check::Confirmation => entry_of("rs.confirmation-form", "2.4", Must, Draft),
        Check::Certificate => entry_of("rs.certificate-binding", "3.3.2 5c", Must, Draft),
        Check::Presence => entry_of("rs.proof-required", "3.3.2 5d", Must, Draft),
        Check::Field => entry_of("rs.one-proof-field", "3.5", Must, Hardening),
        Check::Format => entry_of("rs.proof-form", "2.3; RFC 7515", Must, Inherited),
        Check::Crit => entry_of("rs.crit", "RFC 7515 4.1.11", Must, Inherited),
        Check::Typ => entry_of("rs.typ", "2.3.1", Must, Draft),
        Check::Alg => entry_of("rs.alg-fits-key", "2.3.1", Must, Draft),
        Check::X5t => entry_of("rs.x5t-header", "2.3.1", Should, Draft),
        Check::Signature => entry_of("rs.signature", "3.3.2 5e", Must, Draft),
        Check::Ekm => entry_of("rs.exporter-match", "3.3.2 5f", Must, Draft),
        Check::Ath => entry_of("rs.token-hash", "3.3.2 5g", Must, Draft),
        Check::Iat => entry_of("rs.iat-window", "3.3.2 5h", Must, Draft),
        Check::Htm => entry_of("rs.htm", "3.3.2 5i", Must, Draft),
        Check::Htu => entry_of("rs.htu", "3.3.2 5i", Must, Draft),
        Check::Jti => entry_of("rs.jti", "3.3.2 5i", Must, Draft),
        // Those of the `Authorization` field, which no vector has.
        _ => entry_of("rs.field-syntax", "RFC 6750 2.1", Must, Inherited),
    }
}

fn by_path(path: &str) -> Entry {
    match path {
        "proof.header.alg" => by_check(Check::Alg),
        "proof.claims.iat" => by_check(Check::Iat),
        "proof.claims.htm" => by_check(Check::Htm),
        "proof.claims.htu" => by_check(Check::Htu),
        "proof.claims.jti" => by_check(Check::Jti),
        path if path.starts_with("token.claims.cnf") => by_check(Check::Confirmation),
        _ => entry_of("rs.ignores-unknown", "RFC 7519 4", Must, Inherited),
    }
}

/// Alterations for which the check alone says too little or too much: the draft demands the check, but an RFC that it
/// builds on, or only this suite's judgement, demands that it covers just this. A test holds this list against the live
/// cases of the same alterations.
const FINER: &[(Entry, &[&str])] = &[
    (entry_of("rs.alg-asymmetric", "2.3.1", Must, Draft), &["hmac-ekm", "hmac-token"]),
    (
        entry_of("rs.alg-asymmetric", "RFC 8725 3.1", Must, Inherited),
        &[
            "hmac-certificate-der",
            "hmac-certificate-pem-without-newline",
            "hmac-certificate-pem",
            "hmac-key-der",
            "hmac-key-material",
            "hmac-key-pem",
            "hmac-x-coordinate",
        ],
    ),
    (
        entry_of("rs.alg-asymmetric", "RFC 8725 3.2", Must, Inherited),
        &["alg-none-capital", "alg-none-mixed-case", "alg-none-upper-case", "alg-none-with-signature", "alg-none"],
    ),
    (entry_of("rs.alg-fits-key", "RFC 7515 4.1.1", Must, Inherited), &["alg-lower-case", "alg-missing"]),
    (entry_of("rs.alg-fits-key", "RFC 8725 3.2", Must, Hardening), &["alg-rs1"]),
    (entry_of("rs.alg-fits-key", "RFC 9864", May, Inherited), &["alg-fully-specified"]),
    (
        entry_of("rs.certificate-binding", "RFC 8705 3.1", Must, Inherited),
        &["cnf-of-pem-text", "cnf-of-public-key", "cnf-in-lower-case-hex", "cnf-in-upper-case-hex"],
    ),
    (entry_of("rs.certificate-binding", "RFC 8705 3.1", Should, Inherited), &["cnf-padded"]),
    (entry_of("rs.certificate-binding", "3.3.2 5c", Must, Hardening), &["cnf-of-another-end"]),
    (entry_of("rs.confirmation-form", "2.2", Must, Hardening), &["tls-exp-other-label"]),
    (
        entry_of("rs.confirmation-form", "2.4", Must, Hardening),
        &["tls-exp-empty", "tls-exp-false", "tls-exp-null", "tls-exp-true"],
    ),
    (entry_of("rs.confirmation-form", "2.4", Should, Hardening), &["tls-exp-array", "tls-exp-other-case"]),
    (
        entry_of("rs.confirmation-form", "RFC 7800 3.1", Must, Inherited),
        &["cnf-array", "cnf-null", "cnf-string", "cnf-with-unknown-members"],
    ),
    (entry_of("rs.exporter-match", "2.3.2.1", Should, Draft), &["ekm-in-hex", "ekm-padded"]),
    (entry_of("rs.exporter-match", "RFC 4648 3.5", May, Inherited), &["ekm-with-unused-bits"]),
    (entry_of("rs.exporter-match", "RFC 7519 4", Must, Inherited), &["ekm-capitalised"]),
    (
        entry_of("rs.exporter-parameters", "2.2", Must, Draft),
        &[
            "ekm-channel-binding-label",
            "ekm-label-in-lower-case",
            "ekm-label-with-nul",
            "ekm-label-without-prefix",
            "ekm-no-context",
            "ekm-nul-context",
            "ekm-truncated",
        ],
    ),
    (entry_of("rs.htm", "RFC 9110 9.1", May, Inherited), &["htm-in-lower-case"]),
    (
        entry_of("rs.htu", "3.3.2 5i", Must, Hardening),
        &["htu-with-user-information", "htu-of-look-alike-host", "htu-of-host-that-begins-alike"],
    ),
    (entry_of("rs.htu", "2.3.2.2", Should, Hardening), &["htu-with-trailing-slash"]),
    (entry_of("rs.htu", "5.1", Should, Hardening), &["htu-without-first-segment"]),
    (entry_of("rs.htu", "RFC 3986 2.2", Must, Hardening), &["htu-with-escaped-slash"]),
    (entry_of("rs.htu", "RFC 3986 6.2.2.1", Must, Inherited), &["htu-path-in-upper-case"]),
    (entry_of("rs.htu", "RFC 3986 6.2.2.1", Should, Inherited), &["htu-host-in-upper-case"]),
    (entry_of("rs.htu", "RFC 3986 6.2.2.2", Should, Inherited), &["htu-percent-encoded"]),
    (entry_of("rs.htu", "RFC 3986 6.2.3", Should, Inherited), &["htu-with-default-port"]),
    (entry_of("rs.iat-window", "2.3.2.1", Must, Hardening), &["iat-string"]),
    (entry_of("rs.iat-window", "2.3.2.1", Must, Draft), &["iat-null", "iat-true"]),
    (entry_of("rs.iat-window", "3.3.2 5h", Should, Hardening), &["iat-10-seconds-past", "iat-8-seconds-ahead"]),
    (entry_of("rs.iat-window", "RFC 7519 2", May, Inherited), &["iat-fraction"]),
    (entry_of("rs.ignores-unknown", "RFC 7519 4.1", Should, Inherited), &["nbf-and-exp"]),
    (entry_of("rs.ignores-unknown", "RFC 7519 4", Should, Hardening), &["claims-named-like-properties"]),
    (entry_of("rs.ignores-unknown", "RFC 8259 7", Should, Inherited), &["payload-name-escaped"]),
    (entry_of("rs.ignores-unknown", "RFC 8725 3.10", Should, Inherited), &["kid-hostile"]),
    (entry_of("rs.jti", "2.3.2.2", Must, Hardening), &["jti-empty", "jti-null", "jti-number"]),
    (
        entry_of("rs.jti", "2.3.2.2", Should, Hardening),
        &["jti-fixed-in-upper-case", "jti-fixed-with-space", "jti-fixed-composed", "jti-fixed-decomposed"],
    ),
    (
        entry_of("rs.key-from-connection", "RFC 8725 3.10", Must, Inherited),
        &["jku-of-canary", "jwk-of-attacker", "x5c-of-attacker", "x5u-of-canary"],
    ),
    (entry_of("rs.proof-form", "2.3", Must, Draft), &["json-flattened", "json-general"]),
    (entry_of("rs.proof-form", "2.3", Must, Hardening), &["percent-encoded"]),
    (entry_of("rs.proof-form", "RFC 7515 3.1", Must, Hardening), &["payload-nested-deeply"]),
    (entry_of("rs.proof-form", "RFC 7515 4", Should, Inherited), &["typ-twice-wrong-last"]),
    (
        entry_of("rs.proof-form", "RFC 7519 4", Should, Inherited),
        &["ath-twice-wrong-last", "ekm-twice-wrong-last", "iat-twice-wrong-last"],
    ),
    (entry_of("rs.proof-form", "RFC 7797 7", Must, Inherited), &["b64-false"]),
    (entry_of("rs.proof-form", "RFC 8725 3.7", Should, Inherited), &["utf-16-payload"]),
    (entry_of("rs.signature", "RFC 7515 5.2", Must, Inherited), &["header-serialised-anew"]),
    (
        entry_of("rs.signature", "RFC 7518 3.4", Must, Inherited),
        &[
            "signature-der",
            "signature-ones",
            "signature-order-less-one",
            "signature-order-plus-one",
            "signature-r-order",
            "signature-r-plus-2-to-256",
            "signature-r-plus-order",
            "signature-r-plus-shifted-order",
            "signature-r-prime",
            "signature-r-prime-plus-one",
            "signature-r-zero",
            "signature-s-order",
            "signature-s-plus-2-to-256",
            "signature-s-plus-order",
            "signature-s-zero",
            "signature-too-long",
            "signature-truncated",
            "signature-with-leading-zeros",
            "signature-without-leading-zeros",
            "signature-zero",
        ],
    ),
    (entry_of("rs.signature", "RFC 7518 3.4", May, Inherited), &["signature-with-other-s"]),
    (
        entry_of("rs.signature", "RFC 7518 3.5", Must, Inherited),
        &["ps256-with-sha-1-mask", "ps256-with-short-salt", "ps256-without-salt"],
    ),
    (
        entry_of("rs.signature", "RFC 8017 8.2.2", Must, Inherited),
        &["rs256-in-ber", "rs256-with-garbage", "rs256-with-other-fill"],
    ),
    (entry_of("rs.signature", "RFC 8032 5.1.7", Must, Inherited), &["signature-s-plus-ed25519-order"]),
    (entry_of("rs.token-hash", "RFC 4648 3.5", May, Inherited), &["ath-with-unused-bits"]),
    (entry_of("rs.token-hash", "RFC 7515 2", Should, Inherited), &["ath-padded"]),
    (entry_of("rs.token-hash", "RFC 7519 4", Must, Inherited), &["ath-in-upper-case"]),
    (entry_of("rs.typ", "RFC 7515 4.1.9", May, Inherited), &["typ-in-other-case", "typ-with-application"]),
    (entry_of("rs.typ", "RFC 8725 3.11", Must, Inherited), &["typ-at-jwt", "typ-dpop", "typ-logout", "typ-wpt"]),
];
