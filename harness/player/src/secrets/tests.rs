use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

/// No two octets of it are alike.
fn exporter() -> Vec<u8> {
    (0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)).collect()
}

fn token() -> String {
    let part = |seed: u8, length: usize| {
        let octets: Vec<u8> = (0..length).map(|n| (n as u8).wrapping_mul(seed).wrapping_add(seed)).collect();
        base64url::encode(&octets)
    };
    format!("{}.{}.{}", base64url::encode(br#"{"typ":"at+jwt"}"#), part(73, 200), part(91, 64))
}

fn secrets() -> Secrets {
    let secrets = Secrets::default();
    secrets.know(&token());
    secrets.know_octets(&exporter());
    secrets
}

/// The spellings of a secret that are found, with what must not be left of each.
fn spellings() -> Vec<String> {
    let (token, octets) = (token(), exporter());
    let parts: Vec<&str> = token.split('.').collect();
    let hex = words::hex(&octets);
    let pairs = |between: &str, before: &str| {
        octets.iter().map(|o| format!("{before}{o:02X}")).collect::<Vec<_>>().join(between)
    };
    let percent = |text: &str| text.bytes().map(|o| format!("%{o:02x}")).collect::<String>();
    let ekm = base64url::encode(&octets);
    let proof = base64url::encode(format!(r#"{{"ekm":"{ekm}"}}"#).as_bytes());
    vec![
        token.clone(),
        token.to_lowercase(),
        parts[1].to_owned(),
        parts[2].to_owned(),
        parts[1][20..60].to_owned(),
        token[..100].to_owned(),
        token.replace('.', "%2E"),
        percent(&token),
        words::hex(token.as_bytes()),
        STANDARD.encode(&token),
        ekm.clone(),
        ekm[..15].to_owned(),
        ekm[28..].to_owned(),
        format!("{ekm}="),
        STANDARD.encode(&octets),
        proof,
        hex.to_uppercase(),
        hex[..27].to_owned(),
        hex[37..].to_owned(),
        percent(&ekm),
        STANDARD.encode(&hex),
        pairs(":", ""),
        pairs(" ", ""),
        pairs("-", ""),
        pairs(", ", "0x"),
        pairs("", "\\x"),
        pairs("", "%"),
        format!("{octets:?}"),
        hex,
    ]
}

#[test]
fn a_secret_is_a_fingerprint_in_whatever_spelling() {
    let secrets = secrets();
    for spelling in spellings() {
        for (before, after) in [("", ""), ("invalid: ", "!"), ("realm=\"", "\", error=\"x\""), ("\u{1b}]w;", "\u{7}é")]
        {
            let hidden = secrets.hidden(&format!("{before}{spelling}{after}"));
            assert!(hidden.starts_with(before) && hidden.ends_with(after), "{spelling}: {hidden}");
            assert!(hidden.contains("fingerprint-"), "{spelling}: {hidden}");
            // No ten characters of it are left.
            let left = spelling.as_bytes().windows(10).any(|w| hidden.contains(str::from_utf8(w).unwrap()));
            assert!(!left, "{spelling}: {hidden}");
        }
    }
}

#[test]
fn the_fingerprint_is_that_of_the_transcripts() {
    let (token, ekm) = (token(), base64url::encode(&exporter()));
    let said = secrets().hidden(&format!("no {token}, no {ekm}"));
    assert_eq!(said, format!("no fingerprint-{}, no fingerprint-{}", fingerprint(&token), fingerprint(&ekm)));
    assert_eq!(secrets().without(&format!("no {token}")), "no (secret)");
    assert_eq!(secrets().told(&format!("no\n{token}")), format!("no\u{fffd}fingerprint-{}", fingerprint(&token)));
}

#[test]
fn a_token_of_somebody_else_is_hidden_by_its_form() {
    let said = Secrets::default().hidden(&format!("Bearer {}", token()));
    assert_eq!(said, format!("Bearer fingerprint-{}", fingerprint(&token())));
}

#[test]
fn an_error_hides_what_looks_like_an_exporter_value_of_whomever() {
    let secrets = Secrets::default();
    for spelling in [base64url::encode(&exporter()), words::hex(&exporter()), format!("{:?}", exporter())] {
        assert_eq!(secrets.hidden(&spelling), spelling);
        assert!(secrets.told(&format!("closed by peer: {spelling}")).starts_with("closed by peer: "), "{spelling}");
        assert!(secrets.told(&spelling).contains("fingerprint-"), "{spelling}");
    }
    let error = "invalid peer certificate: certificate not valid for name \"localhost\"; certificate is only valid for \
                 DnsName(\"a-long-name-of-a-host-in-a-cluster-of-some-company.example\"), id 7c9e6679-7425-40de-944b-e07fc1f90ae7";
    assert_eq!(secrets.told(error), error);
}

#[test]
fn what_is_no_secret_is_kept_to_the_letter() {
    let secrets = secrets();
    // Requests hold such words, and answers are judged by them.
    for word in ["invalid_token", "insufficient_scope", "session-binding-proof", "application/json"] {
        secrets.know(word);
    }
    for said in [
        r#"Bearer realm="x", error="invalid_token", error_description="the token is not bound: ABCdef012345""#,
        "Bearer error=\"invalid_proof\", error_uri=\"https://rs.example/errors/2026?id=7c9e6679-7425-40de-944b-e07fc1f90ae7\"",
        "x5t#S256 is bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14",
        "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
        "%41%42%43%44%45%46%47%48%49%4a%4b%4c%4d",
        "application/json, insufficient_scope",
        "",
        "é",
    ] {
        assert_eq!(secrets.hidden(said), said);
    }
}

#[test]
fn what_is_old_is_forgotten_and_what_is_new_is_not() {
    let secrets = Secrets::default();
    let value = |n: usize| {
        let mut octets = ekmcheck_binding::digest::sha256(&n.to_be_bytes()).to_vec();
        octets.extend(ekmcheck_binding::digest::sha256(&octets));
        octets
    };
    // A value has some 30 pieces.
    let count = 3 * KEPT / 30;
    for n in 0..count {
        secrets.know_octets(&value(n));
    }
    let is_hidden = |n: usize| secrets.hidden(&base64url::encode(&value(n))).starts_with("fingerprint-");
    assert!((count - KEPT / 40..count).all(is_hidden), "those of the last plays are known");
    assert!(!is_hidden(0));
    let pieces = secrets.pieces();
    assert!(pieces.new.len() <= KEPT && pieces.old.len() <= KEPT + 100);
}
