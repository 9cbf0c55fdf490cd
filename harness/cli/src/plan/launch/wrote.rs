//! What a subject writes: taken as it comes, of which the last is kept, and the line that says that it is ready.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use ekmcheck_children::Group;

/// How many lines of what a subject wrote are kept, and how many characters of each.
const KEPT: (usize, usize) = (20, 400);
/// The longest piece of a line that is taken at once, in octets.
const PIECE: u64 = 1 << 16;

/// What a subject wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrote(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: VecDeque<String>,
    /// How many of its streams have not ended.
    open: usize,
    ready: Option<(Option<u16>, Option<u16>)>,
}

impl Wrote {
    /// Takes what the program writes from now on; `wanted` is how the line begins that says that it is ready.
    pub(super) fn by(group: &mut Group, wanted: Option<&str>) -> Self {
        let wrote = Self::default();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            group.take_output().map(|s| Box::new(s) as Box<dyn Read + Send>),
            group.take_errors().map(|s| Box::new(s) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let (wrote, wanted) = (wrote.clone(), wanted.map(str::to_owned));
            wrote.state().open += 1;
            thread::spawn(move || {
                wrote.take(stream, wanted.as_deref());
                wrote.state().open -= 1;
            });
        }
        wrote
    }

    /// Takes a stream to its end. A flood of it costs no more memory than a line.
    fn take(&self, stream: impl Read, wanted: Option<&str>) {
        let mut reader = BufReader::new(stream);
        let mut octets = Vec::new();
        // A line without an end is taken in pieces.
        while reader.by_ref().take(PIECE).read_until(b'\n', &mut octets).is_ok_and(|n| n > 0) {
            let line: String = String::from_utf8_lossy(&octets).trim_end().chars().take(KEPT.1).collect();
            octets.clear();
            let mut state = self.state();
            if state.ready.is_none() {
                state.ready = wanted.and_then(|wanted| matched(wanted, &line));
            }
            state.last.push_back(ekmcheck_suite::inert::inert(&line));
            if state.last.len() > KEPT.0 {
                state.last.pop_front();
            }
        }
    }

    /// The ports that the line has that says that it is ready, if it came.
    pub(super) fn ready(&self) -> Option<(Option<u16>, Option<u16>)> {
        self.state().ready
    }

    /// Waits for the last words of a program that has ended.
    pub(super) fn to_the_end(&self) {
        // They are on their way. Somebody else may have been given the streams, and keep them open.
        for _ in 0..50 {
            if self.state().open == 0 {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it complains of a port that somebody else has.
    pub(super) fn of_a_taken_port(&self) -> bool {
        self.state().last.iter().any(|line| complains_of_a_taken_port(line))
    }

    /// What it wrote last, in words.
    pub(super) fn words(&self) -> String {
        let state = self.state();
        if state.last.is_empty() {
            return "it wrote nothing".to_owned();
        }
        let last: Vec<&str> = state.last.iter().map(String::as_str).collect();
        format!("it wrote:\n    {}", last.join("\n    "))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the words of the C library (EADDRINUSE), of its name in Node.js, and of Windows.
fn complains_of_a_taken_port(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["address already in use", "address in use", "eaddrinuse", "only one usage of each socket address"]
        .iter()
        .any(|words| line.contains(words))
}

/// Whether a line begins as wanted, and the numbers that stand for `{port}` and `{quic_port}`.
fn matched(wanted: &str, line: &str) -> Option<(Option<u16>, Option<u16>)> {
    let (mut wanted, mut line) = (wanted, line);
    let (mut tcp, mut udp) = (None, None);
    while let Some(at) = wanted.find('{') {
        let (before, rest) = wanted.split_at(at);
        line = line.strip_prefix(before)?;
        let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let number = line.get(..end)?.parse().ok()?;
        line = line.get(end..)?;
        wanted = match (rest.strip_prefix("{port}"), rest.strip_prefix("{quic_port}")) {
            (Some(rest), _) => {
                tcp = Some(number);
                rest
            }
            (None, Some(rest)) => {
                udp = Some(number);
                rest
            }
            (None, None) => return None,
        };
    }
    line.starts_with(wanted).then_some((tcp, udp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_in_the_line() {
        let wanted = "ready https://localhost:{port} quic {quic_port}";
        assert_eq!(matched(wanted, "ready https://localhost:8443 quic 8444"), Some((Some(8443), Some(8444))));
        assert_eq!(matched(wanted, "ready https://localhost: quic 8444"), None);
        assert_eq!(matched("ready", "ready now"), Some((None, None)));
        assert_eq!(matched("ready", "not ready"), None);
    }

    #[test]
    fn of_a_flood_the_last_is_kept_and_the_line_is_found() {
        let wrote = Wrote::default();
        let flood = "x\n".repeat(100_000) + "ready 8443\n" + &"y".repeat(1 << 20) + "\n\u{1b}[0m last\n";
        wrote.take(flood.as_bytes(), Some("ready {port}"));
        assert_eq!(wrote.ready(), Some((Some(8443), None)));
        let state = wrote.state();
        assert_eq!(state.last.len(), KEPT.0);
        assert!(state.last.iter().all(|line| line.chars().count() <= KEPT.1));
        assert_eq!(state.last.back().map(String::as_str), Some("\u{fffd}[0m last"));
    }

    #[test]
    fn a_taken_port_is_complained_of_in_these_words() {
        for line in [
            "listen tcp 127.0.0.1:8443: bind: address already in use",
            "Error: listen EADDRINUSE: address 127.0.0.1:8443",
            "OSError: [Errno 98] Address already in use",
            "java.net.BindException: Address already in use",
        ] {
            assert!(complains_of_a_taken_port(line), "{line}");
        }
        assert!(!complains_of_a_taken_port("the address is used"));
    }
}
