//! Faults about the message that carries the proof: its sections, its octets, what else it asks for.

use super::fault;
use crate::fault::{Bend, Fault};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "trailers-read",
        "looks for the proof in the trailer section too",
        &[Bend::ReadsTrailers],
        &["rs.field.in-trailers", "rs.field.in-trailers-of-a-stream"],
    ),
    fault(
        "obs-text-dropped",
        "drops octets beyond ASCII from the proof field",
        &[Bend::Rewrites(|value| value.iter().copied().filter(u8::is_ascii).collect())],
        &["rs.field.obs-text"],
    ),
    fault(
        "upgrade-unverified",
        "goes on with another protocol before it verifies anything",
        &[Bend::UpgradesFirst],
        &["rs.message.upgrade"],
    ),
];
