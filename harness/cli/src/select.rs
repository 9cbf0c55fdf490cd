//! What of all cases is played, and on which transports.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ekmcheck_player::run::{Pick, Plan};
use ekmcheck_suite::{
    ambiguity::Register,
    case::Case,
    load::suggestion,
    outcome::Verdict,
    report::{Report, Shard, Unit, deal},
};

use crate::{
    Trouble,
    args::{PartArgs, Selection},
    note, scenarios,
};

/// The cases that every kind of selection agrees on.
pub(crate) fn cases(all: Vec<Case>, register: &Register, selection: &Selection) -> Result<Vec<Case>, Trouble> {
    for id in &selection.ambiguity {
        if !register.ambiguities.iter().any(|e| e.id == *id) {
            let hint = suggestion(id, register.ambiguities.iter().map(|e| e.id.as_str()));
            return Err(Trouble::Given(format!(
                "--ambiguity {id}: there is no such question; {hint} (`ekmcheck ambiguities` shows all)"
            )));
        }
    }
    for tag in &selection.tag {
        let known = tags(&all);
        if !known.contains_key(tag.as_str()) {
            let hint = suggestion(tag, known.into_keys());
            return Err(Trouble::Given(format!(
                "--tag {tag}: no case has it; {hint} (`ekmcheck list tags` shows all)"
            )));
        }
    }
    for hint in scenarios::unmatched(&all, &selection.filter) {
        note(&hint);
    }
    let Selection { level, basis, ambiguity, tag, .. } = selection;
    let mut cases = scenarios::select(all, &selection.filter);
    cases.retain(|case| {
        (level.is_empty() || level.contains(&case.level))
            && (basis.is_empty() || basis.contains(&case.basis))
            && (ambiguity.is_empty() || case.ambiguity.as_ref().is_some_and(|a| ambiguity.contains(a)))
            && (tag.is_empty() || tags_of(case).any(|t| tag.iter().any(|asked| asked == t)))
    });
    Ok(cases)
}

/// What a case can be found by: its group, its requirements, its rows, its clause, its alteration, its question.
fn tags_of(case: &Case) -> impl Iterator<Item = &str> {
    let group = case.id.split('.').nth(1);
    let also = [Some(case.clause.as_str()), case.alter.as_deref(), case.ambiguity.as_deref()];
    let named = case.requirements.iter().map(String::as_str).chain(case.rows());
    group.into_iter().chain(named).chain(also.into_iter().flatten())
}

/// All tags, with the number of cases that have each.
pub(crate) fn tags(cases: &[Case]) -> BTreeMap<&str, usize> {
    let mut tags = BTreeMap::new();
    for tag in cases.iter().flat_map(|case| tags_of(case).collect::<BTreeSet<_>>()) {
        *tags.entry(tag).or_default() += 1;
    }
    tags
}

/// The units of a report that are worth another try.
fn failed(report: &Report) -> BTreeSet<Unit> {
    let again = |v| matches!(v, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive | Verdict::Error);
    report.cases.iter().filter(|o| again(o.verdict)).map(|o| (o.id.clone(), o.transport)).collect()
}

/// Narrows the plan to what is to be played again, and then to the shard; says which, for the report.
pub(crate) fn part(plan: &mut Plan, args: &PartArgs, earlier: Option<&Report>) -> Result<Option<Shard>, Trouble> {
    let mut units = plan.units();
    if let Some(earlier) = earlier {
        let failed = failed(earlier);
        let unknown: Vec<&str> = failed
            .iter()
            .filter(|(id, _)| !plan.cases.iter().any(|c| c.id == *id))
            .map(|(id, _)| id.as_str())
            .collect();
        if let Some(first) = unknown.first() {
            note(&format!("{} of what failed is not in the selection, {first} among them", unknown.len()));
        }
        if earlier.counts.not_executed > 0 {
            note(&format!(
                "that run was cut short: {} were not executed and are not played now",
                earlier.counts.not_executed
            ));
        }
        units = units.intersection(&failed).cloned().collect();
    }
    let shard = args.shard.map(|(number, of)| {
        let all = units.len();
        let own = deal(std::mem::take(&mut units), number, of);
        let elsewhere = all - own.len();
        units = own;
        Shard { number, of, elsewhere }
    });
    if earlier.is_some() || shard.is_some() {
        plan.pick = Pick::Only(Arc::new(units));
    }
    Ok(shard)
}
