//! What a reaction to a request amounts to. Only a refusal proves a check; everything else has a class of its own.

use crate::{
    case::Refused,
    transcript::{Answer, Exchanged, Reaction},
};

/// The class of a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2xx, or the consent to another protocol (RFC 9110 section 15.2.2), which no refusal can follow.
    Accepted,
    /// Refused with a status that the case allows.
    Refused,
    /// Refused with another status: the check holds, and the clause about the status is judged for itself.
    RefusedOtherwise,
    /// An answer about the request and not about its credentials (405, 413, 414, 431, 501).
    NotForThisRequest,
    /// The subject says that it cannot answer now (429, 503).
    Unavailable,
    /// The connection ended before any of an answer came, or the subject said that it did not process the request.
    NotProcessed,
    /// The connection, or HTTP on it, failed, or a TLS alert ended it.
    Broken,
    /// Nothing came within the time that a step may take. Never a refusal.
    Hung,
}

impl Class {
    /// The class of a reaction, where refusals look like that.
    #[must_use]
    pub fn of(reaction: &Reaction, refused: Option<&Refused>) -> Self {
        match reaction {
            Reaction::Answer(answer) if is_success(answer.status) => Self::Accepted,
            Reaction::Answer(answer) if refused.is_some_and(|r| r.statuses().contains(&answer.status)) => Self::Refused,
            Reaction::Answer(answer) if is_about_the_request(answer.status) => Self::NotForThisRequest,
            Reaction::Answer(answer) if is_unavailable(answer.status) => Self::Unavailable,
            Reaction::Answer(_) => Self::RefusedOtherwise,
            Reaction::NotProcessed(_) => Self::NotProcessed,
            Reaction::Hung(_) => Self::Hung,
            Reaction::Nothing(_) => Self::Broken,
        }
    }

    /// In words, for reasons.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::RefusedOtherwise => "refused with another status",
            Self::NotForThisRequest => "not answered for a reason that has nothing to do with credentials",
            Self::Unavailable => "not answered, as the subject is unavailable",
            Self::NotProcessed => "not processed",
            Self::Broken => "broken off",
            Self::Hung => "not answered in time",
        }
    }
}

/// Whether the subject did as asked.
#[must_use]
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status) || status == 101
}

/// Whether an answer with that status may be about the method, the target or the size of a request, whoever sends it.
#[must_use]
pub fn is_about_the_request(status: u16) -> bool {
    matches!(status, 405 | 413 | 414 | 431 | 501)
}

/// Whether an answer with that status says to come again later.
#[must_use]
pub fn is_unavailable(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// Whether the same request with right credentials was answered in the same way, so that the answer is about the request.
#[must_use]
pub fn twin_agrees(exchanged: &Exchanged, answer: &Answer) -> bool {
    exchanged.twin == Some(answer.status)
}
