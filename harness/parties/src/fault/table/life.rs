//! Faults about what lives longer than a request: numbers that come again, full caches, tokens that are looked up.

use ekmcheck_binding::refusal::Check;

use super::fault;
use crate::{
    fault::{Bend, CachesBy, Fault, Full, JtiBy},
    tokens::TokenFault,
};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "cache-by-file-descriptor",
        "caches by the number of the socket, and keeps entries when connections end",
        &[Bend::CachesBy(CachesBy::Descriptor), Bend::KeepsEntries],
        &["rs.cache.thousand-reconnects-quic", "rs.cache.thousand-reconnects"],
    ),
    fault(
        "cache-by-pointer",
        "caches by the address of the connection in memory, and keeps entries when connections end",
        &[Bend::CachesBy(CachesBy::Pointer), Bend::KeepsEntries],
        &["rs.cache.thousand-reconnects-quic", "rs.cache.thousand-reconnects"],
    ),
    fault(
        "cache-by-small-number",
        "caches by a connection id that comes again after some others, and keeps entries when connections end",
        &[Bend::CachesBy(CachesBy::SmallNumber), Bend::KeepsEntries],
        &["rs.cache.thousand-reconnects-quic", "rs.cache.thousand-reconnects"],
    ),
    fault(
        "cache-by-tls-session",
        "caches by the TLS session, which a resumed connection shares with the first",
        &[Bend::CachesBy(CachesBy::Session), Bend::KeepsEntries],
        &["rs.cache.resumed-tls12", "rs.cache.resumed-tls13"],
    ),
    fault(
        "cache-by-proof",
        "caches by the proof alone",
        &[Bend::CachesBy(CachesBy::Proof)],
        &["rs.cache.other-connection", "rs.cache.other-token"],
    ),
    fault(
        "cache-key-of-four-octets",
        "keeps four octets of the token's hash in the key of an entry",
        &[Bend::TruncatesKeys(4)],
        &["rs.cache.colliding-tokens"],
    ),
    fault(
        "cache-key-of-one-octet",
        "keeps one octet of the token's hash in the key of an entry",
        &[Bend::TruncatesKeys(1)],
        &["rs.cache.colliding-tokens"],
    ),
    fault(
        "caches-before-verification",
        "makes the entry before it has verified the proof, and leaves it when the proof is refused",
        &[Bend::TrustsSeenProofs],
        &["rs.cache.refused-proof-again"],
    ),
    fault(
        "cache-full-on-connection",
        "refuses the proofs that find no room in the cache of a connection",
        &[Bend::Full(Full::OfConnection(64))],
        &["rs.accept.first-use-at-once", "rs.cache.beyond-the-bounds", "rs.accept.many-tokens"],
    ),
    fault(
        "cache-full-for-all",
        "refuses the proofs of one client when another has filled the cache",
        &[Bend::Full(Full::OfAll(64))],
        &["rs.cache.flood-of-another"],
    ),
    fault(
        "refuses-after-eviction",
        "refuses a proof that it had in its cache and let go of",
        // It verifies again what it has, so that eviction is all that counts.
        &[Bend::Full(Full::Evicted(64)), Bend::CachesNothing],
        &["rs.cache.beyond-the-bounds"],
    ),
    fault(
        "exporter-of-certificate",
        "accepts the exporter value of any connection that the certificate ever had",
        &[Bend::ExporterOfCertificate],
        &["rs.replay.same-certificate-after-close", "rs.replay.second-connection", "rs.cache.thousand-reconnects"],
    ),
    fault(
        "exporter-of-session",
        "takes the exporter value of the first connection of a TLS session for that of all",
        &[Bend::ExporterOfSession],
        &["rs.transport.resumed-tls12", "rs.transport.resumed-tls13"],
    ),
    fault(
        "entry-of-abandoned-connection",
        "keeps what it verified for a connection that had ended by then, by the client's port",
        &[Bend::CachesBy(CachesBy::PortAndToken), Bend::KeepsEntries],
        &["rs.cache.abandoned"],
    ),
    fault(
        "jti-race",
        "looks a jti up and remembers it afterwards, with time in between",
        &[Bend::Jti(JtiBy::Race)],
        &["rs.jti.race"],
    ),
    fault(
        "introspection-inactive",
        "does not look at active in an introspection response",
        &[Bend::Token(TokenFault::Inactive)],
        &["rs.introspection.inactive"],
    ),
    fault(
        "introspection-without-cnf",
        "does not look at cnf in an introspection response",
        &[Bend::Token(TokenFault::ConfirmationLookedUp)],
        &["rs.introspection.proof-required"],
    ),
    fault(
        "only-jwt",
        "knows no tokens but JWTs",
        &[Bend::Token(TokenFault::OnlyJwt)],
        &[
            "rs.introspection.accepted",
            "rs.introspection.every-character",
            "rs.introspection.equals-sign",
            "rs.introspection.encrypted",
        ],
    ),
    fault(
        "ath-without-equals-signs",
        "hashes the token without the equals signs at its end",
        &[Bend::Not(Check::Ath, |s| s.token.ends_with('='))],
        &["rs.introspection.equals-sign", "rs.introspection.every-character"],
    ),
    fault(
        "ath-of-decoded-token",
        "decodes plus signs and percent signs in the token before it hashes it",
        &[Bend::Not(Check::Ath, |s| s.token.contains('+'))],
        &["rs.introspection.every-character"],
    ),
    fault(
        "ath-of-inner-token",
        "hashes the decrypted token instead of the presented one",
        &[Bend::Not(Check::Ath, |s| s.token.split('.').count() == 5)],
        &["rs.introspection.encrypted"],
    ),
    fault("ignores-scopes", "looks at no scope", &[Bend::IgnoresScopes], &["rs.cache.other-scope-on-hit"]),
    fault(
        "one-audience-for-all-hosts",
        "accepts on one host name the tokens of another",
        &[Bend::OneHost],
        &["rs.replay.other-virtual-host"],
    ),
    fault(
        "repeats-the-proof",
        "sends the proof back with a refusal",
        &[Bend::RepeatsProof],
        &["rs.answer.no-reflection"],
    ),
];
