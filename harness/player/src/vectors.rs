//! Frozen vectors: the table of alterations played once, offline, on inputs that never change.
//!
//! [`generate`] makes them, [`files`] is what `vectors/` holds, [`replay()`] is the reference's verdict on one. Keys,
//! certificates, exporter values, times and signatures are fixed, so two generations differ in no octet.

mod class;
mod ledger;
mod matrix;
mod plan;
mod replay;
mod right;
mod step;
mod world;

use ekmcheck_binding::refusal::Check;
use ekmcheck_forge::{
    ForgeError,
    alteration::{self, Alteration, Edit, Leads},
};
use ekmcheck_suite::vector::Vector;

pub use self::{
    ledger::{Entry, LEFT_OPEN},
    replay::{replay, replay_by},
};
use self::{plan::Plan, world::World};

/// The path of the schema within `vectors/`.
pub const SCHEMA: &str = "schema/vector.schema.json";

/// Why vectors cannot be made, or one cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// An ingredient could not be made.
    #[error("{name}: {reason}")]
    Forge {
        /// The vector.
        name: String,
        /// Why not.
        reason: ForgeError,
    },
    /// A field of the vector does not hold what it should.
    #[error("{id}: {field}: {reason}")]
    Unreadable {
        /// The vector.
        id: String,
        /// The path of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// All vectors with their paths within `vectors/`, in the order of the paths.
///
/// # Errors
/// [`VectorError::Forge`]; not expected.
pub fn generate() -> Result<Vec<(String, Vector)>, VectorError> {
    let world = World::new().map_err(|reason| VectorError::Forge { name: "the frozen PKI".to_owned(), reason })?;
    let altered = alteration::table().filter(|a| judged_by_inputs(a)).map(Plan::of_row);
    let mut vectors = Vec::new();
    for plan in altered.chain(right::plans()).chain(matrix::plans()) {
        let name = plan.name.clone();
        let vector = plan.vector(&world).map_err(|reason| VectorError::Forge { name, reason })?;
        vectors.push((format!("{}.json", vector.id), vector));
    }
    vectors.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(vectors)
}

/// All generated files of `vectors/` with their texts: the vectors and the schema.
///
/// # Errors
/// [`VectorError::Forge`]; not expected.
pub fn files() -> Result<Vec<(String, String)>, VectorError> {
    let mut files: Vec<_> = generate()?.into_iter().map(|(path, vector)| (path, render(&vector))).collect();
    files.push((SCHEMA.to_owned(), format!("{:#}\n", Vector::schema())));
    Ok(files)
}

/// The text of a vector's file: members in the order of the type, two spaces a level, a newline at the end.
#[must_use]
pub fn render(vector: &Vector) -> String {
    // Through a value, whose printing cannot fail: all names are strings and all numbers are integers.
    let value = serde_json::to_value(vector).unwrap_or_default();
    format!("{value:#}\n")
}

/// Whether certificate, `cnf`, proof, exporter value, time and request are enough for a verdict.
fn judged_by_inputs(row: &Alteration) -> bool {
    match row.edit {
        Edit::Proof(_) | Edit::ProofText(_) => true,
        // Whether the token is valid is decided before; so is which of two `cnf` counts.
        Edit::Token(_) => row.changes.starts_with("token.claims.cnf") && row.leads != Leads::Refused(Check::Token),
        Edit::TokenText(_) | Edit::Request(_) => false,
    }
}
