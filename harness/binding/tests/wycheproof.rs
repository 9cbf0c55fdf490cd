//! Signature vectors of Project Wycheproof through the reference's signature step, with both verifiers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::collections::BTreeMap;

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
    certificate::PublicKey,
    crypto::{AwsLc, RustCrypto, SignatureVerifier},
    json,
};
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::Value;

/// What a file's labels mean here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Labels {
    /// What they say.
    AsTheyAre,
    /// The parameters are none that a JWS algorithm has, so that every signature is refused.
    AllRefused,
}

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("wycheproof/", $name, "_test.json")))
    };
}

/// Files of raw signatures, with the algorithm that a proof would name.
const RAW: [((&str, &str), Algorithm, Labels); 11] = [
    (file!("ecdsa_secp256r1_sha256_p1363"), Algorithm::Es256, Labels::AsTheyAre),
    (file!("ecdsa_secp384r1_sha384_p1363"), Algorithm::Es384, Labels::AsTheyAre),
    (file!("ecdsa_secp521r1_sha512_p1363"), Algorithm::Es512, Labels::AsTheyAre),
    (file!("ed25519"), Algorithm::EdDsa, Labels::AsTheyAre),
    (file!("rsa_signature_2048_sha256"), Algorithm::Rs256, Labels::AsTheyAre),
    (file!("rsa_signature_2048_sha384"), Algorithm::Rs384, Labels::AsTheyAre),
    (file!("rsa_signature_2048_sha512"), Algorithm::Rs512, Labels::AsTheyAre),
    (file!("rsa_pss_2048_sha256_mgf1_32"), Algorithm::Ps256, Labels::AsTheyAre),
    (file!("rsa_pss_2048_sha384_mgf1_48"), Algorithm::Ps384, Labels::AsTheyAre),
    // RFC 7518 section 3.5: a salt as long as the hash, and a mask made with the same hash.
    (file!("rsa_pss_2048_sha256_mgf1_0"), Algorithm::Ps256, Labels::AllRefused),
    (file!("rsa_pss_2048_sha256_mgf1sha1_20"), Algorithm::Ps256, Labels::AllRefused),
];

/// The one row of a file of [`Labels::AllRefused`] whose parameters are right after all: "s_len changed to 32" is PS256.
const RIGHT_AFTER_ALL: (&str, u64) = ("rsa_pss_2048_sha256_mgf1_0", 69);

const JWS: (&str, &str) = file!("json_web_signature");

/// Labels of the JWS file that are about something else than a signature by the key of a certificate: numbers of tests,
/// whether the signature step takes them, and why.
const READINGS: [(&[u64], bool, &str); 2] = [
    (
        &[332, 334, 336, 338, 340],
        true,
        "the JWK is restricted to PS512, which an RSA key of a certificate is not; the signature is right for `alg`",
    ),
    (
        &[353, 354, 355, 356],
        true,
        "the JWK says that it is for encryption; the text is that of tests 33 and 18, and a certificate says such things itself",
    ),
];

/// Rows by what became of them.
#[derive(Debug, Default)]
struct Counts {
    accepted: usize,
    refused: usize,
    /// Labelled "acceptable": what the verifier did is recorded.
    recorded: Vec<String>,
    overridden: usize,
}

impl Counts {
    fn executed(&self) -> usize {
        self.accepted + self.refused + self.recorded.len()
    }
}

fn verifiers() -> [&'static dyn SignatureVerifier; 2] {
    [&AwsLc, &RustCrypto]
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[test]
fn raw_signatures() {
    for verifier in verifiers() {
        let (mut total, mut faults) = (Counts::default(), Vec::new());
        for ((name, text), algorithm, labels) in RAW {
            let file = parsed(text);
            let mut counts = Counts::default();
            for group in list(&file["testGroups"]) {
                let key = PublicKey::from_spki_der(&hex(&group["publicKeyDer"])).unwrap();
                for test in list(&group["tests"]) {
                    let accepts = verifier.verify(algorithm, &key, &hex(&test["msg"]), &hex(&test["sig"]));
                    let label = test["result"].as_str().unwrap();
                    let number = test["tcId"].as_u64().unwrap();
                    let wanted = match (labels, label) {
                        _ if (name, number) == RIGHT_AFTER_ALL => {
                            assert_eq!(label, "invalid");
                            counts.overridden += 1;
                            true
                        }
                        (Labels::AllRefused, label) => {
                            counts.overridden += usize::from(label != "invalid");
                            false
                        }
                        (_, "valid") => true,
                        (_, "invalid") => false,
                        _ => {
                            counts.recorded.push(format!("{name} {number}: {accepts}"));
                            continue;
                        }
                    };
                    if accepts != wanted {
                        faults.push(format!("{name} {number}: {} ({label})", test["comment"]));
                    }
                    counts.accepted += usize::from(accepts);
                    counts.refused += usize::from(!accepts);
                }
            }
            assert_eq!(counts.executed(), usize::try_from(file["numberOfTests"].as_u64().unwrap()).unwrap(), "{name}");
            assert!(counts.executed() > 0, "{name}: nothing was executed");
            total.accepted += counts.accepted;
            total.refused += counts.refused;
            total.overridden += counts.overridden;
            total.recorded.extend(counts.recorded);
        }
        println!("{}: {} raw signatures executed, {total:?}", verifier.name(), total.executed());
        assert!(faults.is_empty(), "{}:\n{}", verifier.name(), faults.join("\n"));
        assert!(total.accepted > 500 && total.refused > 1000 && total.overridden > 50, "{total:?}");
    }
}

/// The key of a JWK, as a certificate would have it; none for a secret.
fn key(jwk: &Value) -> Option<PublicKey> {
    let member = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    // Coordinates of P-521 need not have all their zeros.
    let point = |length: usize| {
        let mut out = vec![4];
        for name in ["x", "y"] {
            let octets = member(name);
            out.extend(std::iter::repeat_n(0, length - octets.len()));
            out.extend(octets);
        }
        out
    };
    let spki = match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
        ("RSA", _) => {
            let number = |name| rsa::BigUint::from_bytes_be(&member(name));
            rsa::RsaPublicKey::new(number("n"), number("e")).unwrap().to_public_key_der().unwrap()
        }
        ("EC", Some("P-256")) => p256::PublicKey::from_sec1_bytes(&point(32)).unwrap().to_public_key_der().unwrap(),
        ("EC", Some("P-521")) => p521::PublicKey::from_sec1_bytes(&point(66)).unwrap().to_public_key_der().unwrap(),
        other => panic!("{other:?}"),
    };
    Some(PublicKey::from_spki_der(spki.as_bytes()).unwrap())
}

/// What the reference does with a proof, without what is in the payload: three segments of strict base64url, a header
/// that is strict JSON, an algorithm that fits the key, the signature.
fn verify(verifier: &dyn SignatureVerifier, jws: &str, key: &PublicKey) -> Option<()> {
    let segments: Vec<&str> = jws.split('.').collect();
    let [header, payload, signature] = segments[..] else { return None };
    base64url::decode(payload).ok()?;
    let json::Value::String(alg) = json::parse_object(&base64url::decode(header).ok()?).ok()?.member("alg")?.clone()
    else {
        return None;
    };
    let algorithm = Algorithm::from_name(&alg).filter(|a| a.fits(key.kind()))?;
    let input = format!("{header}.{payload}");
    verifier.verify(algorithm, key, input.as_bytes(), &base64url::decode(signature).ok()?).then_some(())
}

#[test]
fn json_web_signatures() {
    let file = parsed(JWS.1);
    for verifier in verifiers() {
        let (mut counts, mut faults, mut symmetric) = (Counts::default(), Vec::new(), 0);
        let mut by_group: BTreeMap<&str, usize> = BTreeMap::new();
        for group in list(&file["testGroups"]) {
            let tests = list(&group["tests"]);
            // A symmetric key is no key of a certificate.
            let Some(key) = group.get("public").and_then(key) else {
                symmetric += tests.len();
                continue;
            };
            for test in tests {
                let number = test["tcId"].as_u64().unwrap();
                let accepts = verify(verifier, test["jws"].as_str().unwrap(), &key).is_some();
                let label = test["result"] == "valid";
                let reading = READINGS.iter().find(|(numbers, ..)| numbers.contains(&number));
                let wanted = reading.map_or(label, |(_, takes, _)| *takes);
                if let Some((.., why)) = reading {
                    assert_ne!(wanted, label, "{number}: the label says so itself, and not {why}");
                    counts.overridden += 1;
                }
                if accepts != wanted {
                    faults.push(format!("{number}: {} ({})", test["comment"], test["result"]));
                }
                counts.accepted += usize::from(accepts);
                counts.refused += usize::from(!accepts);
                *by_group.entry(group["comment"].as_str().unwrap()).or_default() += 1;
            }
        }
        let all = usize::try_from(file["numberOfTests"].as_u64().unwrap()).unwrap();
        println!(
            "{}: {} of {all} JSON Web Signatures executed, {symmetric} are symmetric; {counts:?} {by_group:?}",
            verifier.name(),
            counts.executed()
        );
        assert_eq!(counts.executed() + symmetric, all);
        assert!(faults.is_empty(), "{}:\n{}", verifier.name(), faults.join("\n"));
        assert!(counts.accepted > 20 && counts.refused > 250, "{counts:?}");
        assert_eq!(counts.overridden, READINGS.iter().map(|(numbers, ..)| numbers.len()).sum::<usize>());
    }
}

/// The keys that the files bring are read as the kinds that they are.
#[test]
fn keys_are_of_the_kinds_that_the_files_say() {
    for ((name, text), algorithm, _) in RAW {
        for group in list(&parsed(text)["testGroups"]) {
            let kind = PublicKey::from_spki_der(&hex(&group["publicKeyDer"])).unwrap().kind();
            assert!(algorithm.fits(kind), "{name}: {kind}");
            if let Some(bits) = group.get("keySize").and_then(Value::as_u64) {
                assert_eq!(kind, KeyKind::Rsa(u32::try_from(bits).unwrap()), "{name}");
            }
        }
    }
}
