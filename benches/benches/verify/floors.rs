//! What nobody can do without: signatures, hashes, reading.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use ekmcheck_benches::{
    Inputs,
    figure::{BATCH, Figure},
};
use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::TokenHash,
    proof::Proof,
};
use ekmcheck_forge::{
    keys::{Key, Signing},
    pki::Pki,
};

/// The algorithms, with the client of the PKI that has such a key.
const ALGORITHMS: [(&str, &str, &str, Algorithm); 5] = [
    ("es256-verify", "es256-sign", "p256", Algorithm::Es256),
    ("es384-verify", "es384-sign", "p384", Algorithm::Es384),
    ("eddsa-verify", "eddsa-sign", "ed25519", Algorithm::EdDsa),
    ("ps256-verify", "ps256-sign", "rsa2048", Algorithm::Ps256),
    ("rs256-verify", "rs256-sign", "rsa2048", Algorithm::Rs256),
];

/// Raw verification and signing by algorithm, one SHA-256 of the token, and taking a proof apart.
pub(super) fn figures(inputs: &Inputs) -> Vec<Figure<'_>> {
    let mut figures = Vec::new();
    let pki = Pki::frozen().unwrap();
    let message = inputs.parsed.signing_input.as_bytes();
    for (verify, sign, client, algorithm) in ALGORITHMS {
        let Some(client) = pki.identity(client) else { continue };
        let key = client.key.clone();
        // As many signatures as in a batch of the protocols: AWS-LC inverts a number of the signature in a time that depends
        // on it, and a processor that sees the same one again and again learns the branches by heart, which saves 5 %.
        let messages = (0..BATCH).map(|n| [message, &n.to_be_bytes()].concat());
        let signed = |message: Vec<u8>| (key.sign(algorithm, &message, Signing::Live).unwrap(), message);
        let signed: Vec<_> = messages.map(signed).collect();
        let key = key.public().clone();
        figures.push(Figure::new(
            verify,
            |_| (),
            move |(), n| AwsLc.verify(algorithm, &key, &signed[n].1, &signed[n].0),
        ));
        let key = client.key.clone();
        figures.push(
            Figure::new(sign, |_| (), move |(), _| key.sign(algorithm, message, Signing::Live).is_ok()).turns_of(8),
        );
    }
    let token = &inputs.token;
    figures.push(Figure::new("sha256-token", |_| (), move |(), _| TokenHash::of(token).octets()[0] != 1).turns_of(512));
    let proof = &inputs.proof;
    figures.push(Figure::new("parse-proof", |_| (), move |(), _| Proof::parse(proof).is_ok()).turns_of(256));
    figures
}

/// What a client does for a proof: claims, base64url, and a signature by AWS-LC with a key that was parsed before.
pub(super) fn making(inputs: &Inputs) -> Vec<Figure<'_>> {
    let signer = |key: &Key| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.pkcs8()).unwrap();
    let (session, dpop) = (signer(&inputs.key), signer(&inputs.key));
    let parts = inputs.proof.rsplit_once('.').map(|(input, _)| input).unwrap_or_default();
    let (header, payload) = parts.split_once('.').unwrap_or_default();
    let payload = base64url::decode(payload).unwrap();
    let (dpop_header, dpop_payload) = inputs.dpop_parts(0);
    let dpop_header = base64url::encode(&dpop_header.octets());
    vec![
        Figure::new("make-session-proof", |_| (), move |(), _| signed(&session, header, &payload).len() > 86),
        Figure::new(
            "make-dpop-proof",
            |_| (),
            move |(), _| signed(&dpop, &dpop_header, &dpop_payload.octets()).len() > 86,
        ),
    ]
}

fn signed(signer: &EcdsaKeyPair, header: &str, payload: &[u8]) -> String {
    let input = format!("{header}.{}", base64url::encode(payload));
    let signature = signer.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_ref()))
}
