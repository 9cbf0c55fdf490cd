//! The reports that people and machines read, all made of one result. Pure: values in, texts out.
//!
//! Every format is a view of a [`Material`], which makes the words of subjects and files inert before anything is made of them: what
//! would steer a terminal, reorder a line or hide in it is replaced there, once. Each format then escapes by a library
//! (maud for HTML and SVG, quick-junit for XML, serde_json for JSON).

mod badge;
mod bench;
pub mod campaign;
mod ctrf;
mod groups;
mod html;
pub mod json;
mod junit;
mod sarif;
mod summary;
mod words;

use ekmcheck_suite::{
    ambiguity::{self, Register},
    case::{Case, Transport},
    inert::inert_copy,
    outcome::Verdict,
    report::{Conclusion, Report},
    requirement::Ledger,
    transcript::Transcript,
};

pub use bench::{bench, bench_page, break_even_chart, cost_chart};
pub use words::again;

/// What went wrong in making a report; always the harness's fault.
#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    /// A value that JSON cannot hold.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// XML that could not be written.
    #[error("no XML: {0}")]
    Xml(#[from] quick_junit::SerializeError),
}

/// What the reports are made of.
#[derive(Debug)]
pub struct Material<'a> {
    report: Report,
    transcripts: Vec<&'a Transcript>,
    ledger: Ledger,
    register: Register,
    cases: Vec<Case>,
    strict: bool,
}

impl<'a> Material<'a> {
    /// Takes a result with what was due (`ledger`, `register`, `cases`: all there are, not only those of the run).
    /// `transcripts` may be of some of its cases or of none. `strict`: warnings count as violations.
    ///
    /// # Errors
    /// [`ReportFault`], which no result is known to cause.
    pub fn new(
        report: &Report,
        transcripts: impl IntoIterator<Item = &'a Transcript>,
        ledger: &Ledger,
        register: &Register,
        cases: &[Case],
        strict: bool,
    ) -> Result<Self, ReportFault> {
        Ok(Self {
            report: inert_copy(report)?,
            // Made inert with what becomes of them: most are left out.
            transcripts: transcripts.into_iter().collect(),
            ledger: inert_copy(ledger)?,
            register: inert_copy(register)?,
            cases: cases.iter().map(inert_copy).collect::<Result<_, _>>()?,
            strict,
        })
    }

    /// Makes one of the formats.
    ///
    /// # Errors
    /// [`ReportFault`], which no result is known to cause.
    pub fn render(&self, format: ReportFormat) -> Result<String, ReportFault> {
        match format {
            ReportFormat::Html => html::page(self),
            ReportFormat::Junit => junit::xml(self),
            ReportFormat::Summary => Ok(summary::markdown(self)),
            ReportFormat::Ctrf => ctrf::json(self),
            ReportFormat::Sarif => sarif::json(self),
            ReportFormat::Badge => Ok(badge::svg(self)),
            ReportFormat::Ambiguities => Ok(ambiguity::page(&self.register, std::slice::from_ref(&self.report))),
        }
    }

    /// What it comes to: warnings count where the run is strict.
    fn conclusion(&self) -> Conclusion {
        self.report.conclusion.strictly(self.strict, &self.report.counts)
    }

    /// Whether a verdict ends a run with 1.
    fn violates(&self, verdict: Verdict) -> bool {
        verdict == Verdict::Fail || self.strict && verdict == Verdict::Warn
    }

    /// A case, if it is known here.
    fn case(&self, id: &str) -> Option<&Case> {
        // They are in the order of their ids.
        let found = self.cases.binary_search_by(|c| c.id.as_str().cmp(id));
        found.ok().and_then(|at| self.cases.get(at))
    }

    /// The transports of the run, by name.
    fn transports(&self) -> Vec<&'static str> {
        self.report.transports.iter().copied().map(Transport::name).collect()
    }
}

/// The formats that are made beside `report.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// One page that works from disk.
    Html,
    /// JUnit XML, for any CI.
    Junit,
    /// Markdown for the summary of a CI step.
    Summary,
    /// Common Test Report Format.
    Ctrf,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A badge.
    Badge,
    /// The questions that the draft leaves open, with what was observed.
    Ambiguities,
}

impl ReportFormat {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Html, Self::Junit, Self::Summary, Self::Ctrf, Self::Sarif, Self::Badge, Self::Ambiguities];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Summary => "summary",
            Self::Ctrf => "ctrf",
            Self::Sarif => "sarif",
            Self::Badge => "badge",
            Self::Ambiguities => "ambiguities",
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Junit => "junit.xml",
            Self::Summary => "summary.md",
            Self::Ctrf => "ctrf.json",
            Self::Sarif => "results.sarif",
            Self::Badge => "badge.svg",
            Self::Ambiguities => "ambiguities.md",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}
