//! `differential`: the guard beside two JOSE libraries, each used as an ordinary user of it would.

mod known;
mod others;

use std::fmt;

use arbitrary::{Arbitrary as _, Unstructured};
use ekmcheck_binding::{
    algorithm::Algorithm,
    crypto::{AwsLc, RustCrypto, SignatureVerifier},
    proof::Proof,
    refusal::{Check, Refusal},
    steps::algorithm_of,
};

use self::{known::KNOWN, others::LIBRARIES};
use super::{
    plan::Plan,
    stage::{Presented, Scene},
    structured::verdict_on,
};

/// How a library and the guard differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It accepts what the guard refuses.
    Bypass,
    /// It refuses what the guard accepts.
    RefusesRight,
    /// As [`Self::Bypass`], and the other library refuses as well.
    Split,
}

/// A difference, by its class: two of one class are one difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    /// The library.
    pub library: &'static str,
    /// How it differs.
    pub kind: Kind,
    /// Why one of both refuses: the guard's check and fault, or the library's error; without numbers.
    pub why: String,
    /// Why that is so, if somebody has looked at it.
    pub known: Option<&'static str>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bypass => "BYPASS",
            Self::RefusesRight => "REFUSES-RIGHT",
            Self::Split => "SPLIT",
        })
    }
}

/// Takes the octets for a plan as `proof_structured` does. Two JOSE libraries accept the proof if and only if the guard does,
/// but for differences of known classes; and both implementations of signatures in `ekmcheck-binding` say the same.
pub fn differential(octets: &[u8]) {
    let Some((presented, disagreements)) = told(octets) else { return };
    let new: Vec<&Disagreement> = disagreements.iter().filter(|disagreement| disagreement.known.is_none()).collect();
    assert!(new.is_empty(), "DIFFERS: {new:#?}\n{:?}", presented.field);
    let Ok(proof) = Proof::parse(presented.field.trim_matches([' ', '\t'])) else { return };
    let certificate = &presented.client.identity.certificate;
    let Ok(algorithm) = algorithm_of(&proof, certificate) else { return };
    let message = proof.signing_input.as_bytes();
    for other in Algorithm::ALL.into_iter().filter(|other| !other.fits(certificate.key().kind())) {
        let verify = |one: &dyn SignatureVerifier| one.verify(other, certificate.key(), message, &proof.signature);
        assert!(!verify(&AwsLc) && !verify(&RustCrypto), "BYPASS: {other} does not fit\n{:?}", presented.field);
    }
    let by_aws = AwsLc.verify(algorithm, certificate.key(), message, &proof.signature);
    let by_rust = RustCrypto.verify(algorithm, certificate.key(), message, &proof.signature);
    assert!(by_aws == by_rust, "SPLIT: AWS-LC says {by_aws}, RustCrypto {by_rust}\n{:?}", presented.field);
}

/// How two JOSE libraries and the guard differ about an input.
#[must_use]
pub fn disagreements(octets: &[u8]) -> Vec<Disagreement> {
    told(octets).map(|(_, disagreements)| disagreements).unwrap_or_default()
}

fn told(octets: &[u8]) -> Option<(Presented, Vec<Disagreement>)> {
    let plan = Plan::arbitrary(&mut Unstructured::new(octets)).ok()?;
    let scene = Scene::new(&plan);
    let presented = scene.presented();
    let ours = verdict_on(&presented, &scene.stage.here);
    // Token and field are not what these libraries look at.
    let others_look = |refusal: &Refusal| {
        !matches!(
            refusal.check(),
            Check::Token | Check::Confirmation | Check::Certificate | Check::Field | Check::Presence
        )
    };
    if !ours.as_ref().err().is_none_or(others_look) {
        return None;
    }
    let theirs = LIBRARIES.map(|library| (library.name, (library.verdict)(&presented)));
    let accept = theirs.iter().filter(|(_, verdict)| matches!(verdict, Some(Ok(())))).count();
    let asked = theirs.iter().filter(|(_, verdict)| verdict.is_some()).count();
    let differs = |(name, verdict): (&'static str, Option<Result<(), String>>)| {
        let (kind, why) = match (&ours, verdict?) {
            (Ok(()), Err(why)) => (Kind::RefusesRight, why),
            (Err(refusal), Ok(())) => {
                let why = format!("{}: {}", refusal.check(), refusal.detail());
                (if accept < asked { Kind::Split } else { Kind::Bypass }, why)
            }
            _ => return None,
        };
        let why = without_numbers(&why);
        let known = KNOWN
            .iter()
            .find(|k| k.library == name && k.refuses_right == (kind == Kind::RefusesRight) && why.contains(k.why));
        Some(Disagreement { library: name, kind, why, known: known.map(|known| known.reason) })
    };
    let disagreements = theirs.into_iter().filter_map(differs).collect();
    Some((presented, disagreements))
}

/// Places and sizes differ from input to input.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            other => out.push(other),
        }
    }
    out
}
