#![cfg(target_os = "linux")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use super::*;

/// A shell that runs the script; its first line has come, so that the script has got so far.
fn shell(script: &str) -> (Group, BufReader<ChildStdout>) {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut group = Group::start(&mut command).unwrap();
    let mut out = BufReader::new(group.take_output().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (group, out)
}

/// Ends it; returns how it ended. Nothing of it holds its standard output open any more.
fn ended((mut group, mut out): (Group, BufReader<ChildStdout>)) -> ExitStatus {
    assert!(group.status().is_none());
    assert!(group.end());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(group.members(), [0; 0]);
    group.child.wait().unwrap()
}

#[test]
fn a_program_that_ends_with_its_input_is_not_told_anything() {
    assert_eq!(ended(shell("echo ready; cat; exit 7")).code(), Some(7));
}

#[test]
fn a_program_is_asked_to_end() {
    assert_eq!(ended(shell("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")).code(), Some(9));
}

#[test]
fn a_stubborn_program_is_made_to_end() {
    let status = ended(shell("trap '' TERM HUP INT; echo ready; while :; do sleep 1; done"));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}

#[test]
fn a_wrapper_ends_with_its_children() {
    ended(shell("sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done' & sh -c 'sleep 1000'; wait"));
}

#[test]
fn a_daemon_ends_too() {
    // In a session of its own, and its parent is gone. Orphans come to whoever runs the tests, or to this process where
    // the system says so; without that only the mark tells, and only of descendants.
    adopt_orphans();
    let (mut group, mut out) = shell("(setsid sh -c 'echo ready; exec sleep 1000' &)");
    while group.status().is_none() {
        thread::yield_now();
    }
    assert!(group.over().is_none(), "its daemon lives");
    let [daemon] = group.members()[..] else { unreachable!("{:?}", group.members()) };
    assert!(group.end());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{daemon}")).exists(), "nothing is left to the table of processes");
}

#[test]
fn nothing_outlives_a_panic() {
    let (group, mut out) = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    let panicked = thread::spawn(move || {
        let _group = group;
        std::panic::resume_unwind(Box::new("as a panic does"));
    });
    assert!(panicked.join().is_err());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
}
