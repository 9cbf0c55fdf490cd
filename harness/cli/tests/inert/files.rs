//! Files and arguments that mean ill: every text in them is hostile, as far as they can still be read; or they cannot be
//! read, and the error repeats them.

use std::fs;

use ekmcheck_suite::{bench::Bench, campaign::Campaign, case::Case, report::Report, transcript::Transcript};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    assert_harmless,
    common::Scratch,
    files_in, files_of,
    parrot::{HOSTILE, Heard},
    shows,
};

/// The places of all strings in a value.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::String(_) => out.push(at.to_owned()),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), out)),
        Value::Object(members) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            members.iter().for_each(|(name, member)| places(member, &format!("{at}/{}", escaped(name)), out));
        }
        _ => {}
    }
}

/// The value with hostile words behind every text that may be any; and how many that are.
fn forged<T: DeserializeOwned>(value: &Value) -> (Value, usize) {
    let (mut all, mut changed, mut value) = (Vec::new(), 0, value.clone());
    places(&value, "", &mut all);
    for place in all {
        let mut with = value.clone();
        let text = with.pointer_mut(&place).unwrap();
        *text = format!("{}{HOSTILE}", text.as_str().unwrap()).into();
        if serde_json::from_value::<T>(with.clone()).is_ok() {
            value = with;
            changed += 1;
        }
    }
    (value, changed)
}

fn assert_written(scratch: &Scratch, forged: &[&str]) {
    for file in files_of(&scratch.0) {
        if !forged.iter().any(|name| file.ends_with(name)) {
            assert_harmless(&file);
        }
    }
}

#[test]
fn a_forged_report_is_harmless_in_every_format() {
    let (scratch, nobody) = (Scratch::new("inert-forged-report"), Heard::default());
    let run =
        ["run", "--subject", "fault:signature-unchecked", "--transport", "tls13-h1", "--report", "forged", "--quiet"];
    let cases = ["rs.exporter.of-another-connection", "rs.accept.valid", "rs.key.another-key", "rs.signature.altered"];
    let filters: Vec<&str> = cases.iter().flat_map(|case| ["--filter", case]).collect();
    scratch.ekmcheck(&[&run[..], &filters].concat()).ends_with(1);
    let (report, changed) = forged::<Report>(&scratch.json("forged/report.json"));
    assert!(changed > 25, "{changed} texts of a report");
    scratch.write("forged/report.json", serde_json::to_vec(&report).unwrap());
    let traces = scratch.read("forged/transcripts.ndjson");
    let forge = |line: &str| forged::<Transcript>(&serde_json::from_str(line).unwrap()).0.to_string() + "\n";
    scratch.write("forged/transcripts.ndjson", traces.lines().map(forge).collect::<String>());
    let right = ["run", "--filter", "rs.accept.valid", "--transport", "tls13-h1", "--report", "right", "--quiet"];
    scratch.ekmcheck(&right).ends_with(0);

    let (forged, right) = ("forged/report.json", "right/report.json");
    for arguments in [
        &["report", "forged", "--to", "made"][..],
        &["report", "forged", "--to", "strict", "--strict"],
        &["diff", forged, right],
        &["diff", right, forged],
        &["diff", right, forged, "--format", "markdown"],
        &["diff", right, forged, "--format", "json"],
        &["merge", forged, "--report", "merged"],
        &["merge", forged, forged, "--report", "merged"],
        &["ambiguities", "--report", forged],
        &["run", "--rerun-failed", forged, "--report", "rerun"],
        &["run", "--rerun-failed", forged, "--subject", "reference", "--report", "rerun"],
    ] {
        shows(&scratch, &nobody, arguments);
    }
    assert!(scratch.read("made/report.html").contains("owned") && scratch.read("made/summary.md").contains("owned"));
    assert_written(&scratch, &["forged/report.json", "forged/transcripts.ndjson"]);
}

#[test]
fn a_forged_campaign_is_harmless_in_every_format() {
    let (scratch, nobody) = (Scratch::new("inert-forged-campaign"), Heard::default());
    let fuzz =
        ["fuzz", "--subject", "fault:signature-unchecked", "--transport", "tls13-h1", "--requests", "300", "--quiet"];
    scratch.ekmcheck(&[&fuzz[..], &["--report", "forged", "--shard", "1/2"]].concat()).ends_with(1);
    let (campaign, changed) = forged::<Campaign>(&scratch.json("forged/campaign.json"));
    assert!(changed > 10, "{changed} texts of a campaign");
    fs::remove_dir_all(scratch.0.join("forged")).unwrap();
    fs::create_dir(scratch.0.join("forged")).unwrap();
    scratch.write("forged/campaign.json", serde_json::to_vec(&campaign).unwrap());
    let forged = "forged/campaign.json";
    for arguments in [
        &["merge", forged, "--report", "merged"][..],
        &["merge", forged, forged, "--report", "merged"],
        &["fuzz", "--resume", forged, "--requests", "20", "--report", "more"],
        &["fuzz", "--replay", forged, "--report", "again"],
    ] {
        shows(&scratch, &nobody, arguments);
    }
    // What a campaign comes to, in each format, whatever its texts are.
    let done: Campaign = serde_json::from_value(campaign).unwrap();
    scratch.write("campaign.md", ekmcheck_report::campaign::markdown(&done));
    scratch.write("campaign.html", ekmcheck_report::campaign::html(&done));
    scratch.write("campaign.sarif", ekmcheck_report::campaign::sarif(&done).unwrap());
    assert!(scratch.read("campaign.md").contains("owned"));
    assert_written(&scratch, &["forged/campaign.json"]);
}

#[test]
fn a_measurement_is_harmless_whatever_its_texts_are() {
    let scratch = Scratch::new("inert-forged-bench");
    let floors = serde_json::json!({"verify": 40.0, "sign": 15.0, "hash": 0.5, "dpop_verify": 42.0, "dpop_make": 16.0});
    let bench = serde_json::json!({
        "ekmcheck": "0", "subject": "a", "draft": "d", "cores": 2, "turns": 1, "at_once": 4, "octets": [800, 390],
        "floors": floors, "points": [], "left_out": [["dpop", "401"]], "unfinished": "no", "break_even": [],
        "predictions": [],
    });
    let (bench, changed) = forged::<Bench>(&bench);
    assert!(changed >= 5, "{changed}");
    let bench: Bench = serde_json::from_value(bench).unwrap();
    scratch.write("bench.md", ekmcheck_report::bench(&bench));
    scratch.write("bench.html", ekmcheck_report::bench_page(&bench));
    assert_written(&scratch, &[]);
}

#[test]
fn plans_lists_and_cases_are_repeated_inert() {
    let (scratch, nobody) = (Scratch::new("inert-plans"), Heard::default());
    scratch.ekmcheck(&["init", "resource-server", "--dir", "bundle"]).ends_with(0);
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    // As it is, where TOML lets it stand: within a comment it may not even be that.
    let raw: String = HOSTILE.chars().filter(|c| !c.is_control() && *c != '`').collect();
    let good = "[subject]\nname = \"a\"\n[target]\nurl = \"https://localhost:1\"\nbundle = \"bundle\"\n";
    for plan in [
        format!("[subject]\nname = {quoted}\n"),
        format!("{good}{quoted} = 1\n"),
        format!("{good}[{quoted}]\n"),
        format!("{good}{raw}\n"),
        format!("{good}address = {quoted}\n"),
        format!("{good}transports = [{quoted}, \"tls13h1{raw}\"]\n"),
        format!(
            "{good}[start]\ncommand = [{quoted}, {quoted}]\nready_line = {quoted}\nenv = {{ {quoted} = {quoted} }}\n"
        ),
        format!("{good}[start]\ncommand = [\"sh\", \"-c\", {}]\n", quoted_echo()),
        format!("{good}[tokens]\ncommand = [{quoted}]\n"),
        format!(
            "{good}[pki]\nserver_ca = {quoted}\n[pki.clients]\n{quoted} = {{ certificate = {quoted}, key = {quoted} }}\n"
        ),
        format!("{good}[places]\nnode = {quoted}\n"),
        format!("baseline = {quoted}\n{good}"),
        good.replace("\"bundle\"", &quoted),
        good.replace("https://localhost:1", &format!("https://localhost{raw}:1")),
        good.replace("\"https://localhost:1\"", &quoted),
        format!("{good}\0\u{1b}]0;owned\u{7}"),
    ] {
        scratch.write("plan.toml", plan);
        for command in [&["check-plan"][..], &["doctor"], &["run", "--report", "out"], &["fuzz", "--report", "out"]] {
            shows(&scratch, &nobody, &[command, &["plan.toml"]].concat());
        }
    }
    for list in [
        format!(
            "[[known]]\nid = {quoted}\nexpected = \"fail\"\nreason = {quoted}\nlink = {quoted}\nexpires = 2099-01-01\n"
        ),
        format!(
            "[[known]]\nid = \"rs.accept.valid\"\nexpected = \"fail\"\nreason = {quoted}\nlink = {quoted}\nexpires = 2099-01-01\n"
        ),
        format!("[[known]]\nid = \"rs.accept.valid\"\n{quoted} = {quoted}\n"),
        format!("[[known]]\n{raw}\n"),
    ] {
        scratch.write("known.toml", list);
        let run = ["run", "--baseline", "known.toml", "--filter", "rs.accept.valid", "--transport", "tls13-h1"];
        shows(&scratch, &nobody, &[&run[..], &["--report", "listed"]].concat());
    }
    assert_written(&scratch, &["plan.toml", "known.toml"]);
}

/// A program that says it before it ends.
fn quoted_echo() -> String {
    serde_json::to_string(&format!("printf '%s' '{}' >&2; exit 1", HOSTILE.replace('\'', ""))).unwrap()
}

#[test]
fn cases_of_somebody_else_are_shown_inert() {
    let (scratch, nobody) = (Scratch::new("inert-cases"), Heard::default());
    let root = crate::common::root().join("scenarios");
    for name in ["requirements.json", "ambiguities.json"] {
        scratch.ekmcheck(&["list"]).ends_with(0);
        fs::create_dir_all(scratch.0.join("own/resource-server/accept")).unwrap();
        fs::copy(root.join(name), scratch.0.join("own").join(name)).unwrap();
    }
    let case = fs::read_to_string(root.join("resource-server/accept/valid.json")).unwrap();
    let (case, changed) = forged::<Case>(&serde_json::from_str(&case).unwrap());
    assert!(changed > 3, "{changed} texts of a case");
    scratch.write("own/resource-server/accept/valid.json", serde_json::to_vec(&case).unwrap());
    let own = ["--scenarios", "own"];
    shows(&scratch, &nobody, &[&["list", "cases"], &own[..]].concat());
    shows(&scratch, &nobody, &[&["run", "--report", "out"], &own[..]].concat());
    // Only what is shown is hostile: the case can be played.
    let text = fs::read_to_string(root.join("resource-server/accept/valid.json")).unwrap();
    let mut case: Value = serde_json::from_str(&text).unwrap();
    case["title"] = HOSTILE.into();
    case["clause"] = HOSTILE.into();
    scratch.write("own/resource-server/accept/valid.json", serde_json::to_vec(&case).unwrap());
    for command in [
        &["list", "cases"][..],
        &["list", "cases", "--format", "json"],
        &["show", "rs.accept.valid"],
        &["run", "--report", "out", "--subject", "fault:signature-unchecked"],
        &["run", "--report", "out"],
        &["replay", "rs.accept.valid"],
    ] {
        shows(&scratch, &nobody, &[command, &own[..]].concat());
    }
    assert_written(&scratch, &["own/resource-server/accept/valid.json"]);
}

#[test]
fn arguments_are_repeated_inert() {
    let (scratch, nobody) = (Scratch::new("inert-arguments"), Heard::default());
    let odd: String = HOSTILE.replace('/', "");
    let odd = odd.as_str();
    scratch.write(odd, HOSTILE);
    for arguments in [
        &[odd][..],
        &["run", odd],
        &["run", "--filter", odd],
        &["run", "--tag", odd],
        &["run", "--transport", odd],
        &["run", "--subject", odd],
        &["run", "--subject", "https://localhost:1", "--bundle", odd],
        &["run", "--scenarios", odd],
        &["run", "--baseline", odd],
        &["run", "--keylog", "no-such-folder/\u{1b}]0;owned\u{7}"],
        &["run", "--seed", odd],
        &[odd, "--help"],
        &["show", odd],
        &["replay", odd],
        &["report", odd],
        &["diff", odd, odd],
        &["merge", odd],
        &["fuzz", "--replay", odd],
        &["fuzz", "--adapter", odd],
        &["run", "--adapter", odd],
        &["vectors", "show", odd],
        &["proof", "inspect", odd],
        &["proof", "inspect", "eyJhIjoiGyIsImIiOiLigK4ifQ.eyJhIjoiXHUwMDFiXSIsImIiOiLigK4ifQ.AA"],
        &["token", "--bundle", odd],
        &["init", "resource-server", "--dir", odd],
        &["init", "resource-server", "--dir", "x", "--name", odd],
        &["exporter", odd],
        &["serve", "resource-server", "--bundle", odd],
        &["schema", odd],
        &["completions", odd],
    ] {
        let said = shows(&scratch, &nobody, arguments);
        assert!(!said.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bundle_is_its_owners_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("inert-umask");
    for umask in ["000", "022", "077", "777"] {
        let bundle = scratch.0.join(umask).join("deep/bundle");
        let mut shell = std::process::Command::new("sh");
        let init = format!("umask {umask}; exec \"$0\" init resource-server --dir \"$1\"");
        shell.args(["-c", &init, env!("CARGO_BIN_EXE_ekmcheck")]).arg(&bundle);
        assert!(shell.output().unwrap().status.success(), "{umask}");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for folder in ["", "server", "harness"].map(|name| bundle.join(name)).iter().chain([&scratch.0.join(umask)]) {
            assert_eq!(mode(folder), 0o700, "{umask}: {}", folder.display());
        }
        let mut keys = 0;
        for file in files_in(&bundle) {
            let is_key = file.extension().is_some_and(|e| e == "key") || file.starts_with(bundle.join("harness"));
            keys += usize::from(is_key);
            assert_eq!(mode(&file) & if is_key { 0o777 } else { 0o622 }, 0o600, "{umask}: {}", file.display());
        }
        assert!(keys > 40, "{keys}");
    }
}

#[test]
fn an_adapter_says_nothing_that_steers() {
    let (scratch, nobody) = (Scratch::new("inert-adapter"), Heard::default());
    let text = serde_json::to_string(HOSTILE).unwrap();
    let hello = format!(
        "{{\"id\":1,\"answer\":\"hello\",\"name\":{text},\"version\":{text},\"language\":{text},\"library\":{text},\"features\":[{text}]}}"
    );
    let refuse = format!("{{\"id\":2,\"answer\":\"refuse\",\"check\":{text},\"detail\":{text}}}");
    let unsupported = format!("{{\"id\":2,\"answer\":\"unsupported\",\"why\":{text}}}");
    for (name, lines) in [
        ("refuses", format!("{hello}\n{refuse}\n")),
        ("unsupported", format!("{hello}\n{unsupported}\n")),
        ("garbage", HOSTILE.to_owned()),
        ("odd", format!("{{\"id\":1,\"answer\":{text},{text}:1}}\n")),
    ] {
        scratch.write(name, lines);
        let command = format!("sh -c 'cat {name}; cat {name} >&2'");
        shows(&scratch, &nobody, &["adapter", "check", &command]);
        shows(&scratch, &nobody, &["run", "--adapter", &command, "--report", "out"]);
    }
}
