//! Every kind of key with every name of an algorithm that does not fit it (LIB-B10), and keys that no proof fits (LIB-B16).

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    refusal::Check,
};
use ekmcheck_suite::case::{
    Basis::{Draft, Hardening, Inherited},
    Level::{May, Must, Should},
};

use super::super::{
    ledger::entry_of,
    plan::Plan,
    step::{Part, Step},
};

const CLIENTS: [(&str, &str, KeyKind); 5] = [
    ("p256", "P-256", KeyKind::P256),
    ("p384", "P-384", KeyKind::P384),
    ("p521", "P-521", KeyKind::P521),
    ("ed25519", "Ed25519", KeyKind::Ed25519),
    ("rsa2048", "RSA-2048", KeyKind::Rsa(2048)),
];

const NAMES: [&str; 10] = ["ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "PS256", "RS256", "HS256"];

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (client, key, kind) in CLIENTS {
        for name in NAMES {
            // Two are rows of the table: `alg-of-another-curve` and `alg-of-another-key-type`.
            let is_known = client == "p256" && ["ES384", "RS256"].contains(&name);
            let algorithm = Algorithm::from_name(name);
            if is_known || algorithm.is_some_and(|a| a.fits(kind)) {
                continue;
            }
            let stem = format!("{}-with-{client}-key", name.to_ascii_lowercase());
            plans.push(unfit(stem, name, algorithm, client, key));
        }
    }
    plans.extend(spellings());
    plans.extend(keys());
    plans
}

/// The signature is by the client's key: where elliptic curves allow, with the hash that the name stands for, so that the
/// arithmetic verifies; else as is usual for the key.
fn unfit(stem: String, name: &'static str, algorithm: Option<Algorithm>, client: &'static str, key: &str) -> Plan {
    let is_curve = |a: &Algorithm| matches!(a, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512);
    let really = algorithm.filter(|a| is_curve(a) && client.starts_with('p'));
    let how =
        if really.is_some() { "and the signature is so computed" } else { "and the signature is as usual for the key" };
    let step = Step::proof("proof.header.alg", format!("`proof.header.alg` = \"{name}\", {how}"), move |p, _, _| {
        p.header.set("alg", name);
        p.algorithm = really.unwrap_or(p.algorithm);
    });
    let plan = Plan::refused(Check::Alg, stem, &format!("`alg` is {name}, the key of the certificate is {key}."));
    plan.step(step).client(client).flag("algorithm-confusion").row("LIB-B10").row("LIB-A09").row("LIB-B01")
}

/// Names that are none, or that are another one's.
fn spellings() -> Vec<Plan> {
    let names: [(&str, &'static str, &'static str); 9] = [
        ("alg-with-space", r#""ES256 ""#, "algorithm-confusion"),
        ("alg-with-nul", r#""ES256\u0000""#, "algorithm-confusion"),
        ("alg-wide-letters", r#""\uff25\uff33256""#, "algorithm-confusion"),
        ("alg-dir", r#""dir""#, "jwe-as-jws"),
        ("alg-rsa-oaep", r#""RSA-OAEP""#, "jwe-as-jws"),
        ("alg-es521", r#""ES521""#, "algorithm-confusion"),
        ("alg-oid", r#""1.2.840.10045.4.3.2""#, "algorithm-confusion"),
        ("alg-cose-number", "-7", "type-confusion"),
        ("alg-two-names", r#""ES256,none""#, "algorithm-confusion"),
    ];
    let none = [
        ("alg-none-with-space", r#""none ""#),
        ("alg-none-with-nul", r#""none\u0000""#),
        ("alg-none-wide-letters", r#""\uff4e\uff4f\uff4e\uff45""#),
    ];
    let entry = entry_of("rs.alg-fits-key", "RFC 7515 4.1.1", Must, Inherited);
    let named = names.map(|(name, raw, flag)| {
        let plan = Plan::refused(Check::Alg, name, &format!("`alg` is {raw}, and the signature is right."));
        plan.step(Step::set(Part::Header, "alg", raw)).entry(entry).flag(flag).row("LIB-B10").row("LIB-B01")
    });
    let unsigned = none.map(|(name, raw)| {
        let step =
            Step::proof("proof.header.alg", format!("`proof.header.alg` = {raw}, no signature"), move |p, _, _| {
                p.header.set_raw("alg", raw);
                p.signer = ekmcheck_forge::recipe::ProofSigner::Octets(Vec::new());
            });
        let plan = Plan::refused(Check::Alg, name, &format!("`alg` is {raw}, and the signature is empty.")).step(step);
        let plan = plan.entry(entry_of("rs.alg-asymmetric", "RFC 8725 3.2", Must, Inherited));
        plan.flag("alg-none").flag("empty-signature").row("LIB-B10").row("LIB-B01")
    });
    named.into_iter().chain(unsigned).collect()
}

/// Right proofs with keys that fit no algorithm, or that few verifiers know.
fn keys() -> Vec<Plan> {
    let plan = |plan: Plan, client| plan.client(client).flag("algorithm-confusion").row("LIB-B16");
    let short = Plan::refused(Check::Alg, "rsa1024", "A right proof with an RSA key of 1024 bits.");
    let x25519 = Plan::refused(Check::Alg, "x25519", "The certificate has an X25519 key, which cannot sign.");
    let off =
        Plan::refused(Check::Signature, "key-off-curve", "The certificate's key is a point that is not on the curve.");
    let long = Plan::open(None, "rsa8192", "A right proof with an RSA key of 8192 bits.");
    let pss =
        Plan::open(Some(Check::Alg), "rsa-pss-key", "A right proof by PS256 with a key that is restricted to PSS.");
    let free = entry_of("rs.alg-fits-key", "2.3.1", May, Draft);
    vec![
        plan(short, "rsa1024").entry(entry_of("rs.alg-fits-key", "RFC 7518 3.5", Must, Inherited)),
        plan(x25519, "x25519").entry(entry_of("rs.alg-fits-key", "RFC 8410 3", Should, Hardening)),
        plan(off, "off-curve").entry(entry_of("rs.signature", "RFC 8725 3.4", Should, Hardening)),
        plan(long, "rsa8192").entry(free),
        plan(pss, "rsa-pss").entry(free),
    ]
}
