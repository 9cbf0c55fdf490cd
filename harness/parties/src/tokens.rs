//! Step b: is the access token valid? Signed JWTs, and opaque tokens by introspection.

mod introspection;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ekmcheck_binding::{
    guard::{AccessTokens, ValidToken},
    json::{self, Object, Value},
    refusal::{Check, Refusal},
};
use ekmcheck_forge::issuer::Issuer;
pub use introspection::Introspection;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// What a faulty server gets wrong about tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Does not verify the signature.
    Signature,
    /// Does not look at `exp`.
    Expiry,
    /// Does not look at `aud`.
    Audience,
    /// Does not look at `typ`.
    Typ,
    /// Looks at nothing in a token that was valid once.
    ValidForEver,
    /// Takes any JWT, whoever signed it and whatever it says.
    AnyJwt,
    /// Of two members with the same name takes the last.
    LastDuplicateWins,
    /// Of two members with the same name takes the first.
    FirstDuplicateWins,
    /// Refuses unknown members in `cnf`.
    UnknownConfirmation,
    /// Does not look at `active` in an introspection response.
    Inactive,
    /// Does not look at `cnf` in an introspection response.
    ConfirmationLookedUp,
    /// Knows no tokens but JWTs.
    OnlyJwt,
}

impl TokenFault {
    /// Whether it takes tokens that are refused else, and reads those that are valid as they are to be read.
    pub(crate) fn only_takes_more(self) -> bool {
        match self {
            Self::Signature | Self::Expiry | Self::Audience | Self::Typ | Self::ValidForEver | Self::Inactive => true,
            Self::AnyJwt
            | Self::LastDuplicateWins
            | Self::FirstDuplicateWins
            | Self::UnknownConfirmation
            | Self::ConfirmationLookedUp
            | Self::OnlyJwt => false,
        }
    }
}

/// Access tokens of one issuer for one audience.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
    audience: String,
    introspection: Introspection,
    fault: Option<TokenFault>,
    seen_valid: Mutex<HashSet<String>>,
}

impl Tokens {
    /// Tokens of that issuer for that audience, of which introspection may know some. Expiry is checked against the injected time and not by the library, which would ask the
    /// system; all else by the library with everything required.
    #[must_use]
    pub fn of(issuer: &Issuer, audience: &str, introspection: &Introspection, fault: Option<TokenFault>) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[issuer.name()]);
        validation.set_audience(&[audience]);
        if fault == Some(TokenFault::Audience) {
            validation.validate_aud = false;
        }
        Self {
            key: DecodingKey::from_ec_der(&issuer.public_point()),
            validation,
            audience: audience.to_owned(),
            introspection: introspection.clone(),
            fault,
            seen_valid: Mutex::default(),
        }
    }

    fn jwt(&self, token: &str, now: f64) -> Result<ValidToken, Refusal> {
        let payload = payload_of(token)?;
        let claims = match self.fault {
            Some(TokenFault::LastDuplicateWins) => super::fault::lenient::last_wins(&payload),
            Some(TokenFault::FirstDuplicateWins) => super::fault::lenient::first_wins(&payload),
            _ => json::parse_object(&payload).ok(),
        }
        .ok_or_else(|| invalid("payload"))?;
        if self.fault == Some(TokenFault::AnyJwt) {
            return Ok(ValidToken { claims: claims.into(), expires: i64::MAX });
        }
        let known = || self.seen_valid.lock().unwrap_or_else(PoisonError::into_inner);
        if self.fault == Some(TokenFault::ValidForEver) && known().contains(token) {
            return Ok(ValidToken { claims: claims.into(), expires: i64::MAX });
        }
        if self.fault != Some(TokenFault::Signature) {
            jsonwebtoken::decode::<serde::de::IgnoredAny>(token, &self.key, &self.validation)
                .map_err(|_| invalid("signature, issuer or audience"))?;
            let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("header"))?;
            // RFC 9068 section 4; and jsonwebtoken does not look at `crit`.
            let typ = header.typ.unwrap_or_default();
            let is_access_token = ["at+jwt", "application/at+jwt"].iter().any(|right| typ.eq_ignore_ascii_case(right));
            if !is_access_token && self.fault != Some(TokenFault::Typ) {
                return Err(invalid("typ"));
            }
            if header.crit.is_some() {
                return Err(invalid("crit"));
            }
        } else if claims.member("aud") != Some(&Value::String(self.audience.clone())) {
            return Err(invalid("audience"));
        }
        let expires = match claims.member("exp") {
            Some(Value::Number(n)) => n.to_f64().ok_or_else(|| invalid("exp"))?,
            _ => return Err(invalid("exp")),
        };
        if self.fault == Some(TokenFault::UnknownConfirmation)
            && matches!(claims.member("cnf"), Some(Value::Object(cnf)) if cnf.members().len() > 2)
        {
            return Err(invalid("cnf"));
        }
        if expires <= now && self.fault != Some(TokenFault::Expiry) {
            return Err(invalid("expired"));
        }
        if self.fault == Some(TokenFault::ValidForEver) {
            known().insert(token.to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and a validity beyond that is for ever")]
        Ok(ValidToken { claims: claims.into(), expires: expires as i64 })
    }
}

impl AccessTokens for Tokens {
    fn validate(&self, token: &str, now: f64) -> Result<ValidToken, Refusal> {
        match self.introspection.response(token).filter(|_| self.fault != Some(TokenFault::OnlyJwt)) {
            Some(response) => self.looked_up(response, now),
            None => self.jwt(token, now),
        }
    }
}

impl Tokens {
    /// A token that introspection knows. `cnf` is read by the guard.
    fn looked_up(&self, mut response: Object, now: f64) -> Result<ValidToken, Refusal> {
        if response.member("active") != Some(&Value::Bool(true)) && self.fault != Some(TokenFault::Inactive) {
            return Err(invalid("introspection does not say that it is active"));
        }
        if response.member("aud") != Some(&Value::String(self.audience.clone()))
            && self.fault != Some(TokenFault::Audience)
        {
            return Err(invalid("audience"));
        }
        let expires = match response.member("exp") {
            Some(Value::Number(n)) => n.to_f64().ok_or_else(|| invalid("exp"))?,
            _ => return Err(invalid("exp")),
        };
        if expires <= now && self.fault != Some(TokenFault::Expiry) {
            return Err(invalid("expired"));
        }
        if self.fault == Some(TokenFault::ConfirmationLookedUp) {
            let members = response.members().iter().filter(|(name, _)| name != "cnf").cloned().collect();
            response = Object::from_members(members);
        }
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and a validity beyond that is for ever")]
        Ok(ValidToken { claims: response.into(), expires: expires as i64 })
    }

    /// Whether a valid token has this scope.
    pub(crate) fn has_scope(&self, token: &str, now: f64, wanted: &str) -> bool {
        let scopes = self.validate(token, now).ok().and_then(|t| t.claims.member("scope").cloned());
        matches!(scopes, Some(Value::String(scopes)) if scopes.split(' ').any(|scope| scope == wanted))
    }
}

fn payload_of(token: &str) -> Result<Vec<u8>, Refusal> {
    let payload = token.split('.').nth(1).ok_or_else(|| invalid("not a JWT"))?;
    URL_SAFE_NO_PAD.decode(payload).map_err(|_| invalid("not a JWT"))
}

fn invalid(detail: &'static str) -> Refusal {
    Refusal::new(Check::Token, detail)
}
