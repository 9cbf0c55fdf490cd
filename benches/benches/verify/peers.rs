//! A reader of others, beside ours. DPoP verifiers are in `benches/peers`, for what they bring along.

use ekmcheck_benches::{Inputs, figure::Figure, jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// `jsonwebtoken`, with AWS-LC: the session's proof as if it were any JWT.
pub(super) fn figures(inputs: &Inputs) -> Vec<Figure<'_>> {
    let text = |name: &str| jwk(&inputs.key).get(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap();
    let key = DecodingKey::from_ec_components(&text("x"), &text("y")).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let decode = move |_| jsonwebtoken::decode::<serde_json::Value>(&inputs.proof, &key, &validation).is_ok();
    vec![Figure::of("jsonwebtoken-decode", decode).turns_of(16)]
}
