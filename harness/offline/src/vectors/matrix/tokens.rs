//! What a token asks for (LIB-B21): the decision table of `cnf`, and values that nearly name this certificate or label.

use ekmcheck_binding::{
    base64url,
    digest::{Thumbprint, sha256},
    exporter,
    refusal::Check,
};
use ekmcheck_suite::case::{
    Basis::{Draft, Hardening, Inherited},
    Level::{May, Must, Should},
};
use serde_json::{Value, json};

use super::super::{
    ledger::{Entry, entry_of},
    plan::Plan,
    step::Step,
};

const LABEL: Entry = entry_of("rs.confirmation-form", "2.4", Should, Hardening);

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = labels();
    plans.extend(thumbprints());
    plans.extend(members());
    plans
}

fn labels() -> Vec<Plan> {
    let set = |value: &str| Step::cnf("tls_exp", value.into());
    let mut plans: Vec<Plan> = [
        ("tls-exp-with-space", "EXPORTER-oauth-tls-session-bound ", "ends with a space"),
        ("tls-exp-with-nul", "EXPORTER-oauth-tls-session-bound\0", "ends with the character NUL"),
        ("tls-exp-without-prefix", "oauth-tls-session-bound", "lacks `EXPORTER-`"),
        ("tls-exp-begins-alike", "EXPORTER-oauth-tls-session-bound-2", "goes on"),
        ("tls-exp-cut-short", "EXPORTER-oauth-tls-session", "is cut short"),
        ("tls-exp-channel-binding", "EXPORTER-Channel-Binding", "is that of RFC 9266"),
        ("tls-exp-of-value", "Z5kl", "is something like an exporter value"),
        ("tls-exp-in-lower-case", "exporter-oauth-tls-session-bound", "is in lower case"),
    ]
    .into_iter()
    .map(|(name, value, what)| {
        let plan =
            Plan::refused(Check::Confirmation, name, &format!("The label in the token {what}.")).step(set(value));
        plan.entry(LABEL).flag("binding-downgrade").row("LIB-B21")
    })
    .collect();
    let other =
        Step::proof("proof.claims.ekm", "`proof.claims.ekm` = the value for the label EXPORTER-other", |p, s, _| {
            p.claims.set("ekm", base64url::encode(s.exporters.get("other-label")));
        });
    let title = "The token asks for another label, and the proof has the value for that one.";
    let agile =
        Plan::open(Some(Check::Confirmation), "label-of-the-token", title).step(set("EXPORTER-other")).step(other);
    plans.push(
        agile.entry(entry_of("rs.confirmation-form", "2.4", May, Draft)).flag("exporter-parameters").row("LIB-B21"),
    );
    plans
}

/// `x5t#S256` of what is not this certificate, or not written as it should be.
fn thumbprints() -> Vec<Plan> {
    let of = |name: &str, check, what: &str, entry, flag, make: fn(&Thumbprint) -> String| {
        let line = format!("`token.claims.cnf.x5t#S256` = {what}");
        let step = Step::token("token.claims.cnf.x5t#S256", line, move |token, setting| {
            let value = make(&setting.bound_to.certificate.thumbprint());
            token.claims.set("cnf", json!({"x5t#S256": value, "tls_exp": exporter::LABEL}));
        });
        let plan = Plan::refused(check, name, &format!("The token is bound to {what}.")).step(step);
        plan.entry(entry).flag(flag).row("LIB-B21")
    };
    let differs = entry_of("rs.certificate-binding", "3.3.2 5c", Must, Draft);
    let form = entry_of("rs.certificate-binding", "RFC 8705 3.1", Must, Inherited);
    let spelling = entry_of("rs.certificate-binding", "RFC 8705 3.1", Should, Inherited);
    let (bad, other) = (Check::Confirmation, Check::Certificate);
    vec![
        of("cnf-of-zeros", other, "32 octets 0", differs, "certificate-mix-up", |_| base64url::encode(&[0; 32])),
        of("cnf-of-nothing", other, "the hash of no octets", differs, "certificate-mix-up", |_| {
            base64url::encode(&sha256(b""))
        }),
        of("cnf-of-hash-of-hash", other, "the hash of the thumbprint", differs, "certificate-mix-up", |t| {
            base64url::encode(&sha256(t.octets()))
        }),
        of("cnf-of-last-bit", other, "a thumbprint that differs in its last octet", differs, "wrong-value", |t| {
            let mut octets = *t.octets();
            octets[31] ^= 4;
            base64url::encode(&octets)
        }),
        of("cnf-of-first-bit", other, "a thumbprint that differs in its first octet", differs, "wrong-value", |t| {
            let mut octets = *t.octets();
            octets[0] ^= 0x80;
            base64url::encode(&octets)
        }),
        of("cnf-31-octets", bad, "the first 31 octets of the thumbprint", form, "wrong-value", |t| {
            base64url::encode(&t.octets()[..31])
        }),
        of("cnf-33-octets", bad, "the thumbprint and one more octet", form, "wrong-value", |t| {
            base64url::encode(&[t.octets(), &[0][..]].concat())
        }),
        of(
            "cnf-20-octets",
            bad,
            "the first 20 octets of the thumbprint, as many as SHA-1 has",
            form,
            "wrong-value",
            |t| base64url::encode(&t.octets()[..20]),
        ),
        of("cnf-with-colons", bad, "the thumbprint in hexadecimal with colons", form, "value-encoding", |t| {
            t.octets().iter().map(|o| format!("{o:02X}")).collect::<Vec<_>>().join(":")
        }),
        of("cnf-with-space", bad, "the thumbprint with a space inside", spelling, "base64url-lenient", |t| {
            let text = t.to_string();
            format!("{} {}", &text[..8], &text[8..])
        }),
        of("cnf-with-newline", bad, "the thumbprint with a line feed after it", spelling, "base64url-lenient", |t| {
            format!("{t}\n")
        }),
        of("cnf-in-other-case", other, "the thumbprint in another case of letters", differs, "value-encoding", |t| {
            swapped_case(&t.to_string())
        }),
    ]
}

/// Other letters are other octets. The last character stays, whose unused bits would otherwise be set.
fn swapped_case(text: &str) -> String {
    let (start, last) = text.split_at(text.len().saturating_sub(1));
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    start.chars().map(swap).collect::<String>() + last
}

/// Which members are there.
fn members() -> Vec<Plan> {
    fn rename(cnf: Value, from: &str, to: &str) -> Value {
        let mut cnf = cnf;
        let value = cnf.as_object_mut().and_then(|members| members.shift_remove(from));
        cnf[to] = value.unwrap_or_default();
        cnf
    }
    let form = entry_of("rs.confirmation-form", "2.4", Must, Draft);
    let free = entry_of("rs.confirmation-form", "4.1", May, Draft);
    let refused = |name: &str, title: &str, line: &str, make| {
        let plan = Plan::refused(Check::Confirmation, name, title).step(Step::whole_cnf(line, make)).entry(form);
        plan.flag("binding-downgrade").row("LIB-B21")
    };
    let open = |check, name: &str, title: &str, line: &str, make| {
        let plan = Plan::open(check, name, title).step(Step::whole_cnf(line, make)).entry(free);
        plan.flag("binding-downgrade").row("LIB-B21")
    };
    let jkt = Some(Check::Confirmation);
    vec![
        refused("cnf-x5t-name-in-lower-case", "The thumbprint is called `x5t#s256`.", "has `x5t#s256`", |c| {
            rename(c, "x5t#S256", "x5t#s256")
        }),
        refused("cnf-x5t-of-sha-1", "There is `x5t` in place of `x5t#S256`.", "has `x5t`", |c| {
            rename(c, "x5t#S256", "x5t")
        }),
        refused(
            "cnf-x5t-nested",
            "The thumbprint stands one level too deep.",
            "has it in an object",
            |c| json!({"x5t": {"#S256": c["x5t#S256"]}, "tls_exp": c["tls_exp"]}),
        ),
        open(None, "cnf-empty-object", "`cnf` is there and empty.", "is empty", |_| json!({})),
        open(
            None,
            "cnf-with-kid-alone",
            "`cnf` names a key by `kid` alone.",
            "has `kid` alone",
            |_| json!({"kid": "7"}),
        ),
        open(None, "cnf-in-cnf", "`cnf` stands within `cnf`.", "stands within another", |c| json!({"cnf": c})),
        open(
            jkt,
            "cnf-with-jkt-alone",
            "`cnf` asks for DPoP alone.",
            "has `jkt` alone",
            |_| json!({"jkt": base64url::encode(&sha256(b"jkt"))}),
        ),
        open(
            jkt,
            "cnf-with-jkt-for-tls-exp",
            "`cnf` asks for the certificate and for DPoP.",
            "has `jkt` for `tls_exp`",
            |c| json!({"x5t#S256": c["x5t#S256"], "jkt": base64url::encode(&sha256(b"jkt"))}),
        ),
        open(None, "cnf-with-jwk", "`cnf` has a key besides.", "has `jwk` besides", |mut c| {
            c["jwk"] = json!({"kty": "oct", "k": "AAAA"});
            c
        }),
        Plan::accepted("cnf-in-other-order", "The label comes first in `cnf`.")
            .step(Step::token("token.claims.cnf", "`tls_exp` first in `token.claims.cnf`", |t, _| {
                let cnf = t.claims.member("cnf").unwrap_or_default();
                t.claims.set("cnf", json!({"tls_exp": cnf["tls_exp"], "x5t#S256": cnf["x5t#S256"]}));
            }))
            .entry(entry_of("rs.confirmation-form", "RFC 8259 4", Must, Inherited))
            .row("LIB-B21"),
    ]
}
