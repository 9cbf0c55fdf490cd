//! HMAC with octets that everybody knows (LIB-B11): certificate, key and their parts in every usual spelling.

use ekmcheck_binding::{base64url, refusal::Check};
use ekmcheck_forge::{
    alteration::pem,
    keys::{Sha, hmac},
    recipe::Setting,
};
use ekmcheck_suite::case::{Basis::Inherited, Level::Must};
use serde_json::json;

use super::super::{ledger::entry_of, plan::Plan, step::Step};

type Secret = fn(&Setting<'_>) -> Vec<u8>;

pub(super) fn plans() -> Vec<Plan> {
    // No hash of a long one: HMAC itself takes the hash of a secret of more than 64 octets.
    let secrets: [(&str, &str, &str, Secret); 13] = [
        ("hmac-certificate-pem-with-crlf", "p256", "the certificate in PEM with CRLF", |s| {
            crlf(&pem("CERTIFICATE", s.client.certificate.der()))
        }),
        ("hmac-key-pem-with-crlf", "p256", "the key in PEM with CRLF", |s| crlf(&pem("PUBLIC KEY", spki(s)))),
        ("hmac-key-pem-without-newline", "p256", "the key in PEM without the last newline", |s| {
            pem("PUBLIC KEY", spki(s)).trim_end().as_bytes().to_vec()
        }),
        ("hmac-key-base64", "p256", "the base64 text of the key", |s| {
            let text = pem("PUBLIC KEY", spki(s));
            text.lines().filter(|line| !line.starts_with('-')).collect::<String>().into_bytes()
        }),
        ("hmac-key-jwk", "p256", "the key as a JWK, in the order of RFC 7638", jwk),
        ("hmac-y-coordinate", "p256", "the y coordinate of the key", |s| {
            s.client.certificate.key().material().get(33..).unwrap_or_default().to_vec()
        }),
        ("hmac-coordinates", "p256", "both coordinates of the key", |s| {
            s.client.certificate.key().material().get(1..).unwrap_or_default().to_vec()
        }),
        ("hmac-thumbprint-text", "p256", "the text of the certificate's thumbprint", |s| {
            s.client.certificate.thumbprint().to_string().into_bytes()
        }),
        ("hmac-ekm-text", "p256", "the text of the exporter value", |s| {
            base64url::encode(s.exporters.right()).into_bytes()
        }),
        ("hmac-empty", "p256", "no octets at all", |_| Vec::new()),
        ("hmac-rsa-key-pem", "rsa2048", "the RSA key in PEM", |s| pem("PUBLIC KEY", spki(s)).into_bytes()),
        ("hmac-rsa-pkcs1-pem", "rsa2048", "the RSA key in PEM as PKCS#1 has it", |s| {
            pem("RSA PUBLIC KEY", s.client.certificate.key().material()).into_bytes()
        }),
        ("hmac-ed25519-key", "ed25519", "the octets of the Ed25519 key", |s| {
            s.client.certificate.key().material().to_vec()
        }),
    ];
    let mut plans: Vec<Plan> = secrets
        .into_iter()
        .map(|(name, client, what, secret)| plan(name, client, "HS256", Sha::Sha256, what, secret))
        .collect();
    let key: Secret = |s| pem("PUBLIC KEY", spki(s)).into_bytes();
    plans.push(plan("hmac-384-key-pem", "p256", "HS384", Sha::Sha384, "the key in PEM", key));
    plans.push(plan("hmac-512-key-pem", "p256", "HS512", Sha::Sha512, "the key in PEM", key));
    plans
}

fn plan(name: &str, client: &'static str, alg: &'static str, sha: Sha, what: &str, secret: Secret) -> Plan {
    let line = format!("`proof.header.alg` = \"{alg}\", with {what} as the secret");
    let step = Step::text("proof.header.alg", line, move |text, setting, _| {
        let mut segments = text.split('.');
        let header = base64url::decode(segments.next().unwrap_or_default()).unwrap_or_default();
        let mut header: serde_json::Value = serde_json::from_slice(&header).unwrap_or_default();
        header["alg"] = alg.into();
        let input =
            format!("{}.{}", base64url::encode(header.to_string().as_bytes()), segments.next().unwrap_or_default());
        let tag = hmac(sha, &secret(setting), input.as_bytes());
        Ok(format!("{input}.{}", base64url::encode(&tag)))
    });
    let plan = Plan::refused(Check::Alg, name, &format!("An HMAC by {alg} with {what} as the secret.")).step(step);
    let plan = plan.entry(entry_of("rs.alg-asymmetric", "RFC 8725 3.1", Must, Inherited));
    plan.client(client).flag("key-confusion").row("LIB-B11").row("LIB-B01")
}

fn spki<'a>(setting: &Setting<'a>) -> &'a [u8] {
    setting.client.certificate.key().spki()
}

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn jwk(setting: &Setting<'_>) -> Vec<u8> {
    let point = setting.client.certificate.key().material();
    let coordinate = |range| point.get(range).map(base64url::encode);
    json!({"crv": "P-256", "kty": "EC", "x": coordinate(1..33), "y": coordinate(33..65)}).to_string().into_bytes()
}
