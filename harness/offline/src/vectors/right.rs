//! Right proofs, with every kind of key and with the algorithms that a verifier is free to support.

use ekmcheck_binding::algorithm::Algorithm;
use ekmcheck_forge::recipe::PerRequest;
use ekmcheck_suite::{
    case::{Basis::Draft, Level::May},
    vector::OFFLINE,
};

use super::{ledger::entry_of, plan::Plan, step::Step};

const RIGHT: &str = "A right proof without per-request claims";

pub(super) fn plans() -> Vec<Plan> {
    let usual = [
        ("es256-p256", "p256", "ES256"),
        ("es384-p384", "p384", "ES384"),
        ("es512-p521", "p521", "ES512"),
        ("eddsa-ed25519", "ed25519", "EdDSA on Ed25519"),
        ("ps256-rsa2048", "rsa2048", "PS256"),
    ];
    let usual = usual.map(|(name, client, algorithm)| {
        let plan = Plan::accepted(name, &format!("{RIGHT}, signed with {algorithm}.")).client(client);
        plan.row("LIB-A07").row("LIB-A09").row("LIB-B10")
    });
    // The rest of RSA's six: RS256 and PS384 are rows of the table.
    let free =
        [("rs384-rsa2048", Algorithm::Rs384), ("rs512-rsa2048", Algorithm::Rs512), ("ps512-rsa2048", Algorithm::Ps512)];
    let free = free.map(|(name, algorithm)| {
        let line = format!("`proof.header.alg` = \"{algorithm}\", and so it is signed");
        let step = Step::proof("", line, move |proof, _, _| {
            proof.algorithm = algorithm;
            proof.header.set("alg", algorithm.name());
        });
        let title = format!("{RIGHT}, signed with {algorithm}, which not every verifier has to support.");
        let plan = Plan::open(None, name, &title).client("rsa2048").step(step);
        plan.entry(entry_of("rs.alg-fits-key", "2.3.1", May, Draft)).row("LIB-A07").row("LIB-B10")
    });
    let mut all = Plan::accepted("per-request-claims", "A right proof with `jti`, `htm` and `htu` for this request.");
    all.claims = PerRequest { jti: true, htm: true, htu: true, absolute: false };
    // It keeps whatever a proof can keep.
    all.requirements = OFFLINE.into_iter().filter(|id| *id != all.entry.requirement).collect();
    usual.into_iter().chain(free).chain([all.row("LIB-B03")]).collect()
}
