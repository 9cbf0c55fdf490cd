//! The cache of bindings and the store of identifiers at size.

use std::time::Instant;

use ekmcheck_benches::figure::Figure;
use ekmcheck_binding::{
    cache::{ConnectionId, EntryKey, Scope, VerificationCache},
    digest::TokenHash,
    jti::{JtiLimits, JtiStore},
    proof::RequestClaims,
};

/// Bindings a connection.
const EACH: usize = 10;

/// Look-ups and uses with 10³, 10⁵ and 10⁶ entries; with 10³ under all names in a mere test, which is of a slow build.
pub(super) fn figures(measuring: bool) -> Vec<Figure<'static>> {
    let sizes = if measuring { [1_000, 100_000, 1_000_000] } else { [1_000; 3] };
    let find = ["find-among-1e3", "find-among-1e5", "find-among-1e6"];
    let used = ["jti-among-1e3", "jti-among-1e5", "jti-among-1e6"];
    let finds = find.into_iter().zip(sizes).map(|(name, size)| finding(name, size));
    finds.chain(used.into_iter().zip(sizes).map(|(name, size)| using(name, size))).collect()
}

/// Any of them, by a step that leads through all connections. The texts are short, as it is the look-up that is asked for.
fn finding(name: &'static str, size: usize) -> Figure<'static> {
    let mut cache = None;
    let mut at = 0_usize;
    Figure::of(name, move |_| {
        let cache = cache.get_or_insert_with(|| filled(size / EACH));
        at = (at + 7919 * EACH + 1) % size;
        cache.find(&scope(at / EACH), token(at).as_bytes(), b"proof").is_some()
    })
    .turns_of(1024)
}

/// A new identifier of one of a thousand tokens; the store keeps its size, as whole tokens expire.
fn using(name: &'static str, size: usize) -> Figure<'static> {
    let mut store = None;
    let mut at = size;
    Figure::of(name, move |_| {
        let store = store.get_or_insert_with(|| {
            let mut store = JtiStore::new(JtiLimits { per_token: usize::MAX, total: usize::MAX });
            (0..size).for_each(|n| assert!(used(&mut store, n)));
            store
        });
        at += 1;
        used(store, at)
    })
    .turns_of(256)
}

fn used(store: &mut JtiStore, n: usize) -> bool {
    let mut token = [0; 32];
    token[..8].copy_from_slice(&(n as u64 % 1000).to_be_bytes());
    store.use_once(TokenHash::from_octets(token), &format!("{n:016}"), 100, 0.0).is_ok()
}

fn filled(connections: usize) -> VerificationCache {
    let mut cache = VerificationCache::default();
    for connection in 0..connections {
        cache.open(scope(connection));
        for n in 0..EACH {
            let claims = RequestClaims { iat: 0.0, jti: None, htm: None, htu: None };
            cache.insert(&scope(connection), &EntryKey::new(&token(connection * EACH + n), "proof"), claims);
        }
    }
    cache
}

/// The end of one connection among 10 and among 10⁴, each with as many entries.
pub(super) fn purge() -> String {
    let of = |connections: usize| {
        let mut cache = filled(connections);
        let mut times: Vec<u128> = (0..10)
            .map(|n| {
                let start = Instant::now();
                drop(cache.close(&scope(n)));
                start.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        times[5]
    };
    format!("end of a connection with {EACH} entries: {} ns among 10, {} ns among 10,000", of(10), of(10_000))
}

fn scope(connection: usize) -> Scope {
    Scope { connection: ConnectionId(connection as u64), exporter: [7; 32] }
}

fn token(n: usize) -> String {
    format!("token-{n}")
}
