//! `ekmcheck adapter check`: does an adapter keep the contract? What is found is about the adapter, and never about the
//! conformance of the library behind it.

use std::time::Duration;

use ekmcheck_offline::adapter::{Asker, Launch, WRONG, right_proofs};
use ekmcheck_suite::{
    adapter::{Answer, Told},
    inert::inert,
    vector::Vector,
};

use crate::{
    Trouble, USAGE,
    doctor::{Finding, Weight, good, trouble},
    planned, print,
    signals::Stop,
};

/// How long an adapter may take to end when its standard input has.
const END: Duration = Duration::from_secs(5);

/// A vector with a `jti`, which is asked twice.
const WITH_JTI: &str = "valid/per-request-claims";

/// Checks, prints what was found; returns the exit status.
pub(crate) fn check(command: &str, launch: &Launch, all: &[Vector]) -> Result<u8, Trouble> {
    let mut findings = Vec::new();
    let stop = Stop::on_signals()?;
    examine(launch, all, &mut findings, &stop);
    if stop.is_given() {
        return Err(Trouble::Incomplete("interrupted; not everything was looked at".to_owned()));
    }
    let again = shlex::try_quote(command).map(|q| q.into_owned()).unwrap_or_default();
    let (text, well) = planned::told(&findings, &format!("ekmcheck run --adapter {}", inert(&again)));
    print(&text);
    Ok(if well { 0 } else { USAGE })
}

fn examine(launch: &Launch, all: &[Vector], findings: &mut Vec<Finding>, stop: &Stop) {
    let (mut asker, about) = match Asker::start(launch) {
        Ok(started) => started,
        Err(why) => {
            let hint = start_hint(&why);
            return findings.push(trouble(format!("no greeting: {why}"), hint));
        }
    };
    findings
        .push(good(format!("it greets: {} {} in {} on {}", about.name, about.version, about.language, about.library)));
    for examination in [strange, verdicts, pipeline, memory] {
        if stop.is_given() {
            return;
        }
        match examination(&mut asker, all, findings) {
            Ok(()) => {}
            // One that was lost says nothing to the next examination, so that one gets a new one.
            Err(lost) => {
                findings.push(lost);
                match Asker::start(launch) {
                    Ok((started, _)) => asker = started,
                    Err(why) => return findings.push(trouble(format!("started anew: {why}"), start_hint(&why))),
                }
            }
        }
    }
    findings.push(match asker.into_process().close(END) {
        Ok(()) => good("it ends well when its standard input ends".to_owned()),
        Err(why) => trouble(why, "end with status 0 at the end of standard input, and not before"),
    });
}

fn start_hint(why: &str) -> &'static str {
    if why.contains("cannot be started") {
        "is the program there? No shell looks at the command: paths are relative to this directory, and nothing is expanded"
    } else if why.contains("sent back") {
        "an answer is an object of its own with the member \"answer\"; docs/adapters.md has a session to compare with"
    } else if why.contains("no answer within") {
        "answer {\"command\":\"hello\"} at once, one line, and flush standard output after it"
    } else if why.contains("no JSON") {
        "write nothing but answers to standard output; notes go to standard error"
    } else {
        "answer hello with name, version, language and library; `ekmcheck schema adapter-answer` has the form"
    }
}

/// Lines that no adapter expects: each is answered with `unsupported` or not at all, and none ends it.
fn strange(asker: &mut Asker, _: &[Vector], findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let long = format!(r#"{{"id":ID,"command":"ekmcheck-no-such-command","padding":"{}"}}"#, "x".repeat(1 << 20));
    let lines = [
        ("an unknown command", r#"{"id":ID,"command":"ekmcheck-no-such-command"}"#),
        ("a command that is no text", r#"{"id":ID,"command":[null]}"#),
        ("verify without inputs", r#"{"id":ID,"command":"verify"}"#),
        ("verify with inputs of wrong types", r#"{"id":ID,"command":"verify","inputs":{"proof":1},"policy":[]}"#),
        ("a line of a mebibyte", &long),
    ];
    for (what, line) in lines {
        match asker.raw(line) {
            Ok(Answer::Unsupported { .. }) => {}
            Ok(answer) => findings.push(trouble(
                format!("{what} is answered with {}", serde_json::to_string(&answer).unwrap_or_default()),
                "answer `unsupported` to whatever is not understood: an answer that does not depend on the question proves nothing",
            )),
            Err(why) => {
                return Err(trouble(
                    format!("{what}: {why}"),
                    "catch what goes wrong with one line, answer `unsupported` with its id, and go on with the next",
                ));
            }
        }
    }
    asker.send("this is no JSON");
    match asker.raw(r#"{"id":ID,"command":"ekmcheck-no-such-command"}"#) {
        Ok(_) => findings.push(good(
            "lines that it does not understand are answered with unsupported, and do not end it".to_owned(),
        )),
        Err(why) => {
            return Err(trouble(
                format!("after a line that is no JSON: {why}"),
                "pass over a line that has no id to answer to: a note to standard error, and the next line",
            ));
        }
    }
    Ok(())
}

/// Right proofs of each key are accepted, and not all wrong ones are.
fn verdicts(asker: &mut Asker, all: &[Vector], findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let mut accepted = 0;
    for (client, vector) in right_proofs(all) {
        let id = &vector.id;
        match asker.verify(&vector) {
            Told::Accepted => accepted += 1,
            Told::Unsupported(why) => findings.push(Finding {
                weight: Weight::Note,
                what: format!("{client} is not supported, and not tested: {why}"),
                hint: String::new(),
            }),
            Told::Refused { check, detail } => findings.push(trouble(
                format!("{id}, a right proof, is refused: {} {}", check.unwrap_or_default(), detail.unwrap_or_default()),
                "mend it, or answer `unsupported` if the library has no such key or algorithm; else nothing can be said about proofs of this key",
            )),
            Told::Nothing(why) => return Err(trouble(format!("{id}: {why}"), "an exception is a refusal: catch it")),
        }
    }
    if accepted > 0 {
        findings.push(good(format!("right proofs are accepted, of {accepted} kinds of key")));
    } else {
        findings.push(trouble(
            "no right proof is accepted: it refuses always, or something in it is wrong from the start".to_owned(),
            "compare each step with section 3.3.2 on the vector valid/es256-p256; the time is `now`, and not the system's",
        ));
    }
    let mut refused = 0;
    let mut taken = Vec::new();
    for id in WRONG {
        let Some(vector) = all.iter().find(|v| v.id == id) else { continue };
        match asker.verify(vector) {
            Told::Refused { .. } => refused += 1,
            Told::Accepted => taken.push(id),
            Told::Unsupported(why) => findings.push(trouble(
                format!("{id} is wrong, and answered with unsupported: {why}"),
                "a proof that is wrong is refused; `unsupported` is for keys and algorithms that the library does not have",
            )),
            Told::Nothing(why) => return Err(trouble(format!("{id}: {why}"), "an exception is a refusal: catch it")),
        }
    }
    findings.push(match (refused, taken.is_empty()) {
        (0, _) => trouble(
            "no wrong proof is refused: it accepts always, or never looks".to_owned(),
            "does the library's verdict reach the answer? A failed verification is often an exception or a false",
        ),
        (_, true) => good("wrong proofs are refused".to_owned()),
        (_, false) => Finding {
            weight: Weight::Note,
            what: format!("accepted although wrong: {}; a run will say what that means", taken.join(", ")),
            hint: String::new(),
        },
    });
    Ok(())
}

/// Several lines at once are answered one by one, in their order.
fn pipeline(asker: &mut Asker, all: &[Vector], findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let (Some((_, right)), Some(wrong)) = (right_proofs(all).into_iter().next(), all.iter().find(|v| v.id == WRONG[0]))
    else {
        return Ok(());
    };
    let told = asker.verify_all(&[&right, wrong, &right, wrong]);
    if let Some(Told::Nothing(why)) = told.iter().find(|t| matches!(t, Told::Nothing(_))) {
        return Err(trouble(
            format!("four lines at once: {why}"),
            "answer in the order of the lines, each with its id; do not wait for more input before an answer",
        ));
    }
    findings.push(match (told[0] == told[2], told[1] == told[3]) {
        (true, true) => good("four lines at once are answered in their order".to_owned()),
        _ => trouble(
            "the same question is answered otherwise the second time".to_owned(),
            "start every verify from nothing: no remembered jti, no cache",
        ),
    });
    Ok(())
}

/// Nothing is remembered from one question to the next.
fn memory(asker: &mut Asker, all: &[Vector], findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let Some(vector) = all.iter().find(|v| v.id == WITH_JTI) else { return Ok(()) };
    let (first, second) = (asker.verify(vector), asker.verify(vector));
    for told in [&first, &second] {
        if let Told::Nothing(why) = told {
            return Err(trouble(format!("{WITH_JTI}: {why}"), "an exception is a refusal: catch it"));
        }
    }
    if first == Told::Accepted && second != Told::Accepted {
        findings.push(trouble(
            "a proof with a jti is accepted once and then refused".to_owned(),
            "start every verify from nothing: forget the jti of the questions before, as each vector is played by itself",
        ));
    }
    Ok(())
}
