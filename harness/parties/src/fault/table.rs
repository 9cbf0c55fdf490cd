//! The faults by what they concern, and the harmless variations.

mod cache;
mod claims;
pub(super) mod evasion;
mod form;
mod handshake;
mod header;
mod life;
mod message;
mod request;
mod signature;
mod target;
mod token;

use super::{Bend, Fault};

pub(super) const ALL: &[&[Fault]] = &[
    token::TABLE,
    form::TABLE,
    header::TABLE,
    signature::TABLE,
    claims::TABLE,
    target::TABLE,
    request::TABLE,
    cache::TABLE,
    handshake::TABLE,
    life::TABLE,
    message::TABLE,
];

const fn fault(
    name: &'static str,
    does: &'static str,
    bends: &'static [Bend],
    caught_by: &'static [&'static str],
) -> Fault {
    Fault { name, does, caught_by, not_on: &[], evades: false, bends }
}
