//! The list of failures that are known and tolerated: a TOML file of the implementer's.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use ekmcheck_suite::{
    brief,
    case::{Case, Transport},
    load::suggestion,
    outcome::{Outcome, Verdict},
    report::{Baseline, Known, Report},
};
use serde::Deserialize;
use time::{Date, Duration, OffsetDateTime};
use toml::{Spanned, Value, value::Datetime};

use crate::{
    Trouble,
    files::{self, BASELINE},
};

/// What a reason says before somebody has filled it in.
const TODO: &str = "TODO";
/// How many faults are told at once.
const TOLD: usize = 50;
/// How long a new entry holds, in days: long enough to mend something, short enough to be asked again.
const HOLDS: i64 = 90;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Spanned<Entry>>,
}

/// One known failure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The case.
    id: String,
    /// The transport; all if not given.
    transport: Option<Transport>,
    /// The verdict: `fail`, `warn` or `inconclusive`.
    expected: Verdict,
    /// Why it is tolerated.
    reason: String,
    /// Where it is followed up.
    link: Option<String>,
    /// The last day on which it is tolerated.
    expires: Datetime,
}

/// A list that makes sense.
pub(crate) struct List {
    path: PathBuf,
    today: Date,
    /// With the line that each begins at, and its last day.
    entries: Vec<(usize, Date, Entry)>,
}

/// The day of a time in Unix seconds.
pub(crate) fn day(now: i64) -> Result<Date, Trouble> {
    let time = OffsetDateTime::from_unix_timestamp(now).map_err(|e| Trouble::Harness(format!("the time: {e}")))?;
    Ok(time.date())
}

impl List {
    /// Reads it; whatever can be wrong with it before anything was played is told at once.
    pub(crate) fn read(path: &Path, cases: &[Case], today: Date) -> Result<Self, Trouble> {
        let text = files::text(path, &BASELINE)?;
        let file: File = toml::from_str(&text).map_err(|e| {
            let at = e.span().map_or(1, |span| text.get(..span.start).map_or(1, |b| b.matches('\n').count() + 1));
            let what = brief::cut(e.message(), brief::LINE);
            Trouble::Given(format!("{}:{at}: {what}\n  mend: an entry is `[[known]]` with id, expected (fail, warn or inconclusive), reason, expires (2027-01-31), and if need be transport and link", path.display()))
        })?;
        let (mut entries, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in file.known {
            // More than these nobody reads, and each may cost a search for what was meant.
            if faults.len() >= TOLD {
                faults.push("there may be more".to_owned());
                break;
            }
            let line = text.get(..entry.span().start).map_or(0, |before| before.matches('\n').count()) + 1;
            let entry = entry.into_inner();
            let last = last_day(&entry);
            for fault in faults_of(&entry, cases, &mut seen).into_iter().chain(last.as_ref().err().cloned()) {
                faults.push(format!("{}:{line}: {fault}", path.display()));
            }
            if let Ok(last) = last {
                entries.push((line, last, entry));
            }
        }
        if faults.is_empty() {
            Ok(Self { path: path.to_owned(), today, entries })
        } else {
            Err(Trouble::Given(faults.join("\nerror: ")))
        }
    }

    /// What it comes to in a run. What was not played is not looked at.
    pub(crate) fn judge(&self, report: &Report) -> Baseline {
        let mut baseline = Baseline::default();
        for (line, last, entry) in &self.entries {
            for outcome in report.cases.iter().filter(|o| covers(entry, o)) {
                let on = outcome.transport.name();
                let mut fault = |what: String| {
                    baseline.faults.push(format!("{}:{line}: {} on {on} {what}", self.path.display(), entry.id));
                };
                match outcome.verdict {
                    Verdict::Pass | Verdict::Observed => {
                        fault("is as required now\n    mend: take the entry out, or name with `transport` where it still fails".to_owned());
                    }
                    _ if *last < self.today => {
                        fault(format!(
                            "was tolerated until {last}\n    mend: have the failure mended, or give the entry another date"
                        ));
                    }
                    verdict if verdict == entry.expected => baseline.known.push(Known {
                        id: outcome.id.clone(),
                        transport: outcome.transport,
                        verdict,
                        reason: entry.reason.clone(),
                        link: entry.link.clone(),
                    }),
                    other => fault(format!(
                        "came to {} and not to {}: {}\n    mend: look at what changed, then at `expected`",
                        other.name(),
                        entry.expected.name(),
                        outcome.reason
                    )),
                }
            }
        }
        baseline
    }
}

fn covers(entry: &Entry, outcome: &Outcome) -> bool {
    entry.id == outcome.id && entry.transport.is_none_or(|t| t == outcome.transport)
}

fn last_day(entry: &Entry) -> Result<Date, String> {
    let date = entry.expires.date.filter(|_| entry.expires.time.is_none());
    let date = date.and_then(|d| {
        let month = time::Month::try_from(d.month).ok()?;
        Date::from_calendar_date(i32::from(d.year), month, d.day).ok()
    });
    date.ok_or_else(|| {
        format!("expires = {} is not a date\n  mend: write it as 2027-01-31, without quotation marks", entry.expires)
    })
}

fn faults_of(entry: &Entry, cases: &[Case], seen: &mut BTreeSet<(String, Option<Transport>)>) -> Vec<String> {
    let mut faults = Vec::new();
    let id = &entry.id;
    match cases.iter().find(|c| c.id == *id) {
        None => {
            let hint = suggestion(id, cases.iter().map(|c| c.id.as_str()));
            faults.push(format!("there is no case {id:?}; {hint}\n  mend: correct the id, or take the entry out"));
        }
        Some(case) => {
            if let Some(transport) = entry.transport.filter(|t| !case.applies_to(*t)) {
                faults.push(format!(
                    "{id} is never played on {}\n  mend: take `transport` out, or the entry",
                    transport.name()
                ));
            }
        }
    }
    let double = match entry.transport {
        Some(_) => seen.contains(&(id.clone(), None)),
        None => seen.iter().any(|(other, _)| other == id),
    };
    if !seen.insert((id.clone(), entry.transport)) || double {
        faults.push(format!("{id} stands above already\n  mend: have one entry, or one for each transport"));
    }
    let reason = entry.reason.trim();
    if reason.is_empty() || reason.eq_ignore_ascii_case(TODO) {
        faults.push(format!("{id} has no reason\n  mend: say why the failure is tolerated"));
    }
    if !matches!(entry.expected, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive) {
        let expected = entry.expected.name();
        faults.push(format!("expected = {expected:?} needs no toleration, or can have none\n  mend: it is \"fail\", \"warn\" or \"inconclusive\""));
    }
    faults
}

/// A list of what failed in a run. What stands in `earlier` keeps its reason, link and date.
pub(crate) fn of(report: &Report, strict: bool, earlier: Option<&List>, today: Date) -> String {
    let counts = |v: Verdict| matches!(v, Verdict::Fail | Verdict::Inconclusive) || (strict && v == Verdict::Warn);
    let earlier = |outcome: &Outcome| {
        let mut entries = earlier.into_iter().flat_map(|list| &list.entries);
        entries.find(|(_, last, e)| *last >= today && covers(e, outcome) && e.expected == outcome.verdict)
    };
    let wanted = |outcome: &&Outcome| counts(outcome.verdict) || earlier(outcome).is_some();
    let mut out = String::from(
        "# Failures that are known and tolerated: `ekmcheck run --baseline` with this file.\n# Every reason has to be filled in; an entry that no longer holds fails the run.\n",
    );
    let mut written = BTreeSet::new();
    for outcome in report.cases.iter().filter(wanted) {
        // One entry serves all transports that came to the same.
        let whole = report
            .cases
            .iter()
            .filter(|o| o.id == outcome.id)
            .all(|o| o.verdict == outcome.verdict && earlier(o).map(|e| e.0) == earlier(outcome).map(|e| e.0));
        if whole && !written.insert(&outcome.id) {
            continue;
        }
        let text = |text: &str| Value::String(text.to_owned()).to_string();
        let (reason, link, last) = match earlier(outcome) {
            Some((_, last, entry)) => (entry.reason.as_str(), entry.link.as_deref(), *last),
            None => (TODO, None, today.saturating_add(Duration::days(HOLDS))),
        };
        let mut line = |name: &str, value: String| _ = writeln!(out, "{name} = {value}");
        line("\n[[known]]\nid", text(&outcome.id));
        if !whole {
            line("transport", text(outcome.transport.name()));
        }
        line("expected", text(outcome.verdict.name()));
        line("reason", text(reason));
        if let Some(link) = link {
            line("link", text(link));
        }
        line("expires", last.to_string());
    }
    out
}
