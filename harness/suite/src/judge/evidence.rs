//! What a verdict on an exchange rests on.

use crate::transcript::{Event, Exchanged, Transcript};

use super::is_accepted;

/// The exchange at that place, with the right requests that bracket it: the last one that was accepted before it, and the
/// first after it.
pub(super) fn around(transcript: &Transcript, place: usize) -> Vec<usize> {
    let right = |(at, event): (usize, &Event)| match event {
        Event::Exchanged(exchanged) if exchanged.control && accepted(exchanged) => Some(at),
        _ => None,
    };
    let before = transcript.events.iter().enumerate().take(place).filter_map(right).last();
    let after = transcript.events.iter().enumerate().skip(place + 1).find_map(right);
    before.into_iter().chain([place]).chain(after).collect()
}

fn accepted(exchanged: &Exchanged) -> bool {
    is_accepted(&exchanged.reaction)
}
