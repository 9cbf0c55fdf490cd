//! The classes of bugs and the rows of the catalogue that a row of the table of alterations is about, by its name.

use ekmcheck_forge::alteration::Alteration;

/// Patterns with `*` at either end, and flags; the first that fits counts.
const FLAGS: &[(&str, &[&str])] = &[
    ("alg-none", &["alg-none", "empty-signature"]),
    ("alg-none-with-signature", &["alg-none"]),
    ("alg-none*", &["alg-none", "empty-signature"]),
    ("hmac-*", &["key-confusion"]),
    ("*-twice*", &["duplicate-member"]),
    ("*-missing", &["absent-member"]),
    ("cnf-without-x5t", &["absent-member", "binding-downgrade"]),
    ("jti-empty", &["replay-key"]),
    ("tls-exp-*", &["binding-downgrade"]),
    ("cnf-null", &["type-confusion", "binding-downgrade"]),
    ("cnf-string", &["type-confusion", "binding-downgrade"]),
    ("cnf-array", &["type-confusion", "binding-downgrade"]),
    ("cnf-in-*", &["value-encoding"]),
    ("cnf-padded", &["value-encoding"]),
    ("cnf-of-*", &["certificate-mix-up"]),
    ("*-null", &["type-confusion"]),
    ("*-number", &["type-confusion"]),
    ("*-array", &["type-confusion"]),
    ("*-object", &["type-confusion"]),
    ("iat-true", &["type-confusion"]),
    ("iat-string", &["type-confusion"]),
    ("htm-empty", &["type-confusion"]),
    ("ekm-empty", &["wrong-value"]),
    ("padding-in-*", &["base64url-lenient"]),
    ("standard-alphabet-*", &["base64url-lenient"]),
    ("space-in-*", &["base64url-lenient"]),
    ("tab-in-*", &["base64url-lenient"]),
    ("foreign-character-*", &["base64url-lenient"]),
    ("unused-bits-*", &["base64url-lenient"]),
    ("*-with-unused-bits", &["base64url-lenient"]),
    ("percent-encoded", &["base64url-lenient"]),
    ("segment*", &["segment-count"]),
    ("json-*", &["json-serialisation"]),
    ("crit-*", &["crit-ignored"]),
    ("b64-*", &["jwe-as-jws"]),
    ("encrypted", &["jwe-as-jws"]),
    ("payload-deflated", &["jwe-as-jws"]),
    ("enc-in-header", &["jwe-as-jws"]),
    ("nested-jwt", &["cross-jwt-confusion"]),
    ("typ-in-payload", &["name-comparison"]),
    ("typ-*", &["cross-jwt-confusion"]),
    ("*-signed-as-*", &["algorithm-confusion"]),
    ("alg-*", &["algorithm-confusion"]),
    ("x5t-in-hex", &["value-encoding"]),
    ("x5t-*", &["certificate-mix-up"]),
    ("ekm-label-*", &["exporter-parameters"]),
    ("ekm-channel-binding-label", &["exporter-parameters"]),
    ("ekm-other-label", &["exporter-parameters"]),
    ("ekm-*-context", &["exporter-parameters"]),
    ("ekm-*-octets", &["exporter-parameters"]),
    ("ekm-truncated", &["exporter-parameters"]),
    ("*-nested", &["name-comparison"]),
    ("ekm-capitalised", &["name-comparison"]),
    ("ath-in-upper-case", &["name-comparison"]),
    ("ekm-swapped-in", &["unsigned-change"]),
    ("*-in-hex", &["value-encoding"]),
    ("*-padded", &["value-encoding"]),
    ("ath-*", &["wrong-value"]),
    ("ekm-*", &["wrong-value"]),
    ("iat-*-seconds-*", &["time-window"]),
    ("iat-one-hour-*", &["time-window"]),
    ("iat-*", &["number-edge"]),
    ("htm-*", &["wrong-value"]),
    ("htu-*", &["target-comparison"]),
    ("jti-*", &["replay-key"]),
    ("signature-altered", &["unsigned-change"]),
    ("signature-empty", &["empty-signature"]),
    ("signature-der", &["signature-encoding"]),
    ("signature-too-long", &["signature-encoding"]),
    ("signature-truncated", &["signature-encoding"]),
    ("signature-with*-leading-zeros", &["signature-encoding"]),
    ("signature-with-other-s", &["malleable-signature"]),
    ("signature-s-plus-*", &["malleable-signature", "signature-range"]),
    ("signature-*", &["signature-range"]),
    ("payload-altered", &["unsigned-change"]),
    ("header-serialised-anew", &["unsigned-change"]),
    ("proof-mutated", &["unsigned-change"]),
    ("signed-by-*", &["certificate-mix-up"]),
    ("jku-*", &["embedded-key", "encoded-key-lookup"]),
    ("x5u-*", &["embedded-key", "encoded-key-lookup"]),
    ("jwk-*", &["embedded-key"]),
    ("x5c-*", &["embedded-key"]),
    ("kid-hostile", &["encoded-key-lookup"]),
    ("rs256-*", &["rsa-padding"]),
    ("ps256-*", &["rsa-padding"]),
    ("*utf-8*", &["utf-8-lenient"]),
    ("utf-16-payload", &["utf-8-lenient"]),
    ("byte-order-mark-*", &["utf-8-lenient"]),
    ("payload-with-lone-surrogate", &["utf-8-lenient"]),
    ("payload-with-nul", &["utf-8-lenient"]),
    ("payload-nested-deeply", &["nesting"]),
    ("payload-name-escaped", &["name-comparison"]),
    ("payload-*", &["json-lenient"]),
    ("claims-named-like-properties", &["property-names"]),
];

/// The families of the catalogue by class of bugs.
const FAMILIES: &[(&str, &str)] = &[
    ("type-confusion", "LIB-B04"),
    ("absent-member", "LIB-B05"),
    ("duplicate-member", "LIB-B06"),
    ("base64url-lenient", "LIB-B07"),
    ("segment-count", "LIB-B08"),
    ("json-serialisation", "LIB-B08"),
    ("crit-ignored", "LIB-B09"),
    ("algorithm-confusion", "LIB-B10"),
    ("alg-none", "LIB-B10"),
    ("key-confusion", "LIB-B11"),
    ("number-edge", "LIB-B17"),
    ("utf-8-lenient", "LIB-B18"),
    ("json-lenient", "LIB-B18"),
    ("target-comparison", "LIB-B20"),
    ("time-window", "LIB-B22"),
    ("nesting", "LIB-B23"),
    ("embedded-key", "LIB-A08"),
];

/// The flags of a row of the table; none where no bug is known that it finds.
pub(super) fn flags(name: &str) -> Vec<&'static str> {
    FLAGS.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, flags)| flags.to_vec()).unwrap_or_default()
}

/// The rows of the catalogue that a row of the table is for.
pub(super) fn rows(row: &Alteration) -> Vec<&'static str> {
    let flags = flags(row.name);
    let mut rows: Vec<_> = FAMILIES.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, row)| *row).collect();
    let part = |prefixes: &[&str]| prefixes.iter().any(|prefix| row.changes.starts_with(prefix));
    let by_part = [
        (part(&["proof.header", "proof.key"]), "LIB-B01"),
        (part(&["proof.claims.ath", "proof.claims.ekm", "proof.claims.iat"]), "LIB-B02"),
        (part(&["proof.claims.htm", "proof.claims.htu", "proof.claims.jti"]), "LIB-B03"),
        (row.name.starts_with("b64-"), "LIB-B09"),
        (matches!(row.name, "typ-in-other-case" | "typ-with-application"), "LIB-B19"),
        (part(&["token.claims.cnf"]), "LIB-B21"),
    ];
    rows.extend(by_part.into_iter().filter(|(is, _)| *is).map(|(_, row)| row));
    rows
}

/// A pattern with `*` for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, does) in [
            ("alg-none", "alg-none", true),
            ("alg-none", "alg-none-x", false),
            ("alg-*", "alg-x", true),
            ("*-null", "ath-null", true),
            ("*-null", "ath-nulls", false),
            ("iat-*-seconds-*", "iat-10-seconds-past", true),
            ("*utf-8*", "payload-with-overlong-utf-8", true),
        ] {
            assert_eq!(fits(pattern, name), does, "{pattern} {name}");
        }
    }

    /// A pattern that fits nothing was misspelled, or is hidden by one before it.
    #[test]
    fn every_pattern_counts_for_a_row() {
        let first = |name| FLAGS.iter().position(|(pattern, _)| fits(pattern, name));
        let used: Vec<_> = ekmcheck_forge::alteration::table().filter_map(|row| first(row.name)).collect();
        for (n, (pattern, _)) in FLAGS.iter().enumerate() {
            assert!(used.contains(&n), "{pattern}");
        }
    }
}
