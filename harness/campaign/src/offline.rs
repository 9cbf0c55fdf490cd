//! A campaign on a verifier library behind an adapter: the same mutants as on a live subject, made for the one connection of
//! the frozen vectors, each between right proofs, with the reference's verdict on the very same inputs as the oracle.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ekmcheck_suite::{
    adapter::{About, Adapter, Told},
    campaign::{Campaign, Class, Ended, Novelty},
    case::Transport,
    report::DRAFT,
    vector::Vector,
};

use super::{
    CORPUS, Progress, TRIALS, Work, deviation,
    found::{Found, Sight},
    line::{Expected, Seen},
    random::{Mutant, Random, mutant},
    shrink::Shrinker,
    weight::Rows,
};
use ekmcheck_offline::{
    adapter::{Asker, Launch, Opened},
    vectors::{Bench, REFERENCE, WINDOW, bare, replay},
};

/// What is to be done.
#[derive(Clone)]
pub struct OnAdapter {
    /// How the adapter is started.
    pub launch: Launch,
    /// The command line, for the report.
    pub command: String,
    /// All vectors: controls are taken from them, and what a row of the table weighs.
    pub vectors: Arc<Vec<Vector>>,
    /// How much.
    pub work: Work,
    /// How often an adapter that gives no answer is started anew.
    pub restarts: usize,
}

/// Carries out a campaign on an adapter that [`open`](ekmcheck_offline::adapter::open) opened. What was found before `stop` is set, or
/// before the adapter fails for good, is kept.
///
/// # Errors
/// Why it cannot begin: an adapter that does not accept the proofs of the usual client, a corpus that cannot be read.
pub fn on_adapter(
    settings: &OnAdapter,
    (asker, opened): (Asker, Opened),
    progress: &mut dyn FnMut(Progress),
    stop: &AtomicBool,
) -> Result<Campaign, String> {
    let work = &settings.work;
    let told_apart = |mutant: &Mutant| mutant.mutations.iter().all(Bench::can_be_told);
    let corpus = Mutant::read_all(&work.corpus)?;
    let bench = Bench::new().map_err(|e| e.to_string())?;
    let mut hunt = Hunt::new(settings, bench, asker, opened);
    if hunt.asker.verify(hunt.opened.usual()) != Told::Accepted {
        return Err(format!("a right proof of the client {} is not accepted, and all mutants are its", Bench::CLIENT));
    }
    let begun = Instant::now();
    let mut queue = work.queue(&mut hunt.random, &corpus);
    hunt.corpus = corpus.into_iter().filter(told_apart).collect();
    let mut unplayed = 0;
    let ended = loop {
        if stop.load(Ordering::Relaxed) {
            break Ended::Interrupted;
        }
        if let Some(ended) = work.ended(begun.elapsed(), hunt.asked, hunt.found.count().0) {
            break ended;
        }
        let next = match queue.pop() {
            Some(next) => next,
            None if work.replay => break Ended::Requests,
            None => mutant(&mut hunt.random, &hunt.corpus),
        };
        // Nothing is remembered from one question to the next.
        let next = Mutant { warm: false, ..next };
        let played = hunt.mutants;
        if told_apart(&next) && hunt.hunt(next).is_err() {
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

/// The adapter cannot be started any more, or accepts right proofs no more.
struct Refusing;

struct Trial {
    expected: Expected,
    seen: Seen,
    poisoned: bool,
}

struct Hunt<'s> {
    settings: &'s OnAdapter,
    bench: Bench,
    asker: Asker,
    opened: Opened,
    about: About,
    random: Random,
    asked: u64,
    mutants: u64,
    starts: u64,
    restarts: usize,
    corpus: Vec<Mutant>,
    behaviours: HashSet<(Expected, Seen)>,
    novelty: Vec<Novelty>,
    found: Found,
}

impl<'s> Hunt<'s> {
    fn new(settings: &'s OnAdapter, bench: Bench, asker: Asker, opened: Opened) -> Self {
        Self {
            settings,
            bench,
            asker,
            about: opened.about.clone(),
            opened,
            random: Random::of(settings.work.seed, settings.work.shard),
            asked: 0,
            mutants: 0,
            starts: 1,
            restarts: 0,
            corpus: Vec::new(),
            behaviours: HashSet::new(),
            novelty: Vec::new(),
            found: Found::new(Rows::of_vectors(&settings.vectors)),
        }
    }

    /// What a verifier is given after these changes, with the reference's verdict; `None` if that cannot be made.
    fn made(&self, mutant: &Mutant) -> Option<(Vector, Expected)> {
        let inputs = self.bench.inputs(&mutant.mutations, mutant.per_request()).ok()??;
        let vector = bare(inputs, WINDOW);
        let expected = match replay(&vector, &REFERENCE).ok()? {
            None => Expected::Accepts,
            Some(refusal) => Expected::Refuses(refusal.check().name().to_owned()),
        };
        Some((vector, expected))
    }

    /// Mutant, right; what was asked before was right, too. `None` if it cannot be made, or is not supported.
    fn trial(&mut self, mutant: &Mutant) -> Result<Option<Trial>, Refusing> {
        let Some((vector, expected)) = self.made(mutant) else { return Ok(None) };
        let right = self.opened.usual().clone();
        let told = self.asker.verify_all(&[&vector, &right]);
        self.asked += 2;
        let mut told = told.into_iter();
        let (Some(told), Some(control)) = (told.next(), told.next()) else { return Err(Refusing) };
        let seen = match told {
            Told::Accepted => Seen::Accepted,
            Told::Refused { check, .. } => Seen::Refused(0, check.unwrap_or_default(), String::new()),
            Told::Unsupported(_) => return Ok(None),
            Told::Nothing(why) => {
                self.start_anew()?;
                return Ok(Some(Trial { expected, seen: Seen::Nothing(why), poisoned: false }));
            }
        };
        let poisoned = control != Told::Accepted;
        if poisoned {
            self.start_anew()?;
            self.asked += 1;
            if self.asker.verify(&right) != Told::Accepted {
                return Err(Refusing);
            }
        }
        Ok(Some(Trial { expected, seen, poisoned }))
    }

    fn start_anew(&mut self) -> Result<(), Refusing> {
        self.restarts += 1;
        if self.restarts > self.settings.restarts {
            return Err(Refusing);
        }
        self.starts += 1;
        self.asker = Asker::start(&self.settings.launch).map_err(|_| Refusing)?.0;
        Ok(())
    }

    fn hunt(&mut self, mutant: Mutant) -> Result<(), Refusing> {
        let at_request = self.asked;
        let Some(trial) = self.trial(&mutant)? else { return Ok(()) };
        self.mutants += 1;
        if self.behaviours.insert((trial.expected.clone(), trial.seen.clone())) {
            self.novelty.push(Novelty { requests: self.asked, behaviours: self.behaviours.len() as u64 });
            if self.corpus.len() < CORPUS && !self.corpus.contains(&mutant) {
                self.corpus.push(mutant.clone());
            }
        }
        let Some(class) = deviation(&trial.expected, &trial.seen, trial.poisoned) else { return Ok(()) };
        if self.found.is_well_known(class, trial.expected.check(), &mutant) {
            return Ok(());
        }
        if let Some((mutant, trial)) = self.confirmed(class, mutant)? {
            let sight = Sight {
                expected: &trial.expected,
                seen: trial.seen.words(),
                transport: Transport::Offline,
                at_request,
            };
            self.found.keep(class, &mutant, &sight);
        }
        Ok(())
    }

    /// The smallest mutant that still deviates in this way, if the deviation is there in every trial.
    fn confirmed(&mut self, class: Class, mutant: Mutant) -> Result<Option<(Mutant, Trial)>, Refusing> {
        let Some(mut last) = self.deviates(class, &mutant)? else { return Ok(None) };
        let mut shrinker = Shrinker::new(mutant);
        while let Some(candidate) = shrinker.next() {
            if let Some(trial) = self.deviates(class, &candidate)? {
                last = trial;
                shrinker.take(candidate);
            }
        }
        let smallest = shrinker.smallest();
        for _ in 1..TRIALS {
            match self.deviates(class, &smallest)? {
                Some(trial) => last = trial,
                None => return Ok(None),
            }
        }
        Ok(Some((smallest, last)))
    }

    fn deviates(&mut self, class: Class, mutant: &Mutant) -> Result<Option<Trial>, Refusing> {
        let trial = self.trial(mutant)?;
        Ok(trial.filter(|t| deviation(&t.expected, &t.seen, t.poisoned) == Some(class)))
    }

    fn progress(&self) -> Progress {
        Progress { requests: self.asked, behaviours: self.behaviours.len() as u64, findings: self.found.count() }
    }

    fn report(self, ended: Ended, took: Duration) -> Campaign {
        let about = self.about;
        Campaign {
            ekmcheck: env!("CARGO_PKG_VERSION").to_owned(),
            subject: format!("adapter:{} {}", about.name, about.version),
            named_by: Vec::new(),
            adapter: Some(Adapter { command: self.settings.command.clone(), about }),
            draft: DRAFT.to_owned(),
            transports: vec![Transport::Offline],
            machine: String::new(),
            seed: self.settings.work.seed,
            shard: self.settings.work.shard,
            requests: self.asked,
            mutants: self.mutants,
            unplayed: 0,
            connections: self.starts,
            seconds: took.as_secs_f64(),
            ended,
            server_errors: 0,
            findings: self.found.into_findings(),
            novelty: self.novelty,
            corpus: self.corpus.iter().filter_map(|m| serde_json::to_value(m).ok()).collect(),
        }
    }
}
