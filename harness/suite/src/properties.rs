//! What must hold for every input of the readers in this crate, as plain functions that any fuzzing engine can call. Like
//! those of the forge: a property returns when all is well, and panics when it has found something.

mod challenge;
mod files;

pub use challenge::{challenge, challenge_on};
pub use files::files;

/// An input to start with: the name of its file, and its octets.
pub type Seed = (String, Vec<u8>);

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
    Target { name: "challenge", check: challenge, seeds: challenge::seeds },
    Target { name: "files", check: files, seeds: files::seeds },
];
