//! What a cached binding costs in memory, and what the end of a connection costs, counted by the allocator. One test: what
//! runs beside it would be counted too.

use std::alloc::System;

use ekmcheck_binding::{
    cache::{ConnectionId, ENTRIES_PER_CONNECTION, EntryKey, Scope, VerificationCache},
    digest::TokenHash,
    jti::{JtiLimits, JtiStore},
    proof::RequestClaims,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The most that a binding may cost beyond the octets of its token and its proof.
const MOST: usize = 96;

const TOKEN: usize = 800;
const PROOF: usize = 390;

#[test]
fn bytes_a_binding_and_steps_an_end() {
    // One at a time up to the limit of a connection, so that the moment after a table has grown is there too.
    let mut cache = VerificationCache::default();
    cache.open(scope(0));
    let region = Region::new(GLOBAL);
    let mut worst = (0, 0);
    for n in 1..=ENTRIES_PER_CONNECTION {
        insert(&mut cache, 0, n);
        let beyond = (held(&region) - n * (TOKEN + PROOF)).div_ceil(n);
        worst = worst.max((beyond, n));
        assert!(beyond <= MOST, "{beyond} bytes a binding beyond token and proof, with {n} on a connection");
    }
    println!("at most {} bytes a binding beyond token and proof, with {} on a connection", worst.0, worst.1);
    for n in 0..10 * ENTRIES_PER_CONNECTION {
        insert(&mut cache, 0, n);
    }
    assert!(held(&region) / ENTRIES_PER_CONNECTION - TOKEN - PROOF <= MOST, "however many went through");
    println!(
        "{} bytes after {} more",
        held(&region) / ENTRIES_PER_CONNECTION - TOKEN - PROOF,
        10 * ENTRIES_PER_CONNECTION
    );

    // The end of a connection frees what it held and touches nothing else, however many others there are.
    let freed = |connections: u64| {
        let mut cache = VerificationCache::default();
        for connection in 0..connections {
            cache.open(scope(connection));
            (0..5).for_each(|n| insert(&mut cache, connection, n));
        }
        let region = Region::new(GLOBAL);
        drop(cache.close(&scope(connections / 2)));
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0));
        (change.deallocations, change.bytes_deallocated)
    };
    assert_eq!(freed(10), freed(10_000));
    println!("the end of a connection with 5 bindings frees {:?} (pieces, bytes), among 10 as among 10,000", freed(10));

    // A connection without a binding, in a table that holds ten thousand.
    let region = Region::new(GLOBAL);
    let mut cache = VerificationCache::default();
    (0..10_000).for_each(|connection| cache.open(scope(connection)));
    println!("{} bytes a connection that has no binding", held(&region) / 10_000);

    let mut store = JtiStore::new(JtiLimits { per_token: usize::MAX, total: usize::MAX });
    let region = Region::new(GLOBAL);
    for count in [1_000_usize, 100_000, 1_000_000] {
        for n in store.len()..count {
            assert_eq!(store.use_once(TokenHash::of(&(n % 100).to_string()), &n.to_string(), 100, 0.0), Ok(()));
        }
        println!("{} bytes an identifier, of {count} for 100 tokens", held(&region) / count);
    }
}

fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

fn insert(cache: &mut VerificationCache, connection: u64, n: usize) {
    let (token, proof) = (format!("{n:0TOKEN$}"), format!("{n:0PROOF$}"));
    let claims = RequestClaims { iat: 0.0, jti: None, htm: None, htu: None };
    cache.insert(&scope(connection), &EntryKey::new(&token, &proof), claims);
}

fn scope(connection: u64) -> Scope {
    Scope { connection: ConnectionId(connection), exporter: [1; 32] }
}
