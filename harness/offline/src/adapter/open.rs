//! Whether an adapter's answers mean anything: who says the same to everything is found out before anything counts.

use std::collections::BTreeMap;

use ekmcheck_suite::{
    adapter::{About, Answer, Told},
    vector::{Vector, Verdict},
};

use super::{Asker, Launch};

/// Vectors that any verifier refuses, each by another check. Who accepts all of them looks at nothing.
pub const WRONG: [&str; 6] = [
    "signature/signature-altered",
    "ekm/ekm-random",
    "ath/ath-of-another-token",
    "certificate/cnf-of-another-certificate",
    "typ/typ-jwt",
    "format/segments-two",
];

/// The client whose right proof stands in where one has none of its own.
const USUAL: &str = "p256";

/// What was found of an adapter whose answers mean something.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// What it says of itself.
    pub about: About,
    /// Controls that are to be accepted: a right proof of each client.
    right: BTreeMap<String, Vector>,
    /// The control that is to be refused: a vector that it did refuse.
    pub(super) wrong: Vector,
}

/// Starts an adapter, greets it, and asks what has a known answer. `all` are all vectors, whatever is played.
///
/// # Errors
/// What is wrong with it, in a sentence for its author. Nothing that it says would count.
pub fn open(launch: &Launch, all: &[Vector]) -> Result<(Asker, Opened), String> {
    let (mut asker, about) = Asker::start(launch)?;
    match asker.raw(r#"{"id":ID,"command":"ekmcheck-no-such-command"}"#) {
        Ok(Answer::Unsupported { .. }) => {}
        Ok(_) => {
            return Err(
                "an unknown command is not answered with unsupported, so that its answers may mean nothing".to_owned()
            );
        }
        Err(why) => return Err(format!("after an unknown command, which is to be answered with unsupported: {why}")),
    }
    let right = right_proofs(all);
    let (mut accepted, mut said) = (false, Vec::new());
    for vector in right.values() {
        match asker.verify(vector) {
            Told::Accepted => accepted = true,
            Told::Refused { check, detail } => said.extend(check.into_iter().chain(detail)),
            Told::Unsupported(why) => said.push(why),
            // It will cost the vector where it is played; here the others count.
            Told::Nothing(why) => {
                said.push(why);
                asker = Asker::start(launch)?.0;
            }
        }
    }
    if !accepted {
        let said = said.first().map(|s| format!("; it says: {s}")).unwrap_or_default();
        return Err(format!("no right proof is accepted, of no key, so that its refusals mean nothing{said}"));
    }
    let mut wrong = None;
    for id in WRONG {
        let vector = all.iter().find(|v| v.id == id).ok_or_else(|| format!("the vector {id} is missing"))?;
        match asker.verify(vector) {
            Told::Refused { .. } => wrong = wrong.or(Some(vector.clone())),
            Told::Nothing(_) => asker = Asker::start(launch)?.0,
            Told::Accepted | Told::Unsupported(_) => {}
        }
    }
    // What was answered too often would else cost the first vector that is played.
    if let Some(vector) = right.values().next()
        && matches!(asker.verify(vector), Told::Nothing(_))
    {
        asker = Asker::start(launch)?.0;
    }
    let wrong = wrong.ok_or("no wrong proof is refused, of whatever kind, so that its acceptances mean nothing")?;
    Ok((asker, Opened { about, right, wrong }))
}

impl Opened {
    /// A right proof, of the usual client where the adapter accepts that one.
    #[must_use]
    pub fn usual(&self) -> &Vector {
        let usual = self.right.get(USUAL).or_else(|| self.right.values().next());
        usual.unwrap_or(&self.wrong)
    }

    /// The control around a vector: one that is to be accepted around one that may be refused, and the other way round.
    #[must_use]
    pub(super) fn control(&self, vector: &Vector) -> &Vector {
        if vector.expect.verdict == Verdict::Accept {
            return &self.wrong;
        }
        let own = self.right.get(&vector.client).or_else(|| self.right.get(USUAL));
        // There is one: a right proof was accepted.
        own.or_else(|| self.right.values().next()).unwrap_or(&self.wrong)
    }
}

/// A right proof of each client, by the client's name; one in which nothing was altered where there is one.
#[must_use]
pub fn right_proofs(all: &[Vector]) -> BTreeMap<String, Vector> {
    let mut right: BTreeMap<String, Vector> = BTreeMap::new();
    for vector in all.iter().filter(|v| v.expect.verdict == Verdict::Accept) {
        let better = |found: &Vector| found.alteration.is_some() && vector.alteration.is_none();
        if right.get(&vector.client).is_none_or(better) {
            right.insert(vector.client.clone(), vector.clone());
        }
    }
    right
}
