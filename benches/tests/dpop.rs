//! The yardstick is right: it accepts what RFC 9449 section 4.3 accepts, and refuses each defect by its own check.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use ekmcheck_benches::{Inputs, NOW, PATH};
use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::sha256,
    guard::{Policy, Request},
    json,
};
use ekmcheck_forge::{document::Document, keys::hmac_sha256};
use ekmcheck_parties::dpop::{DpopVerifier, Failed, Header};
use serde_json::json;

/// The verdict on a right proof that was changed before it was signed.
fn verdict(change: impl FnOnce(&mut Document, &mut Document)) -> Result<(), Failed> {
    let inputs = Inputs::new().unwrap();
    let mut parts = inputs.dpop_parts(0);
    change(&mut parts.0, &mut parts.1);
    of_text(&inputs, &inputs.dpop_proof(&parts).unwrap())
}

fn of_text(inputs: &Inputs, proof: &str) -> Result<(), Failed> {
    let verifier = DpopVerifier::new(Policy::default());
    inputs.request(&inputs.dpop, proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64))
}

#[test]
fn accepts_right_ones() {
    assert_eq!(verdict(|_, _| {}), Ok(()));
    assert_eq!(verdict(|h, _| h.set("kid", "any")), Ok(()), "what is not understood is ignored");
    assert_eq!(verdict(|_, c| c.set("htu", format!("https://RS.ekmcheck.example:443{PATH}?x=1#y"))), Ok(()));
    assert_eq!(verdict(|_, c| c.set("iat", NOW - 299)), Ok(()));
}

#[test]
fn refuses_each_defect_by_its_check() {
    assert_eq!(verdict(|h, _| h.set("typ", "JWT")), Err(Failed::Typ));
    assert_eq!(verdict(|h, _| h.remove("typ")), Err(Failed::Typ));
    assert_eq!(verdict(|h, _| h.set("alg", "none")), Err(Failed::Alg));
    assert_eq!(verdict(|h, _| h.set("alg", "ES384")), Err(Failed::Jwk), "another curve than the key's");
    assert_eq!(verdict(|h, _| h.remove("jwk")), Err(Failed::Jwk));
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        assert_eq!(verdict(|_, c| c.remove(name)), Err(Failed::Claims), "{name}");
        assert_eq!(verdict(|_, c| c.set(name, json!([1]))), Err(Failed::Claims), "{name}");
    }
    assert_eq!(verdict(|_, c| c.set("htm", "POST")), Err(Failed::Htm));
    assert_eq!(verdict(|_, c| c.set("htu", "https://rs.ekmcheck.example/api/other")), Err(Failed::Htu));
    assert_eq!(verdict(|_, c| c.set("htu", PATH)), Err(Failed::Htu), "a path is no URI");
    assert_eq!(verdict(|_, c| c.set("iat", NOW - 301)), Err(Failed::Iat));
    assert_eq!(verdict(|_, c| c.set("iat", NOW + 61)), Err(Failed::Iat));
    assert_eq!(verdict(|_, c| c.set("ath", base64url::encode(&sha256(b"other")))), Err(Failed::Ath));
}

#[test]
fn refuses_a_private_key_in_the_header() {
    let private = |h: &mut Document| {
        let mut jwk = h.member("jwk").unwrap();
        jwk["d"] = json!("AAAA");
        h.set("jwk", jwk);
    };
    assert_eq!(verdict(|h, _| private(h)), Err(Failed::Jwk));
}

#[test]
fn refuses_hmac_with_the_public_key() {
    let inputs = Inputs::new().unwrap();
    let (mut header, claims) = inputs.dpop_parts(0);
    header.set("alg", "HS256");
    let input = format!("{}.{}", base64url::encode(&header.octets()), base64url::encode(&claims.octets()));
    let tag = hmac_sha256(inputs.key.public().material(), input.as_bytes());
    assert_eq!(of_text(&inputs, &format!("{input}.{}", base64url::encode(&tag))), Err(Failed::Alg));
}

#[test]
fn refuses_another_key() {
    let mut inputs = Inputs::new().unwrap();
    let right = inputs.dpop_proof(&inputs.dpop_parts(0)).unwrap();
    let pki = ekmcheck_forge::pki::Pki::frozen().unwrap();
    inputs.key = pki.identity("second").unwrap().key.clone();
    // Signed and named alike by another client, and signed by another client under the right one's name.
    let parts = inputs.dpop_parts(0);
    assert_eq!(of_text(&inputs, &inputs.dpop_proof(&parts).unwrap()), Err(Failed::Jkt));
    let inputs = Inputs::new().unwrap();
    let (input, _) = right.rsplit_once('.').unwrap();
    let other = pki.identity("second").unwrap().key.clone();
    let signing = ekmcheck_forge::keys::Signing::Frozen;
    let signature = other.sign(ekmcheck_binding::algorithm::Algorithm::Es256, input.as_bytes(), signing).unwrap();
    let forged = format!("{input}.{}", base64url::encode(&signature));
    assert_eq!(of_text(&inputs, &forged), Err(Failed::Signature));
    assert_eq!(of_text(&inputs, &right), Ok(()));
}

#[test]
fn refuses_a_repeated_identifier_and_only_that() {
    let inputs = Inputs::new().unwrap();
    let verifier = DpopVerifier::new(Policy::default());
    let verdict = |n| {
        let proof = inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap();
        inputs.request(&inputs.dpop, &proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64))
    };
    assert_eq!(verdict(1), Ok(()));
    assert_eq!(verdict(1), Err(Failed::Jti));
    assert_eq!(verdict(2), Ok(()));
}

#[test]
fn refuses_the_wrong_fields() {
    let inputs = Inputs::new().unwrap();
    let proof = inputs.dpop_proof(&inputs.dpop_parts(0)).unwrap();
    let verifier = DpopVerifier::new(Policy::default());
    let verdict = |request: &Request<'_>| verifier.verify(request, &inputs.bound_to_key, NOW as f64);
    assert_eq!(inputs.request(&inputs.bearer, &proof, verdict), Err(Failed::Authorization));
    assert_eq!(inputs.request(&inputs.dpop, "a.b", verdict), Err(Failed::Format));
    let fields = [proof.as_bytes(), proof.as_bytes()];
    let twice = inputs.request(&inputs.dpop, "", |r| verdict(&Request { proofs: &fields, ..*r }));
    assert_eq!(twice, Err(Failed::Field));
    // A token that asks for the other binding is not bound to this key.
    let session = inputs.request(&inputs.dpop, &proof, |r| verifier.verify(r, &inputs.bound_to_session, NOW as f64));
    assert_eq!(session, Err(Failed::Jkt));
}

#[test]
fn the_other_algorithms_verify() {
    let pki = ekmcheck_forge::pki::Pki::frozen().unwrap();
    for (name, jwa) in [("p384", Algorithm::Es384), ("ed25519", Algorithm::EdDsa)] {
        let inputs = Inputs::new().unwrap();
        let key = pki.identity(name).unwrap().key.clone();
        let point = key.public().material();
        let jwk = match jwa {
            Algorithm::Es384 => json!({"kty": "EC", "crv": "P-384", "x": base64url::encode(&point[1..49]),
                "y": base64url::encode(&point[49..])}),
            _ => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(point)}),
        };
        let (mut header, claims) = inputs.dpop_parts(0);
        header.set("alg", jwa.name());
        header.set("jwk", jwk.clone());
        let input = format!("{}.{}", base64url::encode(&header.octets()), base64url::encode(&claims.octets()));
        let signature = key.sign(jwa, input.as_bytes(), ekmcheck_forge::keys::Signing::Frozen).unwrap();
        let proof = format!("{input}.{}", base64url::encode(&signature));
        assert_eq!(of_text(&inputs, &proof), Err(Failed::Jkt), "the token is bound to the other key");
        let read = Header::read(input.split('.').next().unwrap()).unwrap();
        assert_eq!(read.key.spki(), key.public().spki());
        assert!(AwsLc.verify(read.algorithm, &read.key, input.as_bytes(), &signature));
    }
}

#[test]
fn a_remembered_header_vouches_for_nothing() {
    let inputs = Inputs::new().unwrap();
    let verifier = DpopVerifier::new(Policy::default());
    let verdict =
        |proof: &str| inputs.request(&inputs.dpop, proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64));
    let [one, two] = [1, 2].map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap());
    assert_eq!(verdict(&one), Ok(()));
    let (input, _) = two.rsplit_once('.').unwrap();
    let (_, signature) = one.rsplit_once('.').unwrap();
    assert_eq!(verdict(&format!("{input}.{signature}")), Err(Failed::Signature));
    assert_eq!(verdict(&two), Ok(()));
}

/// The example of RFC 9449 section 4.1 (key) and section 6.1 (its thumbprint).
#[test]
fn thumbprint_known_answer() {
    let (x, y) = ("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA");
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    let header = Header::of_jwk(&json::parse_object(jwk.as_bytes()).unwrap(), Some("ES256")).unwrap();
    assert_eq!(header.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}
