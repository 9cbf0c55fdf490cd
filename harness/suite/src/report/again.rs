//! The line that plays something again.

use super::Report;
use crate::outcome::Outcome;

impl Report {
    /// The command that plays a case as this run did, for a POSIX shell.
    #[must_use]
    pub fn again(&self, outcome: &Outcome) -> String {
        let (run, case) = self.again_parts(&outcome.id);
        match self.adapter {
            Some(_) => run + &case,
            None => format!("{run} --transport {}{case}", outcome.transport.name()),
        }
    }

    /// What of that line is the same for all cases, and what is the same for all transports.
    #[must_use]
    pub fn again_parts(&self, case: &str) -> (String, String) {
        let case = format!(" --filter {}", word(case));
        if let Some(adapter) = &self.adapter {
            let vectors: String = self.named_by.iter().map(|w| format!(" {}", word(w))).collect();
            return (format!("ekmcheck run --adapter {}{vectors}", word(&adapter.command)), case);
        }
        let mut run = "ekmcheck run".to_owned();
        let mut add = |words: &str| {
            run.push(' ');
            run.push_str(words);
        };
        match self.named_by.as_slice() {
            [] => add(&format!("--subject {}", word(&self.subject))),
            words => words.iter().for_each(|w| add(&word(w))),
        }
        add(&format!("--seed {}", self.seed));
        if let Some(scenarios) = &self.scenarios {
            add(&format!("--scenarios {}", word(scenarios)));
        }
        (run, case)
    }
}

/// A word as a shell takes it. It cannot be given a NUL, and there is none in what came from a command line.
fn word(text: &str) -> String {
    shlex::try_quote(text).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Cost;

    #[test]
    fn the_subject_is_named_as_it_was() {
        let mut report = Report::new("https://localhost:8443", vec![], 7, Cost::default(), 0, vec![]);
        assert_eq!(report.again_parts("rs.x").0, "ekmcheck run --subject https://localhost:8443 --seed 7");
        report.named_by = ["--subject", "https://localhost:8443", "--bundle", "my bundle"].map(str::to_owned).to_vec();
        report.scenarios = Some("it's".to_owned());
        assert_eq!(
            report.again_parts("$(rm x)"),
            (
                "ekmcheck run --subject https://localhost:8443 --bundle 'my bundle' --seed 7 --scenarios \"it's\""
                    .to_owned(),
                " --filter '$(rm x)'".to_owned()
            )
        );
    }
}
