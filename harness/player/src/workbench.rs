//! Single proofs and single connections, outside of any case: for whoever builds an implementation and looks for where
//! it goes astray.

mod export;
mod inspect;
mod verify;

pub use export::{ExportError, Exported, Target, Value, export};
pub use inspect::{Finding, Inspection, Weight, inspect, redacted};
pub use verify::{IngredientError, Ingredients, Make, Verdict, Verify, make, verify};

pub use crate::fingerprint::fingerprint;
