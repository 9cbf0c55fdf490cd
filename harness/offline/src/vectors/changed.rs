//! A vector of changes that a campaign made up.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_forge::{
    ForgeError, alteration,
    mutation::{self, Mutation, Scene},
    recipe::{Exporters, PerRequest, RequestRecipe, Setting, make_token},
};
use ekmcheck_suite::{
    case::{Basis, Level},
    vector::{Decoded, Expected, Inputs, RequestLine, Vector, Verdict, Window},
};

use super::{
    judged_by_inputs,
    plan::claims_of,
    world::{NOW, Place, World, exporters},
};

/// Where changed requests are made: the keys, the time and the connections of all vectors.
pub struct Bench {
    world: World,
    closed: Exporters,
}

impl Bench {
    /// The client that changed requests come from.
    pub const CLIENT: &str = "p256";

    /// The same one at every time.
    ///
    /// # Errors
    /// Frozen files that cannot be read; not expected.
    pub fn new() -> Result<Self, ForgeError> {
        Ok(Self { world: World::new()?, closed: exporters("a closed connection") })
    }

    /// Whether it makes a difference to a verifier that is given inputs, and not a connection.
    pub fn can_be_told(change: &Mutation) -> bool {
        match change {
            Mutation::Row(name) => alteration::named(name)
                .is_some_and(|row| judged_by_inputs(row) && row.client == Self::CLIENT && !row.needs_canary),
            Mutation::NoProof | Mutation::Again => false,
            _ => true,
        }
    }

    /// What a verifier is given after these changes. `None` if they make no difference to what is given.
    ///
    /// # Errors
    /// A row that there is not, or a key that cannot sign.
    pub fn inputs(&self, changes: &[Mutation], claims: PerRequest) -> Result<Option<Inputs>, ForgeError> {
        if !changes.iter().all(Self::can_be_told) {
            return Ok(None);
        }
        let setting = self.world.setting(Self::CLIENT, claims, Place::USUAL)?;
        let token = make_token(&setting, None)?;
        let other_token = make_token(&Setting { unique: 1, ..setting }, None)?;
        let scene = Scene { setting, token: &token, other_token: &other_token, closed: &self.closed };
        let made = mutation::make(&scene, changes)?;
        // The text is a field's value, and a row of the table may put more than one line into it.
        let proof = String::from_utf8(made.request.field(RequestRecipe::PROOF_FIELD)).unwrap_or_default();
        let proof = proof.trim_matches([' ', '\t']);
        if proof.is_empty() || proof.contains(char::is_control) {
            return Ok(None);
        }
        Ok(Some(Inputs {
            certificate: STANDARD.encode(setting.client.certificate.der()),
            token_claims: claims_of(&made.token),
            access_token: made.token,
            token_valid_until: NOW + 3600,
            exporter: setting.exporters.right().iter().map(|octet| format!("{octet:02x}")).collect(),
            now: NOW,
            request: RequestLine {
                method: made.request.method,
                authority: Place::USUAL.authority.to_owned(),
                path: made.request.path,
            },
            proof: proof.to_owned(),
        }))
    }
}

/// A vector of which nothing is known but what a verifier is given.
pub fn bare(inputs: Inputs, policy: Window) -> Vector {
    Vector {
        id: String::new(),
        title: String::new(),
        alteration: None,
        changes: None,
        recipe: Vec::new(),
        client: String::new(),
        clause: String::new(),
        level: Level::May,
        basis: Basis::Draft,
        requirements: Vec::new(),
        flags: Vec::new(),
        inputs,
        policy,
        expect: Expected { verdict: Verdict::Open, check: None, checks: Vec::new() },
        debug: Decoded { header: None, payload: None },
    }
}
