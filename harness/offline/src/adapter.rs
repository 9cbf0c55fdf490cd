//! A verifier library in any language, behind a program that answers a line of JSON with a line of JSON.
//!
//! [`Process`] is the program, [`Asker`] asks it, [`open()`] finds out whether its answers mean anything, [`run()`] gives it
//! vectors. What the answers mean for a vector `suite` judges.

mod ask;
mod open;
mod process;
mod run;
pub mod serve;

pub use ask::Asker;
pub use open::{Opened, WRONG, open, right_proofs};
pub use process::{Launch, Process};
pub use run::{Done, Plan, run};
