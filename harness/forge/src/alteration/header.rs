//! Alterations of the proof's protected header, and of who signs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{algorithm::Algorithm, base64url, proof, refusal::Check};
use serde_json::{Value, json};

use super::{Alteration, Edit::Proof, Leads, row, row_of};
use crate::recipe::{ProofRecipe, ProofSigner};

const TYP: &str = "proof.header.typ";
const ALG: &str = "proof.header.alg";
const X5T: &str = "proof.header.x5t#S256";
const CRIT: &str = "proof.header.crit";
const KEY: &str = "proof.key";
const BAD_TYP: Leads = Leads::Refused(Check::Typ);
const BAD_ALG: Leads = Leads::Refused(Check::Alg);

pub(super) const TABLE: &[Alteration] = &[
    row("typ-missing", TYP, BAD_TYP, Proof(|p, _, _| p.header.remove("typ"))),
    row("typ-jwt", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "JWT"))),
    row("typ-dpop", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "dpop+jwt"))),
    row("typ-wpt", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "wpt+jwt"))),
    row("typ-at-jwt", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "at+jwt"))),
    row("typ-logout", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "logout+jwt"))),
    row("typ-with-suffix", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "tls-binding-proof+jwt+x"))),
    row("typ-without-jwt", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", "tls-binding-proof"))),
    row(
        "typ-in-other-case",
        TYP,
        Leads::Open(Some(Check::Typ)),
        Proof(|p, _, _| {
            p.header.set("typ", "TLS-Binding-Proof+JWT");
        }),
    ),
    row(
        "typ-with-application",
        TYP,
        Leads::Open(Some(Check::Typ)),
        Proof(|p, _, _| {
            p.header.set("typ", "application/tls-binding-proof+jwt");
        }),
    ),
    row("typ-array", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", json!([proof::TYP])))),
    row("typ-number", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", 7))),
    row("typ-null", TYP, BAD_TYP, Proof(|p, _, _| p.header.set("typ", Value::Null))),
    row(
        "typ-in-payload",
        TYP,
        BAD_TYP,
        Proof(|p, _, _| {
            p.header.remove("typ");
            p.claims.set("typ", proof::TYP);
        }),
    ),
    row(
        "typ-twice-wrong-first",
        TYP,
        Leads::Refused(Check::Format),
        Proof(|p, _, _| {
            p.header.prepend_raw("\"typ\"", "\"JWT\"");
        }),
    ),
    row(
        "typ-twice-wrong-last",
        TYP,
        Leads::Refused(Check::Format),
        Proof(|p, _, _| {
            p.header.append_raw("\"t\\u0079p\"", "\"JWT\"");
        }),
    ),
    row("alg-missing", ALG, BAD_ALG, Proof(|p, _, _| p.header.rename("alg", "alg2"))),
    row("alg-none", ALG, BAD_ALG, Proof(|p, _, _| none(p, "none"))),
    row("alg-none-capital", ALG, BAD_ALG, Proof(|p, _, _| none(p, "None"))),
    row("alg-none-upper-case", ALG, BAD_ALG, Proof(|p, _, _| none(p, "NONE"))),
    row("alg-none-mixed-case", ALG, BAD_ALG, Proof(|p, _, _| none(p, "nOnE"))),
    row("alg-none-with-signature", ALG, BAD_ALG, Proof(|p, _, _| p.header.set("alg", "none"))),
    row(
        "alg-lower-case",
        ALG,
        BAD_ALG,
        Proof(|p, _, _| {
            p.header.set("alg", p.header.text_of("alg").to_ascii_lowercase());
        }),
    ),
    row("alg-array", ALG, BAD_ALG, Proof(|p, _, _| p.header.set("alg", json!([p.header.text_of("alg")])))),
    row("alg-number", ALG, BAD_ALG, Proof(|p, _, _| p.header.set("alg", 7))),
    row(
        "alg-of-another-key-type",
        ALG,
        BAD_ALG,
        Proof(|p, _, _| {
            p.header.set("alg", if p.algorithm == Algorithm::Ps256 { "ES256" } else { "RS256" });
        }),
    ),
    // Signed just so: the arithmetic verifies, the pair of hash and curve is not RFC 7518's.
    row(
        "alg-of-another-curve",
        ALG,
        BAD_ALG,
        Proof(|p, _, _| {
            p.algorithm = if p.algorithm == Algorithm::Es256 { Algorithm::Es384 } else { Algorithm::Es256 };
            p.header.set("alg", p.algorithm.name());
        }),
    ),
    row_of("ed25519", "alg-fully-specified", ALG, Leads::Open(None), Proof(|p, _, _| p.header.set("alg", "Ed25519"))),
    row_of("rsa2048", "alg-rs256", ALG, Leads::Open(None), Proof(|p, _, _| other_rsa(p, Algorithm::Rs256))),
    row_of("rsa2048", "alg-ps384", ALG, Leads::Open(None), Proof(|p, _, _| other_rsa(p, Algorithm::Ps384))),
    row("hmac-certificate-der", ALG, BAD_ALG, Proof(|p, s, _| hmac(p, s.client.certificate.der().to_vec()))),
    row(
        "hmac-certificate-pem",
        ALG,
        BAD_ALG,
        Proof(|p, s, _| {
            hmac(p, pem("CERTIFICATE", s.client.certificate.der()).into_bytes());
        }),
    ),
    row(
        "hmac-certificate-pem-without-newline",
        ALG,
        BAD_ALG,
        Proof(|p, s, _| {
            hmac(p, pem("CERTIFICATE", s.client.certificate.der()).trim_end().as_bytes().to_vec());
        }),
    ),
    row("hmac-key-der", ALG, BAD_ALG, Proof(|p, s, _| hmac(p, s.client.certificate.key().spki().to_vec()))),
    row(
        "hmac-key-pem",
        ALG,
        BAD_ALG,
        Proof(|p, s, _| {
            hmac(p, pem("PUBLIC KEY", s.client.certificate.key().spki()).into_bytes());
        }),
    ),
    row("hmac-key-material", ALG, BAD_ALG, Proof(|p, s, _| hmac(p, s.client.certificate.key().material().to_vec()))),
    row(
        "hmac-x-coordinate",
        ALG,
        BAD_ALG,
        Proof(|p, s, _| {
            let point = s.client.certificate.key().material();
            hmac(p, point.get(1..33).unwrap_or(point).to_vec());
        }),
    ),
    row("hmac-ekm", ALG, BAD_ALG, Proof(|p, s, _| hmac(p, s.exporters.right().to_vec()))),
    row("hmac-token", ALG, BAD_ALG, Proof(|p, _, token| hmac(p, token.as_bytes().to_vec()))),
    row("x5t-missing", X5T, Leads::Refused(Check::X5t), Proof(|p, _, _| p.header.remove("x5t#S256"))),
    row(
        "x5t-of-another-certificate",
        X5T,
        Leads::Refused(Check::X5t),
        Proof(|p, s, _| {
            if let Some(other) = s.pki.identity("second") {
                p.header.set("x5t#S256", other.certificate.thumbprint().to_string());
            }
        }),
    ),
    row(
        "x5t-in-hex",
        X5T,
        Leads::Refused(Check::X5t),
        Proof(|p, s, _| {
            let octets = s.client.certificate.thumbprint();
            p.header.set("x5t#S256", octets.octets().iter().map(|b| format!("{b:02x}")).collect::<String>());
        }),
    ),
    row("x5t-null", X5T, Leads::Refused(Check::X5t), Proof(|p, _, _| p.header.set("x5t#S256", Value::Null))),
    row(
        "crit-unknown",
        CRIT,
        Leads::Refused(Check::Crit),
        Proof(|p, _, _| {
            p.header.set("crit", json!(["x-unknown"]));
            p.header.set("x-unknown", true);
        }),
    ),
    row("crit-empty", CRIT, Leads::Refused(Check::Crit), Proof(|p, _, _| p.header.set("crit", json!([])))),
    row("crit-standard-name", CRIT, Leads::Refused(Check::Crit), Proof(|p, _, _| p.header.set("crit", json!(["alg"])))),
    row(
        "header-unknown-members",
        "proof.header",
        Leads::Accepted,
        Proof(|p, _, _| {
            p.header.set("foo", json!({"bar": [1]}));
            p.header.set("tx_id", "17");
        }),
    ),
    row(
        "kid-hostile",
        "proof.header.kid",
        Leads::Accepted,
        Proof(|p, _, _| {
            p.header.set("kid", "../../etc/passwd'; DROP TABLE keys; --");
        }),
    ),
    row(
        "jwk-of-attacker",
        KEY,
        Leads::Refused(Check::Signature),
        Proof(|p, s, _| {
            if let Some(attacker) = s.pki.identity("second") {
                let key = attacker.certificate.key();
                let point = key.material();
                let coordinate = |range| point.get(range).map(base64url::encode);
                p.header
                    .set("jwk", json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)}));
                p.signer = ProofSigner::Identity("second");
            }
        }),
    ),
    row(
        "x5c-of-attacker",
        KEY,
        Leads::Refused(Check::Signature),
        Proof(|p, s, _| {
            if let Some(attacker) = s.pki.identity("second") {
                p.header.set("x5c", json!([STANDARD.encode(attacker.certificate.der())]));
                p.signer = ProofSigner::Identity("second");
            }
        }),
    ),
    row(
        "signed-by-another-key",
        KEY,
        Leads::Refused(Check::Signature),
        Proof(|p, _, _| {
            p.signer = ProofSigner::Identity("second");
        }),
    ),
    row("signed-by-server-key", KEY, Leads::Refused(Check::Signature), Proof(|p, _, _| p.signer = ProofSigner::Server)),
    row("signed-by-ca-key", KEY, Leads::Refused(Check::Signature), Proof(|p, _, _| p.signer = ProofSigner::Ca)),
    row(
        "signature-empty",
        "proof.signature",
        Leads::Refused(Check::Signature),
        Proof(|p, _, _| {
            p.signer = ProofSigner::Octets(vec![]);
        }),
    ),
    row(
        "signature-zero",
        "proof.signature",
        Leads::Refused(Check::Signature),
        Proof(|p, _, _| {
            p.signer = ProofSigner::Octets(vec![0; 64]);
        }),
    ),
];

fn none(proof: &mut ProofRecipe, name: &str) {
    proof.header.set("alg", name);
    proof.signer = ProofSigner::Octets(vec![]);
}

fn hmac(proof: &mut ProofRecipe, key: Vec<u8>) {
    proof.header.set("alg", "HS256");
    proof.signer = ProofSigner::Hmac(key);
}

pub(super) fn other_rsa(proof: &mut ProofRecipe, algorithm: Algorithm) {
    proof.algorithm = algorithm;
    proof.header.set("alg", algorithm.name());
}

/// PEM with lines of 64 characters and a newline at the end, as most tools write it.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
