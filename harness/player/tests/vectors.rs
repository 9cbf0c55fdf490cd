//! `vectors/` is what the generator makes, and the reference decides on each vector as the file says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_binding::{
    crypto::{AwsLc, RustCrypto, SignatureVerifier},
    refusal::Check,
    steps::{Moment, Steps},
};
use ekmcheck_player::vectors::{self, VectorError, replay, replay_by};
use ekmcheck_suite::vector::{Vector, Verdict};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// The JSON files in the folders of `vectors/`, by their paths there.
fn on_disk() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir()) {
        for file in fs::read_dir(entry.path()).unwrap().map(Result::unwrap) {
            let path = format!("{}/{}", entry.file_name().display(), file.file_name().display());
            if path.ends_with(".json") {
                files.insert(path, fs::read_to_string(file.path()).unwrap());
            }
        }
    }
    files
}

fn vectors_on_disk() -> Vec<(String, Vector)> {
    let vectors = on_disk().into_iter().filter(|(path, _)| path != vectors::SCHEMA);
    let read = |(path, text): (String, String)| {
        let vector = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        (path, vector)
    };
    vectors.map(read).collect()
}

/// Writes them anew: `cargo test -p ekmcheck-player --test vectors -- --ignored write`.
#[test]
#[ignore = "writes files"]
fn write() {
    let generated: BTreeMap<_, _> = vectors::files().unwrap().into_iter().collect();
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
    let (mut disk, generated) = (on_disk(), vectors::files().unwrap());
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
    assert_eq!(generated, vectors::files().unwrap(), "two generations differ");
    assert!(generated.len() > 100, "{} files", generated.len());
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
    let schema: Value = serde_json::from_str(&on_disk()[vectors::SCHEMA]).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (path, text) in on_disk().into_iter().filter(|(path, _)| path != vectors::SCHEMA) {
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

#[test]
fn the_lint_finds_nothing() {
    let vectors: Vec<Vector> = vectors_on_disk().into_iter().map(|(_, vector)| vector).collect();
    let faults = ekmcheck_suite::vector::lint(&vectors, &[]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
