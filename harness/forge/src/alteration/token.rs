//! Alterations of the access token and its confirmation. The proof is made for the altered token.

use ekmcheck_binding::{
    digest::{Thumbprint, sha256},
    exporter,
    refusal::Check,
};
use serde_json::{Value, json};

use super::{
    Alteration,
    Edit::{Token, TokenText},
    Leads, row,
};
use crate::recipe::{Setting, TokenRecipe};

const X5T: &str = "token.claims.cnf.x5t#S256";
const TLS_EXP: &str = "token.claims.cnf.tls_exp";
const CNF: &str = "token.claims.cnf";

pub(super) const TABLE: &[Alteration] = &[
    row(
        "token-signed-by-stranger",
        "token.signature",
        Leads::Refused(Check::Token),
        Token(|t, _| t.by_stranger = true),
    ),
    row(
        "token-signature-altered",
        "token.signature",
        Leads::Refused(Check::Token),
        TokenText(super::text::with_first_signature_character_changed),
    ),
    row(
        "token-expired",
        "token.claims.exp",
        Leads::Refused(Check::Token),
        Token(|t, s| {
            t.claims.set("exp", s.now - 3600);
        }),
    ),
    row(
        "token-for-another-audience",
        "token.claims.aud",
        Leads::Refused(Check::Token),
        Token(|t, _| {
            t.claims.set("aud", "https://other.ekmcheck.example");
        }),
    ),
    row("token-typ-jwt", "token.header.typ", Leads::Refused(Check::Token), Token(|t, _| t.header.set("typ", "JWT"))),
    row(
        "token-typ-security-event",
        "token.header.typ",
        Leads::Refused(Check::Token),
        Token(|t, _| t.header.set("typ", "secevent+jwt")),
    ),
    // Not an error: a token that lives for ten seconds, for cases that let it expire.
    row("token-short-lived", "token.claims.exp", Leads::Accepted, Token(|t, s| t.claims.set("exp", s.now + 60))),
    row(
        "cnf-of-another-certificate",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            x5t_of_identity(t, s, "second");
        }),
    ),
    row(
        "cnf-of-renewed-certificate",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            x5t_of_identity(t, s, "renewed");
        }),
    ),
    row(
        "cnf-of-issuing-ca",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            if let Some(ca) = s.client.chain.get(1) {
                x5t(t, Thumbprint::of_der(ca).to_string());
            }
        }),
    ),
    row(
        "cnf-in-lower-case-hex",
        X5T,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            x5t(t, s.bound_to.certificate.thumbprint().octets().iter().map(|b| format!("{b:02x}")).collect::<String>());
        }),
    ),
    row(
        "cnf-in-upper-case-hex",
        X5T,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            x5t(t, s.bound_to.certificate.thumbprint().octets().iter().map(|b| format!("{b:02X}")).collect::<String>());
        }),
    ),
    row(
        "cnf-of-pem-text",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            let pem = super::header::pem("CERTIFICATE", s.bound_to.certificate.der());
            x5t(t, ekmcheck_binding::base64url::encode(&sha256(pem.as_bytes())));
        }),
    ),
    row(
        "cnf-of-public-key",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            x5t(t, ekmcheck_binding::base64url::encode(&sha256(s.bound_to.certificate.key().spki())));
        }),
    ),
    row(
        "cnf-of-another-end",
        X5T,
        Leads::Refused(Check::Certificate),
        Token(|t, s| {
            let mut octets = *s.bound_to.certificate.thumbprint().octets();
            // The first 24 octets stay, which are 32 of the 43 characters.
            octets.iter_mut().skip(24).for_each(|octet| *octet ^= 0xff);
            x5t(t, ekmcheck_binding::base64url::encode(&octets));
        }),
    ),
    row(
        "cnf-padded",
        X5T,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            x5t(t, format!("{}=", s.bound_to.certificate.thumbprint()));
        }),
    ),
    row(
        "cnf-without-x5t",
        X5T,
        Leads::Refused(Check::Confirmation),
        Token(|t, _| {
            t.claims.set("cnf", json!({"tls_exp": exporter::LABEL}));
        }),
    ),
    row("tls-exp-true", TLS_EXP, Leads::Refused(Check::Confirmation), Token(|t, s| tls_exp(t, s, json!(true)))),
    row("tls-exp-false", TLS_EXP, Leads::Refused(Check::Confirmation), Token(|t, s| tls_exp(t, s, json!(false)))),
    row("tls-exp-null", TLS_EXP, Leads::Refused(Check::Confirmation), Token(|t, s| tls_exp(t, s, Value::Null))),
    row("tls-exp-empty", TLS_EXP, Leads::Refused(Check::Confirmation), Token(|t, s| tls_exp(t, s, json!("")))),
    row(
        "tls-exp-array",
        TLS_EXP,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            tls_exp(t, s, json!([exporter::LABEL]));
        }),
    ),
    row(
        "tls-exp-other-label",
        TLS_EXP,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            tls_exp(t, s, json!("EXPORTER-other"));
        }),
    ),
    row(
        "tls-exp-other-case",
        TLS_EXP,
        Leads::Refused(Check::Confirmation),
        Token(|t, s| {
            tls_exp(t, s, json!(exporter::LABEL.to_ascii_uppercase()));
        }),
    ),
    row("tls-exp-twice-null-first", TLS_EXP, Leads::Refused(Check::Token), Token(|t, s| tls_exp_and_null(t, s, true))),
    row("tls-exp-twice-null-last", TLS_EXP, Leads::Refused(Check::Token), Token(|t, s| tls_exp_and_null(t, s, false))),
    row("cnf-string", CNF, Leads::Refused(Check::Confirmation), Token(|t, _| t.claims.set("cnf", "bound"))),
    row(
        "cnf-array",
        CNF,
        Leads::Refused(Check::Confirmation),
        Token(|t, _| {
            if let Some(cnf) = t.claims.member("cnf") {
                t.claims.set("cnf", json!([cnf]));
            }
        }),
    ),
    row("cnf-null", CNF, Leads::Refused(Check::Confirmation), Token(|t, _| t.claims.set("cnf", Value::Null))),
    row(
        "cnf-twice-unbound-last",
        CNF,
        Leads::Refused(Check::Token),
        Token(|t, _| t.claims.append_raw("\"cnf\"", "{}")),
    ),
    row(
        "cnf-twice-unbound-first",
        CNF,
        Leads::Refused(Check::Token),
        Token(|t, _| {
            t.claims.prepend_raw("\"cnf\"", "{}");
        }),
    ),
    row(
        "cnf-with-unknown-members",
        CNF,
        Leads::Accepted,
        Token(|t, s| {
            let mut cnf = cnf(s);
            cnf["foo"] = json!({"bar": [1, 2]});
            t.claims.set("cnf", cnf);
        }),
    ),
    // Not errors: tokens that ask for less.
    row(
        "cnf-without-tls-exp",
        TLS_EXP,
        Leads::Open(None),
        Token(|t, s| {
            t.claims.set("cnf", json!({"x5t#S256": s.bound_to.certificate.thumbprint().to_string()}));
        }),
    ),
    row(
        "tls-exp-at-top-level",
        TLS_EXP,
        Leads::Open(None),
        Token(|t, s| {
            t.claims.set("cnf", json!({"x5t#S256": s.bound_to.certificate.thumbprint().to_string()}));
            t.claims.set("tls_exp", exporter::LABEL);
        }),
    ),
    row(
        "tls-exp-name-in-upper-case",
        TLS_EXP,
        Leads::Open(None),
        Token(|t, s| {
            let x5t = s.bound_to.certificate.thumbprint().to_string();
            t.claims.set("cnf", json!({"x5t#S256": x5t, "TLS_EXP": exporter::LABEL}));
        }),
    ),
    // A token that asks for a DPoP proof as well; see `dpop-proof`.
    row(
        "cnf-with-jkt",
        CNF,
        Leads::Open(Some(Check::Confirmation)),
        Token(|t, s| {
            let mut cnf = cnf(s);
            cnf["jkt"] = json!(crate::dpop::thumbprint());
            t.claims.set("cnf", cnf);
        }),
    ),
    row("cnf-absent", CNF, Leads::Open(None), Token(|t, _| t.claims.remove("cnf"))),
];

fn cnf(setting: &Setting<'_>) -> Value {
    json!({"x5t#S256": setting.bound_to.certificate.thumbprint().to_string(), "tls_exp": exporter::LABEL})
}

fn x5t(token: &mut TokenRecipe, text: String) {
    token.claims.set("cnf", json!({"x5t#S256": text, "tls_exp": exporter::LABEL}));
}

fn x5t_of_identity(token: &mut TokenRecipe, setting: &Setting<'_>, name: &str) {
    if let Some(identity) = setting.pki.identity(name) {
        x5t(token, identity.certificate.thumbprint().to_string());
    }
}

fn tls_exp(token: &mut TokenRecipe, setting: &Setting<'_>, value: Value) {
    let mut cnf = cnf(setting);
    cnf["tls_exp"] = value;
    token.claims.set("cnf", cnf);
}

/// The name twice within `cnf`, once with the label and once with null.
fn tls_exp_and_null(token: &mut TokenRecipe, setting: &Setting<'_>, null_first: bool) {
    let (x5t, label) = (setting.bound_to.certificate.thumbprint().to_string(), format!("\"{}\"", exporter::LABEL));
    let (first, last) = if null_first { ("null", &label[..]) } else { (&label[..], "null") };
    token.claims.set_raw("cnf", &format!(r#"{{"x5t#S256":"{x5t}","tls_exp":{first},"tls_exp":{last}}}"#));
}
