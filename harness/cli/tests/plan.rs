//! A subject in a process of its own, started as a plan says: examined, played to, and not blamed for its configuration.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failing test")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const EKMCHECK: &str = env!("CARGO_BIN_EXE_ekmcheck");

/// A folder with a bundle, gone when the test succeeds.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-{}-{test}", std::process::id()));
        let scratch = Self(path);
        let made = scratch.ekmcheck(&["init", "resource-server", "--dir"], &scratch.0);
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
        scratch
    }

    fn ekmcheck(&self, words: &[&str], path: &Path) -> Output {
        Command::new(EKMCHECK).args(words).arg(path).output().unwrap()
    }

    /// A plan that starts this very tool as the server, with these words more.
    fn plan(&self, name: &str, more: &[&str], rest: &str) -> PathBuf {
        let serve = ["serve", "resource-server", "--bundle", "{bundle}", "--port", "0", "--until-stdin-closes"];
        let words: Vec<String> = [EKMCHECK].iter().chain(&serve).chain(more).map(|w| format!("{w:?}")).collect();
        let path = self.0.join(name);
        let text = format!(
            "[subject]\nname = \"{name}\"\n[target]\nurl = \"https://localhost:{{port}}\"\n{rest}\n[start]\ncommand = [{}]\n\
             ready_line = \"ready https://localhost:{{port}} quic {{quic_port}}\"\n[capabilities]\nother_host = true\nintrospection = true\n",
            words.join(", ")
        );
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn requests_to_a_server_elsewhere_are_measured_within_its_limits() {
    let scratch = Scratch::new("bench");
    let plan = scratch.plan("right.toml", &[], "[limits]\nrequests_per_second = 400");
    let report = scratch.0.join("cost");
    let words = ["bench", "--transport", "tls13-h1", "--requests", "1", "--curve-only", "--turns", "1", "--quiet"];
    let begun = std::time::Instant::now();
    let done = scratch.ekmcheck(&[&words[..], &["--report", report.to_str().unwrap()]].concat(), &plan);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    let found: serde_json::Value = serde_json::from_slice(&fs::read(report.join("bench.json")).unwrap()).unwrap();
    let points = found["points"].as_array().unwrap();
    let schemes: Vec<_> = points.iter().map(|p| p["scheme"].as_str().unwrap()).collect();
    assert_eq!(schemes, ["bearer", "bearer-ballast", "certificate-bound", "session-bound"], "{found}");
    assert!(points.iter().all(|p| p["server"].is_null() && p["client"].as_f64().unwrap() > 0.0));
    let requests: u64 = points.iter().map(|p| p["requests"].as_u64().unwrap()).sum();
    assert!(begun.elapsed().as_secs_f64() > requests as f64 / 400.0, "{requests} requests within the rate");
}

#[test]
fn a_right_server_is_fit_and_conforms() {
    let scratch = Scratch::new("right");
    let plan = scratch.plan("right.toml", &[], "");
    let done = scratch.ekmcheck(&["doctor"], &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}{}", text(&done.stderr));
    assert!(out.contains("quic-h3: a right token with a right proof is accepted"), "{out}");
    assert!(out.contains("0-RTT is off") && out.contains("sessions are resumed"), "{out}");
    let report = scratch.0.join("report");
    let words =
        ["run", "--filter", "rs.exporter", "--filter", "rs.introspection", "--report", report.to_str().unwrap()];
    let done = scratch.ekmcheck(&words, &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}{}", text(&done.stderr));
    assert!(out.contains("subject: right.toml") && out.contains("conformant."), "{out}");
    // The same case step by step, on the first transport of the plan that it is played on.
    let done = scratch.ekmcheck(&["replay", "rs.exporter.of-another-connection"], &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}{}", text(&done.stderr));
    assert!(out.contains("right.toml") && out.contains("invalid_proof"), "{out}");
}

#[test]
fn a_mistake_with_the_exporter_is_named_before_anything_is_judged() {
    let scratch = Scratch::new("context");
    let plan = scratch.plan("bad.toml", &["--fault", "exports-without-context"], "transports = [\"tls12-h1\"]");
    let done = scratch.ekmcheck(&["doctor"], &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(2), "{out}");
    assert!(out.contains("no context instead of a zero-length one"), "{out}");
    assert!(out.contains("1 to mend"), "{out}");

    let report = scratch.0.join("report");
    let words = ["run", "--filter", "rs.exporter.no-context", "--report", report.to_str().unwrap()];
    let done = scratch.ekmcheck(&words, &plan);
    let err = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{err}");
    assert!(
        err.contains("not fit to be judged") && err.contains("1 to mend") && err.contains("no context instead"),
        "{err}"
    );
    let done = scratch.ekmcheck(&[&words[..], &["--skip-doctor"]].concat(), &plan);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("broken"), "{}", text(&done.stdout));
}

#[test]
fn a_clock_that_is_not_what_the_plan_says_is_told() {
    let scratch = Scratch::new("clock");
    let plan = scratch.plan("clock.toml", &[], "transports = [\"tls13-h1\"]\nclock_skew_seconds = 20");
    let done = scratch.ekmcheck(&["doctor"], &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(2), "{out}");
    assert!(out.contains("s behind what the plan expects") && out.contains("correct clock_skew_seconds"), "{out}");
}

#[test]
fn a_plan_bounds_the_run_and_knows_its_failures() {
    let scratch = Scratch::new("bounds");
    let known = "[[known]]\nid = \"rs.ath.no-such-case\"\nexpected = \"fail\"\nreason = \"r\"\nexpires = 2099-01-01\n";
    fs::write(scratch.0.join("known.toml"), known).unwrap();
    let plan = scratch.plan("bounds.toml", &[], "transports = [\"tls13-h1\"]\n[limits]\nconnections = 1");
    let text_of = fs::read_to_string(&plan).unwrap();
    let report = scratch.0.join("report");
    let words = ["run", "--filter", "rs.exporter.of-another-connection", "--report", report.to_str().unwrap()];
    let done = scratch.ekmcheck(&words, &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(3), "nothing could be played: {out}{}", text(&done.stderr));
    assert!(out.contains("not testable 1"), "{out}");
    fs::write(&plan, format!("baseline = \"known.toml\"\n{text_of}")).unwrap();
    let done = scratch.ekmcheck(&words, &plan);
    assert_ne!(done.status.code(), Some(0));
    assert!(text(&done.stderr).contains("known.toml:1"), "{}", text(&done.stderr));
}

#[test]
fn what_is_claimed_is_looked_at() {
    let scratch = Scratch::new("claims");
    let plan = scratch.plan("claims.toml", &[], "transports = [\"tls13-h1\"]");
    let text_of = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text_of + "zero_rtt = true\n").unwrap();
    let done = scratch.ekmcheck(&["doctor"], &plan);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stdout).contains("correct zero_rtt"), "{}", text(&done.stdout));
}

#[test]
fn a_dialect_that_is_claimed_must_be_the_one_that_is_spoken() {
    let scratch = Scratch::new("dialect");
    let subject = ["--variation", "htu-is-a-path"];
    let plan = scratch.plan("dialect.toml", &subject, "transports = [\"tls13-h1\"]");
    let text_of = fs::read_to_string(&plan).unwrap();
    let report = scratch.0.join("report");
    let words = ["run", "--skip-doctor", "--filter", "rs.target.path-only", "--report", report.to_str().unwrap()];
    for (claim, status, said) in [
        ("htu = \"path\"", Some(0), "dialect: htu is a path (A-01)"),
        ("htu = \"absolute\"", Some(3), "the subject shows that htu is a path (A-01); correct the plan"),
        ("htu = \"abslute\"", Some(2), "unknown variant"),
    ] {
        fs::write(&plan, format!("{text_of}[dialect]\n{claim}\n")).unwrap();
        let done = scratch.ekmcheck(&words, &plan);
        let out = text(&done.stdout) + &text(&done.stderr);
        assert_eq!(done.status.code(), status, "{claim}: {out}");
        assert!(out.contains(said), "{claim}: {out}");
    }
    fs::write(&plan, format!("{text_of}[dialect]\nhtu = \"absolute\"\n")).unwrap();
    let done = scratch.ekmcheck(&["doctor"], &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(2), "{out}");
    assert!(out.contains("trouble  tls13-h1: the plan says under [dialect] that htu is an absolute URI"), "{out}");
}

#[test]
fn mistakes_in_a_plan_are_named_with_line_and_mend() {
    let scratch = Scratch::new("mistakes");
    let path = scratch.0.join("typo.toml");
    fs::write(&path, "[subject]\nname = \"x\"\n[target]\nurl = \"https://localhost:1\"\ntransports = [\"tls13h1\"]\n")
        .unwrap();
    let done = scratch.ekmcheck(&["check-plan"], &path);
    let err = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{err}");
    assert!(err.contains("typo.toml:5: there is no transport \"tls13h1\"") && err.contains("did you mean"), "{err}");
    // The plan that `init` writes can be followed as it is, once a server is there.
    assert_eq!(scratch.ekmcheck(&["check-plan"], &scratch.0.join("plan.toml")).status.code(), Some(0));
    // Nothing runs on the port: configuration, and no failed case.
    let closed = scratch.0.join("closed.toml");
    let nothing = "[subject]\nname = \"x\"\n[target]\nurl = \"https://localhost:1\"\n";
    fs::write(&closed, nothing).unwrap();
    let done = scratch.ekmcheck(&["doctor"], &closed);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stdout).contains("nothing answers"), "{}", text(&done.stdout));
    // A program that ends at once is told with what it wrote.
    let ends = scratch.0.join("ends.toml");
    let start = "[start]\ncommand = [\"sh\", \"-c\", \"echo no such port >&2; exit 3\"]\nready_line = \"ready\"\n";
    fs::write(&ends, format!("{}{start}", nothing.replace(":1\"", ":{port}\""))).unwrap();
    let done = scratch.ekmcheck(&["run"], &ends);
    let err = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{err}");
    assert!(err.contains("no such port") && err.contains("exit status: 3") && err.contains("mend:"), "{err}");
}

#[test]
fn a_subject_with_a_pki_and_an_authorization_server_of_its_own_is_tested_as_far_as_that_goes() {
    // The server knows nothing of the plan's own bundle: certificates and tokens come from elsewhere.
    let (own, scratch) = (Scratch::new("own-server"), Scratch::new("own"));
    let path = |name: &str| own.0.join(name).display().to_string();
    let rest = format!(
        "transports = [\"tls13-h1\"]\n[pki]\nserver_ca = {:?}\n[pki.clients]\np256 = {{ certificate = {:?}, key = {:?} }}\n\
         [tokens]\ncommand = [{EKMCHECK:?}, \"token\", \"--bundle\", {:?}, \"--client\", \"{{client}}\"]",
        path("harness/root.pem"),
        path("harness/p256.pem"),
        path("harness/p256.key"),
        path(""),
    );
    let plan = scratch.plan("own.toml", &[], &rest);
    let served = fs::read_to_string(&plan).unwrap().replace("{bundle}", &path(""));
    fs::write(&plan, served.replace("introspection = true", "")).unwrap();
    let report = scratch.0.join("report");
    let words =
        ["run", "--tag", "exporter", "--tag", "confirmation", "--tag", "alg", "--report", report.to_str().unwrap()];
    let done = scratch.ekmcheck(&words, &plan);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}{}", text(&done.stderr));
    let report = fs::read_to_string(report.join("report.json")).unwrap();
    for reason in ["issues none that is altered", "names no certificate p384 of the subject's own PKI"] {
        assert!(report.contains(reason), "{reason}");
    }
    let passed = out.lines().find_map(|line| line.trim().strip_prefix("passed ")).unwrap();
    assert!(passed.split(' ').next().unwrap().parse::<u32>().unwrap() > 20, "{out}");

    // Without the right source of tokens nothing is judged, and the doctor says why.
    let without = fs::read_to_string(&plan).unwrap().replace("\"--client\", \"{client}\"", "\"--clinet\"");
    fs::write(&plan, without).unwrap();
    let done = scratch.ekmcheck(&["doctor"], &plan);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stdout).contains("tokens.command"), "{}", text(&done.stdout));
}

#[test]
fn another_node_of_the_service_is_played_to_where_the_plan_names_one() {
    let scratch = Scratch::new("places");
    let words = ["serve", "resource-server", "--port", "0", "--no-quic", "--until-stdin-closes", "--bundle"];
    let mut node = Command::new(EKMCHECK);
    node.args(words).arg(&scratch.0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut node = node.spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let url = ready.trim().strip_prefix("ready ").unwrap();
    let rest = format!("transports = [\"tls13-h2\"]\n[places]\nnode = {url:?}");
    let plan = scratch.plan("places.toml", &[], &rest);
    let report = scratch.0.join("report");
    let words = ["run", "--filter", "rs.replay.another-process", "--report", report.to_str().unwrap()];
    let done = scratch.ekmcheck(&words, &plan);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(text(&done.stdout).contains("passed 1"), "{}", text(&done.stdout));
    drop(node.stdin.take());
    assert!(node.wait().unwrap().success());
}

#[test]
fn a_subject_that_was_started_here_is_started_anew() {
    let scratch = Scratch::new("restart");
    let plan = scratch.plan("restart.toml", &[], "transports = [\"tls13-h1\", \"quic-h3\"]");
    // It chooses a port at first, and is given it when it is started anew.
    let given = fs::read_to_string(&plan).unwrap().replace("\"--port\", \"0\"", "\"--port\", \"{port}\"");
    fs::write(&plan, given).unwrap();
    let report = scratch.0.join("report");
    // Others are played meanwhile, and are not disturbed by it.
    let words =
        ["run", "--filter", "rs.replay", "--filter", "rs.handshake.session-under-former-authority", "--jobs", "4"];
    let done = scratch.ekmcheck(&[&words[..], &["--report", report.to_str().unwrap()]].concat(), &plan);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report.join("report.json")).unwrap()).unwrap();
    let of = |id: &str| -> Vec<(String, String)> {
        let cases = report["cases"].as_array().unwrap().iter().filter(|case| case["id"] == id);
        let word = |case: &serde_json::Value, name: &str| case[name].as_str().unwrap().to_owned();
        cases.map(|case| (word(case, "verdict"), word(case, "reason"))).collect()
    };
    let restarted = of("rs.replay.after-a-restart");
    assert!(restarted.len() == 2 && restarted.iter().all(|(verdict, _)| verdict == "pass"), "{restarted:?}");
    let former = of("rs.handshake.session-under-former-authority");
    assert!(former.iter().all(|(verdict, why)| verdict == "not-testable" && why.contains("another trust anchor")));
    assert_eq!(report["counts"]["inconclusive"], 0, "{report}");
}

#[test]
fn a_plan_is_found_by_its_directory_and_from_within() {
    let scratch = Scratch::new("within");
    scratch.plan("plan.toml", &[], "transports = [\"tls13-h1\"]");
    let from = |directory: &Path, words: &[&str]| {
        let mut command = Command::new(EKMCHECK);
        command.current_dir(directory).args(words).output().unwrap()
    };
    let within = |words: &[&str]| from(&scratch.0, words);
    let name = scratch.0.file_name().unwrap().to_str().unwrap();
    let beside = |words: &[&str]| from(scratch.0.parent().unwrap(), words);
    let run = ["run", "--filter", "rs.accept.valid", "--report", "report"];
    for done in [
        within(&[&run[..], &["plan.toml"]].concat()),
        within(&[&run[..], &["."]].concat()),
        beside(&["check-plan", name]),
        beside(&["doctor", name]),
        beside(&["replay", "rs.accept.valid", name]),
    ] {
        assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    }
    // What is none says which file it looked for.
    let done = beside(&["check-plan", "."]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("plan.toml:1: "), "{}", text(&done.stderr));
}

#[test]
fn nothing_is_started_for_a_plan_that_would_send_to_another_machine() {
    let scratch = Scratch::new("remote");
    let start = "[start]\ncommand = [\"sh\", \"-c\", \"touch started\"]\nready_line = \"ready\"\n";
    for target in [
        "url = \"https://localhost:{port}\"\naddress = \"192.0.2.1\"\n",
        "url = \"https://192.0.2.1:8443\"\n",
        "url = \"https://localhost:{port}\"\n[places]\nnode = \"https://[2001:db8::1]:8443\"\n",
    ] {
        let plan = scratch.0.join("remote.toml");
        fs::write(&plan, format!("[subject]\nname = \"x\"\n[target]\n{target}{start}")).unwrap();
        for command in ["run", "doctor", "fuzz", "bench"] {
            let done = scratch.ekmcheck(&[command], &plan);
            let err = text(&done.stderr);
            assert!(done.status.code() == Some(2) && err.contains("is on another machine"), "{command}: {err}");
        }
        assert!(!scratch.0.join("started").exists());
    }
}
