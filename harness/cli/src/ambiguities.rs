//! `ekmcheck ambiguities`.

use std::fs;

use ekmcheck_suite::{ambiguity::page, report::Report};

use crate::{Trouble, args::AmbiguitiesArgs, print, scenarios};

/// Prints the register with what the reports observed.
pub(crate) fn ambiguities(args: &AmbiguitiesArgs) -> Result<u8, Trouble> {
    let mut reports: Vec<Report> = Vec::new();
    for path in &args.report {
        let trouble = |what: String| {
            Trouble::Given(format!("{}: {what}\n  mend: give the report.json of an ekmcheck run", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|e| trouble(e.to_string()))?;
        reports.push(serde_json::from_str(&text).map_err(|e| trouble(e.to_string()))?);
    }
    print(&page(&scenarios::all(None)?.register, &reports));
    Ok(0)
}
