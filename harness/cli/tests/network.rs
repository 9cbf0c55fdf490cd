//! The suite over the network, against `ekmcheck serve` in another process: it comes to what it comes to in process.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
    thread,
};

use ekmcheck_forge::{
    alteration,
    bundle::{Bundle, INTROSPECTION},
    pki,
};
use ekmcheck_player::{
    network::{Introspection, Limits, Origin, Target},
    run::{Pick, Plan, run},
    subject::{Subject, faults},
    world::World,
};
use ekmcheck_suite::{
    case::{Case, Transport},
    load::{self, Names},
    outcome::{Outcome, Verdict},
    requirement::Ledger,
    role::Role,
};
use tokio::runtime::Runtime;

/// 2026-07-01, in Unix seconds: when it is in process.
const NOW: i64 = 1_782_864_000;

/// Why something cannot be tested of a server that the harness did not start, by the beginnings of the reasons; and how
/// many cases that concerns, on whatever transport.
const NOT_TESTABLE: [(&str, usize); 7] = [
    ("the subject's clock cannot be moved", 6),
    ("the harness did not start the subject", 2),
    ("the plan names no second node", 3),
    ("the plan names no other service", 1),
    ("the plan names no listener", 1),
    ("nothing shows when the subject has begun", 1),
    ("only the subject itself could begin a key update", 2),
];

/// Faults of a memory that all plays share there, and that each has for itself in process: other verdicts are no wonder.
const SHARED_MEMORY: [&str; 4] = ["jti-of-everybody", "cache-by-token", "cache-by-small-number", "exporter-of-session"];

/// Sends two requests at once: what a server that is wrong makes of them depends on which is first.
const RACE: &str = "rs.jti.race on ";

struct Suite {
    cases: Vec<Case>,
    ledger: Arc<Ledger>,
}

fn suite() -> &'static Suite {
    static SUITE: LazyLock<Suite> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let ledger = fs::read_to_string(root.join("requirements.json")).unwrap();
        let ledger = load::ledger("requirements.json", &ledger).unwrap();
        let names = Names {
            alterations: alteration::table().map(|a| a.name.to_owned()).collect(),
            clients: pki::CLIENTS.iter().map(|n| (*n).to_owned()).collect(),
            no_change: Some(ekmcheck_forge::mutation::complaint),
        };
        let root = root.join("resource-server");
        let mut files = Vec::new();
        json_files(&root, &mut files);
        files.sort();
        let cases = files.iter().map(|path| {
            let stem = path.strip_prefix(&root).unwrap().with_extension("");
            let stem = stem.to_str().unwrap().replace('\\', "/");
            let text = fs::read_to_string(path).unwrap();
            load::case(&format!("{stem}.json"), (Role::ResourceServer, &stem), &text, &ledger, &names).unwrap()
        });
        Suite { cases: cases.collect(), ledger: Arc::new(ledger) }
    });
    &SUITE
}

fn json_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            json_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "json") {
            out.push(path);
        }
    }
}

/// A bundle in a folder of the test's own, as `ekmcheck init` makes it; gone when the test succeeds.
struct Set {
    folder: PathBuf,
    bundle: Bundle,
}

impl Set {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("network-{}-{test}", std::process::id()));
        let made = ekmcheck(&["init", "resource-server", "--dir"]).arg(&folder).stdout(Stdio::null()).status();
        assert!(made.unwrap().success());
        let bundle = Bundle::read(|path| fs::read_to_string(folder.join(path)).map_err(|e| e.to_string())).unwrap();
        Self { folder, bundle }
    }

    fn world(&self) -> Arc<World> {
        Arc::new(World::of_bundle(&self.bundle))
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn ekmcheck(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekmcheck"));
    command.args(arguments);
    command
}

/// `ekmcheck serve` in a process of its own, which ends with this value.
struct Served {
    process: Child,
    tcp: u16,
    quic: u16,
}

impl Served {
    fn new(set: &Set, further: &[&str]) -> Self {
        let mut command = ekmcheck(&["serve", "resource-server", "--port", "0", "--until-stdin-closes", "--bundle"]);
        command.arg(&set.folder).args(further).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ports = ready.trim_end().strip_prefix("ready https://localhost:").unwrap_or_else(|| panic!("{ready:?}"));
        let (tcp, quic) = ports.split_once(" quic ").unwrap_or((ports, "0"));
        Self { tcp: tcp.parse().unwrap(), quic: quic.parse().unwrap(), process }
    }

    fn subject(&self, set: &Set) -> Subject {
        let origin = |transport: Transport| {
            let port = if transport.is_quic() { self.quic } else { self.tcp };
            (transport, Origin::new(([127, 0, 0, 1], port).into(), "localhost"))
        };
        Subject::Network(Arc::new(Target {
            name: "served".to_owned(),
            origins: Transport::ALL.into_iter().map(origin).collect(),
            places: BTreeMap::new(),
            other_host: true,
            scopes: true,
            dialect: None,
            introspection: Some(Introspection::of_file(&set.folder.join(INTROSPECTION))),
            tokens: None,
            clients: None,
            hand: None,
            allow_remote: false,
            limits: Limits::default(),
        }))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let ended = self.process.wait().unwrap();
        assert!(thread::panicking() || ended.success(), "{ended}");
    }
}

/// Plays the cases; `turn` says on which one of its transports each, `None` on all.
fn play(world: Arc<World>, subject: Subject, cases: &[Case], turn: Option<usize>) -> Vec<Outcome> {
    let plan = Plan {
        subject,
        cases: Arc::new(cases.to_vec()),
        ledger: suite().ledger.clone(),
        transports: Transport::ALL.to_vec(),
        pick: turn.map_or(Pick::All, |turn| Pick::Turn(turn, Arc::default())),
        // What plays at once leave in a faulty memory that they share would depend on who is faster.
        jobs: 1,
        seed: 1,
        rounds: 12,
        measure_floor: false,
    };
    let (report, _) = Runtime::new().unwrap().block_on(run(world, plan, |_| {}, std::future::pending()));
    report.cases
}

/// Where the network comes to another verdict than the same subject in process, in words. What cannot be tested there is
/// no difference, and neither is a case with a story of its own for where the clock cannot be moved.
fn differences(there: &[Outcome], here: &[Outcome], cases: &[Case]) -> Vec<String> {
    assert_eq!(there.len(), here.len());
    let pairs = there.iter().zip(here).inspect(|(t, h)| assert_eq!((&t.id, t.transport), (&h.id, h.transport)));
    let other_story = |o: &Outcome| cases.iter().any(|c| c.id == o.id && c.moves_clock());
    let differ = pairs.filter(|(t, h)| t.verdict != Verdict::NotTestable && t.verdict != h.verdict && !other_story(t));
    let words = |o: &Outcome| format!("{}: {} (seen: {})", o.verdict.name(), o.reason, o.seen);
    let both = |(t, h): (&Outcome, &Outcome)| {
        format!("{} on {}\n  there {}\n  here  {}", t.id, t.transport.name(), words(t), words(h))
    };
    differ.map(both).collect()
}

/// The reference comes to the same verdicts, and what is not testable is so for a reason that is known.
fn reference(test: &str, turn: Option<usize>) {
    let set = Set::new(test);
    let cases = &suite().cases;
    let served = Served::new(&set, &[]);
    let there = play(set.world(), served.subject(&set), cases, turn);
    let here = play(Arc::new(World::at(NOW).unwrap()), Subject::Reference, cases, turn);
    assert_eq!(differences(&there, &here, cases), Vec::<String>::new());
    let right = |o: &&Outcome| matches!(o.verdict, Verdict::Pass | Verdict::Observed | Verdict::NotTestable);
    let wrong: Vec<_> = there.iter().filter(|o| !right(o)).map(|o| (&o.id, &o.reason)).collect();
    assert_eq!(wrong, []);
    let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for outcome in there.iter().filter(|o| o.verdict == Verdict::NotTestable) {
        let known = NOT_TESTABLE.iter().map(|(reason, _)| *reason).find(|reason| outcome.reason.starts_with(reason));
        let known = known.unwrap_or_else(|| panic!("{}: not testable: {}", outcome.id, outcome.reason));
        reasons.entry(known).or_default().insert(&outcome.id);
    }
    let counted = |reason: &str| reasons.get(reason).map_or(0, BTreeSet::len);
    let counts = NOT_TESTABLE.map(|(reason, _)| (reason, counted(reason)));
    assert_eq!(counts, NOT_TESTABLE, "{reasons:#?}");
}

/// Each fault is caught, and comes to the same verdicts unless it is one of a shared memory. Returns how many were compared.
fn faulty(test: &str, names: &[&str], cases_of: impl Fn(&[&str]) -> Vec<Case>) -> usize {
    let set = Set::new(test);
    let here = Arc::new(World::at(NOW).unwrap());
    let mut all = Vec::new();
    let mut compared = 0;
    for (turn, name) in names.iter().enumerate() {
        let fault = faults().find(|f| f.name == *name).unwrap_or_else(|| panic!("no fault {name}"));
        let cases = cases_of(fault.caught_by);
        let served = Served::new(&set, &["--fault", name]);
        let there = play(set.world(), served.subject(&set), &cases, Some(turn));
        let here = play(here.clone(), Subject::Fault(fault), &cases, Some(turn));
        assert!(there.iter().any(|o| o.verdict.is_deviation()), "{name} is not caught over the network");
        let mut differ = differences(&there, &here, &cases);
        if SHARED_MEMORY.contains(name) {
            println!("{name}: {} verdicts differ", differ.len());
            continue;
        }
        differ.retain(|difference| !difference.starts_with(RACE));
        compared += there.iter().filter(|o| o.verdict != Verdict::NotTestable).count();
        all.extend(differ.into_iter().map(|d| format!("{name}: {d}")));
    }
    assert_eq!(all, Vec::<String>::new(), "{} of {compared} differ:\n{}", all.len(), all.join("\n"));
    compared
}

#[test]
fn the_reference_is_judged_over_the_network_as_in_process() {
    // Each case on one of its transports in turn: all five, in a fifth of the time.
    reference("reference", Some(0));
}

#[test]
fn faults_are_caught_over_the_network_as_in_process() {
    // None of them remembers anything, so that no play depends on another.
    let names = ["ekm-unchecked", "proof-optional", "signature-unchecked"];
    let named = |ids: &[&str]| suite().cases.iter().filter(|c| ids.contains(&c.id.as_str())).cloned().collect();
    assert!(faulty("faults", &names, named) >= names.len());
}

#[test]
#[ignore = "minutes; `cargo test --release -p ekmcheck --test network -- --ignored`"]
fn the_reference_is_judged_so_on_all_transports() {
    reference("reference-everywhere", None);
}

#[test]
#[ignore = "minutes; `cargo test --release -p ekmcheck --test network -- --ignored`"]
fn every_tenth_fault_is_judged_so_by_all_cases() {
    let names: Vec<_> = faults().step_by(10).map(|f| f.name).collect();
    let compared = faulty("every-tenth", &names, |_| suite().cases.clone());
    assert!(compared > 9_000, "{compared}");
    println!("{compared} verdicts of {} faults compared", names.len() - SHARED_MEMORY.len());
}

// ---- what a person meets ----

/// Exit status, and what was said to standard error.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let done = command.stdin(Stdio::null()).output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn run_on(set: &Set, subject: &str, further: &[&str]) -> (Option<i32>, String) {
    let mut command = ekmcheck(&["run", "--subject", subject, "--report"]);
    said(command.arg(set.folder.join("report")).arg("--bundle").arg(&set.folder).args(further))
}

#[test]
fn a_bundle_is_not_overwritten_and_keys_are_for_the_owner_alone() {
    let set = Set::new("modes");
    let init = || {
        let mut command = ekmcheck(&["init", "resource-server", "--dir"]);
        command.arg(&set.folder);
        command
    };
    let (status, error) = said(&mut init());
    assert!(status == Some(2) && error.contains("server.pem is there already; --force"), "{error}");
    let plan = set.folder.join("plan.toml");
    fs::write(&plan, "# mine").unwrap();
    let key = || fs::read_to_string(set.folder.join("server/server.key")).unwrap();
    let before = key();
    assert_eq!(said(init().arg("--force")).0, Some(0));
    assert_ne!(before, key());
    assert_eq!(fs::read_to_string(&plan).unwrap(), "# mine");
    #[cfg(unix)]
    for file in set.bundle.files() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = set.folder.join(&file.path);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path) & 0o077 == 0, file.private, "{}", file.path);
        assert!(!file.path.starts_with("harness") || mode(path.parent().unwrap()) == 0o700, "{}", file.path);
    }
    let (status, error) = said(init().args(["--force", "--name", "https://localhost"]));
    assert!(status == Some(2) && error.contains("neither a DNS name nor an IP address"), "{error}");
}

#[test]
fn guide_and_plan_are_filled_in() {
    let set = Set::new("guide");
    let guide = fs::read_to_string(set.folder.join("GUIDE.md")).unwrap();
    let thumbprint = set.bundle.pki.identity("p256").unwrap().certificate.thumbprint().to_string();
    assert!(guide.contains(&format!("\"x5t#S256\": \"{thumbprint}\"")));
    let filled = |text: &str| {
        ["{DIR}", "{HOST}", "{NAMES}", "{DAYS}", "{ISSUER}", "CLAIMS}", "HEADER}", "AUDIENCE}"]
            .iter()
            .all(|n| !text.contains(n))
    };
    assert!(filled(&guide), "{guide}");
    let plan: toml::Table = fs::read_to_string(set.folder.join("plan.toml")).unwrap().parse().unwrap();
    assert_eq!(plan["target"]["url"].as_str(), Some("https://localhost:8443"));
    let transports = plan["target"]["transports"].as_array().unwrap();
    assert!(transports.iter().all(|t| Transport::from_name(t.as_str().unwrap()).is_some()));
    assert_eq!(transports.len(), Transport::ALL.len());
}

#[test]
fn configuration_trouble_is_said_with_its_mend_and_is_no_verdict() {
    let (set, other) = (Set::new("trouble"), Set::new("trouble-other"));
    let served = Served::new(&other, &["--no-quic"]);
    let right = format!("https://localhost:{}", served.tcp);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (subject, further, wanted) in [
        (format!("https://localhost:{free}"), &[][..], "start the server, or name its port"),
        (right.clone(), &["--transport", "tls13-h2"], "the server must present server/server.pem of this bundle"),
        ("http://localhost:1".to_owned(), &[], "https://HOST:PORT"),
        ("https://192.0.2.1:8443".to_owned(), &[], "allow it with --allow-remote"),
        ("reference".to_owned(), &[], "--bundle goes with a server's URL"),
    ] {
        let (status, error) = run_on(&set, &subject, further);
        assert!(status == Some(2) && error.contains(wanted), "{subject}: {status:?} {error}");
        assert!(!set.folder.join("report/report.json").exists(), "{subject}");
    }
    let (status, error) = run_on(&other, &right, &["--quic-port", &free.to_string(), "--filter", "rs.accept.right"]);
    let only =
        "play what is there with --transport tls13-h1 --transport tls13-h2 --transport tls12-h1 --transport tls12-h2";
    assert!(status == Some(2) && error.contains("quic-h3: ") && error.contains(only), "{error}");
    let (status, error) = said(&mut ekmcheck(&["run", "--subject", &right]));
    assert!(status == Some(2) && error.contains("needs --bundle DIR"), "{error}");
    let mut second =
        ekmcheck(&["serve", "resource-server", "--no-quic", "--port", &served.tcp.to_string(), "--bundle"]);
    let (status, error) = said(second.arg(&other.folder));
    assert!(status == Some(2) && error.contains("cannot be had") && error.contains("--port"), "{error}");
}
