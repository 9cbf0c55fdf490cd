#![cfg(target_os = "linux")]

use std::{fs, path::PathBuf, time::Duration};

use super::*;
use crate::plan;

/// A folder that stands for a bundle, gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ekmcheck-launch-{}-{test}", std::process::id()));
        fs::create_dir_all(path.join("harness")).unwrap();
        Self(path)
    }

    /// A plan of a subject that is started so: a script for a shell, and this very program as `$0 $1 $2 $3 $4`, which listens.
    fn plan(&self, port: &str, script: &str, ready_line: &str) -> Plan {
        let own = std::env::current_exe().unwrap();
        let listens = ["plan::launch::tests::listens", "--exact", "--ignored", "--nocapture"];
        let words = ["sh", "-c", script, own.to_str().unwrap()].into_iter().chain(listens).map(|w| format!("{w:?}"));
        let text = format!(
            "[subject]\nname = \"x\"\n[target]\nurl = \"https://127.0.0.1:{port}\"\ntransports = [\"tls13-h1\"]\n[start]\n\
             command = [{}]\n{ready_line}\nenv = {{ EKMCHECK_TEST_PORT = \"{{port}}\" }}\n",
            words.collect::<Vec<_>>().join(", ")
        );
        plan::parse("plan.toml", &text, &self.0).unwrap()
    }

    /// Waits until a file is there that a subject makes.
    fn until(&self, name: &str) {
        while !self.0.join(name).exists() {
            thread::yield_now();
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LISTENS: &str = "exec \"$0\" \"$1\" \"$2\" \"$3\" \"$4\"";

/// Not a test of its own: what a started subject does.
#[test]
#[ignore = "a subject of other tests"]
fn listens() {
    let Ok(port) = std::env::var("EKMCHECK_TEST_PORT") else { return };
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().unwrap())) {
        Ok(listener) => listener,
        Err(e) => {
            std::io::Write::write_all(&mut std::io::stderr(), e.to_string().as_bytes()).unwrap();
            std::process::exit(1);
        }
    };
    // It ends with its standard input.
    thread::spawn(move || for _ in listener.incoming() {});
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(0);
}

fn go(plan: &Plan, mut choose: impl FnMut() -> Result<u16, String>) -> Result<Running, String> {
    let start = plan.start.as_ref().unwrap();
    let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    launch_at(plan, start, addresses, &Stop::never(), &mut choose).map_err(|trouble| trouble.to_string())
}

fn holder() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn a_port_that_was_taken_meanwhile_is_chosen_anew() {
    let scratch = Scratch::new("anew");
    let plan = scratch.plan("{port}", LISTENS, "");
    let (_held, taken) = holder();
    let mut ports = vec![taken];
    let running = go(&plan, || Ok(ports.pop().unwrap_or_else(|| free_port().unwrap()))).unwrap();
    assert_ne!(running.tcp.port(), taken);
    // There is an end to that.
    let mut tries = 0;
    let why = go(&plan, || {
        tries += 1;
        Ok(taken)
    });
    let why = why.unwrap_err();
    assert_eq!(tries, TRIES);
    let own = std::process::id();
    assert!(why.contains(&format!("127.0.0.1:{taken} is taken by process {own} (")) && why.contains("mend:"), "{why}");
}

#[test]
fn a_server_that_was_there_before_is_not_the_subject() {
    let scratch = Scratch::new("before");
    let (_held, taken) = holder();
    let plan = scratch.plan(&taken.to_string(), &format!("touch started; {LISTENS}"), "");
    let why = go(&plan, free_port).unwrap_err();
    assert!(why.contains("is taken by process"), "{why}");
    assert!(!scratch.0.join("started").exists(), "it need not even be started");
}

#[test]
fn a_server_that_comes_in_between_is_not_the_subject() {
    let scratch = Scratch::new("between");
    let script = "touch started; while ! test -e taken; do sleep 0.01; done; echo ready; cat";
    let (held, port) = holder();
    let plan = scratch.plan(&port.to_string(), script, "ready_line = \"ready\"");
    drop(held);
    thread::scope(|scope| {
        let launched = scope.spawn(|| go(&plan, free_port));
        scratch.until("started");
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        fs::write(scratch.0.join("taken"), "").unwrap();
        let why = launched.join().unwrap().unwrap_err();
        let own = std::process::id();
        assert!(why.contains(&format!("at 127.0.0.1:{port} listens process {own} (")), "{why}");
    });
}

#[test]
fn the_port_of_a_subject_that_floods_is_looked_at_all_the_same() {
    let scratch = Scratch::new("flood");
    let plan = scratch.plan("{port}", &format!("yes & yes >&2 & {LISTENS}"), "");
    assert!(go(&plan, free_port).is_ok());
}

#[test]
fn how_a_subject_ended_is_told_with_its_last_words() {
    let scratch = Scratch::new("ended");
    let script = "echo ready; while ! test -e end; do sleep 0.01; done; echo last words >&2; kill -9 $$";
    let running = go(&scratch.plan("{port}", script, "ready_line = \"ready\""), free_port).unwrap();
    let process = running.process().unwrap();
    assert_eq!(process.ended(), None);
    fs::write(scratch.0.join("end"), "").unwrap();
    let told = loop {
        match process.ended() {
            Some(told) => break told,
            None => thread::yield_now(),
        }
    };
    assert!(told.starts_with("signal: 9 (SIGKILL); it wrote:\n") && told.ends_with("\n    last words"), "{told}");
    let why = go(&scratch.plan("{port}", "echo no >&2; exit 7", ""), free_port).unwrap_err();
    assert!(why.contains("it ended (exit status: 7); it wrote:\n    no\n"), "{why}");
}

#[test]
fn a_subject_is_started_anew_on_the_same_port() {
    let scratch = Scratch::new("again");
    let plan = scratch.plan("{port}", &format!("echo >> starts; {LISTENS}"), "");
    let running = go(&plan, free_port).unwrap();
    let process = running.process().unwrap();
    assert_eq!((process.can_restart(), process.restart()), (Ok(()), Ok(())));
    assert_eq!(fs::read_to_string(scratch.0.join("starts")).unwrap(), "\n\n");
    assert!(TcpStream::connect(running.tcp).is_ok());
    assert_eq!(process.ended(), None);
    // Where it cannot be, it is lost, and says why.
    fs::remove_dir_all(&scratch.0).unwrap();
    assert!(process.restart().is_err());
    assert!(process.ended().unwrap().starts_with("it could not be started anew: "));
}

#[test]
fn a_subject_that_chooses_its_own_port_at_each_start_is_not_started_anew() {
    let scratch = Scratch::new("chooses");
    let plan = scratch.plan("{port}", "echo ready 1; cat", "ready_line = \"ready {port}\"");
    let own = Plan { start: plan.start.clone().map(|start| Start { env: Default::default(), ..start }), ..plan };
    let running = go(&own, free_port).unwrap();
    assert_eq!(running.tcp.port(), 1);
    assert!(running.process().unwrap().can_restart().unwrap_err().contains("chooses its port anew"));
}

#[test]
fn nobody_waits_for_a_subject_when_the_command_is_to_end() {
    let scratch = Scratch::new("stopped");
    let plan = scratch.plan("{port}", "touch started; cat", "ready_line = \"ready\"");
    let stop = Stop::never();
    thread::scope(|scope| {
        let launched = scope.spawn(|| launch(&plan, &stop));
        scratch.until("started");
        stop.give();
        assert!(matches!(launched.join().unwrap(), Err(Trouble::Incomplete(why)) if why.contains("while the subject")));
    });
    let plan = Plan { address: Some("192.0.2.1".parse().unwrap()), ..plan };
    let begun = Instant::now();
    assert!(matches!(launch(&plan, &stop), Err(Trouble::Given(why)) if why.contains("another machine")));
    assert!(begun.elapsed() < Duration::from_secs(5), "nothing was sent");
}
