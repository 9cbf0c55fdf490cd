//! Short digests that stand for secrets in transcripts.

use ekmcheck_binding::base64url;
use ekmcheck_forge::recipe::Exporters;
pub(crate) use ekmcheck_suite::fingerprint::fingerprint;

/// The exporter values of a connection as texts that an `ekm` claim might hold, by name: those exported, and the
/// misspellings of the right one.
pub(crate) fn named_exporters(exporters: &Exporters) -> Vec<(String, String)> {
    let right = exporters.right();
    let text = base64url::encode;
    let mut named: Vec<(&str, String)> = exporters.values().iter().map(|(n, octets)| (*n, text(octets))).collect();
    named.push(("truncated", text(exporters.get("64-octets").get(..32).unwrap_or_default())));
    named.push(("31-octets", text(right.get(..31).unwrap_or_default())));
    named.push(("hex", right.iter().map(|b| format!("{b:02x}")).collect()));
    named.push(("padded", format!("{}=", text(right))));
    named.into_iter().map(|(name, text)| (name.to_owned(), fingerprint(&text))).collect()
}

/// The fingerprint of the `ekm` claim, where the proof can be read as far as that.
pub(crate) fn ekm_of(proof: &str) -> Option<String> {
    ekm_text(proof).as_deref().map(fingerprint)
}

/// The `ekm` claim, where the proof can be read as far as that. A secret: no transcript has it.
pub(crate) fn ekm_text(proof: &str) -> Option<String> {
    claim(proof, "ekm")
}

/// The `jti` claim, likewise.
pub(crate) fn jti_of(proof: &str) -> Option<String> {
    claim(proof, "jti")
}

fn claim(proof: &str, name: &str) -> Option<String> {
    let payload = base64url::decode(proof.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get(name)?.as_str().map(str::to_owned)
}
