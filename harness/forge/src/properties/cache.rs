//! `cache`: what a server remembers, as a sequence of operations against lists.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Result as Read, Unstructured};
use ekmcheck_binding::{
    cache::{ConnectionId, EntryKey, Scope, VerificationCache},
    digest::TokenHash,
    jti::{JtiLimits, JtiRefusal, JtiStore},
    proof::RequestClaims,
};

use super::plan::pick;

/// How many entries the model lets a connection have: what the documentation of the cache says.
const LIMIT: usize = 1024;

/// How much the identifiers' store is allowed here, so that a few operations fill it.
const FEW: JtiLimits = JtiLimits { per_token: 3, total: 5 };

/// What remembers; the reference's is [`Memory`].
pub trait Remembers {
    /// A connection is open.
    fn open(&mut self, scope: Scope);
    /// It has ended.
    fn close(&mut self, scope: &Scope);
    /// A verified proof.
    fn find(&mut self, scope: &Scope, key: &EntryKey<'_>) -> Option<RequestClaims>;
    /// A proof was verified.
    fn insert(&mut self, scope: &Scope, key: &EntryKey<'_>, claims: RequestClaims);
    /// Connections and entries.
    fn size(&self) -> (usize, usize);
    /// An identifier is used.
    ///
    /// # Errors
    /// Why it may not.
    fn use_once(&mut self, token: TokenHash, jti: &str, expires: i64, now: f64) -> Result<(), JtiRefusal>;
    /// Identifiers.
    fn identifiers(&self) -> usize;
}

/// The stores of `ekmcheck-binding`.
pub struct Memory {
    /// Verified bindings.
    pub cache: VerificationCache,
    /// Identifiers.
    pub jti: JtiStore,
}

impl Default for Memory {
    fn default() -> Self {
        Self { cache: VerificationCache::default(), jti: JtiStore::new(FEW) }
    }
}

impl Remembers for Memory {
    fn open(&mut self, scope: Scope) {
        self.cache.open(scope);
    }

    fn close(&mut self, scope: &Scope) {
        drop(self.cache.close(scope));
    }

    fn find(&mut self, scope: &Scope, key: &EntryKey<'_>) -> Option<RequestClaims> {
        let entry = self.cache.find(scope, key.token.as_bytes(), key.proof.as_bytes())?;
        // What is found must be what was asked for, whatever it says.
        assert!(*entry.token() == key.token && *entry.proof() == key.proof, "CACHE: {entry:?} for {key:?}");
        Some(entry.claims().into_owned())
    }

    fn insert(&mut self, scope: &Scope, key: &EntryKey<'_>, claims: RequestClaims) {
        self.cache.insert(scope, key, claims);
    }

    fn size(&self) -> (usize, usize) {
        self.cache.size()
    }

    fn use_once(&mut self, token: TokenHash, jti: &str, expires: i64, now: f64) -> Result<(), JtiRefusal> {
        self.jti.use_once(token, jti, expires, now)
    }

    fn identifiers(&self) -> usize {
        self.jti.len()
    }
}

/// One thing that happens; the numbers say to which connection, proof, token and so on.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Open(usize),
    Close(usize),
    Find(usize, usize),
    Insert(usize, usize),
    /// So many proofs that never come again.
    Flood(usize, usize),
    Use {
        token: usize,
        jti: usize,
        lives: i64,
    },
    Wait(i64),
}

const SCOPES: usize = 4;
const KEYS: usize = 6;

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Read<Self> {
        Ok(match pick(u, 16)? {
            0..=2 => Self::Open(pick(u, SCOPES)?),
            3 => Self::Close(pick(u, SCOPES)?),
            4..=5 => Self::Find(pick(u, SCOPES)?, pick(u, KEYS)?),
            6..=9 => Self::Insert(pick(u, SCOPES)?, pick(u, KEYS)?),
            10 => Self::Flood(pick(u, SCOPES)?, [1, LIMIT - 1, LIMIT, LIMIT + 1][pick(u, 4)?]),
            11..=14 => Self::Use {
                token: pick(u, 3)?,
                jti: pick(u, 4)?,
                lives: [50, 100, 200, 0, -1, i64::MAX / 2][pick(u, 6)?],
            },
            _ => Self::Wait([1, 49, 50, 51, 100, 250][pick(u, 6)?]),
        })
    }
}

/// Takes the octets for a sequence of operations. A cache and a store of identifiers remember what lists of everything that
/// happened say they do, and nothing of a connection that has ended.
pub fn cache(octets: &[u8]) {
    cache_on(&mut Memory::default(), octets);
}

/// [`cache`] for another memory: to prove that the property finds what is wrong with it.
pub fn cache_on(memory: &mut dyn Remembers, octets: &[u8]) {
    let mut u = Unstructured::new(octets);
    let mut model = Model::default();
    let mut told = Vec::new();
    let mut floods = 0;
    while !u.is_empty() && told.len() < 64 {
        let Ok(operation) = Operation::arbitrary(&mut u) else { return };
        told.push(operation);
        match operation {
            // Two tell all, and each costs a thousand operations.
            Operation::Flood(..) if floods == 2 => {}
            Operation::Flood(at, count) => {
                floods += 1;
                for _ in 0..count {
                    let key = model.new_key();
                    model.insert(at, key);
                    memory.insert(&scope(at), &entry(key), model.claims());
                }
            }
            Operation::Open(at) => {
                model.scopes.entry(at).or_default();
                memory.open(scope(at));
            }
            Operation::Close(at) => {
                model.scopes.remove(&at);
                memory.close(&scope(at));
            }
            Operation::Find(at, key) => {
                let (found, wanted) = (memory.find(&scope(at), &entry(key)), model.find(at, key));
                assert!(found == wanted, "CACHE: {found:?} instead of {wanted:?} after {told:?}");
            }
            Operation::Insert(at, key) => {
                model.insert(at, key);
                memory.insert(&scope(at), &entry(key), model.claims());
            }
            Operation::Use { token, jti, lives } => {
                let wanted = model.use_once(token, jti, lives);
                let hash = TokenHash::of(&token.to_string());
                let found = memory.use_once(hash, &format!("jti-{jti}"), model.now + lives, model.now as f64);
                assert!(found == wanted, "JTI: {found:?} instead of {wanted:?} after {told:?}");
                let kept: usize = model.tokens.values().map(|(_, used)| used.len()).sum();
                assert!(memory.identifiers() == kept, "JTI: {} kept, not {kept}: {told:?}", memory.identifiers());
            }
            Operation::Wait(seconds) => model.now += seconds,
        }
        let wanted = (model.scopes.len(), model.scopes.values().map(Vec::len).sum());
        assert!(memory.size() == wanted, "CACHE: the size is {:?} and not {wanted:?} after {told:?}", memory.size());
    }
    for (at, key) in (0..SCOPES).flat_map(|at| (0..KEYS).map(move |key| (at, key))) {
        let (found, wanted) = (memory.find(&scope(at), &entry(key)), model.find(at, key));
        assert!(found == wanted, "CACHE: at the end {found:?} instead of {wanted:?} for {at}, {key}: {told:?}");
    }
}

/// Two numbers of connections and two exporter values, in all combinations.
fn scope(at: usize) -> Scope {
    let octet = |n: usize| if n == 0 { 1 } else { 2 };
    Scope { connection: ConnectionId(u64::from(octet(at / 2))), exporter: [octet(at % 2); 32] }
}

/// Everything that happened, in lists.
#[derive(Default)]
struct Model {
    /// Of each open connection, in the order in which they came: the key and the time at which it was verified last.
    scopes: BTreeMap<usize, Vec<(usize, u32)>>,
    /// The end of each token's life, and what it used.
    tokens: BTreeMap<usize, (i64, BTreeSet<usize>)>,
    now: i64,
    counted: u32,
}

/// Two tokens, and three proofs of each; beyond [`KEYS`] others.
fn entry(key: usize) -> EntryKey<'static> {
    let token = if (key / 3).is_multiple_of(2) { "one" } else { "other" };
    EntryKey { token: token.into(), proof: (key % 3 + key / 6 * 3).to_string().into() }
}

impl Model {
    fn claims(&self) -> RequestClaims {
        RequestClaims { iat: f64::from(self.counted), jti: None, htm: None, htu: None }
    }

    /// One that no [`Operation::Find`] asks for.
    fn new_key(&self) -> usize {
        KEYS + self.counted as usize
    }

    fn find(&self, at: usize, key: usize) -> Option<RequestClaims> {
        let (_, iat) = self.scopes.get(&at)?.iter().find(|(k, _)| *k == key)?;
        Some(RequestClaims { iat: f64::from(*iat), jti: None, htm: None, htu: None })
    }

    fn insert(&mut self, at: usize, key: usize) {
        self.counted += 1;
        let Some(entries) = self.scopes.get_mut(&at) else { return };
        match entries.iter_mut().find(|(k, _)| *k == key) {
            Some(entry) => entry.1 = self.counted,
            None => entries.push((key, self.counted)),
        }
        if entries.len() > LIMIT {
            entries.remove(0);
        }
    }

    fn use_once(&mut self, token: usize, jti: usize, lives: i64) -> Result<(), JtiRefusal> {
        let expires = self.now + lives;
        if let Some((known, _)) = self.tokens.get_mut(&token) {
            *known = expires.max(*known);
        }
        let now = self.now;
        self.tokens.retain(|_, (expires, _)| *expires > now);
        let used = self.tokens.get(&token).map(|(_, used)| used);
        if used.is_some_and(|used| used.contains(&jti)) {
            return Err(JtiRefusal::Seen);
        }
        let total: usize = self.tokens.values().map(|(_, used)| used.len()).sum();
        if total >= FEW.total || used.is_some_and(|used| used.len() >= FEW.per_token) {
            return Err(JtiRefusal::Full);
        }
        self.tokens.entry(token).or_insert((expires, BTreeSet::new())).1.insert(jti);
        Ok(())
    }
}
