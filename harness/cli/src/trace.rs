//! What happened in a case, step by step, for a reader.

use std::fmt::Write as _;

use ekmcheck_offline::workbench::{fingerprint, inspect, redacted};
use ekmcheck_player::{
    run::Played,
    tap::{Request, Seen, What},
};
use ekmcheck_suite::{
    case::{Case, Transport},
    inert::inert,
    judge::mistake,
    outcome::Verdict,
    report::Style,
    requirement::Ledger,
    transcript::{Connected, Event, Exchanged, Handshake, Reaction, Transcript},
};

/// What a trace is made from.
pub(crate) struct Trace<'a> {
    pub(crate) case: &'a Case,
    pub(crate) ledger: &'a Ledger,
    pub(crate) subject: &'a str,
    pub(crate) played: &'a Played,
    /// What was sent, as it was.
    pub(crate) seen: &'a [Seen],
    pub(crate) show_secrets: bool,
    pub(crate) style: Style,
}

/// The most characters of a line of a request that are shown.
const LINE: usize = 400;

/// The trace of one case on one transport.
pub(crate) fn trace(trace: &Trace<'_>) -> String {
    let Trace { case, played, style, .. } = trace;
    let (outcome, mut out) = (&played.outcome, String::new());
    let mut line = |text: String| _ = writeln!(out, "{text}");
    line(format!(
        "{}{}{} on {}  subject: {}",
        style.strong,
        inert(&case.id),
        style.reset,
        outcome.transport.name(),
        inert(trace.subject)
    ));
    line(format!("  {}", inert(&case.title)));
    for (play, transcript) in played.transcripts.iter().enumerate() {
        line(format!("\n{}{}{}", style.strong, temper(transcript), style.reset));
        for (number, event) in transcript.events.iter().enumerate() {
            let seen = trace.seen.iter().find(|s| s.play == play && s.event == number).map(|s| &s.what);
            line(format!("{:>3}  {}", number + 1, trace.event(transcript, event, seen).join("\n     ")));
        }
    }
    let colour = match outcome.verdict {
        Verdict::Pass => style.good,
        Verdict::Fail | Verdict::Error => style.bad,
        _ => style.doubtful,
    };
    line(format!("\n{colour}{}{}", outcome.verdict.name(), style.reset));
    line(format!("  expected  {}", inert(&outcome.expected)));
    line(format!("  seen      {}", inert(&outcome.seen)));
    if !outcome.reason.is_empty() {
        line(format!("  reason    {}", inert(&outcome.reason)));
    }
    line(format!("  clause    {}", inert(&case.clause)));
    // What decided comes first.
    let mut requirements: Vec<_> = outcome.requirements.iter().collect();
    requirements.sort_by_key(|r| std::cmp::Reverse(r.verdict));
    for found in requirements {
        let (clause, text) =
            trace.ledger.requirement(&found.id).map_or(("", ""), |r| (r.clause.as_str(), r.text.as_str()));
        line(format!("  {}  {}  {}", found.verdict.name(), inert(&found.id), inert(clause)));
        line(format!("    {}", inert(text)));
        if let Some(reason) = &found.reason {
            line(format!("    {}", inert(reason)));
        }
    }
    out + "\n"
}

fn temper(transcript: &Transcript) -> String {
    serde_json::to_value(transcript.temper).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Trace<'_> {
    /// An event in lines.
    fn event(&self, transcript: &Transcript, event: &Event, seen: Option<&What>) -> Vec<String> {
        match event {
            Event::Connected(connected) => self.connected(transcript.transport, connected, seen),
            Event::ConnectFailed(failed) => {
                vec![format!("no connection {} as client {}: {}", failed.name, failed.client, inert(&failed.reason))]
            }
            Event::ServerConnected(server) => vec![format!(
                "the server sees  certificate {}  exporter value {}",
                or_none(&server.certificate),
                server.exporter
            )],
            Event::Exchanged(exchanged) => self.exchanged(transcript, exchanged, seen),
            Event::NotTestable(why) => vec![format!("cannot go on: {}", inert(why))],
            Event::Broken(why) => vec![format!("broke off: {}", inert(why))],
            // What needs no words of its own is shown as it stands in transcripts.
            other => vec![inert(&serde_json::to_string(other).unwrap_or_default())],
        }
    }

    fn connected(&self, usual: Transport, connected: &Connected, seen: Option<&What>) -> Vec<String> {
        let transport = connected.over.unwrap_or(usual);
        let version = match transport {
            Transport::QuicH3 => "QUIC with TLS 1.3",
            t if t.is_tls13() => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let handshake = match connected.handshake {
            Handshake::Full => "full handshake",
            Handshake::HelloRetry => "handshake after HelloRetryRequest",
            Handshake::Resumed => "resumed session",
        };
        let fingerprint = connected.exporters.iter().find(|(n, _)| n == "right").map_or("", |(_, f)| f);
        let mut lines = vec![
            format!("connection {}  {version}  {}  {handshake}", connected.name, connected.suite),
            format!("client {}  certificate x5t#S256 {}", connected.client, or_none(&connected.certificate)),
            format!(
                "exporter: label \"EXPORTER-oauth-tls-session-bound\", zero-length context, 32 octets: fingerprint {fingerprint}"
            ),
        ];
        if connected.replaces.is_some() {
            lines.push("in the place of one that the subject ended".to_owned());
        }
        if let (true, Some(What::Opened(exporters))) = (self.show_secrets, seen) {
            for (name, octets) in exporters.values() {
                let hex: String = octets.iter().map(|b| format!("{b:02x}")).collect();
                lines.push(format!("  {name}: {hex}"));
            }
        }
        lines
    }

    fn exchanged(&self, transcript: &Transcript, exchanged: &Exchanged, seen: Option<&What>) -> Vec<String> {
        let Style { faint, good, bad, reset, .. } = self.style;
        let what = match (&exchanged.alteration, exchanged.control) {
            (Some(alteration), _) => {
                let changes = exchanged.changes.as_deref().map(|c| format!(", which changes {c}")).unwrap_or_default();
                format!("altered: {alteration}{changes}")
            }
            (None, true) => "a control".to_owned(),
            (None, false) => "a right request".to_owned(),
        };
        let mut lines = vec![format!("request on {}  {faint}{what}{reset}", exchanged.on)];
        match seen {
            Some(What::Sent(request)) => lines.extend(self.request(request)),
            _ => lines.push(format!("> {} {}", exchanged.method, inert(&exchanged.path))),
        }
        if let Some(mistake) = mistake(transcript, exchanged) {
            lines.push(format!("{bad}mistake{reset}  {mistake}"));
        }
        match &exchanged.reaction {
            Reaction::Nothing(why) | Reaction::Hung(why) | Reaction::NotProcessed(why) => {
                lines.push(format!("< no answer: {}", inert(why)));
            }
            Reaction::Answer(answer) => {
                let colour = if (200..300).contains(&answer.status) { good } else { bad };
                lines.push(format!("< {colour}{}{reset}", answer.status));
                lines.extend(answer.challenges.iter().map(|c| format!("< WWW-Authenticate: {}", inert(c))));
                lines.extend(answer.cache_control.iter().map(|c| format!("< Cache-Control: {}", inert(c))));
                if !answer.reflects.is_empty() {
                    lines.push(format!("< the answer repeats {}", answer.reflects.join(", ")));
                }
            }
        }
        if let Some(check) = &exchanged.check {
            lines.push(format!("refused by the check {check}"));
        }
        let expect = serde_json::to_string(&exchanged.expect).unwrap_or_default();
        lines.push(format!("{faint}expected {expect}{reset}"));
        lines
    }

    fn request(&self, request: &Request) -> Vec<String> {
        let hide = |text: &str| self.hide(text, request);
        let mut lines = vec![format!("> {} {}  ({})", inert(&request.method), hide(&request.path), request.authority)];
        for (name, value) in &request.fields {
            lines.push(format!("> {}: {}", inert(name), hide(&String::from_utf8_lossy(value))));
        }
        if request.content > 0 {
            lines.push(format!("> and content of {} octets", request.content));
        }
        let Some(proof) = &request.proof else {
            lines.push("no proof".to_owned());
            return lines;
        };
        let taken = inspect(proof);
        let claims = |text: &str| if self.show_secrets { text.to_owned() } else { redacted(text) };
        let part = |text: Option<String>| inert(&text.unwrap_or_else(|| "(cannot be decoded)".to_owned()));
        lines.push(format!("proof header  {}", bounded(&part(taken.header.clone()))));
        lines.push(format!("proof claims  {}", part(taken.claims.as_deref().map(claims))));
        lines.push(format!("proof signature  {} octets", taken.signature.unwrap_or_default()));
        lines
    }

    /// A text without token, proof and exporter value.
    fn hide(&self, text: &str, request: &Request) -> String {
        if self.show_secrets {
            return inert(text);
        }
        let mut shown = text.to_owned();
        for (what, secret) in [("proof", request.proof.as_deref().unwrap_or("")), ("token", &request.token)] {
            if !secret.is_empty() {
                shown = shown.replace(secret, &format!("({what}, fingerprint {})", fingerprint(secret)));
            }
        }
        // An alteration may have taken them apart, or joined them with others.
        let harmless = shown.split_inclusive([' ', ',', '"', '&', '=']).map(|word| match word.len() {
            0..40 => word.to_owned(),
            n => format!("({n} characters, fingerprint {}) ", fingerprint(word)),
        });
        bounded(&inert(&harmless.collect::<String>()))
    }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
