//! Alterations of the request that carries token and proof.

use ekmcheck_binding::{base64url, refusal::Check};

use super::{Alteration, Edit::Request, Leads, row};
use crate::recipe::{RequestRecipe, Setting, make_token};

const FIELD: &str = "request.fields.Session-Binding-Proof";
const AUTHORIZATION: &str = "request.fields.Authorization";

pub(super) const TABLE: &[Alteration] = &[
    row("field-absent", FIELD, Leads::Refused(Check::Presence), Request(|r, _| proof_fields(r, |_| vec![]))),
    row("field-empty", FIELD, Leads::Refused(Check::Field), Request(|r, _| proof_fields(r, |_| vec![vec![]]))),
    row("field-twice", FIELD, Leads::Refused(Check::Field), Request(|r, _| proof_fields(r, |p| vec![p.clone(), p]))),
    row(
        "field-twice-garbage-first",
        FIELD,
        Leads::Refused(Check::Field),
        Request(|r, _| proof_fields(r, |p| vec![b"x.y.z".to_vec(), p])),
    ),
    row(
        "field-twice-garbage-last",
        FIELD,
        Leads::Refused(Check::Field),
        Request(|r, _| proof_fields(r, |p| vec![p, b"x.y.z".to_vec()])),
    ),
    row(
        "field-joined-by-comma",
        FIELD,
        Leads::Refused(Check::Format),
        Request(|r, _| proof_fields(r, |p| vec![[&p[..], b", ", &p[..]].concat()])),
    ),
    row(
        "field-in-white-space",
        FIELD,
        Leads::Accepted,
        Request(|r, _| proof_fields(r, |p| vec![[b" \t", &p[..], b" \t "].concat()])),
    ),
    row(
        "field-in-quotes",
        FIELD,
        Leads::Refused(Check::Format),
        Request(|r, _| proof_fields(r, |p| vec![[b"\"", &p[..], b"\""].concat()])),
    ),
    row(
        "field-with-scheme",
        FIELD,
        Leads::Refused(Check::Format),
        Request(|r, _| proof_fields(r, |p| vec![[b"Bearer ", &p[..]].concat()])),
    ),
    row(
        "field-with-obs-text",
        FIELD,
        Leads::Refused(Check::Field),
        Request(|r, _| proof_fields(r, |p| vec![inside(&p, &(0x80..=0xff).collect::<Vec<u8>>())])),
    ),
    row(
        "field-with-nul",
        FIELD,
        Leads::Refused(Check::Format),
        Request(|r, _| proof_fields(r, |p| vec![inside(&p, b"\0")])),
    ),
    row(
        "field-with-bare-cr",
        FIELD,
        Leads::Refused(Check::Format),
        Request(|r, _| proof_fields(r, |p| vec![inside(&p, b"\r")])),
    ),
    row(
        "proof-is-the-token",
        FIELD,
        Leads::Refused(Check::Typ),
        Request(|r, _| {
            let token = r.field("Authorization").split_off("Bearer ".len());
            proof_fields(r, |_| vec![token]);
        }),
    ),
    row(
        "token-is-the-proof",
        AUTHORIZATION,
        Leads::Refused(Check::Token),
        Request(|r, _| {
            let proof = r.field(RequestRecipe::PROOF_FIELD);
            r.set_field("Authorization", vec![[b"Bearer ", &proof[..]].concat()]);
            r.set_field(RequestRecipe::PROOF_FIELD, vec![]);
        }),
    ),
    row("scheme-in-lower-case", AUTHORIZATION, Leads::Accepted, Request(|r, _| scheme(r, "bearer"))),
    row("scheme-in-upper-case", AUTHORIZATION, Leads::Accepted, Request(|r, _| scheme(r, "BEARER"))),
    row("scheme-dpop", AUTHORIZATION, Leads::Open(Some(Check::Credentials)), Request(|r, _| scheme(r, "DPoP"))),
    row(
        "authorization-absent",
        AUTHORIZATION,
        Leads::Refused(Check::Credentials),
        Request(|r, _| {
            r.set_field("Authorization", vec![]);
        }),
    ),
    // Where else a client may put things.
    row(
        "proof-in-query",
        "request.path",
        Leads::Refused(Check::Presence),
        Request(|r, _| {
            let proof = text(r.field(RequestRecipe::PROOF_FIELD));
            r.set_field(RequestRecipe::PROOF_FIELD, vec![]);
            r.path.push_str(&format!("?session_binding_proof={proof}"));
        }),
    ),
    row(
        "proof-in-form",
        "request.body",
        Leads::Refused(Check::Presence),
        Request(|r, _| {
            let proof = text(r.field(RequestRecipe::PROOF_FIELD));
            r.set_field(RequestRecipe::PROOF_FIELD, vec![]);
            form(r, &format!("session_binding_proof={proof}"));
        }),
    ),
    // RFC 6750 sections 2.3 and 2.2.
    row(
        "token-in-query",
        "request.path",
        Leads::Refused(Check::Credentials),
        Request(|r, _| {
            let token = without_credentials(r);
            r.path.push_str(&format!("?access_token={token}"));
        }),
    ),
    row(
        "token-in-form",
        "request.body",
        Leads::Refused(Check::Credentials),
        Request(|r, _| {
            let token = without_credentials(r);
            form(r, &format!("access_token={token}"));
        }),
    ),
    // Beside a bound token and its proof, a token of the same issuer that is bound to nothing.
    row(
        "unbound-token-first",
        AUTHORIZATION,
        Leads::Refused(Check::Authorization),
        Request(|r, s| {
            let fields = [bearer(&unbound(s)), r.field("Authorization")];
            r.set_field("Authorization", fields.to_vec());
        }),
    ),
    row(
        "unbound-token-last",
        AUTHORIZATION,
        Leads::Refused(Check::Authorization),
        Request(|r, s| {
            let fields = [r.field("Authorization"), bearer(&unbound(s))];
            r.set_field("Authorization", fields.to_vec());
        }),
    ),
    row(
        "unbound-token-in-form",
        "request.body",
        Leads::Open(None),
        Request(|r, s| form(r, &format!("access_token={}", unbound(s)))),
    ),
    // What a token with `cnf-with-jkt` asks for besides the session-bound proof.
    row(
        "dpop-proof",
        "request.fields.DPoP",
        Leads::Open(None),
        Request(|r, s| {
            let token = text(r.field("Authorization").split_off("Bearer ".len()));
            r.set_field("DPoP", crate::dpop::proof(s, &token).into_iter().map(String::into_bytes).collect());
        }),
    ),
    row(
        "method-override-field",
        "request.fields.X-HTTP-Method-Override",
        Leads::Open(None),
        Request(|r, _| r.set_field("X-HTTP-Method-Override", vec![b"DELETE".to_vec()])),
    ),
    // What a proxy of the drafts before -06 would have forwarded; the value is that of the connection the proof is for.
    Alteration {
        needs_other: true,
        ..row(
            "tls-exporter-field",
            "request.fields.TLS-Exporter",
            Leads::Refused(Check::Ekm),
            Request(|r, s| {
                if let Some(other) = s.other {
                    r.set_field("TLS-Exporter", vec![base64url::encode(other.right()).into_bytes()]);
                }
            }),
        )
    },
    row(
        "client-certificate-fields",
        "request.fields.Client-Cert",
        Leads::Refused(Check::Certificate),
        Request(|r, s| certificate_fields(r, s.bound_to.certificate.der())),
    ),
    Alteration {
        needs_other: true,
        ..row(
            "all-forwarding-fields",
            "request.fields.*",
            Leads::Refused(Check::Certificate),
            Request(|r, s| {
                certificate_fields(r, s.bound_to.certificate.der());
                if let Some(other) = s.other {
                    r.set_field("TLS-Exporter", vec![base64url::encode(other.right()).into_bytes()]);
                }
            }),
        )
    },
];

fn proof_fields(request: &mut RequestRecipe, change: impl FnOnce(Vec<u8>) -> Vec<Vec<u8>>) {
    let proof = request.field(RequestRecipe::PROOF_FIELD);
    request.set_field(RequestRecipe::PROOF_FIELD, change(proof));
}

/// A token that may be used without any proof; empty, so that nothing is gained, if none can be made.
fn unbound(setting: &Setting<'_>) -> String {
    make_token(setting, super::named("cnf-absent")).unwrap_or_default()
}

fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}

/// Takes token and proof out of the request, and returns the token.
fn without_credentials(request: &mut RequestRecipe) -> String {
    let token = request.field("Authorization").split_off("Bearer ".len());
    request.set_field("Authorization", vec![]);
    request.set_field(RequestRecipe::PROOF_FIELD, vec![]);
    text(token)
}

/// Sends a form, which is what POST does.
fn form(request: &mut RequestRecipe, content: &str) {
    "POST".clone_into(&mut request.method);
    request.set_field("Content-Type", vec![b"application/x-www-form-urlencoded".to_vec()]);
    request.body = content.as_bytes().to_vec();
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap_or_default()
}

/// The proof with these octets in its header segment.
fn inside(proof: &[u8], octets: &[u8]) -> Vec<u8> {
    let (before, behind) = proof.split_at(proof.len().min(8));
    [before, octets, behind].concat()
}

fn scheme(request: &mut RequestRecipe, scheme: &str) {
    let value = request.field("Authorization");
    let token = &value["Bearer".len().min(value.len())..];
    request.set_field("Authorization", vec![[scheme.as_bytes(), token].concat()]);
}

/// RFC 9440 and its forerunners, all with the certificate of the client that the token belongs to.
fn certificate_fields(request: &mut RequestRecipe, der: &[u8]) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    request.set_field("Client-Cert", vec![format!(":{text}:").into_bytes()]);
    let hash: String = ekmcheck_binding::digest::sha256(der).iter().map(|b| format!("{b:02x}")).collect();
    request.set_field("X-Forwarded-Client-Cert", vec![format!("Hash={hash}").into_bytes()]);
    request.set_field("X-SSL-Client-Cert", vec![text.clone().into_bytes()]);
    request.set_field("Ssl-Client-Cert", vec![text.into_bytes()]);
}
