//! The cache of verified bindings (section 3.3.2): a shortcut past the signature, and past nothing else.
//!
//! An entry answers one question: was *this very proof* already verified for *this token* on *this connection*? Its
//! scope holds the exporter value beside the identifier of the connection, so that an identifier that comes again
//! cannot revive an entry, and a scope that was closed takes no entry any more, so that a verification which ends
//! after its connection leaves nothing behind.

use std::collections::{HashMap, VecDeque};

use crate::{digest::TokenHash, proof::RequestClaims};

/// The number that the server gave a connection. Never a pointer, a file descriptor, an address or a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What an entry belongs to: the connection, by its number and its exporter value.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The connection's number.
    pub connection: ConnectionId,
    /// Its exporter value.
    pub exporter: [u8; 32],
}

/// What an entry stands for within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// The token.
    pub ath: TokenHash,
    /// SHA-256 of the proof as it was presented: other bytes are verified in full.
    pub proof: [u8; 32],
}

/// How many entries one connection may have; beyond it the oldest goes.
pub const ENTRIES_PER_CONNECTION: usize = 1024;

/// Verified bindings of the live connections.
#[derive(Default)]
pub struct VerificationCache {
    scopes: HashMap<Scope, Entries>,
}

#[derive(Default)]
struct Entries {
    claims: HashMap<EntryKey, RequestClaims>,
    order: VecDeque<EntryKey>,
}

impl VerificationCache {
    /// Begins a connection. Without it, nothing is kept for that scope.
    pub fn open(&mut self, scope: Scope) {
        self.scopes.entry(scope).or_default();
    }

    /// Ends a connection and drops its entries.
    pub fn close(&mut self, scope: &Scope) {
        self.scopes.remove(scope);
    }

    /// The claims of a proof that was verified before in this scope.
    #[must_use]
    pub fn find(&self, scope: &Scope, key: &EntryKey) -> Option<&RequestClaims> {
        self.scopes.get(scope)?.claims.get(key)
    }

    /// Keeps a verified proof, if the connection is still open.
    pub fn insert(&mut self, scope: &Scope, key: EntryKey, claims: RequestClaims) {
        let Some(entries) = self.scopes.get_mut(scope) else { return };
        if entries.claims.insert(key, claims).is_none() {
            entries.order.push_back(key);
        }
        if entries.order.len() > ENTRIES_PER_CONNECTION
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.claims.remove(&oldest);
        }
    }

    /// How many connections and how many entries there are.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.scopes.len(), self.scopes.values().map(|e| e.claims.len()).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: u64, ekm: u8) -> Scope {
        Scope { connection: ConnectionId(id), exporter: [ekm; 32] }
    }

    fn key(n: usize) -> EntryKey {
        EntryKey { ath: TokenHash::of(&n.to_string()), proof: [0; 32] }
    }

    fn claims() -> RequestClaims {
        RequestClaims { iat: 0.0, jti: None, htm: None, htu: None }
    }

    #[test]
    fn an_entry_ends_with_its_connection() {
        let mut cache = VerificationCache::default();
        cache.insert(&scope(1, 1), key(0), claims());
        assert_eq!(cache.size(), (0, 0), "not open yet");
        cache.open(scope(1, 1));
        cache.insert(&scope(1, 1), key(0), claims());
        assert!(cache.find(&scope(1, 1), &key(0)).is_some());
        assert!(cache.find(&scope(1, 2), &key(0)).is_none(), "the number came again with another exporter value");
        assert!(cache.find(&scope(2, 1), &key(0)).is_none());
        assert!(cache.find(&scope(1, 1), &key(1)).is_none());
        cache.close(&scope(1, 1));
        cache.insert(&scope(1, 1), key(0), claims());
        assert_eq!(cache.size(), (0, 0), "a late insertion finds no scope");
    }

    #[test]
    fn bounded_oldest_first() {
        let mut cache = VerificationCache::default();
        cache.open(scope(1, 1));
        for n in 0..=ENTRIES_PER_CONNECTION {
            cache.insert(&scope(1, 1), key(n), claims());
        }
        assert_eq!(cache.size(), (1, ENTRIES_PER_CONNECTION));
        assert!(cache.find(&scope(1, 1), &key(0)).is_none());
        assert!(cache.find(&scope(1, 1), &key(1)).is_some());
    }
}
