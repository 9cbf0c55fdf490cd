use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ExporterAnswer, Flag, VERSION, Vector, Verdict, flags, versioned};
use crate::requirement::Requirement;

/// All vectors in one file, with what their names mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Always `ekmcheck-vectors`.
    pub format: String,
    /// The version of vectors and format.
    pub version: String,
    /// The revision of the draft that they are made for.
    pub draft: String,
    /// The licence, by its SPDX id.
    pub licence: String,
    /// How many vectors there are: a reader that counts fewer has lost some.
    pub counts: Counts,
    /// The classes of bugs that vectors name.
    pub flags: Vec<Flag>,
    /// The requirements that vectors name.
    pub requirements: Vec<Requirement>,
    /// The vectors, in the order of their ids.
    pub vectors: Vec<Vector>,
    /// The known answers for the exporter, in the order of their ids.
    pub exporter: Vec<ExporterAnswer>,
}

/// Numbers of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// To be accepted.
    pub accept: usize,
    /// To be refused.
    pub refuse: usize,
    /// Left open by the draft.
    pub open: usize,
    /// Known answers for the exporter.
    pub exporter: usize,
}

impl Counts {
    /// Counts.
    #[must_use]
    pub fn of(vectors: &[Vector], exporter: &[ExporterAnswer]) -> Self {
        let count = |verdict| vectors.iter().filter(|v| v.expect.verdict == verdict).count();
        Self {
            accept: count(Verdict::Accept),
            refuse: count(Verdict::Refuse),
            open: count(Verdict::Open),
            exporter: exporter.len(),
        }
    }
}

impl Bundle {
    /// The bundle of these; of the `requirements` only those that are named.
    #[must_use]
    pub fn new(vectors: Vec<Vector>, exporter: Vec<ExporterAnswer>, requirements: &[Requirement]) -> Self {
        let named = vectors.iter().flat_map(|v| &v.requirements).chain(exporter.iter().flat_map(|e| &e.requirements));
        let named: BTreeSet<&String> = named.collect();
        let requirements = requirements.iter().filter(|r| named.contains(&r.id)).cloned().collect();
        Self {
            format: "ekmcheck-vectors".to_owned(),
            version: VERSION.to_owned(),
            draft: "draft-mw-oauth-tls-session-bound-tokens-06".to_owned(),
            licence: "CC0-1.0".to_owned(),
            counts: Counts::of(&vectors, &exporter),
            flags: flags(),
            requirements,
            vectors,
            exporter,
        }
    }

    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        versioned(schemars::schema_for!(Self).to_value())
    }
}
