//! One hot path, so many times, for a count of its instructions: `instructions PATH TIMES [slower]`. What is counted is
//! [`counted`] alone; `benches/instructions` runs it under callgrind and compares with the checked-in counts. `slower` adds a
//! SHA-256 of the token to each time, to show that a slower path is found out.

#![expect(clippy::unwrap_used, reason = "a program for one script: a failure ends it")]

use std::{env, hint::black_box, process::ExitCode};

use ekmcheck_benches::{But, Inputs, NOW};
use ekmcheck_binding::{
    cache::ConnectionId,
    digest::TokenHash,
    guard::{Connection, Guard, Policy},
    proof::Proof,
};
use ekmcheck_parties::dpop::DpopVerifier;

/// The only function whose instructions count; its name is in the script.
#[inline(never)]
fn counted(path: &mut dyn FnMut() -> bool) -> bool {
    black_box(path())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, times, rest @ ..] = arguments.as_slice() else { return ExitCode::from(2) };
    let slower = rest.iter().any(|word| word == "slower");
    let inputs = Inputs::new().unwrap();
    let mut call = path_of(path, &inputs);
    // The first of its kind, which fills caches and tables, does not count.
    let mut right = call();
    for _ in 0..times.parse::<u32>().unwrap() {
        right &= counted(&mut || call() && (!slower || TokenHash::of(black_box(&inputs.token)).octets().len() == 32));
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn path_of<'a>(path: &str, inputs: &'a Inputs) -> Box<dyn FnMut() -> bool + 'a> {
    let guard = |signature| Guard::new(But { signature }, Policy::default());
    let decide = |guard: &Guard<But>, connection: &Connection, authorization: &str, proof: &str| {
        inputs.request(authorization, proof, |r| {
            guard.decide(connection, r, &inputs.bound_to_session, NOW as f64).is_ok()
        })
    };
    match path {
        "cached" => {
            let guard = guard(true);
            guard.opened(&inputs.connection);
            Box::new(move || decide(&guard, &inputs.connection, &inputs.bearer, &inputs.proof))
        }
        "cached-of-64" => {
            let (guard, bound) = (guard(true), inputs.among(64).unwrap());
            guard.opened(&inputs.connection);
            for (authorization, proof) in &bound {
                assert!(decide(&guard, &inputs.connection, authorization, proof));
            }
            let mut at = 0;
            Box::new(move || {
                at += 1;
                let (authorization, proof) = &bound[at % bound.len()];
                decide(&guard, &inputs.connection, authorization, proof)
            })
        }
        "cold" | "cold-but-signature" => {
            let guard = guard(path == "cold");
            // Each on a connection that was opened before.
            let open = |n| Connection { id: ConnectionId(n), ..inputs.connection.clone() };
            let connections: Vec<Connection> = (0..200).map(open).collect();
            connections.iter().for_each(|connection| guard.opened(connection));
            let mut left = connections.into_iter();
            Box::new(move || {
                left.next().is_some_and(|connection| decide(&guard, &connection, &inputs.bearer, &inputs.proof))
            })
        }
        "parse" => Box::new(move || Proof::parse(&inputs.proof).is_ok()),
        "dpop" => {
            let verifier = DpopVerifier::new(Policy::default());
            let proofs: Vec<String> = (0..20).map(|n| inputs.dpop_proof(&inputs.dpop_parts(n)).unwrap()).collect();
            let mut left = proofs.into_iter();
            Box::new(move || {
                let proof = left.next().unwrap();
                inputs.request(&inputs.dpop, &proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64).is_ok())
            })
        }
        _ => Box::new(|| false),
    }
}
