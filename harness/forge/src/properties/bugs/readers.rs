//! Readers and memories with one thing wrong, and what the guards read with.

use std::collections::BTreeSet;

use ekmcheck_binding::{
    base64url,
    cache::{EntryKey, Scope},
    certificate::{Certificate, CertificateError, PublicKey},
    confirmation::Confirmation,
    digest::TokenHash,
    json::{Object, Value},
    jti::JtiRefusal,
    proof::{Proof, RequestClaims},
    refusal::Refusal,
};

use super::super::{
    cache::{Memory, Remembers},
    confirmation::Source,
    strict,
};

fn rightly(claims: &Object, source: Source) -> Result<Confirmation, Refusal> {
    match source {
        Source::Claims => Confirmation::from_claims(claims),
        Source::Introspection => Confirmation::from_introspection(claims),
    }
}

fn with_cnf(claims: &Object, edit: &dyn Fn(&str, &Value) -> Option<Value>) -> Object {
    let members = claims.members().iter().map(|(name, value)| match value {
        Value::Object(cnf) if name == "cnf" => {
            let inner =
                cnf.members().iter().filter_map(|(name, value)| edit(name, value).map(|value| (name.clone(), value)));
            (name.clone(), Value::Object(Object::from_members(inner.collect())))
        }
        other => (name.clone(), other.clone()),
    });
    Object::from_members(members.collect())
}

pub(super) fn any_label(claims: &Object, source: Source) -> Result<Confirmation, Refusal> {
    let label = Value::String(ekmcheck_binding::exporter::LABEL.to_owned());
    let edit = |name: &str, value: &Value| Some(if name == "tls_exp" { label.clone() } else { value.clone() });
    rightly(&with_cnf(claims, &edit), source)
}

pub(super) fn wrong_type_is_absent(claims: &Object, source: Source) -> Result<Confirmation, Refusal> {
    let edit =
        |name: &str, value: &Value| (name != "x5t#S256" || matches!(value, Value::String(_))).then(|| value.clone());
    rightly(&with_cnf(claims, &edit), source)
}

pub(super) fn thumbprint_of_key(der: &[u8]) -> Result<Certificate, CertificateError> {
    // As octets that hash to it cannot be found, those of the key stand for the certificate.
    let certificate = Certificate::from_der(der)?;
    Ok(Certificate::from_parts(certificate.key().spki(), certificate.key().clone()))
}

pub(super) fn trailing_octets(der: &[u8]) -> Result<Certificate, CertificateError> {
    let start = (0..=der.len().min(4)).find_map(|dropped| Certificate::from_der(der.get(..der.len() - dropped)?).ok());
    let key = start.map(|certificate| certificate.key().clone());
    key.map_or_else(|| Certificate::from_der(der), |key| Ok(Certificate::from_parts(der, key)))
}

/// The proof as a reader takes it that lets a comma stand before the last brace.
pub(super) fn without_trailing_comma(text: &str) -> Option<Proof> {
    let segment = |segment: &str| {
        let octets = strict::canonical(segment)?;
        Some(base64url::encode(String::from_utf8(octets).ok()?.replace(",}", "}").as_bytes()))
    };
    let mut segments = text.split('.');
    let (header, claims, signature) = (segments.next()?, segments.next()?, segments.next()?);
    let read = Proof::parse(&format!("{}.{}.{signature}", segment(header)?, segment(claims)?)).ok()?;
    Some(Proof { signing_input: text.rsplit_once('.')?.0.to_owned(), ..read })
}

/// How a memory is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lapse {
    /// The limit is not the documented one.
    OneMore,
    /// An insertion opens the connection again.
    Reopens,
}

/// A memory that is wrong.
pub(super) struct Lax {
    right: Memory,
    lapse: Lapse,
    seen: BTreeSet<[u8; 32]>,
}

impl Lax {
    pub(super) fn new(lapse: Lapse) -> Self {
        Self { right: Memory::default(), lapse, seen: BTreeSet::new() }
    }
}

impl Remembers for Lax {
    fn open(&mut self, scope: Scope) {
        self.right.open(scope);
    }

    fn close(&mut self, scope: &Scope) {
        self.right.close(scope);
    }

    fn find(&mut self, scope: &Scope, key: &EntryKey<'_>) -> Option<RequestClaims> {
        self.right.find(scope, key)
    }

    fn insert(&mut self, scope: &Scope, key: &EntryKey<'_>, claims: RequestClaims) {
        if self.lapse == Lapse::Reopens && self.seen.contains(&scope.exporter) {
            self.right.open(scope.clone());
        }
        self.seen.insert(scope.exporter);
        self.right.insert(scope, key, claims);
    }

    fn size(&self) -> (usize, usize) {
        let (connections, entries) = self.right.size();
        let full = self.lapse == Lapse::OneMore && entries == ekmcheck_binding::cache::ENTRIES_PER_CONNECTION;
        (connections, entries + usize::from(full))
    }

    fn use_once(&mut self, token: TokenHash, jti: &str, expires: i64, now: f64) -> Result<(), JtiRefusal> {
        self.right.use_once(token, jti, expires, now)
    }

    fn identifiers(&self) -> usize {
        self.right.identifiers()
    }
}

/// The key in `jwk`, for P-256.
pub(super) fn key_of_jwk(header: &Object) -> Option<PublicKey> {
    const SPKI: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
    let Value::Object(jwk) = header.member("jwk")? else { return None };
    let coordinate = |name: &str| match jwk.member(name)? {
        Value::String(text) => base64url::decode_32(text).ok(),
        _ => None,
    };
    PublicKey::from_spki_der(&[SPKI, &coordinate("x")?, &coordinate("y")?].concat()).ok()
}

/// A header as its reader would write it: the members it knows, in its own order.
pub(super) fn written(header: &Object) -> String {
    let text = |name: &str| match header.member(name) {
        Some(Value::String(text)) => serde_json::Value::from(text.as_str()).to_string(),
        _ => "null".to_owned(),
    };
    format!(r#"{{"typ":{},"alg":{},"x5t#S256":{}}}"#, text("typ"), text("alg"), text("x5t#S256"))
}

/// The segment as it would be spelled by whoever decodes leniently and encodes again.
pub(super) fn canonical_spelling(segment: &str) -> String {
    match strict::lenient(segment) {
        octets if segment.is_empty() || octets == b"not base64url" => segment.to_owned(),
        octets => strict::encode(&octets),
    }
}

/// The proof as a reader takes it that keeps the first, or the last, of several members of one name.
pub(super) fn with_one_of_each(text: &str, first: bool) -> Option<Proof> {
    let mut segments = text.split('.');
    let (header, claims) = (segments.next()?, segments.next()?);
    let (signature, None) = (segments.next()?, segments.next()) else { return None };
    let object = |segment: &str| {
        let octets = strict::canonical(segment)?;
        let mut members: Vec<(String, Value)> = Vec::new();
        for (name, value) in strict::members(&octets)? {
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some(_) if first => {}
                Some(known) => known.1 = value,
                None => members.push((name, value)),
            }
        }
        Some(Object::from_members(members))
    };
    Some(Proof {
        header: object(header)?,
        claims: object(claims)?,
        signing_input: text.rsplit_once('.')?.0.to_owned(),
        signature: strict::canonical(signature)?,
    })
}

/// Every escape decoded, whatever it stands for.
pub(super) fn decoded(path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| octet == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                out.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(octet);
                rest = after;
            }
        }
    }
    out
}
