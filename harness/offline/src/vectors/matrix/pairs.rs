//! Two defects at a time (LIB-B24). Neither may hide the other, and several together are what an attacker has who brings
//! everything but the key of the connection.

use ekmcheck_binding::refusal::Check;
use ekmcheck_forge::{
    alteration::{self, Leads},
    recipe::ProofSigner,
};
use ekmcheck_suite::case::{Basis::Draft, Level::Must};
use serde_json::json;

use super::super::{
    ledger::{self, Entry, entry_of},
    plan::Plan,
    step::{Part, Step},
};

/// Rows of the table of alterations whose checks, in the order in which the reference makes them, do not hold together.
const ROWS: [(&str, &[&str], &str); 13] = [
    ("typ-and-alg-none", &["typ-jwt", "alg-none"], "An unsigned JWT without a type of its own."),
    (
        "typ-and-embedded-key",
        &["typ-dpop", "jwk-of-attacker"],
        "A proof by an attacker's key, which it carries as DPoP has it.",
    ),
    ("crit-and-typ", &["crit-unknown", "typ-jwt"], "An unknown extension and another type."),
    ("alg-and-x5t", &["alg-of-another-curve", "x5t-missing"], "An algorithm of another curve, and no thumbprint."),
    ("alg-and-ekm", &["hmac-key-pem", "ekm-random"], "An HMAC, and another exporter value."),
    ("signature-and-ekm", &["signature-altered", "ekm-random"], "A broken signature and another exporter value."),
    ("signature-and-ath", &["signed-by-another-key", "ath-of-another-token"], "Another key and another token."),
    ("signature-and-iat", &["signature-empty", "iat-one-hour-ahead"], "No signature, and a time to come."),
    (
        "ekm-and-ath",
        &["ekm-of-another-connection", "ath-of-another-token"],
        "A proof for another token on another connection.",
    ),
    ("ekm-and-iat", &["ekm-of-another-connection", "iat-one-hour-past"], "An old proof of an old connection."),
    ("ath-and-htu", &["ath-of-another-token", "htu-of-another-path"], "A proof for another token and another target."),
    ("iat-and-htm", &["iat-one-hour-past", "htm-of-another-method"], "An old proof for another method."),
    ("htm-and-htu", &["htm-of-another-method", "htu-of-another-path"], "A proof for another request."),
];

pub(super) fn plans() -> Vec<Plan> {
    let mut plans: Vec<Plan> = ROWS.iter().filter_map(|(name, rows, title)| of_rows(name, rows, title)).collect();
    plans.extend(crossed());
    plans.extend(identities());
    plans
}

fn pair(name: &str, title: &str, checks: [Check; 2], steps: impl IntoIterator<Item = Step>, entry: Entry) -> Plan {
    let mut plan = Plan::refused(checks[0], name, title);
    plan.folder = Some("pairs");
    plan.others = vec![checks[1]];
    let plan = steps.into_iter().fold(plan, Plan::step);
    plan.entry(entry).flag("combined-defects").row("LIB-B24")
}

fn of_rows(name: &str, rows: &[&str], title: &str) -> Option<Plan> {
    let rows = rows.iter().map(|row| alteration::named(row)).collect::<Option<Vec<_>>>()?;
    let checks = rows.iter().filter_map(|row| match row.leads {
        Leads::Refused(check) => Some(check),
        _ => None,
    });
    let [first, second] = checks.collect::<Vec<_>>()[..] else { return None };
    // Each of the two is enough, so the stronger of them decides.
    let entries = rows.iter().map(|row| ledger::entry(row.name, Some(row.changes), row.leads));
    let entry = entries.max_by_key(|entry| entry.level)?;
    Some(pair(name, title, [first, second], rows.into_iter().map(Step::row), entry))
}

/// Values that are right in another place.
fn crossed() -> Vec<Plan> {
    let values = Step::proof("proof.claims", "`ath` and `ekm` have each other's value", |p, _, _| {
        let (ath, ekm) = (p.claims.text_of("ath"), p.claims.text_of("ekm"));
        p.claims.set("ath", ekm);
        p.claims.set("ekm", ath);
    });
    let requests = Step::proof("proof.claims", "`htm` and `htu` have each other's value", |p, s, _| {
        p.claims.set("htm", s.path);
        p.claims.set("htu", s.method);
    });
    let parts = Step::proof("proof", "`typ` and `x5t#S256` stand in the payload", |p, _, _| {
        for name in ["typ", "x5t#S256"] {
            let value = p.header.text_of(name);
            p.header.remove(name);
            p.claims.set(name, value);
        }
    });
    let title = "`typ` and `x5t#S256` stand in the payload and not in the header.";
    vec![
        pair(
            "ekm-and-ath-crossed",
            "`ath` and `ekm` have each other's value.",
            [Check::Ekm, Check::Ath],
            [values],
            entry_of("rs.exporter-match", "3.3.2 5f", Must, Draft),
        ),
        pair(
            "htm-and-htu-crossed",
            "`htm` and `htu` have each other's value.",
            [Check::Htm, Check::Htu],
            [requests],
            entry_of("rs.htm", "3.3.2 5i", Must, Draft),
        ),
        pair("header-in-payload", title, [Check::Typ, Check::X5t], [parts], entry_of("rs.typ", "2.3.1", Must, Draft))
            .flag("name-comparison"),
    ]
}

/// All of another client's but the connection: who has stolen its token and its key, or only believes what is written.
fn identities() -> Vec<Plan> {
    let token = || {
        Step::token("token.claims.cnf.x5t#S256", "the token is bound to the client `second`", |t, s| {
            let other = s.pki.identity("second").map(|i| i.certificate.thumbprint().to_string());
            let cnf = t.claims.member("cnf").unwrap_or_default();
            t.claims.set("cnf", json!({"x5t#S256": other, "tls_exp": cnf["tls_exp"]}));
        })
    };
    let named = || {
        Step::proof("proof.header.x5t#S256", "the proof names the certificate of the client `second`", |p, s, _| {
            if let Some(other) = s.pki.identity("second") {
                p.header.set("x5t#S256", other.certificate.thumbprint().to_string());
            }
        })
    };
    let signed =
        || Step::proof("proof.key", "the client `second` signs", |p, _, _| p.signer = ProofSigner::Identity("second"));
    let binding = entry_of("rs.certificate-binding", "3.3.2 5c", Must, Draft);
    let signature = entry_of("rs.signature", "3.3.2 5e", Must, Draft);
    let mut whole = pair(
        "token-and-proof-of-another-client",
        "Token, thumbprint and signature are another client's, and fit together; only the connection is this client's.",
        [Check::Certificate, Check::X5t],
        [token(), named(), signed()],
        binding,
    );
    whole.others.push(Check::Signature);
    let nothing = Step::proof("proof.claims", "the proof has no claims at all", |p, _, _| {
        for name in ["ath", "ekm", "iat"] {
            p.claims.remove(name);
        }
    });
    let mut empty = pair(
        "claims-missing",
        "The proof has no claims at all.",
        [Check::Ekm, Check::Ath],
        [nothing],
        entry_of("rs.exporter-match", "2.3.2.1", Must, Draft),
    );
    empty.others.push(Check::Iat);
    let both = Step::set(Part::Header, "typ", "\"JWT\"");
    vec![
        whole.flag("certificate-mix-up"),
        pair(
            "token-and-signature-of-another-client",
            "The token is bound to another client, which signs.",
            [Check::Certificate, Check::Signature],
            [token(), signed()],
            binding,
        )
        .flag("certificate-mix-up"),
        pair(
            "x5t-and-signature-of-another-client",
            "The proof names another client, which signs.",
            [Check::X5t, Check::Signature],
            [named(), signed()],
            signature,
        )
        .flag("certificate-mix-up"),
        pair(
            "token-and-x5t-of-another-client",
            "Token and proof name another client, and this one signs.",
            [Check::Certificate, Check::X5t],
            [token(), named()],
            binding,
        )
        .flag("certificate-mix-up"),
        pair(
            "typ-and-signature-of-another-client",
            "A JWT of another type by another client.",
            [Check::Typ, Check::Signature],
            [both, signed()],
            signature,
        ),
        empty.flag("absent-member"),
    ]
}
