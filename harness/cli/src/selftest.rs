//! `ekmcheck selftest`: the suite is tested by servers with one thing wrong, and by right ones that look unusual.

mod alike;
mod matrix;
mod verdicts;

use std::{cell::RefCell, collections::BTreeSet, pin::pin, sync::Arc};

use alike::Reference;
use ekmcheck_player::{
    run::{Pick, Plan, Played, place},
    subject::{Fault, Subject, Variation, evasions, faults, variations},
    world::World,
};
use ekmcheck_suite::{
    case::{Case, Expect, Transport},
    inert::inert,
    outcome::{Outcome, Verdict},
    report::{Conclusion, Report},
    requirement::Ledger,
    transcript::Transcript,
};
use futures_util::{StreamExt as _, future, stream};
use matrix::{Evasion, Matrix, Pair, Row};
use verdicts::Verdicts;

use crate::{
    INCOMPLETE, Trouble,
    args::{SelftestArgs, jobs},
    files, print, run, scenarios,
    signals::{self, Stop},
    terminal::COLOURS,
};

struct Bench {
    world: Arc<World>,
    cases: Arc<Vec<Case>>,
    ledger: Arc<Ledger>,
    jobs: usize,
    stop: Stop,
    verdicts: RefCell<Verdicts>,
    reference: RefCell<Reference>,
}

/// It was asked to end, and what was being played says nothing.
struct Stopped;

/// Plays all faults and variations; returns 0 if the suite sees what it should and blames nobody else, else 1, or 3 where it
/// was ended before and found nothing so far.
pub(crate) fn selftest(args: &SelftestArgs) -> Result<u8, Trouble> {
    let begun = std::time::Instant::now();
    let all = scenarios::all(None)?;
    let chosen: Vec<_> =
        faults().filter(|f| args.fault.is_empty() || args.fault.iter().any(|n| f.name.contains(n.as_str()))).collect();
    if let Some(name) = args.fault.iter().find(|n| !faults().chain(evasions()).any(|f| f.name.contains(n.as_str()))) {
        let known = faults().chain(evasions()).map(|f| f.name);
        return Err(Trouble::Given(format!(
            "there is no fault {name:?}; {}",
            ekmcheck_suite::load::suggestion(name, known)
        )));
    }
    let stop = Stop::on_signals()?;
    files::writable(&args.report, "kill-matrix.json")?;
    let (matrix, verdicts) = run::runtime()?.block_on(async {
        let bench = Bench {
            world: Arc::new(World::at(run::now()?).map_err(|e| Trouble::Harness(e.to_string()))?),
            cases: Arc::new(all.cases),
            ledger: Arc::new(all.ledger),
            jobs: jobs(args.jobs),
            stop,
            verdicts: RefCell::default(),
            reference: RefCell::default(),
        };
        let mut matrix = Matrix {
            ekmcheck: env!("CARGO_PKG_VERSION").to_owned(),
            draft: ekmcheck_suite::report::DRAFT.to_owned(),
            unfinished: None,
            findings: [bench.ledger.lint(&bench.cases), all.register.lint(&bench.cases)].concat(),
            faults: Vec::new(),
            variations: Vec::new(),
            pairs: Vec::new(),
            evasions: Vec::new(),
            cases: bench.cases.iter().map(|c| (c.id.clone(), Vec::new())).collect(),
            plays: 0,
            alike: 0,
            seconds: 0.0,
        };
        if bench.all(args, &chosen, &mut matrix).await.is_err() {
            let (done, all) = (matrix.faults.len(), chosen.len());
            matrix.unfinished = Some(format!("interrupted after {done} of {all} faults"));
        }
        Ok::<_, Trouble>((matrix, bench.verdicts.into_inner()))
    })?;
    let matrix = Matrix { seconds: begun.elapsed().as_secs_f64(), ..matrix };
    let is_written = signals::whole(|| {
        let is_written = files::keep(&args.report, "kill-matrix.json", run::json(&matrix)?);
        files::keep(&args.report, "kill-matrix.md", matrix.table());
        if args.verdicts {
            files::keep(&args.report, "verdicts.json", run::json(&verdicts)?);
        }
        Ok::<_, Trouble>(is_written)
    })?;
    let mut out = String::new();
    for finding in &matrix.findings {
        out.push_str(&format!("{}finding{}  {}\n", COLOURS.bad, COLOURS.reset, inert(finding)));
    }
    out.push_str(&matrix.numbers());
    if let Some(why) = &matrix.unfinished {
        out.push_str(&format!("not all was played: {why}\n"));
    }
    match args.report.join("kill-matrix.json").display() {
        path if is_written => out.push_str(&format!("matrix: {path} and kill-matrix.md\n")),
        _ => out.push_str("matrix: not written\n"),
    }
    print(&out);
    Ok(match matrix.unfinished {
        _ if !matrix.findings.is_empty() => 1,
        Some(_) => INCOMPLETE,
        None => 0,
    })
}

/// Of the negative cases, every fortieth is played on servers that never refuse.
const EVADED: usize = 40;

/// How many right servers are played where there is no time for all.
const VARIED: usize = 6;

/// The right servers that are played: all of them, or some that are others each day, so that in ten days each has its turn.
fn sample(some: bool, now: Result<i64, Trouble>) -> Vec<&'static Variation> {
    let all: Vec<_> = variations().collect();
    let day = now.map_or(0, |now| usize::try_from(now / 86_400).unwrap_or_default());
    match some {
        true => all.iter().cycle().skip(day * VARIED % all.len()).take(VARIED).copied().collect(),
        false => all,
    }
}

/// Up to so many faults, it costs more to play the reference on all transports than it saves.
const FEW: usize = 8;

/// How many faults are played at once, each with as many cases as there are jobs.
const AT_ONCE: usize = 2;

/// How many pairs of faults are a sample.
const PAIRS: usize = 40;

/// A sample of pairs, the same at every run: neighbours in the table would mostly concern the same check.
fn pairs<'a>(faults: &'a [&'static Fault]) -> impl Iterator<Item = (&'static Fault, &'static Fault)> + use<'a> {
    let step = (faults.len() / PAIRS).max(1);
    let other = |at: usize| faults.get((at + faults.len() / 2) % faults.len().max(1)).copied();
    faults.iter().enumerate().step_by(step).take(PAIRS).filter_map(move |(at, one)| Some((*one, other(at)?)))
}

impl Bench {
    /// Everything that was asked for, in this order; what came of it so far is in the matrix if it is ended before.
    async fn all(&self, args: &SelftestArgs, chosen: &[&'static Fault], matrix: &mut Matrix) -> Result<(), Stopped> {
        let whole = args.fault.is_empty();
        // Who asks for some faults is at work on them, and has not the minutes that all right servers take.
        let turn = |turn, on_all| if args.all_transports { Pick::All } else { Pick::Turn(turn, on_all) };
        let thorough = if whole || chosen.len() > FEW { Pick::All } else { turn(0, Arc::default()) };
        self.right(Subject::Reference, thorough.clone(), matrix).await?;
        for variation in sample(args.named, run::now()).into_iter().filter(|_| whole) {
            self.right(Subject::Variation(variation), thorough.clone(), matrix).await?;
        }
        let evading = evasions().filter(|f| whole || args.fault.iter().any(|n| f.name.contains(n.as_str())));
        let evading: Vec<_> = evading.collect();
        // These mostly wait, and the others mostly do not.
        let (ended, evaded) =
            future::join(self.caught_all(args, chosen, &turn, matrix), self.evaded_all(&evading)).await;
        let evasions_ended = evading.iter().zip(evaded).try_for_each(|(fault, report)| {
            evades(fault, &report?, matrix);
            Ok(())
        });
        ended.and(evasions_ended)?;
        for (one, other) in pairs(chosen).filter(|_| whole) {
            self.pair(one, other, matrix).await?;
        }
        if whole {
            self.unkilled(matrix);
        }
        Ok(())
    }

    /// The runs on faults, a few at once: the last case of one does not hold up the first of the next.
    async fn caught_all(
        &self,
        args: &SelftestArgs,
        chosen: &[&'static Fault],
        turn: &dyn Fn(usize, Arc<BTreeSet<String>>) -> Pick,
        matrix: &mut Matrix,
    ) -> Result<(), Stopped> {
        let runs = chosen.iter().map(|fault| async {
            let named: BTreeSet<String> = fault.caught_by.iter().map(|c| (*c).to_owned()).collect();
            let cases = match args.named {
                true => Arc::new(self.cases.iter().filter(|c| named.contains(&c.id)).cloned().collect()),
                false => self.cases.clone(),
            };
            let pick = turn(place(fault.name), Arc::new(named));
            self.faulty(fault, self.plan(Subject::Fault(fault), pick, &cases), args).await
        });
        let mut runs = pin!(stream::iter(runs).buffered(AT_ONCE));
        for fault in chosen {
            let Some(run) = runs.next().await else { break };
            let (report, alike) = run?;
            matrix.alike += alike;
            self.caught(fault, &report, matrix);
        }
        Ok(())
    }

    /// The runs on all servers that never refuse, at once.
    async fn evaded_all(&self, evading: &[&'static Fault]) -> Vec<Result<Report, Stopped>> {
        future::join_all(evading.iter().map(|fault| self.evaded(fault))).await
    }

    /// The run on a fault, and how many cases were not played: what it does as the reference does need not be.
    async fn faulty(&self, fault: &'static Fault, plan: Plan, args: &SelftestArgs) -> Result<(Report, usize), Stopped> {
        let (units, alike) = match args.no_shortcuts {
            true => (plan.units(), Vec::new()),
            false => self.reference.borrow().split(fault, plan.units()),
        };
        let (played, _) = self.play(Plan { pick: Pick::Only(Arc::new(units)), ..plan.clone() }).await?;
        let (report, alike) = if played.dialect.is_usual() {
            let left = alike.len();
            (alike::whole(played, &plan, alike), left)
        } else {
            // Everything that it is asked is asked in another way than the reference.
            (self.play(plan).await?.0, 0)
        };
        self.verdicts.borrow_mut().note(&report);
        Ok((report, alike))
    }

    fn plan(&self, subject: Subject, pick: Pick, cases: &Arc<Vec<Case>>) -> Plan {
        Plan {
            subject,
            cases: cases.clone(),
            ledger: self.ledger.clone(),
            transports: Transport::ALL.to_vec(),
            pick,
            jobs: self.jobs,
            seed: 1,
            rounds: 12,
            measure_floor: false,
        }
    }

    async fn play(&self, plan: Plan) -> Result<(Report, Vec<Played>), Stopped> {
        let played = ekmcheck_player::run::run(self.world.clone(), plan, |_| {}, self.stop.given()).await;
        // Half of a run would say that a fault is not caught.
        if self.stop.is_given() { Err(Stopped) } else { Ok(played) }
    }

    /// A right server: nothing may blame it, and every case must come to a conclusion.
    async fn right(&self, subject: Subject, pick: Pick, matrix: &mut Matrix) -> Result<(), Stopped> {
        let (report, played) = self.play(self.plan(subject.clone(), pick, &self.cases)).await?;
        self.verdicts.borrow_mut().note(&report);
        matrix.plays += report.cost.plays;
        let mut blames: Vec<&Outcome> =
            report.cases.iter().filter(|o| !matches!(o.verdict, Verdict::Pass | Verdict::Observed)).collect();
        // What needs a clock that moves cannot be tested without one, and says so.
        let needs_clock = |o: &&Outcome| self.cases.iter().any(|c| c.id == o.id && c.moves_clock());
        // What a right subject makes impossible is not testable, with the reason; that it did not get to something is not.
        let varies = matches!(subject, Subject::Variation(_));
        let excused = |o: &&Outcome| {
            o.verdict == Verdict::NotTestable && !o.hindered && (varies || (!subject.clock_moves() && needs_clock(o)))
        };
        blames.retain(|o| !excused(o));
        for outcome in &blames {
            let (name, on) = (subject.name(), outcome.transport.name());
            matrix.findings.push(format!(
                "{name}: {} on {on} comes to {}: {} (seen: {})",
                outcome.id,
                outcome.verdict.name(),
                outcome.reason,
                outcome.seen
            ));
        }
        if matches!(subject, Subject::Reference) {
            self.reference.borrow_mut().note(&played);
            for played in &played {
                let case = self.cases.iter().find(|c| c.id == played.outcome.id);
                matrix.findings.extend(case.and_then(|c| wrong_cause(c, &played.transcripts)));
            }
        }
        if let Subject::Variation(variation) = subject {
            matrix.variations.push(Row {
                name: variation.name.to_owned(),
                does: variation.does.to_owned(),
                conclusion: report.conclusion,
                named: Vec::new(),
                survives_on: Vec::new(),
                caught_by: blames.iter().map(|o| o.id.clone()).collect(),
            });
        }
        Ok(())
    }

    fn caught(&self, fault: &'static Fault, report: &Report, matrix: &mut Matrix) {
        matrix.plays += report.cost.plays;
        let mut caught_by: Vec<String> = report.cases.iter().filter(|o| self.kills(o)).map(|o| o.id.clone()).collect();
        caught_by.dedup();
        for id in &caught_by {
            matrix.cases.entry(id.clone()).or_default().push(fault.name.to_owned());
        }
        for named in fault.caught_by {
            if !self.cases.iter().any(|c| c.id == *named) {
                matrix.findings.push(format!("fault {} names a case that there is not: {named}", fault.name));
            } else if !caught_by.iter().any(|c| c == named) {
                let seen = report.cases.iter().find(|o| o.id == *named);
                let seen = seen.map(|o| format!(" ({}: {})", o.transport.name(), o.seen)).unwrap_or_default();
                matrix.findings.push(format!("fault {} is not caught by {named}{seen}", fault.name));
            }
        }
        let named = |o: &&Outcome| fault.caught_by.contains(&o.id.as_str());
        let played: BTreeSet<Transport> = report.cases.iter().filter(named).map(|o| o.transport).collect();
        let caught: BTreeSet<Transport> =
            report.cases.iter().filter(named).filter(|o| self.kills(o)).map(|o| o.transport).collect();
        let survives_on: Vec<Transport> =
            played.difference(&caught).copied().filter(|t| !fault.not_on.contains(&t.name())).collect();
        for transport in &survives_on {
            matrix.findings.push(format!("fault {} survives on {}", fault.name, transport.name()));
        }
        for outcome in report.cases.iter().filter(|o| o.verdict == Verdict::Error) {
            matrix
                .findings
                .push(format!("fault {}: {} ends by a harness fault: {}", fault.name, outcome.id, outcome.reason));
        }
        matrix.faults.push(Row {
            name: fault.name.to_owned(),
            does: fault.does.to_owned(),
            conclusion: report.conclusion,
            named: fault.caught_by.iter().map(|c| (*c).to_owned()).collect(),
            survives_on,
            caught_by,
        });
    }

    /// The run on a server that neither serves nor refuses what it should refuse.
    async fn evaded(&self, fault: &'static Fault) -> Result<Report, Stopped> {
        let negative: Vec<Case> =
            self.cases.iter().filter(|c| matches!(c.expect, Some(Expect::Refused(_)))).cloned().collect();
        // Some of these servers make each case wait for seconds.
        let cases = Arc::new(negative.iter().step_by(EVADED).cloned().collect::<Vec<_>>());
        let turn = Pick::Turn(place(fault.name), Arc::default());
        Ok(self.play(self.plan(Subject::Fault(fault), turn, &cases)).await?.0)
    }

    /// A server with two faults must be caught by some case that is named for one of them.
    async fn pair(&self, one: &'static Fault, other: &'static Fault, matrix: &mut Matrix) -> Result<(), Stopped> {
        let named = |c: &&Case| [one, other].iter().any(|f| f.caught_by.contains(&c.id.as_str()));
        let cases = Arc::new(self.cases.iter().filter(named).cloned().collect::<Vec<_>>());
        let (report, _) =
            self.play(self.plan(Subject::Pair(one, other), Pick::Turn(0, Arc::default()), &cases)).await?;
        matrix.plays += report.cost.plays;
        let caught_by: Vec<String> = report.cases.iter().filter(|o| self.kills(o)).map(|o| o.id.clone()).collect();
        if caught_by.is_empty() {
            matrix.findings.push(format!("the pair of {} and {} is not caught", one.name, other.name));
        }
        matrix.pairs.push(Pair {
            one: one.name.to_owned(),
            other: other.name.to_owned(),
            named: cases.len(),
            caught_by,
        });
        Ok(())
    }

    /// A kill counts only by a requirement that the case is about: a server that answers 403 must not make all checks
    /// look alive.
    fn kills(&self, outcome: &Outcome) -> bool {
        let case = self.cases.iter().find(|c| c.id == outcome.id);
        case.is_some_and(|c| {
            outcome.requirements.iter().any(|r| r.verdict.is_deviation() && c.requirements.contains(&r.id))
        })
    }

    fn unkilled(&self, matrix: &mut Matrix) {
        for case in self.cases.iter().filter(|c| !c.is_observation()) {
            let kills = matrix.cases.get(&case.id).is_some_and(|faults| !faults.is_empty());
            let listed = self.ledger.beyond_faults.iter().any(|b| b.case == case.id);
            match (kills, listed) {
                (false, false) => matrix.findings.push(format!("case {} catches no fault", case.id)),
                (true, true) => {
                    matrix.findings.push(format!("case {} catches faults and is listed as beyond them", case.id));
                }
                _ => {}
            }
        }
    }
}

/// Nothing that needs a refusal may pass on a server that never refuses, and the run must not come to a good end.
fn evades(fault: &'static Fault, report: &Report, matrix: &mut Matrix) {
    matrix.plays += report.cost.plays;
    for outcome in &report.cases {
        if let Some(passed) = outcome.requirements.iter().find(|r| r.verdict == Verdict::Pass) {
            let (id, on) = (&outcome.id, outcome.transport.name());
            matrix.findings.push(format!("fault {}: {id} on {on} passes {}", fault.name, passed.id));
        }
    }
    if matches!(report.conclusion, Conclusion::Conformant | Conclusion::AsKnown) || report.cases.is_empty() {
        matrix.findings.push(format!("fault {}: the run comes to {:?}", fault.name, report.conclusion));
    }
    matrix.evasions.push(Evasion {
        name: fault.name.to_owned(),
        does: fault.does.to_owned(),
        conclusion: report.conclusion,
        played: report.cases.len(),
    });
}

/// On the reference a refusal must come from the check that the case names; anything else is right for a wrong reason.
fn wrong_cause(case: &Case, transcripts: &[Transcript]) -> Option<String> {
    for exchanged in transcripts.iter().flat_map(Transcript::exchanges) {
        let Expect::Refused(refused) = &exchanged.expect else { continue };
        let Some(wanted) = &refused.check else { continue };
        if exchanged.check.as_ref() != Some(wanted) {
            let seen = exchanged.check.as_deref().unwrap_or("no check");
            return Some(format!("{}: the reference refuses by {seen} and not by {wanted}", case.id));
        }
    }
    None
}
