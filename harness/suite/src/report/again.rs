//! The line that plays something again.

use super::Report;
use crate::outcome::Outcome;

impl Report {
    /// The command that plays a case as this run did.
    #[must_use]
    pub fn again(&self, outcome: &Outcome) -> String {
        if let Some(adapter) = &self.adapter {
            return format!("ekmcheck run --adapter {} --filter {}", word(&adapter.command), word(&outcome.id));
        }
        let (on, seed) = (outcome.transport.name(), self.seed);
        let mut line = format!("ekmcheck run --subject {} --transport {on} --seed {seed}", word(&self.subject));
        if let Some(scenarios) = &self.scenarios {
            line.push_str(&format!(" --scenarios {}", word(scenarios)));
        }
        format!("{line} --filter {}", word(&outcome.id))
    }
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:+=,@%".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(word("fault:a+b"), "fault:a+b");
        assert_eq!(word("my cases/it's"), r"'my cases/it'\''s'");
        assert_eq!(word("$(rm x)"), "'$(rm x)'");
        assert_eq!(word(""), "''");
    }
}
