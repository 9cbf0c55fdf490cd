//! A strict JSON reader (RFC 8259) for texts that an adversary wrote.
//!
//! Refused: anything after the value, duplicate member names (also when one is spelled with escapes), nesting beyond
//! [`MAX_DEPTH`], lone surrogates, raw control characters, a byte order mark, and every leniency of common parsers.
//! Numbers keep their text, so that nothing is rounded before a check has looked at it.

use std::str;

/// How deep arrays and objects may nest. Deeper texts serve no purpose in a proof and overflow naive readers.
pub const MAX_DEPTH: usize = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, by its text.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A number as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(String);

/// An object without duplicate names, in the order of the text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(String, Value)>);

/// What is wrong with a JSON text, and where (octets from the start).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at octet {offset}")]
pub struct JsonError {
    /// The fault.
    pub what: JsonFault,
    /// Its place.
    pub offset: usize,
}

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// The octets are not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// The text stopped in the middle.
    #[error("unexpected end")]
    End,
    /// A character that RFC 8259 does not allow there.
    #[error("unexpected character")]
    Unexpected,
    /// Something follows the value.
    #[error("trailing characters")]
    Trailing,
    /// One object has the same member name twice.
    #[error("duplicate member")]
    Duplicate,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nesting too deep")]
    Depth,
    /// A surrogate without its partner, or an escape that does not exist.
    #[error("invalid escape")]
    Escape,
}

impl Value {
    /// The kind of value, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl Number {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The nearest double; `None` where that is infinite.
    #[must_use]
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse::<f64>().ok().filter(|n| n.is_finite())
    }
}

impl Object {
    /// The member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// All members in order.
    #[must_use]
    pub fn members(&self) -> &[(String, Value)] {
        &self.0
    }

    /// Builds an object from members; used where a text was read by other means than [`parse`].
    #[must_use]
    pub fn from_members(members: Vec<(String, Value)>) -> Self {
        Self(members)
    }
}

impl Number {
    /// A number from its text, which the caller vouches for.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Reads one JSON value that fills the whole text.
///
/// # Errors
/// The first fault and its place.
pub fn parse(octets: &[u8]) -> Result<Value, JsonError> {
    let text = str::from_utf8(octets).map_err(|e| JsonError { what: JsonFault::Utf8, offset: e.valid_up_to() })?;
    let mut reader = Reader { text: text.as_bytes(), source: text, at: 0 };
    reader.white();
    let value = reader.value(0)?;
    reader.white();
    if reader.at < reader.text.len() { reader.fail(JsonFault::Trailing) } else { Ok(value) }
}

/// Reads a text that must be an object.
///
/// # Errors
/// As [`parse`]; another kind of value is [`JsonFault::Unexpected`] at octet 0.
pub fn parse_object(octets: &[u8]) -> Result<Object, JsonError> {
    match parse(octets)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError { what: JsonFault::Unexpected, offset: 0 }),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    source: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: JsonFault) -> Result<T, JsonError> {
        Err(JsonError { what, offset: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The fault of not finding what was needed here: the end, or a wrong character.
    fn unexpected<T>(&self) -> Result<T, JsonError> {
        self.fail(if self.peek().is_none() { JsonFault::End } else { JsonFault::Unexpected })
    }

    fn take(&mut self, wanted: u8) -> Result<(), JsonError> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            Ok(())
        } else {
            self.unexpected()
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for wanted in word.bytes() {
            self.take(wanted)?;
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return self.fail(JsonFault::Depth);
        }
        match self.peek() {
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            _ => self.unexpected(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonError> {
        let mut members: Vec<(String, Value)> = Vec::new();
        self.take(b'{')?;
        self.white();
        if self.peek() != Some(b'}') {
            loop {
                self.white();
                let name = self.string()?;
                self.white();
                self.take(b':')?;
                self.white();
                members.push((name, self.value(depth + 1)?));
                self.white();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        // Before the closing brace is consumed, so that the offset lies inside the object at fault.
        if has_duplicates(&members) {
            return self.fail(JsonFault::Duplicate);
        }
        self.take(b'}')?;
        Ok(Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, JsonError> {
        let mut elements = Vec::new();
        self.take(b'[')?;
        self.white();
        if self.peek() != Some(b']') {
            loop {
                self.white();
                elements.push(self.value(depth + 1)?);
                self.white();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.take(b']')?;
        Ok(elements)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.unexpected(),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Number(self.source[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.unexpected();
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.take(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(c) if c != b'"' && c != b'\\' && c >= 0x20) {
                self.at += 1;
            }
            // Both ends stand before an ASCII character or at the end, so they are character boundaries.
            out.push_str(&self.source[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return self.unexpected(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let Some(letter) = self.peek() else { return self.fail(JsonFault::End) };
        let plain = match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.fail(JsonFault::Escape),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                return self.fail(JsonFault::Escape);
            }
            self.at += 2;
            let second = self.hex4()?;
            if !(0xDC00..0xE000).contains(&second) {
                return self.fail(JsonFault::Escape);
            }
            0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        // A low surrogate alone is no character and ends here.
        char::from_u32(code).map_or_else(|| self.fail(JsonFault::Escape), Ok)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|c| char::from(c).to_digit(16)) else {
                return self.fail(JsonFault::Escape);
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

fn has_duplicates(members: &[(String, Value)]) -> bool {
    // Usual headers and payloads have few, and are compared in less time than it takes to sort them.
    if members.len() <= 8 {
        return members.iter().enumerate().any(|(n, (name, _))| members[..n].iter().any(|(other, _)| other == name));
    }
    let mut names: Vec<&str> = members.iter().map(|(n, _)| n.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> JsonFault {
        parse(text.as_bytes()).unwrap_err().what
    }

    #[test]
    fn reads_what_rfc_8259_allows() {
        let object = parse_object(br#" { "a\u0062" : [1, -0.5e+3, "x\ud83d\ude00", true, null, {}] } "#).unwrap();
        let Some(Value::Array(elements)) = object.member("ab") else { panic!("{object:?}") };
        assert_eq!(elements[1], Value::Number(Number("-0.5e+3".into())));
        assert_eq!(elements[2], Value::String("x😀".into()));
    }

    #[test]
    fn refuses_each_leniency() {
        for text in
            ["{a:1}", "{'a':1}", "[1,]", "{\"a\":1,}", "NaN", "[01]", "[+1]", "[.5]", "[1.]", "// x\n1", "\u{feff}1"]
        {
            assert_eq!(fault(text), JsonFault::Unexpected, "{text}");
        }
        assert_eq!(fault(r#"{"a":1,"\u0061":2}"#), JsonFault::Duplicate);
        assert_eq!(fault(r#"{"x":{"a":1,"a":1}}"#), JsonFault::Duplicate);
        assert_eq!(fault("{}{}"), JsonFault::Trailing);
        assert_eq!(fault(r#""\ud800""#), JsonFault::Escape);
        assert_eq!(fault(r#""\udc00""#), JsonFault::Escape);
        assert_eq!(fault(r#""\x""#), JsonFault::Escape);
        assert_eq!(fault("\"a\nb\""), JsonFault::Unexpected);
        assert_eq!(fault("[1"), JsonFault::End);
        assert_eq!(parse(b"\"\xff\"").unwrap_err().what, JsonFault::Utf8);
        assert_eq!(fault(&"[".repeat(10_000)), JsonFault::Depth);
        assert_eq!(Number("1e999".into()).to_f64(), None);
    }

    proptest::proptest! {
        /// What we accept, serde_json accepts, with the same value; what it refuses, we refuse.
        #[test]
        fn never_more_lenient_than_serde_json(octets in "[\\[\\]{}:,\"\\\\a-c0-2 eutrflsn.+-]{0,24}") {
            let other = serde_json::from_slice::<serde_json::Value>(octets.as_bytes());
            if parse(octets.as_bytes()).is_ok() {
                // serde_json refuses numbers beyond the range of a double, which we keep as text.
                proptest::prop_assert!(other.is_ok() || other.unwrap_err().to_string().contains("out of range"));
            }
        }

        #[test]
        fn reads_all_that_serde_json_writes(keys in proptest::collection::vec(".{0,8}", 0..6), text in ".{0,32}", n in proptest::num::i64::ANY) {
            let mut map = serde_json::Map::new();
            for key in &keys {
                map.insert(key.clone(), serde_json::json!([text, n, null, {"k": true}]));
            }
            let object = parse_object(&serde_json::to_vec(&map).unwrap()).unwrap();
            proptest::prop_assert_eq!(object.members().len(), map.len());
            for key in &keys {
                let Some(Value::Array(elements)) = object.member(key) else { panic!("lost {key:?}") };
                proptest::prop_assert_eq!(&elements[0], &Value::String(text.clone()));
            }
        }
    }
}
