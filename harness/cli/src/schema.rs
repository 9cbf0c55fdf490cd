//! `ekmcheck schema`.

use ekmcheck_suite::{
    adapter::{Answer, Request},
    ambiguity::Register,
    bench::Bench,
    campaign::Campaign,
    case::Case,
    report::{Difference, Report},
    requirement::Ledger,
    transcript::Transcript,
    vector::{Bundle, ExporterAnswer, Vector},
};
use schemars::schema_for;

use crate::{
    Trouble,
    args::{SchemaArgs, SchemaOf},
    print, run,
};

/// Prints the schema.
pub(crate) fn schema(args: &SchemaArgs) -> Result<u8, Trouble> {
    print(&text(args.format)?);
    Ok(0)
}

/// The schema as it stands in a file.
pub(crate) fn text(format: SchemaOf) -> Result<String, Trouble> {
    run::json(&match format {
        SchemaOf::Case => schema_for!(Case),
        SchemaOf::Requirements => schema_for!(Ledger),
        SchemaOf::Ambiguities => schema_for!(Register),
        SchemaOf::Report => schema_for!(Report),
        SchemaOf::Diff => schema_for!(Difference),
        SchemaOf::Transcript => schema_for!(Transcript),
        SchemaOf::AdapterRequest => schema_for!(Request),
        SchemaOf::AdapterAnswer => schema_for!(Answer),
        SchemaOf::Bench => return run::json(&Bench::schema()),
        SchemaOf::Campaign => return run::json(&Campaign::schema()),
        // Their files are written with the vectors, and their members stand as they do there.
        SchemaOf::Vector => return run::json(&Vector::schema()),
        SchemaOf::ExporterAnswer => return run::json(&ExporterAnswer::schema()),
        SchemaOf::Bundle => return run::json(&Bundle::schema()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_files_are_what_the_types_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (format, path) in [
            (SchemaOf::Case, "scenarios/schema/case.schema.json"),
            (SchemaOf::Requirements, "scenarios/schema/requirements.schema.json"),
            (SchemaOf::Ambiguities, "scenarios/schema/ambiguities.schema.json"),
            (SchemaOf::Report, "scenarios/schema/report.schema.json"),
            (SchemaOf::Diff, "scenarios/schema/diff.schema.json"),
            (SchemaOf::Transcript, "scenarios/schema/transcript.schema.json"),
            (SchemaOf::Bench, "scenarios/schema/bench.schema.json"),
            (SchemaOf::Campaign, "scenarios/schema/campaign.schema.json"),
            (SchemaOf::AdapterRequest, "scenarios/schema/adapter-request.schema.json"),
            (SchemaOf::AdapterAnswer, "scenarios/schema/adapter-answer.schema.json"),
            (SchemaOf::Vector, "vectors/schema/vector.schema.json"),
            (SchemaOf::ExporterAnswer, "vectors/schema/exporter.schema.json"),
            (SchemaOf::Bundle, "vectors/schema/bundle.schema.json"),
        ] {
            let file = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(file == text(format).unwrap(), "{path} is out of date; write it anew with `ekmcheck schema`");
        }
    }
}
