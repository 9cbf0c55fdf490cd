//! Alterations of RSA signatures, for the client with an RSA key.

use ekmcheck_binding::{algorithm::Algorithm, refusal::Check};

use super::{Alteration, Edit::Proof, Leads, header::other_rsa, row_of};
use crate::{
    keys::RsaPadding,
    recipe::{ProofRecipe, ProofSigner},
};

const CLIENT: &str = "rsa2048";
const SIGNATURE: &str = "proof.signature";
const BAD_SIGNATURE: Leads = Leads::Refused(Check::Signature);

pub(super) const TABLE: &[Alteration] = &[
    // Signed just so: only the name is no algorithm of a proof.
    row_of(
        CLIENT,
        "alg-rs1",
        "proof.header.alg",
        Leads::Refused(Check::Alg),
        Proof(|p, _, _| padded(p, "RS1", RsaPadding::Pkcs1WithSha1)),
    ),
    row_of(
        CLIENT,
        "rs256-with-garbage",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "RS256", RsaPadding::Pkcs1WithGarbage)),
    ),
    row_of(
        CLIENT,
        "rs256-in-ber",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "RS256", RsaPadding::Pkcs1InBer)),
    ),
    row_of(
        CLIENT,
        "rs256-with-other-fill",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "RS256", RsaPadding::Pkcs1WithOtherFill)),
    ),
    row_of(
        CLIENT,
        "rs256-signed-as-ps256",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| {
            other_rsa(p, Algorithm::Ps256);
            p.header.set("alg", "RS256");
        }),
    ),
    row_of(
        CLIENT,
        "ps256-signed-as-rs256",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| {
            other_rsa(p, Algorithm::Rs256);
            p.header.set("alg", "PS256");
        }),
    ),
    row_of(
        CLIENT,
        "ps256-without-salt",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "PS256", RsaPadding::PssWithSalt(0))),
    ),
    // What many libraries take when they are not told: as long as SHA-1.
    row_of(
        CLIENT,
        "ps256-with-short-salt",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "PS256", RsaPadding::PssWithSalt(20))),
    ),
    row_of(
        CLIENT,
        "ps256-with-sha-1-mask",
        SIGNATURE,
        BAD_SIGNATURE,
        Proof(|p, _, _| padded(p, "PS256", RsaPadding::PssWithSha1Mask)),
    ),
];

fn padded(proof: &mut ProofRecipe, alg: &str, padding: RsaPadding) {
    proof.header.set("alg", alg);
    proof.signer = ProofSigner::Rsa(padding);
}
