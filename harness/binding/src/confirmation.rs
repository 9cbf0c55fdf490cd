//! The token's confirmation (section 2.4), from the claims of a JWT or from an introspection response.

use crate::{
    digest::Thumbprint,
    exporter,
    json::{Object, Value},
    refusal::{Check, Refusal},
};

/// What an access token asks of whoever presents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// No `cnf`, or none of its members known here: a plain bearer token.
    Unbound,
    /// `cnf.x5t#S256` alone: bound to a certificate (RFC 8705).
    Certificate(Thumbprint),
    /// `cnf.x5t#S256` and `cnf.tls_exp`: bound to a connection of that certificate.
    Session(Thumbprint),
}

impl Confirmation {
    /// Reads `cnf` from the claims of a JWT access token.
    ///
    /// # Errors
    /// [`Check::Confirmation`] when it cannot be read. A member of a wrong type is an error and never "absent":
    /// otherwise a broken token would pass as an unbound one.
    pub fn from_claims(claims: &Object) -> Result<Self, Refusal> {
        let malformed = |detail: String| Refusal::new(Check::Confirmation, detail);
        let cnf = match claims.member("cnf") {
            None => return Ok(Self::Unbound),
            Some(Value::Object(cnf)) => cnf,
            Some(other) => return Err(malformed(format!("cnf is {} instead of an object", other.kind()))),
        };
        if cnf.member("jkt").is_some() {
            // RFC 9449: another confirmation, which has to hold as well and which nothing here can check.
            return Err(malformed("cnf asks for a DPoP key, which is not supported".into()));
        }
        let thumbprint = match cnf.member("x5t#S256") {
            None => None,
            Some(Value::String(text)) => {
                Some(Thumbprint::parse(text).map_err(|e| malformed(format!("cnf.x5t#S256: {e}")))?)
            }
            Some(other) => return Err(malformed(format!("cnf.x5t#S256 is {} instead of a string", other.kind()))),
        };
        match (cnf.member("tls_exp"), thumbprint) {
            (None, None) => Ok(Self::Unbound),
            (None, Some(thumbprint)) => Ok(Self::Certificate(thumbprint)),
            (Some(Value::String(label)), _) if label != exporter::LABEL => {
                Err(malformed("cnf.tls_exp names another exporter label".into()))
            }
            (Some(Value::String(_)), Some(thumbprint)) => Ok(Self::Session(thumbprint)),
            (Some(Value::String(_)), None) => Err(malformed("cnf.tls_exp without cnf.x5t#S256".into())),
            (Some(other), _) => Err(malformed(format!("cnf.tls_exp is {} instead of a string", other.kind()))),
        }
    }

    /// Reads `cnf` from a token introspection response (RFC 7662, section 3.4).
    ///
    /// # Errors
    /// [`Check::Token`] when `active` is not `true`; otherwise as [`Self::from_claims`].
    pub fn from_introspection(response: &Object) -> Result<Self, Refusal> {
        match response.member("active") {
            Some(Value::Bool(true)) => Self::from_claims(response),
            _ => Err(Refusal::new(Check::Token, "introspection does not say that it is active")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const X5T: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    fn read(claims: &str) -> Result<Confirmation, Refusal> {
        Confirmation::from_claims(&json::parse_object(claims.as_bytes()).unwrap())
    }

    /// The decision table.
    #[test]
    fn decision_table() {
        let canonical = Thumbprint::of_der(b"x").to_string();
        let label = exporter::LABEL;
        let thumbprint = Thumbprint::of_der(b"x");
        assert_eq!(read("{}"), Ok(Confirmation::Unbound));
        assert_eq!(read(r#"{"cnf":{}}"#), Ok(Confirmation::Unbound));
        assert_eq!(read(r#"{"cnf":{"foo":1}}"#), Ok(Confirmation::Unbound));
        let only = format!(r#"{{"cnf":{{"x5t#S256":"{canonical}"}}}}"#);
        assert_eq!(read(&only), Ok(Confirmation::Certificate(thumbprint)));
        let both = format!(r#"{{"cnf":{{"x5t#S256":"{canonical}","tls_exp":"{label}","foo":{{}}}}}}"#);
        assert_eq!(read(&both), Ok(Confirmation::Session(thumbprint)));
        let mut malformed = vec![format!(r#"{{"cnf":{{"tls_exp":"{label}"}}}}"#)];
        for tls_exp in ["true", "null", "0", "\"\"", "[]", "{}", "\"EXPORTER-other\"", &format!("[\"{label}\"]")] {
            malformed.push(format!(r#"{{"cnf":{{"x5t#S256":"{canonical}","tls_exp":{tls_exp}}}}}"#));
        }
        for x5t in ["null", "1", "\"\"", "[]", &format!("\"{canonical}=\""), &format!("\"{X5T}\"")] {
            malformed.push(format!(r#"{{"cnf":{{"x5t#S256":{x5t},"tls_exp":"{label}"}}}}"#));
        }
        for cnf in ["null", "\"\"", "[]", "1", "true"] {
            malformed.push(format!(r#"{{"cnf":{cnf}}}"#));
        }
        malformed.push(format!(r#"{{"cnf":{{"x5t#S256":"{canonical}","tls_exp":"{label}","jkt":"a"}}}}"#));
        for claims in malformed {
            assert_eq!(read(&claims).unwrap_err().check(), Check::Confirmation, "{claims}");
        }
    }

    #[test]
    fn introspection_must_be_active() {
        let read = |text: &str| Confirmation::from_introspection(&json::parse_object(text.as_bytes()).unwrap());
        assert_eq!(read(r#"{"active":true}"#), Ok(Confirmation::Unbound));
        for inactive in [r#"{"active":false}"#, r#"{"active":"true"}"#, "{}"] {
            assert_eq!(read(inactive).unwrap_err().check(), Check::Token);
        }
        let tls_exp = r#"{"active":true,"cnf":{"tls_exp":true}}"#;
        assert_eq!(read(tls_exp).unwrap_err().check(), Check::Confirmation);
    }
}
