//! Frozen vectors: the table of alterations played once, offline, on inputs that never change.
//!
//! [`generate`] makes them, [`files`] is what `vectors/` holds, [`replay()`] is the reference's verdict on one. Keys,
//! certificates, exporter values, times and signatures are fixed, so two generations differ in no octet.

mod ledger;
mod replay;
mod world;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{algorithm::Algorithm, base64url, refusal::Check};
use ekmcheck_forge::{
    ForgeError,
    alteration::{self, Alteration, Edit, Leads},
    recipe::{PerRequest, ProofRecipe, make_proof, make_token},
};
use ekmcheck_suite::vector::{Decoded, Expected, Inputs, RequestLine, Vector, Verdict, Window};
use serde_json::{Map, Value};

use self::world::{AUTHORITY, METHOD, NOW, PATH, World};
pub use self::{
    ledger::Entry,
    replay::{replay, replay_by},
};

/// The path of the schema within `vectors/`.
pub const SCHEMA: &str = "schema/vector.schema.json";

/// Why vectors cannot be made, or one cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// An ingredient could not be made.
    #[error("{name}: {reason}")]
    Forge {
        /// The vector.
        name: String,
        /// Why not.
        reason: ForgeError,
    },
    /// A field of the vector does not hold what it should.
    #[error("{id}: {field}: {reason}")]
    Unreadable {
        /// The vector.
        id: String,
        /// The path of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// All vectors with their paths within `vectors/`, in the order of the paths.
///
/// # Errors
/// [`VectorError::Forge`]; not expected.
pub fn generate() -> Result<Vec<(String, Vector)>, VectorError> {
    let world = World::new().map_err(|reason| VectorError::Forge { name: "the frozen PKI".to_owned(), reason })?;
    let altered = alteration::table().filter(|a| judged_by_inputs(a)).map(Plan::of_row);
    let plans = altered.chain(unaltered()).collect::<Vec<_>>();
    let mut vectors = Vec::new();
    for plan in plans {
        let name = plan.name.to_owned();
        let vector = plan.vector(&world).map_err(|reason| VectorError::Forge { name, reason })?;
        vectors.push((format!("{}.json", vector.id), vector));
    }
    vectors.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(vectors)
}

/// All generated files of `vectors/` with their texts: the vectors and the schema.
///
/// # Errors
/// [`VectorError::Forge`]; not expected.
pub fn files() -> Result<Vec<(String, String)>, VectorError> {
    let mut files: Vec<_> = generate()?.into_iter().map(|(path, vector)| (path, render(&vector))).collect();
    files.push((SCHEMA.to_owned(), format!("{:#}\n", Vector::schema())));
    Ok(files)
}

/// The text of a vector's file: members in the order of the type, two spaces a level, a newline at the end.
#[must_use]
pub fn render(vector: &Vector) -> String {
    // Through a value, whose printing cannot fail: all names are strings and all numbers are integers.
    let value = serde_json::to_value(vector).unwrap_or_default();
    format!("{value:#}\n")
}

/// Whether certificate, `cnf`, proof, exporter value, time and request are enough for a verdict.
fn judged_by_inputs(row: &Alteration) -> bool {
    match row.edit {
        Edit::Proof(_) | Edit::ProofText(_) => true,
        // Whether the token is valid is decided before; so is which of two `cnf` counts.
        Edit::Token(_) => row.changes.starts_with("token.claims.cnf") && row.leads != Leads::Refused(Check::Token),
        Edit::TokenText(_) | Edit::Request(_) => false,
    }
}

/// A vector to be.
struct Plan {
    name: &'static str,
    client: &'static str,
    claims: PerRequest,
    edit: Option<Alteration>,
    /// Whether the edit is a row of the table, and not one made here to get another right proof.
    in_table: bool,
    leads: Leads,
    title: String,
}

impl Plan {
    fn of_row(row: &Alteration) -> Self {
        let Alteration { name, changes, leads, .. } = *row;
        let outcome = match leads {
            Leads::Refused(check) => format!("the check `{check}` refuses"),
            Leads::Accepted => "accepted, for the change does not matter".to_owned(),
            Leads::Open(Some(check)) => format!("the draft leaves it open, and the reference refuses by `{check}`"),
            Leads::Open(None) => "the draft leaves it open, and the reference accepts".to_owned(),
        };
        let altered = |claim| changes == format!("proof.claims.{claim}");
        Self {
            name,
            client: row.client,
            claims: PerRequest { jti: altered("jti"), htm: altered("htm"), htu: altered("htu") },
            edit: Some(*row),
            in_table: true,
            leads,
            title: format!("Only `{changes}` is changed (`{name}`): {outcome}."),
        }
    }

    fn valid(name: &'static str, client: &'static str, title: &str) -> Self {
        let (claims, title) = (PerRequest::default(), title.to_owned());
        Self { name, client, claims, edit: None, in_table: false, leads: Leads::Accepted, title }
    }

    fn vector(self, world: &World) -> Result<Vector, ForgeError> {
        let setting = world.setting(self.client, self.claims)?;
        let edit = self.edit.as_ref();
        let token = make_token(&setting, edit)?;
        let proof = make_proof(&setting, &token, edit)?;
        let row = edit.filter(|_| self.in_table);
        let (verdict, check) = match self.leads {
            Leads::Refused(check) => (Verdict::Refuse, Some(check)),
            Leads::Accepted => (Verdict::Accept, None),
            Leads::Open(check) => (Verdict::Open, check),
        };
        let folder = match (verdict, check) {
            (Verdict::Refuse, Some(check)) => check.name(),
            (Verdict::Open, _) => "open",
            _ => "valid",
        };
        let Entry { requirement, clause, level, basis } = ledger::entry(self.name, row.map(|r| r.changes), self.leads);
        Ok(Vector {
            id: format!("{folder}/{}", self.name),
            title: self.title,
            alteration: row.map(|r| r.name.to_owned()),
            changes: row.map(|r| r.changes.to_owned()),
            client: self.client.to_owned(),
            clause: clause.to_owned(),
            level,
            basis,
            requirements: vec![requirement.to_owned()],
            inputs: Inputs {
                certificate: STANDARD.encode(setting.client.certificate.der()),
                token_claims: claims_of(&token),
                access_token: token,
                token_valid_until: NOW + 3600,
                exporter: setting.exporters.right().iter().map(|octet| format!("{octet:02x}")).collect(),
                now: NOW,
                request: RequestLine {
                    method: METHOD.to_owned(),
                    authority: AUTHORITY.to_owned(),
                    path: PATH.to_owned(),
                },
                proof: proof.clone(),
            },
            policy: Window { iat_past: 300, iat_future: 60 },
            expect: Expected { verdict, check: check.map(|c| c.name().to_owned()) },
            debug: Decoded { header: segment(&proof, 0), payload: segment(&proof, 1) },
        })
    }
}

/// Right proofs with every kind of key, and with the algorithms that a verifier is free to support.
fn unaltered() -> impl Iterator<Item = Plan> {
    let all = PerRequest { jti: true, htm: true, htu: true };
    let right = "A right proof without per-request claims";
    let usual = [
        Plan::valid("es256-p256", "p256", &format!("{right}, signed with ES256.")),
        Plan::valid("es384-p384", "p384", &format!("{right}, signed with ES384.")),
        Plan::valid("es512-p521", "p521", &format!("{right}, signed with ES512.")),
        Plan::valid("eddsa-ed25519", "ed25519", &format!("{right}, signed with EdDSA on Ed25519.")),
        Plan::valid("ps256-rsa2048", "rsa2048", &format!("{right}, signed with PS256.")),
        Plan {
            claims: all,
            ..Plan::valid("per-request-claims", "p256", "A right proof with `jti`, `htm` and `htu` for this request.")
        },
    ];
    // The rest of RSA's six: RS256 and PS384 are rows of the table.
    let free = [
        ("rs384-rsa2048", Algorithm::Rs384, Edit::Proof(|p, _, _| sign_by(p, Algorithm::Rs384))),
        ("rs512-rsa2048", Algorithm::Rs512, Edit::Proof(|p, _, _| sign_by(p, Algorithm::Rs512))),
        ("ps512-rsa2048", Algorithm::Ps512, Edit::Proof(|p, _, _| sign_by(p, Algorithm::Ps512))),
    ];
    let free = free.map(|(name, algorithm, edit)| {
        let leads = Leads::Open(None);
        let edit = Alteration {
            name,
            changes: "proof.header.alg",
            leads,
            client: "rsa2048",
            needs_other: false,
            needs_canary: false,
            edit,
        };
        let title = format!("{right}, signed with {algorithm}, which not every verifier has to support.");
        Plan { edit: Some(edit), leads, ..Plan::valid(name, "rsa2048", &title) }
    });
    usual.into_iter().chain(free)
}

fn sign_by(proof: &mut ProofRecipe, algorithm: Algorithm) {
    proof.algorithm = algorithm;
    proof.header.set("alg", algorithm.name());
}

/// The claims in a token that was just made.
fn claims_of(token: &str) -> Map<String, Value> {
    segment(token, 1).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn segment(jws: &str, n: usize) -> Option<String> {
    String::from_utf8(base64url::decode(jws.split('.').nth(n)?).ok()?).ok()
}
