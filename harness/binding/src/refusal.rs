//! Why a request is refused, and the one table from that to the answer on the wire (section 3.5).

use std::{borrow::Cow, fmt};

/// The check that a request failed. The letters are the steps of section 3.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// No access token in the request at all.
    Credentials,
    /// More than one `Authorization` field, or one that cannot be read.
    Authorization,
    /// (b) The access token is not valid.
    Token,
    /// The `cnf` claim cannot be read or does not say what section 2.4 requires.
    Confirmation,
    /// (c) The token belongs to another certificate.
    Certificate,
    /// (d) The token asks for binding and no proof came.
    Presence,
    /// The proof field is empty, or came more than once.
    Field,
    /// The proof is no strict compact JWS.
    Format,
    /// The proof has critical header parameters; this draft defines none.
    Crit,
    /// `typ` is not that of a proof.
    Typ,
    /// `alg` does not fit the certificate's key.
    Alg,
    /// `x5t#S256` in the proof is not this certificate.
    X5t,
    /// (e) The signature does not verify with the certificate's key.
    Signature,
    /// (f) `ekm` is not the exporter value of this connection.
    Ekm,
    /// (g) `ath` is not the hash of this token.
    Ath,
    /// (h) `iat` lies outside the window.
    Iat,
    /// (i) `htm` is not the method.
    Htm,
    /// (i) `htu` is not the target.
    Htu,
    /// (i) `jti` was used before.
    Jti,
}

impl Check {
    /// All checks, in the order in which [`Guard`](crate::guard::Guard) makes them.
    pub const ALL: [Self; 19] = [
        Self::Credentials,
        Self::Authorization,
        Self::Token,
        Self::Confirmation,
        Self::Certificate,
        Self::Presence,
        Self::Field,
        Self::Format,
        Self::Crit,
        Self::Typ,
        Self::Alg,
        Self::X5t,
        Self::Signature,
        Self::Ekm,
        Self::Ath,
        Self::Iat,
        Self::Htm,
        Self::Htu,
        Self::Jti,
    ];

    /// The name in files, reports and refusals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::Confirmation => "confirmation",
            Self::Certificate => "certificate",
            Self::Presence => "presence",
            Self::Field => "field",
            Self::Format => "format",
            Self::Crit => "crit",
            Self::Typ => "typ",
            Self::Alg => "alg",
            Self::X5t => "x5t",
            Self::Signature => "signature",
            Self::Ekm => "ekm",
            Self::Ath => "ath",
            Self::Iat => "iat",
            Self::Htm => "htm",
            Self::Htu => "htu",
            Self::Jti => "jti",
        }
    }

    /// The check of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// What a client reads of it.
    fn sentence(self) -> &'static str {
        match self {
            Self::Credentials => "no access token",
            Self::Authorization => "the Authorization field cannot be read",
            Self::Token => "the access token is not valid",
            Self::Confirmation => "the confirmation claim of the access token is not valid",
            Self::Certificate => "the access token is bound to another certificate",
            Self::Presence => "this token requires a Session-Binding Proof",
            Self::Field => "Session-Binding-Proof field",
            Self::Format => "malformed proof",
            Self::Crit => "critical header parameters",
            Self::Typ => "typ mismatch",
            Self::Alg => "alg mismatch",
            Self::X5t => "x5t#S256 mismatch",
            Self::Signature => "signature verification failure",
            Self::Ekm => "exporter mismatch",
            Self::Ath => "ath mismatch",
            Self::Iat => "iat outside the window",
            Self::Htm => "htm mismatch",
            Self::Htu => "htu mismatch",
            Self::Jti => "jti reuse",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal: the check that failed, and a detail that repeats nothing of what the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    check: Check,
    detail: Cow<'static, str>,
}

impl Refusal {
    /// A refusal by `check`; `detail` is a sentence fragment and may be empty.
    #[must_use]
    pub fn new(check: Check, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { check, detail: detail.into() }
    }

    /// The check that failed.
    #[must_use]
    pub fn check(&self) -> Check {
        self.check
    }

    /// What was wrong.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.check.sentence())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for Refusal {}

/// The `error` parameter of the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `invalid_proof` (section 3.5).
    InvalidProof,
    /// `use_session_binding` (section 3.5).
    UseSessionBinding,
    /// `invalid_token` (RFC 6750 section 3.1).
    InvalidToken,
    /// `invalid_request` (RFC 6750 section 3.1).
    InvalidRequest,
}

impl ErrorCode {
    /// The value on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidProof => "invalid_proof",
            Self::UseSessionBinding => "use_session_binding",
            Self::InvalidToken => "invalid_token",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

/// What goes on the wire for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// HTTP status.
    pub status: u16,
    /// The `error` parameter; none when the request carried no credentials (RFC 6750 section 3.1).
    pub error: Option<ErrorCode>,
    /// The `error_description` parameter, within the characters of RFC 6750 section 3.
    pub description: Option<String>,
}

impl WireAnswer {
    /// The one table from refusals to answers.
    #[must_use]
    pub fn to(refusal: &Refusal) -> Self {
        let check = refusal.check;
        let (status, error) = match check {
            Check::Credentials => (401, None),
            Check::Authorization => (400, Some(ErrorCode::InvalidRequest)),
            // (b) and (c) concern the token; section 3.5 lists neither among the proof's errors, RFC 6750 and RFC 8705
            // section 3 say `invalid_token`.
            Check::Token | Check::Confirmation | Check::Certificate => (401, Some(ErrorCode::InvalidToken)),
            Check::Presence => (401, Some(ErrorCode::UseSessionBinding)),
            Check::Field
            | Check::Format
            | Check::Crit
            | Check::Typ
            | Check::Alg
            | Check::X5t
            | Check::Signature
            | Check::Ekm
            | Check::Ath
            | Check::Iat
            | Check::Htm
            | Check::Htu
            | Check::Jti => (401, Some(ErrorCode::InvalidProof)),
        };
        let description = match error {
            None => None,
            Some(ErrorCode::InvalidProof) => {
                let reason = check.sentence();
                let detail = refusal.detail();
                let colon = if detail.is_empty() { "" } else { ": " };
                Some(format!("Session-Binding Proof verification failed: {reason}{colon}{detail}"))
            }
            Some(_) => Some(check.sentence().to_owned()),
        };
        Self { status, error, description: description.map(|d| printable(&d)) }
    }

    /// The value of `WWW-Authenticate`, on one line.
    #[must_use]
    pub fn challenge(&self) -> String {
        let mut challenge = String::from("Bearer");
        let mut separator = " ";
        if let Some(error) = self.error {
            challenge.push_str(&format!("{separator}error=\"{}\"", error.name()));
            separator = ", ";
        }
        if let Some(description) = &self.description {
            challenge.push_str(&format!("{separator}error_description=\"{description}\""));
        }
        challenge
    }
}

/// Keeps to the characters that RFC 6750 section 3 allows in an `error_description`.
fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '\'' }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_one_answer() {
        for check in Check::ALL {
            let answer = WireAnswer::to(&Refusal::new(check, "a \"detail\"\r\nX: y"));
            assert!(answer.status == 401 || check == Check::Authorization);
            let challenge = answer.challenge();
            assert!(challenge.starts_with("Bearer"));
            assert!(!challenge.contains(['\r', '\n', '\\']), "{challenge}");
            assert_eq!(challenge.matches('"').count() % 2, 0);
            assert_eq!(Check::from_name(check.name()), Some(check));
        }
    }

    #[test]
    fn codes_of_section_3_5() {
        let code = |check| WireAnswer::to(&Refusal::new(check, "")).error;
        assert_eq!(code(Check::Presence), Some(ErrorCode::UseSessionBinding));
        assert_eq!(code(Check::Ekm), Some(ErrorCode::InvalidProof));
        assert_eq!(code(Check::Certificate), Some(ErrorCode::InvalidToken));
        assert_eq!(WireAnswer::to(&Refusal::new(Check::Credentials, "")).challenge(), "Bearer");
        assert_eq!(
            WireAnswer::to(&Refusal::new(Check::Ekm, "")).challenge(),
            "Bearer error=\"invalid_proof\", error_description=\"Session-Binding Proof verification failed: exporter mismatch\""
        );
    }
}
