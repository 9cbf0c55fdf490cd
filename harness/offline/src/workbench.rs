//! Single proofs, outside of any case: for whoever builds an implementation and looks for where
//! it goes astray.

mod inspect;
mod verify;

pub use inspect::{Finding, Inspection, Weight, inspect, redacted};
pub use verify::{IngredientError, Ingredients, Make, Verdict, Verify, make, verify};

pub use ekmcheck_suite::fingerprint::fingerprint;
