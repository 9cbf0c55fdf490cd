//! What must hold for every input, as plain functions that any fuzzing engine can call.
//!
//! A property returns when all is well and panics, with the whole story, when it has found something. It depends on
//! nothing but its octets: the keys and the clock stand still. `fuzz/` hands these functions to libFuzzer, `tests/` to
//! proptest, and both replay the same corpora.

mod attack;
mod bytes;
mod oracle;
mod plan;
mod rewrite;
mod seeds;
mod stage;
mod step;
mod strict;
mod structured;
mod values;

pub use bytes::{proof_bytes, proof_bytes_on};
pub use seeds::Seed;
pub use structured::{proof_structured, proof_structured_on};

/// A property with what a campaign needs besides.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of the fuzz target, of its corpus and of its regressions.
    pub name: &'static str,
    /// The property.
    pub check: fn(&[u8]),
    /// The inputs to start with, the same at every run.
    pub seeds: fn() -> Vec<Seed>,
}

/// All of them.
pub const TARGETS: [Target; 2] = [
    Target { name: "proof_bytes", check: proof_bytes, seeds: seeds::proof_bytes },
    Target { name: "proof_structured", check: proof_structured, seeds: seeds::proof_structured },
];
