//! Connections that end, requests that are not processed, and subjects that are busy: what a client does about them.
//!
//! A connection that the subject ended in good order (RFC 9112 section 9.3, GOAWAY) says nothing about the subject. The next
//! request goes on a new one with a proof for it, unless the step is about the connection that is gone.

use std::time::Duration;

use ekmcheck_suite::{
    case::{Expect, Refused},
    dialect::HtuForm,
    play::{Connect, ProofSource, Send},
    reaction::{Class, is_about_the_request},
    transcript::{Again, Event, Reaction},
};

use super::{Actor, Ready, Stop};
use crate::{dialect::ABSOLUTE, fingerprint::jti_of};

/// How often a request goes out again whose connection ended before any of an answer came (RFC 9110 section 9.2.2; a subject that
/// ends each connection may do so just when the next request is on its way); and one of which the subject said that it did not
/// process it (RFC 9113 section 8.7).
const UNPROCESSED: (u32, u32) = (3, 4);
/// How often a subject that is unavailable is asked again.
const UNAVAILABLE: u32 = 4;
/// The longest that all waiting for a subject in one step may take, in seconds, and the wait where the subject names none.
const PATIENCE: u64 = 20;
const UNNAMED: u64 = 1;

/// What was tried so far for one step.
#[derive(Debug, Default)]
pub(super) struct Tries {
    unprocessed: u32,
    unavailable: u32,
    late: u32,
    waited: u64,
    /// The `jti` of requests that went out on connections which ended before an answer.
    lost: Vec<String>,
}

impl Tries {
    /// Takes note of a request that goes out again; if its connection ended, the subject may have processed it all the same.
    pub(super) fn again(&mut self, ready: &Ready, ended: bool) {
        self.lost.extend(jti(ready).filter(|_| ended));
    }

    /// Whether what came of the last try counts. A proof with a `jti` makes a request that must not be processed twice (RFC 9110
    /// section 9.2.2): a refusal of the second may be due to the first.
    pub(super) fn counts(&self, send: &Send, ready: &Ready, reaction: &Reaction) -> Result<(), Stop> {
        let refused = matches!(Class::of(reaction, refused(send)), Class::Refused | Class::RefusedOtherwise);
        let may_be_accepted = matches!(send.expect, Expect::Accepted | Expect::Observed);
        match jti(ready).is_some_and(|jti| self.lost.contains(&jti)) && refused && may_be_accepted {
            true => Err(Stop::NotTestable(
                "the subject ended the connection before it answered, and may have used the jti up".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

fn jti(ready: &Ready) -> Option<String> {
    jti_of(ready.proof_sent.as_deref()?)
}

/// How refusals of the request look, if one is expected.
pub(super) fn refused(send: &Send) -> Option<&Refused> {
    match &send.expect {
        Expect::Refused(refused) | Expect::Once(refused) => Some(refused),
        Expect::Accepted | Expect::Observed => None,
    }
}

/// Whether an answer took seconds.
fn is_late(reaction: &Reaction) -> bool {
    matches!(reaction, Reaction::Answer(answer) if answer.after > 0)
}

impl Actor<'_> {
    /// Sees to it that there is a connection to send on: the one of that name, or a new one if the subject ended it.
    pub(super) async fn ensure_open(&mut self, send: &Send) -> Result<(), Stop> {
        let link = self.link(&send.on)?;
        if send.control && send.alter.as_deref() == Some(ABSOLUTE) && self.bounds.dialect.htu == HtuForm::Path {
            return Err(Stop::NotTestable("the subject takes htu for a path and nothing else (A-01)".to_owned()));
        }
        // A control shows that the surroundings work, on whatever connection and with whatever proof.
        let own_proof = send.proof.is_none() && send.alter.is_none() && send.changes.is_empty() && send.wire.is_none();
        let uses_again = own_proof && !send.control && self.credentials.has_proof(link.number, send);
        let accepted = matches!(send.expect, Expect::Accepted | Expect::Observed);
        if uses_again && self.bounds.dialect.demands() && accepted {
            let why = "the step uses a proof again, and the subject demands per-request claims (A-13)";
            return Err(Stop::NotTestable(why.to_owned()));
        }
        let ended = !link.end_is_answer() && link.connection.as_ref().is_some_and(|c| link.spent || !c.is_open());
        if !ended {
            return Ok(());
        }
        let number = link.number;
        if uses_again {
            return Err(Stop::NotTestable(format!(
                "the step uses the proof of a connection ({}) again, and the subject ended that connection",
                send.on
            )));
        }
        let again = Connect { same_port_as: None, resume: None, early_data: false, ..link.connect.clone() };
        self.connect(&again, Some(number)).await
    }

    /// Whether the request goes out once more, after a wait if the subject asked for one.
    pub(super) async fn goes_again(
        &mut self,
        send: &Send,
        reaction: &Reaction,
        ended: bool,
        tries: &mut Tries,
    ) -> Result<bool, Stop> {
        let refused = refused(send);
        let link = self.link_mut(&send.on)?;
        let waited = match Class::of(reaction, refused) {
            Class::NotProcessed | Class::Broken if link.end_is_answer() || refused.is_some_and(|r| r.or_no_answer) => {
                return Ok(false);
            }
            Class::Broken if ended && tries.unprocessed == 0 => {
                tries.unprocessed += 1;
                link.spent = true;
                0
            }
            Class::NotProcessed if tries.unprocessed < if ended { UNPROCESSED.0 } else { UNPROCESSED.1 } => {
                tries.unprocessed += 1;
                link.spent |= ended;
                0
            }
            // A machine that is busy makes anybody late once.
            Class::Refused | Class::RefusedOtherwise if is_late(reaction) && tries.late == 0 => {
                tries.late += 1;
                0
            }
            Class::Unavailable if tries.unavailable < UNAVAILABLE => {
                let named = match reaction {
                    Reaction::Answer(answer) => answer.retry_after,
                    _ => None,
                };
                let wait = named.unwrap_or(UNNAMED);
                if tries.waited + wait > PATIENCE {
                    return Err(Stop::Hindered(format!(
                        "the subject is unavailable, and asks for {wait} s; {PATIENCE} s are waited for in one step"
                    )));
                }
                tries.unavailable += 1;
                tries.waited += wait;
                wait
            }
            _ => return Ok(false),
        };
        let (on, connection) = (send.on.clone(), link.number);
        self.events.push(Event::Again(Again { on, connection, reaction: reaction.clone(), waited }));
        self.wait(waited).await;
        Ok(true)
    }

    /// Lets time go by: the subject's own, or that of its clock where the harness moves it.
    async fn wait(&mut self, seconds: u64) {
        if seconds == 0 {
            return;
        }
        match i64::try_from(seconds) {
            Ok(moved) if self.subject.clock_moves() => {
                self.subject.clock().advance(moved);
                self.credentials.advance(moved);
            }
            _ => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
    }

    /// The status of the answer to the same request with right credentials, where an answer that should be a refusal may be
    /// about the request itself.
    pub(super) async fn twin(&mut self, send: &Send, reaction: &Reaction) -> Option<u16> {
        let Reaction::Answer(answer) = reaction else { return None };
        let refused = refused(send).filter(|refused| !refused.statuses().contains(&answer.status));
        if refused.is_none() || !is_about_the_request(answer.status) {
            return None;
        }
        let twin = Send {
            token: Some("of the twin".to_owned()),
            bound_to: None,
            proof: Some(ProofSource::Fresh),
            alter: None,
            changes: Vec::new(),
            expect: Expect::Accepted,
            control: true,
            ..send.clone()
        };
        // What comes of it explains an answer, and must not cost the play that answer.
        self.status_of(&twin).await.ok().flatten()
    }

    /// The status of the answer to a request beside the story; many servers end a connection with such answers.
    async fn status_of(&mut self, send: &Send) -> Result<Option<u16>, Stop> {
        let mut tries = Tries::default();
        loop {
            self.ensure_open(send).await?;
            let (_, reaction, ended, _) = self.attempt(send).await?;
            if self.goes_again(send, &reaction, ended, &mut tries).await? {
                continue;
            }
            return Ok(match reaction {
                Reaction::Answer(answer) => Some(answer.status),
                _ => None,
            });
        }
    }
}
