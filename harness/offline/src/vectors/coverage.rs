//! Which vectors there are for each row of the catalogue about verifier libraries, and what becomes of the others.

use std::collections::BTreeMap;

use ekmcheck_suite::vector::ExporterAnswer;
use serde_json::{Value, json};

/// The rows, in words; where no vector can be made of one, what is done about it instead.
pub const ROWS: [(&str, &str, Option<&str>); 46] = [
    (
        "LIB-A01",
        "known answer of `ath`",
        Some("the example of RFC 9449 is a test of the reference; each vector of `valid/` has a token and its hash"),
    ),
    (
        "LIB-A02",
        "known answer of `x5t#S256`",
        Some(
            "the example of RFC 8705 is a test of the reference; each vector of `valid/` has a certificate and its hash",
        ),
    ),
    ("LIB-A03", "known answers of the TLS 1.3 exporter", None),
    ("LIB-A04", "known answers of the TLS 1.2 exporter", None),
    ("LIB-A05", "no context is another value in TLS 1.2", None),
    ("LIB-A06", "a longer value cut short", None),
    ("LIB-A07", "right proofs by every algorithm", None),
    ("LIB-A08", "the key comes from the caller alone", None),
    ("LIB-A09", "algorithms follow from the key", None),
    (
        "LIB-A10",
        "an expected exporter value of another length is an error",
        Some("about an interface: an exporter value of 32 octets is the only one that a vector can have"),
    ),
    (
        "LIB-A11",
        "clock and window are given",
        Some("about an interface: every vector sets the clock and names the window"),
    ),
    (
        "LIB-A12",
        "the store of `jti` is asked last",
        Some("a vector is one verification; the live cases about repeated `jti` look at the order"),
    ),
    ("LIB-A14", "`htm` and `htu` without a request", Some("about an interface: every vector has a request")),
    ("LIB-A15", "a reason for each check", Some("`expect.checks`, for verifiers that give a reason")),
    ("LIB-A16", "no exception on hostile input", Some("every vector, and the fuzz targets")),
    ("LIB-A17", "fast and slow path agree", Some("every vector through each entry point: the README says so")),
    ("LIB-A18", "JSON back ends agree", Some("every vector with each back end: the README says so")),
    (
        "LIB-A19",
        "batch and asynchronous variants agree",
        Some("every vector through each entry point: the README says so"),
    ),
    (
        "LIB-A20",
        "proofs that two verifiers accept",
        Some("a test replays every vector with two independent signature verifiers"),
    ),
    ("LIB-B01", "the header", None),
    ("LIB-B02", "the claims", None),
    ("LIB-B03", "the per-request claims", None),
    ("LIB-B04", "wrong types", None),
    ("LIB-B05", "absent members", None),
    ("LIB-B06", "duplicate members", None),
    ("LIB-B07", "base64url", None),
    ("LIB-B08", "segments", None),
    ("LIB-B09", "`crit` and `b64`", None),
    ("LIB-B10", "each kind of key with each algorithm", None),
    ("LIB-B11", "HMAC with what everybody knows", None),
    ("LIB-B12", "ECDSA of Wycheproof", Some("a test of the reference runs the files of Wycheproof themselves")),
    ("LIB-B13", "Ed25519 of Wycheproof", Some("a test of the reference runs the files of Wycheproof themselves")),
    ("LIB-B14", "RSA of Wycheproof", Some("a test of the reference runs the files of Wycheproof themselves")),
    (
        "LIB-B15",
        "JSON Web Signature of Wycheproof",
        Some("a test of the reference runs the files of Wycheproof themselves"),
    ),
    ("LIB-B16", "keys that no proof fits", None),
    ("LIB-B17", "numbers", None),
    ("LIB-B18", "UTF-8, escapes, JSON", None),
    ("LIB-B19", "spellings of `typ`", None),
    ("LIB-B20", "pairs of request and `htu`", None),
    ("LIB-B21", "the decision table of `cnf`", None),
    ("LIB-B22", "the edges of the window", None),
    ("LIB-B23", "long and many", None),
    ("LIB-B24", "two defects", None),
    ("LIB-B25", "JWTs of other kinds", None),
    ("LIB-B27", "constant time", Some("for information only: no vector can show it")),
    ("LIB-B28", "seeds for fuzzing", Some("`fuzz/corpus` is made of the same table of alterations")),
];

/// The text of `coverage.json`: a row, what it is about, the vectors for it or what is done instead.
pub(super) fn text(by_row: &BTreeMap<&str, Vec<String>>, exporter: &[ExporterAnswer]) -> String {
    let of_exporter = |row: &str| -> Vec<String> {
        let wanted = |id: &str| match row {
            "LIB-A03" => id.contains("tls13"),
            "LIB-A04" => id.contains("tls12"),
            "LIB-A05" => id.ends_with("no-context"),
            "LIB-A06" => id.ends_with("truncated"),
            _ => false,
        };
        exporter.iter().map(|answer| answer.id.clone()).filter(|id| wanted(id)).collect()
    };
    let entry = |(row, about, instead): (&str, &str, Option<&str>)| -> Value {
        let mut vectors = by_row.get(row).cloned().unwrap_or_default();
        vectors.extend(of_exporter(row));
        vectors.sort();
        vectors.dedup();
        match instead {
            Some(instead) => json!({"row": row, "about": about, "instead": instead}),
            None => json!({"row": row, "about": about, "count": vectors.len(), "vectors": vectors}),
        }
    };
    format!("{:#}\n", Value::from(ROWS.map(entry).to_vec()))
}
