//! What plays send, as it is: for who replays a case and wants to see it. Transcripts have fingerprints only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ekmcheck_forge::recipe::{Exporters, Made};
use ekmcheck_suite::play::Send;

/// Something seen, by the number of the event of the transcript that it belongs to. Full of secrets.
#[derive(Clone)]
pub struct Seen {
    /// Which way through the case, from 0.
    pub play: usize,
    /// Which event of its transcript, from 0.
    pub event: usize,
    /// What.
    pub what: What,
}

/// What was seen.
#[derive(Clone)]
pub enum What {
    /// What a new connection exports.
    Opened(Exporters),
    /// A request.
    Sent(Request),
}

/// A request as it was handed to the HTTP layer.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// The fields in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The length of the content in octets.
    pub content: usize,
    /// The access token.
    pub token: String,
    /// The proof that was sent.
    pub proof: Option<String>,
}

/// Where plays leave what they send. For the plays of one case on one transport: those of others would be mixed up.
#[derive(Default)]
pub struct Tap(Mutex<(usize, Vec<Seen>)>);

impl Tap {
    /// Takes what was seen.
    #[must_use]
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.lock().1)
    }

    /// The next way through the case begins.
    pub(crate) fn next_play(&self) {
        self.lock().0 += 1;
    }

    pub(crate) fn opened(&self, event: usize, exporters: &Exporters) {
        self.see(event, What::Opened(exporters.clone()));
    }

    pub(crate) fn sent(&self, event: usize, send: &Send, authority: &str, made: &Made, proof: Option<&str>) {
        let request = &made.request;
        self.see(
            event,
            What::Sent(Request {
                method: request.method.clone(),
                authority: send.authority.as_deref().unwrap_or(authority).to_owned(),
                path: request.path.clone(),
                fields: request.fields.clone(),
                content: request.body.len(),
                token: made.token.clone(),
                proof: proof.map(str::to_owned),
            }),
        );
    }

    fn see(&self, event: usize, what: What) {
        let mut seen = self.lock();
        let play = seen.0.saturating_sub(1);
        seen.1.push(Seen { play, event, what });
    }

    fn lock(&self) -> MutexGuard<'_, (usize, Vec<Seen>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
