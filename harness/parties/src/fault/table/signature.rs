//! Faults of the arithmetic of signatures, and of what a header points at.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use aws_lc_rs::{
    digest::{self, Algorithm as Hash},
    signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey},
};
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    crypto::{AwsLc, SignatureVerifier as _},
    digest::sha256,
    refusal::Check,
};
use ekmcheck_forge::keys::{
    ed25519_reduced, is_pss_with_any_salt, p256_of_ones, p256_out_of_range, p256_reduced, rsa_opened,
};

use super::fault;
use crate::fault::{Bend, Fault, Sight};

const SIGNATURE: &[Check] = &[Check::Signature];

pub(super) const TABLE: &[Fault] = &[
    fault(
        "sha-1-accepted",
        "verifies signatures over SHA-1",
        &[Bend::Also(&[Check::Alg, Check::Signature], |s| {
            s.header("alg") == "RS1"
                && s.connection.zip(s.proof).is_some_and(|(c, p)| {
                    let key = c.certificate.key().material();
                    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key);
                    key.verify(p.signing_input.as_bytes(), &p.signature).is_ok()
                })
        })],
        &["rs.alg.rs1"],
    ),
    fault(
        "signature-modulo-order",
        "takes r and s modulo the order of the group",
        &[Bend::Also(SIGNATURE, |s| raw(s, KeyKind::P256).is_some_and(|raw| verifies_with(s, &p256_reduced(raw))))],
        &["rs.signature.r-plus-order", "rs.signature.s-plus-order", "rs.signature.r-plus-shifted-order"],
    ),
    fault(
        "signature-modulo-2-to-256",
        "takes the last 32 octets of r and s",
        &[Bend::Also(SIGNATURE, |s| {
            let last = |half: &[u8]| half.get(half.len().saturating_sub(32)..).unwrap_or_default().to_vec();
            raw(s, KeyKind::P256)
                .map(|raw| raw.split_at(raw.len() / 2))
                .is_some_and(|(left, right)| verifies_with(s, &[last(left), last(right)].concat()))
        })],
        &["rs.signature.r-plus-2-to-256", "rs.signature.s-plus-2-to-256"],
    ),
    fault(
        "signature-out-of-range",
        "takes a signature with r or s out of range for verified",
        &[Bend::Also(SIGNATURE, |s| raw(s, KeyKind::P256).is_some_and(p256_out_of_range))],
        &[
            "rs.signature.r-zero",
            "rs.signature.s-zero",
            "rs.signature.r-order",
            "rs.signature.s-order",
            "rs.signature.order-plus-one",
            "rs.signature.r-prime",
            "rs.signature.r-prime-plus-one",
        ],
    ),
    fault(
        "signature-of-ones",
        "takes r and s of 1 or -1 for a signature of anything",
        &[Bend::Also(SIGNATURE, |s| raw(s, KeyKind::P256).is_some_and(p256_of_ones))],
        &["rs.signature.ones", "rs.signature.order-less-one"],
    ),
    fault(
        "ed25519-modulo-order",
        "takes S of an Ed25519 signature modulo the order of the group",
        &[Bend::Also(SIGNATURE, |s| {
            raw(s, KeyKind::Ed25519).and_then(ed25519_reduced).is_some_and(|raw| verifies_with(s, &raw))
        })],
        &["rs.signature.ed25519-s-plus-order"],
    ),
    fault(
        "signature-of-other-length",
        "takes an Ed25519 signature for verified that has not 64 octets",
        &[Bend::Also(SIGNATURE, |s| raw(s, KeyKind::Ed25519).is_some_and(|raw| raw.len() != 64))],
        &["rs.signature.ed25519-truncated", "rs.signature.ed25519-too-long"],
    ),
    fault(
        "leading-zeros-refused",
        "refuses numbers that begin with a zero octet",
        &[Bend::Not(Check::Signature, |s| {
            raw(s, KeyKind::P521).is_some_and(|raw| [0, 66].iter().any(|at| raw.get(*at) == Some(&0)))
        })],
        &["rs.signature.leading-zeros"],
    ),
    fault(
        "rsa-padding-unchecked",
        "looks for the hash anywhere in what an RS256 signature opens to",
        &[Bend::Also(SIGNATURE, |s| {
            s.header("alg") == "RS256"
                && opened(s).is_some_and(|(block, message)| block.windows(32).any(|w| w == sha256(message)))
        })],
        &["rs.signature.rs256-with-garbage", "rs.signature.rs256-in-ber", "rs.signature.rs256-with-other-fill"],
    ),
    fault(
        "rsa-either-padding",
        "verifies an RSA signature with either padding",
        &[Bend::Also(SIGNATURE, |s| {
            s.connection.is_some_and(|c| {
                [Algorithm::Rs256, Algorithm::Ps256].iter().any(|a| s.verifies(*a, c.certificate.key()))
            })
        })],
        &["rs.signature.rs256-signed-as-ps256", "rs.signature.ps256-signed-as-rs256"],
    ),
    fault(
        "pss-any-salt",
        "takes a PSS salt of any length",
        &[Bend::Also(SIGNATURE, |s| is_pss(s, &digest::SHA256))],
        &["rs.signature.ps256-without-salt", "rs.signature.ps256-with-short-salt"],
    ),
    fault(
        "pss-sha-1-mask",
        "takes SHA-1 for the mask of PSS, as RFC 8017 does by default",
        &[Bend::Also(SIGNATURE, |s| is_pss(s, &digest::SHA1_FOR_LEGACY_USE_ONLY))],
        &["rs.signature.ps256-with-sha-1-mask"],
    ),
    fault(
        "keys-fetched",
        "fetches the keys that the proof's header points at, and does not like them",
        &[Bend::Also(SIGNATURE, |s| {
            ["jku", "x5u"].iter().for_each(|parameter| connect(s.header(parameter)));
            false
        })],
        &["rs.key.jku", "rs.key.x5u"],
    ),
];

/// The signature, where the connection's key is of that kind.
fn raw<'a>(sight: &'a Sight<'_>, kind: KeyKind) -> Option<&'a [u8]> {
    let (connection, proof) = sight.connection.zip(sight.proof)?;
    Some(&*proof.signature).filter(|_| connection.certificate.key().kind() == kind)
}

fn verifies_with(sight: &Sight<'_>, raw: &[u8]) -> bool {
    sight.connection.zip(sight.proof).is_some_and(|(connection, proof)| {
        let key = connection.certificate.key();
        AwsLc.verify(Algorithm::usual_for(key.kind()), key, proof.signing_input.as_bytes(), raw)
    })
}

/// The block inside an RSA signature, and the message.
fn opened<'a>(sight: &Sight<'a>) -> Option<(Vec<u8>, &'a [u8])> {
    let (connection, proof) = sight.connection.zip(sight.proof)?;
    Some((rsa_opened(connection.certificate.key(), &proof.signature)?, proof.signing_input.as_bytes()))
}

fn is_pss(sight: &Sight<'_>, mask: &'static Hash) -> bool {
    sight.header("alg") == "PS256" && opened(sight).is_some_and(|(block, m)| is_pss_with_any_salt(&block, m, mask))
}

/// Connects to where a URL points, if that is on this machine: a faulty server is to do no harm.
fn connect(url: &str) {
    let authority = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if let Ok(addr) = authority.parse::<SocketAddr>()
        && addr.ip().is_loopback()
    {
        // What becomes of it does not matter: whoever listens there knows.
        let _ = TcpStream::connect_timeout(&addr, Duration::from_secs(1));
    }
}
