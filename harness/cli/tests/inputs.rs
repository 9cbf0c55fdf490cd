//! Whatever a file, a folder or the place for an output is: every command that has to do with it ends, soon, within bounds of
//! memory, with a status that says what was, and with a message that names it.
//!
//! `inputs/table.json` is the list of the commands and of what they read and write; a test of the command's own sees that
//! nothing that is a path is missing there. `inputs/mutations.rs` has what each is changed into. Here a part of all pairs is
//! tried; `cargo test -p ekmcheck --test inputs -- --ignored` tries all.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]
#![expect(clippy::print_stdout, reason = "the count and the slowest are what a reader of the log wants to know")]

mod common;
#[path = "inputs/mutations.rs"]
mod mutations;

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use common::{Scratch, root};
use mutations::{FILES, FOLDERS, Leads, Mutation, PLACES, copy, good, mine};
use nix::sys::resource::{UsageWho, getrusage};
use serde::Deserialize;

/// The longest that a command may take, on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(60);
/// The most memory, in octets: of a build without optimisation.
const MEMORY: i64 = 200 << 20;
/// The longest message.
const MESSAGE: usize = 4096;

/// `inputs/table.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    files: Vec<Row>,
    folders: Vec<Row>,
    places: Vec<Row>,
}

/// A command, and one thing that it reads or writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    command: String,
    argument: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for the test that the table is whole")]
    kind: String,
    #[serde(alias = "folder", alias = "place")]
    file: String,
    line: Vec<String>,
    /// How it ends where nothing is changed.
    good: i32,
    /// How it may end where it can explain why; where not given, with 0 to 3.
    #[serde(default)]
    status: Vec<i32>,
    /// Whether the command does without it.
    #[serde(default)]
    optional: bool,
    /// Whether it takes long where nothing is refused, so that only what is refused is tried.
    #[serde(default)]
    slow: bool,
    /// Whether it comes on standard input.
    #[serde(default)]
    stdin: bool,
}

fn table() -> Table {
    serde_json::from_str(include_str!("inputs/table.json")).unwrap()
}

/// All files that the commands of the table read, in a folder that is copied for each thread.
struct World {
    scratch: Scratch,
    token: String,
    proof: String,
}

impl World {
    fn new(test: &str) -> Self {
        let scratch = Scratch::new(test);
        fs::create_dir(scratch.0.join("good")).unwrap();
        let good = Scratch(scratch.0.join("good"));
        let run = |line: &str, status| {
            let words: Vec<&str> = line.split(' ').collect();
            good.ekmcheck(&words).ends_with(status).out
        };
        run("init resource-server --dir bundle --name 127.0.0.1", 0);
        // Nothing listens there.
        let plan = good.read("bundle/plan.toml").replace("127.0.0.1:8443", "127.0.0.1:1");
        let plan = plan.replace("# baseline = \"known.toml\"", "baseline = \"../known.toml\"");
        good.write("bundle/plan.toml", &plan);
        let own = "[pki]\nserver_ca = \"../own/ca.pem\"\nclients.p256 = { certificate = \"../own/p256.pem\", key = \"../own/p256.key\" }\n";
        good.write("bundle/own.toml", format!("{plan}\n{own}"));
        fs::create_dir(good.0.join("own")).unwrap();
        for (from, to) in [("root.pem", "ca.pem"), ("p256.pem", "p256.pem"), ("p256.key", "p256.key")] {
            fs::copy(good.0.join("bundle/harness").join(from), good.0.join("own").join(to)).unwrap();
        }
        good.write("known.toml", "[[known]]\nid = \"rs.exporter.64-octets\"\nexpected = \"fail\"\nreason = \"it is known\"\nexpires = 9999-12-31\n");
        let some = "--filter rs.exporter.64-octets --filter rs.typ.jwt --transport tls13-h1 --quiet --output none --transcripts all";
        run(&format!("run --subject fault:ekm-longer-export {some} --report run"), 1);
        for shard in 1..=2 {
            run(&format!("run {some} --shard {shard}/2 --report shard{shard}"), 0);
            run(
                &format!(
                    "fuzz --subject fault:ekm-unchecked --requests 300 --transport tls13-h1 --quiet --seed 1 --shard {shard}/2 --report fuzz{shard}"
                ),
                1,
            );
        }
        run("fuzz --output_dir in --no_of_files 1 --seed 1", 0);
        fs::rename(good.0.join("in/fuzz-0.json"), good.0.join("in/mutant.json")).unwrap();
        fs::copy(root().join("vectors/valid/es256-p256.json"), good.0.join("vector.json")).unwrap();
        copy(&root().join("vectors"), &good.0.join("vectors"));
        fs::create_dir_all(good.0.join("s/resource-server/typ")).unwrap();
        for file in ["requirements.json", "ambiguities.json", "resource-server/typ/jwt.json"] {
            fs::copy(root().join("scenarios").join(file), good.0.join("s").join(file)).unwrap();
        }
        good.write("introspection.json", "{}\n");
        good.write("questions.ndjson", "{\"command\": \"hello\", \"id\": 1}\n");
        fs::create_dir(good.0.join("bench")).unwrap();
        good.write("bench/bench.json", "{\"points\": []}\n");
        let token = run("token --bundle bundle", 0).trim().to_owned();
        let ekm = "ab".repeat(32);
        let proof = run(
            &format!(
                "proof make --token {token} --certificate own/p256.pem --key own/p256.key --ekm {ekm} --now 1790000000"
            ),
            0,
        );
        good.write("proof.txt", &proof);
        // It goes with the folder around it.
        std::mem::forget(good);
        Self { scratch, token, proof: proof.trim().to_owned() }
    }
}

/// How a command ended.
struct Ended {
    /// Its exit status, or that of a shell for a signal.
    status: i32,
    err: String,
    took: Duration,
}

/// A folder of a thread's own, in which one thing at a time is not as it should be.
struct Place<'a> {
    folder: PathBuf,
    world: &'a World,
    port: u16,
}

impl Place<'_> {
    fn run(&self, row: &Row) -> Ended {
        let filled = |word: &String| {
            let word =
                word.replace("{port}", &self.port.to_string()).replace("{ekmcheck}", env!("CARGO_BIN_EXE_ekmcheck"));
            word.replace("{token}", &self.world.token).replace("{proof}", &self.world.proof)
        };
        let stdin = if row.stdin { File::open(self.folder.join(&row.file)).unwrap().into() } else { Stdio::null() };
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_ekmcheck"))
            .current_dir(&self.folder)
            .env("NO_COLOR", "1")
            .args(row.line.iter().map(filled))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (id, (done, ended)) = (child.id().to_string(), mpsc::channel());
        thread::spawn(move || done.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(LIMIT) else {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
            let _ = ended.recv_timeout(LIMIT);
            return Ended { status: 137, err: format!("still there after {LIMIT:?}"), took: LIMIT };
        };
        let output = output.unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        Ended {
            status: output.status.code().unwrap_or(128 + signal),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: begun.elapsed(),
        }
    }

    /// With the thing as it should be, and no output of an earlier command.
    fn restore(&self, row: &Row) {
        for path in [&row.file, "out", "r", "bench", "run"].map(|name| self.folder.join(name)) {
            for path in [&path, &path.with_extension("moved"), &good(&path), &mine(&path)] {
                match path.symlink_metadata() {
                    Ok(there) if there.is_dir() => fs::remove_dir_all(path).unwrap(),
                    Ok(_) => fs::remove_file(path).unwrap(),
                    Err(_) => {}
                }
            }
            let good = self.world.scratch.0.join("good").join(path.strip_prefix(&self.folder).unwrap());
            if good.is_dir() {
                copy(&good, &path);
            } else if good.exists() {
                fs::copy(good, path).unwrap();
            }
        }
    }

    /// Changes the thing, runs the command, and says what is wrong with how that ended.
    fn tried(&self, row: &Row, mutation: &Mutation, what: What) -> (Ended, Vec<String>) {
        let path = self.folder.join(&row.file);
        match what {
            What::File => {
                let content = fs::read(&path).unwrap();
                fs::remove_file(&path).unwrap();
                (mutation.make)(&path, &content);
            }
            What::Folder => {
                fs::rename(&path, good(&path)).unwrap();
                (mutation.make)(&path, b"");
            }
            What::Place => {
                fs::write(mine(&path), "mine\n").unwrap();
                (mutation.make)(&path, b"");
            }
        }
        let ended = self.run(row);
        let mut faults = faults(row, mutation, &ended);
        if what == What::Place && fs::read_to_string(mine(&path)).unwrap() != "mine\n" {
            faults.push("somebody's file was written to".to_owned());
        }
        self.restore(row);
        (ended, faults)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    File,
    Folder,
    Place,
}

/// What is wrong with how a command ended.
fn faults(row: &Row, mutation: &Mutation, ended: &Ended) -> Vec<String> {
    let Ended { status, err, .. } = ended;
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(what);
    let is_refused = mutation.leads == Leads::Refused && !row.optional && !row.status.contains(status);
    match mutation.leads {
        Leads::Refused if is_refused && *status != 2 => fault(format!("ended with {status} and not with 2")),
        Leads::Same if *status != row.good && !row.status.contains(status) => {
            fault(format!("ended with {status} and not with {}", row.good))
        }
        _ if row.status.is_empty() && !(0..=3).contains(status) => fault(format!("ended with {status}")),
        _ if !row.status.is_empty() && !row.status.contains(status) && *status != 2 => {
            fault(format!("ended with {status}"))
        }
        _ => {}
    }
    let name = Path::new(&row.file).file_stem().unwrap().to_str().unwrap();
    let names = mutation.leads == Leads::Refused && !row.optional && !row.stdin && ![0, 3].contains(status);
    if names && !err.contains(name) {
        fault(format!("does not name {name}"));
    }
    if *status != 0 && err.trim().is_empty() && row.good == 0 && *status != 1 {
        fault("says nothing".to_owned());
    }
    if err.len() > MESSAGE {
        fault(format!("says {} octets", err.len()));
    }
    if let Some(c) = err.chars().find(|c| c.is_control() && *c != '\n') {
        fault(format!("sends {c:?} to the terminal"));
    }
    if err.contains("panicked") || err.contains("overflow") {
        fault("panicked".to_owned());
    }
    faults
}

/// Tries those pairs that `chosen` takes, on all cores, and returns what was wrong, with how many were tried.
fn tried(test: &str, chosen: impl Fn(usize, usize) -> bool) -> (usize, Vec<String>) {
    let (world, table) = (World::new(test), table());
    let mut work = Vec::new();
    for (rows, mutations, what) in [
        (&table.files, &FILES[..], What::File),
        (&table.folders, &FOLDERS[..], What::Folder),
        (&table.places, &PLACES[..], What::Place),
    ] {
        for (at, row) in rows.iter().enumerate() {
            // What is opened before the command begins is not the command's.
            let octets = |m: &&Mutation| !row.stdin || m.leads != Leads::Refused && m.name != "a file without rights";
            let mutations = mutations.iter().filter(octets).enumerate();
            let mutations = mutations.filter(|(_, m)| !row.slow || m.leads == Leads::Refused);
            let own = mutations.filter(|(n, _)| chosen(at, *n)).map(|(_, mutation)| mutation).collect::<Vec<_>>();
            work.push((row, own, what));
        }
    }
    let (next, count, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = thread::available_parallelism().map_or(1, usize::from).min(work.len());
    let highest = AtomicI64::new(0);
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    thread::scope(|scope| {
        for number in 0..cores {
            let (world, work, next, count) = (&world, &work, &next, &count);
            let (wrong, highest, slowest) = (&wrong, &highest, &slowest);
            scope.spawn(move || {
                let folder = world.scratch.0.join(format!("thread-{number}"));
                copy(&world.scratch.0.join("good"), &folder);
                // Whoever connects there is left at once.
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                thread::spawn(move || listener.incoming().for_each(drop));
                let place = Place { folder, world, port };
                while let Some((row, mutations, what)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    place.restore(row);
                    let says = |what: &str, ended: &Ended, why: &str| {
                        let Row { command, argument, file, .. } = row;
                        let err = ended.err.chars().take(600).collect::<String>();
                        let at = format!("{command} ({argument}, {file}), {what}");
                        let told = format!("{at}: {why}\n  {} in {:?}: {err}", ended.status, ended.took);
                        // At once, for whoever looks on for all those minutes.
                        println!("{told}");
                        wrong.lock().unwrap().push(told);
                    };
                    let ended = if row.slow { None } else { Some(place.run(row)) };
                    if let Some(ended) = ended.filter(|ended| ended.status != row.good) {
                        says(
                            "as it should be",
                            &ended,
                            &format!("ended with {} and not with {}", ended.status, row.good),
                        );
                    }
                    place.restore(row);
                    for mutation in mutations {
                        let (ended, faults) = place.tried(row, mutation, *what);
                        count.fetch_add(1, Ordering::Relaxed);
                        faults.iter().for_each(|fault| says(mutation.name, &ended, fault));
                        let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() * 1024;
                        // It never sinks: what took more than any before is told, and not those after it.
                        if most > highest.fetch_max(most, Ordering::Relaxed) && most > MEMORY {
                            says(mutation.name, &ended, &format!("this or one beside it took {most} octets of memory"));
                        }
                        let mut slowest = slowest.lock().unwrap();
                        if ended.took > slowest.0 {
                            *slowest = (ended.took, format!("{} ({}), {}", row.command, row.argument, mutation.name));
                        }
                    }
                }
            });
        }
    });
    let count = count.into_inner();
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() / 1024;
    println!("{count} tried; slowest {:?}; at most {most} MB", slowest.into_inner().unwrap());
    (count, wrong.into_inner().unwrap())
}

fn assert_well((count, wrong): (usize, Vec<String>), least: usize) {
    assert!(count >= least, "{count} were tried");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_command_ends_whatever_its_files_are() {
    // Each row with a few, and each mutation with several rows.
    assert_well(tried("inputs", |row, mutation| (row * 5 + mutation) % 9 == 0), 300);
}

#[test]
#[ignore = "takes many minutes: all commands, all files, all mutations"]
fn every_command_ends_whatever_all_its_files_are() {
    assert_well(tried("inputs-all", |_, _| true), 2_400);
}
