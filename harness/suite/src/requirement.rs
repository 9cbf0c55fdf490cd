//! The ledger of requirements, and of catalogue rows that no case covers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::{Basis, Case, Level},
    role::Role,
};

/// One normative statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What cases call it.
    pub id: String,
    /// Whose requirement it is.
    pub role: Role,
    /// How strong it is.
    pub level: Level,
    /// Where it comes from.
    pub basis: Basis,
    /// The clause.
    pub clause: String,
    /// The draft's revision that was read.
    pub revision: String,
    /// The statement in one sentence, our own words.
    pub text: String,
}

/// A row of the catalogue that no case covers, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// The row.
    pub row: String,
    /// A reason that would convince its author.
    pub reason: String,
}

/// Where the suite reads a row in another way than the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The row.
    pub row: String,
    /// What is read differently, and by which clause.
    pub reading: String,
}

/// A case that can fail on a foreign server and on none of the faulty ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeyondFaults {
    /// The case.
    pub case: String,
    /// What the faulty servers lack.
    pub reason: String,
}

/// Rows of the catalogue that no case covers yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The role whose cases will cover them.
    pub role: Role,
    /// The rows.
    pub rows: Vec<String>,
}

/// A row of the catalogue about the suite itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfTheSuite {
    /// The row.
    pub row: String,
    /// What holds the suite to it.
    pub held_by: String,
}

/// The ledger as a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The statements.
    pub requirements: Vec<Requirement>,
    /// The rows that are due: each is covered by a case or excluded with a reason.
    pub rows: Vec<String>,
    /// Rows without a case.
    pub excluded: Vec<Excluded>,
    /// Rows that are not due yet, by the role that will bring them.
    #[serde(default)]
    pub pending: Vec<Pending>,
    /// Rows that vectors for libraries cover.
    #[serde(default)]
    pub by_vectors: Vec<String>,
    /// Rows about the suite itself.
    #[serde(default)]
    pub of_the_suite: Vec<OfTheSuite>,
    /// Rows that the suite reads differently.
    pub readings: Vec<Reading>,
    /// Cases that no faulty server of ours can fail, and why. The self-test holds the list exact.
    #[serde(default)]
    pub beyond_faults: Vec<BeyondFaults>,
}

impl Ledger {
    /// The statement of that id.
    #[must_use]
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.iter().find(|r| r.id == id)
    }

    /// Every row of the catalogue that the ledger knows, in the order in which it speaks of them.
    pub fn all_rows(&self) -> impl Iterator<Item = &str> {
        let pending = self.pending.iter().flat_map(|p| &p.rows);
        let rows = self.rows.iter().chain(pending).chain(&self.by_vectors);
        rows.chain(self.of_the_suite.iter().map(|own| &own.row)).map(String::as_str)
    }

    /// What is wrong with ledger and cases together: rows neither covered nor excluded, or both; rows that are not due;
    /// requirements without a case; ids used twice.
    #[must_use]
    pub fn lint(&self, cases: &[Case]) -> Vec<String> {
        let mut faults = Vec::new();
        for row in &self.rows {
            let covered = cases.iter().any(|c| c.rows().any(|r| r == row));
            let excluded = self.excluded.iter().any(|e| e.row == *row);
            match (covered, excluded) {
                (true, false) | (false, true) => {}
                (false, false) => faults.push(format!("row {row} has neither a case nor a reason")),
                (true, true) => faults.push(format!("row {row} is excluded and has a case")),
            }
        }
        for case in cases {
            for row in case.rows().filter(|row| !self.rows.iter().any(|r| r == row)) {
                faults.push(format!("{}: row {row} is not in the ledger", case.id));
            }
        }
        for row in self.excluded.iter().map(|e| &e.row).chain(self.readings.iter().map(|r| &r.row)) {
            if !self.rows.contains(row) {
                faults.push(format!("the ledger speaks of row {row} and does not list it"));
            }
        }
        let mut seen = BTreeSet::new();
        for row in self.all_rows().filter(|row| !seen.insert(*row)) {
            faults.push(format!("row {row} is in the ledger twice"));
        }
        for Pending { role, rows } in &self.pending {
            for row in rows.iter().filter(|row| Role::of_row(row) != Some(*role)) {
                faults.push(format!("row {row} is not one of a {}", role.name()));
            }
        }
        for requirement in &self.requirements {
            if !cases.iter().any(|c| c.requirements.contains(&requirement.id)) {
                faults.push(format!("requirement {} has no case", requirement.id));
            }
            if self.requirements.iter().filter(|r| r.id == requirement.id).count() > 1 {
                faults.push(format!("requirement {} twice", requirement.id));
            }
        }
        faults
    }
}
