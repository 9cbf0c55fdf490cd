//! What requests cost end to end, over real TLS: how many a second, and the processor time of server and client apart.
//!
//! Each load is put twice. For the cost of both sides apart the server has a thread of its own and so has the client, each
//! with a runtime that uses no other; the processor time is that of the thread, kernel included. For throughput one thread
//! is both, so that a processor is always busy and none waits for the other: the requests that one processor serves and
//! sends in a second of its time, whoever else wants it. All schemes take turns under a load, each turn with a server that remembers
//! nothing, so that a machine that gets slower in between slows all of them; ratios are medians of those of the turns.
//!
//! The same in all schemes: HTTP, TLS, the client certificate (but where [`Scheme::DpopServerTls`] goes without), the key,
//! the length of the token, a look-up for its validation, and a request that says nothing else.

mod client;
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpu_time::ThreadTime;
use ekmcheck_binding::{
    algorithm::Algorithm,
    crypto::{AwsLc, SignatureVerifier as _},
    digest::TokenHash,
    proof::Proof,
};
use ekmcheck_parties::resource::exporter_requests;
use ekmcheck_suite::{
    bench::{Bench, Floors, Load, Point, Scheme},
    case::Transport,
    report::DRAFT,
};
use tokio::runtime::Runtime;

use self::{
    client::Client,
    server::{Metered, Running},
};
use ekmcheck_player::{network::Origin, subject::Subject, world::World};

/// Signatures between two turns, for the floors.
const FLOOR: usize = 16;

/// What is to be measured.
#[derive(Clone)]
pub struct Settings {
    /// The embedded server for [`Subject::Reference`], or one elsewhere; no other can be measured.
    pub subject: Subject,
    /// On these.
    pub transports: Vec<Transport>,
    /// These schemes; of a server elsewhere only those that it can be expected to know.
    pub schemes: Vec<Scheme>,
    /// Under these loads.
    pub loads: Vec<Load>,
    /// How often each.
    pub turns: u32,
    /// Connections at once.
    pub at_once: u32,
}

/// Measures. Blocks the thread, whose processor time is the client's. What was measured before `stop` is set, or before the
/// subject fails, is kept; a load that not every scheme has had all its turns under is not.
///
/// # Errors
/// Why nothing can be measured, in words.
pub fn bench(
    world: &World,
    settings: &Settings,
    progress: &mut dyn FnMut(&Point),
    stop: &AtomicBool,
) -> Result<Bench, String> {
    let mut measured = Measured::new(world, settings, stop)?;
    let mut unfinished = None;
    for transport in &settings.transports {
        if let Err(why) = measured.on(*transport, progress) {
            // Where its process has ended, that is why.
            let ended = match &settings.subject {
                Subject::Network(target) => target.ended(),
                _ => None,
            };
            unfinished = Some(ended.map_or(why, |how| format!("the subject ended: {how}")));
            break;
        }
    }
    if measured.points.is_empty() {
        let none = || match measured.left_out.first() {
            Some((_, why)) => format!("the subject takes none of the schemes: {why}"),
            None => "nothing was asked for".to_owned(),
        };
        return Err(unfinished.unwrap_or_else(none));
    }
    let Measured { points, floors, left_out, octets, .. } = measured;
    let floor = |of: fn(&Floors) -> f64| median(floors.iter().map(of));
    Ok(Bench {
        ekmcheck: env!("CARGO_PKG_VERSION").to_owned(),
        subject: settings.subject.name(),
        draft: DRAFT.to_owned(),
        cores: thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        turns: settings.turns,
        at_once: settings.at_once,
        octets,
        floors: Floors {
            verify: floor(|f| f.verify),
            sign: floor(|f| f.sign),
            hash: floor(|f| f.hash),
            dpop_verify: floor(|f| f.dpop_verify),
            dpop_make: floor(|f| f.dpop_make),
        },
        points,
        left_out,
        unfinished,
        break_even: Vec::new(),
        predictions: Vec::new(),
    }
    .concluded())
}

/// What was measured so far.
struct Measured<'s> {
    world: &'s World,
    settings: &'s Settings,
    stop: &'s AtomicBool,
    runtime: Runtime,
    points: Vec<Point>,
    floors: Vec<Floors>,
    left_out: Vec<(Scheme, String)>,
    octets: (u64, u64),
}

impl<'s> Measured<'s> {
    fn new(world: &'s World, settings: &'s Settings, stop: &'s AtomicBool) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
        let (points, floors, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { world, settings, stop, runtime, points, floors, left_out, octets: (0, 0) })
    }

    /// The schemes that the subject takes on that transport.
    fn stages(&mut self, transport: Transport) -> Result<Vec<Stage>, String> {
        let Settings { subject, schemes, loads, .. } = self.settings;
        let is_elsewhere = matches!(subject, Subject::Network(_));
        let known = |scheme: &&Scheme| {
            use Scheme::{Bearer, BearerBallast, CertificateBound, SessionBound};
            !is_elsewhere || matches!(scheme, Bearer | BearerBallast | CertificateBound | SessionBound)
        };
        let users = loads.iter().map(|load| load.users).max().unwrap_or(1);
        let mut stages = Vec::new();
        for scheme in schemes.iter().filter(known) {
            let stage = Stage::new(self.world, subject, transport, *scheme, users)?;
            // What it takes shows with one request; and nothing is measured that is the first of its kind.
            match self.runtime.block_on(stage.turn(self.world, Load { users: 1, requests: 1, hops: 1 }, 1)) {
                Ok(_) => stages.push(stage),
                Err(why) if is_elsewhere => self.left_out.push((*scheme, why)),
                Err(why) => return Err(why),
            }
        }
        Ok(stages)
    }

    /// Every load on that transport. The error is why that is not all that was asked for.
    fn on(&mut self, transport: Transport, progress: &mut dyn FnMut(&Point)) -> Result<(), String> {
        let Settings { loads, turns, at_once, .. } = self.settings;
        let stages = self.stages(transport)?;
        for load in loads {
            let mut all = vec![Vec::new(); stages.len()];
            for turn in 0..turns_of(*load, *turns) {
                for at in 0..stages.len() {
                    if self.stop.load(Ordering::Relaxed) {
                        return Err("interrupted".to_owned());
                    }
                    // Nobody always goes first.
                    let at = (at + turn) % stages.len();
                    all[at].push(self.runtime.block_on(stages[at].turn(self.world, *load, *at_once))?);
                }
                if let Some(stage) = stages.first() {
                    self.floors.push(stage.client.floors()?);
                    self.octets = stage.client.octets()?;
                }
            }
            let of = |scheme| stages.iter().position(|s| s.scheme == scheme).map(|at| all[at].as_slice());
            for (stage, own) in stages.iter().zip(&all) {
                let others = [Scheme::Bearer, Scheme::BearerBallast, Scheme::Dpop].map(of);
                let point = point(transport, stage.scheme, *load, own, others);
                progress(&point);
                self.points.push(point);
            }
        }
        Ok(())
    }
}

/// Fewer turns where one is long by itself.
fn turns_of(load: Load, turns: u32) -> usize {
    let long = load.on_a_connection().div_ceil(2_000).max(1);
    (u64::from(turns) / long).max(u64::from(turns).min(3)) as usize
}

/// What a turn came to; times in microseconds.
#[derive(Debug, Clone, Copy)]
struct Turn {
    requests: u64,
    /// On one processor for both; of a server elsewhere by the clock on the wall.
    took: f64,
    server: Option<f64>,
    client: f64,
}

impl Turn {
    fn throughput(&self) -> f64 {
        self.requests as f64 * 1e6 / self.took
    }
}

fn point(
    transport: Transport,
    scheme: Scheme,
    load: Load,
    turns: &[Turn],
    [bearer, ballast, dpop]: [Option<&[Turn]>; 3],
) -> Point {
    let by = |others: Option<&[Turn]>| {
        let ratios = turns.iter().zip(others?).map(|(own, other)| own.throughput() / other.throughput());
        Some(median(ratios))
    };
    let a_request = |of: fn(&Turn) -> f64| median(turns.iter().map(|turn| of(turn) / turn.requests as f64));
    Point {
        transport,
        scheme,
        load,
        requests: turns.first().map_or(0, |turn| turn.requests),
        throughput: median(turns.iter().map(Turn::throughput)),
        server: turns.iter().all(|t| t.server.is_some()).then(|| a_request(|t| t.server.unwrap_or_default())),
        client: a_request(|t| t.client),
        by_bearer: by(bearer),
        by_ballast: by(ballast),
        by_dpop: by(dpop),
    }
}

fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => 0.0,
        n => f64::midpoint(samples[(n - 1) / 2], samples[n / 2]),
    }
}

/// One scheme on one transport, with all that is made before a clock runs.
struct Stage {
    transport: Transport,
    scheme: Scheme,
    prepared: Arc<ekmcheck_parties::wire::Prepared>,
    client: Arc<Client>,
    /// Of a server elsewhere.
    elsewhere: Option<Origin>,
}

impl Stage {
    fn new(world: &World, subject: &Subject, transport: Transport, scheme: Scheme, users: u32) -> Result<Self, String> {
        let elsewhere = match subject {
            Subject::Reference => None,
            Subject::Network(target) => {
                target.permitted()?;
                let origin = target.origins.get(&transport);
                Some(origin.cloned().ok_or_else(|| format!("no origin on {}", transport.name()))?)
            }
            other => {
                return Err(format!("{} cannot be measured: only the reference, or a server elsewhere", other.name()));
            }
        };
        // One value, where the scheme has a use for it.
        let mut exporters = exporter_requests();
        exporters.truncate(usize::from(matches!(scheme, Scheme::SessionBound | Scheme::SessionBoundUncached)));
        let (prepared, tls) =
            world.measured(transport, &exporters, scheme != Scheme::DpopServerTls).map_err(|e| e.to_string())?;
        let client = Arc::new(Client::new(world, tls, scheme, users)?);
        Ok(Self { transport, scheme, prepared, client, elsewhere })
    }

    /// One turn, each time with a server that remembers nothing, if it is ours: once with the server on a thread of its own,
    /// for the processor time of both, and once on this one, for how long it takes a single processor.
    async fn turn(&self, world: &World, load: Load, at_once: u32) -> Result<Turn, String> {
        let failed = |why: String| format!("{} on {}: {why}", self.scheme.name(), self.transport.name());
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let pace = &world.controls.pace;
        let service = || Metered::new(self.scheme, self.client.tokens(), world.now() as f64);
        if let Some(origin) = &self.elsewhere {
            let (begun, used) = (Instant::now(), ThreadTime::now());
            let requests = self.client.load(pace, origin, load, at_once).await.map_err(failed)?;
            return Ok(Turn { requests, took: micros(begun.elapsed()), server: None, client: micros(used.elapsed()) });
        }
        let running = Running::apart(self.prepared.clone(), service(), self.transport).map_err(failed)?;
        let origin = Origin::new(running.addr(), "localhost");
        let (before, used) = (running.used().await.map_err(failed)?, ThreadTime::now());
        self.client.load(pace, &origin, load, at_once).await.map_err(failed)?;
        let client = used.elapsed();
        let server = running.used().await.map_err(failed)?.saturating_sub(before);
        drop(running);
        let running = Running::here(self.prepared.clone(), service(), self.transport).await.map_err(failed)?;
        let origin = Origin::new(running.addr(), "localhost");
        let used = ThreadTime::now();
        let requests = self.client.load(pace, &origin, load, at_once).await.map_err(failed)?;
        let took = used.elapsed();
        Ok(Turn { requests, took: micros(took), server: Some(micros(server)), client: micros(client) })
    }
}

/// Microseconds a call, of a few.
fn each(mut call: impl FnMut(usize) -> Option<()>) -> Result<f64, String> {
    let begun = ThreadTime::now();
    let right = (0..FLOOR).filter(|n| call(*n).is_some()).count();
    let took = begun.elapsed().as_secs_f64() * 1e6 / FLOOR as f64;
    if right == FLOOR { Ok(took) } else { Err("what the floors are measured with does not verify".to_owned()) }
}

impl Client {
    /// The floors, at this moment, in microseconds each. The parts of DPoP are whole, without HTTP: our verifier with a key
    /// that it knows, and a proof of the client.
    fn floors(&self) -> Result<Floors, String> {
        let (signer, key) = self.signer();
        let made: Vec<String> = (0..FLOOR).filter_map(|n| signer.sign("e30", &format!("{n:0200}"))).collect();
        let parts = |jws: &String| {
            let (input, signature) = jws.rsplit_once('.')?;
            Some((input.as_bytes().to_vec(), ekmcheck_binding::base64url::decode(signature).ok()?))
        };
        let made: Vec<(Vec<u8>, Vec<u8>)> = made.iter().filter_map(parts).collect();
        let verifies = |n: usize| {
            let (input, signature) = made.get(n)?;
            AwsLc.verify(Algorithm::Es256, key, input, signature).then_some(())
        };
        let verify = each(verifies)?;
        let sign = each(|n| signer.sign("e30", &format!("{n:0200}")).map(drop))?;
        let hash = each(|_| (std::hint::black_box(TokenHash::of(self.token())).octets().len() == 32).then_some(()))?;
        let dpop_make = each(|_| self.dpop_proof(0, "https://localhost:8443/api/resource").map(drop))?;
        let proofs: Vec<String> =
            (0..=FLOOR).filter_map(|_| self.dpop_proof(0, "https://localhost:8443/api/resource")).collect();
        let judge = self.dpop_judge();
        // The first is for the key.
        judge(proofs.last().ok_or("no signature")?);
        let dpop_verify = each(|n| judge(proofs.get(n)?).then_some(()))?;
        Ok(Floors { verify, sign, hash, dpop_verify, dpop_make })
    }

    /// The octets of a token and of a proof for a connection.
    fn octets(&self) -> Result<(u64, u64), String> {
        let proof = self.session_proof(0, &[0; 32]).filter(|proof| Proof::parse(proof).is_ok());
        let proof = proof.ok_or("a proof that cannot be read")?;
        Ok((self.token().len() as u64, proof.len() as u64))
    }
}
