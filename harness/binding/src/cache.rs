//! The cache of verified bindings (section 3.3.2): a shortcut past the signature, and past nothing else.
//!
//! An entry answers one question: was *this very proof* already verified for *this token* on *this connection*? Its
//! scope holds the exporter value beside the identifier of the connection, so that an identifier that comes again
//! cannot revive an entry, and a scope that was closed takes no entry any more, so that a verification which ends
//! after its connection leaves nothing behind.
//!
//! **Octets, not digests.** An entry keeps the token and the proof themselves, and a hit compares them octet by octet.
//! That is exact, and about twenty times cheaper than a SHA-256 of both. The comparison need not take constant time: it
//! is against what the very client of this connection sent before, in a scope that nobody else can reach, so that there
//! is nothing for its duration to tell that the client does not know.
//!
//! **Chosen collisions.** The entry that was found last is compared first, then a few are compared in turn; only a
//! connection with more than eight entries has a hash index. Its hash is fast and no cryptographic one, with a key of
//! its own for each cache that comes from the standard library, and there from the operating system, so that collisions
//! cannot be prepared without the key. If they could, they would cost their author little of ours: only verified proofs
//! become entries, so that each collision takes a signature and a verification, a connection has at most
//! [`ENTRIES_PER_CONNECTION`] of them, and comparing with all of those costs about what one verification costs.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, Hash, Hasher},
    sync::Arc,
};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::HashTable;

use crate::proof::RequestClaims;

/// The number that the server gave a connection. Never a pointer, a file descriptor, an address or a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What an entry belongs to: the connection, by its number and its exporter value.
#[derive(Clone, PartialEq, Eq)]
pub struct Scope {
    /// The connection's number.
    pub connection: ConnectionId,
    /// Its exporter value.
    pub exporter: [u8; 32],
}

/// Of the number alone: it is the server's own choice, and whoever equals by it is compared by the exporter value.
impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.connection.0);
    }
}

/// What an entry stands for within its scope: a token, and a proof as it was presented. Other octets are verified in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKey<'a> {
    /// The token.
    pub token: Cow<'a, str>,
    /// The proof.
    pub proof: Cow<'a, str>,
}

impl<'a> EntryKey<'a> {
    /// Of these texts.
    #[must_use]
    pub fn new(token: &'a str, proof: &'a str) -> Self {
        Self { token: Cow::Borrowed(token), proof: Cow::Borrowed(proof) }
    }
}

/// How many entries one connection may have; beyond it the oldest goes.
pub const ENTRIES_PER_CONNECTION: usize = 1024;

/// How many octets of tokens and proofs one connection may have; beyond it the oldest entries go, and what is longer than
/// that alone is not kept. A thousand usual bindings fit; without it, a client with long proofs could fill the memory.
pub const OCTETS_PER_CONNECTION: usize = 2 << 20;

/// Up to so many entries are compared in turn; the number is in the text above.
const IN_TURN: usize = 8;

/// A verified binding.
#[derive(Debug)]
pub struct Entry {
    /// The token, and the proof behind it.
    text: Box<str>,
    /// Where the proof begins.
    split: u32,
    iat: f64,
    /// Only of proofs that have more claims for each request than `iat`, which few have more than one request for.
    more: Option<Box<RequestClaims>>,
}

impl Entry {
    /// `None` if the texts are too long to be kept.
    fn new(key: &EntryKey<'_>, claims: RequestClaims) -> Option<Self> {
        let length = key.token.len() + key.proof.len();
        let split = u32::try_from(key.token.len()).ok().filter(|_| length <= OCTETS_PER_CONNECTION)?;
        let mut text = String::with_capacity(length);
        text.push_str(&key.token);
        text.push_str(&key.proof);
        let iat = claims.iat;
        let plain = claims.jti.is_none() && claims.htm.is_none() && claims.htu.is_none();
        Some(Self { text: text.into_boxed_str(), split, iat, more: (!plain).then(|| Box::new(claims)) })
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.text[..self.split as usize]
    }

    /// The proof.
    #[must_use]
    pub fn proof(&self) -> &str {
        &self.text[self.split as usize..]
    }

    /// The claims of the proof that count on every request.
    #[must_use]
    pub fn claims(&self) -> Cow<'_, RequestClaims> {
        match &self.more {
            Some(claims) => Cow::Borrowed(claims),
            None => Cow::Owned(RequestClaims { iat: self.iat, jti: None, htm: None, htu: None }),
        }
    }

    fn is(&self, token: &[u8], proof: &[u8]) -> bool {
        let (own_token, own_proof) = self.text.as_bytes().split_at(self.split as usize);
        own_token == token && own_proof == proof
    }
}

/// Verified bindings of the live connections.
pub struct VerificationCache {
    scopes: HashMap<Scope, Entries, SeedableRandomState>,
    hash: SeedableRandomState,
}

impl Default for VerificationCache {
    fn default() -> Self {
        // The key that the standard library gives a map. No result depends on it.
        let seed = HashMap::<u64, u64>::new().hasher().hash_one(0);
        let hash = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self { scopes: HashMap::with_hasher(hash.clone()), hash }
    }
}

/// The entries of one connection.
#[derive(Default)]
struct Entries {
    /// Oldest first.
    order: VecDeque<Arc<Entry>>,
    /// By the hash of token and proof; empty as long as there are few.
    index: HashTable<Arc<Entry>>,
    /// The one that was found or inserted last.
    recent: Option<Arc<Entry>>,
    octets: usize,
}

/// The entries of a connection that has ended. They are freed when this is dropped, which is best done without a lock.
#[derive(Default)]
pub struct Ended(#[expect(dead_code, reason = "only to be dropped")] Option<Entries>);

impl VerificationCache {
    /// Begins a connection. Without it, nothing is kept for that scope.
    pub fn open(&mut self, scope: Scope) {
        self.scopes.entry(scope).or_default();
    }

    /// Ends a connection and drops its entries; it looks at no others.
    pub fn close(&mut self, scope: &Scope) -> Ended {
        Ended(self.scopes.remove(scope))
    }

    /// The entry of a proof that was verified before in this scope, by octets as they came.
    #[must_use]
    pub fn find(&mut self, scope: &Scope, token: &[u8], proof: &[u8]) -> Option<Arc<Entry>> {
        self.scopes.get_mut(scope)?.find(&self.hash, token, proof)
    }

    /// Keeps a verified proof, if the connection is still open.
    pub fn insert(&mut self, scope: &Scope, key: &EntryKey<'_>, claims: RequestClaims) {
        if let Some(entries) = self.scopes.get_mut(scope)
            && let Some(entry) = Entry::new(key, claims)
        {
            entries.insert(&self.hash, Arc::new(entry));
        }
    }

    /// How many connections and how many entries there are.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.scopes.len(), self.scopes.values().map(|e| e.order.len()).sum())
    }
}

impl Entries {
    fn find(&mut self, state: &SeedableRandomState, token: &[u8], proof: &[u8]) -> Option<Arc<Entry>> {
        if let Some(recent) = self.recent.as_ref().filter(|recent| recent.is(token, proof)) {
            return Some(recent.clone());
        }
        let found = if self.order.len() <= IN_TURN {
            self.order.iter().find(|entry| entry.is(token, proof))
        } else {
            self.index.find(hash(state, token, proof), |entry| entry.is(token, proof))
        };
        let found = found?.clone();
        self.recent = Some(found.clone());
        Some(found)
    }

    fn insert(&mut self, state: &SeedableRandomState, entry: Arc<Entry>) {
        if let Some(known) = self.find(state, entry.token().as_bytes(), entry.proof().as_bytes()) {
            self.replace(state, &known, &entry);
            return;
        }
        self.octets += entry.text.len();
        while self.order.len() >= ENTRIES_PER_CONNECTION || self.octets > OCTETS_PER_CONNECTION {
            let Some(oldest) = self.order.pop_front() else { break };
            self.octets -= oldest.text.len();
            self.unlink(state, &oldest);
        }
        if self.order.len() == self.order.capacity() {
            // By a quarter: doubling would leave more room unused than an entry takes in the table.
            self.order.reserve_exact((self.order.len() / 4).max(2));
        }
        self.order.push_back(entry.clone());
        self.recent = Some(entry.clone());
        if self.order.len() > IN_TURN {
            // All of them at once when the index begins, else the new one.
            let new = if self.index.is_empty() { 0 } else { self.order.len() - 1 };
            for entry in self.order.range(new..) {
                self.index.insert_unique(of(state, entry), entry.clone(), |entry| of(state, entry));
            }
            // The table grows when it is full of the traces of what went, too.
            if self.index.capacity() > 2 * ENTRIES_PER_CONNECTION {
                self.index.shrink_to(ENTRIES_PER_CONNECTION, |entry| of(state, entry));
            }
        } else {
            self.index = HashTable::new();
        }
    }

    /// The same proof was verified again, at the same time on another stream: its place in the order stays.
    fn replace(&mut self, state: &SeedableRandomState, known: &Arc<Entry>, entry: &Arc<Entry>) {
        if let Some(place) = self.order.iter_mut().find(|place| Arc::ptr_eq(place, known)) {
            *place = entry.clone();
        }
        if let Some(place) = self.index.find_mut(of(state, known), |place| Arc::ptr_eq(place, known)) {
            *place = entry.clone();
        }
        self.recent = Some(entry.clone());
    }

    fn unlink(&mut self, state: &SeedableRandomState, entry: &Arc<Entry>) {
        if let Ok(place) = self.index.find_entry(of(state, entry), |place| Arc::ptr_eq(place, entry)) {
            place.remove();
        }
        self.recent.take_if(|recent| Arc::ptr_eq(recent, entry));
    }
}

fn of(state: &SeedableRandomState, entry: &Entry) -> u64 {
    hash(state, entry.token().as_bytes(), entry.proof().as_bytes())
}

fn hash(state: &SeedableRandomState, token: &[u8], proof: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_usize(token.len());
    hasher.write(token);
    hasher.write(proof);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: u64, ekm: u8) -> Scope {
        Scope { connection: ConnectionId(id), exporter: [ekm; 32] }
    }

    fn found(cache: &mut VerificationCache, scope: &Scope, n: usize) -> bool {
        cache.find(scope, n.to_string().as_bytes(), b"proof").is_some()
    }

    fn insert(cache: &mut VerificationCache, scope: &Scope, n: usize) {
        cache.insert(scope, &EntryKey::new(&n.to_string(), "proof"), claims());
    }

    fn claims() -> RequestClaims {
        RequestClaims { iat: 0.0, jti: None, htm: None, htu: None }
    }

    #[test]
    fn an_entry_ends_with_its_connection() {
        let mut cache = VerificationCache::default();
        insert(&mut cache, &scope(1, 1), 0);
        assert_eq!(cache.size(), (0, 0), "not open yet");
        cache.open(scope(1, 1));
        insert(&mut cache, &scope(1, 1), 0);
        assert!(found(&mut cache, &scope(1, 1), 0));
        assert!(!found(&mut cache, &scope(1, 2), 0), "the number came again with another exporter value");
        assert!(!found(&mut cache, &scope(2, 1), 0));
        assert!(!found(&mut cache, &scope(1, 1), 1));
        drop(cache.close(&scope(1, 1)));
        insert(&mut cache, &scope(1, 1), 0);
        assert_eq!(cache.size(), (0, 0), "a late insertion finds no scope");
    }

    #[test]
    fn bounded_oldest_first() {
        let mut cache = VerificationCache::default();
        cache.open(scope(1, 1));
        for n in 0..=ENTRIES_PER_CONNECTION {
            insert(&mut cache, &scope(1, 1), n);
            assert!(found(&mut cache, &scope(1, 1), n / 2 + 1) || n < 2, "{n}");
        }
        assert_eq!(cache.size(), (1, ENTRIES_PER_CONNECTION));
        assert!(!found(&mut cache, &scope(1, 1), 0));
        assert!((1..=ENTRIES_PER_CONNECTION).all(|n| found(&mut cache, &scope(1, 1), n)));
    }

    #[test]
    fn bounded_in_octets_too() {
        let mut cache = VerificationCache::default();
        cache.open(scope(1, 1));
        let token = "a".repeat(OCTETS_PER_CONNECTION / 4 - 1);
        for n in 0..6 {
            cache.insert(&scope(1, 1), &EntryKey::new(&token, &n.to_string()), claims());
        }
        assert_eq!(cache.size(), (1, 4));
        assert!(cache.find(&scope(1, 1), token.as_bytes(), b"1").is_none());
        assert!(cache.find(&scope(1, 1), token.as_bytes(), b"2").is_some());
        let long = "a".repeat(OCTETS_PER_CONNECTION);
        cache.insert(&scope(1, 1), &EntryKey::new(&long, "x"), claims());
        assert_eq!(cache.size(), (1, 4), "not kept, and nothing had to go for it");
    }

    #[test]
    fn where_the_token_ends_counts() {
        for others in [0, 2 * IN_TURN] {
            let mut cache = VerificationCache::default();
            cache.open(scope(1, 1));
            cache.insert(&scope(1, 1), &EntryKey::new("ab", "c"), claims());
            (0..others).for_each(|n| insert(&mut cache, &scope(1, 1), n));
            assert!(cache.find(&scope(1, 1), b"a", b"bc").is_none());
            assert!(cache.find(&scope(1, 1), b"abc", b"").is_none());
            assert!(cache.find(&scope(1, 1), b"ab", b"c").is_some());
        }
    }

    #[test]
    fn the_last_verification_counts_and_keeps_its_place() {
        for others in [0, 2 * IN_TURN] {
            let mut cache = VerificationCache::default();
            cache.open(scope(1, 1));
            (0..=others).for_each(|n| insert(&mut cache, &scope(1, 1), n));
            let again = RequestClaims { htm: Some("GET".to_owned()), ..claims() };
            cache.insert(&scope(1, 1), &EntryKey::new("0", "proof"), again.clone());
            assert_eq!(cache.size(), (1, others + 1));
            let entry = cache.find(&scope(1, 1), b"0", b"proof").unwrap();
            assert_eq!((entry.token(), entry.proof(), entry.claims().into_owned()), ("0", "proof", again));
            (others + 1..=ENTRIES_PER_CONNECTION).for_each(|n| insert(&mut cache, &scope(1, 1), n));
            assert!(!found(&mut cache, &scope(1, 1), 0), "the oldest");
        }
    }
}
