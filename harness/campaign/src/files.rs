//! Findings as files that others can play: a case for a live subject, a vector for a verifier library.

use std::collections::BTreeMap;

use ekmcheck_forge::{
    alteration,
    mutation::{Mutation, Other},
};
use ekmcheck_suite::{
    campaign::{Campaign, Class, Example, Finding, Weight},
    case::{Basis, Case, Expect, Level, PerRequestClaim, Refused, Transport},
    play::{Close, Connect, How, ProofSource, Send, Step},
    role::Role,
    vector::{Decoded, Expected, Vector, Verdict},
};
use serde_json::Value;

use super::random::{Mutant, Random, mutant, rows};
use ekmcheck_offline::vectors::{Bench, WINDOW, bare, segment};

/// What findings are about that no check stands behind.
const ACCEPTS: &str = "rs.accepts-valid-proof";
/// The connection of the story.
const FIRST: &str = "first";

/// The clause behind a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    requirement: String,
    clause: String,
    basis: Basis,
}

/// By the check, what most of them are about.
struct Register(BTreeMap<String, About>);

impl Register {
    fn of(all: impl Iterator<Item = (Option<String>, Option<About>)>) -> Self {
        let mut counted: BTreeMap<String, BTreeMap<About, usize>> = BTreeMap::new();
        for (check, about) in all {
            if let (Some(check), Some(about)) = (check, about) {
                *counted.entry(check).or_default().entry(about).or_default() += 1;
            }
        }
        let most = |counts: BTreeMap<About, usize>| counts.into_iter().max_by_key(|(_, n)| *n).map(|(about, _)| about);
        Self(counted.into_iter().filter_map(|(check, counts)| Some((check, most(counts)?))).collect())
    }

    fn about(&self, finding: &Finding) -> About {
        let right = || About { requirement: ACCEPTS.to_owned(), clause: "3.3.2".to_owned(), basis: Basis::Draft };
        self.0.get(&finding.check).cloned().unwrap_or_else(right)
    }
}

/// What should come of an example: nothing firm where a right implementation could do as the subject did.
fn expected(finding: &Finding, example: &Example) -> Expect {
    match (example.weight, finding.class) {
        (Weight::Violation, Class::Bypass) => {
            Expect::Refused(Refused { check: Some(finding.check.clone()), ..Refused::default() })
        }
        (Weight::Violation, Class::RefusesRight) => Expect::Accepted,
        _ => Expect::Observed,
    }
}

fn level(example: &Example) -> Level {
    if example.weight == Weight::Violation { Level::Must } else { Level::May }
}

fn title(finding: &Finding) -> String {
    let Finding { class, check, .. } = finding;
    match class {
        Class::Bypass => format!("Found by a campaign: accepted what the check {check} refuses"),
        Class::RefusesRight => "Found by a campaign: refused what is right".to_owned(),
        Class::Poisons => "Found by a campaign: a right request was refused after it".to_owned(),
        Class::ServerError => "Found by a campaign: answered with a server error".to_owned(),
        Class::NoAnswer => "Found by a campaign: not answered".to_owned(),
    }
}

/// The name of a file for an example, and the last part of its id.
fn name(finding: &Finding, index: usize) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id: String = finding.id.chars().take(60).map(clean).collect();
    if index == 0 { id } else { format!("{id}-{}", index + 1) }
}

fn examples(campaign: &Campaign) -> impl Iterator<Item = (String, &Finding, &Example, Mutant)> {
    campaign.findings.iter().flat_map(|finding| {
        finding.examples.iter().enumerate().filter_map(move |(index, example)| {
            let mutant = serde_json::from_value(example.mutations.clone()).ok()?;
            Some((name(finding, index), finding, example, mutant))
        })
    })
}

/// Sees that these can be played, before anything is started for them.
///
/// # Errors
/// Which is no mutant, and why.
pub fn complaint(corpus: &[Value]) -> Result<(), String> {
    Mutant::read_all(corpus).map(drop)
}

/// So many mutants, each to be played alone: of `earlier` ones, or of nothing. What is no mutant there is left out.
#[must_use]
pub fn mutants(seed: u64, earlier: &[Value], count: usize) -> Vec<Value> {
    let mut random = Random::of(seed, None);
    let mut corpus = rows(&mut random, None);
    corpus.extend(earlier.iter().filter_map(|value| serde_json::from_value(value.clone()).ok()));
    let mutants = std::iter::repeat_with(|| mutant(&mut random, &corpus)).take(count);
    mutants.filter_map(|m| serde_json::to_value(m).ok()).collect()
}

/// A case for each example of a campaign on a live subject. `cases` say which requirement a check stands for. Of a changed
/// request that was sent twice none is made: a story's changes are made anew at each sending, with another `jti`.
#[must_use]
pub fn cases(campaign: &Campaign, cases: &[Case]) -> Vec<Case> {
    let register = Register::of(cases.iter().map(|case| {
        let check = match &case.expect {
            Some(Expect::Refused(refused)) => refused.check.clone(),
            _ => None,
        };
        (check, about(&case.requirements, &case.clause, case.level, case.basis))
    }));
    let can_be_told = |mutant: &Mutant| mutant.mutations.len() < 2 || !mutant.mutations.contains(&Mutation::Again);
    let told = examples(campaign).filter(|(.., mutant)| can_be_told(mutant));
    let made = told.map(|(name, finding, example, mutant)| {
        let About { requirement, clause, basis } = register.about(finding);
        Case {
            id: format!("rs.found.{name}"),
            role: Role::ResourceServer,
            row: String::new(),
            also: Vec::new(),
            title: title(finding),
            level: level(example),
            basis,
            clause,
            requirements: vec![requirement],
            ambiguity: None,
            transports: Some(vec![example.transport]),
            client: None,
            claims: claims(&mutant),
            alter: None,
            expect: None,
            play: Some(story(&mutant, expected(finding, example))),
            without_clock: None,
            note: Some(format!("The subject: {}. The reference: {}.", example.seen, example.expected)),
        }
    });
    made.collect()
}

/// Nothing of what is weaker than a MUST of the draft or of an RFC: a violation is against one of those.
fn about(requirements: &[String], clause: &str, level: Level, basis: Basis) -> Option<About> {
    let firm = level == Level::Must && matches!(basis, Basis::Draft | Basis::Inherited);
    firm.then_some(()).and(Some(About { requirement: requirements.first()?.clone(), clause: clause.to_owned(), basis }))
}

fn claims(mutant: &Mutant) -> Vec<PerRequestClaim> {
    let all = [PerRequestClaim::Jti, PerRequestClaim::Htm, PerRequestClaim::Htu];
    all.into_iter().zip(mutant.claims).filter(|(_, carried)| *carried).map(|(claim, _)| claim).collect()
}

/// Right where the mutant came on a warm connection, the mutant, right.
fn story(mutant: &Mutant, expect: Expect) -> Vec<Step> {
    let connect = |name: &str| Step::Connect(Connect { name: name.to_owned(), ..Connect::default() });
    let control = || {
        let send = Send::new(FIRST, Expect::Accepted);
        Step::Send(Box::new(Send { control: true, proof: Some(ProofSource::FreshWith(claims(mutant))), ..send }))
    };
    let is_other = |m: &Mutation| match m {
        Mutation::MadeFor(Other::Connection) => true,
        Mutation::Row(name) => alteration::named(name).is_some_and(|row| row.needs_other),
        _ => false,
    };
    let mut steps = Vec::new();
    if mutant.mutations.contains(&Mutation::MadeFor(Other::ClosedConnection)) {
        let connection = "closed".to_owned();
        steps.extend([connect("closed"), Step::Close(Close { connection, how: How::CloseNotify })]);
    }
    if mutant.mutations.iter().any(is_other) {
        steps.push(connect("other"));
    }
    steps.push(connect(FIRST));
    if mutant.warm || mutant.mutations == [Mutation::Again] {
        steps.push(control());
    }
    steps.push(Step::Send(Box::new(Send {
        changes: match &mutant.mutations[..] {
            // The very same proof as before.
            [Mutation::Again] => Vec::new(),
            others => others.iter().filter_map(|m| serde_json::to_value(m).ok()).collect(),
        },
        ..Send::new(FIRST, expect)
    })));
    steps.push(control());
    steps
}

/// A vector for each example of a campaign on an adapter. `vectors` say which requirement a check stands for.
///
/// # Errors
/// Frozen files that cannot be read; not expected.
pub fn vectors(campaign: &Campaign, vectors: &[Vector]) -> Result<Vec<Vector>, String> {
    let register = Register::of(
        vectors.iter().map(|v| (v.expect.check.clone(), about(&v.requirements, &v.clause, v.level, v.basis))),
    );
    let bench = Bench::new().map_err(|e| e.to_string())?;
    let mut made = Vec::new();
    for (name, finding, example, mutant) in examples(campaign) {
        let inputs = bench.inputs(&mutant.mutations, mutant.per_request()).map_err(|e| e.to_string())?;
        let Some(inputs) = inputs.filter(|_| example.transport == Transport::Offline) else { continue };
        let (verdict, check) = match expected(finding, example) {
            Expect::Refused(refused) => (Verdict::Refuse, refused.check),
            Expect::Accepted => (Verdict::Accept, None),
            _ => (Verdict::Open, Some(finding.check.clone()).filter(|_| finding.class == Class::Bypass)),
        };
        let About { requirement, clause, basis } = register.about(finding);
        let carried = mutant.claim_names().into_iter().map(|claim| format!("the proof has `{claim}`"));
        let changes =
            mutant.mutations.iter().filter_map(|m| serde_json::to_value(m).ok()).map(|v: Value| v.to_string());
        made.push(Vector {
            id: format!("found/{name}"),
            title: title(finding),
            recipe: carried.chain(changes).collect(),
            client: Bench::CLIENT.to_owned(),
            clause,
            level: level(example),
            basis,
            requirements: vec![requirement],
            expect: Expected { verdict, checks: check.iter().cloned().collect(), check },
            debug: Decoded { header: segment(&inputs.proof, 0), payload: segment(&inputs.proof, 1) },
            ..bare(inputs, WINDOW)
        });
    }
    Ok(made)
}
