//! What must hold for every input, as plain functions that any fuzzing engine can call.
//!
//! A property returns when all is well and panics, with the whole story, when it has found something. It depends on
//! nothing but its octets: the keys and the clock stand still. `fuzz/` hands these functions to libFuzzer, `tests/` to
//! proptest, and both replay the same corpora. [`BUGS`] are verifiers that are wrong on purpose, which [`engine`] has to
//! find with these functions and without a corpus.

mod answer;
mod attack;
mod bugs;
mod bytes;
mod cache;
mod certificate;
mod confirmation;
mod differential;
pub mod engine;
mod fields;
mod multiplex;
mod oracle;
mod plan;
mod rewrite;
mod seeds;
mod stage;
mod step;
mod strict;
mod structured;
mod values;

pub use bugs::{BUGS, Bug};
pub use bytes::{proof_bytes, proof_bytes_on};
pub use cache::{Memory, Remembers, cache, cache_on};
pub use certificate::{CertificateReader, certificate, certificate_on};
pub use confirmation::{Reader, Source, confirmation, confirmation_on};
pub use differential::{Disagreement, Kind, differential, disagreements};
pub use fields::{fields, fields_on};
pub use multiplex::{Habits, multiplex, multiplex_on};
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
pub const TARGETS: [Target; 8] = [
    Target { name: "cache", check: cache, seeds: seeds::cache },
    Target { name: "certificate", check: certificate, seeds: seeds::certificate },
    Target { name: "confirmation", check: confirmation, seeds: seeds::confirmation },
    Target { name: "differential", check: differential, seeds: seeds::proof_structured },
    Target { name: "fields", check: fields, seeds: seeds::fields },
    Target { name: "multiplex", check: multiplex, seeds: seeds::multiplex },
    Target { name: "proof_bytes", check: proof_bytes, seeds: seeds::proof_bytes },
    Target { name: "proof_structured", check: proof_structured, seeds: seeds::proof_structured },
];
