use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A class of bugs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// Its name, which stays.
    pub name: String,
    /// What a verifier with such a bug does.
    pub about: String,
    /// Known bugs of that class in other software, by their CVE ids.
    pub cves: Vec<String>,
}

/// All classes: name, what a verifier with such a bug does, CVE ids of bugs of that class elsewhere.
#[rustfmt::skip]
pub const FLAGS: [(&str, &str, &[&str]); 36] = [
    ("absent-member", "takes a proof without a member that it must have", &[]),
    ("alg-none", "takes a proof that says it is not signed", &["CVE-2015-2951"]),
    ("algorithm-confusion", "believes an `alg` that does not belong to the key of the certificate", &[]),
    ("base64url-lenient", "decodes what is not base64url: padding, `+` and `/`, white space, other characters", &[]),
    ("binding-downgrade", "takes a token whose `cnf` it cannot read for one that is not bound", &["CVE-2026-25537"]),
    ("certificate-mix-up", "does not compare the token with the certificate of this connection, or compares another value", &[]),
    ("combined-defects", "makes one check depend on another, so that two defects hide each other", &[]),
    ("crit-ignored", "ignores `crit`, and with it an extension that it does not know", &["CVE-2025-59420"]),
    ("cross-jwt-confusion", "takes a JWT of another kind for a proof", &[]),
    ("duplicate-member", "reads the first of two members of one name, or lets another reader see the other one", &[]),
    ("embedded-key", "verifies with a key or certificate that the proof brings along or points at", &["CVE-2018-0114"]),
    ("empty-signature", "takes an empty signature", &["CVE-2020-28042"]),
    ("encoded-key-lookup", "uses `kid` or a URL of the header in a query, a path or a request", &[]),
    ("exporter-parameters", "exports with another label, context or length, or cuts a longer value", &[]),
    ("json-lenient", "reads what is not JSON: comments, single quotes, trailing text, odd numbers", &[]),
    ("json-serialisation", "takes the JSON serialisation of a JWS, or mixes it with the compact one", &["CVE-2022-39227"]),
    ("jwe-as-jws", "takes an encrypted, compressed or unencoded text for a signed one", &[]),
    ("key-confusion", "computes an HMAC with octets that everybody knows", &["CVE-2016-10555", "CVE-2022-29217"]),
    ("malleable-signature", "takes a second signature that somebody without the key made of the first", &[]),
    ("name-comparison", "compares names of members without regard to case, or finds them at another level", &[]),
    ("nesting", "runs out of stack on deep nesting", &[]),
    ("number-edge", "rounds, wraps, clamps or overflows a number until it fits", &[]),
    ("oversize", "spends time or memory on a text that is long or has many parts", &["CVE-2025-27144", "CVE-2025-30204"]),
    ("property-names", "lets a member that is named like a property of the language change something", &[]),
    ("replay-key", "takes two identifiers for one, or remembers what is not there", &[]),
    ("rsa-padding", "does not check the whole padding of an RSA signature", &["CVE-2006-4339"]),
    ("segment-count", "takes a text that has not three segments", &[]),
    ("signature-encoding", "takes a signature of another length or in another encoding", &[]),
    ("signature-range", "computes with numbers that are 0 or beyond the order of the curve", &["CVE-2022-21449"]),
    ("target-comparison", "takes another target for the same one, or the same for another", &[]),
    ("time-window", "has no window for `iat`, or only one side of it", &[]),
    ("type-confusion", "takes a member of a wrong type for a right one, or for an absent one", &["CVE-2026-25537"]),
    ("unsigned-change", "does not verify over the octets that were received", &[]),
    ("utf-8-lenient", "reads octets that are not UTF-8, or escapes that JSON has not", &[]),
    ("value-encoding", "compares a value in another encoding than the one that is asked for", &[]),
    ("wrong-value", "does not compare a value at all, or only a part of it", &[]),
];

/// [`FLAGS`] as it stands in the bundle.
#[must_use]
pub fn flags() -> Vec<Flag> {
    let owned = |(name, about, cves): &(&str, &str, &[&str])| Flag {
        name: (*name).to_owned(),
        about: (*about).to_owned(),
        cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
    };
    FLAGS.iter().map(owned).collect()
}
