//! Reads case files. A fault names the file, the place and the mend.

use std::{collections::BTreeSet, fmt};

use crate::{
    ambiguity::Register,
    brief,
    case::{Case, Expect, Transport},
    play::{Connect, ProofSource, Send, Step, Wire},
    requirement::Ledger,
    role::Role,
};

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFault {
    /// The file, as the caller calls it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do; may be empty.
    pub mend: String,
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n  mend: {}", self.mend) }
    }
}

impl std::error::Error for LoadFault {}

/// What names a case file may use.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The alterations.
    pub alterations: BTreeSet<String>,
    /// The client certificates.
    pub clients: BTreeSet<String>,
    /// What is wrong with a change that a campaign made up, if anything is.
    pub no_change: Option<fn(&serde_json::Value) -> Option<String>>,
}

/// Reads the ledger.
///
/// # Errors
/// The place where the text is no ledger.
pub fn ledger(file: &str, text: &str) -> Result<Ledger, LoadFault> {
    serde_json::from_str(text).map_err(|e| of_serde(file, &e))
}

/// Reads the register of ambiguities.
///
/// # Errors
/// The place where the text is none.
pub fn register(file: &str, text: &str) -> Result<Register, LoadFault> {
    serde_json::from_str(text).map_err(|e| of_serde(file, &e))
}

/// Reads one case of a role. `stem` is the path below the role's folder without `.json`, with slashes.
///
/// # Errors
/// The first fault.
pub fn case(
    file: &str,
    (role, stem): (Role, &str),
    text: &str,
    ledger: &Ledger,
    names: &Names,
) -> Result<Case, LoadFault> {
    let case: Case = serde_json::from_str(text).map_err(|e| of_serde(file, &e))?;
    let case = Case { role, ..case };
    check(&case, stem, ledger, names).map_or(Ok(case), |Complaint { about, what, mend }| {
        let (line, column) = place(text, &about);
        Err(LoadFault { file: file.to_owned(), line, column, what: brief::cut(&what, brief::LINE).into_owned(), mend })
    })
}

struct Complaint {
    /// A text to look for in the file, to name a line.
    about: String,
    what: String,
    mend: String,
}

fn check(case: &Case, stem: &str, ledger: &Ledger, names: &Names) -> Option<Complaint> {
    let complain =
        |about: &str, what: String, mend: String| Some(Complaint { about: format!("\"{about}\""), what, mend });
    let wanted = format!("{}.{}", case.role.prefix(), stem.replace('/', "."));
    if case.id != wanted {
        let what = format!("the id {:?} does not fit the file's place", case.id);
        return complain("id", what, format!("call it {wanted:?} or move the file"));
    }
    match (&case.alter, &case.expect, &case.play) {
        (Some(_), Some(_), None) | (None, None, Some(_)) => {}
        (Some(_), None, None) => {
            return complain("alter", "an alteration without \"expect\"".into(), "say what should come of it".into());
        }
        _ => {
            let what = "a case is either \"alter\" with \"expect\", or \"play\"";
            return complain("id", what.into(), "leave one of them out".into());
        }
    }
    if case.without_clock.is_some() && !case.moves_clock() {
        let what = "\"without_clock\" stands for a \"play\" that moves the clock, and this one does not";
        return complain("without_clock", what.into(), "leave it out".into());
    }
    if case.requirements.is_empty() {
        return complain("requirements", "no requirement".into(), "name at least one of requirements.json".into());
    }
    for id in &case.requirements {
        if ledger.requirement(id).is_none() {
            let known = ledger.requirements.iter().map(|r| r.id.as_str());
            return complain(id, format!("unknown requirement {id:?}"), suggestion(id, known));
        }
    }
    let sends = || case.steps().flat_map(Step::sends);
    for alter in case.alter.iter().chain(sends().filter_map(|s| s.alter.as_ref())) {
        if !names.alterations.contains(alter) {
            let known = names.alterations.iter().map(String::as_str);
            return complain(alter, format!("unknown alteration {alter:?}"), suggestion(alter, known));
        }
    }
    if let Some(send) = sends().find(|s| !s.changes.is_empty() && (s.alter.is_some() || s.proof.is_some())) {
        let beside = if send.alter.is_some() { "alter" } else { "proof" };
        let what = format!("\"changes\" make the whole request, so that {beside:?} beside them would do nothing");
        return complain(
            beside,
            what,
            r#"leave out either; {"row": NAME} among the changes is an alteration"#.to_owned(),
        );
    }
    for change in sends().flat_map(|s| &s.changes) {
        if let Some(what) = names.no_change.and_then(|no_change| no_change(change)) {
            let mend = "take it from the campaign.json of an `ekmcheck fuzz` as it is".to_owned();
            return complain("changes", format!("{change} is no change: {what}"), mend);
        }
    }
    let connects = case.steps().filter_map(|s| match s {
        Step::Connect(connect) => Some(connect),
        _ => None,
    });
    let clients = case.client.iter().chain(connects.filter_map(|c| c.client.as_ref()));
    for client in clients.chain(sends().filter_map(|s| s.bound_to.as_ref())) {
        if !names.clients.contains(client) {
            let known = names.clients.iter().map(String::as_str);
            return complain(client, format!("unknown client certificate {client:?}"), suggestion(client, known));
        }
    }
    if let Some(name) = case.stories().find_map(unknown_connection) {
        let mend = "open it with a \"connect\" step before it is used".to_owned();
        return complain(&name, format!("no connection {name:?} at this point"), mend);
    }
    let over = case.steps().filter_map(|s| if let Step::Connect(c) = s { c.over } else { None });
    if case.transports.iter().flatten().copied().chain(over).any(|t| t == Transport::Offline) {
        let what = "no case is played offline: what a library is given are vectors".to_owned();
        return complain("offline", what, "name transports that `ekmcheck run` has".into());
    }
    if let Some((about, what)) = not_raw(case) {
        let mend = "give its \"connect\" step \"raw\": true, and the case HTTP/1.1 transports only".to_owned();
        return complain(about, what.to_owned(), mend);
    }
    let expects = case.expect.iter().chain(case.play.iter().flatten().flat_map(Step::expects));
    for expect in expects {
        let (Expect::Refused(refused) | Expect::Once(refused)) = expect else { continue };
        let Some(check) = &refused.check else { continue };
        if ekmcheck_binding::refusal::Check::from_name(check).is_none() {
            let known = ekmcheck_binding::refusal::Check::ALL.iter().map(|c| c.name());
            return complain(check, format!("unknown check {check:?}"), suggestion(check, known));
        }
    }
    None
}

fn unknown_connection(story: &[Step]) -> Option<String> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for step in story.iter().flat_map(Step::flat) {
        let mut used: Vec<&str> = Vec::new();
        match step {
            Step::Connect(connect) => {
                used.extend(connect.same_port_as.as_deref());
                used.extend(connect.resume.as_deref());
                if let Some(missing) = used.iter().find(|n| !open.contains(*n)) {
                    return Some((*missing).to_owned());
                }
                open.insert(&connect.name);
                continue;
            }
            Step::Send(_) | Step::Together(_) | Step::Abandon(_) | Step::Pipeline(_) => {
                for send in step.sends() {
                    used.push(&send.on);
                    if let Some(ProofSource::MadeOn(name) | ProofSource::ForExporterOf(name)) = &send.proof {
                        used.push(name);
                    }
                }
            }
            Step::Interleave(interleave) => used.push(&interleave.on),
            Step::Close(close) => used.push(&close.connection),
            Step::UpdateKeys(update) => used.push(&update.on),
            Step::Migrate(migrate) => used.push(&migrate.on),
            Step::RotateId(rotate) => used.push(&rotate.on),
            Step::Kept(kept) => used.push(&kept.on),
            Step::Probe(_) | Step::AdvanceClock(_) | Step::Issue(_) | Step::Restart(_) | Step::Rounds(_) => {}
        }
        if let Some(missing) = used.iter().find(|n| !open.contains(*n)) {
            return Some((*missing).to_owned());
        }
    }
    None
}

/// What asks for a raw connection and has none: a text that stands in the file, and the complaint.
fn not_raw(case: &Case) -> Option<(&'static str, &'static str)> {
    let h1 = |t: &Transport| !t.is_h2() && !t.is_quic();
    let http1 = case.transports.as_ref().is_some_and(|all| all.iter().all(h1));
    let mut raw: BTreeSet<&str> = BTreeSet::new();
    for step in case.steps() {
        match step {
            Step::Connect(Connect { raw: true, over, .. }) if !over.as_ref().map_or(http1, h1) => {
                return Some(("raw", "only HTTP/1.1 can be raw"));
            }
            Step::Connect(connect) if connect.raw => drop(raw.insert(&connect.name)),
            Step::Connect(connect) => drop(raw.remove(connect.name.as_str())),
            Step::Pipeline(sends) if sends.iter().any(|s| Some(&s.on) != sends.first().map(|s| &s.on)) => {
                return Some(("pipeline", "a pipeline on several connections"));
            }
            Step::Pipeline(sends) if sends.iter().any(|s| !raw.contains(s.on.as_str())) => {
                return Some(("pipeline", "a pipeline on a connection that is not raw"));
            }
            _ => {
                let odd = |s: &&Send| s.wire.is_some_and(Wire::needs_raw);
                if step.sends().filter(odd).any(|s| !raw.contains(s.on.as_str())) {
                    return Some(("wire", "an odd request on a connection that is not raw"));
                }
            }
        }
    }
    None
}

fn of_serde(file: &str, error: &serde_json::Error) -> LoadFault {
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.clone(), |(what, _)| what.to_owned());
    // serde lists the names it knows behind "expected": the nearest of them is most likely what was meant.
    let mut quoted = what.split('`').skip(1).step_by(2);
    let mend = match quoted.next() {
        Some(word) if what.starts_with("unknown") => suggestion(word, quoted),
        Some(field) if what.starts_with("missing field") => format!("add \"{field}\""),
        _ if error.is_syntax() || error.is_eof() => "make it well-formed JSON".to_owned(),
        _ => "compare with schema/case.schema.json".to_owned(),
    };
    // At the end of the text serde counts the column from 0.
    let what = brief::cut(&what, brief::LINE).into_owned();
    LoadFault { file: file.to_owned(), line: error.line().max(1), column: error.column().max(1), what, mend }
}

/// The longest name that is compared with others, in octets: the work grows with the product of both lengths.
const COMPARED: usize = 200;

/// The nearest known name, or the list if none is near.
pub fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let comparable = |name: &&&str| word.len() <= COMPARED && name.len() <= COMPARED;
    let likeness = |name: &&'a str| (strsim::jaro_winkler(word, name), *name);
    let nearest = known.iter().filter(comparable).map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, name)) if likeness > 0.75 => format!("did you mean {name:?}?"),
        _ if known.len() <= 12 => {
            let known: Vec<_> = known.iter().map(|name| brief::word(name)).collect();
            format!("one of: {}", known.join(", "))
        }
        _ => format!("none of the {} known names is like it", known.len()),
    }
}

fn place(text: &str, about: &str) -> (usize, usize) {
    for (index, line) in text.lines().enumerate() {
        if let Some(column) = line.find(about) {
            return (index + 1, column + 1);
        }
    }
    (1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> (Ledger, Names) {
        let ledger = r#"{"requirements": [{"id": "rs.typ", "role": "resource-server", "level": "MUST", "basis": "draft",
            "clause": "2.3.1", "revision": "-06", "text": "."}], "rows": [], "excluded": [], "readings": []}"#;
        let names = Names {
            alterations: ["typ-jwt".to_owned()].into(),
            clients: ["p256".to_owned()].into(),
            ..Names::default()
        };
        (super::ledger("l.json", ledger).unwrap(), names)
    }

    fn load(text: &str) -> Result<Case, LoadFault> {
        let (ledger, names) = setting();
        case("x/typ/jwt.json", (Role::ResourceServer, "typ/jwt"), text, &ledger, &names)
    }

    const GOOD: &str = r#"{
  "id": "rs.typ.jwt", "row": "RS-C02", "title": ".", "level": "MUST", "basis": "draft", "clause": "2.3.1",
  "requirements": ["rs.typ"],
  "alter": "typ-jwt",
  "expect": {"refused": {"error": ["invalid_proof"], "check": "typ"}}
}"#;

    #[test]
    fn a_good_case_loads() {
        let case = load(GOOD).unwrap();
        assert_eq!(case.plays(true).len(), 2);
        assert!(case.is_negative());
    }

    #[test]
    fn each_fault_names_place_and_mend() {
        let fault = |from: &str, to: &str| load(&GOOD.replace(from, to)).unwrap_err();
        let unknown_field = fault("\"alter\"", "\"altre\"");
        assert_eq!((unknown_field.line, unknown_field.mend.as_str()), (4, "did you mean \"alter\"?"));
        let typo = fault("\"typ-jwt\"", "\"typ-jtw\"");
        assert_eq!((typo.line, typo.mend.as_str()), (4, "did you mean \"typ-jwt\"?"));
        assert!(fault("[\"rs.typ\"]", "[\"rs.tpy\"]").what.contains("unknown requirement"));
        assert!(fault("\"check\": \"typ\"", "\"check\": \"tpy\"").what.contains("unknown check"));
        assert!(fault("\"MUST\"", "\"MUS\"").mend.contains("MUST"));
        assert!(fault("rs.typ.jwt", "rs.typ.other").mend.contains("rs.typ.jwt"));
        assert!(fault("}}\n}", "}}").mend.contains("JSON"));
        assert!(fault("  \"alter\": \"typ-jwt\",\n", "").what.contains("either"));
        let offline = fault("  \"alter\"", "  \"transports\": [\"tls13-h1\", \"offline\"],\n  \"alter\"");
        assert!(offline.line == 4 && offline.what.contains("no case is played offline"), "{offline}");
        let story = r#""play": [{"send": {"on": "a", "expect": "accepted"}}]"#;
        let steps = GOOD
            .replace("\"alter\": \"typ-jwt\",", story)
            .replace("\n  \"expect\": {\"refused\": {\"error\": [\"invalid_proof\"], \"check\": \"typ\"}}", "");
        assert!(load(&steps).unwrap_err().what.contains("no connection"), "{steps}");
    }

    #[test]
    fn a_word_of_any_length_costs_nothing_and_is_not_repeated() {
        let long = "rs.typ".repeat(40_000);
        let fault = load(&GOOD.replace("[\"rs.typ\"]", &format!("[\"{long}\"]"))).unwrap_err();
        assert_eq!((fault.line, fault.mend.as_str()), (3, "one of: rs.typ"));
        assert!(fault.to_string().len() < 700, "{fault}");
        let (member, id) = (GOOD.replace("\"alter\"", &format!("\"{long}\"")), GOOD.replace("rs.typ.jwt", &long));
        for text in [member, id] {
            let fault = load(&text).unwrap_err();
            assert!(fault.to_string().len() < 1_500, "{} octets", fault.to_string().len());
        }
        let known = vec![long.as_str(); 300];
        assert_eq!(suggestion("rs.typ", known.iter().copied()), "none of the 300 known names is like it");
        assert_eq!(suggestion("rs.tpy", known.into_iter().chain(["rs.typ"])), "did you mean \"rs.typ\"?");
    }

    #[test]
    fn nothing_stands_beside_changes_that_would_be_ignored() {
        let story = |beside: &str| {
            let play = format!(
                r#""play": [{{"connect": {{"name": "a"}}}}, {{"send": {{"on": "a", "changes": ["no-proof"]{beside}, "expect": "observed"}}}}]"#
            );
            let alter = "\"alter\": \"typ-jwt\",\n  \"expect\": {\"refused\": {\"error\": [\"invalid_proof\"], \"check\": \"typ\"}}";
            load(&GOOD.replace(alter, &play))
        };
        assert!(story("").is_ok());
        for beside in [r#", "alter": "typ-jwt""#, r#", "proof": "fresh""#] {
            let fault = story(beside).unwrap_err();
            assert!(fault.what.contains("do nothing") && fault.mend.contains("leave out"), "{fault}");
        }
    }

    #[test]
    fn what_needs_a_raw_connection_is_told_so() {
        let story = |transports: &str, steps: &str| {
            let play = format!("\"transports\": [{transports}], \"play\": [\n{steps}]");
            let alter = "\"alter\": \"typ-jwt\",\n  \"expect\": {\"refused\": {\"error\": [\"invalid_proof\"], \"check\": \"typ\"}}";
            load(&GOOD.replace(alter, &play))
        };
        let raw = r#"{"connect": {"name": "a", "raw": true}}"#;
        let plain = r#"{"connect": {"name": "a"}}"#;
        let odd = r#"{"send": {"on": "a", "wire": "upgrade", "expect": "observed"}}"#;
        let pipeline = r#"{"pipeline": [{"on": "a", "expect": "accepted"}, {"on": "a", "expect": "observed"}]}"#;
        let h1 = r#""tls13-h1", "tls12-h1""#;
        let case = story(h1, &format!("{raw}, {odd}, {pipeline}")).unwrap();
        assert_eq!(case.play.iter().flatten().flat_map(Step::expects).count(), 3);
        for (transports, steps) in [
            (h1, format!("{plain}, {odd}")),
            (h1, format!("{plain}, {pipeline}")),
            (h1, format!("{raw}, {plain}, {pipeline}")),
            (r#""tls13-h1", "tls13-h2""#, format!("{raw}, {odd}")),
            (h1, r#"{"connect": {"name": "a", "raw": true, "over": "quic-h3"}}"#.to_owned()),
            (h1, format!(r#"{raw}, {{"connect": {{"name": "b"}}}}, {}"#, pipeline.replacen("\"a\"", "\"b\"", 1))),
        ] {
            let fault = story(transports, &steps).unwrap_err();
            assert!(fault.mend.contains("raw") && fault.line > 4, "{steps}: {fault}");
        }
        let host = r#"{"send": {"on": "a", "wire": "another_host", "expect": "observed"}}"#;
        assert!(story(r#""tls13-h2""#, &format!("{plain}, {host}")).is_ok());
    }
}
