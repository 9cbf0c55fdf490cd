//! Right servers that differ from the reference: nobody may be blamed.

mod answers;
mod checks;
mod connections;
mod dialects;

use super::Variation;

pub(super) const ALL: &[&[Variation]] = &[checks::TABLE, connections::TABLE, answers::TABLE, dialects::TABLE];
