//! The reference's verdict on a vector, with a signature verifier of choice.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{
    cache::ConnectionId,
    certificate::{Certificate, CertificateError},
    crypto::{AwsLc, SignatureVerifier},
    exporter::ExporterValue,
    guard::{AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    json,
    proof::Proof,
    refusal::{Check, Refusal},
    steps::{Steps, algorithm_of},
    target::Target,
};
use ekmcheck_suite::vector::{Inputs, Vector};
use serde_json::Value;

use super::VectorError;

/// The verifier of signatures that the reference uses.
pub const REFERENCE: AwsLc = AwsLc;

/// What the reference makes of the vector when `verifier` verifies the signature: `None` if it accepts.
///
/// # Errors
/// [`VectorError::Unreadable`]: a fault of the file, not of the proof in it.
pub fn replay(vector: &Vector, verifier: &dyn SignatureVerifier) -> Result<Option<Refusal>, VectorError> {
    replay_by(vector, By(verifier))
}

/// The same with steps of choice, such as those of a faulty server.
///
/// # Errors
/// As [`replay`].
pub fn replay_by(vector: &Vector, steps: impl Steps) -> Result<Option<Refusal>, VectorError> {
    let unreadable = |field, reason| VectorError::Unreadable { id: vector.id.clone(), field, reason };
    let Inputs { certificate, access_token, token_claims, token_valid_until, exporter, now, request, proof } =
        &vector.inputs;
    let certificate = STANDARD.decode(certificate).map_err(|e| unreadable("inputs.certificate", e.to_string()))?;
    let certificate = match Certificate::from_der(&certificate) {
        Ok(certificate) => certificate,
        // A certificate like others, for whose key there is no algorithm that could be named.
        Err(CertificateError::UnsupportedKey(kind)) => return Ok(Some(Refusal::new(Check::Alg, kind))),
        Err(e) => return Err(unreadable("inputs.certificate", e.to_string())),
    };
    let connection = Connection {
        id: ConnectionId(1),
        certificate,
        exporter: octets_32(exporter)
            .map(ExporterValue::new)
            .ok_or_else(|| unreadable("inputs.exporter", "not 64 hexadecimal digits".to_owned()))?,
    };
    let claims = json::parse_object(Value::Object(token_claims.clone()).to_string().as_bytes())
        .map_err(|e| unreadable("inputs.token_claims", e.to_string()))?;
    let policy = Policy {
        iat_past: vector.policy.iat_past.into(),
        iat_future: vector.policy.iat_future.into(),
        ..Policy::default()
    };
    let guard = Guard::new(steps, policy);
    guard.opened(&connection);
    let authorization = format!("Bearer {access_token}");
    let request = Request {
        method: &request.method,
        target: Target::https(&request.authority, &request.path),
        authorization: &[authorization.as_bytes()],
        proofs: &[proof.as_bytes()],
    };
    let tokens = Given(ValidToken { claims: claims.into(), expires: *token_valid_until });
    Ok(guard.decide(&connection, &request, &tokens, *now as f64).err())
}

/// The steps of the draft with another signature verifier.
struct By<'a>(&'a dyn SignatureVerifier);

impl Steps for By<'_> {
    fn signature(&self, proof: &Proof, connection: &Connection, _: &str) -> Result<(), Refusal> {
        let certificate = &connection.certificate;
        let algorithm = algorithm_of(proof, certificate)?;
        let message = proof.signing_input.as_bytes();
        if self.0.verify(algorithm, certificate.key(), message, &proof.signature) {
            Ok(())
        } else {
            Err(Refusal::new(Check::Signature, ""))
        }
    }
}

/// A token whose validity is given, but for its end.
struct Given(ValidToken);

impl AccessTokens for Given {
    fn validate(&self, _: &str, now: f64) -> Result<ValidToken, Refusal> {
        if now < self.0.expires as f64 { Ok(self.0.clone()) } else { Err(Refusal::new(Check::Token, "expired")) }
    }
}

fn octets_32(hex: &str) -> Option<[u8; 32]> {
    let octets: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|at| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    octets?.try_into().ok()
}
