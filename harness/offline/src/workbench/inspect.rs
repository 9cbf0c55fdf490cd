//! A proof taken apart for a reader, with what is wrong with its form.

use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    json::{self, Object},
    proof::{MAX_LENGTH, Proof, TYP},
};
use serde_json::Value;

use ekmcheck_suite::fingerprint::fingerprint;

/// How much a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A resource server must refuse the proof for it.
    Wrong,
    /// Worth knowing.
    Note,
}

/// Something about a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it counts.
    pub weight: Weight,
    /// The place: `header`, `claims`, `signature`, or a member such as `claims.ekm`; empty for the whole.
    pub place: String,
    /// What it is.
    pub what: String,
}

/// A proof taken apart. Nothing in it is verified, and it holds what the proof holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspection {
    /// The header as text, as far as it can be decoded.
    pub header: Option<String>,
    /// The claims as text, as far as they can be decoded.
    pub claims: Option<String>,
    /// The length of the signature in octets, if it can be decoded.
    pub signature: Option<usize>,
    /// `iat` in Unix seconds, if it is a number.
    pub issued: Option<f64>,
    /// What is to be said, in the order of the proof.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Whether a resource server must refuse it whatever the connection is.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|f| f.weight == Weight::Wrong)
    }

    fn find(&mut self, weight: Weight, place: impl Into<String>, what: impl Into<String>) {
        self.findings.push(Finding { weight, place: place.into(), what: what.into() });
    }
}

/// Takes a proof apart and says what is wrong with its form (sections 2.3 to 2.3.2).
#[must_use]
pub fn inspect(text: &str) -> Inspection {
    let mut found = Inspection::default();
    if text.len() > MAX_LENGTH {
        found.find(Weight::Wrong, "", format!("{} octets; more than {MAX_LENGTH} are not read", text.len()));
        return found;
    }
    let segments: Vec<&str> = text.split('.').collect();
    if segments.len() != 3 {
        found.find(Weight::Wrong, "", format!("{} segments instead of the three of a compact JWS", segments.len()));
    }
    let mut segment = |name: &'static str, at: usize| -> (Option<String>, Option<Object>) {
        let Some(segment) = segments.get(at) else { return (None, None) };
        let octets = base64url::decode(segment).map_err(|e| found.find(Weight::Wrong, name, e.to_string()));
        // Another alphabet or padding is a mistake of its own; the text is shown all the same.
        let octets = octets.ok().or_else(|| base64url::decode(&plain_alphabet(segment)).ok());
        let Some(octets) = octets else { return (None, None) };
        let object = json::parse_object(&octets).map_err(|e| found.find(Weight::Wrong, name, e.to_string())).ok();
        (Some(String::from_utf8_lossy(&octets).into_owned()), object)
    };
    let (header_text, header) = segment("header", 0);
    let (claims_text, claims) = segment("claims", 1);
    found.header = header_text;
    found.claims = claims_text;
    if let Some(header) = header {
        of_header(&header, &mut found);
    }
    if let Some(claims) = claims {
        of_claims(&claims, &mut found);
    }
    match segments.get(2).map(|s| base64url::decode(s)) {
        Some(Ok(octets)) if octets.is_empty() => found.find(Weight::Wrong, "signature", "empty"),
        Some(Ok(octets)) => found.signature = Some(octets.len()),
        Some(Err(e)) => found.find(Weight::Wrong, "signature", e.to_string()),
        None => {}
    }
    if !found.is_wrong()
        && let Err(refusal) = Proof::parse(text)
    {
        found.find(Weight::Wrong, "", refusal.detail());
    }
    found
}

fn plain_alphabet(segment: &str) -> String {
    segment.trim_end_matches('=').replace('+', "-").replace('/', "_").split_whitespace().collect()
}

fn of_header(header: &Object, found: &mut Inspection) {
    match text(header, "typ") {
        Ok(typ) if typ == TYP => {}
        Ok(typ) => {
            found.find(Weight::Wrong, "header.typ", format!("{typ:?} instead of {TYP:?}, which is compared exactly"))
        }
        Err(what) => found.find(Weight::Wrong, "header.typ", what),
    }
    match text(header, "alg") {
        Ok(alg) if Algorithm::from_name(&alg).is_some() => {}
        Ok(alg) if alg.eq_ignore_ascii_case("none") || alg.starts_with("HS") => {
            found.find(Weight::Wrong, "header.alg", format!("{alg:?} is no signature with the certificate's key"));
        }
        Ok(alg) => {
            let known: Vec<&str> = Algorithm::ALL.iter().map(|a| a.name()).collect();
            found.find(Weight::Wrong, "header.alg", format!("{alg:?} is not known; it is one of {}", known.join(" ")));
        }
        Err(what) => found.find(Weight::Wrong, "header.alg", what),
    }
    of_hash(header, "header", "x5t#S256", "a certificate's thumbprint", found);
    for (name, _) in header.members() {
        match name.as_str() {
            "typ" | "alg" | "x5t#S256" => {}
            "crit" => found.find(Weight::Wrong, "header.crit", "the draft defines no critical header parameter"),
            "jwk" | "jku" | "x5u" | "x5c" | "kid" => found.find(
                Weight::Note,
                format!("header.{name}"),
                "names a key; only the key of the connection's certificate counts",
            ),
            other => found.find(Weight::Note, format!("header.{other}"), "not a member that the draft knows; ignored"),
        }
    }
}

fn of_claims(claims: &Object, found: &mut Inspection) {
    of_hash(claims, "claims", "ekm", "an exporter value", found);
    of_hash(claims, "claims", "ath", "the hash of a token", found);
    match claims.member("iat") {
        None => found.find(Weight::Wrong, "claims.iat", "missing"),
        Some(json::Value::Number(number)) => match number.to_f64() {
            Some(seconds) => {
                found.issued = Some(seconds);
                if seconds > 1e11 {
                    found.find(
                        Weight::Wrong,
                        "claims.iat",
                        "so large that it must be in milliseconds; NumericDate is in seconds",
                    );
                }
            }
            None => found.find(Weight::Wrong, "claims.iat", "out of range"),
        },
        Some(other) => found.find(Weight::Wrong, "claims.iat", format!("{} instead of a number", other.kind())),
    }
    for (name, value) in claims.members() {
        match name.as_str() {
            "ekm" | "ath" | "iat" => {}
            "jti" | "htm" | "htu" => {
                if !matches!(value, json::Value::String(_)) {
                    let what = format!("{} instead of a string", value.kind());
                    found.find(Weight::Wrong, format!("claims.{name}"), what);
                }
            }
            other => found.find(Weight::Note, format!("claims.{other}"), "not a claim that the draft knows; ignored"),
        }
    }
}

/// A member that must hold 32 octets in base64url.
fn of_hash(object: &Object, part: &str, name: &str, of: &str, found: &mut Inspection) {
    let what = match text(object, name) {
        Ok(text) => match base64url::decode_32(&text) {
            Ok(_) => return,
            Err(e) if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                format!("{e}; it looks like hexadecimal, and {of} is in base64url")
            }
            Err(e) => format!("{e}; {of} is 32 octets in base64url without padding (43 characters)"),
        },
        Err(what) => what,
    };
    found.find(Weight::Wrong, format!("{part}.{name}"), what);
}

fn text(object: &Object, name: &str) -> Result<String, String> {
    match object.member(name) {
        None => Err("missing".to_owned()),
        Some(json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("{} instead of a string", other.kind())),
    }
}

/// The text of claims with fingerprints in the place of what may be an exporter value, under whatever name and in
/// whatever spelling.
#[must_use]
pub fn redacted(claims: &str) -> String {
    match serde_json::from_str::<Value>(claims) {
        Ok(mut value) => {
            redact(&mut value, false);
            value.to_string()
        }
        Err(_) => format!("(no JSON, {} octets, fingerprint {})", claims.len(), fingerprint(claims)),
    }
}

fn redact(value: &mut Value, is_harmless: bool) {
    /// The shortest text that is taken for a secret: a third of an exporter value, in any usual spelling.
    const SECRET: usize = 15;
    match value {
        Value::String(text) if !is_harmless && text.len() >= SECRET => {
            *text = format!("({} characters, fingerprint {})", text.len(), fingerprint(text));
        }
        Value::Array(items) if items.len() >= SECRET => {
            let text = Value::Array(std::mem::take(items)).to_string();
            *value = format!("(an array, fingerprint {})", fingerprint(&text)).into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, is_harmless)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                redact(member, ["ath", "jti", "htm", "htu"].contains(&name.as_str()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let found = inspect(text).findings;
        found.into_iter().map(|f| f.place).collect()
    }

    fn jws(header: &str, claims: &str) -> String {
        format!("{}.{}.QUJD", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()))
    }

    const HASH: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0";

    #[test]
    fn a_right_form_has_no_findings_and_each_wrong_one_is_placed() {
        let header = format!(r#"{{"typ":"tls-binding-proof+jwt","alg":"ES256","x5t#S256":"{HASH}"}}"#);
        let claims = format!(r#"{{"ath":"{HASH}","ekm":"{HASH}","iat":1760000000}}"#);
        let good = inspect(&jws(&header, &claims));
        assert_eq!((good.findings.len(), good.issued, good.signature), (0, Some(1_760_000_000.0), Some(3)));
        for (from, to, place) in [
            ("tls-binding-proof+jwt", "JWT", "header.typ"),
            ("ES256", "none", "header.alg"),
            ("ES256", "ES257", "header.alg"),
            ("\"typ\"", "\"crit\":[],\"typ\"", "header.crit"),
            ("\"typ\"", "\"kid\":\"a\",\"typ\"", "header.kid"),
        ] {
            assert_eq!(places(&jws(&header.replace(from, to), &claims)), [place], "{to}");
        }
        for (from, to, place) in [
            ("1760000000", "1760000000000", "claims.iat"),
            ("1760000000", "\"now\"", "claims.iat"),
            ("\"ekm\"", "\"eKm\":1,\"ekm\"", "claims.eKm"),
            ("\"iat\"", "\"jti\":7,\"iat\"", "claims.jti"),
            ("\"ath\"", "\"iat\":1,\"ath\"", "claims"),
        ] {
            assert_eq!(places(&jws(&header, &claims.replace(from, to))), [place], "{to}");
        }
        let hex = claims.replace(&format!("\"ekm\":\"{HASH}\""), &format!("\"ekm\":\"{}\"", "ab".repeat(32)));
        assert!(inspect(&jws(&header, &hex)).findings[0].what.contains("hexadecimal"));
        assert_eq!(places("a.b"), ["", "header", "claims"]);
        assert!(places(&format!("{}=.e30.QUJD", base64url::encode(header.as_bytes()))).contains(&"header".to_owned()));
        assert!(inspect(&"a".repeat(MAX_LENGTH + 1)).is_wrong());
    }

    #[test]
    fn an_exporter_value_is_redacted_in_every_spelling() {
        let hex = "ab".repeat(32);
        let numbers = vec!["171"; 32].join(",");
        for claims in [
            format!(r#"{{"ekm":"{HASH}"}}"#),
            format!(r#"{{"other":{{"EKM":"{hex}"}}}}"#),
            format!(r#"{{"ekm":[{numbers}]}}"#),
            format!("{{\"ekm\":\"{HASH}\""),
        ] {
            let shown = redacted(&claims);
            assert!(!shown.contains(HASH) && !shown.contains(&hex) && !shown.contains("171,171"), "{shown}");
            assert!(shown.contains("fingerprint"), "{shown}");
        }
        assert!(redacted(&format!(r#"{{"ath":"{HASH}"}}"#)).contains(HASH));
    }
}
