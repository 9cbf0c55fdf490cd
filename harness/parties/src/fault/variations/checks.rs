//! Right servers that verify, remember and word things otherwise.

use ekmcheck_binding::{
    proof::TYP,
    refusal::{Check, WireAnswer},
    steps::Moment,
};

use crate::{
    fault::{Bend, CachesBy, Variation},
    wire::Habit,
};

pub(super) const TABLE: &[Variation] = &[
    Variation { name: "no-cache", does: "verifies every proof in full", bends: &[Bend::CachesNothing] },
    Variation {
        name: "own-clock",
        does: "has a clock that the harness cannot move, as any server that it did not start",
        bends: &[Bend::OwnClock],
    },
    Variation {
        name: "other-words",
        does: "describes refusals in other words",
        bends: &[Bend::Answers(|_, answer| WireAnswer {
            description: answer.description.map(|_| "something about the request is not right".to_owned()),
            ..answer
        })],
    },
    Variation {
        name: "parameters-in-other-order",
        does: "puts a realm first and the error last, the scheme in lower case",
        bends: &[Bend::Challenges(|challenge| {
            let parameters = challenge.strip_prefix("Bearer ").unwrap_or_default();
            let (error, description) = parameters.split_once(", ").unwrap_or((parameters, ""));
            Some(format!("bearer realm=\"rs, main\", {description}, {error}"))
        })],
    },
    Variation {
        name: "two-challenges",
        does: "offers another scheme before Bearer",
        bends: &[Bend::Challenges(|challenge| Some(format!("Basic realm=\"other\", {challenge}")))],
    },
    Variation {
        name: "literal-cache",
        does: "takes a hit for (connection, token) as the draft's figure draws it, without a look at the proof (A-03)",
        bends: &[
            Bend::CachesBy(CachesBy::ConnectionAndTokenIfStatic),
            // The iat that was verified is not the one of the proof that comes now.
            Bend::Omits(Check::Iat, Some(Moment::Hit)),
        ],
    },
    Variation {
        name: "certificate-optional",
        does: "asks for a client certificate, and refuses requests where none came",
        bends: &[Bend::Handshakes(Habit::OptionalCertificate)],
    },
    Variation {
        name: "early-data",
        does: "takes early data, and answers when the handshake is over",
        bends: &[Bend::Handshakes(Habit::EarlyData)],
    },
    Variation {
        name: "quic-retry",
        does: "has QUIC clients prove their address by a Retry",
        bends: &[Bend::Handshakes(Habit::Retry)],
    },
    Variation {
        name: "wide-window",
        does: "allows iat 600 seconds past and 120 ahead",
        bends: &[Bend::Window(600.0, 120.0)],
    },
    Variation {
        name: "narrow-window",
        does: "allows iat 30 seconds past and 10 ahead",
        bends: &[Bend::Window(30.0, 10.0)],
    },
    Variation {
        name: "window-of-20-s",
        does: "allows iat 20 seconds past and 20 ahead",
        bends: &[Bend::Window(20.0, 20.0)],
    },
    Variation {
        name: "clock-30-s-ahead",
        does: "has a clock that is 30 seconds ahead",
        bends: &[Bend::ClockAhead(30)],
    },
    Variation {
        name: "clock-30-s-behind",
        does: "has a clock that is 30 seconds behind",
        bends: &[Bend::ClockAhead(-30)],
    },
    Variation {
        name: "iat-once",
        does: "looks at iat in the full verification and not on a hit (A-11)",
        bends: &[Bend::Omits(Check::Iat, Some(Moment::Hit))],
    },
    Variation {
        name: "typ-without-case",
        does: "compares typ without regard to case (A-07)",
        bends: &[Bend::Also(&[Check::Typ], |s| s.header("typ").eq_ignore_ascii_case(TYP))],
    },
];
