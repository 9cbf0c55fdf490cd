//! Faults about the proof's header and signature.

use aws_lc_rs::signature::{ECDSA_P256_SHA384_ASN1, UnparsedPublicKey};
use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    crypto::{AwsLc, SignatureVerifier as _},
    json::Value,
    proof::TYP,
    refusal::Check,
};
use ekmcheck_forge::{alteration::pem, keys::der_signature};

use super::fault;
use crate::fault::{Bend, Fault, Sight, bent::first_x5c};

const BOTH: &[Check] = &[Check::Alg, Check::Signature];

pub(super) const TABLE: &[Fault] = &[
    fault(
        "typ-unchecked",
        "does not look at typ",
        &[Bend::Omits(Check::Typ, None)],
        &["rs.typ.missing", "rs.typ.jwt", "rs.typ.dpop", "rs.typ.null", "rs.typ.in-payload"],
    ),
    fault(
        "typ-any-jwt",
        "accepts any typ that ends with jwt",
        &[Bend::Also(&[Check::Typ], |s| s.header("typ").to_ascii_lowercase().ends_with("jwt"))],
        &["rs.typ.jwt", "rs.typ.dpop", "rs.typ.wpt", "rs.typ.at-jwt", "rs.typ.logout"],
    ),
    fault(
        "typ-prefix",
        "compares the beginning of typ",
        &[Bend::Also(&[Check::Typ], |s| s.header("typ").starts_with("tls-binding-proof"))],
        &["rs.typ.with-suffix", "rs.typ.without-jwt"],
    ),
    fault(
        "typ-of-other-type",
        "lets a typ pass that is no string",
        &[Bend::Also(&[Check::Typ], |s| {
            !matches!(s.proof.and_then(|p| p.header.member("typ")), None | Some(Value::String(_)))
        })],
        &["rs.typ.array", "rs.typ.number", "rs.typ.null"],
    ),
    fault(
        "typ-from-payload",
        "looks for typ among the claims too",
        &[Bend::Also(&[Check::Typ], |s| s.claim("typ") == TYP)],
        &["rs.typ.in-payload"],
    ),
    fault(
        "accepts-the-token-as-proof",
        "takes a proof that is the token itself for right",
        &[Bend::Swallows(Check::Typ)],
        &["rs.confusion.token-as-proof"],
    ),
    fault(
        "alg-none",
        "accepts an unsigned proof",
        &[Bend::Also(BOTH, |s| s.header("alg") == "none")],
        &["rs.alg.none", "rs.alg.none-with-signature"],
    ),
    fault(
        "alg-none-other-case",
        "forbids none in lower case only",
        &[Bend::Also(BOTH, |s| s.header("alg") != "none" && s.header("alg").eq_ignore_ascii_case("none"))],
        &["rs.alg.none-capital", "rs.alg.none-upper-case", "rs.alg.none-mixed-case"],
    ),
    fault(
        "alg-ignored",
        "verifies with the algorithm of the key, whatever alg says",
        &[Bend::Also(BOTH, |s| s.verifies_as_usual())],
        &["rs.alg.missing", "rs.alg.of-another-key-type", "rs.alg.lower-case", "rs.alg.array", "rs.alg.number"],
    ),
    fault(
        "hash-of-another-curve",
        "lets the header choose the hash",
        &[Bend::Also(BOTH, other_hash)],
        &["rs.alg.of-another-curve"],
    ),
    fault(
        "hash-below-the-curve",
        "verifies ES256 on P-384",
        &[Bend::Also(BOTH, |s| {
            s.header("alg") == "ES256"
                && s.connection.is_some_and(|c| {
                    let key = UnparsedPublicKey::new(
                        &aws_lc_rs::signature::ECDSA_P384_SHA256_ASN1,
                        c.certificate.key().material(),
                    );
                    s.proof
                        .is_some_and(|p| key.verify(p.signing_input.as_bytes(), &der_signature(&p.signature)).is_ok())
                })
        })],
        &["rs.alg.p384-with-sha-256"],
    ),
    fault(
        "hmac-with-certificate",
        "verifies HS256 with the certificate as the secret",
        &[Bend::Also(BOTH, |s| {
            s.connection.is_some_and(|c| {
                let text = pem("CERTIFICATE", c.certificate.der());
                [c.certificate.der(), text.as_bytes(), text.trim_end().as_bytes()].iter().any(|k| s.is_mac_with(k))
            })
        })],
        &["rs.alg.hmac-certificate-der", "rs.alg.hmac-certificate-pem", "rs.alg.hmac-certificate-pem-without-newline"],
    ),
    fault(
        "hmac-with-public-key",
        "verifies HS256 with the public key as the secret",
        &[Bend::Also(BOTH, |s| {
            s.connection.is_some_and(|c| {
                let key = c.certificate.key();
                let text = pem("PUBLIC KEY", key.spki());
                let x = key.material().get(1..33).unwrap_or_default();
                [key.spki(), text.as_bytes(), key.material(), x].iter().any(|k| s.is_mac_with(k))
            })
        })],
        &[
            "rs.alg.hmac-key-der",
            "rs.alg.hmac-key-pem",
            "rs.alg.hmac-key-material",
            "rs.alg.hmac-x-coordinate",
            "rs.alg.hmac-rsa-key",
        ],
    ),
    fault(
        "hmac-with-shared-values",
        "verifies HS256 with values that both ends know",
        &[Bend::Also(BOTH, |s| s.is_mac_with(s.exported("right")) || s.is_mac_with(s.token.as_bytes()))],
        &["rs.alg.hmac-ekm", "rs.alg.hmac-token"],
    ),
    fault(
        "x5t-unchecked",
        "does not look at x5t#S256 in the proof",
        &[Bend::Omits(Check::X5t, None)],
        &["rs.x5t.missing", "rs.x5t.of-another-certificate", "rs.x5t.in-hex"],
    ),
    fault(
        "x5t-sha-1",
        "is content with the SHA-1 thumbprint",
        &[Bend::Also(&[Check::X5t], |s| !s.header("x5t").is_empty())],
        &["rs.x5t.sha-1-only"],
    ),
    fault(
        "crit-ignored",
        "ignores crit",
        &[Bend::Omits(Check::Crit, None)],
        &["rs.crit.unknown", "rs.crit.empty", "rs.crit.standard-name"],
    ),
    fault(
        "signature-unchecked",
        "does not verify the signature",
        &[Bend::Omits(Check::Signature, None)],
        &[
            "rs.key.another-key",
            "rs.signature.altered",
            "rs.signature.empty",
            "rs.signature.another-key",
            "rs.signature.server-key",
            "rs.signature.ca-key",
            "rs.signature.payload-altered",
            "rs.signature.header-serialised-anew",
            "rs.signature.too-long",
            "rs.signature.ekm-swapped-in",
            "rs.signature.former-certificate",
        ],
    ),
    fault(
        "signature-empty-passes",
        "does not verify an empty signature",
        &[Bend::Also(&[Check::Signature], |s| s.proof.is_some_and(|p| p.signature.is_empty()))],
        &["rs.signature.empty"],
    ),
    fault(
        "signature-der",
        "verifies ECDSA signatures in DER",
        &[Bend::Also(&[Check::Signature], |s| {
            s.connection.is_some_and(|c| {
                let key = UnparsedPublicKey::new(
                    &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1,
                    c.certificate.key().material(),
                );
                s.proof.is_some_and(|p| key.verify(p.signing_input.as_bytes(), &p.signature).is_ok())
            })
        })],
        &["rs.signature.der"],
    ),
    fault(
        "signature-zero",
        "takes r = s = 0 for a signature of anything (CVE-2022-21449)",
        &[Bend::Also(&[Check::Signature], |s| {
            s.proof.is_some_and(|p| !p.signature.is_empty() && p.signature.iter().all(|b| *b == 0))
        })],
        &["rs.signature.zero"],
    ),
    fault(
        "signature-truncated",
        "verifies the first 64 octets of a longer signature",
        &[Bend::Also(&[Check::Signature], |s| {
            s.connection.zip(s.proof).is_some_and(|(c, p)| {
                let start = p.signature.get(..64).unwrap_or_default();
                AwsLc.verify(Algorithm::Es256, c.certificate.key(), p.signing_input.as_bytes(), start)
            })
        })],
        &["rs.signature.too-long"],
    ),
    fault(
        "jwk-trusted",
        "verifies with the key in the proof's header",
        &[Bend::Also(&[Check::Signature], |s| {
            let coordinate = |name| match s.proof.and_then(|p| p.header.member("jwk")) {
                Some(Value::Object(jwk)) => match jwk.member(name) {
                    Some(Value::String(text)) => base64url::decode(text).unwrap_or_default(),
                    _ => vec![],
                },
                _ => vec![],
            };
            let point = [vec![4], coordinate("x"), coordinate("y")].concat();
            let key = UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point);
            s.proof.is_some_and(|p| key.verify(p.signing_input.as_bytes(), &p.signature).is_ok())
        })],
        &["rs.key.jwk-of-attacker"],
    ),
    fault(
        "x5c-trusted",
        "verifies with the certificate in the proof's header",
        &[Bend::Also(&[Check::Signature], |s| {
            s.proof.and_then(first_x5c).is_some_and(|c| s.verifies(Algorithm::usual_for(c.key().kind()), c.key()))
        })],
        &["rs.key.x5c-of-attacker"],
    ),
];

/// ES384 on P-256: the arithmetic takes any hash.
fn other_hash(sight: &Sight<'_>) -> bool {
    sight.header("alg") == "ES384"
        && sight.connection.zip(sight.proof).is_some_and(|(connection, proof)| {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA384_ASN1, connection.certificate.key().material());
            key.verify(proof.signing_input.as_bytes(), &der_signature(&proof.signature)).is_ok()
        })
}
