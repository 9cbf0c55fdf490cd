//! Faults about the token, its confirmation, and whether a proof is asked for.

use ekmcheck_binding::{
    base64url,
    confirmation::Confirmation,
    digest::{Thumbprint, sha256},
    json::{Object, Value},
    refusal::Check,
    steps::Moment,
};

use super::fault;
use crate::{
    fault::{Bend, CachesBy, Fault},
    tokens::TokenFault,
};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "proof-optional",
        "accepts a bound token without a proof",
        &[Bend::Omits(Check::Presence, None)],
        &[
            "rs.presence.every-method",
            "rs.answer.head",
            "rs.presence.absent",
            "rs.presence.absent-after-verification",
            "rs.answer.use-session-binding",
            "rs.handshake.early-data-without-proof",
        ],
    ),
    fault(
        "proof-optional-after-first",
        "asks for no proof once the binding was verified",
        &[Bend::CachesBy(CachesBy::ConnectionAndToken), Bend::Omits(Check::Presence, Some(Moment::Hit))],
        &["rs.presence.absent-after-verification", "rs.message.pipelined"],
    ),
    fault(
        "anonymous-passes",
        "lets a request pass that has no credentials",
        &[Bend::Swallows(Check::Credentials)],
        &["rs.answer.no-credentials"],
    ),
    fault(
        "empty-field-passes",
        "takes an empty proof field for a verified one",
        &[Bend::Swallows(Check::Field)],
        &["rs.field.empty"],
    ),
    fault(
        "token-signature-unchecked",
        "does not verify the token's signature",
        &[Bend::Token(TokenFault::Signature)],
        &["rs.cache.invalid-token", "rs.token.signed-by-stranger"],
    ),
    fault(
        "token-expiry-unchecked",
        "does not look at the token's exp",
        &[Bend::Token(TokenFault::Expiry)],
        &["rs.token.expired", "rs.cache.token-expires"],
    ),
    fault(
        "token-audience-unchecked",
        "does not look at the token's aud",
        &[Bend::Token(TokenFault::Audience)],
        &["rs.replay.another-service", "rs.token.another-audience"],
    ),
    fault(
        "token-typ-unchecked",
        "does not look at the token's typ",
        &[Bend::Token(TokenFault::Typ)],
        &["rs.token.typ-jwt", "rs.token.typ-security-event"],
    ),
    fault(
        "token-valid-for-ever",
        "does not look again at a token that was valid once",
        &[Bend::Token(TokenFault::ValidForEver)],
        &["rs.cache.token-expires"],
    ),
    fault(
        "any-jwt-is-a-token",
        "takes any JWT for an access token",
        &[Bend::Token(TokenFault::AnyJwt)],
        &["rs.confusion.proof-as-token", "rs.token.signed-by-stranger"],
    ),
    fault(
        "token-last-duplicate-wins",
        "takes the last of two members of a token with the same name",
        &[Bend::Token(TokenFault::LastDuplicateWins)],
        &["rs.confirmation.twice-unbound-last", "rs.confirmation.tls-exp-twice-null-first"],
    ),
    fault(
        "token-first-duplicate-wins",
        "takes the first of two members of a token with the same name",
        &[Bend::Token(TokenFault::FirstDuplicateWins)],
        &["rs.confirmation.twice-unbound-first", "rs.confirmation.tls-exp-twice-null-last"],
    ),
    fault(
        "certificate-unchecked",
        "does not compare the token's certificate with the connection's",
        &[Bend::Omits(Check::Certificate, None)],
        &[
            "rs.replay.same-subject",
            "rs.replay.by-a-resource-server",
            "rs.confirmation.another-certificate",
            "rs.confirmation.renewed-certificate",
            "rs.replay.stolen-token",
        ],
    ),
    fault(
        "certificate-of-the-chain",
        "accepts a token that is bound to any certificate of the client's chain",
        &[Bend::Also(&[Check::Certificate], |s| s.chain.iter().any(|c| s.wanted == Some(&Thumbprint::of_der(c))))],
        &["rs.confirmation.issuing-ca", "rs.confirmation.stranger-in-chain"],
    ),
    fault(
        "certificate-by-beginning",
        "compares the first half of the thumbprint",
        &[Bend::Also(&[Check::Certificate], |s| {
            s.connection
                .zip(s.wanted)
                .is_some_and(|(c, w)| c.certificate.thumbprint().octets()[..16] == w.octets()[..16])
        })],
        &["rs.confirmation.another-end"],
    ),
    fault(
        "certificate-by-pem",
        "hashes the PEM text of the certificate",
        &[Bend::Also(&[Check::Certificate], |s| {
            let pem = s.connection.map(|c| ekmcheck_forge::alteration::pem("CERTIFICATE", c.certificate.der()));
            pem.is_some_and(|pem| s.wanted.is_some_and(|w| *w.octets() == sha256(pem.as_bytes())))
        })],
        &["rs.confirmation.pem-text"],
    ),
    fault(
        "certificate-by-public-key",
        "hashes the public key of the certificate",
        &[Bend::Also(&[Check::Certificate], |s| {
            s.connection.is_some_and(|c| s.wanted.is_some_and(|w| *w.octets() == sha256(c.certificate.key().spki())))
        })],
        &["rs.confirmation.public-key"],
    ),
    fault(
        "thumbprint-in-hex",
        "reads a thumbprint in hexadecimal",
        &[Bend::Confirms(|claims| {
            let octets: Option<Vec<u8>> = x5t(claims)
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            session(&base64url::encode(&octets?))
        })],
        &["rs.confirmation.lower-case-hex", "rs.confirmation.upper-case-hex"],
    ),
    fault(
        "thumbprint-padded",
        "reads a padded thumbprint",
        &[Bend::Confirms(|claims| session(x5t(claims).trim_end_matches('=')))],
        &["rs.confirmation.padded"],
    ),
    fault(
        "tls-exp-without-x5t",
        "is content with tls_exp alone",
        &[Bend::Confirms(|claims| {
            let cnf = cnf(claims)?;
            (cnf.member("tls_exp").is_some() && cnf.member("x5t#S256").is_none()).then_some(Confirmation::Unbound)
        })],
        &["rs.confirmation.without-x5t"],
    ),
    fault(
        "odd-tls-exp-is-absent",
        "takes a tls_exp that is no label for absent",
        &[Bend::Confirms(|claims| match cnf(claims)?.member("tls_exp") {
            Some(Value::String(text)) if !text.is_empty() => None,
            _ => Some(Confirmation::Unbound),
        })],
        &[
            "rs.confirmation.tls-exp-true-without-proof",
            "rs.confirmation.tls-exp-empty-without-proof",
            "rs.confirmation.tls-exp-true",
            "rs.confirmation.tls-exp-null",
            "rs.confirmation.tls-exp-empty",
            "rs.confirmation.tls-exp-array",
        ],
    ),
    fault(
        "other-label-is-absent",
        "takes another label in tls_exp for absent",
        &[Bend::Confirms(|claims| match cnf(claims)?.member("tls_exp") {
            Some(Value::String(text)) if !text.is_empty() => Some(Confirmation::Unbound),
            _ => None,
        })],
        &["rs.confirmation.other-label-without-proof", "rs.confirmation.other-label", "rs.confirmation.other-case"],
    ),
    fault(
        "odd-cnf-is-absent",
        "takes a cnf that is no object for absent",
        &[Bend::Confirms(|claims| match claims.member("cnf") {
            Some(Value::Object(_)) => None,
            _ => Some(Confirmation::Unbound),
        })],
        &["rs.confirmation.cnf-string", "rs.confirmation.cnf-array"],
    ),
    fault(
        "unknown-cnf-members-refused",
        "refuses tokens with unknown members in cnf",
        &[Bend::Token(TokenFault::UnknownConfirmation)],
        &["rs.confirmation.unknown-members"],
    ),
    fault(
        "believes-certificate-fields",
        "goes by Client-Cert for whom the token belongs to",
        &[Bend::BelievesCertificateFields],
        &["rs.replay.client-certificate-fields"],
    ),
    fault(
        "believes-x5c",
        "goes by x5c in the proof for whom the token belongs to",
        &[Bend::BelievesX5c],
        &["rs.key.x5c-of-victim"],
    ),
    fault(
        "believes-exporter-field",
        "goes by TLS-Exporter, as drafts before -06 had it",
        &[Bend::BelievesExporterField],
        &["rs.replay.tls-exporter-field"],
    ),
    fault(
        "believes-proxy-fields",
        "goes by the fields of a proxy for certificate and exporter value",
        &[Bend::BelievesProxy],
        &["rs.replay.all-forwarding-fields", "rs.replay.tls-exporter-field"],
    ),
];

fn cnf(claims: &Object) -> Option<&Object> {
    match claims.member("cnf") {
        Some(Value::Object(cnf)) => Some(cnf),
        _ => None,
    }
}

fn x5t(claims: &Object) -> &str {
    match cnf(claims).and_then(|cnf| cnf.member("x5t#S256")) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

fn session(text: &str) -> Option<Confirmation> {
    Thumbprint::parse(text).ok().map(Confirmation::Session)
}
