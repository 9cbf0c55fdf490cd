//! An adapter for ekmcheck: Session-Binding Proofs verified with jsonwebtoken, as a resource server would.
//!
//! One JSON object a line in, one a line out (docs/adapters.md). Every error of jsonwebtoken is a refusal.

use std::io::{self, BufRead as _, Write as _};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, errors::ErrorKind};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
    },
    prelude::{FromDer as _, X509Certificate},
};

const LABEL: &str = "EXPORTER-oauth-tls-session-bound";
const TYP: &str = "tls-binding-proof+jwt";
const RSA: [Algorithm; 6] =
    [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512, Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];

#[derive(Deserialize)]
struct Inputs {
    certificate: String,
    access_token: String,
    token_claims: Map<String, Value>,
    exporter: String,
    now: i64,
    request: RequestLine,
    proof: String,
}

#[derive(Deserialize)]
struct RequestLine {
    method: String,
    authority: String,
    path: String,
}

#[derive(Deserialize)]
struct Policy {
    iat_past: u32,
    iat_future: u32,
}

/// What the proof claims.
#[derive(Deserialize)]
struct Claims {
    ath: String,
    ekm: String,
    iat: f64,
    #[serde(default, deserialize_with = "not_null")]
    jti: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    htm: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    htu: Option<String>,
}

/// An `Option` alone takes null for a claim that is not there.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Why a proof is not accepted.
enum Refusal {
    Check(&'static str, String),
    Unsupported(String),
}

fn refused<T>(check: &'static str, detail: impl ToString) -> Result<T, Refusal> {
    Err(Refusal::Check(check, detail.to_string()))
}

fn require(holds: bool, check: &'static str, detail: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { refused(check, detail) }
}

fn sha256(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(octets))
}

/// The certificate's key, and the algorithms that fit it.
fn key_of(certificate: &X509Certificate<'_>) -> Result<(DecodingKey, Vec<Algorithm>), Refusal> {
    let spki = &certificate.tbs_certificate.subject_pki;
    let key = &spki.subject_public_key.data;
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
    let kind = &spki.algorithm.algorithm;
    if *kind == OID_PKCS1_RSAENCRYPTION {
        Ok((DecodingKey::from_rsa_der(key), RSA.to_vec()))
    } else if *kind == OID_SIG_ED25519 {
        Ok((DecodingKey::from_ed_der(key), vec![Algorithm::EdDSA]))
    } else if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY && curve.as_ref() == Some(&OID_EC_P256) {
        Ok((DecodingKey::from_ec_der(key), vec![Algorithm::ES256]))
    } else if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY && curve.as_ref() == Some(&OID_NIST_EC_P384) {
        Ok((DecodingKey::from_ec_der(key), vec![Algorithm::ES384]))
    } else {
        let curve = curve.map(|c| c.to_id_string()).unwrap_or_default();
        Err(Refusal::Unsupported(format!("jsonwebtoken has no algorithm for this key: {kind} {curve}")))
    }
}

/// A target URI, or the path alone as in the draft's example, in the form that RFC 9110 section 4.2.3 compares.
fn target_uri(uri: &str, authority: &str) -> Option<String> {
    let path_alone = uri.starts_with('/') && !uri.starts_with("//");
    let full = if path_alone { format!("https://{authority}{uri}") } else { uri.to_owned() };
    let url = Url::parse(&full).ok().filter(|url| url.scheme() == "https" && url.username().is_empty())?;
    // The parser passes over what a comparison must not.
    if full.contains(['?', '#', '\\', '@']) || full.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("https://{}{port}{}", url.host_str()?, unescaped(url.path())))
}

/// The path with escapes of unreserved characters taken out, and the others in upper case.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let octet = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match octet {
            Some(octet) if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => {
                out.push(char::from(octet));
                out.push_str(&part[2..]);
            }
            Some(octet) => out.push_str(&format!("%{octet:02X}{}", &part[2..])),
            None => out.push_str(&format!("%{part}")),
        }
    }
    out
}

fn verify(inputs: &Inputs, policy: &Policy) -> Result<(), Refusal> {
    let unreadable = |what: &str| Refusal::Unsupported(format!("{what} cannot be read"));
    let der = STANDARD.decode(&inputs.certificate).map_err(|_| unreadable("the certificate"))?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| unreadable("the certificate"))?;
    let (key, algorithms) = key_of(&certificate)?;
    let thumbprint = sha256(&der);

    let Some(Value::Object(confirmation)) = inputs.token_claims.get("cnf") else {
        return refused("confirmation", "no cnf");
    };
    let Some(Value::String(bound_to)) = confirmation.get("x5t#S256") else {
        return refused("confirmation", "no x5t#S256");
    };
    require(confirmation.get("tls_exp").is_some_and(|t| t == LABEL), "confirmation", "no tls_exp")?;
    require(*bound_to == thumbprint, "certificate", "another certificate")?;

    // The clock is the question's, so the times are compared below; a proof has no audience and no end.
    let mut validation = Validation::new(algorithms[0]);
    validation.algorithms = algorithms;
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let proof = decode::<Claims>(&inputs.proof, &key, &validation).map_err(|error| {
        let check = match error.kind() {
            ErrorKind::InvalidSignature => "signature",
            ErrorKind::InvalidAlgorithm => "alg",
            _ => "format",
        };
        Refusal::Check(check, error.to_string())
    })?;
    let (header, claims) = (proof.header, proof.claims);
    require(header.typ.as_deref() == Some(TYP), "typ", "another typ")?;
    require(header.x5t_s256.as_ref() == Some(&thumbprint), "x5t", "another certificate")?;

    let exporter: Option<Vec<u8>> = inputs
        .exporter
        .as_bytes()
        .chunks(2)
        .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
        .collect();
    let exporter = exporter.ok_or_else(|| unreadable("the exporter value"))?;
    require(claims.ekm == URL_SAFE_NO_PAD.encode(exporter), "ekm", "another exporter value")?;
    require(claims.ath == sha256(inputs.access_token.as_bytes()), "ath", "another token")?;
    let window = (inputs.now - i64::from(policy.iat_past)) as f64..=(inputs.now + i64::from(policy.iat_future)) as f64;
    require(window.contains(&claims.iat), "iat", "outside the window")?;

    let RequestLine { method, authority, path } = &inputs.request;
    require(claims.htm.is_none_or(|htm| htm == *method), "htm", "another method")?;
    if let Some(htu) = claims.htu {
        let target = target_uri(path.split('?').next().unwrap_or_default(), authority);
        let same = target.is_some() && target_uri(&htu, authority) == target;
        require(same, "htu", "another target")?;
    }
    // Whether a jti was seen before is not asked here: every question starts from nothing.
    require(claims.jti.is_none_or(|jti| !jti.is_empty()), "jti", "empty")
}

fn answer(request: &Value) -> Value {
    match request["command"].as_str() {
        Some("hello") => json!({
            "answer": "hello",
            "name": "rust-jsonwebtoken",
            "version": env!("CARGO_PKG_VERSION"),
            "language": "Rust",
            "library": "jsonwebtoken 11.1.0 (rust_crypto), x509-parser",
            "features": ["ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
        }),
        Some("verify") => {
            let inputs = serde_json::from_value::<Inputs>(request["inputs"].clone());
            let policy = serde_json::from_value::<Policy>(request["policy"].clone());
            let (inputs, policy) = match (inputs, policy) {
                (Ok(inputs), Ok(policy)) => (inputs, policy),
                (Err(e), _) | (_, Err(e)) => return json!({ "answer": "unsupported", "why": e.to_string() }),
            };
            match verify(&inputs, &policy) {
                Ok(()) => json!({ "answer": "accept" }),
                Err(Refusal::Check(check, detail)) => json!({ "answer": "refuse", "check": check, "detail": detail }),
                Err(Refusal::Unsupported(why)) => json!({ "answer": "unsupported", "why": why }),
            }
        }
        _ => json!({ "answer": "unsupported", "why": "the command is not known" }),
    }
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?).unwrap_or_default();
        let Some(id) = request.get("id") else {
            eprintln!("a line that is no JSON object with an id");
            continue;
        };
        let mut answer = answer(&request);
        answer["id"] = id.clone();
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
