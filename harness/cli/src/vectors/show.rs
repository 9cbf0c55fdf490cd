//! A vector for people.

use ekmcheck_offline::vectors::replay;
use ekmcheck_suite::{
    inert::steers,
    vector::{ExporterAnswer, FLAGS, Vector, Verdict},
};
use serde_json::Value;

use crate::Trouble;

/// All about a vector: what is expected and why, what is given, decoded, and what the reference says.
pub(super) fn vector(vector: &Vector) -> Result<String, Trouble> {
    let Vector { id, title, clause, requirements, recipe, flags, client, inputs, policy, expect, debug, .. } = vector;
    let mut out = format!("{id}\n  {title}\n");
    let mut line = |name: &str, text: &str| out.push_str(&format!("  {name:<13} {text}\n"));
    let checks = expect.checks.join(", ");
    line(
        "expected",
        &match expect.verdict {
            Verdict::Accept => "accept".to_owned(),
            Verdict::Refuse => format!("refuse, by {checks}"),
            Verdict::Open if checks.is_empty() => "open; the reference accepts".to_owned(),
            Verdict::Open => format!("open; the reference refuses by {checks}"),
        },
    );
    line("because", &format!("{} ({}), clause {clause}", requirements.join(", "), strength(vector)));
    for flag in flags {
        if let Some((_, about, cves)) = FLAGS.iter().find(|(name, ..)| name == flag) {
            let cves = if cves.is_empty() { String::new() } else { format!(" ({})", cves.join(", ")) };
            line("finds", &format!("{flag}: {about}{cves}"));
        }
    }
    for step in recipe {
        line("made by", step);
    }
    line("certificate", &format!("of the client {client}, {} characters of base64", inputs.certificate.len()));
    line("exporter", &inputs.exporter);
    line("clock", &format!("{} (iat: {} past, {} ahead)", inputs.now, policy.iat_past, policy.iat_future));
    let request = &inputs.request;
    line("request", &format!("{} https://{}{}", request.method, request.authority, request.path));
    line("token claims", &Value::Object(inputs.token_claims.clone()).to_string());
    line("proof header", debug.header.as_deref().map_or("(cannot be decoded)".into(), printable).as_ref());
    line("proof payload", debug.payload.as_deref().map_or("(cannot be decoded)".into(), printable).as_ref());
    line("proof", &printable(&inputs.proof));
    let refusal = replay(vector, &ekmcheck_offline::vectors::REFERENCE).map_err(|e| Trouble::Harness(e.to_string()))?;
    line("reference", &refusal.map_or_else(|| "accepts".to_owned(), |refusal| format!("refuses: {refusal}")));
    Ok(out)
}

/// All about a known answer.
pub(super) fn exporter(answer: &ExporterAnswer) -> String {
    let ExporterAnswer { id, title, clause, hash, secret, label, context, length, kept, output, .. } = answer;
    let mut out = format!("{id}\n  {title}\n");
    let mut line = |name: &str, text: &str| out.push_str(&format!("  {name:<13} {text}\n"));
    line("clause", clause);
    line("hash", hash);
    line("secret", secret);
    for (name, random) in [("client random", &answer.client_random), ("server random", &answer.server_random)] {
        if let Some(random) = random {
            line(name, random);
        }
    }
    line("label", label);
    line(
        "context",
        match context.as_deref() {
            None => "none",
            Some("") => "zero-length",
            Some(octets) => octets,
        },
    );
    line("octets", &format!("{length} asked for, {kept} kept"));
    line("output", output);
    line("right", if answer.is_right { "yes" } else { "no" });
    out
}

fn strength(vector: &Vector) -> String {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let [level, basis] = [serde_json::to_value(vector.level), serde_json::to_value(vector.basis)];
    format!("{} {}", word(level.unwrap_or_default()), word(basis.unwrap_or_default()))
}

/// On one line, shortened, with nothing that a terminal obeys.
fn printable(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|c| if steers(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if text.chars().count() > LONGEST {
        out.push_str(&format!(" ... ({} octets)", text.len()));
    }
    out
}
