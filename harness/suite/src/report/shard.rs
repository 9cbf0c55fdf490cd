//! Runs in parts: which part of a selection is whose, and the parts put together again.

use std::collections::{BTreeMap, BTreeSet};

use ekmcheck_binding::digest::sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Baseline, Cost, Report};
use crate::{case::Transport, outcome::Outcome};

/// One case on one transport: what a run is made of.
pub type Unit = (String, Transport);

/// The part of a selection that a run was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// How many cases of the selection are other shards' part, and so no part of this report's counts.
    pub elsewhere: usize,
}

/// The units of shard `number` (from 1) out of `of`. Dealt in the order of a hash of their names, so that shards are as
/// even as can be and neighbours do not stay together; who deals the same units gets the same shards.
#[must_use]
pub fn deal(units: BTreeSet<Unit>, number: usize, of: usize) -> BTreeSet<Unit> {
    let hash = |(id, transport): &Unit| sha256(format!("{id} {}", transport.name()).as_bytes());
    let mut dealt: Vec<Unit> = units.into_iter().collect();
    dealt.sort_by_cached_key(|unit| (hash(unit), unit.clone()));
    dealt.into_iter().skip(number.saturating_sub(1)).step_by(of.max(1)).collect()
}

/// Why reports cannot be put together: each fault names the reports by the names they were given with.
pub type MergeFaults = Vec<String>;

/// Puts the reports of all shards of a run together. `reports` come with the names of their files.
///
/// # Errors
/// Every reason why they are not the parts of one run: other versions, subjects, transports or selections; a shard that
/// is missing or there twice; a case in two of them. Seeds may differ.
pub fn merge(reports: &[(String, Report)]) -> Result<Report, MergeFaults> {
    let Some((first_name, first)) = reports.first() else { return Err(vec!["nothing to merge".to_owned()]) };
    let mut faults = Vec::new();
    for (name, report) in &reports[1..] {
        let transports = |report: &Report| report.transports.iter().map(|t| t.name()).collect::<Vec<_>>().join(" ");
        for (what, one, other) in [
            ("version", first.ekmcheck.clone(), report.ekmcheck.clone()),
            ("draft", first.draft.clone(), report.draft.clone()),
            ("subject", first.subject.clone(), report.subject.clone()),
            ("transports", transports(first), transports(report)),
        ] {
            if one != other {
                faults.push(format!("{name}: {what} is {other:?}, and {one:?} in {first_name}"));
            }
        }
    }
    shards(reports, &mut faults);
    // Where shards are missing or double anyway, this would say the same once more.
    if faults.is_empty() {
        faults.extend(in_two(reports));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let parts = || reports.iter().map(|(_, report)| report);
    let selected = parts().fold(0, |all: usize, r| all.saturating_add(r.counts.applicable));
    let cases: Vec<Outcome> = parts().flat_map(|r| r.cases.clone()).collect();
    let cost = parts().map(|r| r.cost).fold(Cost::default(), sum);
    let mut whole = Report::new(&first.subject, first.transports.clone(), first.seed, cost, selected, cases);
    whole.ekmcheck.clone_from(&first.ekmcheck);
    whole.draft.clone_from(&first.draft);
    whole.named_by.clone_from(&first.named_by);
    whole.scenarios.clone_from(&first.scenarios);
    let unfinished: Vec<&str> = parts().filter_map(|r| r.unfinished.as_deref()).collect();
    whole.unfinished = (!unfinished.is_empty()).then(|| unfinished.join("\n"));
    if parts().any(|r| r.baseline.is_some()) {
        let baselines = || parts().filter_map(|r| r.baseline.as_ref());
        whole.set_baseline(Baseline {
            known: baselines().flat_map(|b| b.known.clone()).collect(),
            faults: baselines().flat_map(|b| b.faults.clone()).collect(),
        });
    }
    Ok(whole)
}

/// The first of the cases that two reports have, and how many there are.
fn in_two(reports: &[(String, Report)]) -> Option<String> {
    let mut from: BTreeMap<(&str, Transport), &str> = BTreeMap::new();
    let mut twice = Vec::new();
    for (name, report) in reports {
        for outcome in &report.cases {
            if let Some(earlier) = from.insert((&outcome.id, outcome.transport), name) {
                twice.push(format!("{} on {} stands in {earlier} and in {name}", outcome.id, outcome.transport.name()));
            }
        }
    }
    let (first, rest) = twice.split_first()?;
    Some(if rest.is_empty() { first.clone() } else { format!("{first}, and {} more like it", rest.len()) })
}

/// How many of the shards that are missing are named.
const NAMED: usize = 20;

/// Each shard of the same deal must be there once.
fn shards(reports: &[(String, Report)], faults: &mut MergeFaults) {
    let mut by_number: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    let mut deals: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for (name, report) in reports {
        let Some(shard) = report.shard else {
            faults.push(format!("{name}: not the report of a shard (`run --shard K/N`)"));
            continue;
        };
        by_number.entry(shard.number).or_default().push(name);
        let all = report.counts.applicable.saturating_add(shard.elsewhere);
        deals.entry((shard.of, all)).or_default().push(format!("{name} ({}/{} of {all})", shard.number, shard.of));
    }
    if deals.len() > 1 {
        let deals: Vec<String> = deals.into_values().map(|names| names.join(", ")).collect();
        faults.push(format!("not the shards of one selection: {}", deals.join("; ")));
        return;
    }
    let Some((of, _)) = deals.into_keys().next() else { return };
    for (number, names) in by_number.iter().filter(|(_, names)| names.len() > 1) {
        faults.push(format!("shard {number}/{of} is there {} times: {}", names.len(), names.join(", ")));
    }
    // How many there are stands in a file, and may be any number.
    let missing: Vec<String> =
        (1..=of).filter(|n| !by_number.contains_key(n)).take(NAMED).map(|n| format!("{n}/{of}")).collect();
    if !missing.is_empty() {
        let more = of.saturating_sub(by_number.len()).saturating_sub(missing.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        faults.push(format!("missing: shard {}{more}", missing.join(", ")));
    }
}

/// What all parts cost together, as if one machine had played them one after the other.
fn sum(one: Cost, other: Cost) -> Cost {
    let both = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
    Cost {
        seconds: one.seconds + other.seconds,
        plays: one.plays.saturating_add(other.plays),
        handshakes: one.handshakes.saturating_add(other.handshakes),
        signatures: one.signatures.saturating_add(other.signatures),
        verifications: one.verifications.saturating_add(other.verifications),
        bare_handshakes: both(one.bare_handshakes, other.bare_handshakes),
        bare_signatures: both(one.bare_signatures, other.bare_signatures),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_even_and_every_unit_is_in_one() {
        let units: BTreeSet<Unit> =
            (0..101).flat_map(|n| Transport::ALL.map(|t| (format!("rs.case-{n}"), t))).collect();
        let shards: Vec<BTreeSet<Unit>> = (1..=4).map(|n| deal(units.clone(), n, 4)).collect();
        let sizes: Vec<usize> = shards.iter().map(BTreeSet::len).collect();
        assert_eq!(sizes, [127, 126, 126, 126]);
        assert_eq!(shards.iter().flatten().cloned().collect::<BTreeSet<_>>(), units);
        // No transport is left to one shard.
        for shard in &shards {
            let on = |transport| shard.iter().filter(|(_, t)| *t == transport).count();
            assert!(Transport::ALL.into_iter().all(|t| on(t) > 12), "{shard:?}");
        }
    }
}
