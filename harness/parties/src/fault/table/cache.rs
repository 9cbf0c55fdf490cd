//! Faults about the cache and about what a connection is.

use ekmcheck_binding::{refusal::Check, steps::Moment};

use super::fault;
use crate::fault::{Bend, CachesBy, Fault};

const ANOTHER_CONNECTION: &[&str] = &["rs.cache.other-connection", "rs.replay.second-connection"];

pub(super) const TABLE: &[Fault] = &[
    fault("cache-by-token", "caches by the token alone", &[Bend::CachesBy(CachesBy::Token)], ANOTHER_CONNECTION),
    fault(
        "cache-by-connection",
        "caches by the connection alone",
        &[Bend::CachesBy(CachesBy::Connection)],
        &["rs.cache.other-token"],
    ),
    fault(
        "cache-by-certificate",
        "caches by certificate and token",
        &[Bend::CachesBy(CachesBy::CertificateAndToken)],
        ANOTHER_CONNECTION,
    ),
    fault(
        "cache-by-certificate-and-proof",
        "caches verified proofs by certificate",
        &[Bend::CachesBy(CachesBy::CertificateAndProof)],
        &["rs.cache.other-connection", "rs.cache.other-token"],
    ),
    fault(
        "cache-outlives-connection",
        "caches by certificate and token, and keeps entries when connections end",
        &[Bend::CachesBy(CachesBy::CertificateAndToken), Bend::KeepsEntries],
        &[
            "rs.cache.reconnect-after-close-notify",
            "rs.cache.reconnect-after-fin",
            "rs.cache.reconnect-after-rst",
            "rs.replay.same-certificate-after-close",
            "rs.transport.resumed-tls12",
            "rs.transport.resumed-tls13",
        ],
    ),
    fault(
        "cache-by-port",
        "caches by the client's port, and keeps entries when connections end",
        &[Bend::CachesBy(CachesBy::PortAndToken), Bend::KeepsEntries],
        &["rs.cache.same-source-port"],
    ),
    fault(
        "hit-skips-certificate",
        "caches by the token alone, and does not look at the certificate on a hit",
        &[Bend::CachesBy(CachesBy::Token), Bend::Omits(Check::Certificate, Some(Moment::Hit))],
        &["rs.replay.stolen-token", "rs.replay.stolen-token-and-proof", "rs.replay.proof-signed-by-thief"],
    ),
    fault(
        "hit-skips-jti",
        "does not look at jti on a hit",
        &[Bend::Omits(Check::Jti, Some(Moment::Hit))],
        &[
            "rs.iat.clock-steps",
            "rs.replay.within-the-connection-with-jti",
            "rs.jti.alone-elsewhere",
            "rs.cache.jti-replayed-on-hit",
            "rs.jti.same-proof-twice",
        ],
    ),
    fault(
        "hit-skips-htm",
        "does not compare htm on a hit",
        &[Bend::Omits(Check::Htm, Some(Moment::Hit))],
        &["rs.cache.other-method-on-hit"],
    ),
    fault(
        "hit-skips-htu",
        "does not compare htu on a hit",
        &[Bend::Omits(Check::Htu, Some(Moment::Hit))],
        &["rs.target.alone-elsewhere", "rs.cache.other-target-on-hit"],
    ),
    fault(
        "hit-skips-everything",
        "takes a hit for (connection, token) for the whole verification, per-request claims included",
        &[
            Bend::CachesBy(CachesBy::ConnectionAndToken),
            Bend::Omits(Check::Htm, Some(Moment::Hit)),
            Bend::Omits(Check::Htu, Some(Moment::Hit)),
            Bend::Omits(Check::Jti, Some(Moment::Hit)),
        ],
        &["rs.cache.per-request-after-static", "rs.cache.jti-replayed-on-hit"],
    ),
    fault(
        "refuses-after-refusal",
        "remembers refusals by token",
        &[Bend::RemembersRefusals],
        &["rs.cache.no-negative-entries", "rs.accept.control-after-refusals"],
    ),
    fault(
        "one-proof-once",
        "accepts each proof once",
        &[Bend::OneProofOnce],
        &[
            "rs.transport.key-update-by-server",
            "rs.transport.key-update-by-client",
            "rs.transport.quic-migration",
            "rs.accept.reused-proof",
            "rs.accept.parallel-streams",
        ],
    ),
    fault(
        "one-token-a-connection",
        "binds a connection to its first token",
        &[Bend::OneToken],
        &[
            "rs.accept.long-life",
            "rs.accept.three-tokens",
            "rs.transport.quic-key-update",
            "rs.transport.quic-cid",
            "rs.transport.a-hundred-key-updates",
            "rs.accept.many-tokens",
            "rs.accept.token-rotated",
        ],
    ),
    fault(
        "one-proof-a-token",
        "wants the first proof of a token again",
        &[Bend::OneProof],
        &["rs.replay.old-address-of-another", "rs.accept.fresh-proof-mid-connection"],
    ),
];
