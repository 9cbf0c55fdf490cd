//! JWTs of other kinds in the place of a proof (LIB-B25), as they are: what the client signs with the same key for somebody
//! else, and what it was given.

use ekmcheck_binding::{
    base64url,
    digest::{TokenHash, sha256},
    refusal::Check,
};
use ekmcheck_forge::{
    document::Document,
    recipe::{Setting, right_token},
};
use ekmcheck_suite::case::{Basis::Inherited, Level::Must};
use serde_json::{Value, json};

use super::super::{ledger::entry_of, plan::Plan, step::Step};

pub(super) fn plans() -> Vec<Plan> {
    use Check::{Ath, Ekm, Iat, Signature, Typ, X5t};
    let token = Step::text("proof", "the access token in place of the proof", |_, _, token| Ok(token.to_owned()));
    let id_token = Step::text("proof", "an ID token in place of the proof", |_, setting, _| {
        let mut recipe = right_token(setting);
        recipe.header.set("typ", "JWT");
        recipe.claims = Document::new(&json!({"iss": setting.issuer.name(), "sub": "agent-7", "aud": "p256",
            "iat": setting.now, "exp": setting.now + 300, "nonce": "n-1"}));
        recipe.sign(setting)
    });
    let jws = |what: &str, make: fn(&Setting<'_>, &str) -> (Value, Value)| {
        Step::other_jws(format!("{what} in place of the proof, signed with the client's key"), make)
    };
    vec![
        plan("access-token", "The access token stands in place of the proof.", &[Typ, X5t, Signature, Ekm, Ath], token),
        plan(
            "id-token",
            "An ID token of the same issuer stands in place of the proof.",
            &[Typ, X5t, Signature, Ekm, Ath],
            id_token,
        ),
        plan(
            "dpop-proof",
            "A DPoP proof for the same request and token (RFC 9449).",
            &[Typ, X5t, Ekm],
            jws("a DPoP proof", dpop),
        ),
        plan(
            "workload-proof-token",
            "A Workload Proof Token of WIMSE for the same token.",
            &[Typ, X5t, Ekm, Iat],
            jws("a Workload Proof Token", wpt),
        ),
        plan(
            "client-assertion",
            "A client assertion (RFC 7523).",
            &[Typ, X5t, Ekm, Ath],
            jws("a client assertion", assertion),
        ),
        plan(
            "client-attestation-pop",
            "A proof of possession for a client attestation.",
            &[Typ, X5t, Ekm, Ath],
            jws("a client attestation PoP", attestation),
        ),
        plan(
            "key-binding",
            "A key binding of an SD-JWT.",
            &[Typ, X5t, Ekm, Ath],
            jws("a key binding JWT", key_binding),
        ),
        plan(
            "request-object",
            "A signed authorization request (RFC 9101).",
            &[Typ, X5t, Ekm, Ath],
            jws("a request object", request_object),
        ),
    ]
}

fn plan(name: &str, title: &str, checks: &[Check], step: Step) -> Plan {
    let mut plan = Plan::refused(Check::Typ, name, title);
    plan.folder = Some("swap");
    plan.others = checks.iter().copied().filter(|check| *check != Check::Typ).collect();
    let plan = plan.step(step).entry(entry_of("rs.token-proof-confusion", "RFC 8725 3.12", Must, Inherited));
    plan.flag("cross-jwt-confusion").row("LIB-B25")
}

fn header(typ: &str) -> Value {
    json!({"typ": typ, "alg": "ES256"})
}

fn target(setting: &Setting<'_>) -> String {
    format!("https://{}{}", setting.authority, setting.path)
}

fn dpop(setting: &Setting<'_>, token: &str) -> (Value, Value) {
    let point = setting.client.certificate.key().material();
    let coordinate = |range| point.get(range).map(base64url::encode);
    let mut header = header("dpop+jwt");
    header["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65)});
    let claims = json!({"jti": "dpop-1", "htm": setting.method, "htu": target(setting), "iat": setting.now,
        "ath": TokenHash::of(token).to_string()});
    (header, claims)
}

fn wpt(setting: &Setting<'_>, token: &str) -> (Value, Value) {
    let claims = json!({"aud": target(setting), "exp": setting.now + 60, "jti": "wpt-1",
        "wth": base64url::encode(&sha256(b"a workload identity token")), "ath": TokenHash::of(token).to_string()});
    (header("wpt+jwt"), claims)
}

fn assertion(setting: &Setting<'_>, _: &str) -> (Value, Value) {
    let claims = json!({"iss": "p256", "sub": "p256", "aud": setting.issuer.name(), "jti": "assertion-1",
        "iat": setting.now, "exp": setting.now + 60});
    (header("JWT"), claims)
}

fn attestation(setting: &Setting<'_>, _: &str) -> (Value, Value) {
    let claims = json!({"iss": "p256", "aud": setting.issuer.name(), "jti": "pop-1", "iat": setting.now});
    (header("oauth-client-attestation-pop+jwt"), claims)
}

fn key_binding(setting: &Setting<'_>, _: &str) -> (Value, Value) {
    let claims = json!({"aud": setting.issuer.audience(), "nonce": "n-1", "iat": setting.now,
        "sd_hash": base64url::encode(&sha256(b"an SD-JWT"))});
    (header("kb+jwt"), claims)
}

fn request_object(setting: &Setting<'_>, _: &str) -> (Value, Value) {
    let claims = json!({"iss": "p256", "aud": setting.issuer.name(), "client_id": "p256", "response_type": "code",
        "iat": setting.now, "exp": setting.now + 60});
    (header("oauth-authz-req+jwt"), claims)
}
