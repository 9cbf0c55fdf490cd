//! Plays cases on a subject and records what happened. The player decides nothing: `suite` judges.
//!
//! [`world`] holds what all plays share, [`subject`] is what is tested, [`network`] one that is elsewhere,
//! [`mod@bench`] measures what requests cost,
//! [`serve`] makes one that stays, [`run`] plays many cases at once. [`vectors`] are cases for
//! libraries, and [`adapter`] is one in another language.

mod actor;
pub mod adapter;
pub mod bench;
pub mod campaign;
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
