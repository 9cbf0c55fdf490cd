//! Single proofs: made, inspected, verified.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use common::{Done, Scratch};
use ekmcheck_forge::pki::Pki;

const NOW: i64 = 1_760_000_000;
const EKM: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const TOKEN: &str = "an.opaque-token";

/// A folder with certificates and keys.
fn bench(test: &str) -> Scratch {
    let scratch = Scratch::new(test);
    let pki = Pki::generate(NOW).unwrap();
    for name in ["p256", "second"] {
        let identity = pki.identity(name).unwrap();
        scratch.write(&format!("{name}.der"), identity.certificate.der());
        scratch.write(&format!("{name}.pem"), identity.key.rcgen_key().unwrap().serialize_pem());
    }
    scratch
}

fn make(scratch: &Scratch, more: &[&str]) -> Done {
    let some = ["proof", "make", "--certificate", "p256.der", "--now", "1760000000", "--key", "p256.pem"];
    scratch.ekmcheck(&[&some[..], more].concat())
}

fn made(scratch: &Scratch, more: &[&str]) -> String {
    let done = make(scratch, &[&["--token", TOKEN, "--ekm", EKM], more].concat()).ends_with(0);
    done.out.trim().to_owned()
}

fn verify(scratch: &Scratch, proof: &str, more: &[&str]) -> Done {
    let mut arguments = vec!["proof", "verify", proof];
    for (name, value) in [("--token", TOKEN), ("--certificate", "p256.der"), ("--ekm", EKM), ("--now", "1760000010")] {
        if !more.contains(&name) {
            arguments.extend([name, value]);
        }
    }
    scratch.ekmcheck(&[&arguments[..], more].concat())
}

#[test]
fn what_is_made_is_accepted_and_has_the_right_form() {
    let scratch = bench("made");
    let proof = made(&scratch, &[]);
    let done = verify(&scratch, &proof, &[]).ends_with(0).says(&["held     signature", "held     ekm", "accepted"]);
    assert!(!done.out.contains("htm"), "what the proof has not is not said to hold: {}", done.out);
    verify(&scratch, &proof, &["--ekm", HEX]).ends_with(0);
    let done = scratch.ekmcheck(&["proof", "inspect", &proof]).ends_with(0);
    done.says(&["\"typ\":\"tls-binding-proof+jwt\"", "2025-10-09T08:53:20Z", "days ago", "the form is right"]);
    let full = made(&scratch, &["--jti", "1", "--htm", "GET", "--htu", "/a"]);
    verify(&scratch, &full, &[])
        .ends_with(0)
        .says(&["htm: not looked at without --method", "htu: not looked at without --url"]);
    let request = ["--method", "GET", "--url", "https://localhost:8443/a?b"];
    verify(&scratch, &full, &request).ends_with(0).says(&["held     htm", "held     htu", "held     jti"]);
}

#[test]
fn a_refusal_names_the_check_and_the_likely_mistake() {
    let scratch = bench("refused");
    let proof = made(&scratch, &["--htm", "GET"]);
    let other = EKM.replace("AAEC", "AAEB");
    for (more, parts) in [
        (&["--ekm", &other][..], &["refused  ekm", "held     signature"][..]),
        (&["--token", "other"], &["refused  ath", "held     ekm"]),
        (&["--certificate", "second.der"], &["refused  x5t", "this certificate's is"]),
        (&["--now", "1760001000"], &["refused  iat", "stale", "16 min ago"]),
        (&["--now", "1759990000"], &["refused  iat", "in the future"]),
        (&["--method", "POST"], &["refused  htm"]),
    ] {
        verify(&scratch, &proof, more).ends_with(1).says(parts);
    }
    let newline = make(&scratch, &["--token", "Bearer", "--ekm", EKM]).ends_with(0).out;
    verify(&scratch, newline.trim(), &[]).ends_with(1).says(&["refused  ath"]);
    verify(&scratch, "a.b", &[]).ends_with(1).says(&["refused  format", "not three segments"]);
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{input}.{first}{}", &signature[1..]);
    verify(&scratch, &forged, &[]).ends_with(1).says(&["refused  signature", "r || s and not DER"]);
}

#[test]
fn what_cannot_be_used_is_named_with_the_mend() {
    let scratch = bench("unusable");
    let proof = made(&scratch, &[]);
    for (more, part) in [
        (["--ekm", "short"], "--ekm:"),
        (["--certificate", "p256.pem"], "--certificate:"),
        (["--certificate", "nowhere.pem"], "nowhere.pem"),
        (["--token", "two words"], "--token:"),
        (["--url", "localhost/a"], "--url:"),
    ] {
        verify(&scratch, &proof, &more).ends_with(2).says(&[part]);
    }
    let stranger =
        ["proof", "make", "--token", TOKEN, "--ekm", EKM, "--certificate", "p256.der", "--key", "second.pem"];
    scratch.ekmcheck(&stranger).ends_with(2).says(&["--key: it is not the key of the certificate", "mend:"]);
}

#[test]
fn wrong_forms_are_pointed_at() {
    let scratch = bench("forms");
    let proof = made(&scratch, &[]);
    let inspect = |proof: &str| scratch.ekmcheck(&["proof", "inspect", proof]).ends_with(1);
    inspect(&format!("{proof}.x")).says(&["wrong  proof: 4 segments"]);
    inspect(&format!("{proof}=")).says(&["wrong  signature: byte 0x3d"]);
    inspect("e30.e30.QQ").says(&[
        "wrong  header.typ: missing",
        "wrong  claims.ekm: missing",
        "wrong  claims.iat: missing",
    ]);
    let hostile = inspect("eyJ0eXAiOiJcdTAwMWJbMzFtIn0.e30.QQ");
    assert!(!hostile.out.contains('\u{1b}'), "{}", hostile.out);
}

#[test]
fn an_exporter_is_asked_on_this_machine_only_unless_allowed() {
    let scratch = bench("exporter");
    scratch.write("ca.pem", "no certificate");
    let exporter = |target: &str, more: &[&str]| {
        scratch.ekmcheck(&[&["exporter", target, "--ca", "ca.pem"], more].concat()).ends_with(2)
    };
    // Of the addresses for documentation; nothing is sent there.
    exporter("192.0.2.1:443", &[]).says(&["another machine", "--allow-remote"]);
    exporter("localhost", &[]).says(&["no port", "mend:"]);
    exporter("127.0.0.1:1", &[]).says(&["--ca", "no certificate in it"]);
    let done = exporter("127.0.0.1:1", &["--client-cert", "p256.der"]);
    if !done.err.contains("--client-key") {
        panic!("{}", done.err);
    }
}
