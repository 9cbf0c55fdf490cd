//! `proof_structured`: the guard against the oracle, and against itself.

use std::fmt;

use arbitrary::{Arbitrary as _, Unstructured};
use ekmcheck_binding::{
    confirmation::Confirmation,
    guard::{Accepted, AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Moment, Steps},
    target::Target,
};

use super::{
    answer, attack, oracle,
    plan::Plan,
    stage::{AUTHORITY, METHOD, NOW, Presented, Scene},
    strict,
};
use crate::recipe::Exporters;

/// What a guard says of a request.
type Verdict = Result<Accepted, Refusal>;

/// Takes the octets for a right exchange and a few changes to it, and holds the guard's verdict against an independent
/// one. What it must find:
///
/// | finding | what the guard did |
/// |---|---|
/// | `BYPASS` | accepted what the oracle refuses |
/// | `DOS` | refused what the oracle accepts |
/// | `BLAME` | refused by a check that is not among those at fault |
/// | `FLAKY` | decided otherwise the second time |
/// | `CACHE` | on the warm connection, accepted what has changed since, or refused what has not |
/// | `FORGE` | the harness could not make the request |
pub fn proof_structured(octets: &[u8]) {
    proof_structured_on(&ByTheDraft, octets);
}

/// [`proof_structured`] for another guard: to prove that the property finds what is wrong with it.
pub fn proof_structured_on<S: Steps + Clone>(steps: &S, octets: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(octets)) else { return };
    let scene = Scene::new(&plan);
    let presented = scene.presented();
    let story = || Story { plan: &plan, presented: &presented };

    let trial = Trial::new(steps.clone(), &presented, &scene.stage.here);
    let verdict = trial.decide();
    let faults = oracle::faults(&presented, &scene.stage.here);
    match &verdict {
        Ok(_) => assert!(faults.is_empty(), "BYPASS: accepted in spite of {faults:?}\n{}", story()),
        Err(refusal) => {
            answer::hold_to(&trial.guard, refusal);
            assert!(!faults.is_empty(), "DOS: refused by {refusal}\n{}", story());
            let check = refusal.check();
            assert!(faults.contains(&check), "BLAME: refused by {check} instead of {faults:?}\n{}", story());
        }
    }
    let again = Trial::new(steps.clone(), &presented, &scene.stage.here).decide();
    assert!(again == verdict, "FLAKY: first {verdict:?}, then {again:?}\n{}", story());
    trial.hold_to(&verdict, &plan, &scene, &story);
}

/// What the reference says of a request on a fresh connection.
pub(super) fn verdict_on(presented: &Presented, exporters: &Exporters) -> Result<(), Refusal> {
    Trial::new(ByTheDraft, presented, exporters).decide().map(drop)
}

/// A guard with one connection, and one request on it.
struct Trial<'a, S: Steps> {
    guard: Guard<S>,
    connection: Connection,
    presented: &'a Presented,
    authorization: String,
}

impl<'a, S: Steps> Trial<'a, S> {
    fn new(steps: S, presented: &'a Presented, exporters: &Exporters) -> Self {
        let guard = Guard::new(steps, Policy::default());
        let connection = presented.connection(exporters);
        guard.opened(&connection);
        Self { guard, connection, presented, authorization: format!("Bearer {}", presented.token.text) }
    }

    fn question(&self) -> Question<'_> {
        Question {
            connection: &self.connection,
            authorization: &self.authorization,
            proof: &self.presented.field,
            method: METHOD,
            path: self.presented.path,
            now: NOW,
        }
    }

    fn decide(&self) -> Verdict {
        self.ask(&self.question())
    }

    fn ask(&self, question: &Question<'_>) -> Verdict {
        let request = Request {
            method: question.method,
            target: Target::https(AUTHORITY, question.path),
            authorization: &[question.authorization.as_bytes()],
            proofs: &[question.proof.as_bytes()],
        };
        self.guard.decide(question.connection, &request, self, question.now as f64)
    }

    /// After the first verdict: the same again, and then each one thing changed.
    fn hold_to<'s>(&self, verdict: &Verdict, plan: &Plan, scene: &Scene<'_>, story: &dyn Fn() -> Story<'s>) {
        let second = self.decide();
        let Ok(accepted) = verdict else {
            return assert!(second == *verdict, "CACHE: a refusal became {second:?}\n{}", story());
        };
        let claims = oracle::claims_of(&self.presented.field).unwrap_or_default();
        let has = |name: &str| claims.contains_key(name);
        let expected = match has("jti") {
            true => Err(Check::Jti),
            false => Ok(Accepted { moment: Some(Moment::Hit), ..accepted.clone() }),
        };
        let seen = second.map_err(|refusal| refusal.check());
        // A guard that never caches is as right as one that does.
        let right = seen == expected || expected.is_ok() && seen.as_ref() == Ok(accepted);
        assert!(right, "CACHE: the second time {seen:?} instead of {expected:?}\n{}", story());

        let same = self.question();
        let must_refuse = |what: &str, question: Question<'_>, checks: &[Check]| {
            let check = self.ask(&question).map_err(|refusal| refusal.check());
            let refused = check.as_ref().is_err_and(|check| checks.contains(check));
            assert!(refused, "CACHE: {what}: {check:?} instead of {checks:?}\n{}", story());
        };
        let flipped = with_a_bit_turned(&self.presented.field, plan.bit);
        must_refuse("a bit of the signature turned", Question { proof: &flipped, ..same }, &[Check::Signature]);
        let elsewhere = self.presented.connection(&scene.stage.there);
        must_refuse("another exporter value", Question { connection: &elsewhere, ..same }, &[Check::Ekm]);
        let other = format!("Bearer {}", self.presented.client.other_token.text);
        must_refuse("another token", Question { authorization: &other, ..same }, &[Check::Ath]);
        let mut thief = self.connection.clone();
        thief.certificate = self.presented.client.another().identity.certificate.clone();
        // The number and the exporter value are those of the first connection, so this asks the cache as well.
        let checks = [Check::Certificate, Check::Alg, Check::X5t];
        if accepted.confirmation != Confirmation::Unbound {
            must_refuse("another client", Question { connection: &thief, ..same }, &checks);
        }
        must_refuse("ten minutes later", Question { now: NOW + 600, ..same }, &[Check::Iat]);
        if has("htm") {
            must_refuse("another method", Question { method: "DELETE", ..same }, &[Check::Htm]);
        }
        if has("htu") {
            must_refuse("another target", Question { path: "/elsewhere", ..same }, &[Check::Htu]);
        }
    }
}

impl<S: Steps> AccessTokens for Trial<'_, S> {
    fn validate(&self, token: &str, _: f64) -> Result<ValidToken, Refusal> {
        let tokens = [self.presented.token, &self.presented.client.other_token];
        let known = tokens.into_iter().find(|known| known.text == token);
        known.map_or_else(|| Err(Refusal::new(Check::Token, "not one of these")), |known| known.valid.clone())
    }
}

#[derive(Clone, Copy)]
struct Question<'a> {
    connection: &'a Connection,
    authorization: &'a str,
    proof: &'a str,
    method: &'a str,
    path: &'a str,
    now: i64,
}

fn with_a_bit_turned(proof: &str, bit: u16) -> String {
    let (input, signature) = proof.trim().rsplit_once('.').unwrap_or_default();
    let mut octets = strict::canonical(signature).unwrap_or_default();
    let at = usize::from(bit / 8) % octets.len().max(1);
    if let Some(octet) = octets.get_mut(at) {
        *octet ^= 1 << (bit % 8);
    }
    format!("{input}.{}", strict::encode(&octets))
}

/// What a finding is told with.
struct Story<'a> {
    plan: &'a Plan,
    presented: &'a Presented,
}

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Presented { client, token, field, path } = self.presented;
        writeln!(f, "{:?}", self.plan)?;
        writeln!(f, "{METHOD} {path} on a connection of {}", client.identity.name)?;
        writeln!(f, "token {}", token.text)?;
        writeln!(f, "proof {field:?}")?;
        for segment in field.trim().split('.').take(2) {
            let octets = strict::lenient(segment);
            writeln!(f, "      {}", String::from_utf8_lossy(&octets))?;
        }
        Ok(())
    }
}

impl<'a> Scene<'a> {
    /// What the plan sends.
    pub(super) fn presented(&self) -> Presented {
        let mut presented = match self.plan.attack {
            Some(attack) => attack.presented(self),
            None => attack::present(self, self.proof(&self.setting(), self.token(), &self.plan.steps)),
        };
        for rewrite in &self.plan.rewrites {
            presented.field = rewrite.rewritten(presented.field, &self.setting());
        }
        presented
    }
}
