//! Whether it makes sense to go on: the subject still runs and still answers, and this machine's clock is what it was.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ekmcheck_suite::{
    case::Transport,
    inert::bounded,
    transcript::{Event, Reaction, Transcript},
};

use crate::{
    jump::{Reading, jump},
    network::{Target, greet},
    run::Played,
    subject::Subject,
    world::World,
};

/// How many cases in a row may go without any answer on a transport before the subject is asked whether it is there at all.
const SILENT: usize = 6;
/// How often a process that the harness started is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How often, where its port is gone and the process is not.
const ENDING: u32 = 20;
/// The longest text of why a run ended early, in characters: the subject's last words are in it.
const LONGEST: usize = 2_000;

/// The cases that are being played, by their names.
#[derive(Debug, Default, Clone)]
pub(crate) struct Underway(Arc<Mutex<Vec<String>>>);

/// A case that is being played, until this value ends.
pub(crate) struct Place {
    underway: Underway,
    name: String,
}

impl Underway {
    pub(crate) fn enter(&self, name: String) -> Place {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        Place { underway: self.clone(), name }
    }

    /// In words, with these.
    fn words(&self, with: Option<&str>) -> String {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        names.extend(with.map(str::to_owned));
        names.sort();
        names.dedup();
        match names.len() {
            0 => String::new(),
            1..=4 => format!(" while {} was played", names.join(", ")),
            n => format!(" while {n} cases were played"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut names = self.underway.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = names.iter().position(|name| *name == self.name) {
            names.swap_remove(at);
        }
    }
}

/// Watches the subject of a run. Only one that runs elsewhere can fail in the middle of it.
pub(crate) struct Watch {
    target: Option<Arc<Target>>,
    underway: Underway,
    /// How many cases in a row had no answer.
    silent: BTreeMap<Transport, usize>,
    since: Instant,
    begun: Reading,
}

impl Watch {
    pub(crate) fn of(subject: &Subject, world: &World, underway: &Underway) -> Self {
        let target = match subject {
            Subject::Network(target) => Some(target.clone()),
            _ => None,
        };
        let since = Instant::now();
        let begun = Reading::now(&world.clock, since);
        Self { target, underway: underway.clone(), silent: BTreeMap::new(), since, begun }
    }

    /// Ends when the process of the subject has, with what is to be said of that.
    pub(crate) async fn ended(&self) -> String {
        loop {
            match self.has_ended(None) {
                Some(why) => return why,
                None => tokio::time::sleep(EVERY).await,
            }
        }
    }

    fn has_ended(&self, with: Option<&str>) -> Option<String> {
        let how = self.target.as_ref()?.ended()?;
        Some(bounded_lines(&format!("the subject ended{}: {how}", self.underway.words(with))))
    }

    /// Whether what a case came to counts: not, if the subject had ended by then. The error is why the run ends.
    pub(crate) async fn counts(&self, played: &Played) -> Result<(), String> {
        let name = format!("{} on {}", played.outcome.id, played.outcome.transport.name());
        let ended = || self.has_ended(Some(&name)).map_or(Ok(()), Err);
        ended()?;
        // A wrapper ends after its server, and maybe not at once.
        if breaks_off(&played.transcripts) && self.is_refused().await {
            for _ in 0..ENDING {
                tokio::time::sleep(EVERY).await;
                ended()?;
            }
        }
        Ok(())
    }

    /// Whether nobody listens any more where a subject was started.
    async fn is_refused(&self) -> bool {
        let target = self.target.iter().find(|target| target.hand.is_some());
        let over_tcp =
            target.into_iter().flat_map(|target| &target.origins).find(|(transport, _)| !transport.is_quic());
        let Some((_, origin)) = over_tcp else { return false };
        let connected = tokio::net::TcpStream::connect(origin.addr).await;
        connected.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
    }

    /// Why the run ends after this case, if it does.
    pub(crate) async fn after(&mut self, world: &World, played: &Played) -> Option<String> {
        let target = self.target.clone()?;
        // A subject on this machine has the same clock. Where it has another one, all that comes would be off.
        if !target.is_here()
            && let Some(seconds) = jump(self.begun, Reading::now(&world.clock, self.since))
        {
            return Some(format!(
                "this machine's clock was moved by {seconds} s, and that of the subject, elsewhere, was not"
            ));
        }
        let transport = played.outcome.transport;
        let silent = self.silent.entry(transport).or_default();
        match is_silent(&played.transcripts) {
            Some(true) => *silent += 1,
            Some(false) => *silent = 0,
            None => {}
        }
        if *silent < SILENT {
            return None;
        }
        *silent = 0;
        let why = greet(world, &target, transport).await.err()?;
        Some(bounded_lines(&format!(
            "the subject does not answer any more on {}: nothing came in {SILENT} cases in a row, nor to a greeting: {why}",
            transport.name()
        )))
    }
}

/// Whether nothing was heard of the subject; `None` where nothing was to be heard.
fn is_silent(transcripts: &[Transcript]) -> Option<bool> {
    let events = || transcripts.iter().flat_map(|transcript| &transcript.events);
    let heard = |event: &Event| match event {
        Event::Exchanged(exchanged) => matches!(exchanged.reaction, Reaction::Answer(_)),
        Event::Probed(_) | Event::Interim(_) => true,
        _ => false,
    };
    let unheard = |event: &Event| matches!(event, Event::Exchanged(_) | Event::Broken(_) | Event::ConnectFailed(_));
    match events().any(heard) {
        true => Some(false),
        false => events().any(unheard).then_some(true),
    }
}

/// Whether something did not come that was to come.
fn breaks_off(transcripts: &[Transcript]) -> bool {
    let nothing = |event: &Event| match event {
        Event::Broken(_) | Event::ConnectFailed(_) => true,
        Event::Exchanged(exchanged) => matches!(exchanged.reaction, Reaction::Nothing(_)),
        _ => false,
    };
    transcripts.iter().flat_map(|transcript| &transcript.events).any(nothing)
}

/// Bounded, line by line: what a subject wrote may be of many.
fn bounded_lines(text: &str) -> String {
    let text: String = text.chars().take(LONGEST).collect();
    text.lines().map(|line| bounded(line, LONGEST)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use ekmcheck_suite::play::Temper;

    use super::*;

    fn transcript(events: Vec<Event>) -> Transcript {
        Transcript { case: String::new(), transport: Transport::Tls13H1, temper: Temper::Story, events }
    }

    #[test]
    fn silence_is_no_answer_where_one_was_to_come() {
        let broken = || Event::Broken("time is over".to_owned());
        let not_testable = || Event::NotTestable("no second node".to_owned());
        assert_eq!(is_silent(&[transcript(vec![broken()]), transcript(vec![broken()])]), Some(true));
        assert_eq!(
            is_silent(&[transcript(vec![broken()]), transcript(vec![Event::Interim(100), broken()])]),
            Some(false)
        );
        assert_eq!(is_silent(&[transcript(vec![not_testable()])]), None);
        assert_eq!(is_silent(&[]), None);
        assert!(breaks_off(&[transcript(vec![not_testable(), broken()])]));
        assert!(!breaks_off(&[transcript(vec![not_testable(), Event::Interim(100)])]));
    }

    #[test]
    fn what_was_under_way_is_named() {
        let underway = Underway::default();
        assert_eq!(underway.words(None), "");
        let first = underway.enter("one".to_owned());
        assert_eq!(underway.words(Some("two")), " while one, two was played");
        let more: Vec<_> = (0..5).map(|n| underway.enter(n.to_string())).collect();
        assert_eq!(underway.words(None), " while 6 cases were played");
        drop((first, more));
        assert_eq!(underway.words(Some("two")), " while two was played");
    }

    #[test]
    fn last_words_are_bounded_and_keep_their_lines() {
        assert_eq!(bounded_lines("ended\n    a\u{1b}[0m"), "ended\n    a\u{fffd}[0m");
        assert_eq!(bounded_lines(&"x".repeat(10_000)).len(), LONGEST);
    }
}
