//! One proof verified as the reference does, or made as the reference client does.

use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    cache::ConnectionId,
    certificate::Certificate,
    digest::TokenHash,
    exporter::{self, ExporterValue},
    guard::{AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    json,
    proof::{Proof, TYP},
    refusal::{Check, Refusal},
    steps::{Moment, Steps},
    target::Target,
};
use ekmcheck_forge::keys::{Key, Signing};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Map, Value, json};

/// What a proof is made of and verified against.
#[derive(Debug, Clone)]
pub struct Ingredients {
    token: String,
    certificate: Certificate,
    ekm: [u8; 32],
}

/// Why something given cannot be used. Each names the argument and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngredientError {
    /// Neither PEM nor DER, or a key that no proof fits.
    #[error("--certificate: {0}\n  mend: give the client's certificate in PEM or DER")]
    Certificate(String),
    /// Not 32 octets.
    #[error("--ekm: {0}\n  mend: give 32 octets in base64url (43 characters) or in hexadecimal (64 digits)")]
    Ekm(String),
    /// Not an access token as requests carry it.
    #[error("--token: {0}\n  mend: give the token as it stands behind `Bearer`")]
    Token(&'static str),
    /// Not a URL of the scheme https.
    #[error("--url: {0:?} is no URL\n  mend: write it as https://host:port/path")]
    Url(String),
    /// No private key of the certificate.
    #[error("--key: {0}\n  mend: give the private key of the certificate as unencrypted PKCS#8 in PEM")]
    Key(String),
}

impl Ingredients {
    /// From the texts and octets that a person has: the certificate in PEM (the first counts) or DER, the exporter value
    /// in base64url or hexadecimal.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn new(token: &str, certificate: &[u8], ekm: &str) -> Result<Self, IngredientError> {
        let pem = CertificateDer::from_pem_slice(certificate).ok();
        let der = pem.as_ref().map_or(certificate, |der| der.as_ref());
        let certificate = Certificate::from_der(der).map_err(|e| IngredientError::Certificate(e.to_string()))?;
        if token.is_empty() || token.bytes().any(|b| b.is_ascii_whitespace() || !b.is_ascii_graphic()) {
            return Err(IngredientError::Token("it is empty, or has characters that no token has"));
        }
        let ekm = match unhex(ekm) {
            Some(octets) => octets,
            None => base64url::decode_32(ekm).map_err(IngredientError::Ekm)?,
        };
        Ok(Self { token: token.to_owned(), certificate, ekm })
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let octets: Vec<u8> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |value, digit| value * 16 + digit)).collect();
    if text.len() == 64 { octets.try_into().ok() } else { None }
}

/// What a proof is verified for.
#[derive(Debug, Clone)]
pub struct Verify<'a> {
    /// The proof.
    pub proof: &'a str,
    /// The connection and the token.
    pub of: &'a Ingredients,
    /// The method; `htm` is not looked at without.
    pub method: Option<&'a str>,
    /// The URL; `htu` is not looked at without.
    pub url: Option<&'a str>,
    /// The time in Unix seconds.
    pub now: f64,
}

/// What a verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The check that refused with the reason, `None` if the proof is accepted.
    pub refused: Option<(&'static str, String)>,
    /// What the mistake may be.
    pub hints: Vec<String>,
    /// The checks that were made before and held, in order.
    pub held: Vec<&'static str>,
    /// What was not looked at, and why.
    pub skipped: Vec<String>,
}

/// The draft's steps, but for claims about a request that nobody named.
struct Bench {
    without: Vec<Check>,
}

impl Steps for Bench {
    fn omits(&self, check: Check, _: Moment) -> bool {
        self.without.contains(&check)
    }
}

/// Takes every token for valid: it is the proof that is looked at.
struct AnyToken(json::Object);

impl AccessTokens for AnyToken {
    fn validate(&self, _: &str, _: f64) -> Result<ValidToken, Refusal> {
        Ok(ValidToken { claims: self.0.clone().into(), expires: i64::MAX })
    }
}

/// Verifies a proof by the reference's guard.
///
/// # Errors
/// [`IngredientError::Url`].
pub fn verify(what: &Verify<'_>) -> Result<Verdict, IngredientError> {
    let Ingredients { token, certificate, ekm } = what.of;
    let connection =
        Connection { id: ConnectionId(1), certificate: certificate.clone(), exporter: ExporterValue::new(*ekm) };
    let mut skipped = vec!["token: its own signature, expiry and audience are not looked at".to_owned()];
    let claims = claims_of(token);
    if claims.is_none() {
        skipped.push(
            "confirmation, certificate: the token is no JWT that can be read; taken for bound to this certificate"
                .to_owned(),
        );
    }
    let bound =
        || json::parse_object(bound_to(certificate).as_bytes()).unwrap_or_else(|_| json::Object::from_members(vec![]));
    let tokens = AnyToken(claims.unwrap_or_else(bound));
    let mut without = Vec::new();
    let parsed = Proof::parse(what.proof).ok();
    let has = |name| parsed.as_ref().is_some_and(|p| p.claims.member(name).is_some());
    for (check, given, argument) in [(Check::Htm, what.method, "--method"), (Check::Htu, what.url, "--url")] {
        if given.is_none() {
            without.push(check);
            if has(check.name()) {
                skipped.push(format!("{}: not looked at without {argument}", check.name()));
            }
        }
    }
    let (authority, path) = match what.url {
        None => ("localhost", "/"),
        Some(url) => parts(url).ok_or_else(|| IngredientError::Url(url.to_owned()))?,
    };
    let authorization = format!("Bearer {token}");
    let guard = Guard::new(Bench { without }, Policy::default());
    guard.opened(&connection);
    let decided = guard.decide(
        &connection,
        &Request {
            method: what.method.unwrap_or("GET"),
            target: Target::https(authority, path),
            authorization: &[authorization.as_bytes()],
            proofs: &[what.proof.as_bytes()],
        },
        &tokens,
        what.now,
    );
    let refusal = decided.err();
    let mut held: Vec<&'static str> = Check::ALL
        .into_iter()
        .take_while(|check| refusal.as_ref().is_none_or(|r| r.check() != *check))
        .filter(|check| !guard.steps().without.contains(check))
        .map(Check::name)
        .collect();
    held.retain(|name| *name != "jti" || has("jti"));
    held.retain(|name| !["htm", "htu"].contains(name) || has(name));
    held.retain(|name| *name != "token" && *name != "credentials");
    let hints = match (&refusal, &parsed) {
        (Some(refusal), Some(proof)) => hints(refusal.check(), proof, what),
        _ => Vec::new(),
    };
    let refused = refusal.map(|r| {
        let detail = if r.detail().is_empty() { "does not match" } else { r.detail() };
        (r.check().name(), detail.to_owned())
    });
    Ok(Verdict { refused, hints, held, skipped })
}

fn bound_to(certificate: &Certificate) -> String {
    json!({"cnf": {"x5t#S256": certificate.thumbprint().to_string(), "tls_exp": exporter::LABEL}}).to_string()
}

fn claims_of(token: &str) -> Option<json::Object> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    json::parse_object(&base64url::decode(payload).ok()?).ok()
}

/// Authority and path with query of a URL.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or_default();
    (!authority.is_empty()).then_some((authority, if path.is_empty() { "/" } else { path }))
}

/// The likely mistakes behind a value that does not match.
fn hints(check: Check, proof: &Proof, what: &Verify<'_>) -> Vec<String> {
    let Ingredients { token, certificate, ekm } = what.of;
    let text = |object: &json::Object, name: &str| match object.member(name) {
        Some(json::Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let hex = |octets: &[u8]| octets.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let spelled = |octets: &[u8], carried: &str, of: &str| {
        let right = base64url::encode(octets);
        let standard = right.replace('-', "+").replace('_', "/");
        let spelling = match carried {
            c if c.eq_ignore_ascii_case(&hex(octets)) => "in hexadecimal",
            c if c == format!("{right}=") => "with padding",
            c if c == standard || c == format!("{standard}=") => "in the standard alphabet of base64",
            _ => return None,
        };
        Some(format!("it is {of} {spelling}, and not in base64url without padding"))
    };
    let mut hints = Vec::new();
    match check {
        Check::Ekm => {
            let carried = text(&proof.claims, "ekm");
            hints.extend(spelled(ekm, &carried, "the right value"));
            if hints.is_empty() {
                hints.push("`ekmcheck exporter` shows what a connection exports under the usual mistakes; and a value is good for its own connection only".to_owned());
            }
        }
        Check::Ath => {
            let carried = text(&proof.claims, "ath");
            hints.extend(spelled(TokenHash::of(token).octets(), &carried, "the right hash"));
            for (other, of) in [
                (format!("{token}\n"), "the token with a newline at its end"),
                (format!("Bearer {token}"), "the token with `Bearer ` in front"),
                (token.trim_end_matches('=').to_owned(), "the token without its last `=`"),
            ] {
                if other != *token && carried == TokenHash::of(&other).to_string() {
                    hints.push(format!("it is the hash of {of}"));
                }
            }
        }
        Check::X5t => {
            let carried = text(&proof.header, "x5t#S256");
            hints.extend(spelled(certificate.thumbprint().octets(), &carried, "the right thumbprint"));
            hints.push(format!("this certificate's is {}", certificate.thumbprint()));
        }
        Check::Signature => hints.push(
            "what is signed is the header and the claims as sent, with the dot between; an ECDSA signature is r || s and not DER".to_owned(),
        ),
        Check::Typ => hints.push(format!("it must be {TYP:?}")),
        Check::Alg => hints.push(format!("for this certificate's key ({}), {} is usual", certificate.key().kind(), Algorithm::usual_for(certificate.key().kind()).name())),
        Check::Htm => hints.push("the method is compared exactly, in capitals as sent".to_owned()),
        Check::Htu => hints.push("the target without query and fragment".to_owned()),
        _ => {}
    }
    hints
}

/// What a proof is made with beside its ingredients.
#[derive(Debug, Clone, Default)]
pub struct Make<'a> {
    /// The identifier.
    pub jti: Option<&'a str>,
    /// The method.
    pub htm: Option<&'a str>,
    /// The target.
    pub htu: Option<&'a str>,
    /// Unix seconds.
    pub now: i64,
}

/// Makes a proof with the private key (PKCS#8 in PEM) of the certificate.
///
/// # Errors
/// [`IngredientError::Key`], also where the key is not that of the certificate.
pub fn make(of: &Ingredients, key: &str, with: &Make<'_>) -> Result<String, IngredientError> {
    let unusable = |e: &dyn std::fmt::Display| IngredientError::Key(e.to_string());
    let key = Key::from_pem(key).map_err(|e| unusable(&e))?;
    if key.public().spki() != of.certificate.key().spki() {
        return Err(IngredientError::Key("it is not the key of the certificate".to_owned()));
    }
    let algorithm = Algorithm::usual_for(key.kind());
    let header = json!({"typ": TYP, "alg": algorithm.name(), "x5t#S256": of.certificate.thumbprint().to_string()});
    let mut claims = Map::new();
    claims.insert("ath".to_owned(), TokenHash::of(&of.token).to_string().into());
    claims.insert("ekm".to_owned(), base64url::encode(&of.ekm).into());
    claims.insert("iat".to_owned(), with.now.into());
    for (name, value) in [("jti", with.jti), ("htm", with.htm), ("htu", with.htu)] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value.into());
        }
    }
    let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&Value::Object(claims)));
    let signature = key.sign(algorithm, input.as_bytes(), Signing::Live).map_err(|e| unusable(&e))?;
    Ok(format!("{input}.{}", base64url::encode(&signature)))
}
