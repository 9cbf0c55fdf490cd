//! What a self-test found, as data, as numbers and as a table.

use std::collections::BTreeMap;

use ekmcheck_suite::{case::Transport, report::Conclusion};
use serde::Serialize;

/// `kill-matrix.json`.
#[derive(Serialize)]
pub(super) struct Matrix {
    pub(super) ekmcheck: String,
    pub(super) draft: String,
    /// Why it is not all of it, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unfinished: Option<String>,
    /// What is wrong with the suite; empty if nothing.
    pub(super) findings: Vec<String>,
    /// Every fault with all cases that catch it.
    pub(super) faults: Vec<Row>,
    /// Every harmless variation with the cases that blame it: none.
    pub(super) variations: Vec<Row>,
    /// A sample of servers with two faults.
    pub(super) pairs: Vec<Pair>,
    /// Servers that neither serve nor refuse: nothing passes on them.
    pub(super) evasions: Vec<Evasion>,
    /// Every case with the faults that it catches.
    pub(super) cases: BTreeMap<String, Vec<String>>,
    /// How many plays it took.
    pub(super) plays: usize,
    /// How many cases were not played on a fault as it does there what the reference does.
    pub(super) alike: usize,
    pub(super) seconds: f64,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) does: String,
    /// What a run on it comes to; a fault against hardening alone leaves a server conformant.
    pub(super) conclusion: Conclusion,
    pub(super) named: Vec<String>,
    /// The transports on which a named case was played and none caught it.
    pub(super) survives_on: Vec<Transport>,
    pub(super) caught_by: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Evasion {
    pub(super) name: String,
    pub(super) does: String,
    pub(super) conclusion: Conclusion,
    /// How many cases were played on it, of which none may pass.
    pub(super) played: usize,
}

#[derive(Serialize)]
pub(super) struct Pair {
    pub(super) one: String,
    pub(super) other: String,
    /// How many cases are named for one of them.
    pub(super) named: usize,
    pub(super) caught_by: Vec<String>,
}

impl Matrix {
    /// The numbers, for people.
    pub(super) fn numbers(&self) -> String {
        let caught = self.faults.iter().filter(|f| !f.caught_by.is_empty()).count();
        let kills: usize = self.faults.iter().map(|f| f.caught_by.len()).sum();
        let blamed: usize = self.variations.iter().map(|v| v.caught_by.len()).sum();
        let pairs = self.pairs.iter().filter(|p| !p.caught_by.is_empty()).count();
        format!(
            "{caught} of {} faults caught, {kills} kills, {} variations and the reference blamed by {blamed} cases, {pairs} of {} pairs of faults caught, {} servers that never refuse, {} cases, {} plays, {} cases on faults that cannot differ there, {:.1} s\n",
            self.faults.len(),
            self.variations.len(),
            self.pairs.len(),
            self.evasions.len(),
            self.cases.len(),
            self.plays,
            self.alike,
            self.seconds
        )
    }

    /// The matrix as a page in Markdown.
    pub(super) fn table(&self) -> String {
        let mut out = format!("# Kill matrix of ekmcheck {}\n\n{}", self.ekmcheck, self.numbers());
        if let Some(why) = &self.unfinished {
            out.push_str(&format!("\n**Not all was played: {why}.**\n"));
        }
        out.push_str("\n| fault | what the server does | a run comes to | caught by |\n|---|---|---|---|\n");
        for fault in &self.faults {
            let comes_to = format!("{:?}", fault.conclusion);
            out.push_str(&format!(
                "| {} | {} | {comes_to} | {} |\n",
                fault.name,
                fault.does,
                fault.caught_by.join(", ")
            ));
        }
        out.push_str("\n| right, and unusual | what the server does | blamed by |\n|---|---|---|\n");
        for variation in &self.variations {
            let blamed =
                if variation.caught_by.is_empty() { "nobody".to_owned() } else { variation.caught_by.join(", ") };
            out.push_str(&format!("| {} | {} | {blamed} |\n", variation.name, variation.does));
        }
        out.push_str("\n| case | faults that it catches |\n|---|---|\n");
        for (case, faults) in &self.cases {
            out.push_str(&format!("| {case} | {} |\n", faults.join(", ")));
        }
        out
    }
}
