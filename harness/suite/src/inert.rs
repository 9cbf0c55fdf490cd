//! Words of others made inert: what a subject, a file or an argument says is shown and does nothing else. There is one
//! such function in the project, and every output goes through it.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Whether a character would steer a terminal, turn the direction of a line, stand in it unseen, or is none (XML and
/// HTML refuse those whose number ends with FFFE or FFFF).
///
/// That is Unicode's `Cc`, `Cf`, `Zl`, `Zp`, `Default_Ignorable_Code_Point` and `Noncharacter_Code_Point`.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Somebody's words on one line, with each character that does more than stand there replaced by U+FFFD.
#[must_use]
pub fn inert(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The same, and no more than so many characters.
#[must_use]
pub fn bounded(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Somebody's words as a code span of Markdown: they are read neither as Markdown nor as HTML, and stay within their cell.
#[must_use]
pub fn code(text: &str) -> String {
    // Two backticks with nothing between them would begin a span that ends anywhere.
    let text = if text.is_empty() { " " } else { text };
    format!("`{}`", inert(text).replace(['`', '|'], "'"))
}

/// Somebody's words within a sentence of Markdown: what would be markup, HTML, a cell's end or a link is escaped.
#[must_use]
pub fn prose(text: &str) -> String {
    let text: Vec<char> = inert(text).chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.iter().enumerate() {
        let (before, after) = (at.checked_sub(1).and_then(|at| text.get(at)), text.get(at + 1));
        let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
        let is_markup = match c {
            // Within a name it is none: `invalid_token`, `x5t#S256`.
            '_' => !(is_word(before) && is_word(after)),
            '#' => !is_word(before) || after.is_some_and(char::is_ascii_digit),
            // Hosts make links of bare addresses, too.
            '.' => out.to_ascii_lowercase().ends_with("www"),
            '/' => before == Some(&':'),
            c => "\\`*[]<>|&!~@$".contains(*c),
        };
        if is_markup {
            out.push('\\');
        }
        out.push(*c);
    }
    out
}

/// The same for all strings within a value, names of members included.
pub fn inert_value(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(steers) => *text = inert(text),
        Value::Array(items) => items.iter_mut().for_each(inert_value),
        Value::Object(members) => {
            if members.keys().any(|name| name.contains(steers)) {
                *members = std::mem::take(members).into_iter().map(|(name, member)| (inert(&name), member)).collect();
            }
            members.values_mut().for_each(inert_value);
        }
        _ => {}
    }
}

/// The same for all strings of whatever can be written as JSON and read again: no field of it can be forgotten.
///
/// # Errors
/// What does not come back from JSON as it went there.
pub fn inert_copy<T: Serialize + DeserializeOwned>(of: &T) -> Result<T, serde_json::Error> {
    let mut value = serde_json::to_value(of)?;
    inert_value(&mut value);
    serde_json::from_value(value)
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_steer_are_replaced_and_others_are_kept() {
        assert_eq!(
            inert("a\u{1b}[31m\u{9b}b\r\n\u{202e}c\u{200b}\u{e0041}"),
            "a\u{fffd}[31m\u{fffd}b\u{fffd}\u{fffd}\u{fffd}c\u{fffd}\u{fffd}"
        );
        assert_eq!(inert("<script>é漢字 🙂</script>"), "<script>é漢字 🙂</script>");
        assert_eq!(bounded("ab\u{7}cd", 4), "ab\u{fffd}c");
    }

    #[test]
    fn words_of_a_subject_stay_within_their_cell_and_are_no_markup() {
        assert_eq!(code("a`|b\nc"), "`a''b\u{fffd}c`");
        assert_eq!(code(""), "` `");
        let title = "A plain title: 401 invalid_token, x5t#S256 of 3.3.2";
        assert_eq!(prose(title), title);
        assert_eq!(prose("_a_ #1 # b"), r"\_a\_ \#1 \# b");
        assert_eq!(prose("[x](y) <b> | `c` *d*"), r"\[x\](y) \<b\> \| \`c\` \*d\*");
        assert_eq!(prose("https://e WWW.e a@e"), r"https:\//e WWW\.e a\@e");
    }

    /// By Unicode's own tables, as another library has them: neither more nor less.
    #[test]
    fn all_that_unicode_says_is_unseen_or_steers_is_replaced() {
        let unseen =
            Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]$");
        let unseen = unseen.unwrap();
        for c in '\0'..=char::MAX {
            assert_eq!(steers(c), unseen.is_match(c.encode_utf8(&mut [0; 4])), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn no_string_of_a_value_is_forgotten() {
        let mut value = json!({"a\u{202e}": ["\u{7}", 1, null, {"b": "\u{200b}"}]});
        inert_value(&mut value);
        assert_eq!(value, json!({"a\u{fffd}": ["\u{fffd}", 1, null, {"b": "\u{fffd}"}]}));
        let copy: Vec<(String, u8)> = inert_copy(&vec![("\u{1b}".to_owned(), 1)]).unwrap();
        assert_eq!(copy, [("\u{fffd}".to_owned(), 1)]);
    }
}
