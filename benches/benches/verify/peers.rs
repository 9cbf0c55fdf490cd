//! Verifiers of others, beside ours.

use std::{
    collections::HashSet,
    pin::pin,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use dpop_verifier::{DpopError, DpopVerifier, ReplayContext, ReplayStore};
use ekmcheck_benches::{
    AUTHORITY, Inputs, METHOD, PATH,
    figure::{BATCH, Figure},
    jwk,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// `dpop-verifier`, which brings cryptography of its own (RustCrypto), and `jsonwebtoken`, which has AWS-LC here.
pub(super) fn figures(inputs: &Inputs) -> Vec<Figure<'_>> {
    // Unlike ours it asks the system for the time, and takes proofs of the last minutes.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let made = |n| {
        let (header, mut claims) = inputs.dpop_parts(n);
        claims.set("iat", now);
        inputs.dpop_proof(&(header, claims)).unwrap()
    };
    let proofs: Vec<String> = (0..BATCH).map(made).collect();
    let verifier = DpopVerifier::new().with_max_age_seconds(3600);
    let target = format!("https://{AUTHORITY}{PATH}");
    let dpop = Figure::new(
        "dpop-verifier",
        |_| Seen::default(),
        move |seen, n| {
            let verified = pin!(verifier.verify(seen, &proofs[n], &target, METHOD, Some(&inputs.token)));
            // Its store is in memory: there is nothing to wait for.
            matches!(verified.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_)))
        },
    );
    let text = |name: &str| jwk(&inputs.key).get(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap();
    let key = DecodingKey::from_ec_components(&text("x"), &text("y")).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let decode =
        move |(): &mut (), _| jsonwebtoken::decode::<serde_json::Value>(&inputs.proof, &key, &validation).is_ok();
    vec![dpop.turns_of(8), Figure::new("jsonwebtoken-decode", |_| (), decode).turns_of(16)]
}

#[derive(Default)]
struct Seen(HashSet<[u8; 32]>);

#[async_trait::async_trait]
impl ReplayStore for Seen {
    async fn insert_once(&mut self, jti: [u8; 32], _: ReplayContext<'_>) -> Result<bool, DpopError> {
        Ok(self.0.insert(jti))
    }
}
