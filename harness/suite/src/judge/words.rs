//! Short descriptions for reports.

use std::fmt::Display;

use crate::{
    case::{Case, Expect},
    challenge, inert,
    outcome::RequirementVerdict,
    play::{Probe, Step, Temper},
    transcript::{Answer, Event, Reaction, Transcript},
};

/// At most 120 characters, inert: it comes from a subject that may be hostile.
pub(super) fn bounded(text: &str) -> String {
    inert::bounded(text, 120)
}

pub(super) fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

pub(super) fn reaction(reaction: &Reaction) -> String {
    match reaction {
        Reaction::Nothing(why) | Reaction::Hung(why) => format!("no answer ({})", bounded(why)),
        Reaction::NotProcessed(why) => format!("not processed ({})", bounded(why)),
        Reaction::Answer(answer) => {
            let error = answer.challenges.iter().filter_map(|c| challenge::parse(c).ok()).flatten();
            let error = error.filter(challenge::Challenge::is_bearer).find_map(|c| c.parameter("error").map(bounded));
            error.map_or_else(|| answer.status.to_string(), |error| format!("{} {error}", answer.status))
        }
    }
}

/// What an answer says of being stored.
pub(super) fn cache_control(answer: &Answer) -> String {
    match answer.cache_control.as_slice() {
        [] => ", no Cache-Control".to_owned(),
        values => format!(", Cache-Control {}", bounded(&values.join(", "))),
    }
}

fn expectation(expect: &Expect) -> String {
    match expect {
        Expect::Accepted => "accepted".to_owned(),
        Expect::Observed => "observed".to_owned(),
        Expect::Once(_) => "accepted exactly once".to_owned(),
        Expect::Refused(refused) => {
            let error = if refused.error.is_empty() { String::new() } else { format!(" {}", list(&refused.error)) };
            format!("refused {}{error}", list(refused.statuses()))
        }
    }
}

pub(super) fn expected(case: &Case) -> String {
    match (&case.expect, &case.play) {
        (Some(expect), _) => expectation(expect),
        (None, Some(steps)) => folded(steps.iter().flat_map(|step| match step {
            Step::Probe(Probe { expect: Expect::Refused(_), .. }) => vec!["refused".to_owned()],
            other => other.expects().into_iter().map(expectation).collect(),
        })),
        (None, None) => String::new(),
    }
}

pub(super) fn seen(transcripts: &[Transcript]) -> String {
    let one = |t: &Transcript| {
        let what = folded(t.events.iter().filter_map(|e| match e {
            Event::Exchanged(exchanged) => Some(reaction(&exchanged.reaction)),
            Event::Interim(status) => Some(status.to_string()),
            Event::Probed(probed) => Some(bounded(&probed.came)),
            Event::NotTestable(why) | Event::Hindered(why) => Some(format!("not testable ({})", bounded(why))),
            Event::Broken(why) => Some(format!("broke off ({})", bounded(why))),
            _ => None,
        }));
        match t.temper {
            Temper::Warm => format!("warm: {what}"),
            Temper::Cold => format!("cold: {what}"),
            Temper::Story => what,
            Temper::StoryWithoutClock => format!("times in token and proof moved instead of the clock: {what}"),
        }
    };
    transcripts.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Joins with commas and folds runs: `200 x50, 401 invalid_proof`.
fn folded(items: impl Iterator<Item = String>) -> String {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for item in items {
        match runs.last_mut() {
            Some((last, count)) if *last == item => *count += 1,
            _ => runs.push((item, 1)),
        }
    }
    let text = |(item, count): (String, usize)| if count == 1 { item } else { format!("{item} x{count}") };
    runs.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

pub(super) fn broken(verdict: &RequirementVerdict) -> String {
    let reason = verdict.reason.clone().unwrap_or_default();
    if verdict.verdict.is_deviation() { format!("{}: {reason}", verdict.id) } else { reason }
}

/// Why a case with such a key says nothing about a subject that takes no right request with it.
pub(super) fn optional_key(case: &Case) -> String {
    let client = case.client.as_deref().unwrap_or_default();
    format!(
        "which keys a subject supports is its choice (A-09), and no control with a {client} certificate was accepted"
    )
}
