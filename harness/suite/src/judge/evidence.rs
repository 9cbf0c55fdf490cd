//! What a verdict on an exchange rests on.

use crate::transcript::{Event, Exchanged, Reaction, Transcript};

use super::is_accepted;

/// The exchange at that place, with the right requests that bracket it: the last one that was accepted before it, and the
/// first after it.
pub(super) fn around(transcript: &Transcript, place: usize) -> Vec<usize> {
    let right = |(at, event): (usize, &Event)| match event {
        Event::Exchanged(exchanged) if exchanged.control && accepted(exchanged) => Some(at),
        _ => None,
    };
    let before = transcript.events.iter().enumerate().take(place).filter_map(right).next_back();
    let after = transcript.events.iter().enumerate().skip(place + 1).find_map(right);
    before.into_iter().chain([place]).chain(after).collect()
}

fn accepted(exchanged: &Exchanged) -> bool {
    is_accepted(&exchanged.reaction)
}

/// How long a refusal may take, in seconds: as long as the right requests of the play, and two more for a busy machine.
pub(super) fn slowest_control(transcript: &Transcript) -> u64 {
    let after = |e: &Exchanged| match &e.reaction {
        Reaction::Answer(answer) if e.control && accepted(e) => Some(answer.after + 2),
        _ => None,
    };
    // Without a control there is nothing to compare with.
    transcript.exchanges().filter_map(after).max().unwrap_or(u64::MAX)
}
