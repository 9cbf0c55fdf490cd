//! Vectors that no live scenario needs: whole tables of what a verifier library may do wrong, one family a file.

mod algorithms;
mod crit;
mod duplicates;
mod kinds;
mod limits;
mod numbers;
mod pairs;
mod secrets;
mod spelling;
mod swap;
mod targets;
mod texts;
mod tokens;
mod types;

use super::plan::Plan;

/// All of them.
pub(super) fn plans() -> Vec<Plan> {
    let families = [
        kinds::plans,
        duplicates::plans,
        spelling::plans,
        crit::plans,
        algorithms::plans,
        secrets::plans,
        numbers::plans,
        texts::plans,
        types::plans,
        targets::plans,
        tokens::plans,
        limits::plans,
        pairs::plans,
        swap::plans,
    ];
    families.into_iter().flat_map(|family| family()).collect()
}
