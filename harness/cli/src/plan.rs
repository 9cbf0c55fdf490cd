//! The plan of a subject: what it is, where it listens or how it is started, and what may be done to it.
//!
//! It is TOML, and every mistake in it is told with its line and its mend, all at once where that is possible.

pub(crate) mod launch;
mod listening;

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use ekmcheck_forge::pki::CLIENTS;
use ekmcheck_suite::{brief, case::Transport, dialect::Dialect, load::suggestion, play::Place};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    files::{PLAN, text_of},
    reach::host_and_port,
};

/// The file of a plan in a directory that `ekmcheck init` made.
const NAME: &str = "plan.toml";

/// A plan as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    subject: RawSubject,
    target: RawTarget,
    start: Option<RawStart>,
    tokens: Option<RawTokens>,
    pki: Option<RawPki>,
    baseline: Option<PathBuf>,
    #[serde(default)]
    places: RawPlaces,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    capabilities: RawCapabilities,
    dialect: Option<Dialect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubject {
    name: Spanned<String>,
    #[serde(default)]
    version: String,
    draft: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    url: Spanned<String>,
    address: Option<Spanned<String>>,
    quic_port: Option<u16>,
    transports: Option<Vec<Spanned<String>>>,
    #[serde(default = "here")]
    bundle: Spanned<PathBuf>,
    #[serde(default)]
    allow_remote: bool,
    #[serde(default)]
    clock_skew_seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStart {
    command: Spanned<Vec<String>>,
    directory: Option<PathBuf>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    ready_line: Option<String>,
    ready_seconds: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaces {
    node: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    other_ca: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokens {
    command: Spanned<Vec<String>>,
    directory: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPki {
    server_ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    clients: BTreeMap<Spanned<String>, RawClient>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClient {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    step_seconds: Option<Spanned<u64>>,
    requests_per_second: Option<NonZeroU32>,
    connections: Option<NonZeroU32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCapabilities {
    #[serde(default)]
    introspection: bool,
    #[serde(default)]
    other_host: bool,
    #[serde(default)]
    scopes: bool,
    #[serde(default)]
    zero_rtt: bool,
}

fn here() -> Spanned<PathBuf> {
    Spanned::new(0..0, PathBuf::from("."))
}

/// A plan that can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Name and version of the subject, for reports.
    pub(crate) name: String,
    /// What its certificate must be for.
    pub(crate) host: String,
    /// The address to connect to, if it is not what the host says.
    pub(crate) address: Option<std::net::IpAddr>,
    /// The port of TCP; `None` if the subject says it when it is ready.
    pub(crate) port: Option<u16>,
    /// The port of UDP; that of TCP if not given.
    pub(crate) quic_port: Option<u16>,
    /// The transports that it speaks.
    pub(crate) transports: Vec<Transport>,
    /// The folder of the bundle.
    pub(crate) bundle: PathBuf,
    /// Whether it may be on another machine.
    pub(crate) allow_remote: bool,
    /// How far its clock is ahead of this machine's, in seconds.
    pub(crate) clock_skew: i64,
    /// How it is started; `None` if it runs.
    pub(crate) start: Option<Start>,
    /// Host and port of other servers of its own, by what they are.
    pub(crate) places: BTreeMap<Place, (String, u16)>,
    /// How it is asked for tokens of its own authorization server, and where that is done.
    pub(crate) tokens: Option<(Vec<String>, PathBuf)>,
    /// The certificates that clients trust it by, if not the bundle's.
    pub(crate) server_ca: Option<PathBuf>,
    /// Certificate and key of clients of its own PKI, by their names; none for those of the bundle.
    pub(crate) clients: BTreeMap<String, (PathBuf, PathBuf)>,
    /// The longest that a connection, a request or an end may take.
    pub(crate) step: Duration,
    /// The most requests a second.
    pub(crate) rate: Option<NonZeroU32>,
    /// The most connections at once.
    pub(crate) connections: Option<NonZeroU32>,
    /// The list of its known failures.
    pub(crate) baseline: Option<PathBuf>,
    /// Whether it asks the introspection fixture of the bundle.
    pub(crate) introspection: bool,
    /// Whether requests for `other.localhost` are for another service.
    pub(crate) other_host: bool,
    /// Whether `/api/admin` needs a scope that no token has.
    pub(crate) scopes: bool,
    /// Whether it takes early data.
    pub(crate) zero_rtt: bool,
    /// How it reads what the draft leaves open; to be found out if not given.
    pub(crate) dialect: Option<Dialect>,
}

/// How a subject is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// Program and arguments; `{port}`, `{quic_port}` and `{bundle}` are filled in.
    pub(crate) command: Vec<String>,
    /// Where it runs.
    pub(crate) directory: PathBuf,
    /// Variables that it gets beside those of this process.
    pub(crate) env: BTreeMap<String, String>,
    /// It is ready when it writes a line that begins like this, with `{port}` and `{quic_port}` for numbers; if not given,
    /// when the port answers.
    pub(crate) ready_line: Option<String>,
    /// How long that may take.
    pub(crate) ready: Duration,
}

/// A mistake in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    file: String,
    line: usize,
    what: String,
    mend: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, mend) = (brief::cut(&self.what, brief::LINE), brief::cut(&self.mend, brief::LINE));
        write!(f, "{}:{}: {what}\n  mend: {mend}", self.file, self.line)
    }
}

/// Reads a plan: a file, or the one in a directory.
///
/// # Errors
/// All mistakes that were found.
pub(crate) fn read(path: &Path) -> Result<Plan, Vec<Mistake>> {
    // The directory that `ekmcheck init` made has one.
    let within = path.is_dir().then(|| path.join(NAME));
    let path = within.as_deref().unwrap_or(path);
    let file = path.display().to_string();
    match text_of(path, &PLAN) {
        // A name alone has an empty parent, and nothing can be started in one.
        Ok(text) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            parse(&file, &text, folder.unwrap_or(Path::new(".")))
        }
        Err(e) => Err(vec![Mistake { file, line: 1, what: e.to_string(), mend: PLAN.mend.to_owned() }]),
    }
}

/// Reads the text of a plan; paths in it are relative to `folder`.
fn parse(file: &str, text: &str, folder: &Path) -> Result<Plan, Vec<Mistake>> {
    let line = |span: Range<usize>| text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
    let mistake = |span: Range<usize>, what: String, mend: String| Mistake {
        file: file.to_owned(),
        line: line(span),
        what,
        mend,
    };
    let raw: Raw = toml::from_str(text).map_err(|e| {
        let what = e.message().to_owned();
        vec![mistake(e.span().unwrap_or(0..0), what.clone(), mend_of(&what))]
    })?;
    let mut mistakes = Vec::new();
    let mut note = |span: Range<usize>, what: String, mend: &str| mistakes.push(mistake(span, what, mend.to_owned()));

    if raw.subject.name.get_ref().trim().is_empty() {
        note(raw.subject.name.span(), "the subject has no name".to_owned(), "give it the name that reports should say");
    }
    if let Some(draft) = raw.subject.draft.as_ref().filter(|d| !["06", "-06"].contains(&d.get_ref().as_str())) {
        let what = format!("revision {:?} of the draft is not the one that is tested here", draft.get_ref());
        note(draft.span(), what, "this version of ekmcheck tests revision 06");
    }
    let (host, port) = match origin(raw.target.url.get_ref()) {
        Ok(origin) => origin,
        Err(what) => {
            note(
                raw.target.url.span(),
                what,
                "write https://HOST:PORT, and https://HOST:{port} if [start] chooses the port",
            );
            (String::new(), None)
        }
    };
    if port.is_none() && raw.start.is_none() && !host.is_empty() {
        let what = "the port is to be filled in, and nothing is started".to_owned();
        note(raw.target.url.span(), what, "name the port, or say in [start] how the subject is started");
    }
    let address = raw.target.address.as_ref().and_then(|address| {
        let parsed = address.get_ref().parse();
        if parsed.is_err() {
            let what = format!("{:?} is no IP address", address.get_ref());
            note(address.span(), what, "write an address such as 127.0.0.1, or leave it out to look the host up");
        }
        parsed.ok()
    });
    let mut transports = Vec::new();
    for name in raw.target.transports.iter().flatten() {
        match Transport::from_name(name.get_ref()) {
            Some(transport) => transports.push(transport),
            None => {
                let known = Transport::ALL.iter().map(|t| t.name());
                let hint = suggestion(name.get_ref(), known);
                note(name.span(), format!("there is no transport {:?}", name.get_ref()), &hint);
            }
        }
    }
    if raw.target.transports.is_none() {
        transports = Transport::ALL.to_vec();
    }
    let bundle = folder.join(raw.target.bundle.get_ref());
    if !bundle.join("harness").is_dir() {
        let what = format!("there is no bundle in {}", bundle.display());
        note(
            raw.target.bundle.span(),
            what,
            "make one with `ekmcheck init resource-server --dir DIR`, and name DIR here",
        );
    }
    let start = raw.start.map(|start| {
        if start.command.get_ref().first().is_none_or(String::is_empty) {
            let what = "the command is empty".to_owned();
            note(
                start.command.span(),
                what,
                "name a program and its arguments: [\"./server\", \"--port\", \"{port}\"]",
            );
        }
        let seconds = start.ready_seconds.as_ref().map_or(20, |s| *s.get_ref());
        if let Some(given) = start.ready_seconds.as_ref().filter(|s| !(1..=600).contains(s.get_ref())) {
            note(given.span(), "not a time that can be waited for".to_owned(), "write seconds from 1 to 600");
        }
        Start {
            command: start.command.into_inner(),
            directory: folder.join(start.directory.unwrap_or_default()),
            env: start.env,
            ready_line: start.ready_line,
            ready: Duration::from_secs(seconds),
        }
    });
    let step = raw.limits.step_seconds.as_ref().map_or(5, |s| *s.get_ref());
    if let Some(given) = raw.limits.step_seconds.as_ref().filter(|s| !(1..=60).contains(s.get_ref())) {
        note(given.span(), "not a limit for one step".to_owned(), "write seconds from 1 to 60");
    }
    let named =
        [(Place::Node, raw.places.node), (Place::Service, raw.places.service), (Place::OtherCa, raw.places.other_ca)];
    let mut places = BTreeMap::new();
    for (place, url) in named.into_iter().filter_map(|(place, url)| Some((place, url?))) {
        match host_and_port(url.get_ref()) {
            Ok(origin) => drop(places.insert(place, origin)),
            Err(form) => note(url.span(), format!("{:?} is not the URL of a server", url.get_ref()), form),
        }
    }
    let tokens = raw.tokens.map(|tokens| {
        if tokens.command.get_ref().first().is_none_or(String::is_empty) {
            let mend = "name a program that writes an access token: [\"./get-token\", \"{certificate}\"]";
            note(tokens.command.span(), "the command is empty".to_owned(), mend);
        }
        (tokens.command.into_inner(), folder.join(tokens.directory.unwrap_or_default()))
    });
    let mut clients = BTreeMap::new();
    let pki = raw.pki.unwrap_or_else(|| RawPki { server_ca: None, clients: BTreeMap::new() });
    for (name, client) in pki.clients {
        if !CLIENTS.contains(&name.get_ref().as_str()) {
            let what = format!("there is no client {:?}", name.get_ref());
            note(name.span(), what, &suggestion(name.get_ref(), CLIENTS.iter().copied()));
        }
        for file in [&client.certificate, &client.key].map(|file| folder.join(file)).iter().filter(|f| !f.is_file()) {
            note(name.span(), format!("there is no file {}", file.display()), "name PEM files, from where the plan is");
        }
        clients.insert(name.into_inner(), (folder.join(client.certificate), folder.join(client.key)));
    }
    let server_ca = pki.server_ca.map(|file| {
        let path = folder.join(file.get_ref());
        if !path.is_file() {
            let what = format!("there is no file {}", path.display());
            note(file.span(), what, "name a PEM file with the certificates of the CA of the server's certificate");
        }
        path
    });
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let name = raw.subject.name.into_inner();
    Ok(Plan {
        name: if raw.subject.version.is_empty() { name } else { format!("{name} {}", raw.subject.version) },
        host,
        address,
        port,
        quic_port: raw.target.quic_port,
        transports,
        bundle,
        allow_remote: raw.target.allow_remote,
        start,
        places,
        tokens,
        server_ca,
        clients,
        step: Duration::from_secs(step),
        rate: raw.limits.requests_per_second,
        connections: raw.limits.connections,
        baseline: raw.baseline.map(|file| folder.join(file)),
        introspection: raw.capabilities.introspection,
        other_host: raw.capabilities.other_host,
        scopes: raw.capabilities.scopes,
        zero_rtt: raw.capabilities.zero_rtt,
        dialect: raw.dialect,
        clock_skew: raw.target.clock_skew_seconds,
    })
}

/// What TOML or serde complain of, and what to do about it.
fn mend_of(what: &str) -> String {
    let mut quoted = what.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(word) if what.starts_with("unknown") => suggestion(word, quoted),
        Some(field) if what.starts_with("missing field") => format!("add {field} = …"),
        _ => "compare with the plan.toml that `ekmcheck init resource-server` writes".to_owned(),
    }
}

/// Host and port of a URL; no port if it is `{port}`.
fn origin(url: &str) -> Result<(String, Option<u16>), String> {
    let bare = url.replacen(":{port}", "", 1);
    let (host, port) = host_and_port(&bare).map_err(|form| format!("{url:?} is not the URL of a server: {form}"))?;
    Ok((host, (bare == url).then_some(port)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = "[subject]\nname = \"mine\"\nversion = \"1\"\n[target]\nurl = \"https://localhost:8443\"\n\
        transports = [\"tls13-h1\"]\n";

    fn parsed(text: &str) -> Result<Plan, Vec<Mistake>> {
        let folder = std::env::temp_dir().join(format!("ekmcheck-plan-{}", std::process::id()));
        fs::create_dir_all(folder.join("harness")).unwrap();
        parse("plan.toml", text, &folder)
    }

    #[test]
    fn a_plan() {
        let plan = parsed(GOOD).unwrap();
        assert_eq!((plan.name.as_str(), plan.host.as_str(), plan.port), ("mine 1", "localhost", Some(8443)));
        assert_eq!(plan.transports, [Transport::Tls13H1]);
        assert_eq!(origin("https://[::1]:{port}/"), Ok(("::1".to_owned(), None)));
        assert_eq!(origin("https://rs.example"), Ok(("rs.example".to_owned(), Some(443))));
    }

    #[test]
    fn every_mistake_has_its_line_and_its_mend() {
        let mistakes = |from: &str, to: &str| parsed(&GOOD.replace(from, to)).unwrap_err();
        let both =
            mistakes("https://localhost:8443\"\ntransports = [\"tls13-h1\"]", "http://x\"\ntransports = [\"tls13h1\"]");
        assert_eq!(both.iter().map(|m| m.line).collect::<Vec<_>>(), [5, 6]);
        assert!(both[1].mend.contains("tls13-h1"), "{:?}", both[1]);
        let typo = mistakes("version", "verson");
        assert_eq!((typo[0].line, typo[0].mend.as_str()), (3, "did you mean \"version\"?"));
        assert!(mistakes("name = \"mine\"\n", "")[0].mend.contains("name"));
        assert!(mistakes(":8443", ":{port}")[0].what.contains("nothing is started"));
        assert!(mistakes("[subject]", "[subject")[0].what.len() > 3);
    }

    /// Whatever a plan is changed into in one place, it is read, or refused with a line of the file and a mend.
    #[test]
    fn no_change_to_a_plan_is_refused_without_a_place() {
        let text = include_str!("init/plan.toml").replace("{HOST}", "localhost").replace("# ", "");
        let plans = [GOOD.to_owned(), text, format!("{GOOD}[limits]\nstep_seconds = 5\n[places]\n[capabilities]\n")];
        let (mut read, mut refused) = (0, 0);
        for plan in &plans {
            let marks: Vec<usize> = plan.char_indices().map(|(at, _)| at).collect();
            let changed = marks.iter().flat_map(|at| {
                let (before, after) = plan.split_at(*at);
                let rest = after.chars().next().map_or("", |c| &after[c.len_utf8()..]);
                ["", "\"", "]", "\n", "-9e99", "\u{0}", "='''"].map(|with| format!("{before}{with}{rest}"))
            });
            let lines = |text: &str| text.matches('\n').count() + 1;
            for text in changed {
                let Err(mistakes) = parsed(&text) else {
                    read += 1;
                    continue;
                };
                refused += 1;
                assert!(!mistakes.is_empty(), "{text}");
                for Mistake { line, what, mend, .. } in mistakes {
                    assert!((1..=lines(&text)).contains(&line), "line {line}: {what}\n{text}");
                    assert!(!what.is_empty() && !mend.is_empty(), "line {line}: {what}\n{text}");
                }
            }
        }
        assert!(read > 100 && refused > 1000, "{read} were read and {refused} refused");
    }
}
