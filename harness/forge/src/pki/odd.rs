//! Clients that most servers refuse in the handshake, and that no server must stumble over.

use ekmcheck_binding::{algorithm::KeyKind, certificate::Certificate, digest::sha256};
use rcgen::ExtendedKeyUsagePurpose;

use super::{
    Identity, PkiError,
    issue::{Issuing, Leaf, Plan, Signer, issue_error},
};
use crate::keys::{replaced, tagged};

/// `AlgorithmIdentifier` of id-RSASSA-PSS without parameters (RFC 4055 section 3.1).
const PSS: [u8; 13] = [0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// `AlgorithmIdentifier` of id-X25519 (RFC 8410 section 3).
const X25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e];
/// `AlgorithmIdentifier` of ecdsa-with-SHA256 (RFC 5758 section 3.2).
const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

pub(super) fn clients(plan: &Plan, issuer: &Issuing) -> Result<Vec<Identity>, PkiError> {
    let p256 = |name| Leaf::client(name, KeyKind::P256);
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    Ok(vec![
        issuer.leaf(plan, Leaf { usage, ..p256("without-client-auth") })?,
        self_signed(plan, &p256("self-signed"))?,
        issuer.leaf(plan, Leaf { validity: Some(plan.short), ..p256("short-lived") })?,
        issuer.leaf(plan, Leaf::client("rsa1024", KeyKind::Rsa(1024)))?,
        issuer.leaf(plan, Leaf::client("rsa8192", KeyKind::Rsa(8192)))?,
        with_other_key(plan, issuer, Leaf::client("rsa-pss", KeyKind::Rsa(2048)), |material, _| spki(&PSS, material))?,
        with_other_key(plan, issuer, p256("x25519"), |material, _| spki(&X25519, &sha256(material)))?,
        with_other_key(plan, issuer, p256("off-curve"), |_, spki| {
            let mut spki = spki.to_vec();
            // Of the y that go with an x, one is even and one is odd, and they add up to the field's prime: the
            // neighbour of either is neither of them.
            if let Some(last) = spki.last_mut() {
                *last ^= 1;
            }
            spki
        })?,
    ])
}

fn self_signed(plan: &Plan, leaf: &Leaf) -> Result<Identity, PkiError> {
    let key = leaf.key(plan)?;
    let issued = leaf.params(plan)?.self_signed(&Signer::of(plan, key.clone())).map_err(issue_error(leaf.name))?;
    let certificate = Certificate::from_der(issued.der())?;
    Ok(Identity { name: leaf.name, chain: vec![certificate.der().to_vec()], certificate, key })
}

/// A certificate with a key that rcgen knows not: issued for the key that signs, and issued again with what `other` makes
/// of that one's material and `SubjectPublicKeyInfo`.
fn with_other_key(
    plan: &Plan,
    issuer: &Issuing,
    leaf: Leaf,
    other: impl Fn(&[u8], &[u8]) -> Vec<u8>,
) -> Result<Identity, PkiError> {
    let name = leaf.name;
    let right = issuer.leaf(plan, leaf)?;
    let public = right.key.public();
    let unexpected = || PkiError::Issue { name, reason: "the key is not where it was put".to_owned() };
    let tbs = replaced(right.certificate.der(), public.spki(), &other(public.material(), public.spki()));
    let tbs = tbs.ok_or_else(unexpected)?;
    let signature = issuer.sign(&tbs).map_err(issue_error(name))?;
    let der = tagged(0x30, &[&tbs, &ECDSA_WITH_SHA256[..], &tagged(0x03, &[&[0], &signature[..]].concat())].concat());
    let certificate = Certificate::from_parts(&der, public.clone());
    let mut chain = right.chain;
    if let Some(leaf) = chain.first_mut() {
        *leaf = der;
    }
    Ok(Identity { certificate, chain, ..right })
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    tagged(0x30, &[algorithm, &tagged(0x03, &[&[0], key].concat())].concat())
}
