//! JSON objects that may be wrong on purpose: duplicate names, raw values, other bytes altogether.

use serde_json::Value;

/// An object under construction, as the texts of its members in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    members: Vec<(String, String)>,
    octets: Option<Vec<u8>>,
}

impl Document {
    /// From an object; anything else gives an empty document.
    #[must_use]
    pub fn new(object: &Value) -> Self {
        let members = object.as_object().into_iter().flatten();
        Self { members: members.map(|(name, value)| (quoted(name), value.to_string())).collect(), octets: None }
    }

    /// Sets a member, in its place if it is there already.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.set_raw(name, &value.into().to_string());
    }

    /// Sets a member to a text that need not be JSON.
    pub fn set_raw(&mut self, name: &str, value: &str) {
        let name = quoted(name);
        match self.members.iter_mut().find(|(n, _)| *n == name) {
            Some(member) => value.clone_into(&mut member.1),
            None => self.members.push((name, value.to_owned())),
        }
    }

    /// Removes a member.
    pub fn remove(&mut self, name: &str) {
        let name = quoted(name);
        self.members.retain(|(n, _)| *n != name);
    }

    /// Gives a member another name and leaves its value and place.
    pub fn rename(&mut self, name: &str, other: &str) {
        self.rename_raw(name, &quoted(other));
    }

    /// Gives a member another name, as the text between and including the quotes.
    pub fn rename_raw(&mut self, name: &str, other: &str) {
        let name = quoted(name);
        for member in self.members.iter_mut().filter(|(n, _)| *n == name) {
            other.clone_into(&mut member.0);
        }
    }

    /// Puts a second member of the same name before the first; `name` is the text with its quotes.
    pub fn prepend_raw(&mut self, name: &str, value: &str) {
        self.members.insert(0, (name.to_owned(), value.to_owned()));
    }

    /// Puts a member at the end even where the name is there already; `name` is the text with its quotes.
    pub fn append_raw(&mut self, name: &str, value: &str) {
        self.members.push((name.to_owned(), value.to_owned()));
    }

    /// The value of a member as JSON, if it is there and is JSON.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Value> {
        let name = quoted(name);
        let (_, text) = self.members.iter().find(|(n, _)| *n == name)?;
        serde_json::from_str(text).ok()
    }

    /// The string value of a member; empty where there is none.
    #[must_use]
    pub fn text_of(&self, name: &str) -> String {
        self.member(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Replaces the whole by other octets.
    pub fn set_octets(&mut self, octets: impl Into<Vec<u8>>) {
        self.octets = Some(octets.into());
    }

    /// The octets that are signed.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        self.octets.clone().unwrap_or_else(|| self.text().into_bytes())
    }

    /// The members as a JSON text, whatever [`Self::set_octets`] did.
    #[must_use]
    pub fn text(&self) -> String {
        let members: Vec<String> = self.members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edits_keep_the_rest() {
        let mut document = Document::new(&json!({"a": 1, "b": "x"}));
        assert_eq!(document.text(), r#"{"a":1,"b":"x"}"#);
        document.set("a", json!([2]));
        document.append_raw("\"b\"", "null");
        document.rename("b", "c");
        assert_eq!(document.text(), r#"{"a":[2],"c":"x","c":null}"#);
        document.remove("c");
        document.set_raw("n", "1e999");
        assert_eq!(document.octets(), br#"{"a":[2],"n":1e999}"#);
        document.set_octets(*b"[]");
        assert_eq!(document.octets(), b"[]");
    }
}
