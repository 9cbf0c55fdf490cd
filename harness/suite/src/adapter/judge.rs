//! From what an adapter answered to the verdict on a vector. Touches nothing.
//!
//! A vector is bracketed by controls that must come out the other way: right proofs with the same key around one that is
//! to be refused, wrong proofs around one that is to be accepted. Whoever always says the same fails them.

use crate::{
    case::Transport,
    outcome::{Outcome, RequirementVerdict, Verdict},
    role::Role,
    vector::{self, Vector},
};

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Let through.
    Accepted,
    /// Refused, by that check and for that reason where it says so.
    Refused {
        /// The check.
        check: Option<String>,
        /// The reason.
        detail: Option<String>,
    },
    /// It cannot do this, and says why.
    Unsupported(String),
    /// Nothing that counts, and why: it ended, said nothing in time, or nothing that can be read.
    Nothing(String),
}

/// A question that has a known answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The vector that was asked.
    pub vector: String,
    /// Whether it is to be accepted.
    pub accept: bool,
    /// What came.
    pub told: Told,
}

/// All that was asked about one vector. If a control before it brought nothing, the vector itself was not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The controls, before and after.
    pub controls: Vec<Control>,
    /// The vector itself.
    pub asked: Told,
}

/// Judges an adapter by its answers on one vector.
#[must_use]
pub fn judge(vector: &Vector, heard: &Heard) -> Outcome {
    let (verdict, reason) = weigh(vector, heard);
    let requirement = |id: &String| RequirementVerdict {
        id: id.clone(),
        verdict,
        reason: Some(reason.clone()).filter(|_| verdict != Verdict::Pass),
        // The answer is all there is.
        evidence: Vec::new(),
    };
    let requirements: Vec<_> = vector.requirements.iter().map(requirement).collect();
    let broken = requirements.first().filter(|_| verdict.is_deviation());
    Outcome {
        id: vector.id.clone(),
        rows: Vec::new(),
        title: vector.title.clone(),
        ambiguity: None,
        role: Role::Verifier,
        transport: Transport::Offline,
        verdict,
        level: vector.level,
        basis: vector.basis,
        expected: expected(vector),
        seen: seen(heard),
        reason: broken.map_or_else(|| reason.clone(), |r| format!("{}: {reason}", r.id)),
        requirements,
        hindered: false,
    }
}

fn weigh(vector: &Vector, heard: &Heard) -> (Verdict, String) {
    use vector::Verdict as Due;
    let due = vector.expect.verdict;
    let deviation = Verdict::of_deviation(vector.level, vector.basis);
    // No control excuses it.
    if due == Due::Refuse && heard.asked == Told::Accepted {
        return (deviation, "accepted what it must refuse".to_owned());
    }
    if let Some(Control { told: Told::Unsupported(why), .. }) =
        heard.controls.iter().find(|c| matches!(c.told, Told::Unsupported(_)))
    {
        return (Verdict::NotTestable, format!("the adapter does not support what the controls need: {why}"));
    }
    if let Told::Nothing(why) = &heard.asked {
        return (Verdict::Inconclusive, why.clone());
    }
    if let Some(failed) = heard.controls.iter().find_map(failed) {
        return (Verdict::Inconclusive, failed);
    }
    match (due, &heard.asked) {
        (Due::Open, Told::Unsupported(_)) | (Due::Accept | Due::Refuse, Told::Unsupported(_)) => {
            (Verdict::NotTestable, said(&heard.asked))
        }
        (Due::Open, told) => (Verdict::Observed, format!("observed: {}", said(told))),
        (Due::Accept, Told::Accepted) => (Verdict::Pass, String::new()),
        (Due::Accept, told) => (deviation, format!("refused what it must accept: {}", said(told))),
        (Due::Refuse, Told::Refused { check, .. }) => (Verdict::Pass, another(vector, check.as_deref())),
        (Due::Refuse, told) => (Verdict::Inconclusive, said(told)),
    }
}

/// That it refused for another reason; no failure, for the order of the checks is free.
fn another(vector: &Vector, check: Option<&str>) -> String {
    match check {
        Some(said) if !vector.expect.checks.is_empty() && !vector.expect.admits(said) => {
            format!("refused for another reason: {said} instead of {}", vector.expect.checks.join(" or "))
        }
        _ => String::new(),
    }
}

fn failed(control: &Control) -> Option<String> {
    let (kind, right) = match control.accept {
        true => ("right", control.told == Told::Accepted),
        false => ("wrong", matches!(control.told, Told::Refused { .. })),
    };
    let fault = || format!("control: the {kind} proof of {} was {}", control.vector, said(&control.told));
    (!right).then(fault)
}

fn said(told: &Told) -> String {
    match told {
        Told::Accepted => "accepted".to_owned(),
        Told::Refused { check, detail } => {
            let by = check.as_ref().map(|c| format!(" by {c}")).unwrap_or_default();
            format!("refused{by}{}", detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())
        }
        Told::Unsupported(why) => format!("unsupported ({why})"),
        Told::Nothing(why) => format!("not answered ({why})"),
    }
}

fn expected(vector: &Vector) -> String {
    match (vector.expect.verdict, &vector.expect.check) {
        (vector::Verdict::Accept, _) => "accepted".to_owned(),
        (vector::Verdict::Refuse, Some(check)) => format!("refused, by {check} for instance"),
        (vector::Verdict::Refuse, None) => "refused".to_owned(),
        (vector::Verdict::Open, _) => "observed".to_owned(),
    }
}

fn seen(heard: &Heard) -> String {
    let unexpected: Vec<String> = heard.controls.iter().filter_map(failed).collect();
    let controls = if unexpected.is_empty() { "controls as they should be".to_owned() } else { unexpected.join("; ") };
    format!("{}; {controls}", said(&heard.asked))
}

#[cfg(test)]
mod tests;
