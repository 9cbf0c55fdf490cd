//! The Session-Binding Proof as it is presented (section 2.3): strict compact JWS, not yet believed.

use crate::{
    base64url,
    json::{self, Object, Value},
    refusal::{Check, Refusal},
};

/// The media type of a proof, the value of `typ` (section 2.3.1).
pub const TYP: &str = "tls-binding-proof+jwt";

/// The longest proof that is read, in octets. An RSA-4096 proof with all claims stays below 1,500.
pub const MAX_LENGTH: usize = 16 * 1024;

/// A proof taken apart. Well formed; nothing in it is verified.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The protected header.
    pub header: Object,
    /// The payload.
    pub claims: Object,
    /// What the signature is over: the first two segments with the dot between them, as received.
    pub signing_input: String,
    /// The signature octets.
    pub signature: Vec<u8>,
}

/// The claims of an accepted proof that must be looked at again on every request (step i, and the window of step h).
#[derive(Debug, Clone, PartialEq)]
pub struct RequestClaims {
    /// Seconds since the epoch.
    pub iat: f64,
    /// The identifier that may not come twice.
    pub jti: Option<String>,
    /// The method.
    pub htm: Option<String>,
    /// The target URI without query and fragment.
    pub htu: Option<String>,
}

impl Proof {
    /// Takes a compact JWS apart, strictly.
    ///
    /// # Errors
    /// [`Check::Format`], with the segment and the fault.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = |detail: String| Refusal::new(Check::Format, detail);
        if text.len() > MAX_LENGTH {
            return Err(malformed(format!("longer than {MAX_LENGTH} octets")));
        }
        // At most four parts are looked for: a flood of dots must not become a flood of allocations.
        let mut parts = text.splitn(4, '.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("not three segments".into()));
        };
        let object = |name: &str, segment: &str| {
            let octets = base64url::decode(segment).map_err(|e| malformed(format!("{name}: {e}")))?;
            json::parse_object(&octets).map_err(|e| malformed(format!("{name}: {e}")))
        };
        Ok(Self {
            header: object("header", header)?,
            claims: object("payload", payload)?,
            signing_input: text[..header.len() + 1 + payload.len()].to_owned(),
            signature: base64url::decode(signature).map_err(|e| malformed(format!("signature: {e}")))?,
        })
    }

    /// A header parameter that must be a string.
    ///
    /// # Errors
    /// `check`, when it is absent or of another type.
    pub fn header_text(&self, name: &str, check: Check) -> Result<&str, Refusal> {
        text(&self.header, name, check)?.ok_or_else(|| Refusal::new(check, "missing"))
    }

    /// A required claim that must be a string.
    ///
    /// # Errors
    /// `check`, when it is absent or of another type.
    pub fn claim_text(&self, name: &str, check: Check) -> Result<&str, Refusal> {
        text(&self.claims, name, check)?.ok_or_else(|| Refusal::new(check, "missing"))
    }

    /// The claims that count on every request. A present claim of a wrong type is an error, never "absent".
    ///
    /// # Errors
    /// The check of the first claim that is not of its type.
    pub fn request_claims(&self) -> Result<RequestClaims, Refusal> {
        let optional = |name, check| text(&self.claims, name, check).map(|t| t.map(str::to_owned));
        let iat = match self.claims.member("iat") {
            None => return Err(Refusal::new(Check::Iat, "missing")),
            // NumericDate may carry a fraction (RFC 7519 section 2).
            Some(Value::Number(n)) => n.to_f64().ok_or_else(|| Refusal::new(Check::Iat, "out of range"))?,
            Some(other) => return Err(Refusal::new(Check::Iat, format!("{} instead of a number", other.kind()))),
        };
        Ok(RequestClaims {
            iat,
            htm: optional("htm", Check::Htm)?,
            htu: optional("htu", Check::Htu)?,
            jti: optional("jti", Check::Jti)?,
        })
    }
}

fn text<'a>(object: &'a Object, name: &str, check: Check) -> Result<Option<&'a str>, Refusal> {
    match object.member(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Refusal::new(check, format!("{} instead of a string", other.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jws(header: &str, payload: &str) -> String {
        format!("{}.{}.QQ", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()))
    }

    #[test]
    fn three_segments_of_strict_base64url_and_json() {
        let good = jws("{}", r#"{"iat":1.5,"jti":"a"}"#);
        let proof = Proof::parse(&good).unwrap();
        assert_eq!(proof.signing_input, good[..good.len() - 3]);
        assert_eq!(proof.request_claims().unwrap().iat, 1.5);
        let twice = jws(r#"{"a":1,"a":1}"#, "{}");
        let array = jws("{}", "[]");
        let dots = ".".repeat(10_000);
        for bad in ["", ".", "..", "a.b", &format!("{good}.x"), &format!("{good}="), &twice, &array, &dots] {
            assert_eq!(Proof::parse(bad).unwrap_err().check(), Check::Format, "{bad:.40}");
        }
        assert!(Proof::parse(&"a".repeat(MAX_LENGTH + 1)).unwrap_err().detail().contains("longer"));
    }

    #[test]
    fn a_claim_of_a_wrong_type_is_never_absent() {
        for (claims, check) in [
            (r#"{"iat":"1"}"#, Check::Iat),
            (r#"{"iat":1e999}"#, Check::Iat),
            (r#"{}"#, Check::Iat),
            (r#"{"iat":1,"jti":null}"#, Check::Jti),
            (r#"{"iat":1,"htm":["GET"]}"#, Check::Htm),
            (r#"{"iat":1,"htu":true}"#, Check::Htu),
        ] {
            let proof = Proof::parse(&jws("{}", claims)).unwrap();
            assert_eq!(proof.request_claims().unwrap_err().check(), check, "{claims}");
        }
    }
}
