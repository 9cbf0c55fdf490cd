//! The door through which all text leaves for standard output and standard error.
//!
//! Text comes here from anywhere: from subjects, plans, reports that somebody else wrote, file names, arguments. Whoever
//! makes a line of it cannot be trusted to remember that, so that nothing here depends on it: every character that does
//! more than stand there is replaced, and the only control sequences that pass are those of [`COLOURS`]. These are no
//! control sequences before the door but marks that hold a number of this process that nobody else knows; a subject that
//! says `ESC [ 32 m` gets no green, and neither does one that says a mark of an earlier run. Words that are put within a
//! line go through [`inert`](ekmcheck_suite::inert::inert) there as well, since a line break is right here and would begin a
//! line of their own.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use ekmcheck_suite::{inert::steers, report::Style};

/// What a mark begins with: no character that JSON, TOML or a terminal has a use for.
const MARK: char = '\u{fdd0}';

/// The marks by the letters that they end with, as control sequences; the stream that they are written to drops these
/// where no terminal reads.
const SEQUENCES: [(char, &str); 6] =
    [('g', "\x1b[32m"), ('b', "\x1b[31m"), ('d', "\x1b[33m"), ('f', "\x1b[2m"), ('s', "\x1b[1m"), ('r', "\x1b[0m")];

/// [`MARK`] and the number of this process.
static PREFIX: LazyLock<String> = LazyLock::new(|| format!("{MARK}{:016x}", RandomState::new().hash_one(MARK)));

/// The colours of the tool itself.
pub(crate) static COLOURS: LazyLock<Style> = LazyLock::new(|| {
    // Six short texts for as long as the process lives.
    let mark = |letter: char| -> &'static str { format!("{}{letter}", PREFIX.as_str()).leak() };
    Style {
        good: mark('g'),
        bad: mark('b'),
        doubtful: mark('d'),
        faint: mark('f'),
        strong: mark('s'),
        reset: mark('r'),
    }
});

/// A text of several lines as it may be written to a terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c| c != '\n' && steers(c)) {
        let (harmless, tail) = rest.split_at(at);
        out.push_str(harmless);
        if let Some((sequence, after)) = own(tail) {
            out.push_str(sequence);
            rest = after;
        } else {
            out.push('\u{fffd}');
            let mut tail = tail.chars();
            tail.next();
            rest = tail.as_str();
        }
    }
    out + rest
}

/// The same for a message, such as an error: what is meant for the next lines stands in from the edge, so that no file name
/// or word of a subject with a line break in it passes for something else that the tool says.
pub(crate) fn message(text: &str) -> String {
    let mut lines = text.split(['\n', '\r']);
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let own = line.is_empty() || line.starts_with("  ") || line.starts_with("error: ");
        out.push_str(if own { "\n" } else { "\n  " });
        out.push_str(line);
    }
    shown(&out)
}

/// The control sequence of the mark that a text begins with, and what comes after it.
fn own(text: &str) -> Option<(&'static str, &str)> {
    let mut after = text.strip_prefix(PREFIX.as_str())?.chars();
    let letter = after.next()?;
    let (_, sequence) = SEQUENCES.iter().find(|(known, _)| *known == letter)?;
    Some((sequence, after.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_colours_of_the_tool_pass() {
        let Style { good, reset, .. } = *COLOURS;
        assert_eq!(shown(&format!("{good}fine{reset}\n")), "\x1b[32mfine\x1b[0m\n");
        let hostile = "\x1b[32mfine\x1b]0;x\u{7}\u{9b}31m\r\u{202e}\u{200b}\u{fdd0}0123456789abcdefg";
        let clean = "\u{fffd}[32mfine\u{fffd}]0;x\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}0123456789abcdefg";
        assert_eq!(shown(hostile), clean);
        // A mark that is not whole, or ends with another letter, is none.
        assert_eq!(shown(&good[..good.len() - 1]).chars().next(), Some('\u{fffd}'));
        assert!(!shown(&good.replace('g', "x")).contains('\x1b'));
        assert_eq!(shown("é漢字 🙂\ttab"), "é漢字 🙂\u{fffd}tab");
    }

    #[test]
    fn an_error_has_no_line_that_passes_for_another_message() {
        assert_eq!(message("a\n  mend: b\nerror: c\nconformant."), "a\n  mend: b\nerror: c\n  conformant.");
        assert_eq!(message("a\rb"), "a\n  b");
        assert_eq!(message(""), "");
    }
}
