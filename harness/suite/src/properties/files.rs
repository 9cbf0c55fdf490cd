//! `files`: the readers of our own files. Each may be written by somebody else, and is read before anything is trusted.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Seed;
use crate::{
    adapter::Answer,
    ambiguity::Register,
    campaign::Campaign,
    load::{self, LoadFault, Names},
    report::Report,
    requirement::Ledger,
    role::Role,
    vector::Vector,
};

/// Which file: the first octet.
const KINDS: u8 = 7;

/// Takes the first octet for the kind of file (a case, the ledger, the register of ambiguities, a vector, a report, a
/// campaign, a line of an adapter) and the rest for its text. It is read, or refused with a place that lies within it; what was read and is written out again
/// is read as the same.
pub fn files(octets: &[u8]) {
    let Some((kind, text)) = octets.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    match kind % KINDS {
        0 => {
            let read = load::case("case.json", (Role::ResourceServer, "typ/jwt"), text, &ledger(), &names());
            placed(text, read.as_ref().err());
            if let Ok(case) = &read {
                // What the player and the judge ask of every case.
                for warm in [false, true] {
                    _ = case.plays(warm).len();
                }
                _ = (case.is_negative(), case.moves_clock());
            }
            again(read.ok().as_ref(), text);
        }
        1 => {
            let read = load::ledger("requirements.json", text);
            placed(text, read.as_ref().err());
            again(read.ok().as_ref(), text);
        }
        2 => {
            let read = load::register("ambiguities.json", text);
            placed(text, read.as_ref().err());
            again::<Register>(read.ok().as_ref(), text);
        }
        3 => again::<Vector>(serde_json::from_str(text).ok().as_ref(), text),
        4 => again::<Report>(serde_json::from_str(text).ok().as_ref(), text),
        5 => {
            let read: Option<Campaign> = serde_json::from_str(text).ok();
            again(read.as_ref(), text);
            if let Some(read) = read {
                // With itself, unless it is a shard, which there is once.
                let merged = Campaign::merged(&[read.clone(), read.clone()]);
                assert!(merged.is_ok() == read.shard.is_none(), "FILES: {merged:?}\n{text}");
                _ = (read.rate(), read.weighed(), read.again("campaign.json"));
            }
        }
        _ => match Answer::read(text) {
            Ok(answer) => again(Some(&answer), text),
            Err(why) => assert!(!why.is_empty(), "FILES: says nothing\n{text}"),
        },
    }
}

/// A fault is told with a line and a column that an editor can go to.
fn placed(text: &str, fault: Option<&LoadFault>) {
    let Some(fault) = fault else { return };
    // A fault at the end of a text that ends with a line break is on the line after it.
    let lines = text.lines().count() + 1;
    assert!((1..=lines.max(1)).contains(&fault.line), "FILES: {fault}, and there are {lines} lines\n{text}");
    assert!(!fault.what.is_empty() && fault.to_string().contains(&fault.what), "FILES: says nothing\n{text}");
}

/// Written out and read again, by value.
fn again<T: Serialize + DeserializeOwned>(read: Option<&T>, text: &str) {
    let Some(read) = read else { return };
    let value = |read: &T| serde_json::to_value(read).unwrap_or(Value::Null);
    let written = value(read);
    let reread = serde_json::from_value::<T>(written.clone()).map(|reread| value(&reread));
    assert!(reread.as_ref().ok() == Some(&written), "FILES: {written} is read again as {reread:?}\n{text}");
}

fn ledger() -> Ledger {
    load::ledger("requirements.json", LEDGER).unwrap_or_default()
}

fn names() -> Names {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Names { alterations: set(&["typ-jwt", "ekm-missing"]), clients: set(&["p256", "second"]), ..Names::default() }
}

const LEDGER: &str = r#"{"requirements":[{"id":"rs.typ","role":"resource-server","level":"MUST","basis":"draft","clause":"2.3.1","revision":"-06","text":"."}],"rows":[],"excluded":[],"readings":[]}"#;

const REGISTER: &str = r#"{"draft":"-06","ambiguities":[]}"#;

const ALTERATION: &str = r#"{"id":"rs.typ.jwt","row":"RS-C02","title":".","level":"MUST","basis":"draft","clause":"2.3.1","requirements":["rs.typ"],"alter":"typ-jwt","expect":{"refused":{"error":["invalid_proof"],"check":"typ"}}}"#;

const STORY: &str = r#"{"id":"rs.typ.jwt","row":"RS-J22","title":".","level":"SHOULD","basis":"hardening","clause":"3.3.2","requirements":["rs.typ"],"play":[{"connect":{"name":"first","client":"p256"}},{"send":{"on":"first","expect":"accepted"}},{"close":{"connection":"first","how":"fin"}},{"connect":{"name":"second","same_port_as":"first"}},{"send":{"on":"second","proof":{"made_on":"first"},"expect":{"refused":{"error":["invalid_proof"]}}}},{"advance_clock":{"seconds":600}}]}"#;

const CAMPAIGN: &str = r#"{"ekmcheck":"0","subject":"s","named_by":["--subject","s"],"draft":"d","machine":"m","transports":["tls13-h1"],"seed":1,"requests":9,"mutants":3,"connections":2,"seconds":0.5,"ended":"requests","server_errors":0,"findings":[{"id":"bypass.ekm","class":"bypass","check":"ekm","weight":"violation","times":1,"examples":[{"mutations":{"mutations":[{"row":"ekm-missing"}],"claims":[false,false,false],"warm":false},"claims":[],"warm":false,"transport":"tls13-h1","weight":"violation","expected":"ekm","seen":"accepted","at_request":7}]}],"novelty":[{"requests":1,"behaviours":1}],"corpus":[]}"#;

const ANSWER: &str = r#"{"answer":"refuse","id":7,"check":"ekm","detail":"d"}"#;

/// One of each kind.
pub(super) fn seeds() -> Vec<Seed> {
    [
        ("case-alteration", 0, ALTERATION),
        ("case-story", 0, STORY),
        ("ledger", 1, LEDGER),
        ("register", 2, REGISTER),
        ("campaign", 5, CAMPAIGN),
        ("answer", 6, ANSWER),
    ]
    .map(|(name, kind, text)| (name.to_owned(), [&[kind], text.as_bytes()].concat()))
    .to_vec()
}
