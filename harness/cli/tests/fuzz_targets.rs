//! What belongs to a fuzz target belongs to every one: an entry for libFuzzer, a corpus, a dictionary; and the corpora of the
//! readers of `ekmcheck-suite` hold on a stable compiler, without a fuzzing engine. The forge's own tests replay its.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ekmcheck_forge::properties as of_forge;
use ekmcheck_suite::properties as of_suite;
use toml::Table;

/// How much all corpora may have in a clone, in octets.
const MOST: u64 = 1_000_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names() -> BTreeSet<String> {
    let forge = of_forge::TARGETS.map(|target| target.name.to_owned());
    forge.into_iter().chain(of_suite::TARGETS.map(|target| target.name.to_owned())).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn stems(folder: &str) -> BTreeSet<String> {
    let paths = entries(&fuzz().join(folder));
    paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn properties_targets_corpora_and_dictionaries_are_the_same_set() {
    let properties = names();
    assert_eq!(stems("fuzz_targets"), properties);
    assert_eq!(stems("corpus"), properties);
    assert_eq!(stems("dictionaries"), properties);
    let regressions: BTreeSet<String> = stems("regressions").into_iter().filter(|name| name != "README").collect();
    assert!(regressions.is_subset(&properties), "{regressions:?}");
    let manifest: Table = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap();
    let bins: BTreeSet<String> = bins.iter().map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bins, properties);
}

#[test]
fn an_entry_for_libfuzzer_is_nothing_but_that() {
    for path in entries(&fuzz().join("fuzz_targets")) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(text.lines().count() <= 15 && text.contains(&format!("properties::{name}(")), "{}", path.display());
    }
}

#[test]
fn the_corpora_are_small() {
    let files = names().into_iter().flat_map(|name| entries(&fuzz().join("corpus").join(name)));
    let octets: u64 = files.map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(octets < MOST, "{octets} octets; cargo fuzz cmin makes them fewer");
}

/// A dictionary that libFuzzer cannot read ends a campaign before it has begun.
#[test]
fn every_dictionary_can_be_read() {
    for path in entries(&fuzz().join("dictionaries")) {
        for line in fs::read_to_string(&path).unwrap().lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let inside = line.split_once('"').and_then(|(_, rest)| rest.strip_suffix('"')).unwrap_or_default();
            let plain = inside.replace("\\\\", "").replace("\\\"", "");
            let escapes = plain.split('\\').skip(1);
            let right = escapes
                .map(|e| e.get(..3))
                .all(|e| e.is_some_and(|e| e.starts_with('x') && e.bytes().skip(1).all(|b| b.is_ascii_hexdigit())));
            let ascii = plain.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"');
            assert!(!inside.is_empty() && right && ascii, "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_corpora_of_the_suite_hold_and_their_seeds_are_current() {
    for target in of_suite::TARGETS {
        let corpus = entries(&fuzz().join("corpus").join(target.name));
        assert!(!corpus.is_empty(), "there is nothing in the corpus of {}", target.name);
        for path in corpus.into_iter().chain(entries(&fuzz().join("regressions").join(target.name))) {
            (target.check)(&fs::read(&path).unwrap());
        }
        for (name, octets) in (target.seeds)() {
            let path = fuzz().join("corpus").join(target.name).join(name);
            let current = fs::read(&path).is_ok_and(|on_disk| on_disk == octets);
            assert!(current, "{}: cargo run --release -- fuzz-seeds", path.display());
        }
    }
}

/// Without feedback, the engine gets to short texts only; the seeds, changed in one place, get further.
#[test]
fn the_suites_targets_hold_on_changed_seeds() {
    for target in of_suite::TARGETS {
        let seeds = (target.seeds)();
        for (octets, (_, seed)) in of_forge::engine::Inputs::new(1).take(3000).zip(seeds.iter().cycle()) {
            (target.check)(&octets);
            let &[octet, high, low, ..] = &octets[..] else { continue };
            let mut changed = seed.clone();
            let at = usize::from(u16::from_be_bytes([high, low])) % changed.len();
            changed[at] = octet;
            (target.check)(&changed);
        }
    }
}

#[test]
fn a_reader_of_challenges_that_is_wrong_is_found() {
    use ekmcheck_suite::challenge::{Challenge, parse};
    type Reader = fn(&str) -> Result<Vec<Challenge>, String>;
    let readers: [(&str, Reader); 4] = [
        ("takes control characters", |text| parse(&text.replace('\u{7f}', " "))),
        ("keeps the case of names", |text| {
            let mut challenges = parse(text)?;
            let names = challenges.iter_mut().flat_map(|challenge| &mut challenge.parameters);
            names.for_each(|(name, _)| *name = name.to_uppercase());
            Ok(challenges)
        }),
        ("loses the second challenge", |text| parse(text).map(|read| read.into_iter().take(1).collect())),
        ("does not unquote", |text| parse(&text.replace("\\\"", "'"))),
    ];
    let target = of_suite::TARGETS.into_iter().find(|target| target.name == "challenge").unwrap();
    let seeds = (target.seeds)();
    for (name, reader) in readers {
        let finds = |octets: &[u8]| std::panic::catch_unwind(|| of_suite::challenge_on(&reader, octets)).is_err();
        assert!(seeds.iter().any(|(_, octets)| finds(octets)), "a reader that {name}");
    }
}
