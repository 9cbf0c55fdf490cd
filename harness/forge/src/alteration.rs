//! The table of alterations: each a name, the one thing it changes, and what it should lead to.
//!
//! Three uses: frozen into `vectors/`, applied live by `scenarios/`, and recombined by `fuzz/`.

mod claims;
mod curve;
mod header;
mod jose;
mod members;
mod request;
mod rsa;
mod size;
mod target;
mod text;
mod token;

use ekmcheck_binding::refusal::Check;

use crate::{
    ForgeError,
    recipe::{ProofRecipe, RequestRecipe, Setting, TokenRecipe},
};

/// What a server should make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// Refused, and by this check when all others hold.
    Refused(Check),
    /// Accepted: the change does not matter.
    Accepted,
    /// The draft leaves it open; the reference's answer by that check, `None` for acceptance.
    Open(Option<Check>),
}

/// How the change is made. Exactly one ingredient is touched; what is made later is made right for it.
#[derive(Debug, Clone, Copy)]
pub enum Edit {
    /// Of the token before it is signed.
    Token(fn(&mut TokenRecipe, &Setting<'_>)),
    /// Of the token's text after it was signed.
    TokenText(fn(&str) -> String),
    /// Of the proof before it is signed; the third argument is the token.
    Proof(fn(&mut ProofRecipe, &Setting<'_>, &str)),
    /// Of the proof's text after it was signed.
    ProofText(fn(&str, &Setting<'_>) -> String),
    /// Of the request that carries them.
    Request(fn(&mut RequestRecipe, &Setting<'_>)),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Alteration {
    /// The name in case files.
    pub name: &'static str,
    /// The one thing that changes, as a path like `proof.claims.ekm`.
    pub changes: &'static str,
    /// What it should lead to.
    pub leads: Leads,
    /// The client whose kind of key it says something about.
    pub client: &'static str,
    /// Whether it takes a value from another live connection of the same client.
    pub needs_other: bool,
    /// Whether it names an address that somebody listens at.
    pub needs_canary: bool,
    /// The change.
    pub edit: Edit,
}

/// All rows, by ingredient, the rare ones last.
pub fn table() -> impl Iterator<Item = &'static Alteration> {
    let usual = [request::TABLE, token::TABLE, header::TABLE, claims::TABLE, text::TABLE];
    // Behind the others: fuzzing seeds name a row by its place.
    let rare = [rsa::TABLE, jose::TABLE, members::TABLE, curve::TABLE, size::TABLE, target::TABLE];
    usual.into_iter().chain(rare).flatten()
}

/// The row of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Alteration> {
    table().find(|a| a.name == name)
}

impl Alteration {
    /// Whether it is about the access token, so that whoever issues the token must be at hand.
    #[must_use]
    pub fn is_of_token(&self) -> bool {
        matches!(self.edit, Edit::Token(_) | Edit::TokenText(_))
    }

    /// A change that changes nothing would make a right server look wrong.
    pub(crate) fn require_change(&self, changed: bool) -> Result<(), ForgeError> {
        if changed { Ok(()) } else { Err(ForgeError::NoChange(self.name)) }
    }
}

/// Another spelling of the same octets: the unused bits of the last character are set.
pub(crate) use claims::other_spelling;

pub use header::pem;

const fn row(name: &'static str, changes: &'static str, leads: Leads, edit: Edit) -> Alteration {
    Alteration { name, changes, leads, client: "p256", needs_other: false, needs_canary: false, edit }
}

/// A row about that client's kind of key.
const fn row_of(
    client: &'static str,
    name: &'static str,
    changes: &'static str,
    leads: Leads,
    edit: Edit,
) -> Alteration {
    Alteration { client, ..row(name, changes, leads, edit) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut names = HashSet::new();
        for alteration in table() {
            assert!(names.insert(alteration.name), "{} twice", alteration.name);
            assert!(alteration.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
        assert!(names.len() > 100);
    }
}
