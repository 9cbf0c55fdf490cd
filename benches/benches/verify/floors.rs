//! What nobody can do without: signatures, hashes, reading.

use std::hint::black_box;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use ekmcheck_benches::{
    Inputs,
    figure::{BATCH, Figure, Work},
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

/// Work that a bound is there to find, where it is done once more than it must be. `None` for a name that no work has.
pub(super) fn work<'a>(name: &str, inputs: &'a Inputs) -> Option<Work<'a>> {
    let (token, proof) = (&inputs.token, &inputs.proof);
    Some(match name {
        "es256-verify" => {
            let signed = signed_by(&inputs.key, Algorithm::Es256, inputs.parsed.signing_input.as_bytes());
            let key = inputs.key.public();
            Box::new(move |n| AwsLc.verify(Algorithm::Es256, key, &signed[n].0, &signed[n].1))
        }
        "sha256-token" => Box::new(move |_| black_box(TokenHash::of(black_box(token))).octets().len() == 32),
        "parse-proof" => Box::new(move |_| Proof::parse(black_box(proof)).is_ok()),
        _ => return None,
    })
}

/// Raw verification and signing by algorithm, one SHA-256 of the token, comparing, and reading.
pub(super) fn figures<'a>(inputs: &'a Inputs, bound: &'a [(String, String)], proofs: &'a [String]) -> Vec<Figure<'a>> {
    let mut figures = Vec::new();
    let pki = Pki::frozen().unwrap();
    let message = inputs.parsed.signing_input.as_bytes();
    for (verify, sign, client, algorithm) in ALGORITHMS {
        let Some(client) = pki.identity(client) else { continue };
        let key = client.key.clone();
        let signed = signed_by(&key, algorithm, message);
        let key = key.public().clone();
        figures.push(Figure::of(verify, move |n| AwsLc.verify(algorithm, &key, &signed[n].0, &signed[n].1)));
        let key = client.key.clone();
        figures.push(Figure::of(sign, move |_| key.sign(algorithm, message, Signing::Live).is_ok()).turns_of(8));
    }
    // Of the very proofs and tokens that the protocols are measured on: what is signed has another length in each, and a text
    // that did not come a moment ago has to be fetched first.
    let session = bound.iter().map(|(authorization, proof)| (authorization, proof));
    let dpop = proofs.iter().map(|proof| (&inputs.dpop, proof));
    figures.push(Figure::of("verify-and-hash", verify_and_hash(inputs, session)));
    figures.push(Figure::of("verify-and-hash-dpop", verify_and_hash(inputs, dpop)));
    figures.push(Figure::of("sha256-token", work("sha256-token", inputs).unwrap()).turns_of(512));
    figures.push(Figure::of("parse-proof", work("parse-proof", inputs).unwrap()).turns_of(256));
    figures.extend(of_a_hit(inputs));
    figures
}

/// What no verification of a proof can do without: its signature, and one SHA-256 of the token.
fn verify_and_hash<'a>(
    inputs: &'a Inputs,
    requests: impl Iterator<Item = (&'a String, &'a String)>,
) -> impl FnMut(usize) -> bool + 'a {
    let taken_apart = |(authorization, proof): (&'a String, &'a String)| {
        let (input, signature) = proof.rsplit_once('.')?;
        Some((input.as_bytes(), base64url::decode(signature).ok()?, authorization.split_once(' ')?.1))
    };
    let requests: Vec<_> = requests.map(|request| taken_apart(request).unwrap()).collect();
    let key = inputs.key.public();
    move |n| {
        let (input, signature, token) = &requests[n];
        AwsLc.verify(Algorithm::Es256, key, input, signature) && black_box(TokenHash::of(token)).octets().len() == 32
    }
}

/// What a request with a known proof cannot do without: token and proof are compared, and `cnf` of the token is read.
fn of_a_hit(inputs: &Inputs) -> [Figure<'_>; 2] {
    let known = (inputs.token.clone(), inputs.proof.clone());
    let same = move |_| {
        let (token, proof) = black_box((inputs.token.as_str(), inputs.proof.as_str()));
        token == known.0 && proof == known.1
    };
    let thumbprint = inputs.connection.certificate.thumbprint();
    let text = thumbprint.to_string();
    let read = move |_| base64url::decode_32(black_box(&text)).as_ref() == Ok(thumbprint.octets());
    [Figure::of("compare-octets", same).turns_of(4096), Figure::of("read-thumbprint", read).turns_of(4096)]
}

/// As many signatures as a batch of the protocols has, with what they are over: AWS-LC inverts a number of the signature in
/// a time that depends on it, and a processor that sees the same one again and again learns the branches by heart, which
/// saves 5 %.
fn signed_by(key: &Key, algorithm: Algorithm, message: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let messages = (0..BATCH).map(|n| [message, &n.to_be_bytes()].concat());
    let signed = |message: Vec<u8>| {
        let signature = key.sign(algorithm, &message, Signing::Live).unwrap();
        (message, signature)
    };
    messages.map(signed).collect()
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
        Figure::of("make-session-proof", move |_| signed(&session, header, &payload).len() > 86),
        Figure::of("make-dpop-proof", move |_| signed(&dpop, &dpop_header, &dpop_payload.octets()).len() > 86),
    ]
}

fn signed(signer: &EcdsaKeyPair, header: &str, payload: &[u8]) -> String {
    let input = format!("{header}.{}", base64url::encode(payload));
    let signature = signer.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature.as_ref()))
}
