//! What an earlier run left in the folder of the reports. It must not look like what this run came to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_report::ReportFormat;
use ekmcheck_suite::case::Transport;
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    files::{self, BENCH, CAMPAIGN, Kind, REPORT},
    lost, note,
};

/// The result of a run.
pub(crate) const RESULT: &str = "report.json";
/// Its traces, one a line.
pub(crate) const TRACES: &str = "transcripts.ndjson";
/// The result of a campaign.
pub(crate) const FUZZED: &str = "campaign.json";
/// The result of a measurement.
pub(crate) const MEASURED: &str = "bench.json";
/// The folder for what an earlier run left, where a later one came to nothing.
const ASIDE: &str = "earlier";

/// Which command left it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Run,
    Campaign,
    Bench,
}

/// Enough of a result of a run to know it by.
#[derive(Deserialize)]
struct Run {
    #[serde(rename = "ekmcheck")]
    _ekmcheck: String,
    #[serde(rename = "draft")]
    _draft: String,
}

/// Enough of a campaign to know it by.
#[derive(Deserialize)]
struct Campaign {
    #[serde(rename = "mutants")]
    _mutants: IgnoredAny,
}

/// Enough of a measurement to know it by.
#[derive(Deserialize)]
struct Bench {
    #[serde(rename = "points")]
    _points: IgnoredAny,
}

/// Whether a text is a campaign, and so no report of a run.
pub(crate) fn is_campaign(text: &str) -> bool {
    serde_json::from_str::<Campaign>(text).is_ok()
}

/// The files of an earlier run. Those of the same names beside no result of ours may be somebody's, and stay.
pub(crate) struct Earlier<'a> {
    folder: &'a Path,
    names: Vec<String>,
}

impl<'a> Earlier<'a> {
    /// Looks at a folder, before anything new is written there.
    pub(crate) fn of(of: Of, folder: &'a Path) -> Self {
        fn is<T: serde::de::DeserializeOwned>(path: &Path, kind: &Kind) -> bool {
            files::json::<T>(path, kind).is_ok()
        }
        let formats = || ReportFormat::ALL.iter().map(|format| format.file().to_owned());
        let charts =
            || Transport::ALL.iter().flat_map(|t| ["cost", "break-even"].map(|of| format!("{of}-{}.svg", t.name())));
        let (is_ours, names): (bool, Vec<String>) = match of {
            Of::Run => {
                let own = [RESULT, TRACES].map(str::to_owned);
                (is::<Run>(&folder.join(RESULT), &REPORT), own.into_iter().chain(formats()).collect())
            }
            Of::Campaign => {
                let own = [FUZZED, "campaign.md", "campaign.html", "campaign.sarif"].map(str::to_owned);
                (is::<Campaign>(&folder.join(FUZZED), &CAMPAIGN), own.to_vec())
            }
            Of::Bench => {
                let own = [MEASURED, "bench.md", "bench.html"].map(str::to_owned);
                (is::<Bench>(&folder.join(MEASURED), &BENCH), own.into_iter().chain(charts()).collect())
            }
        };
        Self { folder, names: if is_ours { names } else { Vec::new() } }
    }

    /// Takes away those that `stale` says of.
    pub(crate) fn forget(&self, stale: impl Fn(&str) -> bool) {
        self.names.iter().filter(|name| stale(name)).for_each(|name| files::forget(&self.folder.join(name)));
    }

    /// Puts all of them into a folder of their own below it: what came to nothing must not seem to have come to the same, and
    /// what was there is not lost. `needed` is what was read for this run, if anything was: that stays, with what is beside it.
    pub(crate) fn set_aside(&self, needed: Option<&Path>) {
        let place = |path: &Path| path.parent().and_then(|folder| files::folder(folder).canonicalize().ok());
        if needed.is_some_and(|needed| {
            place(needed).is_some_and(|place| self.folder.canonicalize().is_ok_and(|f| f == place))
        }) {
            return;
        }
        let aside = self.folder.join(ASIDE);
        let is_there = |path: &PathBuf| path.symlink_metadata().is_ok_and(|there| there.is_file());
        let mut moved = 0;
        for (name, path) in
            self.names.iter().map(|name| (name, self.folder.join(name))).filter(|(_, path)| is_there(path))
        {
            match fs::create_dir_all(&aside).and_then(|()| fs::rename(&path, aside.join(name))) {
                Ok(()) => moved += 1,
                Err(e) => lost(&files::of_earlier(&path, &e)),
            }
        }
        if moved > 0 {
            note(&format!("what an earlier run left in {} is in {} now", self.folder.display(), aside.display()));
        }
    }
}
