//! Plays many cases at once, within bounds, and keeps what finished whatever happens.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ekmcheck_suite::{
    case::{Case, Transport},
    judge::judge,
    outcome::Outcome,
    report::{Cost, Report, Unit},
    requirement::Ledger,
    transcript::{Event, Transcript},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::{
    Local,
    actor::{self, Bounds},
    floor,
    subject::Subject,
    world::World,
};

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
}

/// Plays all cases of the plan. `progress` is called with each as it finishes, in no particular order. If `stop` gives a
/// sign, nothing more is begun, and what finished is kept.
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
    let unique = Arc::new(AtomicU64::new((plan.seed << 20).wrapping_add(plan.subject.first_number(&world))));
    let (done, mut finished) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for (case, transport) in units {
        let (world, plan, permits, unique, done) =
            (world.clone(), plan.clone(), permits.clone(), unique.clone(), done.clone());
        tasks.spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            let Some(case) = plan.cases.get(case) else { return };
            let played = unit(&world, &plan, case, transport, &unique).await;
            // The receiver is gone only when the run was stopped.
            let _ = done.send(played);
        });
    }
    drop(done);
    let mut all = Vec::with_capacity(selected);
    loop {
        tokio::select! {
            received = finished.recv() => match received {
                Some(played) => {
                    progress(&played);
                    all.push(played);
                }
                None => break,
            },
            () = &mut stop => {
                tasks.abort_all();
                break;
            }
        }
    }
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
    let report = Report::new(&plan.subject.name(), plan.transports, plan.seed, cost, selected, outcomes);
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

async fn unit(world: &Arc<World>, plan: &Plan, case: &Case, transport: Transport, unique: &AtomicU64) -> Played {
    let mut transcripts = Vec::new();
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
        let played = async {
            let mut tries = PORTS;
            loop {
                // Another try says nothing that the subject has heard.
                let bounds = Bounds { unique: unique.fetch_add(1 << 12, Ordering::Relaxed), rounds: plan.rounds };
                let started = plan.subject.start(world, play.transports(transport), play.places()).await?;
                let (transcript, port_taken) = actor::play(world, &started, case, transport, &play, bounds).await;
                tries -= 1;
                if !port_taken || tries == 0 {
                    return Ok::<_, String>(transcript);
                }
            }
        };
        let broken = |why: String| of(vec![Event::Broken(why)]);
        let repeated = REPEATED * play.repeated().min(u32::from(u16::MAX));
        let limit = PLAY + repeated + world.controls.pace.longer(&play, plan.jobs);
        let mut transcript = match tokio::time::timeout(limit, played).await {
            Ok(Ok(transcript)) => transcript,
            Ok(Err(why)) => broken(format!("the subject did not start: {why}")),
            Err(_) => broken(format!("not finished within {} s", limit.as_secs())),
        };
        world.secrets.hide_in(&mut transcript);
        transcripts.push(transcript);
        drop(connections);
    }
    Played { outcome: judge(case, &plan.ledger, transport, &transcripts), transcripts }
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
                    vec![applicable[(index + turn) % applicable.len()]]
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
