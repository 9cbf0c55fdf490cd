//! Where a literal reading of the draft's cache excuses an acceptance (ambiguity A-03).

use crate::transcript::{Event, Exchanged, Reaction, Transcript};

/// Whether a server that takes a hit for (connection, token) for the whole verification of the proof would accept this
/// request: the same token was accepted before on the same connection, a proof is there, it is another one than those
/// accepted before, and what is wrong with it is no per-request claim.
pub(super) fn may_excuse(transcript: &Transcript, exchanged: &Exchanged) -> bool {
    let per_request = ["proof.claims.jti", "proof.claims.htm", "proof.claims.htu"];
    let changes = exchanged.changes.as_deref().unwrap_or_default();
    if exchanged.proof.is_none() || per_request.contains(&changes) {
        return false;
    }
    let mut verified = false;
    for event in &transcript.events {
        match event {
            Event::Exchanged(earlier) if std::ptr::eq(&raw const **earlier, exchanged) => break,
            // Another connection of the same name has verified nothing.
            Event::Exchanged(earlier)
                if earlier.connection == exchanged.connection && earlier.token == exchanged.token =>
            {
                if earlier.proof == exchanged.proof {
                    return false;
                }
                verified |= matches!(&earlier.reaction, Reaction::Answer(a) if (200..300).contains(&a.status));
            }
            _ => {}
        }
    }
    verified
}
