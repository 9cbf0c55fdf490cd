//! `vectors/` is what the generator makes, and the reference decides on each vector as the file says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_binding::{
    algorithm::Algorithm,
    confirmation::Confirmation,
    crypto::{AwsLc, RustCrypto, SignatureVerifier},
    guard::Connection,
    json::Object,
    proof::Proof,
    refusal::{Check, Refusal},
    steps::{Moment, Steps, algorithm_of},
};
use ekmcheck_offline::vectors::{self, VectorError, replay, replay_by};
use ekmcheck_suite::{
    requirement::Ledger,
    vector::{Bundle, ExporterAnswer, FLAGS, VERSION, Vector, Verdict, lint},
};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// The JSON files of `vectors/`, by their paths there.
fn on_disk() -> BTreeMap<String, String> {
    fn walk(at: &Path, name: &str, out: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
            let name = format!("{name}{}", entry.file_name().display());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), out);
            } else if name.ends_with(".json") {
                out.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&folder(), "", &mut files);
    files
}

/// The files of a kind, read.
fn read<T: serde::de::DeserializeOwned>(wanted: impl Fn(&str) -> bool) -> Vec<(String, T)> {
    let files = on_disk().into_iter().filter(|(path, _)| path.contains('/') && wanted(path));
    let read = |(path, text): (String, String)| {
        let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        (path, value)
    };
    files.map(read).collect()
}

fn is_vector(path: &str) -> bool {
    !path.starts_with(vectors::SCHEMAS) && !path.starts_with(vectors::EXPORTER)
}

fn vectors_on_disk() -> Vec<(String, Vector)> {
    read(is_vector)
}

fn answers_on_disk() -> Vec<(String, ExporterAnswer)> {
    read(|path| path.starts_with(vectors::EXPORTER))
}

#[test]
#[ignore = "writes files"]
fn write() {
    let generated = vectors::generate().unwrap().files();
    for stale in on_disk().keys().filter(|path| !generated.contains_key(*path)) {
        fs::remove_file(folder().join(stale)).unwrap();
    }
    for (path, text) in generated {
        let path = folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn files_are_what_the_generator_makes() {
    let (mut disk, generated) = (on_disk(), vectors::generate().unwrap().files());
    let mut faults = Vec::new();
    for (path, text) in &generated {
        match disk.remove(path) {
            None => faults.push(format!("{path} is missing")),
            Some(found) if found != *text => faults.push(format!("{path} differs")),
            Some(_) => {}
        }
    }
    faults.extend(disk.keys().map(|path| format!("{path} is extra")));
    assert!(faults.is_empty(), "vectors/:\n{}", faults.join("\n"));
    assert_eq!(generated, vectors::generate().unwrap().files(), "two generations differ");
    assert!(generated.len() > 700, "{} files", generated.len());
}

#[test]
fn reference_decides_as_the_files_say() {
    let vectors = vectors_on_disk();
    for verifier in [&AwsLc as &dyn SignatureVerifier, &RustCrypto] {
        let mut counts: HashMap<Verdict, usize> = HashMap::new();
        for (path, vector) in &vectors {
            let refusal = replay(vector, verifier).unwrap();
            let check = refusal.as_ref().map(|r| r.check().name());
            // RustCrypto reads no RSA key of more than 4096 bits.
            let wanted = match (verifier.name(), path.as_str()) {
                ("RustCrypto", "open/rsa8192.json") => Some("signature"),
                _ => vector.expect.check.as_deref(),
            };
            assert_eq!(check, wanted, "{path} with {}: {refusal:?}", verifier.name());
            match vector.expect.verdict {
                Verdict::Accept => assert_eq!(check, None, "{path}"),
                Verdict::Refuse => assert!(check.is_some(), "{path}"),
                Verdict::Open => {}
            }
            *counts.entry(vector.expect.verdict).or_default() += 1;
        }
        let count = |verdict| counts.get(&verdict).copied().unwrap_or_default();
        let (accepted, refused, open) = (count(Verdict::Accept), count(Verdict::Refuse), count(Verdict::Open));
        println!("{}: {accepted} accepted, {refused} refused, {open} open", verifier.name());
        assert!(accepted > 0 && refused > 0 && open > 0, "nothing was executed");
        assert_eq!(accepted + refused + open, vectors.len());
    }
}

/// The draft's steps with some checks left out.
struct Without(Vec<Check>);

impl Steps for Without {
    fn omits(&self, check: Check, _: Moment) -> bool {
        self.0.contains(&check)
    }
}

/// With its check left out a vector passes, unless the reference makes that check in a second place (types of claims,
/// the choice of the algorithm). No other check may refuse: then two things would be wrong.
#[test]
fn exactly_one_thing_is_wrong() {
    let (mut covered, mut passed) = (BTreeSet::new(), 0);
    for (path, vector) in vectors_on_disk() {
        let [name] = &vector.expect.checks[..] else { continue };
        let check = Check::from_name(name).unwrap();
        let folder = path.split('/').next().unwrap();
        assert!(folder == *name || vector.expect.verdict == Verdict::Open, "{path} is in the wrong folder");
        covered.insert(check.name());
        match replay_by(&vector, Without(vec![check])).unwrap() {
            None => passed += 1,
            Some(refusal) => assert_eq!(refusal.check(), check, "{path}: {refusal}"),
        }
    }
    println!("{passed} vectors pass without their check");
    assert!(passed > 60, "{passed}");
    let due = "alg ath certificate confirmation crit ekm format htm htu iat jti signature typ x5t";
    assert_eq!(covered.into_iter().collect::<Vec<_>>(), due.split(' ').collect::<Vec<_>>());
}

/// Of two defects each is enough, and there is no third.
#[test]
fn of_several_defects_each_is_enough() {
    let mut checked = 0;
    for (path, vector) in vectors_on_disk().into_iter().filter(|(_, v)| v.expect.checks.len() > 1) {
        let checks: Vec<Check> = vector.expect.checks.iter().map(|name| Check::from_name(name).unwrap()).collect();
        // Where the algorithm is wrong, the step that verifies the signature cannot begin.
        let without = |kept: Option<Check>| {
            let mut left_out: Vec<Check> = checks.iter().copied().filter(|c| Some(*c) != kept).collect();
            if left_out.contains(&Check::Alg) {
                left_out.push(Check::Signature);
            }
            replay_by(&vector, Without(left_out)).unwrap().map(|refusal| refusal.check())
        };
        for check in &checks {
            assert_eq!(without(Some(*check)), Some(*check), "{path}: with {check} alone");
        }
        // The types of claims are looked at with whatever checks.
        let third = without(None).filter(|check| !checks.contains(check));
        assert_eq!(third, None, "{path}: refused by a check that it does not name");
        checked += 1;
    }
    println!("{checked} vectors with several defects");
    assert!(checked > 20, "{checked}");
}

#[test]
fn files_fit_the_schema_and_nothing_else_does() {
    let schema = schema("vector");
    for (path, text) in on_disk().into_iter().filter(|(path, _)| path.contains('/') && is_vector(path)) {
        let right: Value = serde_json::from_str(&text).unwrap();
        if let Err(error) = schema.validate(&right) {
            panic!("{path}: {error}");
        }
        let refused = |changed: &Value, what: &str| {
            assert!(!schema.is_valid(changed), "{path}: the schema takes {what}");
            assert!(serde_json::from_value::<Vector>(changed.clone()).is_err(), "{path}: the type takes {what}");
        };
        for place in ["", "/inputs", "/inputs/request", "/policy", "/expect", "/debug"] {
            let mut changed = right.clone();
            changed.pointer_mut(place).unwrap()["unknown"] = Value::Null;
            refused(&changed, &format!("an unknown field in {place:?}"));
        }
        for name in ["id", "inputs", "expect", "policy"] {
            let mut changed = right.clone();
            changed.as_object_mut().unwrap().remove(name);
            refused(&changed, &format!("a vector without {name}"));
        }
        let mut changed = right.clone();
        changed["inputs"]["exporter"] = "00".into();
        assert!(!schema.is_valid(&changed), "{path}: a short exporter value");
    }
}

#[test]
fn no_two_vectors_have_the_same_inputs_or_id() {
    let mut seen: HashMap<String, String> = HashMap::new();
    for (path, vector) in vectors_on_disk() {
        assert_eq!(path, format!("{}.json", vector.id));
        let inputs = serde_json::to_string(&(&vector.inputs, vector.policy)).unwrap();
        if let Some(other) = seen.insert(inputs, path.clone()) {
            panic!("{path} and {other} have the same inputs");
        }
    }
}

#[test]
fn token_claims_are_those_of_the_token() {
    for (path, vector) in vectors_on_disk() {
        let payload = vector.inputs.access_token.split('.').nth(1).unwrap();
        let payload = ekmcheck_binding::base64url::decode(payload).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(claims, Value::Object(vector.inputs.token_claims.clone()), "{path}");
        assert_eq!(claims["exp"], vector.inputs.token_valid_until, "{path}");
    }
}

#[test]
fn an_unreadable_vector_is_not_a_refusal() {
    let (_, right) = vectors_on_disk().remove(0);
    for (field, text) in [
        ("inputs.certificate", "AAAA"),
        ("inputs.certificate", "!"),
        ("inputs.exporter", "00"),
        ("inputs.exporter", &"zz".repeat(32)),
    ] {
        let mut vector = right.clone();
        let inputs = &mut vector.inputs;
        let place = if field == "inputs.exporter" { &mut inputs.exporter } else { &mut inputs.certificate };
        text.clone_into(place);
        let Err(VectorError::Unreadable { field: found, .. }) = replay(&vector, &AwsLc) else {
            panic!("{field} was read");
        };
        assert_eq!(found, field);
    }
}

/// The live cases of an alteration name the same requirement, as strong and as well founded, in at least one case.
#[test]
fn an_alteration_is_judged_alike_offline_and_live() {
    let mut live: HashMap<String, Vec<Value>> = HashMap::new();
    let mut folders = vec![folder().join("../scenarios")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                let case: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
                if let Some(alteration) = case["alter"].as_str() {
                    live.entry(alteration.to_owned()).or_default().push(case);
                }
            }
        }
    }
    let (mut compared, mut faults) = (0, Vec::new());
    for (path, vector) in vectors_on_disk() {
        let Some(cases) = vector.alteration.as_ref().and_then(|name| live.get(name)) else { continue };
        // Open to a library by the words of an RFC, whatever the live cases ask of a server.
        if vectors::LEFT_OPEN.iter().any(|(open, ..)| vector.alteration.as_deref() == Some(open)) {
            continue;
        }
        let vector = serde_json::to_value(vector).unwrap();
        let alike = |case: &Value| {
            case["level"] == vector["level"]
                && case["basis"] == vector["basis"]
                && case["requirements"].as_array().unwrap().contains(&vector["requirements"][0])
        };
        compared += 1;
        if !cases.iter().any(alike) {
            let ids: Vec<String> = cases.iter().map(|case| case["id"].to_string()).collect();
            faults.push(format!("{path} and {}", ids.join(", ")));
        }
    }
    assert!(faults.is_empty(), "differ in requirement, level or basis:\n{}", faults.join("\n"));
    assert!(compared > 100, "{compared}");
}

fn schema(name: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&on_disk()[&format!("{}/{name}.schema.json", vectors::SCHEMAS)]).unwrap();
    assert_eq!(schema["x-version"], VERSION, "{name}");
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn known_answers_and_bundle_fit_their_schemas() {
    let valid = |schema: &jsonschema::Validator, value: &Value, what: &str| {
        if let Err(error) = schema.validate(value) {
            panic!("{what}: {error}");
        }
    };
    let of_answers = schema("exporter");
    for (path, answer) in read::<Value>(|path| path.starts_with(vectors::EXPORTER)) {
        valid(&of_answers, &answer, &path);
    }
    let made = vectors::generate().unwrap();
    let count = made.vectors.len();
    let bundle = Bundle::new(made.vectors, made.exporter, &ledger().requirements);
    assert_eq!(bundle.counts.accept + bundle.counts.refuse + bundle.counts.open, count);
    valid(&schema("bundle"), &serde_json::to_value(&bundle).unwrap(), "the bundle");
    // Every requirement that a vector names is one of the ledger, with what it says.
    let known: BTreeSet<&str> = bundle.requirements.iter().map(|r| r.id.as_str()).collect();
    let named =
        bundle.vectors.iter().flat_map(|v| &v.requirements).chain(bundle.exporter.iter().flat_map(|e| &e.requirements));
    for id in named {
        assert!(known.contains(id.as_str()), "the ledger has no {id}");
    }
}

fn ledger() -> Ledger {
    let path = folder().join("../scenarios/requirements.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn rows_that_vectors_cover_are_in_their_coverage() {
    let covered: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(folder().join("coverage.json")).unwrap()).unwrap();
    let covered: BTreeSet<&str> = covered.iter().filter_map(|entry| entry["row"].as_str()).collect();
    let ledger = ledger();
    let rows: BTreeSet<&str> = ledger.by_vectors.iter().map(String::as_str).collect();
    assert_eq!(rows.difference(&covered).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(rows.len() > 40, "{rows:?}");
}

fn lint_of(vectors: &[(String, Vector)]) -> Vec<String> {
    let vectors: Vec<Vector> = vectors.iter().map(|(_, vector)| vector.clone()).collect();
    let answers: Vec<ExporterAnswer> = answers_on_disk().into_iter().map(|(_, answer)| answer).collect();
    lint(&vectors, &answers)
}

#[test]
fn the_lint_finds_nothing() {
    let faults = lint_of(&vectors_on_disk());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_lint_finds_what_is_planted() {
    let right = vectors_on_disk();
    let planted = |change: fn(&mut Vec<(String, Vector)>), fault: &str| {
        let mut vectors = right.clone();
        change(&mut vectors);
        let faults = lint_of(&vectors);
        assert!(faults.iter().any(|f| f.contains(fault)), "{fault}: {faults:?}");
    };
    planted(|v| v[1].1.inputs = v[0].1.inputs.clone(), "the same inputs as");
    planted(
        |v| {
            let mut other = v[0].1.clone();
            other.expect.verdict = Verdict::Open;
            v[1].1 = other;
        },
        "with two verdicts",
    );
    planted(|v| v[0].1.requirements.clear(), "it is about no requirement");
    planted(|v| v[0].1.expect.check = None, "contradict");
    planted(|v| v[0].1.expect.checks.push("ekm".to_owned()), "several defects");
    planted(|v| v[0].1.flags.clear(), "no class of bugs");
    planted(|v| v[0].1.flags.push("nothing".to_owned()), "in no table");
    planted(|v| v.retain(|(_, v)| !v.flags.contains(&"nesting".to_owned())), "no vector has the flag \"nesting\"");
    let about = |vector: &Vector| vector.requirements.contains(&"rs.typ".to_owned());
    let without = |verdict| {
        let kept = right.iter().filter(|(_, v)| v.expect.verdict != verdict || !about(v));
        lint_of(&kept.cloned().collect::<Vec<_>>())
    };
    assert_eq!(without(Verdict::Refuse), ["the requirement rs.typ has no wrong vector"]);
    assert!(without(Verdict::Accept).contains(&"the requirement rs.typ has no right vector".to_owned()));
    planted(|v| v[0].1.id = "ath/elsewhere".to_owned(), "in the wrong folder");
}

/// A verifier that lacks a check, also where the reference makes it in a second place.
struct Lax(Check);

impl Steps for Lax {
    fn omits(&self, check: Check, _: Moment) -> bool {
        check == self.0
    }

    fn confirmation(&self, claims: &Object) -> Result<Confirmation, Refusal> {
        let read = Confirmation::from_claims(claims);
        // What it cannot read is not there.
        if self.0 == Check::Confirmation { Ok(read.unwrap_or(Confirmation::Unbound)) } else { read }
    }

    fn parse(&self, text: &str) -> Result<Proof, Refusal> {
        let strict = Proof::parse(text);
        if self.0 == Check::Format { strict.or_else(|refusal| lenient(text).ok_or(refusal)) } else { strict }
    }

    fn signature(&self, proof: &Proof, connection: &Connection, _: &str) -> Result<(), Refusal> {
        let key = connection.certificate.key();
        let algorithm = match self.0 {
            Check::Alg => Algorithm::usual_for(key.kind()),
            _ => algorithm_of(proof, &connection.certificate)?,
        };
        let holds = AwsLc.verify(algorithm, key, proof.signing_input.as_bytes(), &proof.signature);
        if holds { Ok(()) } else { Err(Refusal::new(Check::Signature, "")) }
    }
}

/// As many libraries read: what is not of the alphabet is passed over, and of two members the last one counts.
fn lenient(text: &str) -> Option<Proof> {
    let segments: Vec<&str> = text.split('.').collect();
    let octets = |n: usize| {
        let usual = segments.get(n)?.replace('+', "-").replace('/', "_");
        let mut usual: String = usual.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        if usual.len() % 4 == 1 {
            usual.pop();
        }
        ekmcheck_binding::base64url::decode(&usual).ok()
    };
    let object = |n| {
        let text = String::from_utf8_lossy(&octets(n)?).into_owned();
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        ekmcheck_binding::json::parse_object(value.to_string().as_bytes()).ok()
    };
    let (header, claims, signature) = (object(0)?, object(1)?, octets(2)?);
    Some(Proof { header, claims, signing_input: segments[..2].join("."), signature })
}

/// Each check: a verifier that does not make it takes at least one vector of its folder.
#[test]
fn a_verifier_without_a_check_is_caught_in_its_folder() {
    let mut caught: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, vector) in vectors_on_disk() {
        let Some(check) = Check::ALL.into_iter().find(|c| path.starts_with(&format!("{}/", c.name()))) else {
            continue;
        };
        let accepted = replay_by(&vector, Lax(check)).unwrap().is_none();
        *caught.entry(check.name()).or_default() += usize::from(accepted);
    }
    println!("vectors that a verifier without the check takes: {caught:?}");
    assert_eq!(caught.len(), 14);
    for (check, count) in caught {
        assert!(count > 0, "{check}");
    }
}

/// TLS 1.2 tells no context from a zero-length one, and cuts a longer value to the right one; TLS 1.3 does neither.
#[test]
fn known_answers_of_the_exporter() {
    let answers = answers_on_disk();
    let is_right = |name: &str| {
        let path = format!("exporter/{name}.json");
        answers.iter().find(|(p, _)| *p == path).unwrap_or_else(|| panic!("no {path}")).1.is_right
    };
    for hash in ["sha256", "sha384"] {
        for (tls, no_context, truncated) in [("tls12", false, true), ("tls13", true, false)] {
            assert!(is_right(&format!("{tls}-{hash}-right")));
            assert_eq!(is_right(&format!("{tls}-{hash}-no-context")), no_context);
            assert_eq!(is_right(&format!("{tls}-{hash}-truncated")), truncated);
            for wrong in ["label-with-nul", "nul-context", "channel-binding-label", "64-octets"] {
                assert!(!is_right(&format!("{tls}-{hash}-{wrong}")));
            }
        }
        assert!(!is_right(&format!("tls13-{hash}-early")));
    }
    println!("{} known answers", answers.len());
    assert!(answers.len() >= 40, "{}", answers.len());
}

#[test]
fn every_row_about_verifiers_has_vectors_or_says_what_is_done_instead() {
    let coverage: Vec<Value> = serde_json::from_str(&on_disk()[vectors::COVERAGE]).unwrap();
    assert_eq!(coverage.len(), vectors::ROWS.len());
    for row in coverage {
        let vectors = row["vectors"].as_array().map_or(0, Vec::len);
        assert!(vectors > 0 || row["instead"].is_string(), "{row}");
    }
}

/// What a reader in another language has: the table of flags, and the history of the version.
#[test]
fn the_readme_and_the_changelog_are_up_to_date() {
    let file = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let readme = file("README.md");
    for (name, about, cves) in FLAGS {
        let line = format!("| `{name}` | {about} | {} |", cves.join(", ")).replace("|  |", "| |");
        assert!(readme.contains(&line), "the README lacks the line\n{line}");
    }
    assert!(file("CHANGELOG.md").contains(&format!("## {VERSION}")), "the changelog says nothing of {VERSION}");
}
