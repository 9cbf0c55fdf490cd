//! A fuzz campaign on a live subject: right requests, each changed in some ways, between right ones that must be accepted,
//! and the reference's decision on the very same requests in the same order as the oracle.
//!
//! What is tried is abstract and rendered for the connection that it goes on. What brings an answer that was not seen before
//! is kept, and tried again with further changes. A deviation is seen again in three trials of three on fresh connections,
//! made as small as it can be, and put with others of its kind.

mod files;
mod found;
mod line;
mod offline;
mod random;
mod shrink;
mod weight;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use ekmcheck_binding::steps::ByTheDraft;
use ekmcheck_forge::{mutation::Mutation, recipe::Exporters};
use ekmcheck_parties::tokens::Introspection;
use ekmcheck_suite::{
    campaign::{Campaign, Class, Ended, Novelty},
    case::{Case, Transport},
    report::DRAFT,
};

pub use self::{
    files::{cases, complaint, mutants, vectors},
    offline::{OnAdapter, on_adapter},
};
use self::{
    found::{Found, Sight},
    line::{Expected, Line, Oracle, Others, Seen},
    random::{Mutant, Random, mutant, rows},
    shrink::Shrinker,
    weight::Rows,
};
use ekmcheck_player::{
    Local,
    network::Origin,
    subject::{Started, Subject, resource},
    world::World,
};

/// Mutants on a connection before it is replaced.
const PER_CONNECTION: usize = 40;
/// The size of header fields, in octets, that every common server takes; it may cut off whoever sends more.
const FIELDS: usize = 7_500;
/// How long tokens are used, in seconds: they are valid for an hour.
const TOKENS_LAST: i64 = 1_800;
/// Trials that a deviation has to be seen in.
const TRIALS: usize = 3;
/// Mutants that brought something new and are kept to go on from.
const CORPUS: usize = 512;

/// How much is to be done, on whatever subject.
#[derive(Debug, Clone)]
pub struct Work {
    /// What is tried, and in which order.
    pub seed: u64,
    /// Which part of how many: each begins with other rows of the table, and goes on with other mutants.
    pub shard: Option<(usize, usize)>,
    /// The most requests, or questions.
    pub requests: u64,
    /// The longest that it may take.
    pub time: Option<Duration>,
    /// Mutants of an earlier campaign to go on from, or to see again.
    pub corpus: Vec<serde_json::Value>,
    /// Only the corpus is played, each as it is.
    pub replay: bool,
    /// It ends with the first finding against a MUST.
    pub fail_fast: bool,
}

impl Work {
    /// Why it ends now, if it does: after this time and so many requests, with so many findings against a MUST.
    fn ended(&self, elapsed: Duration, requests: u64, violations: usize) -> Option<Ended> {
        if self.time.is_some_and(|time| elapsed >= time) {
            return Some(Ended::Time);
        }
        (requests >= self.requests || (self.fail_fast && violations > 0)).then_some(Ended::Requests)
    }

    /// What to begin with, the next at the end.
    fn queue(&self, random: &mut Random, corpus: &[Mutant]) -> Vec<Mutant> {
        let mut queue = if self.replay { Vec::new() } else { rows(random, self.shard) };
        queue.extend(corpus.iter().rev().cloned());
        queue
    }
}

/// A campaign on a live subject.
#[derive(Clone)]
pub struct Settings {
    /// What is tested.
    pub subject: Subject,
    /// On these in turn.
    pub transports: Vec<Transport>,
    /// How much.
    pub work: Work,
    /// It ends after so many answers with 5xx.
    pub server_errors: u64,
    /// The cases: what a deviation from a single row of the table weighs is what its case says.
    pub cases: Arc<Vec<Case>>,
}

/// How far a campaign is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Requests sent.
    pub requests: u64,
    /// Different behaviours seen.
    pub behaviours: u64,
    /// Findings against a MUST, and others.
    pub findings: (usize, usize),
}

/// Carries out a campaign.
///
/// # Errors
/// Why it cannot begin: no connection, a corpus that cannot be read, right requests that are refused.
pub fn campaign<'a>(
    world: &'a World,
    settings: &'a Settings,
    progress: impl FnMut(Progress) + 'a,
    stop: impl Future<Output = ()> + 'a,
) -> Local<'a, Result<Campaign, String>> {
    whole(world, settings, Box::new(progress), Box::pin(stop))
}

fn whole<'a>(
    world: &'a World,
    settings: &'a Settings,
    progress: Box<dyn FnMut(Progress) + 'a>,
    stop: Local<'a, ()>,
) -> Local<'a, Result<Campaign, String>> {
    Box::pin(carry_out(world, settings, progress, stop))
}

async fn carry_out(
    world: &World,
    settings: &Settings,
    mut progress: Box<dyn FnMut(Progress) + '_>,
    mut stop: Local<'_, ()>,
) -> Result<Campaign, String> {
    let work = &settings.work;
    let corpus = Mutant::read_all(&work.corpus)?;
    let started = settings.subject.start(world, settings.transports.iter().copied(), std::iter::empty()).await?;
    let mut hunt = Hunt::new(world, settings, &started);
    hunt.prepare().await?;
    let begun = Instant::now();
    let mut queue = work.queue(&mut hunt.random, &corpus);
    hunt.corpus = corpus;
    let mut unplayed = 0;
    let ended = loop {
        if let Some(ended) = work.ended(begun.elapsed(), hunt.requests, hunt.progress().findings.0) {
            break ended;
        }
        if hunt.server_errors >= settings.server_errors {
            break Ended::ServerErrors;
        }
        let next = match queue.pop() {
            Some(next) => next,
            None if work.replay => break Ended::Requests,
            None => mutant(&mut hunt.random, &hunt.corpus),
        };
        let played = hunt.mutants;
        let done = tokio::select! {
            done = hunt.hunt(next) => done,
            () = &mut stop => break Ended::Interrupted,
        };
        if done.is_err() {
            break Ended::Refusing;
        }
        unplayed += u64::from(work.replay && hunt.mutants == played);
        progress(hunt.progress());
    };
    if work.replay {
        unplayed += queue.len() as u64;
    }
    Ok(Campaign { unplayed, ..hunt.report(ended, begun.elapsed()) })
}

/// The subject takes right requests no more, or no connections.
struct Refusing;

/// The deviation, if it is one. `poisoned`: right requests were refused behind it.
fn deviation(expected: &Expected, seen: &Seen, poisoned: bool) -> Option<Class> {
    Some(match (expected, seen) {
        _ if poisoned => Class::Poisons,
        (_, Seen::ServerError(_)) => Class::ServerError,
        (_, Seen::Nothing(_)) => Class::NoAnswer,
        (Expected::Refuses(_), Seen::Accepted) => Class::Bypass,
        (Expected::Accepts, Seen::Refused(..)) => Class::RefusesRight,
        _ => return None,
    })
}

/// What one mutant came to.
struct Trial {
    expected: Expected,
    seen: Seen,
    /// Right requests were refused after it, on a new connection too.
    poisoned: bool,
    transport: Transport,
}

impl Trial {
    fn deviation(&self) -> Option<Class> {
        deviation(&self.expected, &self.seen, self.poisoned)
    }
}

struct Hunt<'w> {
    world: &'w World,
    settings: &'w Settings,
    started: &'w Started,
    oracle: Oracle,
    random: Random,
    /// Goes into identifiers.
    unique: u64,
    line: Option<Line<'w>>,
    /// Stays open: what it exports is another live connection's.
    other: Option<Line<'w>>,
    /// What a connection exported that is closed.
    closed: Exporters,
    /// The client's token and another one: the same on all connections, so that what one leaves in a memory shows on
    /// another. With when they were made, in Unix seconds.
    tokens: [String; 2],
    tokens_made: i64,
    requests: u64,
    mutants: u64,
    connections: u64,
    server_errors: u64,
    corpus: Vec<Mutant>,
    behaviours: HashSet<(Expected, Seen)>,
    novelty: Vec<Novelty>,
    found: Found,
}

impl<'w> Hunt<'w> {
    fn new(world: &'w World, settings: &'w Settings, started: &'w Started) -> Self {
        let clock = started.clock().clone();
        Self {
            world,
            settings,
            started,
            oracle: resource(world, ByTheDraft, None, None, clock, &Introspection::default()),
            random: Random::of(settings.work.seed, settings.work.shard),
            unique: (settings.work.seed << 20).wrapping_add(settings.subject.first_number()),
            line: None,
            other: None,
            closed: Exporters::new(Vec::new()),
            tokens: [String::new(), String::new()],
            tokens_made: 0,
            requests: 0,
            mutants: 0,
            connections: 0,
            server_errors: 0,
            corpus: Vec::new(),
            behaviours: HashSet::new(),
            novelty: Vec::new(),
            found: Found::new(Rows::of(&settings.cases)),
        }
    }

    /// Opens the connections that others' exporter values come from, and sees that right requests are accepted at all.
    async fn prepare(&mut self) -> Result<(), String> {
        let first = self.connect().await?;
        self.closed = first.exporters.clone();
        first.close().await;
        self.other = Some(self.connect().await?);
        let mut line = self.connect().await?;
        let control = self.control(&mut line).await;
        self.line = Some(line);
        match control {
            Some(Seen::Accepted) => Ok(()),
            Some(seen) => Err(format!(
                "a right request is {}\n  mend: `ekmcheck doctor` says what is wrong with the configuration",
                seen.words()
            )),
            None => Err("a right request cannot be sent".to_owned()),
        }
    }

    async fn connect(&mut self) -> Result<Line<'w>, String> {
        let transports = &self.settings.transports;
        let turn = usize::try_from(self.connections).unwrap_or_default();
        let transport = *transports.get(turn % transports.len().max(1)).ok_or("no transport is named")?;
        self.connections += 1;
        let party = self.started.party(None).ok_or("the subject has no server")?;
        let origin: Origin = party.origin(transport).ok_or_else(|| format!("no origin on {}", transport.name()))?;
        let limit = self.started.target().map_or(Duration::from_secs(5), |target| target.limits.step);
        let now = self.started.clock().now();
        let opened = Line::open(self.world, &self.oracle, &origin, transport, limit, now).await;
        let line = opened.map_err(|e| format!("{}: {}", origin.addr, self.world.told(&e.to_string())))?;
        if now - self.tokens_made >= TOKENS_LAST {
            for token in &mut self.tokens {
                self.unique += 1;
                *token = line.token(self.unique)?;
            }
            self.tokens_made = now;
        }
        Ok(line)
    }

    /// Sends a right request.
    async fn control(&mut self, line: &mut Line<'w>) -> Option<Seen> {
        let right = Mutant { mutations: Vec::new(), claims: [false; 3], warm: false };
        self.one(line, &right).await.map(|(_, seen)| seen)
    }

    /// Makes and sends one request; `None` if that cannot be done on this transport.
    async fn one(&mut self, line: &mut Line<'w>, mutant: &Mutant) -> Option<(Expected, Seen)> {
        self.unique += 1;
        let live = self.other.as_ref().map(|other| &other.exporters);
        let made = line.make(mutant, &Others { live, closed: &self.closed, tokens: &self.tokens }, self.unique).ok()?;
        let times = if mutant.mutations.contains(&Mutation::Again) { 2 } else { 1 };
        let mut came = None;
        for _ in 0..times {
            self.world.controls.pace.requests(1).await;
            let expected = line.expected(&made);
            let seen = line.send(&made).await.ok()?;
            self.requests += 1;
            if matches!(seen, Seen::ServerError(_)) {
                self.server_errors += 1;
            }
            let size: usize = made.request.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
            if size > FIELDS && seen != Seen::Accepted {
                return None;
            }
            came = Some((expected, seen));
        }
        came
    }

    /// Right, mutant, right; or mutant, right on a fresh connection. `None` if the mutant cannot be sent.
    async fn trial(&mut self, mutant: &Mutant, fresh: bool) -> Result<Option<Trial>, Refusing> {
        let usable = |line: &Line<'_>| line.is_open() && line.used < PER_CONNECTION;
        let mut line = match self.line.take() {
            Some(line) if usable(&line) && mutant.warm && !fresh => line,
            used => {
                if let Some(used) = used {
                    used.close().await;
                }
                let mut line = self.connect().await.map_err(|_| Refusing)?;
                if mutant.warm && self.control(&mut line).await != Some(Seen::Accepted) {
                    return Err(Refusing);
                }
                line
            }
        };
        line.used += 1;
        let transport = line.transport;
        let done = self.one(&mut line, mutant).await;
        let Some((expected, seen)) = done else {
            self.line = Some(line);
            return Ok(None);
        };
        let mut poisoned = false;
        // A connection may end with a refusal; then the next one has to take the right request.
        if !line.is_open() || self.control(&mut line).await != Some(Seen::Accepted) {
            line.close().await;
            line = self.connect().await.map_err(|_| Refusing)?;
            poisoned = self.control(&mut line).await != Some(Seen::Accepted);
        }
        self.line = Some(line);
        Ok(Some(Trial { expected, seen, poisoned, transport }))
    }

    async fn hunt(&mut self, mutant: Mutant) -> Result<(), Refusing> {
        let at_request = self.requests;
        let Some(trial) = self.trial(&mutant, false).await? else { return Ok(()) };
        self.mutants += 1;
        if self.behaviours.insert((trial.expected.clone(), trial.seen.clone())) {
            self.novelty.push(Novelty { requests: self.requests, behaviours: self.behaviours.len() as u64 });
            if self.corpus.len() < CORPUS && !self.corpus.contains(&mutant) {
                self.corpus.push(mutant.clone());
            }
        }
        let Some(class) = trial.deviation() else { return Ok(()) };
        if self.found.is_well_known(class, trial.expected.check(), &mutant) {
            return Ok(());
        }
        if let Some((mutant, trial)) = self.confirmed(class, mutant).await? {
            let Trial { expected, seen, transport, .. } = &trial;
            let sight = Sight { expected, seen: seen.words(), transport: *transport, at_request };
            self.found.keep(class, &mutant, &sight);
        }
        Ok(())
    }

    /// The smallest mutant that still deviates in this way, if the deviation is there in every trial.
    async fn confirmed(&mut self, class: Class, mutant: Mutant) -> Result<Option<(Mutant, Trial)>, Refusing> {
        let Some(mut last) = self.deviates(class, &mutant).await? else { return Ok(None) };
        let mut shrinker = Shrinker::new(mutant);
        while let Some(candidate) = shrinker.next() {
            if let Some(trial) = self.deviates(class, &candidate).await? {
                last = trial;
                shrinker.take(candidate);
            }
        }
        let smallest = shrinker.smallest();
        for _ in 1..TRIALS {
            match self.deviates(class, &smallest).await? {
                Some(trial) => last = trial,
                None => return Ok(None),
            }
        }
        Ok(Some((smallest, last)))
    }

    /// Whether it deviates on a fresh connection.
    async fn deviates(&mut self, class: Class, mutant: &Mutant) -> Result<Option<Trial>, Refusing> {
        let trial = self.trial(mutant, true).await?;
        Ok(trial.filter(|trial| trial.deviation() == Some(class)))
    }

    fn progress(&self) -> Progress {
        Progress { requests: self.requests, behaviours: self.behaviours.len() as u64, findings: self.found.count() }
    }

    fn report(self, ended: Ended, took: Duration) -> Campaign {
        Campaign {
            ekmcheck: env!("CARGO_PKG_VERSION").to_owned(),
            subject: self.settings.subject.name(),
            named_by: Vec::new(),
            adapter: None,
            draft: DRAFT.to_owned(),
            transports: self.settings.transports.clone(),
            machine: String::new(),
            seed: self.settings.work.seed,
            shard: self.settings.work.shard,
            requests: self.requests,
            mutants: self.mutants,
            unplayed: 0,
            connections: self.connections,
            seconds: took.as_secs_f64(),
            ended,
            server_errors: self.server_errors,
            findings: self.found.into_findings(),
            novelty: self.novelty,
            corpus: self.corpus.iter().filter_map(|m| serde_json::to_value(m).ok()).collect(),
        }
    }
}
