//! Why a play ended early.

use ekmcheck_suite::transcript::Event;

/// Why a play ended early.
pub(super) enum Stop {
    /// This subject or library cannot do it.
    NotTestable(String),
    /// The subject does not get to what is asked of it.
    Hindered(String),
    /// The surroundings failed.
    Broken(String),
    /// A port that had to come again was given to somebody else.
    PortTaken(String),
}

impl From<Stop> for Event {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::NotTestable(why) | Stop::PortTaken(why) => Self::NotTestable(why),
            Stop::Hindered(why) => Self::Hindered(why),
            Stop::Broken(why) => Self::Broken(why),
        }
    }
}
