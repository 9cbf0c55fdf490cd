//! Plays cases on a subject and records what happened. The player decides nothing: `suite` judges.
//!
//! [`world`] holds what all plays share, [`subject`] is what is tested, [`network`] one that is elsewhere, [`serve`] makes one
//! that stays, [`run`] plays many cases at once, [`exporter`] looks at a single connection.

use std::pin::Pin;

pub use ekmcheck_parties::files;

mod actor;
mod dialect;
pub mod exporter;
mod fingerprint;
mod floor;
mod jump;
pub mod keylog;
pub mod network;
mod own;
pub mod pace;
pub mod run;
pub mod secrets;
pub mod serve;
pub mod subject;
pub mod tap;
mod watch;
pub mod world;

/// What is to be awaited, on the thread that awaits it. Boxed, and made by functions that are not `async` themselves, so that all
/// that it runs through is compiled here, once, and not in whatever crate awaits it.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
