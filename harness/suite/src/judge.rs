//! From a case and its transcripts to a verdict. Touches nothing, knows nothing of sockets.
//!
//! A refusal proves nothing alone, so controls bracket it: if a control fails, the case is inconclusive, unless the
//! subject accepted what it had to refuse, which no control excuses. One acceptance is excused: the draft's own figure
//! lets a hit for (connection, token) stand for the verification of the proof, so a wrong proof that is accepted on such
//! a hit is an observation (ambiguity A-03), as long as neither its presence nor a per-request claim is at stake.

mod cache;
mod evidence;
mod exporter;
mod words;

pub use exporter::mistake;

use std::collections::BTreeMap;

use crate::{
    case::{Basis, Case, Expect, Level, Refused, Transport},
    challenge,
    outcome::{Evidence, Outcome, RequirementVerdict, Verdict},
    reaction::{Class, twin_agrees},
    requirement::Ledger,
    transcript::{Answer, Event, Exchanged, Handshake, Probed, Reaction, Transcript},
};

/// The requirement that a refusal has status 401.
pub const REFUSAL_STATUS: &str = "rs.refusal-status";
/// The requirement that a refusal carries the right error code.
pub const ERROR_CODE: &str = "rs.error-code";
/// The requirement that a refusal carries a Bearer challenge.
pub const BEARER_CHALLENGE: &str = "rs.bearer-challenge";
/// The requirement that a refusal explains itself; judged in the cases that name it.
pub const ERROR_DESCRIPTION: &str = "rs.error-description";
/// The requirement that a challenge is well formed; judged in the cases that name it.
pub const CHALLENGE_SYNTAX: &str = "rs.challenge-syntax";

/// The requirement that an answer tells nobody the credentials; judged in the cases that name it.
pub const NO_REFLECTION: &str = "rs.no-reflection";
/// Whether answers may be stored; observed in the cases that name it.
pub const CACHE_CONTROL: &str = "rs.cache-control";

const WIRE: [&str; 6] =
    [REFUSAL_STATUS, ERROR_CODE, BEARER_CHALLENGE, ERROR_DESCRIPTION, CHALLENGE_SYNTAX, NO_REFLECTION];

/// Judges a case by the transcripts of all its plays on one transport.
#[must_use]
pub fn judge(case: &Case, ledger: &Ledger, transport: Transport, transcripts: &[Transcript]) -> Outcome {
    let controls = transcripts.iter().flat_map(Transcript::exchanges).filter(|exchanged| exchanged.control);
    let mut bench = Bench {
        case,
        ledger,
        key_is_known: controls.into_iter().any(|control| is_accepted(&control.reaction)),
        found: BTreeMap::new(),
        evidence: Vec::new(),
        against: BTreeMap::new(),
        at: (0, Vec::new()),
        hindered: false,
        notes: Vec::new(),
    };
    if transcripts.is_empty() {
        bench.own(Verdict::Error, "nothing was played".to_owned());
    }
    for (play, transcript) in transcripts.iter().enumerate() {
        bench.at = (play, Vec::new());
        bench.hear(transcript);
    }
    bench.sum_up(transport, transcripts)
}

/// Judging in progress: the worst finding a requirement so far.
struct Bench<'a> {
    case: &'a Case,
    ledger: &'a Ledger,
    /// A control was accepted in some play.
    key_is_known: bool,
    found: BTreeMap<String, (Verdict, String)>,
    /// What shows that all is as required.
    evidence: Vec<Evidence>,
    /// What shows that a requirement is not kept, or cannot be judged.
    against: BTreeMap<String, Evidence>,
    /// The play and the events that are looked at.
    at: (usize, Vec<usize>),
    /// The subject did not get to what was asked of it.
    hindered: bool,
    notes: Vec<String>,
}

impl Bench<'_> {
    fn find(&mut self, requirement: &str, verdict: Verdict, reason: String) {
        let entry = self.found.entry(requirement.to_owned()).or_insert((Verdict::Pass, String::new()));
        if verdict > entry.0 {
            *entry = (verdict, reason);
            let (play, events) = self.at.clone();
            self.against.insert(requirement.to_owned(), Evidence { play, events });
        }
    }

    /// Something is as required, and these events show it.
    fn shown(&mut self) {
        let (play, events) = self.at.clone();
        self.evidence.push(Evidence { play, events });
    }

    /// The subject did not get to it: nothing can be said.
    fn hindered(&mut self, reason: String) {
        self.hindered = true;
        self.own(Verdict::NotTestable, reason);
    }

    /// A finding on what the case is about: all requirements that it names, the wire's only if it names no other.
    fn own(&mut self, verdict: Verdict, reason: String) {
        for id in &self.case.requirements {
            self.find(id, verdict, reason.clone());
        }
    }

    fn deviation(&self) -> Verdict {
        Verdict::of_deviation(self.case.level, self.case.basis)
    }

    /// A finding on the form of a refusal. It weighs no more than the case in which it turned up: where the draft does
    /// not ask for the refusal, it cannot ask for its form either.
    fn wire(&mut self, requirement: &str, reason: String) {
        let (level, basis) =
            self.ledger.requirement(requirement).map_or((Level::Must, Basis::Draft), |r| (r.level, r.basis));
        let verdict = Verdict::of_deviation(level.min(self.case.level), basis.max(self.case.basis));
        self.find(requirement, verdict, reason);
    }

    fn hear(&mut self, transcript: &Transcript) {
        if let Some(fault) = harness_fault(transcript) {
            return self.own(Verdict::Error, fault);
        }
        self.once(transcript);
        let controls_failed: Vec<String> = transcript
            .exchanges()
            .filter(|e| e.control && !hinders(&e.reaction))
            .filter(|e| is_accepted(&e.reaction) == matches!(e.expect, Expect::Refused(_)))
            .map(|e| match e.expect {
                Expect::Refused(_) => "a request that only prepares the case was accepted".to_owned(),
                _ => format!("control request refused: {}", words::reaction(&e.reaction)),
            })
            .collect();
        // A subject that does not get to the controls shows nothing by what it does with the rest.
        let hindered = transcript.exchanges().any(|e| e.control && hinders(&e.reaction));
        let reliable = controls_failed.is_empty() && !hindered;
        let mut convicted = false;
        for (place, event) in transcript.events.iter().enumerate() {
            let Event::Exchanged(exchanged) = event else { continue };
            self.at.1 = evidence::around(transcript, place);
            if exchanged.control {
                if hinders(&exchanged.reaction) {
                    self.hindered(format!("control request {}", words::reaction(&exchanged.reaction)));
                }
                continue;
            }
            self.weigh(transcript, exchanged, reliable);
            convicted |= matches!(exchanged.expect, Expect::Refused(_)) && is_accepted(&exchanged.reaction);
        }
        match controls_failed.first() {
            Some(reason) if self.key_is_unknown() => {
                self.own(Verdict::NotTestable, format!("{}; {reason}", words::optional_key(self.case)));
            }
            // What was accepted though it must be refused is a finding whatever else happened.
            Some(reason) if !convicted => self.own(Verdict::Inconclusive, reason.clone()),
            _ => {}
        }
        for (place, event) in transcript.events.iter().enumerate() {
            self.at.1 = vec![place];
            match event {
                Event::Probed(probed) => self.weigh_probe(probed),
                Event::NotTestable(why) => self.own(Verdict::NotTestable, why.clone()),
                Event::Hindered(why) => self.hindered(why.clone()),
                Event::Broken(why) => self.own(Verdict::Inconclusive, why.clone()),
                Event::Kept(kept) if reliable && !kept.kept => {
                    self.own(self.deviation(), format!("the connection {:?} was closed after a refusal", kept.on));
                }
                Event::Kept(kept) if kept.kept => self.shown(),
                // No control excuses it, and neither does the answer.
                Event::Fetched(true) => {
                    self.own(self.deviation(), "connected to where the proof's header points".to_owned());
                }
                _ => {}
            }
        }
    }

    /// Whether the subject shows no sign of support for the client's key in any play, where that is its choice.
    fn key_is_unknown(&self) -> bool {
        self.case.key_is_optional() && !self.key_is_known
    }

    /// No control is needed: a subject that refuses every ClientHello breaks off the play.
    fn weigh_probe(&mut self, probed: &Probed) {
        let came = words::bounded(&probed.came);
        match &probed.expect {
            Expect::Observed => self.own(Verdict::Observed, format!("observed: {came}")),
            Expect::Refused(_) if probed.went_on => {
                self.own(self.deviation(), format!("went on with a handshake that it must refuse: {came}"));
            }
            Expect::Accepted if !probed.went_on => self.own(self.deviation(), format!("refused a handshake: {came}")),
            Expect::Refused(_) | Expect::Once(_) | Expect::Accepted => self.shown(),
        }
    }

    fn weigh(&mut self, transcript: &Transcript, exchanged: &Exchanged, reliable: bool) {
        let named = mistake(transcript, exchanged);
        match &exchanged.expect {
            Expect::Observed => self.observe(exchanged),
            Expect::Accepted => self.weigh_acceptance(exchanged, reliable),
            Expect::Refused(_) if is_accepted(&exchanged.reaction) && cache::may_excuse(transcript, exchanged) => {
                let reason = "accepted on a binding that was verified before, whatever the proof: contested, A-03";
                self.own(Verdict::Observed, reason.to_owned());
            }
            Expect::Refused(_) if is_accepted(&exchanged.reaction) => {
                let mut reason = "accepted what it must refuse".to_owned();
                if let Some(named) = &named {
                    reason.push_str(&format!("; {named}"));
                    if !reliable {
                        reason.push_str("; the right value was refused: the subject seems to make this very mistake");
                    }
                }
                self.own(self.deviation(), reason);
            }
            Expect::Once(_) if is_accepted(&exchanged.reaction) => self.shown(),
            Expect::Refused(refused) | Expect::Once(refused) => {
                self.weigh_refusal(refused, transcript, exchanged, reliable)
            }
        }
        if let Some(named) = named
            && !self.notes.contains(&named)
        {
            self.notes.push(named);
        }
    }

    fn observe(&mut self, exchanged: &Exchanged) {
        let mut seen = words::reaction(&exchanged.reaction);
        if let (true, Reaction::Answer(answer)) = (self.names(CACHE_CONTROL), &exchanged.reaction) {
            seen.push_str(&words::cache_control(answer));
        }
        self.own(Verdict::Observed, format!("observed: {seen}"));
    }

    /// A right request.
    fn weigh_acceptance(&mut self, exchanged: &Exchanged, reliable: bool) {
        let seen = words::reaction(&exchanged.reaction);
        match Class::of(&exchanged.reaction, None) {
            Class::Accepted => self.shown(),
            Class::NotProcessed | Class::Unavailable => self.hindered(format!("a right request: {seen}")),
            Class::NotForThisRequest => {
                let reason = format!("the subject answers such a request in its own way, whoever asks: {seen}");
                self.own(Verdict::NotTestable, reason);
            }
            Class::Hung => self.own(Verdict::Inconclusive, format!("a right request was not answered in time: {seen}")),
            Class::Refused | Class::RefusedOtherwise | Class::Broken if reliable => {
                self.own(self.deviation(), format!("a right request was refused: {seen}"));
            }
            Class::Refused | Class::RefusedOtherwise | Class::Broken => {}
        }
    }

    /// Of several requests exactly one is accepted.
    fn once(&mut self, transcript: &Transcript) {
        let mut accepted: BTreeMap<usize, usize> = BTreeMap::new();
        for exchanged in transcript.exchanges().filter(|e| matches!(e.expect, Expect::Once(_))) {
            *accepted.entry(exchanged.step).or_default() += usize::from(is_accepted(&exchanged.reaction));
        }
        for times in accepted.into_values().filter(|times| *times != 1) {
            self.own(self.deviation(), format!("accepted {times} times instead of once"));
        }
    }

    /// It was not accepted: was it refused, and in the right form?
    fn weigh_refusal(&mut self, refused: &Refused, transcript: &Transcript, exchanged: &Exchanged, reliable: bool) {
        let patience = evidence::slowest_control(transcript);
        let (reaction, seen) = (&exchanged.reaction, words::reaction(&exchanged.reaction));
        let answer = match (Class::of(reaction, Some(refused)), reaction) {
            (Class::Unavailable, _) => return self.hindered(format!("instead of a refusal: {seen}")),
            (Class::NotForThisRequest, Reaction::Answer(answer)) if twin_agrees(exchanged, answer) => {
                let reason = format!("the subject answers this request in its own way, whoever asks: {seen}");
                return self.own(Verdict::NotTestable, reason);
            }
            (Class::NotProcessed | Class::Broken, _) if refused.or_no_answer => return self.shown(),
            (Class::Refused | Class::RefusedOtherwise, Reaction::Answer(answer)) if answer.after > patience => {
                let reason =
                    format!("refused only after {} s, though right requests are answered at once", answer.after);
                return self.own(Verdict::Inconclusive, reason);
            }
            (Class::Hung, _) => {
                self.find(REFUSAL_STATUS, Verdict::Inconclusive, format!("no answer in time: {seen}"));
                return self.own(Verdict::Inconclusive, format!("no answer in time: {seen}"));
            }
            _ if !reliable => return,
            (Class::NotForThisRequest, _) if exchanged.twin.is_none() => {
                return self.own(
                    Verdict::Inconclusive,
                    format!("whether right credentials get the same is not known: {seen}"),
                );
            }
            (Class::NotForThisRequest, Reaction::Answer(answer)) => {
                let reason = format!("status {} to wrong credentials alone", answer.status);
                self.own(Verdict::Inconclusive, reason.clone());
                return self.wire(REFUSAL_STATUS, reason);
            }
            (_, Reaction::Answer(answer)) => answer,
            (_, Reaction::NotProcessed(why) | Reaction::Hung(why) | Reaction::Nothing(why)) => {
                self.own(Verdict::Inconclusive, format!("no answer: {why}"));
                return self.wire(REFUSAL_STATUS, format!("no answer: {why}"));
            }
        };
        self.shown();
        if !refused.statuses().contains(&answer.status) {
            let wanted = words::list(refused.statuses());
            return self.wire(REFUSAL_STATUS, format!("status {} instead of {wanted}", answer.status));
        }
        self.weigh_form(refused, answer);
    }

    /// The challenges of a refusal. All Bearer challenges count, in one field or in several.
    fn weigh_form(&mut self, refused: &Refused, answer: &Answer) {
        let bearers = bearers(answer);
        let of = |name: &str| bearers.iter().filter_map(|b| b.parameter(name)).map(str::to_owned).collect::<Vec<_>>();
        // What was cut off may be what is looked for.
        let whole = !answer.challenges_cut;
        if !whole {
            for id in [BEARER_CHALLENGE, ERROR_CODE, ERROR_DESCRIPTION, CHALLENGE_SYNTAX] {
                if self.names(id) {
                    self.find(id, Verdict::Inconclusive, "the challenges are too long to be looked at".to_owned());
                }
            }
        }
        if answer.status == 401 && bearers.is_empty() && whole {
            self.wire(BEARER_CHALLENGE, "401 without a Bearer challenge".to_owned());
        } else if !refused.error.is_empty() && !is_of_http(refused, answer) && whole {
            let errors = of("error");
            if !errors.iter().any(|e| refused.error.contains(e)) {
                let seen = match errors.as_slice() {
                    [] => "no error code".to_owned(),
                    errors => format!("error {:?}", words::bounded(&errors.join(", "))),
                };
                self.wire(ERROR_CODE, format!("{seen} instead of {}", words::list(&refused.error)));
            }
        }
        if self.names(ERROR_DESCRIPTION) && whole && of("error_description").iter().all(String::is_empty) {
            self.wire(ERROR_DESCRIPTION, "no error_description".to_owned());
        }
        if self.names(NO_REFLECTION) && !answer.reflects.is_empty() {
            self.wire(NO_REFLECTION, format!("the answer repeats: {}", answer.reflects.join(", ")));
        }
        if self.names(CHALLENGE_SYNTAX)
            && whole
            && let Some(fault) = syntax_fault(answer)
        {
            self.wire(CHALLENGE_SYNTAX, fault);
        }
    }

    fn names(&self, requirement: &str) -> bool {
        self.case.requirements.iter().any(|r| r == requirement)
    }

    fn sum_up(mut self, transport: Transport, transcripts: &[Transcript]) -> Outcome {
        for id in &self.case.requirements {
            // Nothing passes for want of a finding.
            let nothing = (Verdict::Inconclusive, "nothing was seen that this could rest on".to_owned());
            let unfounded = if self.evidence.is_empty() { nothing } else { (Verdict::Pass, String::new()) };
            self.found.entry(id.clone()).or_insert(unfounded);
        }
        let verdict = self.found.values().map(|(v, _)| *v).max().unwrap_or(Verdict::Error);
        let requirements: Vec<RequirementVerdict> = self
            .found
            .iter()
            .map(|(id, (verdict, reason))| RequirementVerdict {
                id: id.clone(),
                verdict: *verdict,
                reason: Some(reason.clone()).filter(|r| !r.is_empty()),
                evidence: match verdict {
                    Verdict::Pass => self.evidence.clone(),
                    _ => self.against.get(id).cloned().into_iter().collect(),
                },
            })
            .collect();
        let worst = requirements.iter().find(|r| r.verdict == verdict && verdict != Verdict::Pass);
        let mut reason = worst.map(words::broken).unwrap_or_default();
        if reason.is_empty() {
            reason = self.notes.join("; ");
        }
        Outcome {
            id: self.case.id.clone(),
            rows: self.case.rows().map(str::to_owned).collect(),
            title: self.case.title.clone(),
            ambiguity: self.case.ambiguity.clone(),
            role: self.case.role,
            transport,
            verdict,
            level: self.case.level,
            basis: self.case.basis,
            requirements,
            expected: words::expected(self.case),
            seen: words::seen(transcripts),
            reason,
            hindered: self.hindered && verdict == Verdict::NotTestable,
        }
    }
}

/// Whether a requirement is one of form, which every refusal touches.
#[must_use]
pub fn is_wire(requirement: &str) -> bool {
    WIRE.contains(&requirement)
}

fn is_accepted(reaction: &Reaction) -> bool {
    Class::of(reaction, None) == Class::Accepted
}

/// Whether the subject did not get to the request, which then says nothing about it.
fn hinders(reaction: &Reaction) -> bool {
    matches!(Class::of(reaction, None), Class::NotProcessed | Class::Unavailable)
}

/// Whether the answer is one that HTTP has for the request, where the case allows that beside 401: the codes of section
/// 3.5 are not for it.
fn is_of_http(refused: &Refused, answer: &Answer) -> bool {
    answer.status != 401 && refused.statuses().contains(&401)
}

/// All Bearer challenges of an answer. A field that cannot be read is the matter of [`CHALLENGE_SYNTAX`].
fn bearers(answer: &Answer) -> Vec<challenge::Challenge> {
    let challenges = answer.challenges.iter().filter_map(|c| challenge::parse(c).ok()).flatten();
    challenges.filter(challenge::Challenge::is_bearer).collect()
}

/// RFC 9110 section 5.5 and 11.6.1; RFC 6750 section 3 for the characters of the description.
fn syntax_fault(answer: &Answer) -> Option<String> {
    for value in &answer.challenges {
        let challenges = match challenge::parse(value) {
            Ok(challenges) => challenges,
            Err(fault) => return Some(format!("WWW-Authenticate cannot be read: {fault}")),
        };
        for (name, text) in challenges.iter().filter(|c| c.is_bearer()).flat_map(|c| &c.parameters) {
            let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
            if (name == "error" || name == "error_description") && !text.chars().all(allowed) {
                return Some(format!("{name} has characters that RFC 6750 does not allow"));
            }
        }
    }
    None
}

/// What must hold of the harness itself before a transcript counts: connections are really new, and both ends agree.
fn harness_fault(transcript: &Transcript) -> Option<String> {
    let right = |c: &crate::transcript::Connected| {
        c.exporters.iter().find(|(n, _)| n == "right").map(|(_, f)| f.clone()).unwrap_or_default()
    };
    // By exporter value: a play may open a thousand connections.
    let mut connections = BTreeMap::new();
    for one in transcript.connections() {
        if connections.insert(right(one), one).is_some() {
            return Some(format!("connection {} has the exporter value of an earlier one", one.name));
        }
    }
    for event in &transcript.events {
        let Event::ServerConnected(server) = event else { continue };
        match connections.get(&server.exporter).filter(|c| c.port == server.port) {
            None => return Some("client and server do not export the same value".to_owned()),
            Some(c) if c.handshake != Handshake::Resumed && c.certificate != server.certificate => {
                return Some(format!("the server saw another certificate on {} than was sent", c.name));
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
