//! `ekmcheck proof` and `ekmcheck exporter`: single proofs and connections, for whoever looks for a mistake.

use std::{net::SocketAddr, path::Path};

use ekmcheck_offline::workbench::{self, IngredientError, Ingredients, Inspection, Make, Verify, Weight};
use ekmcheck_player::exporter::{ExportError, Target, export};
use ekmcheck_suite::inert::inert;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Trouble,
    args::{ExporterArgs, IngredientArgs, MakeArgs, ProofAction, VerifyArgs},
    files::{self, PEM, PROOF},
    note, print, reach, run,
    terminal::COLOURS,
};

/// Inspects, verifies or makes a proof. 1 where the proof is to be refused.
pub(crate) fn proof(action: &ProofAction) -> Result<u8, Trouble> {
    match action {
        ProofAction::Inspect { proof } => {
            let text = given(proof, "PROOF")?;
            let inspection = workbench::inspect(&text);
            print(&shown(&inspection, run::now()?));
            Ok(u8::from(inspection.is_wrong()))
        }
        ProofAction::Verify(args) => verify(args),
        ProofAction::Make(args) => make(args),
    }
}

/// A text, or with `-` what comes on standard input; one line end at its end is the terminal's, or the editor's.
fn given(text: &str, what: &str) -> Result<String, Trouble> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let read = files::standard_input(&PROOF)
        .map_err(|e| Trouble::Given(format!("{what}: standard input: {e}\n  mend: {}", PROOF.mend)))?;
    let read = read.strip_suffix('\n').unwrap_or(&read);
    Ok(read.strip_suffix('\r').unwrap_or(read).to_owned())
}

fn file(path: &Path) -> Result<Vec<u8>, Trouble> {
    let octets = files::octets(path, &PEM).map_err(|e| files::unusable(path, e, &PEM))?;
    // What an editor may put before a text; no DER begins like it.
    Ok(octets.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(octets))
}

/// The parts of a proof, and what is to be said of them.
fn shown(inspection: &Inspection, now: i64) -> String {
    let mut out = String::new();
    for (name, text) in [("header", &inspection.header), ("claims", &inspection.claims)] {
        let text = text.as_ref().map_or("(cannot be decoded)".to_owned(), |t| inert(t));
        out.push_str(&format!("{name:<10} {text}\n"));
    }
    let signature = inspection.signature.map_or("(none)".to_owned(), |n| format!("{n} octets, not verified here"));
    out.push_str(&format!("signature  {signature}\n"));
    if let Some(issued) = inspection.issued {
        out.push_str(&format!("iat        {}\n", in_words(issued, now)));
    }
    for finding in &inspection.findings {
        let (colour, word) = match finding.weight {
            Weight::Wrong => (COLOURS.bad, "wrong"),
            Weight::Note => (COLOURS.doubtful, "note"),
        };
        let place = if finding.place.is_empty() { "proof" } else { &finding.place };
        out.push_str(&format!("{colour}{word}{}  {}: {}\n", COLOURS.reset, inert(place), inert(&finding.what)));
    }
    if !inspection.is_wrong() {
        out.push_str(&format!("{}the form is right{}\n", COLOURS.good, COLOURS.reset));
    }
    out
}

/// A time in Unix seconds as a date, and how long ago it was.
fn in_words(seconds: f64, now: i64) -> String {
    let whole = seconds.floor() as i64;
    let date = OffsetDateTime::from_unix_timestamp(whole).ok().and_then(|t| t.format(&Rfc3339).ok());
    let ago = now.saturating_sub(whole);
    let (distance, word) = if ago < 0 { (ago.unsigned_abs(), "from now") } else { (ago.unsigned_abs(), "ago") };
    let length = match distance {
        0..120 => format!("{distance} s"),
        120..7200 => format!("{} min", distance / 60),
        7200..172_800 => format!("{} h", distance / 3600),
        _ => format!("{} days", distance / 86_400),
    };
    format!("{}, {length} {word}", date.unwrap_or_else(|| "beyond all dates".to_owned()))
}

fn ingredients(args: &IngredientArgs) -> Result<Ingredients, Trouble> {
    let certificate = file(&args.certificate)?;
    Ingredients::new(&args.token, &certificate, &args.ekm).map_err(unusable)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err calls")]
fn unusable(error: IngredientError) -> Trouble {
    Trouble::Given(error.to_string())
}

fn verify(args: &VerifyArgs) -> Result<u8, Trouble> {
    let of = ingredients(&args.of)?;
    let text = given(&args.proof, "PROOF")?;
    let now = args.now.map_or_else(run::now, Ok)?;
    let what =
        Verify { proof: &text, of: &of, method: args.method.as_deref(), url: args.url.as_deref(), now: now as f64 };
    let verdict = workbench::verify(&what).map_err(unusable)?;
    let mut out = String::new();
    for held in &verdict.held {
        out.push_str(&format!("{}held{}     {held}\n", COLOURS.good, COLOURS.reset));
    }
    if let Some((check, why)) = &verdict.refused {
        out.push_str(&format!("{}refused{}  {check}: {}\n", COLOURS.bad, COLOURS.reset, inert(why)));
        let inspection = workbench::inspect(&text);
        if let (Some(issued), "iat") = (inspection.issued, *check) {
            out.push_str(&format!("  iat is {}\n", in_words(issued, now)));
        }
    }
    for hint in &verdict.hints {
        out.push_str(&format!("  {}\n", inert(hint)));
    }
    for skipped in &verdict.skipped {
        out.push_str(&format!("{}skipped{}  {}\n", COLOURS.faint, COLOURS.reset, inert(skipped)));
    }
    if verdict.refused.is_none() {
        out.push_str(&format!("{}accepted{}\n", COLOURS.good, COLOURS.reset));
    }
    print(&out);
    Ok(u8::from(verdict.refused.is_some()))
}

fn make(args: &MakeArgs) -> Result<u8, Trouble> {
    let of = ingredients(&args.of)?;
    let key = String::from_utf8(file(&args.key)?).map_err(|_| {
        Trouble::Given(format!("{}: not PEM\n  mend: give unencrypted PKCS#8 in PEM", args.key.display()))
    })?;
    let with = Make {
        jti: args.jti.as_deref(),
        htm: args.htm.as_deref(),
        htu: args.htu.as_deref(),
        now: args.now.map_or_else(run::now, Ok)?,
    };
    print(&(workbench::make(&of, &key, &with).map_err(unusable)? + "\n"));
    Ok(0)
}

/// Connects and prints what the connection exports.
pub(crate) fn exporter(args: &ExporterArgs) -> Result<u8, Trouble> {
    let (name, addr) = resolved(&args.target, args.allow_remote, args.transport.is_quic())?;
    let chain = args.client_cert.as_deref().map(file).transpose()?;
    let key = args.client_key.as_deref().map(file).transpose()?;
    let ca = file(&args.ca)?;
    let target = Target {
        addr,
        name: args.server_name.as_deref().unwrap_or(&name),
        transport: args.transport,
        client: chain.as_deref().zip(key.as_deref()),
        ca: &ca,
        now: args.now.map_or_else(run::now, Ok)?,
    };
    let exported = run::runtime()?.block_on(export(&target)).map_err(|error| match error {
        ExportError::Given(what) => Trouble::Given(what),
        other => Trouble::Given(format!(
            "{addr}: {other}\n  mend: see that the server listens there and takes this client's certificate, and that --ca issued its own"
        )),
    })?;
    let mut out = format!(
        "{addr} over {}  {}  {} handshake\n",
        args.transport.name(),
        inert(&exported.suite),
        exported.handshake
    );
    let right = exported.values.first().map(|v| v.text.clone()).unwrap_or_default();
    for value in &exported.values {
        let (colour, same) = match value.name {
            "right" => (COLOURS.good, ""),
            _ if value.text == right => (COLOURS.faint, "  (the same as the right one here)"),
            _ => ("", ""),
        };
        out.push_str(&format!("{colour}{:<22}{} {}\n", value.name, COLOURS.reset, value.text));
        out.push_str(&format!("  {}{}{same}{}\n", COLOURS.faint, value.how, COLOURS.reset));
    }
    print(&out);
    note("these are values of one connection, which has ended; compare them with what the server logged for it");
    Ok(0)
}

/// The host, and the address at which it answers; over UDP its first.
fn resolved(target: &str, allow_remote: bool, over_udp: bool) -> Result<(String, SocketAddr), Trouble> {
    let trouble = |what: String| Trouble::Given(format!("{target}: {what}"));
    let form = "\n  mend: give HOST:PORT, such as localhost:8443 or [::1]:8443";
    let (host, port) = reach::split(target).ok_or_else(|| trouble(format!("no host and port{form}")))?;
    let port = port.ok_or_else(|| trouble(format!("no port{form}")))?;
    let addresses = reach::addresses(&host).map_err(|why| trouble(why + form))?;
    // Whoever must not be spoken to is not even knocked at.
    let addresses = reach::permitted(addresses, allow_remote).map_err(trouble)?;
    let first = addresses.first().copied().ok_or_else(|| trouble("has no address".to_owned()))?;
    // Where nobody answers, the connection says so.
    let ip = if over_udp || addresses.len() == 1 { first } else { reach::answering(&addresses, port).unwrap_or(first) };
    Ok((host, SocketAddr::new(ip, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words() {
        let words = |seconds| in_words(seconds, 1_760_000_000);
        assert_eq!(words(1_760_000_000.0), "2025-10-09T08:53:20Z, 0 s ago");
        assert_eq!(words(1_760_000_090.0), "2025-10-09T08:54:50Z, 90 s from now");
        assert_eq!(words(1_759_996_000.0), "2025-10-09T07:46:40Z, 66 min ago");
        assert!(words(1.76e12).ends_with("days from now") && words(1e300).starts_with("beyond all dates"));
    }
}
