use std::collections::{BTreeMap, BTreeSet};

use super::{ExporterAnswer, FLAGS, Vector, Verdict};
use crate::case::Level;

/// The requirements that a verifier can keep or break with nothing but the inputs of a vector: each has vectors for both.
pub const OFFLINE: [&str; 20] = [
    "rs.accepts-valid-proof",
    "rs.alg-asymmetric",
    "rs.alg-fits-key",
    "rs.certificate-binding",
    "rs.confirmation-form",
    "rs.crit",
    "rs.exporter-match",
    "rs.exporter-parameters",
    "rs.htm",
    "rs.htu",
    "rs.iat-window",
    "rs.ignores-unknown",
    "rs.jti",
    "rs.key-from-connection",
    "rs.proof-form",
    "rs.signature",
    "rs.token-hash",
    "rs.token-proof-confusion",
    "rs.typ",
    "rs.x5t-header",
];

/// Those that a verifier breaks by refusing: no proof is wrong by them.
const ACCEPTANCE: [&str; 2] = ["rs.accepts-valid-proof", "rs.ignores-unknown"];

/// What is wrong with vectors taken together; each fault names the file.
///
/// The same inputs twice, all the worse with two verdicts; a vector without a requirement, or with an expectation that
/// contradicts itself; a flag that is in no table, or that nothing has; a requirement of [`OFFLINE`] that no vector can
/// break or none can keep.
#[must_use]
pub fn lint(vectors: &[Vector], exporter: &[ExporterAnswer]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, &Vector> = BTreeMap::new();
    for vector in vectors {
        faults.extend(lint_one(vector).into_iter().map(|fault| format!("{}.json: {fault}", vector.id)));
        let inputs = serde_json::to_string(&(&vector.inputs, vector.policy)).unwrap_or_default();
        if let Some(other) = seen.insert(inputs, vector) {
            let verdicts = if other.expect == vector.expect { "one verdict" } else { "two verdicts" };
            faults.push(format!("{}.json: the same inputs as {}.json, with {verdicts}", vector.id, other.id));
        }
    }
    let used: BTreeSet<&str> = vectors
        .iter()
        .flat_map(|v| &v.flags)
        .chain(exporter.iter().flat_map(|e| &e.flags))
        .map(String::as_str)
        .collect();
    let known: BTreeSet<&str> = FLAGS.iter().map(|(name, ..)| *name).collect();
    faults.extend(used.difference(&known).map(|flag| format!("the flag {flag:?} is in no table")));
    faults.extend(known.difference(&used).map(|flag| format!("no vector has the flag {flag:?}")));
    let verdicts = |id: &str| -> BTreeSet<&str> {
        let of = |v: &Vector| match v.expect.verdict {
            Verdict::Accept => Some("right"),
            Verdict::Refuse => Some("wrong"),
            Verdict::Open => None,
        };
        let vectors = vectors.iter().filter(|v| v.requirements.iter().any(|r| r == id)).filter_map(of);
        let answers = exporter.iter().filter(|e| e.requirements.iter().any(|r| r == id));
        vectors.chain(answers.map(|e| if e.is_right { "right" } else { "wrong" })).collect()
    };
    for id in OFFLINE {
        let found = verdicts(id);
        for due in ["right", "wrong"] {
            if !found.contains(due) && (due == "right" || !ACCEPTANCE.contains(&id)) {
                faults.push(format!("the requirement {id} has no {due} vector"));
            }
        }
    }
    faults
}

fn lint_one(vector: &Vector) -> Vec<&'static str> {
    let expect = &vector.expect;
    let folder = vector.id.split('/').next().unwrap_or_default();
    let several = matches!(folder, "pairs" | "swap");
    let right_folder = match expect.verdict {
        Verdict::Accept => folder == "valid",
        Verdict::Open => folder == "open",
        Verdict::Refuse => several || Some(folder) == expect.check.as_deref(),
    };
    let refused = expect.verdict == Verdict::Refuse;
    let rules = [
        (right_folder, "it is in the wrong folder"),
        (!vector.requirements.is_empty(), "it is about no requirement"),
        (expect.check.as_ref() == expect.checks.first(), "expect.checks does not begin with expect.check"),
        (
            refused == expect.check.is_some() || expect.verdict == Verdict::Open,
            "verdict and check contradict each other",
        ),
        (several == (expect.checks.len() > 1), "several defects belong into `pairs` or `swap`, and there alone"),
        (vector.level != Level::May || !refused, "a MAY cannot be broken, and the vector is to be refused"),
        (!refused || !vector.flags.is_empty(), "it finds no class of bugs"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
}
