//! The fuzz targets' properties without a fuzzing engine: on generated inputs, on every file of the corpora and of the
//! regressions, and on guards that are wrong, which they have to find.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use ekmcheck_binding::{
    base64url,
    proof::Proof,
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Moment, Steps},
};
use ekmcheck_forge::properties::{
    BUGS, TARGETS, Target, engine::Inputs, proof_bytes, proof_bytes_on, proof_structured, proof_structured_on,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

/// The same inputs at every run: a finding here must not depend on the day.
fn holds<T: std::fmt::Debug>(cases: u32, inputs: impl Strategy<Value = T>, check: impl Fn(T)) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&inputs, |input| {
            check(input);
            Ok(())
        })
        .unwrap();
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let target = TARGETS.iter().find(|t| t.name == target).unwrap();
    (target.seeds)().into_iter().map(|(_, octets)| octets).collect()
}

/// Seeds with a few octets changed, put in or taken out.
fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (prop::sample::select(seeds), vec(edit, 1..4)).prop_map(|(mut octets, edits)| {
        for (at, octet, how) in edits {
            let at = at.index(octets.len() + 1);
            match how {
                0 => octets.insert(at, octet),
                1 if at < octets.len() => octets[at] = octet,
                2 if at < octets.len() => _ = octets.remove(at),
                _ => octets.push(octet),
            }
        }
        octets
    })
}

#[test]
fn proof_bytes_on_any_octets() {
    holds(2_000, vec(any::<u8>(), 0..200), |octets| proof_bytes(&octets));
}

#[test]
fn proof_bytes_on_texts_like_a_jws() {
    holds(2_000, "[A-Ba-b0-9_=.-]{0,40}", |text| proof_bytes(text.as_bytes()));
}

/// Near JSON in near base64url, to get past the first reader to the second.
#[test]
fn proof_bytes_on_segments_like_json() {
    let json = r#"\{("(iat|jti|htu|\\u0061|a)":(-?[0-9]{1,3}(\.5)?(e[0-9]{1,3})?|"[a-c\\/?%u0-9]{0,6}"|\[(1,)?\{\}\]|null),?){0,3}\}"#;
    holds(4_000, (json, json, "[A-Za-z0-9_-]{0,3}"), |(header, claims, signature)| {
        let segment = |text: &str| base64url::encode(text.as_bytes());
        proof_bytes(format!("{}.{}.{signature}", segment(&header), segment(&claims)).as_bytes());
    });
}

#[test]
fn proof_bytes_on_mutated_seeds() {
    holds(1_000, mutated(seeds("proof_bytes")), |octets| proof_bytes(&octets));
}

#[test]
fn proof_structured_on_any_octets() {
    holds(800, vec(any::<u8>(), 0..40), |octets| proof_structured(&octets));
}

#[test]
fn proof_structured_on_mutated_seeds() {
    holds(800, mutated(seeds("proof_structured")), |octets| proof_structured(&octets));
}

/// One member of an otherwise right proof set to something, which random octets seldom come to.
#[test]
fn proof_structured_on_one_member() {
    let start = (0..24_u8, 0..8_u8, 0..4_u8).prop_map(|(client, claims, path)| vec![client, claims, path]);
    // No other token, no attack, one step, and that the setting of a member.
    let step = (0..10_u8, vec(any::<u8>(), 4..6)).prop_map(|(name, value)| {
        let set = [0, 0, 1, 0, 2, 0, name, 0, 0];
        [&set[..], &value].concat()
    });
    holds(1_000, (start, step), |(start, step)| proof_structured(&[start, step].concat()));
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs in a folder, which a target without findings need not have.
fn inputs(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_input = |path: &PathBuf| path.file_name().unwrap() != "README.md";
    paths.filter(is_input).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn replay(target: &Target, folder: &Path) -> usize {
    let inputs = inputs(folder);
    for (path, octets) in &inputs {
        let finding = catch_unwind(|| (target.check)(octets));
        assert!(finding.is_ok(), "{} has a finding: {}", target.name, path.display());
    }
    inputs.len()
}

#[test]
fn every_corpus_holds() {
    for target in TARGETS {
        let replayed = replay(&target, &fuzz().join("corpus").join(target.name));
        assert!(replayed > 0, "there is nothing in the corpus of {}", target.name);
    }
}

/// The seeds are named after rows of the table and refer to them by number: a new row moves them.
#[test]
fn the_seeds_in_the_corpora_are_current() {
    const COMMAND: &str = "cargo run --release -- fuzz-seeds";
    for target in TARGETS {
        for (name, octets) in (target.seeds)() {
            let path = fuzz().join("corpus").join(target.name).join(name);
            assert!(fs::read(&path).is_ok_and(|on_disk| on_disk == octets), "{}: run {COMMAND}", path.display());
        }
    }
}

#[test]
fn every_regression_holds() {
    for target in TARGETS {
        replay(&target, &fuzz().join("regressions").join(target.name));
    }
}

/// What is nested, repeated or escaped without end costs no more than its length. A second is what nothing needs that is
/// not slow by design, in a debug build on a busy machine.
#[test]
fn no_text_takes_long() {
    type Shape = fn(usize) -> String;
    let shapes: [(&str, Shape); 9] = [
        ("nested arrays", |n| format!("{{\"a\":{}", "[".repeat(n))),
        ("nested objects", |n| "{\"a\":".repeat(n / 5)),
        ("members of one name", |n| format!("{{{}\"a\":1}}", "\"a\":1,".repeat(n / 6))),
        ("members of other names", |n| {
            let members: Vec<String> = (0..n / 10).map(|i| format!("\"m{i}\":1")).collect();
            format!("{{{}}}", members.join(","))
        }),
        ("escapes", |n| format!("{{\"a\":\"{}\"}}", "\\u0061".repeat(n / 6))),
        ("digits", |n| format!("{{\"iat\":{}}}", "9".repeat(n))),
        ("an exponent", |n| format!("{{\"iat\":1e{}}}", "9".repeat(n))),
        ("white space", |n| format!("{{{}}}", " ".repeat(n))),
        ("an open string", |n| format!("{{\"{}", "a".repeat(n))),
    ];
    for (name, shape) in shapes {
        // As long as a proof may be, and much longer.
        for size in [8_000, 400_000] {
            let text = shape(size);
            let segment = base64url::encode(text.as_bytes());
            let timed = |what: &str, read: &dyn Fn()| {
                let begun = std::time::Instant::now();
                read();
                let took = begun.elapsed();
                assert!(took.as_secs_f64() < 1.0, "{name} of {size} octets as {what}: {took:?}");
            };
            timed("JSON", &|| drop(ekmcheck_binding::json::parse_object(text.as_bytes())));
            timed("a header", &|| drop(Proof::parse(&format!("{segment}.e30.AAAA"))));
            timed("claims", &|| drop(Proof::parse(&format!("e30.{segment}.AAAA"))));
            timed("segments", &|| drop(Proof::parse(&".".repeat(size))));
        }
    }
}

/// Whether the property finds something with one of its own seeds.
fn is_found<S: Steps + Clone>(steps: &S) -> bool {
    seeds("proof_structured")
        .iter()
        .any(|octets| catch_unwind(AssertUnwindSafe(|| proof_structured_on(steps, octets))).is_err())
}

/// A guard that leaves out a check.
#[derive(Clone)]
struct Omits(Check, Moment);

impl Steps for Omits {
    fn omits(&self, check: Check, moment: Moment) -> bool {
        (self.0, self.1) == (check, moment)
    }
}

#[test]
fn a_guard_that_leaves_out_a_check_is_found() {
    use Check::{Alg, Ath, Certificate, Crit, Ekm, Htm, Htu, Iat, Jti, Signature, Typ, X5t};
    let cold = [Certificate, Crit, Typ, X5t, Signature, Ekm, Ath, Iat, Htm, Htu, Jti].map(|c| (c, Moment::Cold));
    let warm = [Iat, Htm, Htu, Jti].map(|c| (c, Moment::Hit));
    for (check, moment) in cold.into_iter().chain(warm) {
        assert!(is_found(&Omits(check, moment)), "without {check}, {moment:?}");
    }
    // The step of the signature looks at the algorithm again.
    assert!(!is_found(&Omits(Alg, Moment::Cold)));
    assert!(!is_found(&ByTheDraft));
}

/// In a debug build, and in a second or so: what takes longer is for `examples/seeded-bugs.rs`, which has a minute for each.
#[test]
fn verifiers_that_are_wrong_are_found_from_nothing() {
    const INPUTS: usize = 400;
    let found: Vec<&str> = BUGS
        .iter()
        .filter(|bug| Inputs::new(1).take(INPUTS).any(|octets| bug.is_found_by(&octets)))
        .map(|bug| bug.name)
        .collect();
    assert!(found.len() >= 20, "{found:#?}");
}

/// With what a campaign starts from, every one of them.
#[test]
fn verifiers_that_are_wrong_are_found_with_seeds() {
    let missed: Vec<&str> = BUGS
        .iter()
        .filter(|bug| {
            let seeds = seeds(bug.target).into_iter();
            !seeds.chain(Inputs::new(2).take(300)).any(|octets| bug.is_found_by(&octets))
        })
        .map(|bug| bug.name)
        .collect();
    assert!(missed.len() <= BUGS.len() / 4, "{missed:#?}");
}

/// The engine of the seeded bugs finds nothing in the reference.
#[test]
fn every_target_holds_on_the_engines_inputs() {
    for target in TARGETS {
        for octets in Inputs::new(3).take(300) {
            (target.check)(&octets);
        }
    }
}

#[test]
fn a_reader_that_is_wrong_is_found() {
    type Reader = fn(&str) -> Result<Proof, Refusal>;
    let readers: [(&str, Reader); 6] = [
        ("drops padding", |text| Proof::parse(text.trim_end_matches('='))),
        ("drops white space", |text| Proof::parse(&text.replace([' ', '\t'], ""))),
        ("drops further segments", |text| Proof::parse(&text.split('.').take(3).collect::<Vec<_>>().join("."))),
        ("takes the other alphabet", |text| Proof::parse(&text.replace('+', "-").replace('/', "_"))),
        ("loses the signature", |text| Proof::parse(text).map(|proof| Proof { signature: Vec::new(), ..proof })),
        ("refuses the right ones", |_| Err(Refusal::new(Check::Format, ""))),
    ];
    for (name, reader) in readers {
        let finds = |octets: &Vec<u8>| catch_unwind(|| proof_bytes_on(&reader, octets)).is_err();
        assert!(seeds("proof_bytes").iter().any(finds), "a reader that {name}");
    }
}
