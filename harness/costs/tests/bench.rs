//! What requests cost: what was measured is kept when the rest cannot be.

use std::sync::atomic::{AtomicBool, Ordering};

use ekmcheck_costs::{Settings, bench};
use ekmcheck_player::{subject::Subject, world::World};
use ekmcheck_suite::{
    bench::{Load, Scheme},
    case::Transport,
};

fn settings(requests: &[u32]) -> Settings {
    Settings {
        subject: Subject::Reference,
        transports: vec![Transport::Tls13H1, Transport::Tls13H2],
        schemes: vec![Scheme::Bearer, Scheme::SessionBound],
        loads: requests.iter().map(|requests| Load { users: 1, requests: *requests, hops: 1 }).collect(),
        turns: 1,
        at_once: 1,
    }
}

#[test]
fn an_interrupt_keeps_the_loads_that_every_scheme_was_under() {
    let world = World::at(1_790_000_000).unwrap();
    let stop = AtomicBool::new(false);
    let done = bench(&world, &settings(&[1, 2]), &mut |_| stop.store(true, Ordering::Relaxed), &stop).unwrap();
    assert_eq!(done.unfinished.as_deref(), Some("interrupted"));
    let points: Vec<_> = done.points.iter().map(|p| (p.transport, p.scheme, p.load.requests)).collect();
    assert_eq!(points, [(Transport::Tls13H1, Scheme::Bearer, 1), (Transport::Tls13H1, Scheme::SessionBound, 1)]);
    let whole = bench(&world, &settings(&[1, 2]), &mut |_| (), &AtomicBool::new(false)).unwrap();
    assert_eq!((whole.unfinished, whole.points.len()), (None, 8));
}

#[test]
fn where_nothing_was_measured_there_is_no_report() {
    let world = World::at(1_790_000_000).unwrap();
    assert_eq!(bench(&world, &settings(&[1]), &mut |_| (), &AtomicBool::new(true)).unwrap_err(), "interrupted");
}
