//! `ekmcheck merge` and `ekmcheck diff`: reports beside each other.

use ekmcheck_suite::report::{difference, merge as merged, summary};

use crate::{
    Trouble,
    args::{DiffArgs, DiffFormat, Format, MergeArgs},
    earlier::{RESULT, is_campaign},
    files::{self, REPORT},
    fuzz, print,
    reports::{self, saved},
    run, scenarios,
    terminal::COLOURS,
};

/// Puts the reports of shards together; the exit status is that of the whole.
pub(crate) fn merge(args: &MergeArgs) -> Result<u8, Trouble> {
    let (mut reports, mut rest) = (Vec::new(), args.reports.iter());
    let Some(first) = rest.next() else { return Ok(0) };
    // It may be a pipe, which can be read once.
    let text = files::text(first, &REPORT)?;
    if is_campaign(&text) {
        return fuzz::merge(args, &text);
    }
    reports.push((first.display().to_string(), files::parsed(first, &text, &REPORT)?));
    drop(text);
    for path in rest {
        reports.push((path.display().to_string(), saved(path)?));
    }
    files::writable(&args.report, RESULT)?;
    let whole = merged(&reports).map_err(|faults| {
        let faults = faults.join("\n  ");
        Trouble::Given(format!("these reports are not the parts of one run\n  {faults}\n  mend: give the report.json of each shard of the same `run --shard K/N` once"))
    })?;
    let is_written = reports::save_merged(&args.report, &whole, &args.reports)?;
    match args.format {
        Format::Json => print(&run::json(&whole)?),
        Format::Human => {
            let ledger = scenarios::all(whole.scenarios.as_deref().map(std::path::Path::new))
                .or_else(|_| scenarios::all(None))?
                .ledger;
            print(&summary(&whole, &ledger, *COLOURS));
            let place = reports::place(is_written.as_deref());
            print(&format!("{} shards; {place}", reports.len()));
        }
    }
    Ok(run::status(&whole, args.strict))
}

/// Prints what changed; 1 if something became worse.
pub(crate) fn diff(args: &DiffArgs) -> Result<u8, Trouble> {
    let difference = difference(&saved(&args.before)?, &saved(&args.after)?);
    match args.format {
        DiffFormat::Human => print(&difference.text(*COLOURS)),
        DiffFormat::Json => print(&run::json(&difference)?),
        DiffFormat::Markdown => print(&difference.markdown()),
    }
    Ok(u8::from(difference.regressed()))
}
