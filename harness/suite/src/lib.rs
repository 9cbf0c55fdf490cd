//! What a case is, what was required, what was seen, and what that means. Pure: values in, values out.
//!
//! [`case`] and [`play`] are the format of a case file, [`transcript`] is what the player records, [`judge`] turns both
//! into an [`outcome`] ([`reaction`] says what an answer amounts to), [`report`] counts and prints. [`requirement`] is the ledger,
//! [`ambiguity`] the register of what the draft leaves open. [`vector`] is a case for a library, and [`adapter`] how one in
//! another language is asked. [`inert`] is what everybody's words go through before they are shown, and [`brief`] keeps
//! messages short, and
//! [`mod@fingerprint`] is what stands for a secret.

pub mod adapter;
pub mod ambiguity;
pub mod bench;
pub mod brief;
pub mod campaign;
pub mod case;
pub mod challenge;
pub mod dialect;
pub mod fingerprint;
pub mod inert;
pub mod judge;
pub mod load;
pub mod outcome;
pub mod play;
#[cfg(feature = "properties")]
pub mod properties;
pub mod reaction;
pub mod report;
pub mod requirement;
pub mod role;
pub mod transcript;
pub mod vector;
