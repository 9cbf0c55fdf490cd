//! An adapter as a running program: asked line by line, within bounds of time and size.
//!
//! The adapter is hostile for all that is known. Threads of its own read and write each stream, so that neither a line
//! without an end, nor silence, nor input that nobody takes can hold the harness up.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use ekmcheck_suite::{
    adapter::{Answer, LONGEST_ANSWER},
    inert::bounded,
};

use ekmcheck_children::Group;

/// How many lines of standard error are kept, and how many characters of each.
const KEPT: (usize, usize) = (8, 200);
/// How many lines may wait to be read; an adapter that writes more waits itself.
const WAITING: usize = 16;
/// How long an adapter whose streams have ended may take to end, too.
const ENDING: Duration = Duration::from_millis(500);

/// How an adapter is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program and its arguments; no shell looks at them.
    pub words: Vec<String>,
    /// How long the first answer may take, which has to wait for the program to start.
    pub first: Duration,
    /// How long every other answer may take.
    pub answer: Duration,
}

/// A running adapter. It is ended with this value, and with it all that it started.
#[derive(Debug)]
pub struct Process {
    group: Group,
    /// `None` when its standard input was closed.
    input: Option<Sender<String>>,
    lines: Receiver<Line>,
    said: Arc<Mutex<Vec<String>>>,
    /// Disconnected when its standard error ended.
    quiet: Receiver<()>,
    limit: Duration,
}

/// What came on standard output.
#[derive(Debug)]
enum Line {
    Text(String),
    /// Nothing is read after it.
    TooLong,
    NoText,
}

impl Process {
    /// Starts the program.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub fn start(launch: &Launch) -> Result<Self, String> {
        let (program, arguments) = launch.words.split_first().ok_or("the command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::start(&mut command).map_err(|e| format!("{program} cannot be started: {e}"))?;
        let (input, to_write) = mpsc::channel();
        let (found, lines) = mpsc::sync_channel(WAITING);
        let (loud, quiet) = mpsc::channel();
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdin) = group.take_input() {
            thread::spawn(move || write(stdin, &to_write));
        }
        if let Some(stdout) = group.take_output() {
            thread::spawn(move || read(stdout, &found));
        }
        if let Some(stderr) = group.take_errors() {
            let said = said.clone();
            thread::spawn(move || listen(stderr, &said, loud));
        }
        Ok(Self { group, input: Some(input), lines, said, quiet, limit: launch.first })
    }

    /// From now on every answer may take so long.
    pub fn allow(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Sends a line and waits for the answer with that id.
    ///
    /// # Errors
    /// Why there is no answer that counts. The process is then of no more use.
    pub fn ask(&mut self, line: &str, id: u64) -> Result<Answer, String> {
        match self.lines.try_recv() {
            Ok(Line::Text(text)) => return Err(unasked(&text)),
            Ok(other) => return Err(self.unread(&other)),
            Err(TryRecvError::Disconnected) => return Err(self.ended()),
            Err(TryRecvError::Empty) => {}
        }
        self.send(line);
        self.answer(id)
    }

    /// Sends a line without waiting for anything.
    pub fn send(&self, line: &str) {
        if let Some(input) = &self.input {
            // Whether somebody reads it shows in the answer.
            let _ = input.send(format!("{line}\n"));
        }
    }

    /// Waits for the answer with that id.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn answer(&mut self, id: u64) -> Result<Answer, String> {
        match self.lines.recv_timeout(self.limit) {
            Ok(Line::Text(text)) => {
                let answer = Answer::read(&text).map_err(|why| {
                    let said = bounded(&text, 120);
                    format!("what the adapter wrote is no answer: {}: {said}", bounded(&why, 200))
                })?;
                match answer.id() {
                    right if right == id => Ok(answer),
                    earlier if earlier < id => Err(format!(
                        "the adapter wrote a line that nobody asked for: another answer to the id {earlier}"
                    )),
                    other => Err(format!("the answer is to the id {other}, and {id} was asked")),
                }
            }
            Ok(other) => Err(self.unread(&other)),
            Err(RecvTimeoutError::Timeout) => {
                let within = self.limit.as_secs_f64();
                Err(format!("no answer within {within} s (is the output flushed after every line?){}", self.said()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Closes its standard input, and waits until it ends.
    ///
    /// # Errors
    /// That it did not end in time, or not well.
    pub fn close(mut self, limit: Duration) -> Result<(), String> {
        drop(self.input.take());
        match self.lines.recv_timeout(limit) {
            Ok(Line::Text(text)) => return Err(unasked(&text)),
            Ok(other) => return Err(self.unread(&other)),
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("still there {} s after its standard input ended", limit.as_secs_f64()));
            }
        }
        match self.status() {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("it ended with {status}{}", self.said())),
            None => Err("it closed its standard output and did not end".to_owned()),
        }
    }

    fn unread(&self, line: &Line) -> String {
        match line {
            Line::TooLong => format!("the adapter wrote a line of more than {LONGEST_ANSWER} octets"),
            _ => "the adapter wrote a line that is not UTF-8".to_owned(),
        }
    }

    /// That the adapter is gone, how it ended and what it wrote to standard error last.
    fn ended(&mut self) -> String {
        let how = self.status().map_or("closed its standard output".to_owned(), |status| format!("ended ({status})"));
        format!("the adapter {how}{}", self.said())
    }

    /// How it ended, if it does soon.
    fn status(&mut self) -> Option<std::process::ExitStatus> {
        // The last words have come when the stream ends; a child of the child may hold it open.
        let _ = self.quiet.recv_timeout(ENDING);
        let end = Instant::now() + ENDING;
        loop {
            match self.group.status() {
                Some(status) => return Some(status),
                None if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
                None => return None,
            }
        }
    }

    fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() { String::new() } else { format!("; it wrote: {}", said.join(" | ")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The thread that writes closes its standard input, which is how an adapter is asked to end.
        drop(self.input.take());
    }
}

fn unasked(line: &str) -> String {
    format!("the adapter wrote a line that nobody asked for: {}", bounded(line, 120))
}

fn write(mut stdin: ChildStdin, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read(stdout: ChildStdout, found: &SyncSender<Line>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut octets = Vec::new();
        let read = reader.by_ref().take(LONGEST_ANSWER as u64).read_until(b'\n', &mut octets);
        if !read.is_ok_and(|n| n > 0) {
            return;
        }
        let too_long = octets.len() == LONGEST_ANSWER && octets.last() != Some(&b'\n');
        let line = match String::from_utf8(octets) {
            _ if too_long => Line::TooLong,
            Ok(text) => Line::Text(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(_) => Line::NoText,
        };
        if found.send(line).is_err() || too_long {
            return;
        }
    }
}

fn listen(stderr: ChildStderr, said: &Mutex<Vec<String>>, loud: Sender<()>) {
    let mut reader = BufReader::new(stderr);
    let mut octets = Vec::new();
    // A line without an end is taken in pieces.
    while reader.by_ref().take(1 << 12).read_until(b'\n', &mut octets).is_ok_and(|n| n > 0) {
        let line = bounded(String::from_utf8_lossy(&octets).trim_end(), KEPT.1);
        octets.clear();
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.is_empty() {
            said.push(line);
        }
        if said.len() > KEPT.0 {
            said.remove(0);
        }
    }
    drop(loud);
}
