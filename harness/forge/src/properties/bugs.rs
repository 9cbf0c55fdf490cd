//! Verifiers that are wrong on purpose, each in one way. A campaign that does not find them has proved nothing.

mod guards;
mod readers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::guards::Wrong;
use super::{
    cache_on, certificate_on, confirmation_on, fields_on,
    multiplex::{Habits, multiplex_on},
    proof_structured_on,
};

/// A wrong verifier, and the property that has to find it.
#[derive(Clone, Copy)]
pub struct Bug {
    /// What is wrong.
    pub name: &'static str,
    /// The target that has to find it.
    pub target: &'static str,
    check: fn(&Self, &[u8]),
    wrong: Wrong,
}

impl Bug {
    /// Whether the target's property finds it with this input.
    #[must_use]
    pub fn is_found_by(&self, octets: &[u8]) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.check)(self, octets))).is_err()
    }

    const fn new(target: &'static str, name: &'static str, check: fn(&Self, &[u8]), wrong: Wrong) -> Self {
        Self { name, target, check, wrong }
    }
}

const fn structured(name: &'static str, wrong: Wrong) -> Bug {
    Bug::new("proof_structured", name, |bug, octets| proof_structured_on(&bug.wrong, octets), wrong)
}

const fn multiplexed(name: &'static str, wrong: Wrong) -> Bug {
    Bug::new("multiplex", name, |bug, octets| multiplex_on(&bug.wrong, Habits::default(), octets), wrong)
}

const fn field(name: &'static str, wrong: Wrong) -> Bug {
    Bug::new("fields", name, |bug, octets| fields_on(&bug.wrong, octets), wrong)
}

const fn other(target: &'static str, name: &'static str, check: fn(&Bug, &[u8])) -> Bug {
    Bug::new(target, name, check, Wrong::Nothing)
}

/// All of them.
pub const BUGS: [Bug; 54] = [
    structured("ekm not compared", Wrong::Omits(ekmcheck_binding::refusal::Check::Ekm)),
    structured("ekm compared as far as it goes", Wrong::EkmAsFarAsItGoes),
    structured("ekm compared in its first half", Wrong::EkmFirstHalf),
    structured("alg none accepted without a signature", Wrong::NoneIsAnAlgorithm),
    structured("HMAC with the certificate as the key", Wrong::HmacWithCertificate),
    structured("key taken from the proof's own jwk", Wrong::KeyOfTheProof),
    structured("DER signature accepted", Wrong::DerSignature),
    structured("signature over a header written anew", Wrong::HeaderWrittenAnew),
    structured("signature not verified", Wrong::Omits(ekmcheck_binding::refusal::Check::Signature)),
    structured("padding accepted", Wrong::Padding),
    structured("second spellings in base64url accepted", Wrong::SecondSpelling),
    structured("white space in segments dropped", Wrong::WhiteSpace),
    structured("a fourth segment ignored", Wrong::FourthSegment),
    structured("the first of two members counts", Wrong::FirstMember),
    structured("the last of two members counts", Wrong::LastMember),
    structured("a comma before the last brace accepted", Wrong::TrailingComma),
    structured("crit ignored", Wrong::Omits(ekmcheck_binding::refusal::Check::Crit)),
    structured("typ ignored", Wrong::Omits(ekmcheck_binding::refusal::Check::Typ)),
    structured("typ without regard to case", Wrong::TypAnyCase),
    structured("x5t#S256 not compared", Wrong::Omits(ekmcheck_binding::refusal::Check::X5t)),
    structured("x5t#S256 optional", Wrong::X5tOptional),
    structured("ath not compared", Wrong::Omits(ekmcheck_binding::refusal::Check::Ath)),
    structured("ath compared as far as it goes", Wrong::AthAsFarAsItGoes),
    structured("iat not looked at", Wrong::Omits(ekmcheck_binding::refusal::Check::Iat)),
    structured("the age of iat overflows", Wrong::AgeOverflows),
    structured("iat kept in 32 bits", Wrong::IatIn32Bits),
    structured("iat may be a string", Wrong::IatAsString),
    structured("one second too many for iat", Wrong::OneSecondMore),
    structured("htm without regard to case", Wrong::HtmAnyCase),
    structured("htu compared as a prefix", Wrong::HtuPrefix),
    structured("htu decoded before it is compared", Wrong::HtuDecoded),
    structured("a claim that is null is absent", Wrong::NullIsAbsent),
    structured("cnf that cannot be read is none", Wrong::BrokenCnfIsNone),
    structured("certificate of the token not compared", Wrong::Omits(ekmcheck_binding::refusal::Check::Certificate)),
    multiplexed("cache entry for the token alone", Wrong::EntryWithoutProof),
    multiplexed("cache entry for the proof alone", Wrong::EntryWithoutToken),
    multiplexed("cache scope without exporter value, never purged", Wrong::NumberAloneNeverPurged),
    multiplexed("cache for all connections", Wrong::OneScope),
    multiplexed("jti unchecked on a hit", Wrong::OmitsOnHit(ekmcheck_binding::refusal::Check::Jti)),
    multiplexed("iat unchecked on a hit", Wrong::OmitsOnHit(ekmcheck_binding::refusal::Check::Iat)),
    multiplexed("htm unchecked on a hit", Wrong::OmitsOnHit(ekmcheck_binding::refusal::Check::Htm)),
    multiplexed("jti shared by all tokens", Wrong::JtiOfEverybody),
    multiplexed("jti forgotten with the window of iat", Wrong::JtiForgotten),
    multiplexed("no proof needed after the first", Wrong::OmitsOnHit(ekmcheck_binding::refusal::Check::Presence)),
    Bug::new(
        "multiplex",
        "the token's expiry unchecked after the first time",
        |bug, octets| {
            multiplex_on(&bug.wrong, Habits { tokens_never_expire: true, ..Habits::default() }, octets);
        },
        Wrong::Nothing,
    ),
    field("the first of two proofs counts", Wrong::FirstProof),
    field("the last of two Authorization fields counts", Wrong::LastAuthorization),
    field("any scheme that begins like Bearer", Wrong::SchemeByPrefix),
    other("confirmation", "tls_exp of any value", |_, octets| confirmation_on(&readers::any_label, octets)),
    other("confirmation", "cnf.x5t#S256 of a wrong type is absent", |_, octets| {
        confirmation_on(&readers::wrong_type_is_absent, octets);
    }),
    other("certificate", "thumbprint of the key", |_, octets| certificate_on(&readers::thumbprint_of_key, octets)),
    other("certificate", "octets after the certificate ignored", |_, octets| {
        certificate_on(&readers::trailing_octets, octets);
    }),
    other("cache", "one entry too many", |_, octets| cache_on(&mut readers::Lax::new(readers::Lapse::OneMore), octets)),
    other("cache", "a connection that has ended takes entries", |_, octets| {
        cache_on(&mut readers::Lax::new(readers::Lapse::Reopens), octets);
    }),
];
