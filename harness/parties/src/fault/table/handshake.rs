//! Faults about handshakes, and about what a connection says of its client.

use ekmcheck_binding::{algorithm::KeyKind, refusal::Check};

use super::fault;
use crate::{
    fault::{Bend, Fault},
    wire::Habit,
};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "no-certificate-no-check",
        "asks for a client certificate, goes on without one, and then checks nothing",
        &[Bend::Handshakes(Habit::OptionalCertificate), Bend::ServesNobody],
        &["rs.handshake.no-certificate"],
    ),
    fault(
        "certificate-at-any-time",
        "does not look at the validity of client certificates",
        &[Bend::Handshakes(Habit::AnyTime)],
        &["rs.handshake.expired", "rs.handshake.not-yet-valid"],
    ),
    fault(
        "certificate-of-anybody",
        "takes client certificates of any issuer",
        &[Bend::Handshakes(Habit::AnyIssuer)],
        &["rs.handshake.unknown-authority"],
    ),
    fault(
        "sessions-of-another-authority",
        "resumes sessions of clients that it would not let in by their certificates",
        &[Bend::Handshakes(Habit::SharedSessions)],
        &["rs.handshake.session-of-another-listener", "rs.handshake.session-under-former-authority"],
    ),
    fault(
        "raw-public-key-no-check",
        "takes raw public keys, and then checks nothing, as there is no certificate",
        &[Bend::Handshakes(Habit::RawPublicKeys), Bend::ServesNobody],
        &["rs.handshake.raw-public-key"],
    ),
    fault(
        "possession-unproved",
        "verifies neither the signature in the handshake nor that of the proof",
        &[Bend::Handshakes(Habit::AnySignature), Bend::Omits(Check::Signature, None)],
        &["rs.handshake.point-off-the-curve"],
    ),
    fault(
        "unreadable-key-no-check",
        "checks nothing where the certificate has a key that it cannot read",
        &[Bend::Handshakes(Habit::AnySignature), Bend::ServesNobody],
        &["rs.alg.rs256-with-pss-key"],
    ),
    fault(
        "rsa-of-any-length",
        "takes RSA keys of fewer than 2,048 bits",
        &[
            Bend::Handshakes(Habit::AnySignature),
            Bend::Also(&[Check::Alg, Check::Signature], |s| {
                s.connection.is_some_and(|c| matches!(c.certificate.key().kind(), KeyKind::Rsa(..2048)))
            }),
        ],
        &["rs.alg.rsa-1024"],
    ),
    fault(
        "old-versions",
        "begins handshakes of TLS 1.0 and 1.1",
        &[Bend::Handshakes(Habit::OldVersions)],
        &["rs.handshake.tls10", "rs.handshake.tls11"],
    ),
    fault(
        "exporter-of-another-open-connection",
        "compares ekm with the exporter value of the client's other connection, where one is open",
        &[Bend::Not(Check::Ekm, |s| s.others.first().is_some_and(|other| other.right() != s.ekm()))],
        &["rs.transport.version-negotiation"],
    ),
    fault(
        "early-data-with-the-last-exporter",
        "takes early data, and compares ekm there with the exporter value of the connection whose session is resumed",
        &[
            Bend::Handshakes(Habit::EarlyData),
            Bend::Also(&[Check::Ekm], |s| s.early_data && s.others.iter().any(|other| other.right() == s.ekm())),
        ],
        &["rs.handshake.early-data-with-the-last-proof"],
    ),
    fault(
        "alpn-needed",
        "finds no exporter value where no application protocol was agreed on",
        &[Bend::Not(Check::Ekm, |s| s.alpn.is_none())],
        &["rs.transport.alpn"],
    ),
    fault(
        "certificate-before-the-last",
        "takes the certificate before the last for the client's, as if no chain were longer than two",
        &[Bend::LastButOne],
        &["rs.accept.chain-with-strangers"],
    ),
];
