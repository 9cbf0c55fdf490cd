//! Words of others in messages: what was given is repeated, so that it is found, and never by the megabyte.

use std::borrow::Cow;

/// The most characters of a word that a message repeats.
pub const WORD: usize = 80;
/// The most characters of a line of a message.
pub const LINE: usize = 480;
/// The most characters of a message, and the most lines.
pub const MESSAGE: (usize, usize) = (3_600, 60);

/// A word as a message repeats it.
#[must_use]
pub fn word(text: &str) -> Cow<'_, str> {
    cut(text, WORD)
}

/// A message of several lines, each of them and all of them within bounds.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    let fits = |line: &str| line.len() <= LINE;
    if text.len() <= MESSAGE.0 && text.lines().count() <= MESSAGE.1 && text.lines().all(fits) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut kept) = (String::new(), 0);
    for line in text.lines() {
        let line = cut(line, LINE);
        if kept == MESSAGE.1 || out.len() + line.len() > MESSAGE.0 {
            break;
        }
        if kept > 0 {
            out.push('\n');
        }
        out.push_str(&line);
        kept += 1;
    }
    match text.lines().count() - kept {
        0 => {}
        more => out.push_str(&format!("\n… {more} more lines")),
    }
    Cow::Owned(out)
}

/// The beginning of a text, and how long it is, where it is longer than `most` characters.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    // A character has at least one octet, so that most texts need not be counted.
    match text.char_indices().nth(most).filter(|_| text.len() > most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            Cow::Owned(format!("{kept}… ({} octets in all)", text.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_stays_as_it_is() {
        for text in ["", "a", "one\ntwo\n  mend: three", &"é".repeat(WORD)] {
            assert!(matches!(word(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(message(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_is_long_says_how_long_it_is() {
        let long = "é".repeat(200_000);
        assert_eq!(word(&long), format!("{}… (400000 octets in all)", "é".repeat(WORD)));
        let told = message(&long);
        assert!(told.chars().count() < LINE + 40 && told.ends_with("(400000 octets in all)"), "{told}");
    }

    #[test]
    fn of_many_lines_the_first_are_told() {
        let many = (0..5_000).map(|n| format!("error {n}\n")).collect::<String>();
        let told = message(&many);
        assert!(told.starts_with("error 0\nerror 1\n") && told.ends_with("\n… 4940 more lines"), "{told}");
        let long = vec!["x".repeat(100_000); 100].join("\n");
        assert!(message(&long).len() < MESSAGE.0 + 40, "{}", message(&long).len());
    }
}
