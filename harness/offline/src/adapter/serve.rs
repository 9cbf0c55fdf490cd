//! The reference as an adapter: a model of one, and, made wrong in a named way, what tests are shown to find.

use std::io::{BufRead, Read as _, Write};

use ekmcheck_binding::{
    crypto::AwsLc,
    refusal::Check,
    steps::{Moment, Steps},
};
use ekmcheck_suite::{
    adapter::{Answer, LONGEST_ANSWER, Request},
    vector::{Inputs, Window},
};
use serde_json::Value;

use crate::vectors::{bare, replay, replay_by};

/// A way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Leaves a check out.
    Without(Check),
    /// Accepts everything.
    AcceptsAll,
    /// Refuses everything.
    RefusesAll,
    /// Answers every command with a verdict.
    KnowsAll,
    /// Sends the request back.
    Echoes,
    /// Does something else where the proof has not three segments.
    Odd(Oddity),
}

/// What an adapter does that has trouble with some proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Ends.
    Crash,
    /// Says nothing more.
    Hang,
    /// Writes what is no answer.
    Garbage,
    /// Writes octets that are not UTF-8.
    Octets,
    /// Writes a line that is too long.
    LongLine,
    /// Answers for another question.
    WrongId,
    /// Answers twice.
    Twice,
}

/// The faults that have a name of their own; `without-CHECK` beside them.
const FAULTS: [(&str, Fault); 11] = [
    ("accepts-all", Fault::AcceptsAll),
    ("refuses-all", Fault::RefusesAll),
    ("knows-all", Fault::KnowsAll),
    ("echoes", Fault::Echoes),
    ("crash", Fault::Odd(Oddity::Crash)),
    ("hang", Fault::Odd(Oddity::Hang)),
    ("garbage", Fault::Odd(Oddity::Garbage)),
    ("octets", Fault::Odd(Oddity::Octets)),
    ("long-line", Fault::Odd(Oddity::LongLine)),
    ("wrong-id", Fault::Odd(Oddity::WrongId)),
    ("twice", Fault::Odd(Oddity::Twice)),
];

impl Fault {
    /// The fault of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let without = || name.strip_prefix("without-").and_then(Check::from_name).map(Self::Without);
        FAULTS.iter().find(|(own, _)| *own == name).map(|(_, fault)| *fault).or_else(without)
    }

    /// The names of all faults.
    pub fn names() -> impl Iterator<Item = String> {
        let without = Check::ALL.iter().map(|check| format!("without-{}", check.name()));
        FAULTS.iter().map(|(name, _)| (*name).to_owned()).chain(without)
    }
}

/// Answers every line until the input ends. Lines that are no JSON object with an id are told of on `notes`.
///
/// # Errors
/// That something cannot be read or written.
pub fn serve(
    mut input: impl BufRead,
    mut output: impl Write,
    mut notes: impl Write,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let mut unanswered: u64 = 0;
    while let Some(line) = next(&mut input)? {
        match fault {
            Some(Fault::Echoes) => {
                writeln!(output, "{line}")?;
                output.flush()?;
                continue;
            }
            Some(Fault::Odd(oddity)) if is_odd(&line) => {
                misbehave(oddity, &line, &mut output, &mut notes)?;
                output.flush()?;
                continue;
            }
            _ => {}
        }
        match answer(&line, fault) {
            Some(answer) => writeln!(output, "{}", serde_json::to_string(&answer)?)?,
            None => {
                unanswered += 1;
                match unanswered {
                    ..=NOTED => writeln!(notes, "a line that is no JSON object with an id")?,
                    _ if unanswered == NOTED + 1 => writeln!(notes, "and more of them")?,
                    _ => {}
                }
            }
        }
        output.flush()?;
    }
    Ok(())
}

/// The longest line that is read, in octets. The longest vector is a tenth of it.
const LONGEST_QUESTION: u64 = 4 << 20;

/// How many lines that nobody can answer are noted.
const NOTED: u64 = 20;

/// The next line, without its end; `None` where there is none. What is not UTF-8 in it is replaced, and then no question.
fn next(input: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut octets = Vec::new();
    if input.by_ref().take(LONGEST_QUESTION).read_until(b'\n', &mut octets)? == 0 {
        return Ok(None);
    }
    if octets.len() as u64 == LONGEST_QUESTION && octets.last() != Some(&b'\n') {
        let what = format!("standard input: a line of more than {LONGEST_QUESTION} octets");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
    }
    Ok(Some(String::from_utf8_lossy(&octets).trim_end_matches(['\r', '\n']).to_owned()))
}

/// The answer to a line; `None` where there is nobody to answer.
fn answer(line: &str, fault: Option<Fault>) -> Option<Answer> {
    let value: Value = serde_json::from_str(line).ok()?;
    let id = value.get("id")?.as_u64()?;
    let request = match fault {
        Some(Fault::KnowsAll) if value.get("command").is_none_or(|c| c != "hello") => {
            return Some(Answer::Accept { id });
        }
        _ => serde_json::from_value(value),
    };
    Some(match request {
        Ok(Request::Hello { id }) => Answer::Hello {
            id,
            name: "ekmcheck".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            language: "Rust".to_owned(),
            library: "ekmcheck-binding".to_owned(),
            features: ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]
                .map(str::to_owned)
                .into(),
        },
        Ok(Request::Verify { id, inputs, policy }) => verify(id, *inputs, policy, fault),
        Err(e) => Answer::Unsupported { id, why: e.to_string() },
    })
}

fn verify(id: u64, inputs: Inputs, policy: Window, fault: Option<Fault>) -> Answer {
    let vector = bare(inputs, policy);
    let done = match fault {
        Some(Fault::AcceptsAll) => return Answer::Accept { id },
        Some(Fault::RefusesAll) => return Answer::Refuse { id, check: None, detail: None },
        Some(Fault::Without(check)) => replay_by(&vector, Without(check)),
        _ => replay(&vector, &AwsLc),
    };
    match done {
        Ok(None) => Answer::Accept { id },
        Ok(Some(refusal)) => {
            Answer::Refuse { id, check: Some(refusal.check().name().to_owned()), detail: Some(refusal.to_string()) }
        }
        Err(e) => Answer::Unsupported { id, why: e.to_string() },
    }
}

/// The draft's steps with one check left out.
struct Without(Check);

impl Steps for Without {
    fn omits(&self, check: Check, _: Moment) -> bool {
        check == self.0
    }
}

/// Whether it is about a proof that has not three segments.
fn is_odd(line: &str) -> bool {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    value.pointer("/inputs/proof").and_then(Value::as_str).is_some_and(|proof| proof.split('.').count() != 3)
}

fn misbehave(oddity: Oddity, line: &str, output: &mut impl Write, notes: &mut impl Write) -> std::io::Result<()> {
    let id = serde_json::from_str::<Value>(line)?.get("id").and_then(Value::as_u64).unwrap_or_default();
    match oddity {
        Oddity::Crash => {
            writeln!(notes, "panicked at \u{1b}[31mthe second segment")?;
            return Err(std::io::Error::other("the fault that was asked for"));
        }
        Oddity::Hang => {}
        Oddity::Garbage => writeln!(output, "Segmentation \u{1b}[31mfault")?,
        Oddity::Octets => output.write_all(b"\xff\xfe\n")?,
        Oddity::LongLine => writeln!(output, "{}", "x".repeat(2 * LONGEST_ANSWER))?,
        Oddity::WrongId => writeln!(output, r#"{{"id":{},"answer":"accept"}}"#, id + 1)?,
        Oddity::Twice => {
            let once = format!(r#"{{"id":{id},"answer":"refuse","check":"format"}}"#);
            writeln!(output, "{once}\n{once}")?;
        }
    }
    Ok(())
}
