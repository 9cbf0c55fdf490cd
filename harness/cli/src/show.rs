//! `ekmcheck show`.

use ekmcheck_forge::alteration;
use ekmcheck_player::subject::faults;
use ekmcheck_suite::{inert::inert, load::suggestion};

use crate::{Trouble, args::ShowArgs, print, run, scenarios};

/// Prints everything about a case.
pub(crate) fn show(args: &ShowArgs) -> Result<u8, Trouble> {
    let all = scenarios::all(args.scenarios.as_deref())?;
    let case = all.cases.iter().find(|c| c.id == args.case).ok_or_else(|| {
        let known = all.cases.iter().map(|c| c.id.as_str());
        let hint = suggestion(&args.case, known);
        Trouble::Given(format!("there is no case {:?}; {hint} (`ekmcheck list` shows all)", args.case))
    })?;
    let rows = case.rows().collect::<Vec<_>>().join(", ");
    let mut out = format!(
        "{}\n  {}\n  catalogue {}; clause {}\n",
        inert(&case.id),
        inert(&case.title),
        inert(&rows),
        inert(&case.clause)
    );
    for id in &case.requirements {
        if let Some(requirement) = all.ledger.requirement(id) {
            out.push_str(&format!(
                "  requirement {}: {} ({})\n",
                inert(id),
                inert(&requirement.text),
                inert(&requirement.clause)
            ));
        }
    }
    for row in all.ledger.readings.iter().filter(|r| case.rows().any(|row| row == r.row)) {
        out.push_str(&format!("  read differently than the catalogue: {}\n", inert(&row.reading)));
    }
    if let Some(altered) = case.alter.as_deref().and_then(alteration::named) {
        out.push_str(&format!("  alters {} ({})\n", altered.changes, altered.name));
        out.push_str("  played warm (good, altered, good on one connection) and cold (altered, good on a fresh one)\n");
    }
    let named: Vec<&str> = faults().filter(|f| f.caught_by.contains(&case.id.as_str())).map(|f| f.name).collect();
    out.push_str(&format!(
        "  named by the faults: {}\n",
        if named.is_empty() { "none".to_owned() } else { named.join(" ") }
    ));
    out.push('\n');
    print(&(out + &run::json(case)?));
    Ok(0)
}
