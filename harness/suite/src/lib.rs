//! What a case is, what was required, what was seen, and what that means. Pure: values in, values out.
//!
//! [`case`] and [`play`] are the format of a case file, [`transcript`] is what the player records, [`judge`] turns both
//! into an [`outcome`], [`report`] counts and prints. [`requirement`] is the ledger,
//! [`ambiguity`] the register of what the draft leaves open. [`vector`] is a case for a library, and [`adapter`] how one in
//! another language is asked. [`brief`] keeps messages short.

pub mod adapter;
pub mod ambiguity;
pub mod bench;
pub mod brief;
pub mod campaign;
pub mod case;
pub mod challenge;
pub mod judge;
pub mod load;
pub mod outcome;
pub mod play;
#[cfg(feature = "properties")]
pub mod properties;
pub mod report;
pub mod requirement;
pub mod transcript;
pub mod vector;
