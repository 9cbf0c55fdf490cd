//! Makes what is sent: keys, certificates, access tokens and proofs, right by default and wrong in one named way.
//!
//! [`recipe`] makes a request out of its ingredients, [`alteration`] is the table of the single things that can be
//! wrong with them, [`pki`] holds the certificates, [`issuer`] signs the access tokens,
//! [`bundle`] is both as files. [`exporter`] computes what a connection exports from its secrets.

pub mod alteration;
pub mod bundle;
pub mod document;
mod dpop;
pub mod exporter;
pub mod issuer;
pub mod keys;
pub mod mutation;
pub mod pki;
#[cfg(feature = "properties")]
pub mod properties;
pub mod recipe;

/// Why something could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// A key that cannot do what was asked of it.
    #[error(transparent)]
    Key(#[from] keys::ForgeKeyError),
    /// A certificate that could not be issued.
    #[error(transparent)]
    Pki(#[from] pki::PkiError),
    /// A client that the PKI does not have.
    #[error("there is no client certificate named {0:?}")]
    NoIdentity(String),
    /// A row that the table of alterations does not have.
    #[error("there is no alteration named {0:?}")]
    NoAlteration(String),
    /// The alteration left everything as it was, so the result would be a right one under a wrong name.
    #[error("alteration {0:?} changes nothing here")]
    NoChange(&'static str),
}
