//! Alterations by what JOSE has besides plain signed proofs: keys and certificates in the header, payloads that are not
//! encoded, compressed, encrypted or nested.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{base64url, refusal::Check};
use p256::pkcs8::DecodePrivateKey as _;
use serde_json::json;

use super::{
    Alteration,
    Edit::{Proof, ProofText},
    Leads, row,
};
use crate::recipe::{ProofRecipe, ProofSigner, Setting, Spelling};

const KEY: &str = "proof.key";
const SEGMENTS: &str = "proof.segments";
const PAYLOAD: &str = "proof.payload";
const MALFORMED: Leads = Leads::Refused(Check::Format);

pub(super) const TABLE: &[Alteration] = &[
    row(
        "x5t-sha-1-only",
        "proof.header.x5t#S256",
        Leads::Refused(Check::X5t),
        Proof(|p, s, _| {
            let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, s.client.certificate.der());
            p.header.remove("x5t#S256");
            p.header.set("x5t", base64url::encode(hash.as_ref()));
        }),
    ),
    // Right where the token is the client's own; an attack where it is stolen.
    row(
        "x5c-of-token-owner",
        "proof.header.x5c",
        Leads::Accepted,
        Proof(|p, s, _| p.header.set("x5c", json!([STANDARD.encode(s.bound_to.certificate.der())]))),
    ),
    Alteration { needs_canary: true, ..row("jku-of-canary", KEY, Leads::Refused(Check::Signature), Proof(jku)) },
    Alteration { needs_canary: true, ..row("x5u-of-canary", KEY, Leads::Refused(Check::Signature), Proof(x5u)) },
    row(
        "jwk-private",
        "proof.header.jwk",
        Leads::Open(None),
        Proof(|p, s, _| {
            if let Ok(secret) = p256::SecretKey::from_pkcs8_der(s.client.key.pkcs8()) {
                let point = s.client.certificate.key().material();
                let coordinate = |range| point.get(range).map(base64url::encode);
                let d = base64url::encode(&secret.to_bytes());
                let (x, y) = (coordinate(1..33), coordinate(33..65));
                p.header.set("jwk", json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d}));
            }
        }),
    ),
    row(
        "b64-false",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            p.header.set("b64", false);
            p.header.set("crit", json!(["b64"]));
            p.claims_spelling = Spelling::Unencoded;
        }),
    ),
    row("b64-false-without-crit", "proof.header.b64", Leads::Open(None), Proof(|p, _, _| p.header.set("b64", false))),
    row(
        "payload-deflated",
        PAYLOAD,
        MALFORMED,
        Proof(|p, _, _| {
            p.header.set("zip", "DEF");
            p.claims.set_octets(stored(&p.claims.octets()));
        }),
    ),
    row("enc-in-header", "proof.header.enc", Leads::Open(None), Proof(|p, _, _| p.header.set("enc", "A256GCM"))),
    row("encrypted", SEGMENTS, MALFORMED, ProofText(encrypted)),
    row(
        "nested-jwt",
        PAYLOAD,
        Leads::Open(Some(Check::Format)),
        Proof(|p, s, _| {
            if let Ok(inner) = p.sign(s) {
                p.header.set("cty", "JWT");
                p.claims.set_octets(inner);
            }
        }),
    ),
];

fn jku(proof: &mut ProofRecipe, setting: &Setting<'_>, _: &str) {
    points_away(proof, setting, "jku");
}

fn x5u(proof: &mut ProofRecipe, setting: &Setting<'_>, _: &str) {
    points_away(proof, setting, "x5u");
}

/// Signed by a key that only whoever fetches it could know.
fn points_away(proof: &mut ProofRecipe, setting: &Setting<'_>, parameter: &str) {
    proof.header.set(parameter, setting.canary.unwrap_or("https://127.0.0.1:9/keys"));
    proof.signer = ProofSigner::Identity("second");
}

/// DEFLATE (RFC 1951 section 3.2.4) of so few octets, in one stored block.
fn stored(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    [&[1], &length.to_le_bytes()[..], &(!length).to_le_bytes(), octets].concat()
}

/// A JWE (RFC 7516) of the same claims under the exporter value, which both ends know: encryption taken for a signature.
fn encrypted(text: &str, setting: &Setting<'_>) -> String {
    let jwe = || {
        let claims = base64url::decode(text.split('.').nth(1)?).ok()?;
        let header = base64url::decode(text.split('.').next()?).ok()?;
        let mut header: serde_json::Value = serde_json::from_slice(&header).ok()?;
        header["alg"] = "dir".into();
        header["enc"] = "A256GCM".into();
        let header = base64url::encode(header.to_string().as_bytes());
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, setting.exporters.right()).ok()?);
        // No secret is kept by it, and it is to be the same at every run.
        let nonce = [0; 12];
        let (aad, mut octets) = (Aad::from(header.as_bytes()), claims);
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut octets).ok()?;
        let [nonce, octets, tag] = [&nonce[..], &octets, tag.as_ref()].map(base64url::encode);
        Some(format!("{header}..{nonce}.{octets}.{tag}"))
    };
    jwe().unwrap_or_else(|| text.to_owned())
}
