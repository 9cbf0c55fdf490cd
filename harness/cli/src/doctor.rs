//! `ekmcheck doctor`: is the subject set up so that a verdict on it means something? It plays a few cases and reads them
//! as symptoms: what is found is about configuration, and never about conformance.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ekmcheck_player::{
    network::{Greeting, greet},
    run::{Pick, Plan, Played, run},
    subject::Subject,
    world::World,
};
use ekmcheck_suite::{
    case::{Case, Transport},
    requirement::Ledger,
    transcript::{Answer, Event, Exchanged, Reaction, Transcript},
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// A run would say nothing about conformance.
    Trouble,
}

/// What was found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    pub(crate) what: String,
    /// Empty if there is nothing to do.
    pub(crate) hint: String,
}

/// What is looked into, and what of.
pub(crate) struct Patient {
    pub(crate) world: Arc<World>,
    pub(crate) subject: Subject,
    pub(crate) transports: Vec<Transport>,
    /// Whether it says that it takes early data; `None` where nobody said.
    pub(crate) zero_rtt: Option<bool>,
    pub(crate) cases: Vec<Case>,
    pub(crate) ledger: Arc<Ledger>,
    /// Where it listens on TCP, to tell a closed port from broken TLS, and then where else it could.
    pub(crate) tcp: Vec<SocketAddr>,
}

/// The longest that a port may take to show that it is there.
const REACH: Duration = Duration::from_secs(3);

/// Seconds by which a clock may be wrong before cases at the edges of the window of `iat` come out wrong.
const CLOCK_GOOD: i64 = 5;

/// The likely mistakes with the exporter, by the case that plays them.
const MISTAKES: [(&str, &str); 8] = [
    ("rs.exporter.no-context", "it exports with no context instead of a zero-length one (TLS 1.2 tells them apart)"),
    ("rs.exporter.nul-context", "it exports with one NUL octet as the context"),
    ("rs.exporter.label-with-nul", "it exports under the label with a trailing NUL"),
    ("rs.exporter.label-without-prefix", "it exports under the label without EXPORTER-"),
    ("rs.exporter.label-in-lower-case", "it exports under the label in lower case"),
    ("rs.exporter.channel-binding-label", "it exports under EXPORTER-Channel-Binding (RFC 9266)"),
    ("rs.exporter.truncated", "it truncates a 64-octet export; in TLS 1.3 the length is an input"),
    ("rs.exporter.in-hex", "it compares in hexadecimal instead of base64url"),
];

/// Examines the subject.
pub(crate) async fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let [addr, others @ ..] = &patient.tcp[..] {
        let connected = tokio::time::timeout(REACH, tokio::net::TcpStream::connect(addr)).await;
        if let Err(e) = connected.unwrap_or_else(|late| Err(late.into())) {
            let others: String = others.iter().map(|other| format!(", nor on {other}")).collect();
            return vec![trouble(
                format!("nothing answers on {addr}{others}: {e}"),
                "start the subject, or correct url and port in the plan",
            )];
        }
        findings.push(good(format!("{addr} answers")));
    }
    if let Subject::Network(target) = &patient.subject {
        for transport in &patient.transports {
            // Whatever fails here is told below, where it can be explained.
            if let Ok(Greeting { date: Some(date) }) = greet(&patient.world, target, *transport).await {
                findings.push(clock(date - patient.world.now()));
                break;
            }
        }
    }
    let (mut works, mut refused) = (Vec::new(), Vec::new());
    for transport in &patient.transports {
        let id = match transport {
            t if t.is_quic() => "rs.accept.valid-quic",
            t if t.is_tls13() => "rs.accept.valid",
            _ => "rs.accept.valid-tls12",
        };
        let (finding, of_proof) = first_request(patient, *transport, id).await;
        if let Some(ended) = ended(patient) {
            findings.push(ended);
            return findings;
        }
        if finding.weight != Weight::Trouble {
            works.push(*transport);
        } else if of_proof {
            refused.push(findings.len());
        }
        findings.push(finding);
    }
    // Where one transport has the right exporter value, no proxy ends TLS before the others, and no certificate is wrong: what
    // is refused there is the subject's own mistake, and the cases are there to judge it.
    for place in refused.into_iter().filter(|_| !works.is_empty()) {
        if let Some(finding) = findings.get_mut(place) {
            finding.weight = Weight::Note;
            finding.hint = format!("{}; it is right on another transport, so this is played and judged", finding.hint);
        }
    }
    let Some(usual) = works.first().copied() else { return findings };
    findings.extend(certificate_demanded(patient, usual).await);
    findings.extend(resumption(patient, &works).await);
    findings.extend(ended(patient));
    findings
}

/// That the process of the subject is there no more: nothing else that was found means anything then.
fn ended(patient: &Patient) -> Option<Finding> {
    let Subject::Network(target) = &patient.subject else { return None };
    let how = patient.world.told(&target.ended()?);
    Some(trouble(format!("the subject ended: {how}"), "look at what it wrote, and at its log"))
}

/// How far the subject's clock is ahead of what the plan says, in seconds, by its own word.
fn clock(ahead: i64) -> Finding {
    let (by, where_to) = (ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
    match by {
        // Its Date has whole seconds, and the answer was under way.
        ..=CLOCK_GOOD => good("its clock (Date) agrees with this machine's".to_owned()),
        _ => trouble(
            format!("its clock (Date) is {by} s {where_to} what the plan expects"),
            "set the clocks of both machines, or correct clock_skew_seconds in [target]; a proof holds for 60 s into the future",
        ),
    }
}

/// A right request: accepted, or the reason why nothing else would mean anything. With it, whether the proof was refused.
async fn first_request(patient: &Patient, transport: Transport, id: &str) -> (Finding, bool) {
    let name = transport.name();
    let transcript = match play(patient, id, transport).await {
        Ok(transcript) => transcript,
        Err(None) => return (trouble(format!("{name}: there is no case {id}"), "use the embedded cases"), false),
        Err(Some(why)) => {
            return (trouble(format!("{name}: {why}"), "nothing is played before that is settled"), false);
        }
    };
    let failed = transcript.events.iter().find_map(|e| match e {
        Event::Broken(why) | Event::NotTestable(why) => Some(why.as_str()),
        _ => None,
    });
    let Some(exchanged) = transcript.exchanges().next() else {
        let why = failed.unwrap_or("no connection");
        return (trouble(format!("{name}: {why}"), connect_hint(why)), false);
    };
    match &exchanged.reaction {
        Reaction::Answer(answer) if (200..300).contains(&answer.status) => {
            let what =
                format!("{name}: a right token with a right proof is accepted, so both ends export the same value");
            (good(what), false)
        }
        Reaction::Answer(answer) => {
            let of_proof = answer.status < 500 && answer.challenges.iter().any(|c| c.contains("invalid_proof"));
            (refused(patient, transport, answer).await, of_proof)
        }
        Reaction::Nothing(why) | Reaction::Hung(why) | Reaction::NotProcessed(why) => {
            (trouble(format!("{name}: no answer to a right request: {why}"), connect_hint(why)), false)
        }
    }
}

fn connect_hint(why: &str) -> &'static str {
    let why = why.to_ascii_lowercase();
    let has = |word: &str| why.contains(word);
    if has("tokens.command") {
        "mend command in [tokens]: it has to write an access token for the client's certificate on one line"
    } else if has("unknownissuer") || has("unknown issuer") {
        "the server's certificate is not from the bundle: give the server server.pem and server.key, or look for a proxy in between"
    } else if has("notvalidforname") || has("not valid for") {
        "the server's certificate is for another name: make the bundle with --name HOST, or correct the host in the plan"
    } else if has("expired") || has("notvalidyet") {
        "a certificate is not valid now: make a new bundle, and look at the clocks of both machines"
    } else if has("protocolversion") || has("handshakefailure") {
        "the server does not speak this version or its cipher suites: take the transport out of the plan if that is meant"
    } else if has("answered in http/1.0") {
        "the server has to speak HTTP/1.1: look for a proxy in between, or for a setting of the server"
    } else if has("application protocol") || has("noapplicationprotocol") {
        "the server does not offer this HTTP version by ALPN: take the transport out of the plan if that is meant"
    } else if has("unknownca") || has("certificateunknown") || has("badcertificate") || has("certificaterequired") {
        "the server does not trust the harness's client certificates: give it client-ca.pem as the CA for clients"
    } else if has("time") {
        "the server does not answer in time: is it the right port, and does it speak TLS?"
    } else {
        "look at the server's log for this connection"
    }
}

/// A right request was refused.
async fn refused(patient: &Patient, transport: Transport, answer: &Answer) -> Finding {
    let name = transport.name();
    let said = answer.challenges.join(", ");
    let what = format!(
        "{name}: a right request is refused with {} {}",
        answer.status,
        said.chars().take(120).collect::<String>()
    );
    match answer.status {
        404 | 405 => trouble(what, "the subject has to answer GET /api/resource (any path below /api)"),
        500.. => trouble(what, "the subject fails on a right request: look at its log"),
        _ if said.contains("invalid_token") => trouble(
            what,
            "the token is not accepted: does the subject use jwks.json, and issuer and audience of issuer.json, and is its clock right?",
        ),
        _ if said.contains("invalid_proof") => match mistake(patient, transport).await {
            Some(mistake) => trouble(what, &format!("the exporter value is not the draft's: {mistake}")),
            None => trouble(
                what,
                "no usual mistake with the exporter explains it: is there a proxy that ends TLS in between, or is the client certificate not that of this connection?",
            ),
        },
        _ => trouble(what, "look at the server's log for this request"),
    }
}

/// The mistake with the exporter that the subject makes, if a proof made just so is accepted.
async fn mistake(patient: &Patient, transport: Transport) -> Option<&'static str> {
    for (id, mistake) in MISTAKES {
        let Ok(transcript) = play(patient, id, transport).await else { continue };
        let accepted = |e: &Exchanged| !e.control && e.alteration.is_some() && is_accepted(&e.reaction);
        if transcript.exchanges().any(accepted) {
            return Some(mistake);
        }
    }
    None
}

async fn certificate_demanded(patient: &Patient, transport: Transport) -> Option<Finding> {
    let transcript = play(patient, "rs.handshake.no-certificate", transport).await.ok()?;
    let without = transcript.exchanges().find(|e| !e.control)?;
    Some(match &without.reaction {
        Reaction::Nothing(_) | Reaction::Hung(_) | Reaction::NotProcessed(_) => {
            good("a client without a certificate is not let in".to_owned())
        }
        Reaction::Answer(answer) if answer.status == 401 => Finding {
            weight: Weight::Note,
            what: "a client without a certificate gets as far as HTTP, where it is refused".to_owned(),
            hint: String::new(),
        },
        Reaction::Answer(_) => trouble(
            "a client without a certificate is answered".to_owned(),
            "have the server demand client certificates from the CA in client-ca.pem",
        ),
    })
}

async fn resumption(patient: &Patient, works: &[Transport]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let cases = [
        ("rs.transport.resumed-new-proof-tls13", Transport::Tls13H1),
        ("rs.transport.resumed-new-proof-tls12", Transport::Tls12H1),
    ];
    for (id, transport) in cases.into_iter().filter(|(_, t)| works.contains(t)) {
        let Ok(transcript) = play(patient, id, transport).await else { continue };
        let off = transcript.events.iter().any(|e| matches!(e, Event::NotTestable(_)));
        let what = format!("{}: sessions are {}", transport.name(), if off { "not resumed" } else { "resumed" });
        findings.push(Finding { weight: Weight::Note, what, hint: String::new() });
    }
    if works.contains(&Transport::Tls13H1)
        && let Ok(transcript) = play(patient, "rs.handshake.early-data-with-the-last-proof", Transport::Tls13H1).await
    {
        let on = transcript.connections().any(|c| c.early_data);
        let what = format!("0-RTT is {}", if on { "on" } else { "off" });
        findings.push(match patient.zero_rtt.is_none_or(|said| said == on) {
            true => Finding { weight: Weight::Note, what, hint: String::new() },
            false => trouble(what, "the plan says otherwise: correct zero_rtt in [capabilities], or the server"),
        });
    }
    findings
}

/// The cold or only way through a case; or why it was not played, `None` if there is no such case.
async fn play(patient: &Patient, id: &str, transport: Transport) -> Result<Transcript, Option<String>> {
    let case = patient.cases.iter().find(|c| c.id == id).ok_or(None)?.clone();
    let plan = Plan {
        subject: patient.subject.clone(),
        cases: Arc::new(vec![Case { transports: None, ..case }]),
        ledger: patient.ledger.clone(),
        transports: vec![transport],
        pick: Pick::All,
        jobs: 1,
        seed: 1,
        rounds: 1,
        measure_floor: false,
    };
    let (report, played): (_, Vec<Played>) = run(patient.world.clone(), plan, |_| {}, std::future::pending()).await;
    let transcript = played.into_iter().next().and_then(|mut played| played.transcripts.pop());
    transcript.ok_or(report.unfinished)
}

fn is_accepted(reaction: &Reaction) -> bool {
    matches!(reaction, Reaction::Answer(answer) if (200..300).contains(&answer.status))
}

pub(crate) fn good(what: String) -> Finding {
    Finding { weight: Weight::Good, what, hint: String::new() }
}

pub(crate) fn trouble(what: String, hint: &str) -> Finding {
    Finding { weight: Weight::Trouble, what, hint: hint.to_owned() }
}
