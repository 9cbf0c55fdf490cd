//! Plays cases on a subject and records what happened. The player decides nothing: `suite` judges.
//!
//! [`world`] holds what all plays share, [`subject`] is what is tested, [`network`] one that is elsewhere,
//! [`serve`] makes one that stays, [`run`] plays many cases at once.

mod actor;
mod fingerprint;
mod floor;
pub mod keylog;
pub mod network;
mod own;
pub mod pace;
pub mod run;
pub mod serve;
pub mod subject;
pub mod tap;
pub mod vectors;
pub mod workbench;
pub mod world;
