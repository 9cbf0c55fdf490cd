//! Guards with one step wrong.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};
use ekmcheck_binding::{
    algorithm::KeyKind,
    base64url,
    cache::{ConnectionId, EntryKey, Scope},
    certificate::Certificate,
    confirmation::Confirmation,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::TokenHash,
    guard::{Connection, Policy, Request},
    json::{self, Object, Value},
    proof::{Proof, RequestClaims},
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Moment, Steps},
};

use super::readers;
use crate::keys::hmac_sha256;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    Omits(Check),
    OmitsOnHit(Check),
    EkmAsFarAsItGoes,
    EkmFirstHalf,
    NoneIsAnAlgorithm,
    HmacWithCertificate,
    KeyOfTheProof,
    DerSignature,
    HeaderWrittenAnew,
    Padding,
    SecondSpelling,
    WhiteSpace,
    FourthSegment,
    FirstMember,
    LastMember,
    TrailingComma,
    TypAnyCase,
    X5tOptional,
    AthAsFarAsItGoes,
    AgeOverflows,
    IatIn32Bits,
    IatAsString,
    OneSecondMore,
    HtmAnyCase,
    HtuPrefix,
    HtuDecoded,
    NullIsAbsent,
    BrokenCnfIsNone,
    EntryWithoutProof,
    EntryWithoutToken,
    NumberAloneNeverPurged,
    OneScope,
    JtiOfEverybody,
    JtiForgotten,
    FirstProof,
    LastAuthorization,
    SchemeByPrefix,
}

impl Wrong {
    /// Whether a signature that the draft refuses passes all the same.
    fn verifies(self, proof: &Proof, connection: &Connection) -> bool {
        let certificate = &connection.certificate;
        let alg = proof.header_text("alg", Check::Alg).unwrap_or_default();
        let message = proof.signing_input.as_bytes();
        match self {
            Self::NoneIsAnAlgorithm => alg.eq_ignore_ascii_case("none") && proof.signature.is_empty(),
            Self::HmacWithCertificate => {
                alg == "HS256" && proof.signature == hmac_sha256(certificate.der(), message).to_vec()
            }
            Self::KeyOfTheProof => readers::key_of_jwk(&proof.header).is_some_and(|key| {
                AwsLc.verify(ekmcheck_binding::algorithm::Algorithm::Es256, &key, message, &proof.signature)
            }),
            Self::DerSignature => {
                let algorithm = match certificate.key().kind() {
                    KeyKind::P256 => &ECDSA_P256_SHA256_ASN1,
                    KeyKind::P384 => &ECDSA_P384_SHA384_ASN1,
                    _ => return false,
                };
                let key = UnparsedPublicKey::new(algorithm, certificate.key().material());
                key.verify(message, &proof.signature).is_ok()
            }
            Self::HeaderWrittenAnew => {
                // What was signed is not what came: white space is gone, the order of members is another one.
                let (_, claims) = proof.signing_input.split_once('.').unwrap_or_default();
                let message = format!("{}.{claims}", base64url::encode(readers::written(&proof.header).as_bytes()));
                ekmcheck_binding::steps::algorithm_of(proof, certificate).is_ok_and(|algorithm| {
                    AwsLc.verify(algorithm, certificate.key(), message.as_bytes(), &proof.signature)
                })
            }
            _ => false,
        }
    }
}

impl Steps for Wrong {
    fn omits(&self, check: Check, moment: Moment) -> bool {
        match *self {
            Self::Omits(omitted) => omitted == check && moment == Moment::Cold,
            Self::OmitsOnHit(omitted) => omitted == check && moment == Moment::Hit,
            _ => false,
        }
    }

    fn access_token<'a>(&self, fields: &[&'a [u8]]) -> Result<&'a str, Refusal> {
        match (self, fields) {
            (Self::LastAuthorization, [.., last]) => ByTheDraft.access_token(&[last]),
            (Self::SchemeByPrefix, [field]) if field.to_ascii_lowercase().starts_with(b"bearer") => {
                let token = field.get(6..).unwrap_or_default().trim_ascii();
                Ok(std::str::from_utf8(token).unwrap_or_default())
            }
            _ => ByTheDraft.access_token(fields),
        }
    }

    fn proof_field<'a>(&self, fields: &[&'a [u8]]) -> Result<Option<&'a str>, Refusal> {
        match (self, fields) {
            (Self::FirstProof, [first, ..]) => ByTheDraft.proof_field(&[first]),
            _ => ByTheDraft.proof_field(fields),
        }
    }

    fn confirmation(&self, claims: &Object) -> Result<Confirmation, Refusal> {
        match self {
            Self::BrokenCnfIsNone => Ok(ByTheDraft.confirmation(claims).unwrap_or(Confirmation::Unbound)),
            _ => ByTheDraft.confirmation(claims),
        }
    }

    fn parse(&self, text: &str) -> Result<Proof, Refusal> {
        let right = ByTheDraft.parse(text);
        let Err(refusal) = right else { return right };
        let segments = |edit: &dyn Fn(&str) -> String| text.split('.').map(edit).collect::<Vec<_>>().join(".");
        let read = match self {
            Self::Padding => ByTheDraft.parse(&segments(&|segment| segment.trim_end_matches('=').to_owned())),
            Self::SecondSpelling => ByTheDraft.parse(&segments(&readers::canonical_spelling)),
            Self::WhiteSpace => ByTheDraft.parse(&segments(&|segment| segment.replace([' ', '\t', '\r', '\n'], ""))),
            Self::FourthSegment => ByTheDraft.parse(&text.splitn(4, '.').take(3).collect::<Vec<_>>().join(".")),
            Self::FirstMember => readers::with_one_of_each(text, true).ok_or(refusal),
            Self::LastMember => readers::with_one_of_each(text, false).ok_or(refusal),
            Self::TrailingComma => readers::without_trailing_comma(text).ok_or(refusal),
            _ => Err(refusal),
        }?;
        // The signature is over what came.
        let (signing_input, _) = text.rsplit_once('.').unwrap_or_default();
        let came = matches!(self, Self::Padding | Self::SecondSpelling | Self::WhiteSpace);
        Ok(if came { Proof { signing_input: signing_input.to_owned(), ..read } } else { read })
    }

    fn typ(&self, proof: &Proof) -> Result<(), Refusal> {
        match self {
            Self::TypAnyCase if proof.header_text("typ", Check::Typ)?.eq_ignore_ascii_case("tls-binding-proof+jwt") => {
                Ok(())
            }
            _ => ByTheDraft.typ(proof),
        }
    }

    fn alg(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        if self.verifies(proof, connection) { Ok(()) } else { ByTheDraft.alg(proof, connection, token) }
    }

    fn x5t(&self, proof: &Proof, certificate: &Certificate) -> Result<(), Refusal> {
        match self {
            Self::X5tOptional if proof.header.member("x5t#S256").is_none() => Ok(()),
            _ => ByTheDraft.x5t(proof, certificate),
        }
    }

    fn signature(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        if self.verifies(proof, connection) { Ok(()) } else { ByTheDraft.signature(proof, connection, token) }
    }

    fn ekm(&self, proof: &Proof, connection: &Connection) -> Result<(), Refusal> {
        let claimed = proof.claim_text("ekm", Check::Ekm).ok().and_then(|text| base64url::decode(text).ok());
        let octets = connection.exporter.octets();
        match (self, claimed) {
            (Self::EkmAsFarAsItGoes, Some(claimed)) if octets.starts_with(&claimed) => Ok(()),
            (Self::EkmFirstHalf, Some(claimed)) if claimed.get(..16) == octets.get(..16) => Ok(()),
            _ => ByTheDraft.ekm(proof, connection),
        }
    }

    fn ath(&self, proof: &Proof, token: &str, hash: &TokenHash) -> Result<(), Refusal> {
        let claimed = proof.claim_text("ath", Check::Ath).ok().and_then(|text| base64url::decode(text).ok());
        match (self, claimed) {
            (Self::AthAsFarAsItGoes, Some(claimed)) if hash.octets().starts_with(&claimed) => Ok(()),
            _ => ByTheDraft.ath(proof, token, hash),
        }
    }

    fn request_claims(&self, proof: &Proof) -> Result<RequestClaims, Refusal> {
        let kept = |keep: &dyn Fn(&str, &Value) -> Option<Value>| {
            let members = proof.claims.members().iter();
            let kept = members.filter_map(|(name, value)| keep(name, value).map(|value| (name.clone(), value)));
            Proof { claims: Object::from_members(kept.collect()), ..proof.clone() }
        };
        match self {
            Self::NullIsAbsent => kept(&|_, value| (*value != Value::Null).then(|| value.clone())).request_claims(),
            Self::IatAsString => kept(&|name, value| match value {
                Value::String(text) if name == "iat" => json::parse(text.as_bytes()).ok(),
                other => Some(other.clone()),
            })
            .request_claims(),
            _ => ByTheDraft.request_claims(proof),
        }
    }

    #[expect(clippy::panic, reason = "what an overflow does where it is checked")]
    #[expect(clippy::cast_possible_truncation, reason = "the fault")]
    fn iat(&self, iat: f64, policy: &Policy, now: f64) -> Result<(), Refusal> {
        match self {
            Self::AgeOverflows => {
                let Some(age) = (now as i64).checked_sub(iat as i64) else {
                    panic!("attempt to subtract with overflow")
                };
                ByTheDraft.iat(now - age as f64, policy, now)?;
                ByTheDraft.iat(iat, policy, now)
            }
            Self::IatIn32Bits => ByTheDraft.iat(f64::from(iat as i64 as u32), policy, now),
            Self::OneSecondMore => ByTheDraft.iat(iat, &Policy { iat_future: policy.iat_future + 1.0, ..*policy }, now),
            _ => ByTheDraft.iat(iat, policy, now),
        }
    }

    fn htm(&self, htm: &str, request: &Request<'_>) -> Result<(), Refusal> {
        match self {
            Self::HtmAnyCase if htm.eq_ignore_ascii_case(request.method) => Ok(()),
            _ => ByTheDraft.htm(htm, request),
        }
    }

    fn htu(&self, htu: &str, request: &Request<'_>) -> Result<(), Refusal> {
        match self {
            Self::HtuPrefix if htu.starts_with(request.target.path) => Ok(()),
            Self::HtuDecoded
                if htu.starts_with('/') && readers::decoded(htu) == readers::decoded(request.target.path) =>
            {
                Ok(())
            }
            _ => ByTheDraft.htu(htu, request),
        }
    }

    fn jti_scope(&self, ath: &TokenHash, connection: &Connection) -> TokenHash {
        if *self == Self::JtiOfEverybody { TokenHash::of("") } else { ByTheDraft.jti_scope(ath, connection) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
    fn jti_expires(&self, token_expires: i64, policy: &Policy, now: f64) -> i64 {
        if *self == Self::JtiForgotten { (now + policy.iat_future) as i64 } else { token_expires }
    }

    fn scope(&self, connection: &Connection) -> Scope {
        let scope = ByTheDraft.scope(connection);
        match self {
            Self::NumberAloneNeverPurged => Scope { exporter: [0; 32], ..scope },
            Self::OneScope => Scope { connection: ConnectionId(0), exporter: [0; 32] },
            _ => scope,
        }
    }

    fn entry<'a>(&self, token: &'a str, proof: &'a str) -> EntryKey<'a> {
        match self {
            Self::EntryWithoutProof | Self::OmitsOnHit(Check::Presence) => EntryKey::new(token, ""),
            Self::EntryWithoutToken => EntryKey::new("", proof),
            _ => ByTheDraft.entry(token, proof),
        }
    }

    fn purges(&self) -> bool {
        *self != Self::NumberAloneNeverPurged
    }
}
