//! Gives an adapter vectors, each between its controls, and keeps what finished whatever happens.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Sender},
    },
    thread,
};

use ekmcheck_suite::{
    adapter::{Control, Heard, Told, judge},
    outcome::Outcome,
    vector::{Vector, Verdict},
};

use super::{Asker, Launch, Opened};

/// What is asked, and within which bounds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How the adapter is started.
    pub launch: Launch,
    /// The vectors.
    pub vectors: Vec<Vector>,
    /// How many adapters are asked at once.
    pub jobs: usize,
    /// How often an adapter that failed is started anew, in all.
    pub restarts: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// One a vector that was finished, in no particular order.
    pub outcomes: Vec<Outcome>,
    /// How many verdicts were asked for.
    pub asked: usize,
    /// How often the adapter was started anew.
    pub restarts: usize,
    /// Why not all vectors were played, where that is so.
    pub given_up: Option<String>,
}

/// Plays all vectors on the adapter that was opened, and on more of its kind where the plan says so. `progress` is called
/// with each outcome. When `stop` is set, nothing more is begun.
pub fn run(plan: &Plan, asker: Asker, opened: &Opened, stop: &AtomicBool, mut progress: impl FnMut(&Outcome)) -> Done {
    let bench = Bench {
        plan,
        opened,
        stop,
        queue: Mutex::new(plan.vectors.iter().collect()),
        asked: AtomicUsize::new(0),
        restarts: AtomicUsize::new(0),
        given_up: Mutex::new(None),
    };
    let mut outcomes = Vec::with_capacity(plan.vectors.len());
    thread::scope(|scope| {
        let (send, finished) = mpsc::channel();
        let mut first = Some(asker);
        for _ in 0..plan.jobs.clamp(1, plan.vectors.len().max(1)) {
            let (bench, send, asker) = (&bench, send.clone(), first.take());
            scope.spawn(move || bench.work(asker, &send));
        }
        drop(send);
        for outcome in finished {
            progress(&outcome);
            outcomes.push(outcome);
        }
    });
    Done {
        outcomes,
        asked: bench.asked.into_inner(),
        restarts: bench.restarts.into_inner(),
        given_up: bench.given_up.into_inner().unwrap_or_else(PoisonError::into_inner),
    }
}

/// What the workers share.
struct Bench<'a> {
    plan: &'a Plan,
    opened: &'a Opened,
    stop: &'a AtomicBool,
    queue: Mutex<VecDeque<&'a Vector>>,
    asked: AtomicUsize,
    restarts: AtomicUsize,
    given_up: Mutex<Option<String>>,
}

impl Bench<'_> {
    fn work(&self, mut asker: Option<Asker>, finished: &Sender<Outcome>) {
        let mut failed = false;
        let mut last: Option<Control> = None;
        while !self.stop.load(Ordering::Relaxed) {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(vector) = next else { return };
            let mut process = match asker.take() {
                Some(process) => process,
                None => match self.start(failed) {
                    Ok(process) => process,
                    Err(why) => {
                        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
                        // Whoever is left goes on with what this one cannot do.
                        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_front(vector);
                        return;
                    }
                },
            };
            let heard = self.hear(&mut process, vector, last.take());
            let nothing = |told: &Told| matches!(told, Told::Nothing(_));
            failed = nothing(&heard.asked) || heard.controls.iter().any(|c| nothing(&c.told));
            if !failed {
                last = heard.controls.last().cloned();
                asker = Some(process);
            }
            // The receiver lives as long as this thread.
            let _ = finished.send(judge(vector, &heard));
        }
    }

    fn start(&self, again: bool) -> Result<Asker, String> {
        if again && self.restarts.fetch_add(1, Ordering::Relaxed) >= self.plan.restarts {
            self.restarts.fetch_sub(1, Ordering::Relaxed);
            return Err(format!("the adapter failed more often than the {} times allowed", self.plan.restarts));
        }
        Asker::start(&self.plan.launch)
            .map(|(asker, _)| asker)
            .map_err(|why| format!("it cannot be started anew: {why}"))
    }

    /// Asks about a vector between two controls. One that was asked right before, after the last vector, counts for this
    /// one, too.
    fn hear(&self, asker: &mut Asker, vector: &Vector, last: Option<Control>) -> Heard {
        let control = self.opened.control(vector);
        let mut ask = |vector: &Vector| {
            self.asked.fetch_add(1, Ordering::Relaxed);
            asker.verify(vector)
        };
        let of = |told| Control { vector: control.id.clone(), accept: control.expect.verdict == Verdict::Accept, told };
        let before = last.filter(|last| last.vector == control.id).unwrap_or_else(|| of(ask(control)));
        if let Told::Nothing(why) = &before.told {
            let asked = Told::Nothing(format!("before the vector was asked, at a control: {why}"));
            return Heard { controls: vec![before], asked };
        }
        let asked = ask(vector);
        let mut controls = vec![before];
        if !matches!(asked, Told::Nothing(_)) {
            controls.push(of(ask(control)));
        }
        Heard { controls, asked }
    }
}
