//! Servers that never refuse, and never serve what they should refuse either: nothing that needs a refusal may pass on them.

use std::time::Duration;

use bytes::Bytes;

use super::fault;
use crate::{
    fault::{Bend, Fault},
    wire::{Instead, Manner, Outgoing},
};

/// The answer, with another status where it is a refusal.
fn instead_of_refusals(answer: Outgoing, status: u16) -> Outgoing {
    if answer.status == 401 { Outgoing { status, fields: Vec::new(), body: Bytes::new(), ..answer } } else { answer }
}

/// The answer, given in another manner where it is a refusal.
fn refusals_in(answer: Outgoing, manner: Manner) -> Outgoing {
    if answer.status == 401 { Outgoing { manner, ..answer } } else { answer }
}

const PLAIN: Manner =
    Manner { instead: None, http10: false, chunked: false, after: Duration::ZERO, without_notify: false };

/// A fault that no case has to name: none may pass on it.
const fn evasion(name: &'static str, does: &'static str, bends: &'static [Bend]) -> Fault {
    Fault { evades: true, ..fault(name, does, bends, &[]) }
}

pub(in crate::fault) const TABLE: &[Fault] = &[
    evasion(
        "hangs-on-refusals",
        "does not answer what it should refuse, and leaves the connection open",
        &[Bend::Amends(|_, _, answer| refusals_in(answer, Manner { instead: Some(Instead::Silence), ..PLAIN }))],
    ),
    evasion(
        "late-refusals",
        "refuses after 4.5 seconds",
        &[Bend::Amends(|_, _, answer| refusals_in(answer, Manner { after: Duration::from_millis(4500), ..PLAIN }))],
    ),
    evasion(
        "refuses-with-429",
        "says 429 to all that it should refuse",
        &[Bend::Amends(|_, _, answer| instead_of_refusals(answer, 429))],
    ),
    evasion(
        "refuses-with-503",
        "says 503 to all that it should refuse",
        &[Bend::Amends(|_, _, answer| instead_of_refusals(answer, 503))],
    ),
    evasion(
        "refuses-with-431",
        "says 431 to all that it should refuse",
        &[Bend::Amends(|_, _, answer| instead_of_refusals(answer, 431))],
    ),
    evasion(
        "refuses-with-501",
        "says 501 to all that it should refuse",
        &[Bend::Amends(|_, _, answer| instead_of_refusals(answer, 501))],
    ),
    evasion(
        "refuses-by-closing",
        "ends the connection instead of refusing",
        &[Bend::Amends(|_, _, answer| refusals_in(answer, Manner { instead: Some(Instead::End), ..PLAIN }))],
    ),
    evasion(
        "refuses-by-rejection",
        "rejects the stream instead of refusing",
        &[Bend::Amends(|_, _, answer| refusals_in(answer, Manner { instead: Some(Instead::Rejection), ..PLAIN }))],
    ),
    evasion(
        "hangs-for-ever",
        "answers nothing at all",
        &[Bend::Amends(|_, _, answer| Outgoing {
            manner: Manner { instead: Some(Instead::Silence), ..PLAIN },
            ..answer
        })],
    ),
];
