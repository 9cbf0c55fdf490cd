//! Known answers for the exporter: every usual call, right and wrong, from secrets that never change.

use ekmcheck_forge::{
    exporter::{tls12, tls13},
    keys::Sha,
    recipe::{ExporterCall, Exporters},
};
use ekmcheck_suite::{
    case::{Basis, Level},
    vector::{ExporterAnswer, SecretKind, TlsVersion},
};

/// A cipher suite's version and hash, and the stem of names.
const SUITES: [(TlsVersion, Sha, &str, &str); 4] = [
    (TlsVersion::Tls12, Sha::Sha256, "SHA-256", "tls12-sha256"),
    (TlsVersion::Tls12, Sha::Sha384, "SHA-384", "tls12-sha384"),
    (TlsVersion::Tls13, Sha::Sha256, "SHA-256", "tls13-sha256"),
    (TlsVersion::Tls13, Sha::Sha384, "SHA-384", "tls13-sha384"),
];

const CLIENT_RANDOM: [u8; 32] = [1; 32];
const SERVER_RANDOM: [u8; 32] = [2; 32];

/// All of them, in no particular order.
pub(super) fn answers() -> Vec<ExporterAnswer> {
    let mut answers = Vec::new();
    for suite in SUITES {
        for (name, call) in Exporters::CALLS {
            let usual =
                if suite.0 == TlsVersion::Tls12 { SecretKind::MasterSecret } else { SecretKind::ExporterMasterSecret };
            answers.push(answer(suite, usual, name, call, None));
            if name == "64-octets" {
                answers.push(answer(suite, usual, "truncated", call, Some(32)));
            }
            if name == Exporters::RIGHT && suite.0 == TlsVersion::Tls13 {
                answers.push(answer(suite, SecretKind::EarlyExporterMasterSecret, "early", call, None));
            }
        }
    }
    answers
}

fn answer(
    (tls, sha, hash, stem): (TlsVersion, Sha, &str, &str),
    secret_kind: SecretKind,
    name: &str,
    (label, context, length): ExporterCall,
    kept: Option<usize>,
) -> ExporterAnswer {
    let secret = secret(secret_kind, sha);
    let compute = |secret_kind, secret: &[u8], (label, context, length): ExporterCall| match secret_kind {
        SecretKind::MasterSecret => tls12(sha, secret, [&CLIENT_RANDOM, &SERVER_RANDOM], label, context, length),
        _ => tls13(sha, secret, label, context.unwrap_or_default(), length),
    };
    let mut output = compute(secret_kind, &secret, (label, context, length));
    output.truncate(kept.unwrap_or(length));
    let [(_, draft), ..] = Exporters::CALLS;
    let usual = match tls {
        TlsVersion::Tls12 => SecretKind::MasterSecret,
        TlsVersion::Tls13 => SecretKind::ExporterMasterSecret,
    };
    let is_right = output == compute(usual, &self::secret(usual, sha), draft);
    let randoms = (tls == TlsVersion::Tls12).then_some([CLIENT_RANDOM, SERVER_RANDOM]);
    let verdict = if is_right { "the value of the draft" } else { "not the value of the draft" };
    ExporterAnswer {
        id: format!("exporter/{stem}-{name}"),
        title: format!("TLS {}, {hash}: {}; {verdict}.", if randoms.is_some() { "1.2" } else { "1.3" }, words(name)),
        clause: clause(name).to_owned(),
        level: Level::Must,
        basis: if name == "truncated" { Basis::Inherited } else { Basis::Draft },
        requirements: vec!["rs.exporter-parameters".to_owned()],
        flags: vec!["exporter-parameters".to_owned()],
        tls,
        hash: hash.to_owned(),
        secret_kind,
        secret: hex(&secret),
        client_random: randoms.map(|[client, _]| hex(&client)),
        server_random: randoms.map(|[_, server]| hex(&server)),
        label: hex(label),
        context: context.map(hex),
        length: u32::try_from(length).unwrap_or_default(),
        kept: u32::try_from(output.len()).unwrap_or_default(),
        output: hex(&output),
        is_right,
    }
}

/// 48 octets for TLS 1.2; for TLS 1.3 as many as the hash has, and others for the early one.
fn secret(kind: SecretKind, sha: Sha) -> Vec<u8> {
    let length = match kind {
        SecretKind::MasterSecret => 48,
        _ => u8::try_from(sha.digest(b"").len()).unwrap_or_default(),
    };
    let start = if kind == SecretKind::EarlyExporterMasterSecret { 0x80 } else { 0 };
    (start..start + length).collect()
}

fn clause(name: &str) -> &'static str {
    match name {
        "truncated" => "2.2; RFC 5705 4, RFC 8446 7.5",
        "early" => "5.3",
        _ => "2.2",
    }
}

fn words(name: &str) -> &str {
    match name {
        Exporters::RIGHT => "label, zero-length context and length of the draft",
        "no-context" => "no context in place of a zero-length one",
        "nul-context" => "a context of one octet 0",
        "label-with-nul" => "the label with its terminating NUL",
        "label-without-prefix" => "the label without `EXPORTER-`",
        "label-in-lower-case" => "the label in lower case",
        "channel-binding-label" => "the label of RFC 9266",
        "other-label" => "another label",
        "64-octets" => "64 octets",
        "truncated" => "the first 32 of 64 octets",
        "early" => "from the early exporter master secret",
        other => other,
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
