//! A whole decision of a resource server, by protocol and state. The validation of the access token is a stub in all.

use ekmcheck_benches::{But, Inputs, NOW, figure::Figure};
use ekmcheck_binding::{
    cache::{ConnectionId, ENTRIES_PER_CONNECTION},
    guard::{Accepted, Connection, Guard, Policy},
    refusal::Refusal,
    steps::{ByTheDraft, Moment, Steps},
};
use ekmcheck_parties::dpop::DpopVerifier;

/// The draft's protocol.
pub(super) fn session<'a>(
    inputs: &'a Inputs,
    bound: &'a [(String, String)],
    guard: &'a Guard,
    but: &'a Guard<But>,
) -> Vec<Figure<'a>> {
    let alone = Open::new(guard, inputs.connection.clone());
    assert!(is(decide(guard, &alone.connection, inputs), Moment::Cold));
    let cached = Figure::of("cached", move |_| is(decide(guard, &alone.connection, inputs), Moment::Hit));
    vec![
        cold("cold", inputs, bound, guard),
        cold("cold-but-signature", inputs, bound, but).turns_of(256),
        cached.turns_of(4096),
        among(inputs, 8, "cached-of-8"),
        among(inputs, ENTRIES_PER_CONNECTION, "cached-of-1024"),
    ]
}

/// First requests, each on a connection of its own, opened before and closed after the clock runs. A guard whose cache is
/// switched off would not pay for the insertion that makes the next request cheap.
fn cold<'a, S: Steps>(
    name: &'static str,
    inputs: &'a Inputs,
    bound: &'a [(String, String)],
    guard: &'a Guard<S>,
) -> Figure<'a> {
    let mut number = 1_000;
    let mut next = move || {
        number += 1;
        Open::new(guard, Connection { id: ConnectionId(number), ..inputs.connection.clone() })
    };
    let prepare = move |size| (0..size).map(|_| next()).collect();
    Figure::new(name, prepare, move |open: &mut Vec<Open<'_, S>>, n| {
        let (authorization, proof) = &bound[n];
        let on = &open[n].connection;
        is(
            inputs.request(authorization, proof, |r| guard.decide(on, r, &inputs.bound_to_session, NOW as f64)),
            Moment::Cold,
        )
    })
}

/// Hits on a connection with so many tokens that come in turn: none is the one that came last.
fn among<'a>(inputs: &'a Inputs, entries: usize, name: &'static str) -> Figure<'a> {
    let bound = inputs.among(entries).unwrap();
    let guard = Guard::new(ByTheDraft, Policy::default());
    guard.opened(&inputs.connection);
    let ask = move |n: usize| {
        let (authorization, proof) = &bound[n % bound.len()];
        inputs.request(authorization, proof, |r| {
            guard.decide(&inputs.connection, r, &inputs.bound_to_session, NOW as f64)
        })
    };
    (0..entries).for_each(|n| assert!(is(ask(n), Moment::Cold)));
    let mut at = 0;
    let measured = move |_| {
        at += 1;
        is(ask(at), Moment::Hit)
    };
    Figure::of(name, measured).turns_of(2048)
}

/// RFC 9449, by our own verifier: with a client whose key it knows, and with one that comes for the first time.
pub(super) fn dpop<'a>(inputs: &'a Inputs, proofs: &'a [String]) -> Vec<Figure<'a>> {
    // A batch uses each proof once, and the next batch begins with an empty store; the last proof is for the key alone.
    let verify = |verifier: &DpopVerifier, proof: &str| {
        inputs.request(&inputs.dpop, proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64).is_ok())
    };
    let knows = move |_| {
        let verifier = DpopVerifier::new(Policy::default());
        assert!(verify(&verifier, &proofs[proofs.len() - 1]));
        verifier
    };
    let unknown = |size| (0..size).map(|_| DpopVerifier::new(Policy::default())).collect();
    vec![
        Figure::new("dpop", knows, move |verifier, n| verify(verifier, &proofs[n])),
        Figure::new("dpop-new-key", unknown, move |verifiers: &mut Vec<DpopVerifier>, n| {
            verify(&verifiers[n], &proofs[n])
        }),
    ]
}

fn decide(guard: &Guard, connection: &Connection, inputs: &Inputs) -> Result<Accepted, Refusal> {
    inputs.request(&inputs.bearer, &inputs.proof, |r| guard.decide(connection, r, &inputs.bound_to_session, NOW as f64))
}

fn is(verdict: Result<Accepted, Refusal>, moment: Moment) -> bool {
    verdict.is_ok_and(|accepted| accepted.moment == Some(moment))
}

/// A connection that the guard knows of until it is dropped.
struct Open<'a, S: Steps> {
    guard: &'a Guard<S>,
    connection: Connection,
}

impl<'a, S: Steps> Open<'a, S> {
    fn new(guard: &'a Guard<S>, connection: Connection) -> Self {
        guard.opened(&connection);
        Self { guard, connection }
    }
}

impl<S: Steps> Drop for Open<'_, S> {
    fn drop(&mut self) {
        self.guard.closed(&self.connection);
    }
}
