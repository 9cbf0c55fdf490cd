//! JSON that is inert wherever it lies: in a terminal, in a `<script>` of a page. What could steer the one or end the
//! other is written as `\u…`; a reader of JSON gets the same values.

use std::io::{self, Write};

use ekmcheck_suite::inert::steers;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// On one line, without a newline at its end.
///
/// # Errors
/// For a value that JSON cannot hold.
pub fn line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    written(value, Inert(CompactFormatter, also_in_pages))
}

/// Indented, with a newline at its end.
///
/// # Errors
/// For a value that JSON cannot hold.
pub fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(written(value, Inert(PrettyFormatter::new(), also_in_pages))? + "\n")
}

/// Indented, with a newline at its end, for a terminal or a file: only what would steer is written as `\u…`.
///
/// # Errors
/// For a value that JSON cannot hold.
pub fn readable(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(written(value, Inert(PrettyFormatter::new(), steers))? + "\n")
}

/// Whether a character steers a terminal, or means something to HTML.
fn also_in_pages(c: char) -> bool {
    matches!(c, '<' | '>' | '&') || steers(c)
}

fn written(value: &impl Serialize, formatter: impl Formatter) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    String::from_utf8(out).map_err(serde::ser::Error::custom)
}

/// Escapes more than JSON asks for, by the second, and leaves the rest to another formatter.
struct Inert<F>(F, fn(char) -> bool);

impl<F: Formatter> Formatter for Inert<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(self.1) {
            let (plain, tail) = rest.split_at(at);
            self.0.write_string_fragment(writer, plain)?;
            let mut tail = tail.chars();
            for unit in tail.next().into_iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.as_str();
        }
        self.0.write_string_fragment(writer, rest)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_key(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_script_or_steers_and_nothing_is_lost() {
        let hostile = "</script><!--\u{2028}\u{9b}31m\u{1b}&\u{202e}\u{e0041}\"\\ é";
        let value = serde_json::json!({ hostile: [hostile, 1, [], {}] });
        for text in [line(&value).unwrap(), pretty(&value).unwrap()] {
            assert!(!text.contains(|c| matches!(c, '<' | '>' | '&') || steers(c) && c != '\n'), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        let text = readable(&value).unwrap();
        assert!(!text.contains(|c| steers(c) && c != '\n') && text.contains("</script>"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        let plain = serde_json::json!({"a": [1, {"b": []}]});
        assert_eq!(pretty(&plain).unwrap(), serde_json::to_string_pretty(&plain).unwrap() + "\n");
    }
}
