//! What the harness must not repeat: tokens, proofs and exporter values, wherever a subject says them back.
//!
//! A subject that answers with what it got, or with what it and the harness both know, would otherwise have the harness
//! write it into reports, traces and the terminal. So its words are looked through where they come in, before anything is
//! made of them, and no output has to remember.
//!
//! Nothing is kept of a secret but short pieces of it, so that a part is found as well: the signature alone, a half of an
//! exporter value, a text that was cut off. Upper and lower case count as the same, and so do the two alphabets of base64.
//! What is percent-encoded, in hexadecimal, in base64 or a list of numbers is decoded first. What was turned around or
//! encrypted is not found.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    hash::BuildHasher as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ekmcheck_binding::base64url;
use ekmcheck_forge::recipe::{Exporters, Made};
use ekmcheck_suite::{
    inert::inert,
    transcript::{Answer, ConnectFailed, Event, Exchanged, Probed, Reaction, Transcript},
};
use foldhash::fast::RandomState;

use crate::fingerprint::fingerprint;

mod words;

/// The characters of a piece.
const PIECE: usize = 12;
/// How far the pieces of an exporter value in base64 are apart, so that 15 characters of it are found: a third.
const APART: usize = 4;
/// The same of tokens, proofs and hexadecimal, of which 27 characters are found: every part of a token is longer.
const FAR_APART: usize = 16;
/// How many pieces are kept at least, and half of how many at most: those of the last thousand plays, or some thousand
/// requests of a campaign.
const KEPT: usize = if cfg!(test) { 1 << 12 } else { 1 << 19 };

type Piece = [u8; PIECE];

/// Thousands are looked up for every answer; a subject that had them collide would slow down its own test.
type Set = HashSet<Piece, RandomState>;

/// How many connections are kept whose exporter values nobody has looked at yet: all that are open at once, and some.
const GLIMPSED: usize = 1 << 10;

/// How many whole texts are remembered, so that they are not taken to pieces again.
const SEEN: usize = 1 << 10;

/// What was sent, or is known, in a run.
#[derive(Default)]
pub struct Secrets(Mutex<Pieces>);

/// What is full takes the place of what is old.
#[derive(Default)]
struct Pieces {
    new: Set,
    old: Set,
    glimpsed: VecDeque<Exporters>,
    /// Hashes of whole texts that were taken to pieces lately.
    seen: HashSet<u64, RandomState>,
}

impl Pieces {
    /// Whether a text has to be taken to pieces.
    fn is_unseen(&mut self, text: &[u8]) -> bool {
        if self.seen.len() >= SEEN {
            self.seen.clear();
        }
        let hash = self.seen.hasher().hash_one(text);
        self.seen.insert(hash)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// All that a request holds: whatever of it comes back may be a token or a proof in another place.
    pub fn know_request(&self, made: &Made) {
        let Made { request, token, proof } = made;
        let texts = [token.as_bytes(), proof.as_bytes(), request.path.as_bytes(), &request.body];
        for text in texts.into_iter().chain(request.fields.iter().map(|(_, value)| value.as_slice())) {
            // Most requests repeat the token and the proof of the one before.
            if text.len() >= PIECE && self.pieces().is_unseen(text) {
                self.know(&String::from_utf8_lossy(text));
            }
        }
    }

    /// A token or a proof.
    pub fn know(&self, text: &str) {
        self.keep(text, FAR_APART);
    }

    /// What a connection exports, rightly and under each mistake.
    pub fn know_exporters(&self, exporters: &Exporters) {
        for (_, octets) in exporters.values() {
            self.know_octets(octets);
        }
    }

    /// The same, and they are not looked at before a secret is looked for: for who measures what a connection costs.
    pub fn glimpse(&self, exporters: &Exporters) {
        let glimpsed = &mut self.pieces().glimpsed;
        if glimpsed.len() >= GLIMPSED {
            glimpsed.pop_front();
        }
        glimpsed.push_back(exporters.clone());
    }

    /// An exporter value.
    fn know_octets(&self, octets: &[u8]) {
        self.keep(&base64url::encode(octets), APART);
        self.keep(&words::hex(octets), FAR_APART);
    }

    fn keep(&self, text: &str, apart: usize) {
        let mut pieces = self.pieces();
        for run in text.split(|c: char| words::folded(c).is_none()) {
            let folded: Vec<u8> = run.chars().filter_map(words::folded).collect();
            let last = folded.len().checked_sub(PIECE);
            for at in (0..=last.unwrap_or_default()).step_by(apart).chain(last).filter(|_| last.is_some()) {
                let of = |text: &[u8]| text.get(at..at + PIECE).and_then(|piece| Piece::try_from(piece).ok());
                if let (Some(piece), true) = (of(&folded), of(run.as_bytes()).is_some_and(|raw| is_no_word(&raw))) {
                    pieces.new.insert(piece);
                }
            }
        }
        if pieces.new.len() >= KEPT {
            pieces.old = std::mem::take(&mut pieces.new);
            pieces.seen.clear();
        }
    }

    /// A subject's words with fingerprints in the place of secrets. All else is as it was.
    pub fn hidden(&self, said: &str) -> String {
        self.replaced(said, false, &fingerprinted)
    }

    /// The same with one word for all secrets: for whoever compares what was said to different requests.
    pub fn without(&self, said: &str) -> String {
        self.replaced(said, false, &|_| "(secret)".to_owned())
    }

    /// An error or another sentence that a subject may have a part in: without secrets, inert and on one line. Nobody has
    /// to read more than words there, so that what is as long as an exporter value and looks like one is hidden, too: it
    /// may be that of a connection of which nothing was exported here, or of another run.
    pub fn told(&self, said: &str) -> String {
        inert(&self.replaced(said, true, &fingerprinted))
    }

    fn replaced(&self, said: &str, by_form: bool, name: &dyn Fn(&str) -> String) -> String {
        if said.len() < PIECE {
            return said.to_owned();
        }
        let glimpsed = std::mem::take(&mut self.pieces().glimpsed);
        glimpsed.iter().for_each(|exporters| self.know_exporters(exporters));
        let pieces = self.pieces();
        let is_known = |piece: &Piece| pieces.new.contains(piece) || pieces.old.contains(piece);
        let secrets = words::secrets(said, &is_known, by_form);
        drop(pieces);
        let (mut out, mut done) = (String::with_capacity(said.len()), 0);
        for secret in secrets {
            out.push_str(said.get(done..secret.start).unwrap_or_default());
            out.push_str(&name(said.get(secret.clone()).unwrap_or_default()));
            done = secret.end;
        }
        out.push_str(said.get(done..).unwrap_or_default());
        out
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last door before a transcript leaves the player: whatever text of it may be a subject's is looked through. Who
    /// adds an event has to say here which of its texts that are.
    pub fn hide_in(&self, transcript: &mut Transcript) {
        for event in &mut transcript.events {
            match event {
                Event::ConnectFailed(ConnectFailed { name: _, client: _, reason: why })
                | Event::NotTestable(why)
                | Event::Hindered(why)
                | Event::Broken(why)
                | Event::Probed(Probed { hello: _, expect: _, went_on: _, came: why }) => *why = self.told(why),
                Event::Exchanged(exchanged) => {
                    let Exchanged { path, reaction, check, .. } = &mut **exchanged;
                    *path = inert(&self.hidden(path));
                    *check = check.take().map(|check| self.told(&check));
                    self.hide_in_reaction(reaction);
                }
                Event::Again(again) => self.hide_in_reaction(&mut again.reaction),
                // Names of the case, numbers and fingerprints.
                Event::Connected(_)
                | Event::ServerConnected(_)
                | Event::Interim(_)
                | Event::Closed(_)
                | Event::KeysUpdated(_)
                | Event::Migrated(_)
                | Event::IdRotated(_)
                | Event::Fetched(_)
                | Event::ClockMoved(_)
                | Event::Abandoned(_)
                | Event::Restarted
                | Event::Introspectable(_)
                | Event::Kept(_) => {}
            }
        }
    }
}

impl Secrets {
    fn hide_in_reaction(&self, reaction: &mut Reaction) {
        match reaction {
            Reaction::Nothing(why) | Reaction::Hung(why) | Reaction::NotProcessed(why) => *why = self.told(why),
            // Numbers, and words of this harness.
            Reaction::Answer(Answer {
                status: _,
                challenges,
                challenges_cut: _,
                retry_after: _,
                after: _,
                cache_control,
                reflects: _,
            }) => {
                // As they were sent but for secrets: their syntax is judged.
                challenges.iter_mut().chain(cache_control).for_each(|value| *value = self.hidden(value));
            }
        }
    }
}

fn fingerprinted(secret: &str) -> String {
    format!("fingerprint-{}", fingerprint(secret))
}

/// Letters of one case are a word, such as `invalid_token`, which a request may hold and an answer must be able to say.
fn is_no_word(piece: &[u8]) -> bool {
    let has = |of: fn(&u8) -> bool| piece.iter().any(of);
    has(u8::is_ascii_digit) || (has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
}

#[cfg(test)]
mod tests;
