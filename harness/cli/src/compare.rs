//! `ekmcheck merge` and `ekmcheck diff`: reports beside each other.

use ekmcheck_suite::report::{difference, merge as merged, summary};

use crate::{
    Trouble,
    args::{DiffArgs, DiffFormat, Format, MergeArgs},
    fuzz, print, run, scenarios, select,
    terminal::COLOURS,
};

/// Puts the reports of shards together; the exit status is that of the whole.
pub(crate) fn merge(args: &MergeArgs) -> Result<u8, Trouble> {
    if let Some(merged) = fuzz::merge(args) {
        return merged;
    }
    let mut reports = Vec::new();
    for path in &args.reports {
        reports.push((path.display().to_string(), select::report(path)?));
    }
    let whole = merged(&reports).map_err(|faults| {
        let faults = faults.join("\n  ");
        Trouble::Given(format!("these reports are not the parts of one run\n  {faults}\n  mend: give the report.json of each shard of the same `run --shard K/N` once"))
    })?;
    run::write_file(&args.report, "report.json", &run::json(&whole)?)?;
    match args.format {
        Format::Json => print(&run::json(&whole)?),
        Format::Human => {
            let ledger = scenarios::all(whole.scenarios.as_deref().map(std::path::Path::new))
                .or_else(|_| scenarios::all(None))?
                .ledger;
            print(&summary(&whole, &ledger, *COLOURS));
            print(&format!("{} shards; report: {}\n", reports.len(), args.report.join("report.json").display()));
        }
    }
    Ok(run::status(&whole, args.strict))
}

/// Prints what changed; 1 if something became worse.
pub(crate) fn diff(args: &DiffArgs) -> Result<u8, Trouble> {
    let difference = difference(&select::report(&args.before)?, &select::report(&args.after)?);
    match args.format {
        DiffFormat::Human => print(&difference.text(*COLOURS)),
        DiffFormat::Json => print(&run::json(&difference)?),
        DiffFormat::Markdown => print(&difference.markdown()),
    }
    Ok(u8::from(difference.regressed()))
}
