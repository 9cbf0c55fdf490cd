//! Finds and reads case files, embedded or from a directory.

use std::{collections::BTreeSet, path::Path};

use ekmcheck_forge::{alteration, mutation, pki};
use ekmcheck_suite::{
    ambiguity::Register,
    case::Case,
    load::{self, Names},
    requirement::Ledger,
    role::Role,
};
use include_dir::{Dir, include_dir};

use crate::{
    Trouble,
    files::{self, SCENARIO},
};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../scenarios");

/// The roles whose cases can be played. One of another role would be played as if it were of these.
const PLAYED: [Role; 1] = [Role::ResourceServer];
/// The file of the ledger.
pub(crate) const LEDGER: &str = "requirements.json";
/// The file of the ambiguities.
pub(crate) const REGISTER: &str = "ambiguities.json";

/// How many faults are told at once.
const TOLD: usize = 50;

/// All cases and the ledger.
pub(crate) struct Scenarios {
    pub(crate) ledger: Ledger,
    pub(crate) register: Register,
    pub(crate) cases: Vec<Case>,
}

/// Reads everything from the directory, or what is embedded.
pub(crate) fn all(directory: Option<&Path>) -> Result<Scenarios, Trouble> {
    let mut files = match directory {
        None => embedded(),
        Some(directory) => from_disk(directory)?,
    };
    // The order of a directory is an accident, and faults are told in the order of the files.
    files.sort();
    let named = |name: &str| {
        let file = files.iter().find(|(path, _)| path == name);
        file.ok_or_else(|| Trouble::Given(format!("no {name} in {}", shown(directory))))
    };
    let given = |fault: load::LoadFault| Trouble::Given(fault.to_string());
    let ledger = load::ledger(&located(directory, LEDGER), &named(LEDGER)?.1).map_err(given)?;
    let register = load::register(&located(directory, REGISTER), &named(REGISTER)?.1).map_err(given)?;
    let names = Names {
        alterations: alteration::table().map(|a| a.name.to_owned()).collect(),
        clients: pki::CLIENTS.iter().map(|n| (*n).to_owned()).collect(),
        no_change: Some(mutation::complaint),
    };
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for (path, text) in &files {
        // More than these nobody reads, and each may cost a search for what was meant.
        if faults.len() == TOLD {
            faults.push("there may be more".to_owned());
            break;
        }
        let Some(place) = placed(path) else {
            // A case that is silently not played would look like one that passes.
            if path.ends_with(".json") && ![LEDGER, REGISTER].contains(&path.as_str()) && !path.starts_with("schema/") {
                faults.push(format!(
                    "{}: not in the folder of a role whose cases can be played\n  mend: move it to {}",
                    located(directory, path),
                    PLAYED.map(|role| format!("{}/", role.name())).join(" or ")
                ));
            }
            continue;
        };
        match load::case(&located(directory, path), place, text, &ledger, &names) {
            Ok(case) => cases.push(case),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if !faults.is_empty() {
        return Err(Trouble::Given(faults.join("\nerror: ")));
    }
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Scenarios { ledger, register, cases })
}

/// The role of a case by the folder of its file, and the path below that.
fn placed(path: &str) -> Option<(Role, &str)> {
    let (folder, below) = path.split_once('/')?;
    let role = Role::of_folder(folder).filter(|role| PLAYED.contains(role))?;
    Some((role, below.strip_suffix(".json")?))
}

/// The cases that the patterns select; all if there is none.
pub(crate) fn select(cases: Vec<Case>, patterns: &[String]) -> Vec<Case> {
    let ids: BTreeSet<String> =
        matching(cases.iter().map(|c| c.id.as_str()), patterns).into_iter().map(str::to_owned).collect();
    cases.into_iter().filter(|c| ids.contains(&c.id)).collect()
}

/// The ids that a pattern fits; all where there is none.
pub(crate) fn matching<'a>(ids: impl Iterator<Item = &'a str>, patterns: &[String]) -> BTreeSet<&'a str> {
    let ids: BTreeSet<&str> = ids.collect();
    let matches = |id: &str, pattern: &str| match pattern {
        // A whole id means that one and not those that begin with it.
        exact if ids.contains(exact) => id == exact,
        wild if wild.contains('*') => wildcard(wild, id),
        part => id.contains(part),
    };
    let fits = |id: &&str| patterns.is_empty() || patterns.iter().any(|p| matches(id, p));
    ids.iter().copied().filter(fits).collect()
}

/// A sentence for each pattern that selects nothing: beside another that does, nobody would notice.
pub(crate) fn unmatched(cases: &[Case], patterns: &[String]) -> Vec<String> {
    let nothing = |pattern: &&String| select(cases.to_vec(), std::slice::from_ref(*pattern)).is_empty();
    let hint = |pattern: &String| {
        let known = cases.iter().map(|c| c.id.as_str());
        format!("no case matches {pattern:?}; {}", load::suggestion(pattern, known))
    };
    patterns.iter().filter(nothing).map(hint).collect()
}

/// `*` stands for any run of characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn embedded() -> Vec<(String, String)> {
    fn walk(dir: &Dir<'_>, out: &mut Vec<(String, String)>) {
        for file in dir.files() {
            let path = file.path().to_string_lossy().replace('\\', "/");
            out.extend(file.contents_utf8().map(|text| (path, text.to_owned())));
        }
        dir.dirs().for_each(|d| walk(d, out));
    }
    let mut files = Vec::new();
    walk(&EMBEDDED, &mut files);
    files
}

fn from_disk(root: &Path) -> Result<Vec<(String, String)>, Trouble> {
    let read = |path: std::path::PathBuf| {
        let text = files::text(&path, &SCENARIO)?;
        files::within(&text, &SCENARIO).map_err(|e| files::unusable(&path, e, &SCENARIO))?;
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        Ok((relative, text))
    };
    files::below(root, |path| path.extension().is_some_and(|e| e == "json"))?.into_iter().map(read).collect()
}

fn located(directory: Option<&Path>, path: &str) -> String {
    directory.map_or_else(|| format!("scenarios/{path}"), |d| d.join(path).display().to_string())
}

fn shown(directory: Option<&Path>) -> String {
    directory.map_or_else(|| "the embedded scenarios".to_owned(), |d| d.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_cases_load_and_the_ledger_is_whole() {
        let scenarios = all(None).unwrap();
        assert!(scenarios.cases.len() > 200, "{}", scenarios.cases.len());
        assert_eq!(scenarios.ledger.lint(&scenarios.cases), Vec::<String>::new());
        assert_eq!(scenarios.register.lint(&scenarios.cases), Vec::<String>::new());
    }

    #[test]
    fn patterns() {
        assert!(wildcard("rs.*.zero", "rs.exporter.zero"));
        assert!(wildcard("*zero", "rs.exporter.zero"));
        assert!(!wildcard("rs.*.zero", "rs.exporter.zeros"));
        let cases = all(None).unwrap().cases;
        let select = |pattern: &str| select(cases.clone(), &[pattern.to_owned()]).len();
        assert_eq!(select("rs.exporter.no-context"), 1, "an id is not a prefix of others");
        assert!(select("rs.exporter") > 10);
        assert!(select("rs.*.missing") > 3);
        assert_eq!(select("nothing-like-that"), 0);
    }

    #[test]
    fn expectations_agree_with_the_table_of_alterations() {
        use ekmcheck_forge::alteration::Leads;
        use ekmcheck_suite::case::Expect;
        for case in all(None).unwrap().cases {
            let Some(altered) = case.alter.as_deref().and_then(alteration::named) else { continue };
            let agrees = match (&case.expect, altered.leads) {
                (Some(Expect::Accepted), Leads::Accepted) => true,
                (Some(Expect::Refused(refused)), Leads::Refused(check)) => {
                    refused.check.as_deref() == Some(check.name())
                }
                (Some(Expect::Observed), Leads::Open(_)) => true,
                _ => false,
            };
            assert!(agrees, "{}: {:?} against {:?}", case.id, case.expect, altered.leads);
        }
    }
}
