//! The ledger of requirements, and of catalogue rows that no case covers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::{Basis, Case, Level, Role};

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

/// The ledger as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The statements.
    pub requirements: Vec<Requirement>,
    /// The rows that are due: each is covered by a case or excluded with a reason.
    pub rows: Vec<String>,
    /// Rows without a case.
    pub excluded: Vec<Excluded>,
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
