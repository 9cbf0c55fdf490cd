//! The shape of the workspace: which crate may use which, what a pure crate may not touch, how long a file may be.
//! Each rule is a function over texts, and is shown to find a planted violation.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// Every crate of ours by the folder of its manifest, and the crates of ours that it may use, for whatever purpose.
const EDGES: [(&str, &str, &[&str]); 13] = [
    ("harness/binding", "ekmcheck-binding", &[]),
    // Itself: its own tests run with its optional features.
    ("harness/forge", "ekmcheck-forge", &["ekmcheck-binding", "ekmcheck-forge"]),
    ("harness/suite", "ekmcheck-suite", &["ekmcheck-binding"]),
    ("harness/report", "ekmcheck-report", &["ekmcheck-suite"]),
    ("harness/parties", "ekmcheck-parties", &["ekmcheck-binding", "ekmcheck-forge"]),
    ("harness/children", "ekmcheck-children", &[]),
    (
        "harness/player",
        "ekmcheck-player",
        &["ekmcheck-binding", "ekmcheck-children", "ekmcheck-forge", "ekmcheck-parties", "ekmcheck-suite"],
    ),
    (
        "harness/offline",
        "ekmcheck-offline",
        &["ekmcheck-binding", "ekmcheck-children", "ekmcheck-forge", "ekmcheck-suite"],
    ),
    (
        "harness/campaign",
        "ekmcheck-campaign",
        &[
            "ekmcheck-binding",
            "ekmcheck-forge",
            "ekmcheck-offline",
            "ekmcheck-parties",
            "ekmcheck-player",
            "ekmcheck-suite",
        ],
    ),
    (
        "harness/costs",
        "ekmcheck-costs",
        &["ekmcheck-binding", "ekmcheck-forge", "ekmcheck-parties", "ekmcheck-player", "ekmcheck-suite"],
    ),
    (
        "harness/cli",
        "ekmcheck",
        &[
            "ekmcheck-campaign",
            "ekmcheck-children",
            "ekmcheck-costs",
            "ekmcheck-forge",
            "ekmcheck-offline",
            "ekmcheck-player",
            "ekmcheck-report",
            "ekmcheck-suite",
        ],
    ),
    ("benches", "ekmcheck-benches", &["ekmcheck-binding", "ekmcheck-forge", "ekmcheck-parties"]),
    ("fuzz", "ekmcheck-fuzz", &["ekmcheck-binding", "ekmcheck-forge", "ekmcheck-suite"]),
];

/// The crates that get time, randomness and files from others.
const PURE: [&str; 3] = ["harness/binding", "harness/suite", "harness/report"];

/// What a pure crate does not depend on; nor on anything whose name begins so (`rand_core`, `hyper-util`).
const IMPURE_CRATES: [&str; 6] = ["tokio", "rand", "getrandom", "rcgen", "rustls", "hyper"];

/// What a pure crate does not name. `std::path` is here for its methods, which read the disk without `std::fs`.
const IMPURE_PATHS: [&str; 24] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::path",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::collections::hash_map::RandomState",
    "std::hash::RandomState",
    "aws_lc_rs::rand",
    "tokio",
    "rand",
    "rand_core",
    "getrandom",
    "rcgen",
    "rustls",
    "hyper",
    "x509_parser::time::ASN1Time::now",
];

/// What it does not name by whatever path it came.
const IMPURE_WORDS: [&str; 6] = ["Instant", "OsRng", "SystemRandom", "SystemTime", "ThreadRng", "thread_rng"];

const IMPURE_MACROS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];

/// The longest source file, in lines.
const LONGEST: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn manifest(folder: &str) -> Table {
    let path = format!("{folder}/Cargo.toml");
    read(path.trim_start_matches('/')).parse().unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The Rust files below a folder, by their paths from the root, with their texts.
fn sources(folder: &str) -> BTreeMap<String, String> {
    fn walk(at: &Path, name: &str, out: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).unwrap_or_else(|e| panic!("{name}: {e}")).map(Result::unwrap) {
            let (path, name) = (entry.path(), format!("{name}/{}", entry.file_name().display()));
            if path.is_dir() {
                walk(&path, &name, out);
            } else if name.ends_with(".rs") {
                out.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&root().join(folder), folder, &mut files);
    files
}

// ---- edges ----

/// The dependencies of a manifest by the names of the packages, for whatever purpose and platform, with whether each is
/// a folder of this repository.
fn dependencies(manifest: &Table, workspace: &Table) -> BTreeMap<String, bool> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let shared = workspace.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let by_target = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = by_target.filter_map(Value::as_table).chain([manifest]);
    let lists = tables.flat_map(|t| KINDS.into_iter().filter_map(|kind| t.get(kind)?.as_table()));
    let mut found = BTreeMap::new();
    for (key, given) in lists.flatten() {
        let inherited = given.get("workspace").and_then(Value::as_bool) == Some(true);
        let spec = if inherited { shared.and_then(|s| s.get(key)) } else { Some(given) };
        let package = spec.and_then(|s| s.get("package")).and_then(Value::as_str).unwrap_or(key);
        let is_ours = spec.is_some_and(|s| s.get("path").is_some());
        *found.entry(package.to_owned()).or_default() |= is_ours;
    }
    found
}

/// What is wrong with the edges: `manifests` by folder, with that of the workspace at the empty one.
fn edge_faults(manifests: &BTreeMap<&str, Table>) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(workspace) = manifests.get("") else { return vec!["no manifest of the workspace".to_owned()] };
    for (folder, name, allowed) in EDGES {
        let Some(manifest) = manifests.get(folder) else {
            faults.push(format!("{folder} has no manifest"));
            continue;
        };
        let package = manifest.get("package").and_then(|p| p.get("name")).and_then(Value::as_str);
        if package != Some(name) {
            faults.push(format!("{folder} is the package {package:?} and not {name}"));
        }
        for (used, is_ours) in dependencies(manifest, workspace) {
            let is_ours = is_ours || used == "ekmcheck" || used.starts_with("ekmcheck-");
            if is_ours && !allowed.contains(&used.as_str()) {
                faults.push(format!("{name} must not use {used}"));
            }
        }
    }
    let list = |name: &str| -> BTreeSet<&str> {
        let list = workspace.get("workspace").and_then(|w| w.get(name)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let (members, excluded) = (list("members"), list("exclude"));
    for member in members.union(&excluded) {
        if !EDGES.iter().any(|(folder, ..)| folder == member) {
            faults.push(format!("nobody has said what {member} may use"));
        }
    }
    for (folder, name, _) in EDGES {
        if !members.contains(folder) && !excluded.contains(folder) {
            faults.push(format!("{name} is no member of the workspace"));
        }
    }
    faults
}

fn manifests() -> BTreeMap<&'static str, Table> {
    EDGES.iter().map(|(folder, ..)| *folder).chain([""]).map(|folder| (folder, manifest(folder))).collect()
}

#[test]
fn the_crates_use_each_other_as_designed() {
    assert_eq!(edge_faults(&manifests()), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_found() {
    let planted = |folder: &'static str, text: &str| {
        let mut manifests = manifests();
        let Value::Table(planted) = text.parse::<Table>().unwrap().into() else { panic!("no table") };
        let manifest = manifests.get_mut(folder).unwrap();
        merge(manifest, planted);
        edge_faults(&manifests)
    };
    for (folder, text, fault) in [
        ("harness/binding", "dev-dependencies.ekmcheck-forge.workspace = true", "binding must not use ekmcheck-forge"),
        ("harness/suite", "dependencies.ekmcheck-forge.workspace = true", "suite must not use ekmcheck-forge"),
        (
            "harness/forge",
            "build-dependencies.ekmcheck-parties.workspace = true",
            "forge must not use ekmcheck-parties",
        ),
        ("harness/cli", "dependencies.ekmcheck-parties.workspace = true", "ekmcheck must not use ekmcheck-parties"),
        ("harness/parties", "dependencies.ekmcheck-suite.workspace = true", "parties must not use ekmcheck-suite"),
        ("benches", "dependencies.ekmcheck-player.workspace = true", "benches must not use ekmcheck-player"),
        ("fuzz", "dependencies.ekmcheck-player.path = '../harness/player'", "fuzz must not use ekmcheck-player"),
        // Under another name, for one platform only, by its folder alone.
        (
            "harness/suite",
            "dependencies.innocent = { path = '../forge', package = 'ekmcheck-forge' }",
            "suite must not use ekmcheck-forge",
        ),
        (
            "harness/suite",
            "target.'cfg(unix)'.dependencies.ekmcheck-forge.workspace = true",
            "suite must not use ekmcheck-forge",
        ),
        ("harness/suite", "dependencies.stowaway.path = '../stowaway'", "suite must not use stowaway"),
        ("", "workspace.members = ['harness/binding', 'harness/new']", "nobody has said what harness/new may use"),
        ("", "workspace.members = ['harness/binding']", "ekmcheck-suite is no member"),
        ("harness/suite", "package.name = 'other'", "not ekmcheck-suite"),
    ] {
        let faults = planted(folder, text);
        assert!(faults.iter().any(|f| f.contains(fault)), "{text}: {faults:?}");
    }
}

/// Puts members into a table, and into its tables.
fn merge(table: &mut Table, other: Table) {
    for (name, value) in other {
        match (table.get_mut(&name), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => _ = table.insert(name, value),
        }
    }
}

// ---- purity ----

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Sign(char),
}

/// The tokens of a source text with their lines; comments are left out, and a literal is one sign.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let is = |at: usize, wanted: &str| wanted.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    let in_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let after =
        |at: usize, stop: &str| (at..chars.len()).find(|at| is(*at, stop)).map_or(chars.len(), |at| at + stop.len());
    let after_quoted = |mut at: usize, quote: char| {
        while at < chars.len() && chars[at] != quote {
            at += if chars[at] == '\\' { 2 } else { 1 };
        }
        at + 1
    };
    let (mut out, mut at, mut counted, mut line) = (Vec::new(), 0, 0, 1);
    while at < chars.len() {
        line += chars[counted..at].iter().filter(|c| **c == '\n').count();
        counted = at;
        let begin = at;
        if is(at, "//") {
            at = after(at, "\n");
        } else if is(at, "/*") {
            let mut depth = 0;
            loop {
                depth += i32::from(is(at, "/*")) - i32::from(is(at, "*/"));
                at += if is(at, "/*") || is(at, "*/") { 2 } else { 1 };
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if in_word(&chars[at]) {
            at += chars[at..].iter().take_while(|c| in_word(c)).count();
            let word: String = chars[begin..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let raw = matches!(word.as_str(), "r" | "br" | "cr") && chars.get(at + hashes) == Some(&'"');
            if raw {
                at = after(at + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
                out.push((line, Token::Sign('"')));
            } else {
                out.push((line, Token::Word(word)));
            }
        } else if is(at, "::") {
            at += 2;
            out.push((line, Token::Colons));
        } else if chars[at] == '"' {
            at = after_quoted(at + 1, '"');
            out.push((line, Token::Sign('"')));
        } else if chars[at] == '\'' && (is(at + 1, "\\") || chars.get(at + 2) == Some(&'\'')) {
            at = after_quoted(at + 1, '\'');
            out.push((line, Token::Sign('"')));
        } else {
            at += 1;
            if !chars[begin].is_whitespace() {
                out.push((line, Token::Sign(chars[begin])));
            }
        }
    }
    out
}

/// Leaves out what stands under `#[cfg(test)]`; the names are those of modules that have files of their own.
fn without_tests(all: Vec<(usize, Token)>) -> (Vec<(usize, Token)>, Vec<String>) {
    let attribute = tokens("#[cfg(test)]");
    let sign = |at: usize| all.get(at).and_then(|(_, t)| if let Token::Sign(c) = t { Some(*c) } else { None });
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < all.len() {
        let here = all[at..].iter().map(|(_, t)| t).take(attribute.len());
        if !here.eq(attribute.iter().map(|(_, t)| t)) {
            kept.push(all[at].clone());
            at += 1;
            continue;
        }
        if let (Some((_, Token::Word(word))), Some((_, Token::Word(name))), Some(';')) =
            (all.get(at + attribute.len()), all.get(at + attribute.len() + 1), sign(at + attribute.len() + 2))
            && word == "mod"
        {
            modules.push(name.clone());
        }
        // The attribute, those after it, and the item: up to its semicolon, or to the end of its braces.
        let mut depth = 0;
        while at < all.len() {
            let c = sign(at);
            at += 1;
            match c {
                Some('(' | '[' | '{') => depth += 1,
                Some(')' | ']') => depth -= 1,
                Some('}') => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                Some(';') if depth == 0 => break,
                _ => {}
            }
        }
    }
    (kept, modules)
}

/// A path that a text names, with groups taken apart: `std::{fs, io::{self, Read}}` names three.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    line: usize,
    segments: Vec<String>,
    /// What it is called from here on, if it is imported.
    imported_as: Option<String>,
    is_macro: bool,
}

fn paths(tokens: &[(usize, Token)]) -> Vec<Named> {
    let (mut out, mut at, mut importing) = (Vec::new(), 0, false);
    while at < tokens.len() {
        match &tokens[at].1 {
            Token::Word(word) if word == "use" => importing = true,
            Token::Sign(';') => importing = false,
            Token::Word(_) => {
                at = path(tokens, at, &[], importing, &mut out);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    out
}

/// Reads one path from `at`, and returns where it ends.
fn path(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], importing: bool, out: &mut Vec<Named>) -> usize {
    let token = |at: usize| tokens.get(at).map(|(_, t)| t);
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    loop {
        match token(at) {
            Some(Token::Word(word)) => segments.push(word.clone()),
            Some(Token::Sign('*')) if at > 0 && token(at - 1) == Some(&Token::Colons) => segments.push("*".to_owned()),
            Some(Token::Sign('{')) => {
                at += 1;
                while at < tokens.len() && token(at) != Some(&Token::Sign('}')) {
                    at = match token(at) {
                        Some(Token::Word(_) | Token::Sign('{')) => path(tokens, at, &segments, importing, out),
                        Some(Token::Sign('*')) => {
                            let segments = segments.iter().cloned().chain(["*".to_owned()]).collect();
                            out.push(Named { line, segments, imported_as: None, is_macro: false });
                            at + 1
                        }
                        _ => at + 1,
                    };
                }
                return at + 1;
            }
            // A generic argument or the like.
            _ => break,
        }
        at += 1;
        if token(at) != Some(&Token::Colons) {
            break;
        }
        at += 1;
    }
    if segments.last().is_some_and(|s| s == "self") && segments.len() > 1 {
        segments.pop();
    }
    let alias = match (token(at), token(at + 1)) {
        (Some(Token::Word(word)), Some(Token::Word(alias))) if word == "as" && importing => {
            at += 2;
            Some(alias.clone())
        }
        _ => segments.last().cloned().filter(|_| importing),
    };
    let is_macro = token(at) == Some(&Token::Sign('!')) && token(at + 1) != Some(&Token::Sign('='));
    out.push(Named { line, segments, imported_as: alias, is_macro });
    at
}

/// What a pure crate does not do, found in the text of a file of it; and the modules that are tests in files of their
/// own.
fn impurities(text: &str) -> (Vec<String>, Vec<String>) {
    let (tokens, modules) = without_tests(tokens(text));
    let named = paths(&tokens);
    let imported: BTreeMap<&str, &[String]> = named
        .iter()
        .filter(|n| n.segments.len() > 1)
        .filter_map(|n| Some((n.imported_as.as_deref()?, n.segments.as_slice())))
        .collect();
    let mut faults = Vec::new();
    for one in &named {
        let mut full = one.segments.clone();
        if one.imported_as.is_none()
            && let Some(whole) = imported.get(one.segments[0].as_str())
        {
            full.splice(..1, whole.iter().cloned());
        }
        let whole = full.join("::");
        let mentioned = full.len() > 1 || one.imported_as.is_some();
        let covers = |forbidden: &str| match whole.strip_suffix("::*") {
            // Everything of a module that has something forbidden in it.
            Some(module) => format!("{forbidden}::").starts_with(&format!("{module}::")),
            None => false,
        };
        let forbidden = IMPURE_PATHS.iter().any(|f| format!("{whole}::").starts_with(&format!("{f}::")) || covers(f));
        let word = full.iter().any(|s| IMPURE_WORDS.contains(&s.as_str()));
        let printing = one.is_macro && full.last().is_some_and(|s| IMPURE_MACROS.contains(&s.as_str()));
        // The standard library under another name would hide all the rest.
        let renamed = whole == "std" && one.imported_as.is_some();
        if mentioned && forbidden || word || printing || renamed {
            faults.push(format!("line {}: {whole}", one.line));
        }
    }
    (faults, modules)
}

/// What is impure in the files of a crate.
fn impure_files(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for (name, text) in files {
        let (faults, modules) = impurities(text);
        let stem = name.trim_end_matches(".rs");
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "mod")) => folder,
            _ => stem,
        };
        tests.extend(modules.iter().map(|module| format!("{folder}/{module}.rs")));
        found.insert(name, faults);
    }
    let kept = found.into_iter().filter(|(name, _)| !tests.contains(*name));
    kept.flat_map(|(name, faults)| faults.into_iter().map(move |f| format!("{name}: {f}"))).collect()
}

#[test]
fn pure_crates_do_nothing_but_compute() {
    for folder in PURE {
        let files = sources(&format!("{folder}/src"));
        assert!(files.len() > 5, "{folder}: the sources are elsewhere");
        assert_eq!(impure_files(&files), Vec::<String>::new());
    }
}

#[test]
fn an_impure_line_is_found() {
    for text in [
        "use std::fs;",
        "use std::{collections::HashMap, fs};",
        "use std::{fmt, time::{Duration, Instant}};",
        "use std::time; fn f() { time::Instant::now(); }",
        "use std::time as t; fn f() { t::SystemTime::now(); }",
        "use std as s;",
        "use std::io::*;",
        "use std::{io::{self, Read}}; fn f() { io::stdin(); }",
        "fn f() { let x = ::std::env::var(\"HOME\"); }",
        "fn f() { std :: thread :: spawn(|| ()); }",
        "fn f() -> std::process::ExitCode { todo!() }",
        "fn f(at: &std::path::Path) -> bool { at.exists() }",
        "fn f(s: std::net::TcpStream) {}",
        "use tokio::spawn;",
        "use rand;",
        "fn f() { rand::random() }",
        "fn f(b: &mut [u8]) { getrandom::fill(b).unwrap() }",
        "use aws_lc_rs::rand; fn f(b: &mut [u8]) { rand::fill(b); }",
        "fn f() { aws_lc_rs::rand::SystemRandom::new(); }",
        "use rsa::rand_core::OsRng;",
        "fn f() { println!(\"x\"); }",
        "fn f() { std::eprintln!(\"x\"); }",
        "fn f() { dbg!(1); }",
        "#[cfg(test)]\nmod tests { use std::fs; }\nuse std::env;",
        "#[cfg(not(test))]\nuse std::fs;",
        "const C: char = '\"'; use std::fs; const D: char = '\"';",
        "const R: &str = r#\"\"#; use std::fs; const S: &str = \"\";",
        "fn f<'a>(x: &'a str) { std::fs::read(x); }",
        "/* a /* b */ c */ use std::fs;",
    ] {
        assert!(!impurities(text).0.is_empty(), "{text}");
    }
    for text in [
        "// std::fs and println!(\"x\")\n/// `std::net` /* \nuse std::fmt;",
        "/* use std::fs; /* */ use std::env; */ use std::str;",
        "const S: &str = \"use std::fs;\"; const R: &str = r#\"std::env \"#; const B: &[u8] = b\"\\\"rand::fill\";",
        "#[cfg(test)]\n#[expect(dead_code)]\nmod tests { fn f(x: [u8; 2]) { println!(\"}\"); std::fs::read(\"x\"); } }",
        "#[cfg(test)]\nuse std::{fs, env};\nuse std::fmt;",
        "use std::{collections::{HashMap, VecDeque}, io::Read, time::Duration};",
        "const V: &str = env!(\"CARGO_PKG_VERSION\");",
        "fn f(rand: u8) -> bool { rand != 1 && print != 2 }",
        "fn f() { fs::x(); Environment::process(); thread::y(); }",
    ] {
        assert_eq!(impurities(text).0, Vec::<String>::new(), "{text}");
    }
    let files =
        [("a/lib.rs", "#[cfg(test)]\nmod tests;\nmod b;"), ("a/tests.rs", "use std::fs;"), ("a/b.rs", "use std::fs;")];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    assert_eq!(impure_files(&files), ["a/b.rs: line 1: std::fs"]);
}

/// The impure packages among the dependencies that a crate has outside its tests.
fn impure_dependencies(manifest: &Table, workspace: &Table) -> Vec<String> {
    let mut own = manifest.clone();
    own.remove("dev-dependencies");
    let targets = own.get_mut("target").and_then(Value::as_table_mut).into_iter().flat_map(Table::iter_mut);
    targets.filter_map(|(_, t)| t.as_table_mut()).for_each(|t| _ = t.remove("dev-dependencies"));
    let impure = |name: &str| {
        IMPURE_CRATES
            .iter()
            .any(|i| name.strip_prefix(i).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_'])))
    };
    dependencies(&own, workspace).into_keys().filter(|name| impure(name)).collect()
}

#[test]
fn pure_crates_depend_on_nothing_impure() {
    let workspace = manifest("");
    for folder in PURE {
        assert_eq!(impure_dependencies(&manifest(folder), &workspace), Vec::<String>::new(), "{folder}");
    }
    let planted = "
        target.x.dependencies.getrandom = '0'
        [dependencies]
        tokio = '1'
        rand_core = '0.6'
        random = '1'
        serde = '1'
        mine = { package = 'hyper-util', version = '0' }
        [dev-dependencies]
        rcgen = '0'
        [build-dependencies]
        rustls = '0'";
    let found = impure_dependencies(&planted.parse().unwrap(), &workspace);
    assert_eq!(found, ["getrandom", "hyper-util", "rand_core", "rustls", "tokio"]);
}

/// The lines of the root's `clippy.toml` that a crate's own lacks: clippy reads one file a crate.
fn lost_settings(root: &str, own: &str) -> Vec<String> {
    let own: BTreeSet<&str> = own.lines().map(str::trim).collect();
    root.lines().map(str::trim).filter(|l| !l.is_empty() && !own.contains(l)).map(str::to_owned).collect()
}

#[test]
fn pure_crates_have_clippy_settings_that_repeat_the_roots() {
    let root = read("clippy.toml");
    for folder in PURE {
        let own = read(&format!("{folder}/clippy.toml"));
        assert_eq!(lost_settings(&root, &own), Vec::<String>::new(), "{folder}");
        let own: Table = own.parse().unwrap();
        for list in ["disallowed-methods", "disallowed-types"] {
            let entries = own.get(list).and_then(Value::as_array).map_or(0, Vec::len);
            assert!(entries > 5, "{folder}: {list} has {entries} entries");
        }
    }
    assert_eq!(lost_settings("a = true\nb = true\n", "b = true\na = false"), ["a = true"]);
}

// ---- habits ----

fn too_long(files: &BTreeMap<String, String>) -> Vec<String> {
    let lines = files.iter().map(|(name, text)| (name, text.lines().count()));
    lines.filter(|(_, n)| *n > LONGEST).map(|(name, n)| format!("{name} has {n} lines")).collect()
}

#[test]
fn no_source_file_is_too_long() {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root().join("harness")).unwrap().map(Result::unwrap) {
        files.extend(sources(&format!("harness/{}/src", entry.file_name().display())));
    }
    assert!(files.len() > 80, "{}: the sources are elsewhere", files.len());
    assert_eq!(too_long(&files), Vec::<String>::new());
    let planted = [("short.rs", LONGEST), ("long.rs", LONGEST + 1)];
    let planted = planted.map(|(name, n)| (name.to_owned(), "x\n".repeat(n))).into();
    assert_eq!(too_long(&planted), ["long.rs has 501 lines"]);
}

/// What is missing of the shared lints: `manifests` as for [`edge_faults`]; the fuzz crate is a workspace of its own.
fn lint_faults(manifests: &BTreeMap<&str, Table>) -> Vec<String> {
    let mut faults = Vec::new();
    let lints = manifests[""].get("workspace").and_then(|w| w.get("lints")?.get("rust")?.get("unsafe_code"));
    let level = lints.and_then(|l| l.as_str().or_else(|| l.get("level")?.as_str()));
    if level != Some("forbid") {
        faults.push(format!("unsafe code is not forbidden but {level:?}"));
    }
    for (folder, manifest) in manifests.iter().filter(|(folder, _)| !folder.is_empty() && **folder != "fuzz") {
        let inherits = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(Value::as_bool);
        if inherits != Some(true) {
            faults.push(format!("{folder} does not take the lints of the workspace"));
        }
    }
    faults
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let found = manifests();
    assert_eq!(lint_faults(&found), Vec::<String>::new());
    let mut planted = found.clone();
    merge(planted.get_mut("").unwrap(), "workspace.lints.rust.unsafe_code = 'deny'".parse().unwrap());
    planted.get_mut("benches").unwrap().remove("lints");
    let faults = lint_faults(&planted);
    assert!(faults.len() == 2 && faults[0].contains("forbid") && faults[1].contains("benches"), "{faults:?}");
}
