//! What a deviation weighs: whether a right implementation could do the same.

use std::collections::BTreeMap;

use ekmcheck_forge::mutation::{Mutation, Part};
use ekmcheck_suite::{
    campaign::{Class, Weight},
    case::{Basis, Case, Expect, Level},
    vector::{Vector, Verdict},
};

/// What the rows of the table of alterations weigh, by the cases that use each alone.
pub(super) struct Rows(BTreeMap<String, Weight>);

impl Rows {
    pub(super) fn of(cases: &[Case]) -> Self {
        let mut rows = BTreeMap::new();
        for case in cases {
            let firm = matches!((case.level, case.basis), (Level::Must, Basis::Draft | Basis::Inherited));
            let weight = if firm && case.expect != Some(Expect::Observed) { Weight::Violation } else { Weight::Note };
            if let Some(row) = &case.alter {
                let entry = rows.entry(row.clone()).or_insert(weight);
                *entry = weight.min(*entry);
            }
        }
        Self(rows)
    }

    /// The same by the vectors.
    pub(super) fn of_vectors(vectors: &[Vector]) -> Self {
        let mut rows = BTreeMap::new();
        for vector in vectors {
            let firm = matches!((vector.level, vector.basis), (Level::Must, Basis::Draft | Basis::Inherited));
            let firm = firm && vector.expect.verdict != Verdict::Open;
            let weight = if firm { Weight::Violation } else { Weight::Note };
            if let Some(row) = &vector.alteration {
                let entry = rows.entry(row.clone()).or_insert(weight);
                *entry = weight.min(*entry);
            }
        }
        Self(rows)
    }

    /// A row that no case is about alone says nothing firm.
    fn of_row(&self, name: &str) -> Weight {
        self.0.get(name).copied().unwrap_or(Weight::Note)
    }
}

/// The weight of a deviation that all of these changes are needed for. `check` is the reference's, or `none`.
///
/// Where only one thing is changed, the requirement that it is about says so. Where several have to come together, one that
/// is contested makes the whole contested.
pub(super) fn weight(rows: &Rows, class: Class, check: &str, mutations: &[Mutation]) -> Weight {
    match class {
        Class::Bypass | Class::RefusesRight => {}
        // Whoever slows down a client that guesses may do so; the draft does not speak of it.
        Class::Poisons | Class::ServerError | Class::NoAnswer => return Weight::Note,
    }
    // Whether the form of a proof is read as strictly as the reference reads it depends on the reader.
    let lenient = matches!(check, "format" | "field" | "x5t" | "crit");
    let weights = mutations.iter().map(|mutation| match mutation {
        Mutation::Row(name) => rows.of_row(name),
        _ if lenient => Weight::Note,
        mutation => of_change(class, mutation),
    });
    weights.min().unwrap_or(Weight::Violation)
}

/// What no reader of JSON may stumble over.
const PLAIN: [&str; 12] =
    ["null", "true", "false", "0", "1", "-1", "\"\"", "\"x\"", "[]", "{}", "[\"x\"]", "{\"x\":1}"];

fn of_change(class: Class, mutation: &Mutation) -> Weight {
    let must = |yes: bool| if yes { Weight::Violation } else { Weight::Note };
    match mutation {
        // What a proof may carry beside is nobody's business, as long as every reader of JSON can be expected to read it: one
        // may set limits to numbers, depth and characters (RFC 8259, 9). That a known name has an odd value is not such a case.
        Mutation::Set(Part::Claims, name, value) if class == Class::RefusesRight => {
            must(name == "ekmcheck-unknown" && PLAIN.contains(&value.as_str()))
        }
        Mutation::Set(_, name, value) => match name.as_str() {
            "typ" | "alg" | "ath" | "ekm" => Weight::Violation,
            "iat" => must(matches!(value.as_str(), "null" | "true" | "false" | "[]" | "{}" | "0" | "1" | "-1")),
            // Those of another type; what they may be otherwise is contested.
            "htm" | "htu" => must(value.starts_with('"') && value.len() > 2),
            _ => Weight::Note,
        },
        Mutation::Remove(_, name) => must(matches!(name.as_str(), "typ" | "alg" | "ath" | "ekm" | "iat")),
        Mutation::Rename(_, name, other) => must(
            matches!(name.as_str(), "typ" | "alg" | "ath" | "ekm" | "iat")
                && name.to_lowercase() != other.to_lowercase(),
        ),
        Mutation::Twice(..) | Mutation::Around(..) => Weight::Note,
        // The signature is over the text of header and claims, whatever a decoder makes of it.
        Mutation::Flip(segment, ..) => must(*segment < 2 && class == Class::Bypass),
        Mutation::Cut(at, _) | Mutation::Insert(at, _) => must(*at < 600 && class == Class::Bypass),
        // A server need not have every method and path.
        Mutation::Method(_) | Mutation::Path(_) if class == Class::RefusesRight => Weight::Note,
        Mutation::Method(_) | Mutation::Path(_) | Mutation::MadeFor(_) | Mutation::NoProof | Mutation::Again => {
            Weight::Violation
        }
        Mutation::Row(_) => Weight::Note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_right_server_may_do_is_no_violation() {
        let rows = Rows::of(&[]);
        let of = |class, check, mutation| weight(&rows, class, check, &[mutation]);
        let method = || Mutation::Method("PATCH".to_owned());
        assert_eq!(of(Class::RefusesRight, "none", method()), Weight::Note, "405");
        assert_eq!(of(Class::Bypass, "htm", method()), Weight::Violation);
        assert_eq!(of(Class::Poisons, "ekm", Mutation::NoProof), Weight::Note, "429");
        assert_eq!(of(Class::Bypass, "presence", Mutation::NoProof), Weight::Violation);
        let padded = Mutation::Insert(300, "=".to_owned());
        assert_eq!(of(Class::Bypass, "format", padded), Weight::Note);
        let unknown = |value: &str| Mutation::Set(Part::Claims, "ekmcheck-unknown".to_owned(), value.to_owned());
        assert_eq!(of(Class::RefusesRight, "none", unknown("{\"x\":1}")), Weight::Violation);
        for limited in ["1e400", "9223372036854775808", "\"\\u0000\"", "[[[[[[[[]]]]]]]]"] {
            assert_eq!(of(Class::RefusesRight, "none", unknown(limited)), Weight::Note, "{limited}");
        }
        assert_eq!(of(Class::Bypass, "ekm", Mutation::Row("not-in-a-case".to_owned())), Weight::Note);
    }
}
