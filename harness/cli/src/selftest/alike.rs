//! Where a fault does what the reference does, and need not be played.
//!
//! Most faults are wrong about refusals by one check and about nothing else. In a case in which the reference refuses
//! nothing by that check, such a server takes the same decisions, request by request, so that the reference's verdict is
//! its verdict as well. `--no-shortcuts` plays these cases too, and must come to the same.

use std::collections::{BTreeMap, BTreeSet};

use ekmcheck_player::{
    run::{Plan, Played},
    subject::Fault,
};
use ekmcheck_suite::{
    outcome::Outcome,
    report::{Report, Unit},
};

/// What the reference did in each case, without the transcripts.
#[derive(Default)]
pub(super) struct Reference(BTreeMap<Unit, Played>);

impl Reference {
    /// Takes note of a run on the reference.
    pub(super) fn note(&mut self, played: &[Played]) {
        for Played { outcome, refused_by, transcripts: _ } in played {
            let unit = (outcome.id.clone(), outcome.transport);
            let kept = Played { outcome: outcome.clone(), refused_by: refused_by.clone(), transcripts: Vec::new() };
            self.0.insert(unit, kept);
        }
    }

    /// Of these units those in which the fault may come into play, and the verdicts on all others.
    pub(super) fn split(&self, fault: &Fault, units: BTreeSet<Unit>) -> (BTreeSet<Unit>, Vec<Outcome>) {
        let Some(checks) = fault.acts_on_refusals_by() else { return (units, Vec::new()) };
        let mut alike = Vec::new();
        let may_differ = units.into_iter().filter(|unit| match self.0.get(unit) {
            Some(Played { outcome, refused_by, .. }) if checks.iter().all(|check| !refused_by.contains(check)) => {
                alike.push(outcome.clone());
                false
            }
            _ => true,
        });
        (may_differ.collect(), alike)
    }
}

/// The report on a run of which a part was played.
pub(super) fn whole(played: Report, plan: &Plan, alike: Vec<Outcome>) -> Report {
    let selected = plan.units().len();
    let outcomes = played.cases.into_iter().chain(alike).collect();
    let report = Report::new(&plan.subject.name(), plan.transports.clone(), plan.seed, played.cost, selected, outcomes);
    Report { unfinished: played.unfinished, ..report }
}
