//! `ekmcheck ambiguities`.

use ekmcheck_suite::ambiguity::page;

use crate::{Trouble, args::AmbiguitiesArgs, print, reports::saved, scenarios};

/// Prints the register with what the reports observed.
pub(crate) fn ambiguities(args: &AmbiguitiesArgs) -> Result<u8, Trouble> {
    let reports = args.report.iter().map(|path| saved(path)).collect::<Result<Vec<_>, _>>()?;
    print(&page(&scenarios::all(None)?.register, &reports));
    Ok(0)
}
