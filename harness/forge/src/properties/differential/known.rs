//! Differences that somebody has looked at. A campaign stops at every other one.

/// A class of differences.
pub(super) struct Known {
    pub(super) library: &'static str,
    /// Whether it refuses what the guard accepts; otherwise it accepts what the guard refuses.
    pub(super) refuses_right: bool,
    /// What the reason of whoever refuses contains, without numbers.
    pub(super) why: &'static str,
    pub(super) reason: &'static str,
}

pub(super) const KNOWN: [Known; 21] = [
    accepts(
        "jsonwebtoken",
        "crit: ",
        "does not look at crit, which RFC 7515 section 4.1.11 has everybody understand or refuse",
    ),
    accepts(
        "jwt-compact",
        "crit: ",
        "does not look at crit, which RFC 7515 section 4.1.11 has everybody understand or refuse",
    ),
    accepts("jsonwebtoken", "nesting too deep", "reads as deep as serde_json does; the limit is ours"),
    accepts("jwt-compact", "nesting too deep", "reads as deep as serde_json does; the limit is ours"),
    accepts("jsonwebtoken", "longer than", "has no limit for the length; the limit is ours"),
    accepts("jwt-compact", "longer than", "has no limit for the length; the limit is ours"),
    accepts(
        "jsonwebtoken",
        "duplicate member",
        "keeps one of two members that it does not know, as RFC 7515 section 4 allows",
    ),
    accepts(
        "jwt-compact",
        "duplicate member",
        "keeps one of two members that it does not know, as RFC 7515 section 4 allows",
    ),
    accepts("jsonwebtoken", "null instead of a string", "the user's Option takes null for absent"),
    accepts("jwt-compact", "null instead of a string", "the user's Option takes null for absent"),
    accepts("jwt-compact", "iat: ", "reads iat in whole seconds, so that the fraction of a second is forgiven"),
    accepts("jwt-compact", "x5t: ", "forgives padding in x5t#S#, against RFC 7515 section 2"),
    refuses("jsonwebtoken", "unknown variant `Ed", "does not have the name that RFC 9864 gave EdDSA"),
    refuses(
        "jsonwebtoken",
        "expected `,` or `}`",
        "does not skip an array or an object in exp or nbf, which the draft does not use",
    ),
    refuses("jsonwebtoken", "invalid type", "refuses a member that the draft does not use, for its type"),
    refuses("jwt-compact", "invalid type", "refuses a member that the draft does not use, for its type"),
    refuses("jsonwebtoken", "missing field", "refuses a jwk that is none, which the draft does not use"),
    refuses("jsonwebtoken", "unknown variant", "refuses a member that the draft does not use, for its value"),
    refuses(
        "jsonwebtoken",
        "number out of range",
        "refuses a number beyond a double in a member that the draft does not use",
    ),
    refuses(
        "jwt-compact",
        "number out of range",
        "refuses a number beyond a double in a member that the draft does not use",
    ),
    refuses(
        "jwt-compact",
        "UTC timestamp",
        "refuses an exp or nbf that it cannot represent, which the draft does not use",
    ),
];

const fn accepts(library: &'static str, why: &'static str, reason: &'static str) -> Known {
    Known { library, refuses_right: false, why, reason }
}

const fn refuses(library: &'static str, why: &'static str, reason: &'static str) -> Known {
    Known { library, refuses_right: true, why, reason }
}
