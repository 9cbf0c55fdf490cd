//! Plays many cases at once, within bounds, and keeps what finished whatever happens.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::{
    case::{Case, Transport},
    dialect::Dialect,
    judge::judge,
    outcome::Outcome,
    play::Play,
    report::{Cost, Report, Unit},
    requirement::Ledger,
    transcript::{Event, Transcript},
};
use tokio::{
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, Semaphore, mpsc},
    task::JoinSet,
};

use crate::{
    Local,
    actor::{self, Bounds},
    dialect, floor,
    jump::{Reading, undisturbed},
    subject::Subject,
    watch::{Underway, Watch},
    world::World,
};

/// Why a run ended early that somebody ended.
const INTERRUPTED: &str = "interrupted";

/// The longest that one way through a case may take, and what is added to it for each request that is repeated.
const PLAY: Duration = Duration::from_secs(30);
const REPEATED: Duration = Duration::from_millis(100);

/// What to play and how.
#[derive(Clone)]
pub struct Plan {
    /// The subject.
    pub subject: Subject,
    /// The cases.
    pub cases: Arc<Vec<Case>>,
    /// The ledger that they are judged by.
    pub ledger: Arc<Ledger>,
    /// The transports.
    pub transports: Vec<Transport>,
    /// Which of them for each case.
    pub pick: Pick,
    /// How many cases are played at once.
    pub jobs: usize,
    /// Shuffles the order, and goes into identifiers.
    pub seed: u64,
    /// The most rounds of a step that repeats others: who plays hundreds of subjects has not the time for all.
    pub rounds: u32,
    /// Whether bare handshakes are measured too, for the ratio in the report.
    pub measure_floor: bool,
}

/// On which transports a case is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// On all of the plan's that it applies to.
    All,
    /// On one of them; the number says which, so that runs with other numbers take turns. The cases of these ids on all.
    Turn(usize, Arc<BTreeSet<String>>),
    /// On those of the plan's where these units have it.
    Only(Arc<BTreeSet<Unit>>),
}

impl Plan {
    /// What would be played.
    #[must_use]
    pub fn units(&self) -> BTreeSet<Unit> {
        let named = |(case, transport): (usize, _)| Some((self.cases.get(case)?.id.clone(), transport));
        units(self).into_iter().filter_map(named).collect()
    }
}

/// One case on one transport, played and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The verdict.
    pub outcome: Outcome,
    /// What happened, one a way through the case.
    pub transcripts: Vec<Transcript>,
    /// The checks by which a subject in process refused a request.
    pub refused_by: BTreeSet<Check>,
}

/// Plays all cases of the plan. `progress` is called with each as it finishes, in no particular order. If `stop` gives a
/// sign, the process of the subject ends, or the subject answers nothing any more, then nothing more is begun, and what
/// finished is kept; the report says why.
pub fn run<'a>(
    world: Arc<World>,
    plan: Plan,
    progress: impl FnMut(&Played) + 'a,
    stop: impl Future<Output = ()> + 'a,
) -> Local<'a, (Report, Vec<Played>)> {
    whole(world, plan, Box::new(progress), Box::pin(stop))
}

fn whole<'a>(
    world: Arc<World>,
    plan: Plan,
    progress: Box<dyn FnMut(&Played) + 'a>,
    stop: Local<'a, ()>,
) -> Local<'a, (Report, Vec<Played>)> {
    Box::pin(play_all(world, plan, progress, stop))
}

async fn play_all(
    world: Arc<World>,
    plan: Plan,
    mut progress: Box<dyn FnMut(&Played) + '_>,
    mut stop: Local<'_, ()>,
) -> (Report, Vec<Played>) {
    let begun = Instant::now();
    let units = units(&plan);
    let selected = units.len();
    let permits = Arc::new(Semaphore::new(plan.jobs.max(1)));
    let unique = Arc::new(AtomicU64::new((plan.seed << 20).wrapping_add(plan.subject.first_number())));
    let (dialect, mut unfinished) = match dialect(&world, &plan, &unique).await {
        Ok(dialect) => (Arc::new(dialect), None),
        Err(why) => (Arc::default(), Some(why)),
    };
    let units = if unfinished.is_some() { Vec::new() } else { units };
    let underway = Underway::default();
    let mut watch = Watch::of(&plan.subject, &world, &underway);
    let (done, mut finished) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for (case, transport) in units {
        let (world, plan, permits, unique, done) =
            (world.clone(), plan.clone(), permits.clone(), unique.clone(), done.clone());
        let (dialect, underway) = (dialect.clone(), underway.clone());
        tasks.spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            let Some(case) = plan.cases.get(case) else { return };
            let place = underway.enter(format!("{} on {}", case.id, transport.name()));
            let played = unit(&world, &plan, case, transport, &unique, &dialect).await;
            drop(place);
            // The receiver is gone only when the run was stopped.
            let _ = done.send(played);
        });
    }
    drop(done);
    let mut all = Vec::with_capacity(selected);
    while unfinished.is_none() {
        unfinished = tokio::select! {
            received = finished.recv() => {
                let Some(played) = received else { break };
                let counts = tokio::select! {
                    counts = watch.counts(&played) => counts,
                    () = &mut stop => Err(INTERRUPTED.to_owned()),
                };
                match counts {
                    Err(why) => Some(why),
                    Ok(()) => {
                        progress(&played);
                        let ends = tokio::select! {
                            ends = watch.after(&world, &played) => ends,
                            () = &mut stop => Some(INTERRUPTED.to_owned()),
                        };
                        all.push(played);
                        ends
                    }
                }
            }
            () = &mut stop => Some(INTERRUPTED.to_owned()),
            why = watch.ended() => Some(why),
        };
    }
    tasks.abort_all();
    let seconds = begun.elapsed().as_secs_f64();
    all.sort_by(|a, b| (&a.outcome.id, a.outcome.transport).cmp(&(&b.outcome.id, b.outcome.transport)));
    let transcripts = || all.iter().flat_map(|p| &p.transcripts);
    let handshakes = transcripts().flat_map(|t| &t.events).filter(|e| matches!(e, Event::Connected(_))).count();
    let (signatures, verifications) = signatures(&all);
    let (bare_handshakes, bare_signatures) = match plan.measure_floor && handshakes > 0 {
        true => (
            floor::seconds_per_handshake(&world, &plan.transports, plan.jobs).await.map(|s| s * handshakes as f64),
            floor::seconds_per_signature()
                .map(|(signing, verifying)| signing * signatures as f64 + verifying * verifications as f64),
        ),
        false => (None, None),
    };
    let cost = Cost {
        seconds,
        plays: transcripts().count(),
        handshakes,
        signatures,
        verifications,
        bare_handshakes,
        bare_signatures,
    };
    let outcomes = all.iter().map(|p| p.outcome.clone()).collect();
    let mut report = Report::new(&plan.subject.name(), plan.transports, plan.seed, cost, selected, outcomes);
    report.dialect = Arc::unwrap_or_clone(dialect);
    // What ended with the last case cost nothing.
    let unfinished = unfinished.filter(|_| report.counts.not_executed > 0);
    // The last words of a subject may repeat what it was sent.
    report.unfinished = unfinished.map(|why| world.secrets.hidden(&why));
    (report, all)
}

/// How many signatures were made, and how many the subject had to verify.
fn signatures(all: &[Played]) -> (usize, usize) {
    let (mut made, mut verified) = (0, 0);
    for transcript in all.iter().flat_map(|p| &p.transcripts) {
        let tokens: HashSet<_> = transcript.exchanges().map(|e| &e.token).collect();
        let proofs: HashSet<_> = transcript.exchanges().filter_map(|e| e.proof.as_ref()).collect();
        made += tokens.len() + proofs.len();
        verified += transcript.exchanges().count() + proofs.len();
    }
    (made, verified)
}

/// How many ports are tried for a play in which a port has to come again.
const PORTS: u32 = 6;

/// How the subject reads what the draft leaves open, or why it is not played.
async fn dialect(world: &World, plan: &Plan, unique: &AtomicU64) -> Result<Dialect, String> {
    // The reference takes everything that it may take, and reads it as the examples have it.
    if matches!(plan.subject, Subject::Reference) {
        return Ok(Dialect::default());
    }
    let Some(transport) = plan.transports.first() else { return Ok(Dialect::default()) };
    let unique = unique.fetch_add(1 << 12, Ordering::Relaxed);
    let bounds = Bounds { unique, rounds: 1, dialect: Arc::default() };
    let found = dialect::find(world, &plan.subject, *transport, bounds).await;
    let claimed = match &plan.subject {
        Subject::Network(target) => target.dialect.as_ref(),
        _ => None,
    };
    dialect::settled(claimed, found)
}

async fn unit(
    world: &Arc<World>,
    plan: &Plan,
    case: &Case,
    transport: Transport,
    unique: &AtomicU64,
    dialect: &Arc<Dialect>,
) -> Played {
    let mut transcripts = Vec::new();
    let refused_by = Mutex::<BTreeSet<Check>>::default();
    let noted = || refused_by.lock().unwrap_or_else(PoisonError::into_inner);
    for play in case.plays(plan.subject.clock_moves()) {
        let of = |events| Transcript { case: case.id.clone(), transport, temper: play.temper, events };
        // Whoever waits for its turn has not begun.
        let connections = match world.controls.pace.connections(&play).await {
            Ok(held) => held,
            Err(too_many) => {
                transcripts.push(of(vec![Event::NotTestable(too_many.to_string())]));
                continue;
            }
        };
        if let Some(tap) = &world.controls.tap {
            tap.next_play();
        }
        let _turn = turn(&plan.subject, &play).await;
        let steps = &play;
        let played = || async move {
            let mut tries = PORTS;
            loop {
                // Another try says nothing that the subject has heard.
                let unique = unique.fetch_add(1 << 12, Ordering::Relaxed);
                let bounds = Bounds { unique, rounds: plan.rounds, dialect: dialect.clone() };
                let started = plan.subject.start(world, steps.transports(transport), steps.places()).await?;
                let (transcript, port_taken) = actor::play(world, &started, case, transport, steps, bounds).await;
                noted().extend(started.refused_by());
                tries -= 1;
                if !port_taken || tries == 0 {
                    return Ok::<_, String>(transcript);
                }
            }
        };
        let broken = |why: String| of(vec![Event::Broken(why)]);
        let repeated = REPEATED * play.repeated().min(u32::from(u16::MAX));
        let limit = PLAY + repeated + world.controls.pace.longer(&play, plan.jobs) + restarts(&plan.subject, &play);
        let (played, broken) = (&played, &broken);
        let bounded = || async move {
            match tokio::time::timeout(limit, played()).await {
                Ok(Ok(transcript)) => transcript,
                Ok(Err(why)) => broken(format!("the subject did not start: {why}")),
                Err(_) => broken(format!("not finished within {} s", limit.as_secs())),
            }
        };
        let since = Instant::now();
        let mut transcript = match &plan.subject {
            Subject::Network(_) => undisturbed(|| Reading::now(&world.clock, since), bounded)
                .await
                .unwrap_or_else(|seconds| broken(format!("this machine's clock was moved by {seconds} s"))),
            // It has a clock of its own, which the machine's does not move.
            _ => bounded().await,
        };
        world.secrets.hide_in(&mut transcript);
        transcripts.push(transcript);
        drop(connections);
    }
    let refused_by = std::mem::take(&mut *noted());
    Played { outcome: judge(case, &plan.ledger, transport, &transcripts), transcripts, refused_by }
}

/// A number that belongs to a name: who takes turns by it keeps its turn when others come or go. (FNV-1a.)
#[must_use]
pub fn place(name: &str) -> usize {
    let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    // Half of it is a number on every machine.
    usize::try_from(hash >> 1).unwrap_or_default()
}

/// A play that starts the subject anew has it alone, as it would end the connections of all others.
async fn turn(subject: &Subject, play: &Play) -> Option<Turn> {
    let Subject::Network(target) = subject else { return None };
    let turn = target.hand.as_ref()?.turn.clone();
    Some(match play.restarts() {
        0 => Turn::Shared(turn.read_owned().await),
        _ => Turn::Alone(turn.write_owned().await),
    })
}

/// Held for as long as a play goes on.
#[expect(dead_code, reason = "held, and never looked at")]
enum Turn {
    Shared(OwnedRwLockReadGuard<()>),
    Alone(OwnedRwLockWriteGuard<()>),
}

/// The longest that starting the subject anew may take in a play.
fn restarts(subject: &Subject, play: &Play) -> Duration {
    let Subject::Network(target) = subject else { return Duration::ZERO };
    let once = target.hand.as_ref().map_or(Duration::ZERO, |hand| hand.process.restart_takes());
    once * u32::try_from(play.restarts()).unwrap_or(u32::MAX)
}

/// Index of a case and a transport, in an order that depends on the seed alone.
fn units(plan: &Plan) -> Vec<(usize, Transport)> {
    let mut units: Vec<(usize, Transport)> = plan
        .cases
        .iter()
        .enumerate()
        .flat_map(|(index, case)| {
            let applicable: Vec<_> = plan.transports.iter().copied().filter(|t| case.applies_to(*t)).collect();
            let chosen = match &plan.pick {
                Pick::Turn(turn, on_all) if !applicable.is_empty() && !on_all.contains(&case.id) => {
                    vec![applicable[place(&case.id).wrapping_add(*turn) % applicable.len()]]
                }
                Pick::Only(units) => {
                    applicable.into_iter().filter(|t| units.contains(&(case.id.clone(), *t))).collect()
                }
                _ => applicable,
            };
            chosen.into_iter().map(move |t| (index, t))
        })
        .collect();
    // SplitMix64 for Fisher and Yates: reproducible, and of no weight beyond the order.
    let mut state = plan.seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for index in (1..units.len()).rev() {
        let other = usize::try_from(next() % (index as u64 + 1)).unwrap_or(0);
        units.swap(index, other);
    }
    units
}
