//! DPoP (RFC 9449) as a resource server checks it on every request: the yardstick, written to be as fast as it can be
//! while making every check of section 4.3 but the nonce, which is optional and needs no cryptography.
//!
//! The proof is read by the readers of base64url and JSON that also read Session-Binding Proofs, and the signature goes to
//! AWS-LC by the same way. As in most servers cheap checks come before the signature, and the identifier is used up last.
//! The header is remembered by its octets: a client's proofs have all the same one, so that the key in it is parsed, and
//! its thumbprint taken, once a client and not once a request. Few servers do that; the yardstick should not be short.

use std::{
    collections::HashMap,
    str,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    certificate::PublicKey,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::{TokenHash, sha256},
    guard::{AccessTokens, Policy, Request},
    json::{self, Object, Value},
    jti::JtiStore,
    steps::is_b64token,
};
use ekmcheck_forge::keys::Key;

/// The value of `typ` (section 4.2).
pub const TYP: &str = "dpop+jwt";

/// The check that a request failed; the numbers are the items of section 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Not one access token under the scheme `DPoP` (section 7.1).
    Authorization,
    /// The access token is not valid.
    Token,
    /// 1: not one `DPoP` field.
    Field,
    /// 2: not a well-formed JWT.
    Format,
    /// 3: a required claim is missing or of a wrong type.
    Claims,
    /// 4: another `typ`.
    Typ,
    /// 5: `alg` is not a supported asymmetric signature.
    Alg,
    /// 6 and 7: `jwk` is missing, is not a public key for `alg`, or has a private part.
    Jwk,
    /// 6: the signature does not verify with it.
    Signature,
    /// 8: `htm` is not the method.
    Htm,
    /// 9: `htu` is not the target.
    Htu,
    /// 11: `iat` lies outside the window.
    Iat,
    /// 12: `ath` is not the hash of the token.
    Ath,
    /// 12: the token is bound to another key.
    Jkt,
    /// Section 11.1: `jti` was used before, or cannot be remembered.
    Jti,
}

/// Verifies DPoP-bound requests. One for a whole server.
pub struct DpopVerifier {
    policy: Policy,
    jti: Mutex<JtiStore>,
    /// By the segment. The header of a client's proofs is always the same, so that key and thumbprint are worked out once.
    headers: Mutex<HashMap<String, Arc<Header>>>,
}

/// How many headers are remembered.
const HEADERS: usize = 10_000;

/// Up to which length, in octets.
const LONGEST_HEADER: usize = 1024;

impl DpopVerifier {
    /// A verifier that has seen no identifier yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, jti: Mutex::new(JtiStore::new(policy.jti)), headers: Mutex::default() }
    }

    /// Decides on one request at the time `now` (Unix seconds). `request.proofs` are the `DPoP` fields.
    ///
    /// # Errors
    /// The check that failed.
    pub fn verify(&self, request: &Request<'_>, tokens: &dyn AccessTokens, now: f64) -> Result<(), Failed> {
        let token = access_token(request.authorization)?;
        let valid = tokens.validate(token, now).map_err(|_| Failed::Token)?;
        let [field] = request.proofs else { return Err(Failed::Field) };
        let proof = str::from_utf8(field).map_err(|_| Failed::Format)?;
        let (input, signature) = proof.rsplit_once('.').ok_or(Failed::Format)?;
        let (header, payload) = input.split_once('.').ok_or(Failed::Format)?;
        let signature = base64url::decode(signature).map_err(|_| Failed::Format)?;
        let claims = &object(payload)?;
        let header = self.header(header)?;
        let claim = |name| text(claims, name).ok_or(Failed::Claims);
        let (jti, htm, htu, ath) = (claim("jti")?, claim("htm")?, claim("htu")?, claim("ath")?);
        let Some(Value::Number(iat)) = claims.member("iat") else { return Err(Failed::Claims) };
        let iat = iat.to_f64().ok_or(Failed::Claims)?;
        require(htm == request.method, Failed::Htm)?;
        let end = htu.find(['?', '#']).unwrap_or(htu.len());
        // Unlike here, a bare path is an `htu` in the other protocol.
        let named = !htu.starts_with('/') && request.target.is_named_by(&htu[..end]) == Ok(true);
        require(named, Failed::Htu)?;
        require(iat >= now - self.policy.iat_past && iat <= now + self.policy.iat_future, Failed::Iat)?;
        let hash = TokenHash::of(token);
        require(base64url::decode_32(ath).as_ref() == Ok(hash.octets()), Failed::Ath)?;
        let cnf = valid.claims.member("cnf");
        let jkt = if let Some(Value::Object(cnf)) = cnf { text(cnf, "jkt") } else { None };
        require(jkt == Some(&header.thumbprint), Failed::Jkt)?;
        require(AwsLc.verify(header.algorithm, &header.key, input.as_bytes(), &signature), Failed::Signature)?;
        let mut seen = self.jti.lock().unwrap_or_else(PoisonError::into_inner);
        // Kept as long as the other protocol keeps it, so that both stores grow alike.
        seen.use_once(hash, jti, valid.expires, now).map_err(|_| Failed::Jti)
    }

    /// The header of a segment, from memory if it came before. Whoever sends ever new ones gains nothing: the memory is
    /// emptied when it is full.
    fn header(&self, segment: &str) -> Result<Arc<Header>, Failed> {
        let known = || self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(header) = known().get(segment) {
            return Ok(header.clone());
        }
        let header = Arc::new(Header::read(segment)?);
        let mut known = known();
        if known.len() >= HEADERS {
            known.clear();
        }
        if segment.len() <= LONGEST_HEADER {
            known.insert(segment.to_owned(), header.clone());
        }
        Ok(header)
    }
}

/// What a header says, once it was read: it is the same in each proof of a client.
pub struct Header {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key in `jwk`, which fits the algorithm.
    pub key: PublicKey,
    /// Its thumbprint (RFC 7638), in base64url.
    pub thumbprint: String,
}

impl Header {
    /// Reads the first segment of a proof.
    ///
    /// # Errors
    /// The check that fails.
    pub fn read(segment: &str) -> Result<Self, Failed> {
        let header = object(segment)?;
        if text(&header, "typ") != Some(TYP) || header.member("crit").is_some() {
            return Err(Failed::Typ);
        }
        let Some(Value::Object(jwk)) = header.member("jwk") else { return Err(Failed::Jwk) };
        Self::of_jwk(jwk, text(&header, "alg"))
    }

    /// From the members `jwk` and `alg` of a header.
    ///
    /// # Errors
    /// The check that fails.
    pub fn of_jwk(jwk: &Object, alg: Option<&str>) -> Result<Self, Failed> {
        let member = |name| text(jwk, name).ok_or(Failed::Jwk);
        let (algorithm, kty, curve, prefix) = match alg {
            Some("ES256") => (Algorithm::Es256, "EC", "P-256", P256),
            Some("ES384") => (Algorithm::Es384, "EC", "P-384", P384),
            Some("EdDSA") => (Algorithm::EdDsa, "OKP", "Ed25519", ED25519),
            _ => return Err(Failed::Alg),
        };
        // The private parts of all key types (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
        let private = |name: &&str| jwk.member(name).is_some();
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(private) {
            return Err(Failed::Jwk);
        }
        require(member("kty")? == kty && member("crv")? == curve, Failed::Jwk)?;
        let mut spki = prefix.to_vec();
        // The members need no escapes: they were compared, or are used as base64url.
        let x = member("x")?;
        spki.extend(base64url::decode(x).map_err(|_| Failed::Jwk)?);
        let canonical = if algorithm == Algorithm::EdDsa {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        } else {
            let y = member("y")?;
            spki.extend(base64url::decode(y).map_err(|_| Failed::Jwk)?);
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        };
        let key = PublicKey::from_spki_der(&spki).map_err(|_| Failed::Jwk)?;
        Ok(Self { algorithm, key, thumbprint: base64url::encode(&sha256(canonical.as_bytes())) })
    }
}

/// What stands before the key in its `SubjectPublicKeyInfo` (RFC 5480, RFC 8410).
const P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
const P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04";
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// A segment of a proof that is an object.
fn object(segment: &str) -> Result<Object, Failed> {
    let octets = base64url::decode(segment).map_err(|_| Failed::Format)?;
    json::parse_object(&octets).map_err(|_| Failed::Format)
}

/// One `Authorization` field with the scheme `DPoP`, and a token in the syntax of section 7.1.
fn access_token<'a>(fields: &[&'a [u8]]) -> Result<&'a str, Failed> {
    let [field] = fields else { return Err(Failed::Authorization) };
    let (scheme, token) = str::from_utf8(field).ok().and_then(|f| f.split_once(' ')).ok_or(Failed::Authorization)?;
    if is_b64token(token) && scheme.eq_ignore_ascii_case("DPoP") { Ok(token) } else { Err(Failed::Authorization) }
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    match object.member(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn require(holds: bool, failed: Failed) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(failed) }
}

/// The client's half: signs proofs as fast as it goes, with a key that is parsed once.
pub struct ProofSigner {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The header of its DPoP proofs, encoded.
    header: String,
    /// The thumbprint of the key (RFC 7638), for `cnf.jkt`.
    thumbprint: String,
}

impl ProofSigner {
    /// From a P-256 key. `None` for another one.
    #[must_use]
    pub fn new(key: &Key) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.pkcs8()).ok()?;
        let coordinate = |range| key.public().material().get(range).map(base64url::encode);
        let (x, y) = (coordinate(1..33)?, coordinate(33..65)?);
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let header = base64url::encode(format!(r#"{{"typ":"{TYP}","alg":"ES256","jwk":{jwk}}}"#).as_bytes());
        let thumbprint = base64url::encode(&sha256(jwk.as_bytes()));
        Some(Self { pair, random: SystemRandom::new(), header, thumbprint })
    }

    /// The thumbprint of the key (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A JWS over a payload under an encoded header. `None` if the library fails.
    #[must_use]
    pub fn sign(&self, header: &str, payload: &str) -> Option<String> {
        let mut jws = format!("{header}.{}", base64url::encode(payload.as_bytes()));
        let signature = self.pair.sign(&self.random, jws.as_bytes()).ok()?;
        jws.push('.');
        jws.push_str(&base64url::encode(signature.as_ref()));
        Some(jws)
    }

    /// A DPoP proof for one request, with a `jti` of 96 random bits. `ath` is the hash of the token as it is written. None
    /// of the texts needs an escape in JSON. `None` if the library fails.
    #[must_use]
    pub fn dpop(&self, method: &str, target: &str, ath: &str, now: i64) -> Option<String> {
        let mut unique = [0; 12];
        self.random.fill(&mut unique).ok()?;
        let jti = base64url::encode(&unique);
        let claims = format!(r#"{{"jti":"{jti}","htm":"{method}","htu":"{target}","iat":{now},"ath":"{ath}"}}"#);
        self.sign(&self.header, &claims)
    }
}
