//! A pseudo-terminal that the command runs in, and what may come out of it.

use std::{
    fs::{File, OpenOptions},
    io::Read as _,
    os::fd::OwnedFd,
    process::Command,
    thread,
};

use ekmcheck_suite::inert::steers;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Runs a command whose three streams are one terminal; returns what came out, and the status.
pub(crate) fn on_terminal(command: &mut Command) -> (String, i32) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    tcsetwinsize(&terminal, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let side = || OwnedFd::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
    command.env_remove("NO_COLOR").env_remove("CI").env("TERM", "xterm-256color");
    command.stdin(side()).stdout(side()).stderr(side());
    let mut child = command.spawn().unwrap();
    // The last one who holds that side is the child.
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let reader = thread::spawn(move || {
        let (mut terminal, mut seen, mut octets) = (File::from(terminal), Vec::new(), [0; 4096]);
        // The end is an error here.
        while let Ok(count @ 1..) = terminal.read(&mut octets) {
            seen.extend_from_slice(&octets[..count]);
        }
        String::from_utf8(seen).unwrap()
    });
    let status = child.wait().unwrap().code().unwrap();
    (reader.join().unwrap(), status)
}

/// What stands in a text that the tool itself does not write: control sequences other than its colours and those of its
/// progress bar, and all that is unseen.
pub(crate) fn foreign(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c| c != '\n' && c != '\r' && steers(c)) {
        let (_, tail) = rest.split_at(at);
        match own(tail) {
            Some(length) => rest = &tail[length..],
            None => {
                found.push(tail.chars().take(20).collect());
                rest = &tail[tail.chars().next().unwrap().len_utf8()..];
            }
        }
    }
    found
}

/// The length of the tool's own control sequence that a text begins with.
fn own(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("\u{1b}[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let (number, tail) = digits.split_at(end);
    let is_own = match tail.chars().next()? {
        'm' => ["0", "1", "2", "31", "32", "33"].contains(&number) && !tail[1..].starts_with("FORGED"),
        'K' => number == "2" || number.is_empty(),
        'A' | 'B' => true,
        _ => false,
    };
    is_own.then_some(2 + end + 1)
}
