//! Which `jti` values were seen, within bounded memory (section 2.3.2.2).

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::digest::{TokenHash, sha256};

/// How much the store may hold. An entry costs about 50 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JtiLimits {
    /// Identifiers kept for one token.
    pub per_token: usize,
    /// Identifiers kept in all.
    pub total: usize,
}

impl Default for JtiLimits {
    fn default() -> Self {
        Self { per_token: 100_000, total: 1_000_000 }
    }
}

/// Why an identifier is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JtiRefusal {
    /// It was seen before.
    Seen,
    /// There is no room to remember it, and what cannot be remembered cannot be proven new.
    Full,
}

/// Remembers identifiers per token for as long as the token is valid.
///
/// Only digests are stored: a long identifier costs no more than a short one.
#[derive(Debug, Default)]
pub struct JtiStore {
    limits: JtiLimits,
    tokens: HashMap<TokenHash, Seen>,
    /// By expiry, so that expired tokens are found without a walk.
    expiries: BTreeSet<(i64, [u8; 32])>,
    total: usize,
}

#[derive(Debug)]
struct Seen {
    expires: i64,
    digests: HashSet<[u8; 32]>,
}

impl JtiStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: JtiLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes `jti` as used for `token`, which is valid until `expires` (Unix seconds), at the time `now`.
    ///
    /// # Errors
    /// [`JtiRefusal`]; the store then remembers nothing new. Expired entries are dropped and `expires` counts either way.
    pub fn use_once(&mut self, token: TokenHash, jti: &str, expires: i64, now: f64) -> Result<(), JtiRefusal> {
        self.prolong(token, expires);
        self.drop_expired(now);
        let digest = sha256(jti.as_bytes());
        if self.tokens.get(&token).is_some_and(|seen| seen.digests.contains(&digest)) {
            return Err(JtiRefusal::Seen);
        }
        if self.total >= self.limits.total {
            return Err(JtiRefusal::Full);
        }
        let seen = self.tokens.entry(token).or_insert_with(|| {
            self.expiries.insert((expires, *token.octets()));
            Seen { expires, digests: HashSet::new() }
        });
        if seen.digests.len() >= self.limits.per_token {
            return Err(JtiRefusal::Full);
        }
        seen.digests.insert(digest);
        self.total += 1;
        Ok(())
    }

    /// Introspection may prolong a token; its identifiers then have to be kept longer. That must be known before anything
    /// is dropped, and also where the identifier at hand is refused.
    fn prolong(&mut self, token: TokenHash, expires: i64) {
        if let Some(seen) = self.tokens.get_mut(&token)
            && expires > seen.expires
        {
            self.expiries.remove(&(seen.expires, *token.octets()));
            self.expiries.insert((expires, *token.octets()));
            seen.expires = expires;
        }
    }

    /// How many identifiers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.total
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn drop_expired(&mut self, now: f64) {
        while let Some(&(expires, octets)) = self.expiries.first() {
            if expires as f64 > now {
                break;
            }
            self.expiries.pop_first();
            if let Some(seen) = self.tokens.remove(&TokenHash::from_octets(octets)) {
                self.total -= seen.digests.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prolonged_token_keeps_its_identifiers() {
        let token = TokenHash::of("opaque");
        let mut store = JtiStore::new(JtiLimits::default());
        assert_eq!(store.use_once(token, "a", 50, 0.0), Ok(()));
        assert_eq!(store.use_once(token, "a", 200, 40.0), Err(JtiRefusal::Seen), "prolonged, and refused");
        assert_eq!(store.use_once(token, "a", 200, 100.0), Err(JtiRefusal::Seen));
        assert_eq!(store.use_once(token, "a", 300, 250.0), Err(JtiRefusal::Seen), "prolonged after its first end");
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn once_within_the_tokens_life_and_bounded() {
        let (one, two) = (TokenHash::of("1"), TokenHash::of("2"));
        let mut store = JtiStore::new(JtiLimits { per_token: 2, total: 3 });
        assert_eq!(store.use_once(one, "a", 100, 0.0), Ok(()));
        assert_eq!(store.use_once(one, "a", 100, 99.5), Err(JtiRefusal::Seen));
        assert_eq!(store.use_once(two, "a", 200, 99.5), Ok(()), "another token");
        assert_eq!(store.use_once(one, "b", 100, 99.5), Ok(()));
        assert_eq!(store.use_once(one, "c", 100, 99.5), Err(JtiRefusal::Full), "per token");
        assert_eq!(store.use_once(two, "b", 200, 99.5), Err(JtiRefusal::Full), "in all");
        assert_eq!(store.len(), 3);
        assert_eq!(store.use_once(two, "b", 200, 100.0), Ok(()), "the first token has expired");
        assert_eq!(store.len(), 2);
        assert_eq!(store.use_once(two, "a", 300, 100.0), Err(JtiRefusal::Seen));
        assert_eq!(store.use_once(two, "c", 300, 300.0), Ok(()));
        assert_eq!(store.len(), 1);
    }
}
