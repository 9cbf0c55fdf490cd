//! draft-mw-oauth-tls-session-bound-tokens (revision -06) as code. Section numbers are the draft's.
//!
//! The crate is pure: time, keys and exporter values are arguments, and nothing here opens a socket or a file. A
//! resource server is a [`guard::Guard`] plus something that validates access tokens; whoever wants to build a *wrong*
//! one overrides a method of [`steps::Steps`].

pub mod algorithm;
pub mod base64url;
pub mod cache;
pub mod certificate;
pub mod confirmation;
pub mod crypto;
pub mod digest;
pub mod exporter;
pub mod guard;
pub mod json;
pub mod jti;
pub mod proof;
pub mod refusal;
pub mod steps;
pub mod target;
