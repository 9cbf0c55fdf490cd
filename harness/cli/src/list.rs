//! `ekmcheck list`.

use ekmcheck_forge::alteration::{self, Leads};
use ekmcheck_player::subject::{faults, variations};
use ekmcheck_suite::{case::Case, inert::inert, requirement::Ledger};
use serde_json::{Value, json};

use crate::{
    Trouble,
    args::{Format, ListArgs, What},
    print, run, scenarios, select,
};

/// Prints the list.
pub(crate) fn list(args: &ListArgs) -> Result<u8, Trouble> {
    let all = scenarios::all(args.selection.scenarios.as_deref())?;
    let cases = select::cases(all.cases, &all.register, &args.selection)?;
    let rows: Vec<Value> = match args.what {
        What::Cases => cases
            .iter()
            .map(|c| {
                json!({"id": c.id, "rows": c.rows().collect::<Vec<_>>(), "level": c.level, "basis": c.basis, "clause": c.clause, "title": c.title})
            })
            .collect(),
        What::Requirements => all
            .ledger
            .requirements
            .iter()
            .map(|r| {
                let covered: Vec<&str> =
                    cases.iter().filter(|c| c.requirements.contains(&r.id)).map(|c| c.id.as_str()).collect();
                json!({"id": r.id, "level": r.level, "basis": r.basis, "clause": r.clause, "text": r.text, "cases": covered})
            })
            .collect(),
        What::Rows => all.ledger.all_rows().map(|row| row_of(&all.ledger, &cases, row)).collect(),
        What::Alterations => alteration::table()
            .map(|a| {
                let leads = match a.leads {
                    Leads::Refused(check) => format!("refused by {check}"),
                    Leads::Accepted => "accepted".to_owned(),
                    Leads::Open(Some(check)) => format!("open; the reference refuses by {check}"),
                    Leads::Open(None) => "open; the reference accepts".to_owned(),
                };
                json!({"id": a.name, "changes": a.changes, "leads": leads})
            })
            .collect(),
        What::Faults => {
            faults().map(|f| json!({"id": f.name, "does": f.does, "caught_by": f.caught_by})).collect()
        }
        What::Tags => select::tags(&cases)
            .into_iter()
            .map(|(tag, cases)| json!({"id": tag, "cases": cases.to_string()}))
            .collect(),
        What::Variations => variations().map(|v| json!({"id": v.name, "does": v.does})).collect(),
    };
    match args.format {
        Format::Json => print(&run::json(&rows)?),
        Format::Human => {
            let mut out = String::new();
            for row in rows {
                out.push_str(&human(&row));
            }
            print(&out);
        }
    }
    Ok(0)
}

/// The id, then the short members in order.
fn human(row: &Value) -> String {
    let mut line = String::new();
    for (name, value) in row.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => inert(text),
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                inert(&items.join(" "))
            }
            _ => continue,
        };
        match name.as_str() {
            "id" => line.push_str(&format!("{text:<44}")),
            _ if text.is_empty() => {}
            _ => line.push_str(&format!("  {text}")),
        }
    }
    line + "\n"
}

/// A row of the catalogue and what becomes of it.
fn row_of(ledger: &Ledger, cases: &[Case], row: &str) -> Value {
    let covered: Vec<&str> = cases.iter().filter(|c| c.rows().any(|r| r == row)).map(|c| c.id.as_str()).collect();
    let excluded = ledger.excluded.iter().find(|e| e.row == row).map(|e| e.reason.as_str());
    let reading = ledger.readings.iter().find(|r| r.row == row).map(|r| r.reading.as_str());
    let pending = ledger.pending.iter().find(|p| p.rows.iter().any(|r| r == row)).map(|p| p.role.name());
    let held_by = ledger.of_the_suite.iter().find(|own| own.row == row).map(|own| own.held_by.as_str());
    let state = match (excluded, pending, held_by) {
        (Some(_), ..) => "excluded",
        (_, Some(_), _) => "pending",
        (.., Some(_)) => "of the suite",
        _ if ledger.by_vectors.iter().any(|r| r == row) => "by vectors",
        _ => "covered",
    };
    json!({
        "id": row, "state": state, "cases": covered, "excluded": excluded, "reading": reading,
        "pending": pending, "held_by": held_by,
    })
}
