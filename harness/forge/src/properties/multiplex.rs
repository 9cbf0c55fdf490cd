//! `multiplex`: several tokens on several connections of one server, request after request, against a list of what happened.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
};

use arbitrary::{Arbitrary, Result as Read, Unstructured};
use aws_lc_rs::digest::{SHA512, digest};
use ekmcheck_binding::{
    cache::ConnectionId,
    exporter::ExporterValue,
    guard::{AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Moment, Steps},
    target::Target,
};

use super::{
    answer,
    plan::{Plan, pick},
    stage::{AUTHORITY, Client, NOW, PATHS, Scene, Token, stage},
};
use crate::recipe::{Exporters, PerRequest, Setting};

/// How a server may be wrong about several requests, beside its steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Habits {
    /// A token that was valid once is valid for good.
    pub tokens_never_expire: bool,
    /// The guard is not told of the end of a connection.
    pub ends_go_unnoticed: bool,
}

/// Takes the octets for what happens at a server with three places for connections: connections come, go and come again
/// under the same number, two clients present three tokens with proofs of every connection there ever was, and time goes
/// by. The guard accepts a request if and only if a list of all that happened does, refuses by a check that is at fault, and
/// never calls a proof known that was not verified on this very connection.
pub fn multiplex(octets: &[u8]) {
    multiplex_on(&ByTheDraft, Habits::default(), octets);
}

/// [`multiplex`] for another guard: to prove that the property finds what is wrong with it.
pub fn multiplex_on<S: Steps + Clone>(steps: &S, habits: Habits, octets: &[u8]) {
    let mut u = Unstructured::new(octets);
    let guard = Guard::new(steps.clone(), Policy::default());
    let mut world = World::default();
    let mut told = Vec::new();
    while !u.is_empty() && told.len() < 24 {
        let Ok(event) = Event::arbitrary(&mut u) else { return };
        told.push(event);
        match event {
            Event::Open(slot) => {
                if let Some(place) = world.slots.get_mut(slot).filter(|place| !place.open) {
                    *place = Place { open: true, generation: (place.generation + 1) % GENERATIONS };
                    guard.opened(&world.connection(slot));
                }
            }
            Event::Close(slot) => {
                world.close(slot);
                if !habits.ends_go_unnoticed {
                    guard.closed(&world.connection(slot));
                }
            }
            Event::Wait(seconds) => world.now += seconds,
            Event::Ask(ask) => {
                let place = world.slots.get(ask.slot).copied().unwrap_or_default();
                let proof = ask.proof.map(|made| world.proof(&ask, place, made));
                world.asked.push((ask, proof.clone()));
                world.ask(&guard, habits, &ask, proof.as_ref(), &told);
            }
            Event::Again(back, method, path) => {
                let Some((ask, proof)) = world.asked.iter().rev().nth(back).cloned() else { continue };
                world.ask(&guard, habits, &Ask { method, path, ..ask }, proof.as_ref(), &told);
            }
        }
    }
}

const SLOTS: usize = 3;

/// How many connections a place sees until the first one's exporter value comes again, which in truth it never does.
const GENERATIONS: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Event {
    Open(usize),
    Close(usize),
    Wait(i64),
    Ask(Ask),
    /// A request from so many before, with the very same proof, and this method and path.
    Again(usize, &'static str, &'static str),
}

/// A request. Where nothing says otherwise, its proof is right.
#[derive(Debug, Clone, Copy)]
struct Ask {
    slot: usize,
    token: usize,
    /// None: no proof at all.
    proof: Option<Made>,
    method: &'static str,
    path: &'static str,
}

/// What a proof was made for, relative to the request.
#[derive(Debug, Clone, Copy)]
struct Made {
    slots_on: usize,
    generations_ago: usize,
    tokens_on: usize,
    by_the_other: bool,
    seconds_ago: i64,
    claims: Claims,
}

/// Which per-request claims: the number tells proofs apart that have the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Claims {
    of: PerRequestBits,
    unique: u8,
}

type PerRequestBits = u8;

const PAUSES: [i64; 8] = [1, 59, 60, 240, 299, 301, 3000, 3600];

impl<'a> Arbitrary<'a> for Event {
    fn arbitrary(u: &mut Unstructured<'a>) -> Read<Self> {
        Ok(match pick(u, 12)? {
            0 | 1 => Self::Open(pick(u, SLOTS)?),
            2 => Self::Close(pick(u, SLOTS)?),
            3 => Self::Wait(PAUSES[pick(u, PAUSES.len())?]),
            8..=11 => {
                let (method, path) =
                    [("GET", PATHS[0]), ("GET", PATHS[0]), ("DELETE", PATHS[0]), ("GET", "/elsewhere")][pick(u, 4)?];
                Self::Again(pick(u, 3)?, method, path)
            }
            _ => Self::Ask(Ask::arbitrary(u)?),
        })
    }
}

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(u: &mut Unstructured<'a>) -> Read<Self> {
        // One octet for what differs: half of all proofs are right ones, and the others mostly wrong in one thing.
        let differs = pick(u, 32)?;
        let now_and_then = |bit: usize| differs == bit || differs == 15;
        Ok(Self {
            slot: pick(u, SLOTS)?,
            token: pick(u, TOKENS)?,
            proof: if differs == 9 {
                None
            } else {
                Some(Made {
                    slots_on: if now_and_then(1) { 1 + pick(u, SLOTS - 1)? } else { 0 },
                    generations_ago: if now_and_then(2) { 1 + pick(u, GENERATIONS - 1)? } else { 0 },
                    tokens_on: if now_and_then(3) { 1 + pick(u, TOKENS - 1)? } else { 0 },
                    by_the_other: now_and_then(4),
                    seconds_ago: if now_and_then(5) || now_and_then(6) { PAUSES[pick(u, PAUSES.len())?] } else { 0 },
                    claims: Claims {
                        of: u8::try_from(pick(u, 8)?).unwrap_or(0),
                        unique: u8::try_from(pick(u, 2)?).unwrap_or(0),
                    },
                })
            },
            method: if now_and_then(7) { "DELETE" } else { "GET" },
            path: if now_and_then(8) { "/elsewhere" } else { PATHS[0] },
        })
    }
}

const TOKENS: usize = 3;

/// The clients' names, by the token: two of the first one's, one of the other one's.
const OWNERS: [&str; TOKENS] = ["p256", "p256", "second"];

/// How long each is valid.
const LIVES: [i64; TOKENS] = [7200, 3600, 600];

fn token(number: usize) -> &'static Token {
    let client = stage().client(OWNERS[number % TOKENS]);
    if number == 1 { &client.other_token } else { client.tokens.first().unwrap_or(&client.other_token) }
}

/// The client of each place.
fn client(slot: usize) -> &'static Client {
    stage().client(if slot == 2 { "second" } else { "p256" })
}

/// What a connection exports, by its place and by how many were there before.
fn exporters(slot: usize, generation: usize) -> Exporters {
    let hash = digest(&SHA512, format!("ekmcheck multiplex|{slot}|{generation}").as_bytes());
    Exporters::new(vec![(Exporters::RIGHT, hash.as_ref().iter().copied().take(32).collect())])
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    open: bool,
    generation: usize,
}

/// Everything that happened.
#[derive(Default)]
struct World {
    slots: [Place; SLOTS],
    /// Seconds since [`NOW`].
    now: i64,
    /// What was verified on the connection that is open now: place, token, proof.
    verified: BTreeSet<(usize, usize, String)>,
    /// What each token has used.
    identifiers: BTreeMap<usize, BTreeSet<String>>,
    /// The requests so far, with their proofs.
    asked: Vec<(Ask, Option<ProofKey>)>,
    seen_valid: Mutex<BTreeSet<String>>,
}

impl World {
    fn connection(&self, slot: usize) -> Connection {
        let generation = self.slots.get(slot).map_or(0, |place| place.generation);
        let mut octets = [0; 32];
        octets.iter_mut().zip(exporters(slot, generation).right()).for_each(|(to, from)| *to = *from);
        Connection {
            id: ConnectionId(u64::try_from(slot).unwrap_or(0)),
            certificate: client(slot).identity.certificate.clone(),
            exporter: ExporterValue::new(octets),
        }
    }

    fn close(&mut self, slot: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            place.open = false;
        }
        self.verified.retain(|(at, ..)| *at != slot);
    }

    /// Asks the guard, and holds its answer against what happened so far. On a connection that has ended as well: a request
    /// may still be in work then.
    fn ask<S: Steps>(
        &mut self,
        guard: &Guard<S>,
        habits: Habits,
        ask: &Ask,
        wanted: Option<&ProofKey>,
        told: &[Event],
    ) {
        let place = self.slots.get(ask.slot).copied().unwrap_or_default();
        let connection = self.connection(ask.slot);
        let text = wanted.map(ProofKey::text);
        let authorization = format!("Bearer {}", token(ask.token).text);
        let fields: Vec<&[u8]> = text.iter().map(|text| text.as_bytes()).collect();
        let request = Request {
            method: ask.method,
            target: Target::https(AUTHORITY, ask.path),
            authorization: &[authorization.as_bytes()],
            proofs: &fields,
        };
        let tokens = Tokens { world: self, habits };
        let verdict = guard.decide(&connection, &request, &tokens, (NOW + self.now) as f64);

        let faults = self.faults(ask, place, wanted);
        let story = || Story { told, world: self, faults: &faults };
        match &verdict {
            Ok(_) => assert!(faults.is_empty(), "BYPASS: accepted in spite of {faults:?}\n{}", story()),
            Err(refusal) => {
                answer::hold_to(guard, refusal);
                assert!(!faults.is_empty(), "DOS: refused by {refusal}\n{}", story());
                let check = refusal.check();
                assert!(faults.contains(&check), "BLAME: refused by {check} instead of {faults:?}\n{}", story());
            }
        }
        let (Ok(accepted), Some(wanted), Some(text)) = (verdict, wanted, text) else { return };
        let entry = (ask.slot, ask.token, text);
        let known = place.open && self.verified.contains(&entry);
        assert!(known || accepted.moment != Some(Moment::Hit), "CACHE: taken for known\n{}", story());
        if place.open {
            self.verified.insert(entry);
        }
        self.identifiers.entry(ask.token).or_default().extend(wanted.jti());
    }

    fn proof(&self, ask: &Ask, place: Place, made: Made) -> ProofKey {
        let slot = (ask.slot + made.slots_on) % SLOTS;
        let generation = match made.slots_on {
            0 => (place.generation + GENERATIONS - made.generations_ago) % GENERATIONS,
            _ => self.slots.get(slot).map_or(0, |place| place.generation),
        };
        ProofKey {
            slot,
            generation,
            token: (ask.token + made.tokens_on) % TOKENS,
            client: client(if made.by_the_other { 2 - ask.slot } else { ask.slot }).identity.name,
            iat: self.now - made.seconds_ago,
            claims: made.claims,
        }
    }

    /// What is wrong with a request, by what it was made of.
    fn faults(&self, ask: &Ask, place: Place, proof: Option<&ProofKey>) -> BTreeSet<Check> {
        let lives = LIVES.get(ask.token).copied().unwrap_or(0);
        let owner = client(ask.slot).identity.name;
        let Some(proof) = proof else {
            let faults = [(Check::Token, self.now < lives), (Check::Certificate, OWNERS[ask.token % TOKENS] == owner)];
            let other = faults.into_iter().filter(|(_, right)| !right).map(|(check, _)| check);
            return other.chain([Check::Presence]).collect();
        };
        let has = |bit: u8| proof.claims.of & bit > 0;
        let used = || proof.jti().is_some_and(|jti| self.identifiers.get(&ask.token).is_some_and(|u| u.contains(&jti)));
        [
            (Check::Token, self.now < lives),
            (Check::Certificate, OWNERS[ask.token % TOKENS] == owner),
            (Check::X5t, proof.client == owner),
            (Check::Signature, proof.client == owner),
            (Check::Ekm, (proof.slot, proof.generation) == (ask.slot, place.generation)),
            (Check::Ath, proof.token == ask.token),
            (Check::Iat, (-300..=60).contains(&(proof.iat - self.now))),
            (Check::Htm, !has(2) || ask.method == "GET"),
            (Check::Htu, !has(4) || ask.path == PATHS[0]),
            (Check::Jti, !used()),
        ]
        .into_iter()
        .filter_map(|(check, right)| (!right).then_some(check))
        .collect()
    }
}

/// What a proof was made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ProofKey {
    slot: usize,
    generation: usize,
    token: usize,
    client: &'static str,
    iat: i64,
    claims: Claims,
}

impl ProofKey {
    /// The identifier that the forge gives it.
    fn jti(&self) -> Option<String> {
        (self.claims.of & 1 > 0).then(|| format!("proof-{}", self.claims.unique))
    }

    /// The proof, signed at the first call: the same octets each time it is asked for.
    fn text(&self) -> String {
        static MADE: OnceLock<Mutex<HashMap<ProofKey, String>>> = OnceLock::new();
        /// Beyond it everything is forgotten: a campaign lasts for days.
        const MOST: usize = 20_000;
        let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() > MOST {
            made.clear();
        }
        made.entry(self.clone()).or_insert_with(|| self.sign()).clone()
    }

    fn sign(&self) -> String {
        let plan = Plan::right();
        let scene = Scene::new(&plan);
        let of = self.claims.of;
        let exporters = exporters(self.slot, self.generation);
        let setting = Setting {
            now: NOW + self.iat,
            exporters: &exporters,
            client: &stage().client(self.client).identity,
            claims: PerRequest { jti: of & 1 > 0, htm: of & 2 > 0, htu: of & 4 > 0, absolute: false },
            unique: u64::from(self.claims.unique),
            ..scene.setting()
        };
        scene.proof(&setting, token(self.token), &[])
    }
}

struct Tokens<'a> {
    world: &'a World,
    habits: Habits,
}

impl AccessTokens for Tokens<'_> {
    fn validate(&self, text: &str, now: f64) -> Result<ValidToken, Refusal> {
        let refused = |what: &str| Refusal::new(Check::Token, what.to_owned());
        let number = (0..TOKENS).find(|number| token(*number).text == text).ok_or_else(|| refused("unknown"))?;
        let expires = NOW + LIVES.get(number).copied().unwrap_or(0);
        let mut seen = self.world.seen_valid.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = self.habits.tokens_never_expire && seen.contains(text);
        if now >= expires as f64 && !believed {
            return Err(refused("expired"));
        }
        seen.insert(text.to_owned());
        token(number).valid.clone().map(|valid| ValidToken { expires, ..valid })
    }
}

struct Story<'a> {
    told: &'a [Event],
    world: &'a World,
    faults: &'a BTreeSet<Check>,
}

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in self.told {
            writeln!(f, "{event:?}")?;
        }
        writeln!(f, "{} s later; connections {:?}; at fault {:?}", self.world.now, self.world.slots, self.faults)
    }
}
