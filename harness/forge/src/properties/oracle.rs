//! Which requests are right, decided a second time: by value, with serde_json, `base64` and jsonwebtoken, and without a
//! call into the steps of `ekmcheck-binding`. What both share are the names of the checks and the draft.
//!
//! Where the draft leaves freedom, this is the reference's reading: one canonical spelling of base64url, JSON without
//! duplicate names, `typ` to the letter, no `crit`, five minutes back and one ahead for `iat`, a path alone or a whole URI
//! as `htu`, and a `jti` of at most 1,024 octets.

use std::collections::BTreeSet;

use aws_lc_rs::{
    digest,
    signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey},
};
use ekmcheck_binding::{algorithm::KeyKind, refusal::Check};
use jsonwebtoken::{Algorithm as Jwa, DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER};
use serde_json::{Map, Value};

use super::{
    stage::{AUTHORITY, METHOD, NOW, Presented},
    strict::{self, Reading, canonical, encode},
};
use crate::{
    keys::{ForgeKeyError, Key},
    recipe::Exporters,
};

/// The longest proof that is read, in octets.
pub(super) const MAX_LENGTH: usize = 16_384;

/// What must be refused, and by which check. Nothing at fault: it must be accepted.
///
/// With several things at fault, any of their checks is a good reason.
pub(super) fn faults(presented: &Presented, exporters: &Exporters) -> BTreeSet<Check> {
    // What cannot be read has no ingredients to judge.
    let only = |check| BTreeSet::from([check]);
    let Some(claims) = &presented.token.claims else { return only(Check::Token) };
    let certificate = encode(&sha256(presented.client.identity.certificate.der()));
    match bound_certificate(claims) {
        Err(()) => return only(Check::Confirmation),
        Ok(Some(bound)) if bound != certificate => return only(Check::Certificate),
        Ok(_) => {}
    }
    let field = presented.field.trim_matches([' ', '\t']);
    if field.is_empty() {
        return only(Check::Field);
    }
    let Some(proof) = Proof::read(field) else { return only(Check::Format) };
    let mut faults = proof.header_faults(presented, &certificate);
    faults.extend(proof.claims_faults(presented, exporters));
    faults
}

/// A JWS that can be read.
struct Proof<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Proof<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let segments: Vec<&str> = text.split('.').collect();
        let &[header, claims, signature] = &segments[..] else { return None };
        let object = |segment| match strict::object_of_any_range(&canonical(segment)?) {
            Reading::Object(object) => Some(object),
            _ => None,
        };
        (text.len() <= MAX_LENGTH).then_some(())?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signing_input: text.rsplit_once('.')?.0,
            signature: canonical(signature)?,
        })
    }

    fn header_faults(&self, presented: &Presented, certificate: &str) -> BTreeSet<Check> {
        let text = |name: &str| self.header.get(name).and_then(Value::as_str);
        let key = &presented.client.key;
        let mut faults = BTreeSet::new();
        if self.header.contains_key("crit") {
            faults.insert(Check::Crit);
        }
        if text("typ") != Some("tls-binding-proof+jwt") {
            faults.insert(Check::Typ);
        }
        match text("alg").filter(|alg| key.algorithms().contains(alg)) {
            None => _ = faults.insert(Check::Alg),
            Some(alg) if key.verifies(alg, self.signing_input, &self.signature) => {}
            Some(_) => _ = faults.insert(Check::Signature),
        }
        if text("x5t#S256") != Some(certificate) {
            faults.insert(Check::X5t);
        }
        faults
    }

    fn claims_faults(&self, presented: &Presented, exporters: &Exporters) -> BTreeSet<Check> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let optional = |name: &str, right: &dyn Fn(&str) -> bool| match self.claims.get(name) {
            None => true,
            Some(value) => value.as_str().is_some_and(right),
        };
        let time = self.claims.get("iat").filter(|iat| iat.is_number()).and_then(Value::as_f64);
        let window = (NOW - 300) as f64..=(NOW + 60) as f64;
        [
            (Check::Ekm, text("ekm") == Some(&encode(exporters.right()))),
            (Check::Ath, text("ath") == Some(&encode(&sha256(presented.token.text.as_bytes())))),
            (Check::Iat, time.is_some_and(|iat| window.contains(&iat))),
            (Check::Htm, optional("htm", &|htm| htm == METHOD)),
            (Check::Htu, optional("htu", &|htu| is_target(htu, presented.path))),
            (Check::Jti, optional("jti", &|jti| (1..=1024).contains(&jti.len()))),
        ]
        .into_iter()
        .filter_map(|(check, right)| (!right).then_some(check))
        .collect()
    }
}

/// The claims of a JWS whose payload can be read.
pub(super) fn claims_of(jws: &str) -> Option<Map<String, Value>> {
    match strict::object_of_any_range(&canonical(jws.split('.').nth(1)?)?) {
        Reading::Object(claims) => Some(claims),
        _ => None,
    }
}

/// The certificate that the token is bound to; an error if its confirmation makes no sense.
fn bound_certificate(claims: &Map<String, Value>) -> Result<Option<&str>, ()> {
    let Some(cnf) = claims.get("cnf") else { return Ok(None) };
    let cnf = cnf.as_object().filter(|cnf| !cnf.contains_key("jkt")).ok_or(())?;
    let is_hash = |text: &&str| canonical(text).is_some_and(|octets| octets.len() == 32);
    let x5t = cnf.get("x5t#S256").map(|x5t| x5t.as_str().filter(is_hash).ok_or(())).transpose()?;
    match cnf.get("tls_exp") {
        None => Ok(x5t),
        Some(label) if label == "EXPORTER-oauth-tls-session-bound" && x5t.is_some() => Ok(x5t),
        Some(_) => Err(()),
    }
}

/// Whether `htu` names a request for that path on [`AUTHORITY`].
pub(super) fn is_target(htu: &str, path_and_query: &str) -> bool {
    if htu.contains(['?', '#']) {
        return false;
    }
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default();
    let named = match htu.get(..8) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https://") => {
            let rest = htu.get(8..).unwrap_or_default();
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            // The default port may be given, and so may an empty one (RFC 3986 section 6.2.3).
            let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(':')).unwrap_or(host);
            if !host.eq_ignore_ascii_case(AUTHORITY) {
                return false;
            }
            if path.is_empty() { "/" } else { path }
        }
        _ if htu.starts_with('/') && !htu.starts_with("//") => htu,
        _ => return false,
    };
    letters(named) == letters(path)
}

/// The characters of a path: what is only a spelling of an unreserved character is that character.
fn letters(path: &str) -> Vec<(bool, u8)> {
    let mut letters = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|pair| first == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let octet = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        letters.push(match octet {
            Some(octet) => (!(octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)), octet),
            None => (false, first),
        });
        rest = if octet.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    letters
}

fn sha256(octets: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, octets).as_ref().to_vec()
}

/// The public key of a client, for jsonwebtoken.
pub(super) struct VerifyingKey {
    kind: KeyKind,
    raw: Vec<u8>,
    /// None for P-521, which jsonwebtoken does not have.
    key: Option<DecodingKey>,
}

impl VerifyingKey {
    pub(super) fn of(key: &Key) -> Result<Self, ForgeKeyError> {
        // From the private half: the certificate is read by the code under test.
        let raw = key.rcgen_key()?.public_key_raw().to_vec();
        let parsed = match key.kind() {
            KeyKind::P521 => None,
            KeyKind::Ed25519 => Some(DecodingKey::from_ed_der(&raw)),
            KeyKind::Rsa(_) => Some(DecodingKey::from_rsa_der(&raw)),
            _ => Some(DecodingKey::from_ec_der(&raw)),
        };
        Ok(Self { kind: key.kind(), raw, key: parsed })
    }

    /// None for P-521.
    pub(super) fn for_jsonwebtoken(&self) -> Option<&DecodingKey> {
        self.key.as_ref()
    }

    /// The key's bits: a point, the octets of Ed25519, or `RSAPublicKey` in DER.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The algorithms that a proof by this key may name.
    fn algorithms(&self) -> &'static [&'static str] {
        match self.kind {
            KeyKind::P256 => &["ES256"],
            KeyKind::P384 => &["ES384"],
            KeyKind::P521 => &["ES512"],
            KeyKind::Ed25519 => &["EdDSA", "Ed25519"],
            _ => &["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
        }
    }

    fn verifies(&self, algorithm: &str, message: &str, signature: &[u8]) -> bool {
        let Some(key) = &self.key else {
            let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, &self.raw);
            return key.verify(message.as_bytes(), signature).is_ok();
        };
        // The name that RFC 9864 gave it is not in jsonwebtoken yet.
        let name = if algorithm == "Ed25519" { "EdDSA" } else { algorithm };
        let Ok(verifier) = name.parse::<Jwa>().and_then(|jwa| (DEFAULT_PROVIDER.verifier_factory)(&jwa, key)) else {
            return false;
        };
        verifier.verify(message.as_bytes(), &signature.to_vec()).is_ok()
    }
}
