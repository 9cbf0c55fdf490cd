//! Frozen vectors: the table of alterations played once, offline, on inputs that never change.
//!
//! [`generate`] makes them, [`Made::files`] is what `vectors/` holds, [`replay()`] is the reference's verdict on one. Keys,
//! certificates, exporter values, times and signatures are fixed, so two generations differ in no octet.

mod changed;
mod class;
mod coverage;
mod exporter;
mod ledger;
mod matrix;
mod plan;
mod replay;
mod right;
mod step;
mod world;

use std::collections::BTreeMap;

use ekmcheck_binding::refusal::Check;
use ekmcheck_forge::{
    ForgeError,
    alteration::{self, Alteration, Edit, Leads},
};
use ekmcheck_suite::vector::{Bundle, ExporterAnswer, Vector};

pub use self::{
    changed::{Bench, bare},
    plan::segment,
    world::WINDOW,
};
pub use self::{
    coverage::ROWS,
    ledger::{Entry, LEFT_OPEN},
    replay::{REFERENCE, replay, replay_by},
};
use serde::Serialize;

use self::{plan::Plan, world::World};

/// The folder of the known answers for the exporter.
pub const EXPORTER: &str = "exporter";
/// The folder of the schemas.
pub const SCHEMAS: &str = "schema";
/// The file that says which vectors there are for which row of the catalogue.
pub const COVERAGE: &str = "coverage.json";

/// What `vectors/` is made of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Made {
    /// The vectors, in the order of their ids.
    pub vectors: Vec<Vector>,
    /// The known answers for the exporter, in the order of their ids.
    pub exporter: Vec<ExporterAnswer>,
    /// The text of [`COVERAGE`].
    pub coverage: String,
}

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

/// Makes all vectors and known answers.
///
/// # Errors
/// [`VectorError::Forge`]; not expected.
pub fn generate() -> Result<Made, VectorError> {
    let world = World::new().map_err(|reason| VectorError::Forge { name: "the frozen PKI".to_owned(), reason })?;
    let altered = alteration::table().filter(|a| judged_by_inputs(a)).map(Plan::of_row);
    let (mut vectors, mut by_row) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    for plan in altered.chain(right::plans()).chain(matrix::plans()) {
        let (name, rows) = (plan.name.clone(), plan.rows.clone());
        let vector = plan.vector(&world).map_err(|reason| VectorError::Forge { name, reason })?;
        for row in rows {
            by_row.entry(row).or_default().push(vector.id.clone());
        }
        vectors.push(vector);
    }
    let mut exporter = exporter::answers();
    vectors.sort_by(|one: &Vector, other| one.id.cmp(&other.id));
    exporter.sort_by(|one, other| one.id.cmp(&other.id));
    let coverage = coverage::text(&by_row, &exporter);
    Ok(Made { vectors, exporter, coverage })
}

impl Made {
    /// All generated files of `vectors/` by their paths there, with their texts: vectors, known answers, schemas, coverage.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let vectors = self.vectors.iter().map(|vector| (format!("{}.json", vector.id), render(vector)));
        let exporter = self.exporter.iter().map(|answer| (format!("{}.json", answer.id), render(answer)));
        let schemas =
            [("vector", Vector::schema()), ("exporter", ExporterAnswer::schema()), ("bundle", Bundle::schema())];
        let schemas = schemas.map(|(name, schema)| (format!("{SCHEMAS}/{name}.schema.json"), format!("{schema:#}\n")));
        let coverage = (COVERAGE.to_owned(), self.coverage.clone());
        vectors.chain(exporter).chain(schemas).chain([coverage]).collect()
    }
}

/// The text of a file: members in the order of the type, two spaces a level, a newline at the end.
#[must_use]
pub fn render(value: &impl Serialize) -> String {
    // Through a value, whose printing cannot fail: all names are strings and all numbers are integers.
    let value = serde_json::to_value(value).unwrap_or_default();
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
