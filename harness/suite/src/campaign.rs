//! What came of a fuzz campaign on a live subject.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{adapter::Adapter, case::Transport};

/// What kind of deviation from the reference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Accepted what must be refused.
    Bypass,
    /// Refused what must be accepted.
    RefusesRight,
    /// A right request was refused after it, also on a new connection.
    Poisons,
    /// Answered with 5xx.
    ServerError,
    /// No answer: a timeout, or the end of the connection in the middle of an answer.
    NoAnswer,
}

impl Class {
    /// The name in files and on the terminal.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::RefusesRight => "refuses-right",
            Self::Poisons => "poisons",
            Self::ServerError => "server-error",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// A SHOULD, our hardening, or where the draft leaves freedom.
    Note,
    /// Against a MUST of the draft or of an RFC that it builds on.
    Violation,
}

/// A request that shows a finding, as small as it could be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The changes to a right request, for `ekmcheck fuzz --replay`.
    pub mutations: Value,
    /// The per-request claims that the proof carries: of `jti`, `htm`, `htu`.
    pub claims: Vec<String>,
    /// Whether a right request went before it on the same connection.
    pub warm: bool,
    /// The transport.
    pub transport: Transport,
    /// What it weighs alone.
    pub weight: Weight,
    /// What the reference does: `accepts`, or the check that refuses.
    pub expected: String,
    /// What the subject did.
    pub seen: String,
    /// How many requests had been sent when it was first seen.
    pub at_request: u64,
}

/// What a subject does wrong in one way: all requests of one class that one check of the reference is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Class and check, like `bypass.ekm`.
    pub id: String,
    /// The class.
    pub class: Class,
    /// The check of the reference, or `none`.
    pub check: String,
    /// The heaviest of the examples.
    pub weight: Weight,
    /// How many requests showed it.
    pub times: u64,
    /// Some of them, each seen again in three trials of three.
    pub examples: Vec<Example>,
}

impl Finding {
    /// The most examples that are kept.
    pub const EXAMPLES: usize = 5;

    /// Another example, if it is one; the heaviest stay first, and the earliest of them.
    pub fn show(&mut self, example: Example) {
        self.weight = self.weight.max(example.weight);
        if self.examples.iter().any(|known| known.mutations == example.mutations) {
            return;
        }
        self.examples.push(example);
        self.examples.sort_by_key(|e| (std::cmp::Reverse(e.weight), e.at_request));
        self.examples.truncate(Self::EXAMPLES);
    }

    fn take(&mut self, other: &Self) {
        self.times = self.times.saturating_add(other.times);
        for example in &other.examples {
            self.show(example.clone());
        }
    }
}

/// How many ways to answer had been seen after so many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Novelty {
    /// Requests sent.
    pub requests: u64,
    /// Different pairs of what the reference and what the subject did.
    pub behaviours: u64,
}

/// Why a campaign ended; what says least about the subject comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All requests were sent.
    Requests,
    /// The time was over.
    Time,
    /// Somebody ended it.
    Interrupted,
    /// As many answers with 5xx as were allowed.
    ServerErrors,
    /// The subject takes right requests no more.
    Refusing,
}

impl Ended {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Requests => "all requests were sent",
            Self::Time => "the time was over",
            Self::ServerErrors => "the subject answered with too many server errors",
            Self::Refusing => "the subject takes right requests no more",
            Self::Interrupted => "interrupted",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How often, in words.
#[must_use]
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// A campaign: `campaign.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Version of the tool.
    pub ekmcheck: String,
    /// What was tested.
    pub subject: String,
    /// The words of `ekmcheck fuzz` that name it.
    pub named_by: Vec<String>,
    /// The adapter, where the subject is a verifier library behind one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// Draft and revision.
    pub draft: String,
    /// The machine that the campaign ran on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// The transports in use.
    pub transports: Vec<Transport>,
    /// The seed; of several campaigns that were put together, the first one's.
    pub seed: u64,
    /// Which part of how many, where the work was shared out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<(usize, usize)>,
    /// Requests sent, or questions asked, controls and trials among them.
    pub requests: u64,
    /// Mutated requests among them, trials left out.
    pub mutants: u64,
    /// Of what was to be played again, how many could not be made, sent or told to this subject, or came too late.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unplayed: u64,
    /// Connections opened, or how often the adapter was started.
    pub connections: u64,
    /// Seconds; of several campaigns that were put together, those of the longest.
    pub seconds: f64,
    /// Why it ended.
    pub ended: Ended,
    /// Answers with 5xx.
    pub server_errors: u64,
    /// What was found, violations first.
    pub findings: Vec<Finding>,
    /// How the number of different behaviours grew; of several campaigns, in the one that saw most.
    pub novelty: Vec<Novelty>,
    /// Mutants that brought something new, to go on from (`--resume`).
    pub corpus: Vec<Value>,
}

impl Campaign {
    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// What was done, in words.
    #[must_use]
    pub fn work(&self) -> String {
        let Self { requests, mutants, connections, seconds, .. } = self;
        let (of_requests, of_connections) = match self.adapter {
            None => ("requests", format!("on {connections} connections")),
            Some(_) => ("questions", format!("to an adapter that was started {}", times(*connections))),
        };
        let rate = self.rate();
        format!("{requests} {of_requests} ({mutants} mutants) {of_connections} in {seconds:.1} s, {rate:.0} a second")
    }

    /// Why it ended, and what was left undone by then, in words.
    #[must_use]
    pub fn end(&self) -> String {
        let ended = self.ended.words();
        match self.unplayed {
            0 => ended.to_owned(),
            n => format!(
                "{ended}; {n} of the mutants to be played again were not: they cannot be made, sent or told to this subject, or the end came first"
            ),
        }
    }

    /// Whether all that was asked for was done, so that to find nothing says something.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.ended, Ended::Requests | Ended::Time) && self.mutants > 0 && self.unplayed == 0
    }

    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.requests as f64 / self.seconds } else { 0.0 }
    }

    /// The command that plays the findings of `file` again, from where the campaign was started.
    #[must_use]
    pub fn again(&self, file: &str) -> String {
        let words = self.named_by.iter().map(String::as_str).chain(["--replay", file]);
        // Words with a zero octet cannot be given to a command at all.
        format!("ekmcheck fuzz {}", shlex::try_join(words).unwrap_or_default())
    }

    /// Findings against a MUST, and others.
    #[must_use]
    pub fn weighed(&self) -> (usize, usize) {
        let violations = self.findings.iter().filter(|f| f.weight == Weight::Violation).count();
        (violations, self.findings.len() - violations)
    }

    /// Puts campaigns on one subject together: what was done is added up, findings of one id become one, and the mutants
    /// of all are kept to go on from.
    ///
    /// # Errors
    /// What does not fit together; no campaign at all.
    pub fn merged(parts: &[Self]) -> Result<Self, String> {
        let (first, others) = parts.split_first().ok_or("no campaign is given")?;
        let mut whole = Self { shard: None, ..first.clone() };
        for part in others {
            let same = |what: &str, one: &str, other: &str| match one == other {
                true => Ok(()),
                false => Err(format!("of different {what}: {one} and {other}")),
            };
            same("subjects", &whole.subject, &part.subject)?;
            same("revisions", &whole.draft, &part.draft)?;
            same("versions of ekmcheck", &whole.ekmcheck, &part.ekmcheck)?;
            whole.take(part);
        }
        shards(parts)?;
        whole.findings.sort_by(|one, other| (other.weight, &one.id).cmp(&(one.weight, &other.id)));
        Ok(whole)
    }

    fn take(&mut self, part: &Self) {
        self.requests = self.requests.saturating_add(part.requests);
        self.mutants = self.mutants.saturating_add(part.mutants);
        self.connections = self.connections.saturating_add(part.connections);
        self.server_errors = self.server_errors.saturating_add(part.server_errors);
        self.seconds = self.seconds.max(part.seconds);
        // The least that can be said of all.
        let behaviours = |all: &[Novelty]| all.last().map_or(0, |n| n.behaviours);
        if behaviours(&part.novelty) > behaviours(&self.novelty) {
            self.novelty.clone_from(&part.novelty);
        }
        self.unplayed = self.unplayed.saturating_add(part.unplayed);
        self.ended = self.ended.max(part.ended);
        for transport in &part.transports {
            if !self.transports.contains(transport) {
                self.transports.push(*transport);
            }
        }
        // By their texts: there may be very many.
        let mut known: BTreeSet<String> = self.corpus.iter().map(Value::to_string).collect();
        self.corpus.extend(part.corpus.iter().filter(|mutant| known.insert(mutant.to_string())).cloned());
        let mut known: BTreeMap<String, usize> =
            self.findings.iter().enumerate().rev().map(|(at, finding)| (finding.id.clone(), at)).collect();
        for finding in &part.findings {
            match known.get(&finding.id).and_then(|at| self.findings.get_mut(*at)) {
                Some(known) => known.take(finding),
                None => {
                    known.insert(finding.id.clone(), self.findings.len());
                    self.findings.push(finding.clone());
                }
            }
        }
    }

    /// Whether something is against a MUST.
    #[must_use]
    pub fn violates(&self) -> bool {
        self.findings.iter().any(|f| f.weight == Weight::Violation)
    }
}

/// How many of the shards that are missing are named.
const NAMED: usize = 20;

/// Where the work was shared out, every part of it must be there once.
fn shards(parts: &[Campaign]) -> Result<(), String> {
    let mut shards: Vec<(usize, usize)> = parts.iter().filter_map(|part| part.shard).collect();
    let Some((_, of)) = shards.first().copied() else { return Ok(()) };
    if shards.len() < parts.len() {
        return Err(format!("{} of them are of a shard, and the others whole", shards.len()));
    }
    if let Some((part, other)) = shards.iter().find(|(_, parts)| *parts != of) {
        return Err(format!("shards of different numbers of parts: one of {of}, and {part}/{other}"));
    }
    shards.sort_unstable();
    if let Some(two) = shards.windows(2).find(|two| two[0] == two[1]) {
        return Err(format!("shard {}/{of} is given twice", two[0].0));
    }
    // How many there are stands in a file, and may be any number.
    let missing = (1..=of).filter(|part| !shards.contains(&(*part, of))).map(|k| format!("{k}/{of}"));
    let missing: Vec<_> = missing.take(NAMED).collect();
    let more = of.saturating_sub(shards.len()).saturating_sub(missing.len());
    match (missing.is_empty(), more) {
        (true, _) => Ok(()),
        (false, 0) => Err(format!("missing: shard {}", missing.join(", "))),
        (false, more) => Err(format!("missing: shard {} and {more} more", missing.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(shard: usize, findings: &[(&str, u64)]) -> Campaign {
        let finding = |(id, at): &(&str, u64)| Finding {
            id: (*id).to_owned(),
            class: Class::Bypass,
            check: "ekm".to_owned(),
            weight: Weight::Note,
            times: 1,
            examples: vec![Example {
                mutations: (*at).into(),
                claims: Vec::new(),
                warm: false,
                transport: Transport::ALL[0],
                weight: if *at == 7 { Weight::Violation } else { Weight::Note },
                expected: "ekm".to_owned(),
                seen: "accepted".to_owned(),
                at_request: *at,
            }],
        };
        Campaign {
            ekmcheck: "0".to_owned(),
            subject: "s".to_owned(),
            named_by: Vec::new(),
            adapter: None,
            draft: "d".to_owned(),
            machine: String::new(),
            transports: vec![Transport::ALL[0]],
            seed: 1,
            shard: Some((shard, 2)),
            requests: 10,
            mutants: 5,
            unplayed: 0,
            connections: 1,
            seconds: shard as f64,
            ended: Ended::Requests,
            server_errors: 0,
            findings: findings.iter().map(finding).collect(),
            novelty: vec![Novelty { requests: 1, behaviours: shard as u64 }],
            corpus: vec![shard.into(), 9.into()],
        }
    }

    #[test]
    fn parts_are_added_up_and_findings_of_one_kind_become_one() {
        let parts = [campaign(1, &[("a", 3)]), campaign(2, &[("b", 4), ("a", 7)])];
        let whole = Campaign::merged(&parts).unwrap();
        assert_eq!((whole.requests, whole.mutants, whole.connections), (20, 10, 2));
        assert_eq!((whole.seconds, whole.shard), (2.0, None));
        assert_eq!(whole.corpus, [1, 9, 2].map(Value::from));
        assert_eq!(whole.novelty[0].behaviours, 2);
        let found: Vec<_> = whole.findings.iter().map(|f| (f.id.as_str(), f.times, f.weight)).collect();
        assert_eq!(found, [("a", 2, Weight::Violation), ("b", 1, Weight::Note)]);
        assert_eq!(whole.findings[0].examples[0].at_request, 7, "the heaviest first");
        assert_eq!(whole.weighed(), (1, 1));
    }

    #[test]
    fn of_several_ends_the_worst_counts() {
        let of = |ends: [Ended; 2]| {
            let ended = |(shard, ended)| Campaign { ended, ..campaign(shard, &[]) };
            Campaign::merged(&[ended((1, ends[0])), ended((2, ends[1]))]).unwrap().ended
        };
        assert_eq!(of([Ended::Time, Ended::Refusing]), Ended::Refusing);
        assert_eq!(of([Ended::ServerErrors, Ended::Interrupted]), Ended::ServerErrors);
        assert_eq!(of([Ended::Requests, Ended::Interrupted]), Ended::Interrupted);
    }

    #[test]
    fn a_campaign_is_whole_where_all_was_done() {
        let whole = campaign(1, &[]);
        assert!(whole.is_whole() && !whole.end().contains("played again"));
        for ended in [Ended::Interrupted, Ended::ServerErrors, Ended::Refusing] {
            assert!(!Campaign { ended, ..whole.clone() }.is_whole(), "{ended:?}");
        }
        assert!(!Campaign { mutants: 0, ..whole.clone() }.is_whole());
        let left = Campaign { unplayed: 3, ..whole };
        assert!(!left.is_whole() && left.end().contains("3 of the mutants"), "{}", left.end());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let one = campaign(1, &[]);
        assert!(Campaign::merged(&[]).is_err());
        let of = |parts: &[Campaign]| Campaign::merged(parts).unwrap_err();
        assert_eq!(of(&[one.clone(), one.clone()]), "shard 1/2 is given twice");
        assert_eq!(of(std::slice::from_ref(&one)), "missing: shard 2/2");
        assert_eq!(
            of(&[one.clone(), Campaign { shard: Some((2, 3)), ..campaign(2, &[]) }]),
            "shards of different numbers of parts: one of 2, and 2/3"
        );
        let whole = Campaign { shard: None, ..campaign(1, &[]) };
        assert_eq!(of(&[one.clone(), whole.clone()]), "1 of them are of a shard, and the others whole");
        assert!(Campaign::merged(&[whole.clone(), whole]).is_ok(), "campaigns of several days");
        let other = Campaign { subject: "t".to_owned(), ..campaign(2, &[]) };
        assert!(Campaign::merged(&[one, other]).unwrap_err().contains("subjects: s and t"));
    }
}
