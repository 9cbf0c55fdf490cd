//! What the script of the page reads: cases with their results, each text once, and as many traces as fit.

use std::collections::{BTreeMap, HashMap};

use ekmcheck_suite::{inert::inert_value, outcome::Verdict, transcript::Transcript};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Material, ReportFault, json::line, words};

/// The octets of traces that a page carries. What went wrong comes first; the file has the rest.
const TRACES: usize = 2_000_000;
/// The events of one play that a page carries: some plays open hundreds of connections.
const EVENTS: usize = 120;

/// Texts by number: titles, reasons and answers are the same on most transports.
#[derive(Default)]
struct Strings<'a> {
    all: Vec<&'a str>,
    at: HashMap<&'a str, usize>,
}

impl<'a> Strings<'a> {
    fn number(&mut self, text: &'a str) -> usize {
        *self.at.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() - 1
        })
    }
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    title: &'a str,
    level: &'static str,
    basis: &'static str,
    clause: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause_address: Option<String>,
    rows: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    ambiguity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// The end of the line that plays it again.
    again: String,
    results: Vec<CaseResult>,
}

/// Transport by number in `transports`; verdict; expected, seen and reason by number in `strings`; and of each
/// requirement its number in `requirements`, the verdict and the reason. Without names, because there are thousands.
type CaseResult = (usize, &'static str, usize, usize, usize, Vec<(usize, &'static str, Option<usize>)>);

pub(crate) fn json(material: &Material<'_>) -> Result<String, ReportFault> {
    let report = &material.report;
    let mut strings = Strings::default();
    let numbers: HashMap<&str, usize> =
        report.requirements.iter().enumerate().map(|(n, r)| (r.id.as_str(), n)).collect();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for outcome in &report.cases {
        if cases.last().is_none_or(|c| c.id != outcome.id) {
            let known = material.case(&outcome.id);
            let clause = known.map_or("", |c| c.clause.as_str());
            cases.push(Case {
                id: &outcome.id,
                title: &outcome.title,
                level: words::level(outcome.level),
                basis: words::basis(outcome.basis),
                clause,
                clause_address: words::clause_address(clause),
                rows: &outcome.rows,
                ambiguity: outcome.ambiguity.as_deref(),
                note: known.and_then(|c| c.note.as_deref()),
                again: words::again_parts(report, &outcome.id).1,
                results: Vec::new(),
            });
        }
        let requirements = outcome.requirements.iter().filter_map(|r| {
            Some((*numbers.get(r.id.as_str())?, r.verdict.name(), r.reason.as_deref().map(|why| strings.number(why))))
        });
        let requirements = requirements.collect();
        if let Some(case) = cases.last_mut() {
            case.results.push((
                report.transports.iter().position(|t| *t == outcome.transport).unwrap_or_default(),
                outcome.verdict.name(),
                strings.number(&outcome.expected),
                strings.number(&outcome.seen),
                strings.number(&outcome.reason),
                requirements,
            ));
        }
    }
    let requirements: Vec<Value> = report
        .requirements
        .iter()
        .map(|r| {
            let known = material.ledger.requirement(&r.id);
            json!({
                "id": r.id,
                "text": known.map(|k| &k.text),
                "clause": known.map(|k| &k.clause),
                "address": known.and_then(|k| words::clause_address(&k.clause)),
            })
        })
        .collect();
    let (traces, left_out) = traces(material)?;
    Ok(line(&json!({
        "again": words::again_parts(report, "").0,
        // A vector is played on no transport.
        "again_on": if report.adapter.is_some() { "" } else { " --transport " },
        "transports": material.transports(),
        "strings": strings.all,
        "requirements": requirements,
        "cases": cases,
        "traces": traces,
        "left_out": left_out,
    }))?)
}

/// By `case/transport`, the worst verdicts first until the page is full; and how many results have a trace that is not
/// there.
fn traces(material: &Material<'_>) -> Result<(BTreeMap<String, Vec<Value>>, usize), ReportFault> {
    let name = |t: &Transcript| format!("{}/{}", t.case, t.transport.name());
    let mut by_name: HashMap<String, Vec<&Transcript>> = HashMap::new();
    for transcript in &material.transcripts {
        by_name.entry(name(transcript)).or_default().push(transcript);
    }
    let mut outcomes: Vec<_> = material.report.cases.iter().collect();
    outcomes.sort_by_key(|o| match o.verdict {
        Verdict::Fail => 0,
        Verdict::Error => 1,
        Verdict::Inconclusive => 2,
        Verdict::Warn => 3,
        Verdict::NotTestable => 4,
        Verdict::Observed => 5,
        Verdict::Pass => 6,
    });
    let (mut kept, mut left_out, mut room) = (BTreeMap::new(), 0, TRACES);
    for outcome in outcomes {
        let name = format!("{}/{}", outcome.id, outcome.transport.name());
        let Some(transcripts) = by_name.remove(&name) else { continue };
        let plays = transcripts.into_iter().map(play).collect::<Result<Vec<_>, _>>()?;
        let size = line(&plays)?.len();
        if size > room {
            left_out += 1;
        } else {
            room -= size;
            kept.insert(name, plays);
        }
    }
    Ok((kept, left_out))
}

/// One way through a case, with what does not fit counted.
fn play(transcript: &Transcript) -> Result<Value, ReportFault> {
    let mut events = serde_json::to_value(transcript.events.get(..EVENTS).unwrap_or(&transcript.events))?;
    inert_value(&mut events);
    Ok(json!({
        "temper": transcript.temper,
        "events": events,
        "left_out": transcript.events.len().saturating_sub(EVENTS),
    }))
}
