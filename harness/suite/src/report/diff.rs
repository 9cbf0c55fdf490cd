//! What changed from one run to another.

use std::{collections::BTreeMap, fmt::Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Report, Style};
use crate::{
    case::Transport,
    inert::{code, inert},
    outcome::{Outcome, Verdict},
};

/// How a case changed on a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Worse than before.
    Regressed,
    /// As required now, and was not.
    Fixed,
    /// Better than before, but not as required.
    Better,
    /// It cannot be tested now, and could.
    NowSkipped,
    /// It was tested now, and could not be before, and is as required.
    NowPlayed,
    /// As bad as before, for another reason.
    ReasonChanged,
    /// Only in the later report.
    New,
    /// Only in the earlier report.
    Gone,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Regressed,
        Self::Fixed,
        Self::Better,
        Self::NowSkipped,
        Self::NowPlayed,
        Self::ReasonChanged,
        Self::New,
        Self::Gone,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Fixed => "fixed",
            Self::Better => "better, but not as required",
            Self::NowSkipped => "now skipped",
            Self::NowPlayed => "now played",
            Self::ReasonChanged => "reason changed",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }
}

/// One case on one transport that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// How it changed.
    pub kind: Kind,
    /// The case.
    pub id: String,
    /// The transport.
    pub transport: Transport,
    /// The verdict before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Verdict>,
    /// The verdict after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Verdict>,
    /// The reason of the later verdict, or of the earlier one where there is no later; empty for a plain pass.
    pub reason: String,
}

/// What changed from one run to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The subject of the earlier report.
    pub before: String,
    /// The subject of the later report.
    pub after: String,
    /// How many are as they were.
    pub unchanged: usize,
    /// The changes, by kind and id.
    pub changes: Vec<Change>,
    /// What else a reader should know: other versions, parts of runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How bad a verdict is; what says nothing lies between.
fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass | Verdict::Observed => 0,
        Verdict::NotTestable => 1,
        Verdict::Warn => 2,
        Verdict::Inconclusive | Verdict::Error => 3,
        Verdict::Fail => 4,
    }
}

fn kind(before: &Outcome, after: &Outcome) -> Option<Kind> {
    let (was, is) = (badness(before.verdict), badness(after.verdict));
    match (before.verdict, after.verdict) {
        (Verdict::NotTestable, Verdict::NotTestable) => (before.reason != after.reason).then_some(Kind::ReasonChanged),
        (_, Verdict::NotTestable) => Some(Kind::NowSkipped),
        (Verdict::NotTestable, _) if is == 0 => Some(Kind::NowPlayed),
        _ if is > was => Some(Kind::Regressed),
        _ if is < was && is == 0 => Some(Kind::Fixed),
        _ if is < was => Some(Kind::Better),
        // What is observed is open: that it changed is worth a word.
        _ => (before.reason != after.reason || before.verdict != after.verdict).then_some(Kind::ReasonChanged),
    }
}

/// Compares two reports, case by case and transport by transport.
#[must_use]
pub fn difference(before: &Report, after: &Report) -> Difference {
    let by_unit = |report: &Report| -> BTreeMap<(String, Transport), Outcome> {
        report.cases.iter().map(|o| ((o.id.clone(), o.transport), o.clone())).collect()
    };
    let (mut earlier, later) = (by_unit(before), by_unit(after));
    let (mut changes, mut unchanged) = (Vec::new(), 0);
    let change = |kind, old: Option<&Outcome>, new: Option<&Outcome>| {
        let outcome = new.or(old)?;
        Some(Change {
            kind,
            id: outcome.id.clone(),
            transport: outcome.transport,
            before: old.map(|o| o.verdict),
            after: new.map(|o| o.verdict),
            reason: outcome.reason.clone(),
        })
    };
    for (unit, new) in &later {
        let old = earlier.remove(unit);
        match old.as_ref().map_or(Some(Kind::New), |old| kind(old, new)) {
            Some(kind) => changes.extend(change(kind, old.as_ref(), Some(new))),
            None => unchanged += 1,
        }
    }
    changes.extend(earlier.values().filter_map(|old| change(Kind::Gone, Some(old), None)));
    changes.sort_by(|a, b| (a.kind, &a.id, a.transport).cmp(&(b.kind, &b.id, b.transport)));
    let mut notes = Vec::new();
    for (what, was, is) in [
        ("subjects", &before.subject, &after.subject),
        ("versions of ekmcheck", &before.ekmcheck, &after.ekmcheck),
        ("drafts", &before.draft, &after.draft),
    ] {
        if was != is {
            notes.push(format!("different {what}: {} and {}", inert(was), inert(is)));
        }
    }
    for (which, report) in [("earlier", before), ("later", after)] {
        if report.counts.not_executed > 0 {
            notes.push(format!("the {which} run was cut short: {} not executed", report.counts.not_executed));
        }
        if let Some(shard) = report.shard {
            notes.push(format!("the {which} report is of shard {}/{} only", shard.number, shard.of));
        }
    }
    Difference { before: before.subject.clone(), after: after.subject.clone(), unchanged, changes, notes }
}

impl Difference {
    /// Whether anything became worse.
    #[must_use]
    pub fn regressed(&self) -> bool {
        self.of(Kind::Regressed).next().is_some()
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |c| c.kind == kind)
    }

    fn counts(&self) -> String {
        let counted: Vec<String> =
            Kind::ALL.iter().map(|kind| format!("{} {}", kind.words(), self.of(*kind).count())).collect();
        format!("{}, unchanged {}", counted.join(", "), self.unchanged)
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        for note in &self.notes {
            let _ = writeln!(out, "{}note{}  {note}", style.doubtful, style.reset);
        }
        for kind in Kind::ALL {
            let colour = match kind {
                Kind::Regressed => style.bad,
                Kind::Fixed => style.good,
                _ => style.doubtful,
            };
            for change in self.of(kind) {
                let _ = writeln!(
                    out,
                    "{colour}{}{}  {} on {}  {}",
                    kind.words(),
                    style.reset,
                    inert(&change.id),
                    change.transport.name(),
                    arrow(change)
                );
                if !change.reason.is_empty() {
                    let _ = writeln!(out, "  {}", inert(&change.reason));
                }
            }
        }
        let _ = writeln!(out, "{}", self.counts());
        out
    }

    /// For a page or a comment in Markdown. What a subject said is in code, where nothing is markup.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("# From {} to {}\n\n{}\n", code(&self.before), code(&self.after), self.counts());
        for note in &self.notes {
            let _ = write!(out, "\n> {}\n", code(note));
        }
        for kind in Kind::ALL.into_iter().filter(|k| self.of(*k).next().is_some()) {
            let _ =
                write!(out, "\n## {}\n\n| case | transport | verdict | reason |\n|---|---|---|---|\n", kind.words());
            for change in self.of(kind) {
                let (id, on) = (code(&change.id), change.transport.name());
                let reason = if change.reason.is_empty() { String::new() } else { code(&change.reason) };
                let _ = writeln!(out, "| {id} | {on} | {} | {reason} |", arrow(change));
            }
        }
        out
    }
}

fn arrow(change: &Change) -> String {
    match (change.before, change.after) {
        (Some(before), Some(after)) if before != after => format!("{} → {}", before.name(), after.name()),
        (before, after) => after.or(before).map_or_else(String::new, |v| v.name().to_owned()),
    }
}
