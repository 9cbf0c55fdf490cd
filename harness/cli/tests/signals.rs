//! Ways of being ended × phases of a run × kinds of subject: what finished is kept, no process is left, and no file is half
//! written. Here a part of it; all, and the counts:
//!
//! ```text
//! EKMCHECK_KILLS=200 cargo test --release -p ekmcheck --test signals -- --nocapture kills
//! ```

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use common::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The variable by which all that a kill started is found, whatever its parent and its group are.
const MARK: &str = "EKMCHECK_KILL";
/// How many kills a test of the gate makes: every phase with every kind of subject.
const FEW: usize = 20;
/// How many at once.
const AT_ONCE: usize = 4;
/// The longest that the command may take to end.
const END: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Start,
    Doctor,
    Run,
    Reports,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The server itself.
    Direct,
    /// A shell that waits for it.
    Wrapper,
    /// A shell in a shell.
    Grandchild,
    /// It minds neither signals nor the end of its standard input.
    Stubborn,
    /// It has left its group and its session, and its parent is gone.
    Daemon,
}

const PHASES: [Phase; 4] = [Phase::Start, Phase::Doctor, Phase::Run, Phase::Reports];
const KINDS: [Kind; 5] = [Kind::Direct, Kind::Wrapper, Kind::Grandchild, Kind::Stubborn, Kind::Daemon];
/// The last comes after another one.
const SIGNALS: [(&str, &[Signal]); 4] = [
    ("INT", &[Signal::INT]),
    ("TERM", &[Signal::TERM]),
    ("HUP", &[Signal::HUP]),
    ("TERM and INT", &[Signal::TERM, Signal::INT]),
];

impl Kind {
    /// The words that start the server.
    fn command(self) -> Vec<&'static str> {
        let ekmcheck = env!("CARGO_BIN_EXE_ekmcheck");
        let serve = ["serve", "resource-server", "--bundle", "{bundle}", "--port", "0"];
        let shell: &[&str] = match self {
            Self::Direct => &[],
            Self::Wrapper => &["sh", "-c", "\"$0\" \"$@\"; true"],
            Self::Grandchild => &["sh", "-c", "sh -c '\"$0\" \"$@\"; true' \"$0\" \"$@\"; true"],
            Self::Stubborn => &["sh", "-c", "trap '' TERM HUP INT; exec \"$0\" \"$@\" </dev/null"],
            Self::Daemon => &["sh", "-c", "(setsid \"$0\" \"$@\" </dev/null &)"],
        };
        let ends: &[&str] = match self {
            Self::Stubborn | Self::Daemon => &[],
            _ => &["--until-stdin-closes"],
        };
        shell.iter().copied().chain([ekmcheck]).chain(serve).chain(ends.iter().copied()).collect()
    }
}

/// What came of all kills.
#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    /// How many left results, and of how many that had some to leave.
    kept: (usize, usize),
    children: usize,
    half_written: usize,
    faults: Vec<String>,
}

/// Processes that bear the mark, by their command lines. What has ended and is not yet noticed is none.
fn living(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let ids = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let found = ids.filter_map(|id| {
        let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
        let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let is_marked = environment.split(|octet| *octet == 0).any(|entry| entry == wanted.as_bytes());
        is_marked.then(|| String::from_utf8_lossy(&line).replace('\0', " "))
    });
    found.filter(|line| !line.is_empty()).collect()
}

/// The files of a report that are no whole ones, with what is wrong with them.
fn half_written(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let fault = |path: &Path| {
        let text = fs::read_to_string(path).ok()?;
        let name = path.file_name()?.to_str()?.to_owned();
        let json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        let is_whole = match path.extension().and_then(|e| e.to_str()) {
            _ if name.starts_with('.') => false,
            Some("json" | "sarif") => json(&text),
            Some("ndjson") => text.lines().all(json) && (text.is_empty() || text.ends_with('\n')),
            Some("html") => text.trim_end().ends_with("</html>"),
            Some("svg") => text.trim_end().ends_with("</svg>"),
            Some("xml") => text.trim_end().ends_with("</testsuites>"),
            Some("md") => text.ends_with('\n'),
            // What is written beside, and not put in its place.
            _ => false,
        };
        (!is_whole).then_some(name)
    };
    entries.filter_map(|entry| fault(&entry.unwrap().path())).collect()
}

/// Whether something was written; a file may be tried before, and is empty then.
fn has_something(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// The command under way, and what it writes to standard error.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(command: &mut Command, mark: &str) -> Self {
        command.env(MARK, mark).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.map_while(|line| send.send(line).ok()).for_each(drop);
        });
        Self { child, lines }
    }

    fn tell(&self, signal: Signal) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Waits for a line; false if the command ended without it.
    fn until_it_says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }

    /// Waits until that is so, or the command has ended.
    fn until(&mut self, mut so: impl FnMut() -> bool) -> bool {
        while self.child.try_wait().unwrap().is_none() {
            if so() {
                return true;
            }
            thread::yield_now();
        }
        so()
    }

    /// The exit status, if it ends in time; and what it wrote last.
    fn end(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + END;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if Instant::now() > end => {
                    self.child.kill().unwrap();
                    self.child.wait().unwrap();
                    break None;
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        (status, self.lines.try_iter().collect::<Vec<_>>().join("\n"))
    }
}

/// Kills one run; what is wrong goes into the counts.
fn kill(scratch: &Scratch, number: usize, counts: &Mutex<Counts>) {
    let (phase, kind) = (PHASES[number % 4], KINDS[number % 5]);
    // In twenty kills every phase meets every kind, in eighty with every signal.
    let (name, signals) = SIGNALS[(number % 20 / 5 + number / 20) % 4];
    let mark = format!("{}-{number}", std::process::id());
    let file = |name: &str| format!("{name}-{number}");
    let words: Vec<String> = kind.command().iter().map(|word| format!("{word:?}")).collect();
    let ready = if phase == Phase::Start { "never" } else { "ready https://localhost:{port} quic {quic_port}" };
    scratch.write(
        &file("plan.toml"),
        format!(
            "[subject]\nname = \"{kind:?}\"\n[target]\nurl = \"https://localhost:{{port}}\"\nbundle = \"bundle\"\n\
             transports = [\"tls13-h1\"]\n[start]\ncommand = [{}]\nready_line = \"{ready}\"\n[limits]\n{}\n",
            words.join(", "),
            // Long enough to be in the middle of it.
            if phase == Phase::Reports { "" } else { "requests_per_second = 10" },
        ),
    );
    let (plan, report, keys) = (file("plan.toml"), file("report"), file("keys"));
    let mut words = vec!["run", &plan, "--report", &report, "--keylog", &keys];
    words.extend(match phase {
        Phase::Start | Phase::Doctor => &[][..],
        Phase::Run => &["--skip-doctor", "--filter", "rs.exporter"],
        Phase::Reports => &["--skip-doctor", "--filter", "rs.accept.valid", "--transcripts", "all"],
    });
    let mut running = Running::start(&mut scratch.command(&words), &mark);
    let path = |name: &str| scratch.0.join(name);
    let there = match phase {
        Phase::Start => running.until(|| living(&mark).iter().any(|line| line.contains(" serve resource-server"))),
        Phase::Doctor => running.until(|| has_something(&path(&keys))),
        Phase::Run => running.until_it_says(" after "),
        Phase::Reports => running.until(|| has_something(&path(&report).join("report.json"))),
    };
    for (at, signal) in signals.iter().enumerate() {
        running.tell(*signal);
        if at + 1 < signals.len() {
            running.until_it_says("asked to end");
        }
    }
    let (status, said) = running.end();
    let left = living(&mark);
    let torn = half_written(&path(&report));
    let read: Option<Value> =
        fs::read(path(&report).join("report.json")).ok().and_then(|o| serde_json::from_slice(&o).ok());
    let executed = read.as_ref().and_then(|report| report["counts"]["executed"].as_u64()).unwrap_or_default();
    // A second signal waits for nothing, and before the first play there is nothing.
    let has_some = matches!(phase, Phase::Run | Phase::Reports) && signals.len() == 1;
    let right = match phase {
        Phase::Reports => matches!(status, Some(0 | 3)),
        _ => status == Some(3),
    };
    let mut counts = counts.lock().unwrap();
    counts.kills += 1;
    counts.kept.1 += usize::from(has_some);
    counts.kept.0 += usize::from(has_some && executed > 0);
    counts.children += left.len();
    counts.half_written += torn.len();
    if !there || !right || !left.is_empty() || !torn.is_empty() || (has_some && executed == 0) {
        counts.faults.push(format!(
            "{number}: {name} at {phase:?} of {kind:?}: phase reached {there}, status {status:?}, left {left:?}, torn {torn:?}, {executed} executed; {said}"
        ));
    }
}

#[test]
fn kills() {
    let number = std::env::var("EKMCHECK_KILLS").map_or(FEW, |number| number.parse().unwrap());
    let begun = Instant::now();
    let scratch = Scratch::new("signals");
    scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).ends_with(0);
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(Counts::default()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                numbers.take_while(|at| *at < number).for_each(|at| kill(&scratch, at, &counts));
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    let (kept, of) = counts.kept;
    let told = format!(
        "{} kills in {} s: results kept {kept} of {of}, children left {}, half-written files {}",
        counts.kills,
        begun.elapsed().as_secs(),
        counts.children,
        counts.half_written
    );
    std::io::Write::write_all(&mut std::io::stderr(), format!("{told}\n").as_bytes()).unwrap();
    assert!(counts.faults.is_empty(), "{told}\n{}", counts.faults.join("\n"));
    assert!(counts.kills >= FEW);
}

/// Has the command begin, and be asked to end as soon as it has made its directory, or says that.
fn asked_to_end(scratch: &Scratch, words: &[&str], directory: &str, says: Option<&str>) -> Option<Value> {
    let mark = format!("{}-{directory}", std::process::id());
    let mut running = Running::start(&mut scratch.command(words), &mark);
    assert!(match says {
        Some(words) => running.until_it_says(words),
        None => running.until(|| scratch.0.join(directory).is_dir()),
    });
    running.tell(Signal::TERM);
    let (status, said) = running.end();
    assert_eq!(status, Some(3), "{words:?}: {said}");
    assert_eq!(living(&mark), [""; 0], "{words:?}");
    assert_eq!(half_written(&scratch.0.join(directory)), [""; 0], "{words:?}");
    let mut files = fs::read_dir(scratch.0.join(directory)).unwrap().map(|entry| entry.unwrap().path());
    let json = files.find(|file| file.extension().is_some_and(|e| e == "json"))?;
    Some(serde_json::from_slice(&fs::read(json).unwrap()).unwrap())
}

#[test]
fn every_command_is_asked_to_end_by_sigterm() {
    let scratch = Scratch::new("signals-of-all");
    // Behind a shell that waits for it.
    let adapter = format!("sh -c '{} adapter serve; true'", env!("CARGO_BIN_EXE_ekmcheck"));
    let matrix = asked_to_end(&scratch, &["selftest", "--report", "matrix"], "matrix", None).unwrap();
    assert!(matrix["unfinished"].as_str().unwrap().starts_with("interrupted after "), "{matrix}");
    let campaign = asked_to_end(&scratch, &["fuzz", "--report", "campaign"], "campaign", None).unwrap();
    assert_eq!(campaign["ended"], "interrupted");
    // Before the first point there is nothing to keep.
    asked_to_end(&scratch, &["bench", "--report", "cost"], "cost", None);
    let words = ["run", "--adapter", &adapter, "--output", "none", "--report", "vectors"];
    let report = asked_to_end(&scratch, &words, "vectors", Some(" after ")).unwrap();
    assert_eq!((&report["unfinished"], &report["conclusion"]), (&"interrupted".into(), &"incomplete".into()));
}

#[test]
fn a_subject_that_ends_in_the_middle_of_a_run_is_named() {
    let scratch = Scratch::new("signals-of-a-subject");
    scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).ends_with(0);
    let words: Vec<String> = Kind::Wrapper.command().iter().map(|word| format!("{word:?}")).collect();
    scratch.write(
        "plan.toml",
        format!(
            "[subject]\nname = \"x\"\n[target]\nurl = \"https://localhost:{{port}}\"\nbundle = \"bundle\"\n\
             transports = [\"tls13-h1\"]\n[start]\ncommand = [{}]\nready_line = \"ready https://localhost:{{port}}\"\n\
             [limits]\nrequests_per_second = 20\n",
            words.join(", ").replace("; true", "; echo last words >&2; kill -9 $$"),
        ),
    );
    let mark = format!("{}-ends", std::process::id());
    let words = ["run", "plan.toml", "--skip-doctor", "--filter", "rs.exporter", "--report", "report"];
    let running = Running::start(&mut scratch.command(&words), &mark);
    assert!(running.until_it_says(" after "));
    let ids = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let server = ids.into_iter().find(|id| {
        let read = |name: &str| fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        let has = |text: &[u8], part: &str| String::from_utf8_lossy(text).contains(part);
        has(&read("environ"), &mark) && has(&read("cmdline"), "serve") && !read("cmdline").starts_with(b"sh\0")
    });
    kill_process(Pid::from_raw(server.unwrap()).unwrap(), Signal::KILL).unwrap();
    let (status, said) = running.end();
    let report = scratch.json("report/report.json");
    let why = report["unfinished"].as_str().unwrap();
    assert!(why.starts_with("the subject ended while ") && why.contains("signal: 9 (SIGKILL)"), "{why}");
    assert!(why.contains("last words"), "{why}");
    let counts = &report["counts"];
    assert!(counts["executed"].as_u64() > Some(0) && counts["not_executed"].as_u64() > Some(0), "{counts}");
    assert_eq!((status, &counts["inconclusive"]), (Some(3), &0.into()), "{said}");
    assert_eq!(living(&mark), [""; 0]);
}
