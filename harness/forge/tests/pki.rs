//! Keys and certificates, live and frozen: they fit together, TLS accepts and refuses the right ones, and frozen octets
//! never change.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
    certificate::{Certificate, PublicKey},
    crypto::{AwsLc, RustCrypto, SignatureVerifier},
    digest::sha256,
};
use ekmcheck_forge::{
    keys::{ForgeKeyError, Key, Signing, der_signature, high_s},
    pki::{CLIENTS, FROZEN_VALIDITY, Identity, Pki, SPIFFE_ID},
};
use p256::pkcs8::EncodePrivateKey as _;
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// 2026-07-01.
const NOW: i64 = 1_782_864_000;
const MESSAGE: &[u8] = b"eyJ0eXAiOiJzYitqd3QifQ.eyJhdGgiOiJ4In0";
const KINDS: [KeyKind; 5] = [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Ed25519, KeyKind::Rsa(2048)];

fn live() -> &'static Pki {
    static LIVE: OnceLock<Pki> = OnceLock::new();
    LIVE.get_or_init(|| Pki::generate(NOW).unwrap())
}

fn frozen() -> &'static Pki {
    static FROZEN: OnceLock<Pki> = OnceLock::new();
    FROZEN.get_or_init(|| Pki::frozen().unwrap())
}

fn both() -> [(&'static str, &'static Pki); 2] {
    [("live", live()), ("frozen", frozen())]
}

fn of_kind(pki: &Pki, kind: KeyKind) -> &Key {
    &pki.identities().iter().find(|i| i.key.kind() == kind).unwrap().key
}

fn verifiers() -> [&'static dyn SignatureVerifier; 2] {
    [&AwsLc, &RustCrypto]
}

fn roots(anchor: &[u8]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(anchor)).unwrap();
    Arc::new(roots)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn at(now: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()))
}

fn accepted(anchor: &[u8], identity: &Identity, now: i64) -> Result<(), Error> {
    let verifier: Arc<dyn ClientCertVerifier> =
        WebPkiClientVerifier::builder_with_provider(roots(anchor), provider()).build().unwrap();
    let chain: Vec<CertificateDer<'_>> = identity.chain.iter().map(|der| der.as_slice().into()).collect();
    verifier.verify_client_cert(&chain[0], &chain[1..], at(now)).map(drop)
}

#[test]
fn certificates_carry_their_keys() {
    for (sort, pki) in both() {
        let names: Vec<_> = pki.identities().iter().map(|i| i.name).collect();
        assert_eq!(names, CLIENTS);
        for identity in pki.identities().iter().chain([pki.server()]) {
            let name = identity.name;
            assert_eq!(identity.certificate.key().spki(), identity.key.public().spki(), "{sort} {name}");
            assert_eq!(identity.chain[0], identity.certificate.der(), "{sort} {name}");
            let parsed = X509Certificate::from_der(&identity.chain[0]).unwrap().1;
            let has_key = parsed.public_key().raw == identity.key.public().spki();
            assert_eq!(has_key, !["rsa-pss", "x25519", "off-curve"].contains(&name), "{sort} {name}");
            if ["foreign", "self-signed"].contains(&name) {
                assert_eq!(identity.chain.len(), 1);
            } else {
                assert_eq!(identity.chain[1..], [pki.intermediate().certificate.der().to_vec()], "{sort} {name}");
            }
        }
        for authority in [pki.root(), pki.intermediate(), pki.foreign_root()] {
            assert_eq!(authority.certificate.key().spki(), authority.key.public().spki(), "{sort}");
        }
        let kinds = ["p256", "p384", "p521", "ed25519", "rsa2048"].map(|n| pki.identity(n).unwrap().key.kind());
        assert_eq!(kinds, KINDS);
        assert!(pki.identity("server").is_none());
    }
}

#[test]
fn tls_accepts_all_but_those_who_are_wrong() {
    for (sort, pki) in both() {
        let anchor = pki.root().certificate.der();
        for identity in pki.identities() {
            let seen = accepted(anchor, identity, NOW);
            let name = identity.name;
            let right = match name {
                "short-lived" if sort == "frozen" => {
                    matches!(seen, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. })))
                }
                "expired" => {
                    matches!(seen, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. })))
                }
                "not-yet-valid" => {
                    matches!(seen, Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. })))
                }
                "foreign" | "self-signed" => {
                    matches!(seen, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)))
                }
                "without-client-auth" => {
                    matches!(seen, Err(Error::InvalidCertificate(CertificateError::InvalidPurposeContext { .. })))
                }
                _ => seen.is_ok(),
            };
            assert!(right, "{sort} {name}: {seen:?}");
        }
        let foreign = pki.identity("foreign").unwrap();
        accepted(pki.foreign_root().certificate.der(), foreign, NOW).unwrap();
        // The server's is no client certificate.
        assert!(accepted(anchor, pki.server(), NOW).is_err());
    }
    let (day, p256) = (86_400, live().identity("p256").unwrap());
    let anchor = live().root().certificate.der();
    for (now, right) in [(NOW - day, true), (NOW - day - 1, false), (NOW + 7 * day, true), (NOW + 7 * day + 1, false)] {
        assert_eq!(accepted(anchor, p256, now).is_ok(), right, "{now}");
    }
    let (from, to) = FROZEN_VALIDITY;
    let p256 = frozen().identity("p256").unwrap();
    for (now, right) in [(from, true), (from - 1, false), (to, true), (to + 1, false)] {
        assert_eq!(accepted(frozen().root().certificate.der(), p256, now).is_ok(), right, "{now}");
    }
}

#[test]
fn tls_accepts_the_server() {
    for (sort, pki) in both() {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(pki.root().certificate.der()), provider())
            .build()
            .unwrap();
        let chain: Vec<CertificateDer<'_>> = pki.server().chain.iter().map(|der| der.as_slice().into()).collect();
        for (name, right) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("example.org", false)] {
            let seen =
                verifier.verify_server_cert(&chain[0], &chain[1..], &ServerName::try_from(name).unwrap(), &[], at(NOW));
            assert_eq!(seen.is_ok(), right, "{sort} {name}: {seen:?}");
        }
    }
}

#[test]
fn the_relatives_of_p256() {
    for (_, pki) in both() {
        let [usual, second, renewed, spiffe] =
            ["p256", "second", "renewed", "spiffe"].map(|n| pki.identity(n).unwrap());
        assert_eq!(usual.key.pkcs8(), renewed.key.pkcs8());
        assert_ne!(usual.certificate.thumbprint(), renewed.certificate.thumbprint());
        assert_ne!(usual.key.public().spki(), second.key.public().spki());
        let parsed = |i: &'static Identity| X509Certificate::from_der(&i.chain[0]).unwrap().1;
        let pki_names = [usual, second, renewed].map(|i| parsed(i).subject().to_string());
        assert_eq!(pki_names, ["CN=ekmcheck client p256"; 3]);
        let spiffe = parsed(spiffe);
        assert_eq!(spiffe.subject().iter().count(), 0);
        let names = spiffe.subject_alternative_name().unwrap().unwrap();
        assert!(names.critical);
        assert_eq!(names.value.general_names, [GeneralName::URI(SPIFFE_ID)]);
        let serials: HashSet<_> = pki.identities().iter().map(|i| parsed(i).raw_serial().to_vec()).collect();
        assert_eq!(serials.len(), CLIENTS.len());
    }
}

/// What those keys are that the harness puts into certificates by hand.
#[test]
fn the_odd_keys_are_what_they_are_called() {
    for (sort, pki) in both() {
        let certificate = |name: &str| pki.identity(name).unwrap().chain[0].clone();
        for (name, key_type) in [("rsa-pss", "1.2.840.113549.1.1.10"), ("x25519", "1.3.101.110")] {
            let der = certificate(name);
            let seen = Certificate::from_der(&der).unwrap_err().to_string();
            assert!(seen.contains(key_type), "{sort} {name}: {seen}");
        }
        let point = Certificate::from_der(&certificate("off-curve")).unwrap().key().material().to_vec();
        assert!(p256::PublicKey::from_sec1_bytes(&point).is_err(), "{sort}");
        assert!(p256::PublicKey::from_sec1_bytes(pki.identity("off-curve").unwrap().key.public().material()).is_ok());
        let kinds = ["rsa1024", "rsa8192"].map(|n| Certificate::from_der(&certificate(n)).unwrap().key().kind());
        assert_eq!(kinds, [KeyKind::Rsa(1024), KeyKind::Rsa(8192)], "{sort}");
        // Its signatures are right, though nothing here takes the key for one.
        let small = &pki.identity("rsa1024").unwrap().key;
        let signature = small.sign(Algorithm::Ps256, MESSAGE, Signing::Live).unwrap();
        assert_eq!(signature.len(), 128, "{sort}");
        assert!(verifiers().iter().all(|v| !v.verify(Algorithm::Ps256, small.public(), MESSAGE, &signature)), "{sort}");
        let short = pki.identity("short-lived").unwrap();
        let parsed = X509Certificate::from_der(&short.chain[0]).unwrap().1;
        let validity = parsed.validity();
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 3600, "{sort}");
    }
}

#[test]
fn each_fitting_pair_signs_in_both_ways() {
    for (sort, pki) in both() {
        for (kind, algorithm) in KINDS.into_iter().flat_map(|k| Algorithm::ALL.map(|a| (k, a))) {
            if !algorithm.fits(kind) {
                continue;
            }
            let key = of_kind(pki, kind);
            for how in [Signing::Live, Signing::Frozen] {
                let signature = key.sign(algorithm, MESSAGE, how).unwrap();
                for verifier in verifiers() {
                    let case = format!("{sort} {kind} {algorithm} {how:?} {}", verifier.name());
                    assert!(verifier.verify(algorithm, key.public(), MESSAGE, &signature), "{case}");
                    assert!(!verifier.verify(algorithm, key.public(), b"other", &signature), "{case}");
                }
            }
            let [one, two] = [(); 2].map(|()| {
                // From the PKCS#8 again, so that nothing is remembered.
                Key::from_pkcs8(key.pkcs8()).unwrap().sign(algorithm, MESSAGE, Signing::Frozen).unwrap()
            });
            assert_eq!(one, two, "{kind} {algorithm}");
        }
    }
}

#[test]
fn misfitting_ec_pairs_sign_and_the_rest_is_refused() {
    let ec = [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512];
    for (kind, algorithm) in KINDS.into_iter().flat_map(|k| Algorithm::ALL.map(|a| (k, a))) {
        if algorithm.fits(kind) {
            continue;
        }
        let length = match kind {
            KeyKind::P256 => 64,
            KeyKind::P384 => 96,
            KeyKind::P521 => 132,
            _ => 0,
        };
        for how in [Signing::Live, Signing::Frozen] {
            let seen = of_kind(frozen(), kind).sign(algorithm, MESSAGE, how);
            if length > 0 && ec.contains(&algorithm) {
                assert_eq!(seen.unwrap().len(), length, "{kind} {algorithm}");
            } else {
                assert_eq!(seen, Err(ForgeKeyError::Impossible { algorithm, kind }));
            }
        }
    }
    // The mathematics of such a signature is right: AWS-LC verifies P-256 with SHA-384.
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
        UnparsedPublicKey, VerificationAlgorithm,
    };
    let pairs: [(KeyKind, Algorithm, &'static dyn VerificationAlgorithm); 4] = [
        (KeyKind::P256, Algorithm::Es384, &ECDSA_P256_SHA384_ASN1),
        (KeyKind::P384, Algorithm::Es256, &ECDSA_P384_SHA256_ASN1),
        (KeyKind::P521, Algorithm::Es256, &ECDSA_P521_SHA256_ASN1),
        (KeyKind::P521, Algorithm::Es384, &ECDSA_P521_SHA384_ASN1),
    ];
    for (kind, algorithm, verification) in pairs {
        let key = of_kind(frozen(), kind);
        let raw = key.sign(algorithm, MESSAGE, Signing::Live).unwrap();
        UnparsedPublicKey::new(verification, key.public().material())
            .verify(MESSAGE, &der_signature(&raw))
            .unwrap_or_else(|_| panic!("{kind} {algorithm}"));
    }
}

#[test]
fn keys_survive_their_encodings() {
    for kind in KINDS {
        let key = Key::generate(kind).unwrap();
        assert_eq!(key.kind(), kind);
        let pem = key.rcgen_key().unwrap().serialize_pem();
        let again = Key::from_pem(&pem).unwrap();
        assert_eq!(again.pkcs8(), key.pkcs8());
        assert_eq!(again.public().spki(), key.public().spki());
        assert_eq!(PublicKey::from_spki_der(again.public().spki()).unwrap().material(), key.public().material());
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("Key {{ kind: {kind:?}, .. }}"));
    }
    assert_eq!(Key::generate(KeyKind::Rsa(1000)).unwrap_err(), ForgeKeyError::NoGenerator(KeyKind::Rsa(1000)));
    // Version 2 with the public key, as ed25519-dalek writes it, is taken and handed on as version 1.
    let dalek = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).to_pkcs8_der().unwrap();
    let key = Key::from_pkcs8(dalek.as_bytes()).unwrap();
    assert_eq!((key.kind(), key.pkcs8().len()), (KeyKind::Ed25519, 48));
    let sec1 = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_sec1_der().unwrap();
    for wrong in [&b""[..], b"\x30\x00", &sec1] {
        assert!(matches!(Key::from_pkcs8(wrong), Err(ForgeKeyError::Unreadable(_))));
    }
    assert!(Key::from_pem("no PEM").is_err());
}

#[test]
fn the_other_s_verifies_too() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::P521] {
        let (key, algorithm) = (of_kind(frozen(), kind), Algorithm::usual_for(kind));
        let raw = key.sign(algorithm, MESSAGE, Signing::Frozen).unwrap();
        let other = high_s(kind, &raw).unwrap();
        assert_ne!(other, raw);
        assert_eq!(other[..raw.len() / 2], raw[..raw.len() / 2]);
        assert_eq!(high_s(kind, &other).unwrap(), raw);
        for verifier in verifiers() {
            assert!(verifier.verify(algorithm, key.public(), MESSAGE, &other), "{kind}");
            assert!(!verifier.verify(algorithm, key.public(), MESSAGE, &der_signature(&raw)), "{kind}");
        }
        assert_eq!(high_s(kind, &raw[1..]), None);
        assert_eq!(high_s(kind, &vec![0; raw.len()]), None);
        assert_eq!(high_s(kind, &vec![0xff; raw.len()]), None);
    }
    assert_eq!(high_s(KeyKind::Ed25519, &[1; 64]), None);
    let raw = of_kind(frozen(), KeyKind::P256).sign(Algorithm::Es256, MESSAGE, Signing::Live).unwrap();
    let parsed = p256::ecdsa::Signature::from_der(&der_signature(&raw)).unwrap();
    assert_eq!(parsed.to_vec(), raw);
}

fn everything(pki: &Pki) -> Vec<Vec<u8>> {
    let authorities = [pki.root(), pki.intermediate(), pki.foreign_root()];
    let leaves = pki.identities().iter().chain([pki.server()]);
    authorities
        .map(|a| [a.certificate.der(), a.key.pkcs8()].concat())
        .into_iter()
        .chain(leaves.map(|i| [&i.chain.concat(), i.key.pkcs8()].concat()))
        .collect()
}

#[test]
fn the_frozen_never_change() {
    assert_eq!(everything(frozen()), everything(&Pki::frozen().unwrap()));
    assert_ne!(everything(live()), everything(&Pki::generate(NOW).unwrap()));
    let sign = |name, algorithm| {
        base64url::encode(&frozen().identity(name).unwrap().key.sign(algorithm, MESSAGE, Signing::Frozen).unwrap())
    };
    let p256 = frozen().identity("p256").unwrap();
    assert_eq!(p256.certificate.thumbprint().to_string(), "gJWa2ZHXnWoaYgcVqgmNLGEuEVSxzwBv9jV1Yz60s38");
    assert_eq!(
        base64url::encode(&sha256(&everything(frozen()).concat())),
        "AjqoDnMoM3PySa6HR5Y4Dy5qqrtQ0vTrkD5ULGiZXoE"
    );
    assert_eq!(
        sign("p256", Algorithm::Es256),
        "qD2Phwvk80eQxD1gWzPq239bxNd-njuRrpaAgC2IaE0tNS3kreVbLgthPsuIieJoxos1s0mT9R4azIsAzUQWxg"
    );
    assert_eq!(
        base64url::encode(&sha256(sign("p521", Algorithm::Es512).as_bytes())),
        "W2xLk5t3aT781CzDY5xf11hm9yJqAkhlpclDIZ1bGPw"
    );
    assert_eq!(
        base64url::encode(&sha256(sign("rsa2048", Algorithm::Ps256).as_bytes())),
        "csLNbBcO1eMmRYCRlXcNpmSazFPbHm4XH4uDWearI30"
    );
}

/// Not a benchmark: `cargo test --release --test pki -- --ignored --nocapture`.
#[test]
#[ignore = "prints how long things take"]
fn how_long_it_takes() {
    let timed = |what: &str, rounds: u32, f: &dyn Fn()| {
        f();
        let start = Instant::now();
        (0..rounds).for_each(|_| f());
        println!("{what}: {:?}", start.elapsed() / rounds);
    };
    timed("Pki::generate", 20, &|| drop(Pki::generate(NOW).unwrap()));
    timed("Pki::frozen", 5, &|| drop(Pki::frozen().unwrap()));
    for kind in KINDS {
        let (key, algorithm) = (of_kind(frozen(), kind), Algorithm::usual_for(kind));
        for how in [Signing::Live, Signing::Frozen] {
            timed(&format!("{algorithm} {how:?}"), 20, &|| drop(key.sign(algorithm, MESSAGE, how).unwrap()));
        }
    }
}
