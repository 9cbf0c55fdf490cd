//! Tokens and proofs of a play: made once, reused as a client reuses them, or made anew where a step says so.

use std::collections::HashMap;

use ekmcheck_forge::{
    alteration::{Alteration, Edit},
    keys::Signing,
    recipe::{self, Exporters, RequestRecipe, Setting},
};
use ekmcheck_suite::{
    case::{Case, PerRequestClaim},
    play::{ProofSource, Send},
};

use super::{Link, Ready, per_request};
use crate::world::World;

/// What a play has made so far.
pub(super) struct Credentials {
    /// A number that no other request of the run has.
    unique: u64,
    /// Seconds that the subject's clock was moved.
    moved: i64,
    /// By name, and by the alteration of the token if it has one.
    tokens: HashMap<TokenName, String>,
    /// By connection and token.
    proofs: HashMap<(usize, TokenName), String>,
}

type TokenName = (String, Option<&'static str>);

impl Credentials {
    pub(super) fn new(unique: u64) -> Self {
        Self { unique, moved: 0, tokens: HashMap::new(), proofs: HashMap::new() }
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        self.moved += seconds;
    }

    /// Makes the request of a step.
    #[expect(clippy::too_many_arguments, reason = "the surroundings of one request, passed on once")]
    pub(super) fn request(
        &mut self,
        world: &World,
        case: &Case,
        send: &Send,
        altered: Option<&'static Alteration>,
        link: &Link<'_>,
        links: &HashMap<String, Link<'_>>,
        other: Option<&Exporters>,
    ) -> Result<Ready, String> {
        self.unique += 1;
        let bound_to = match &send.bound_to {
            None => link.client,
            Some(name) => world.pki.identity(name).ok_or_else(|| format!("no client {name:?}"))?,
        };
        let claims: &[PerRequestClaim] = match &send.proof {
            Some(ProofSource::FreshWith(claims)) => claims,
            _ => &case.claims,
        };
        let mut setting = Setting {
            now: world.now + self.moved,
            pki: &world.pki,
            issuer: &world.issuer,
            client: link.client,
            bound_to,
            exporters: &link.exporters,
            other,
            method: send.method.as_deref().unwrap_or("GET"),
            authority: &link.authority,
            path: send.path.as_deref().unwrap_or("/api/resource"),
            claims: per_request(claims),
            signing: Signing::Live,
            unique: self.unique,
        };
        let name = token_name(send.token.as_deref(), altered);
        let token = match self.tokens.get(&name) {
            Some(token) => token.clone(),
            None => {
                let token = recipe::make_token(&setting, altered).map_err(|e| e.to_string())?;
                self.tokens.insert(name.clone(), token.clone());
                token
            }
        };
        // A token that another client asked for stays that client's; alterations that forge its certificate need to know.
        if let Some(owner) = self.owner(world, links, &token) {
            setting.bound_to = owner;
        }
        let proof = self.proof(&setting, send, altered, link, links, &name, &token)?;
        let made = recipe::make_request(&setting, token, proof, altered).map_err(|e| e.to_string())?;
        let fields = made.request.field(RequestRecipe::PROOF_FIELD);
        // A proof with odd octets in it is a proof all the same.
        let proof_sent = Some(String::from_utf8_lossy(&fields).into_owned()).filter(|p| !p.is_empty());
        Ok(Ready { made, proof_sent })
    }

    #[expect(clippy::too_many_arguments, reason = "the surroundings of one proof, passed on once")]
    fn proof(
        &mut self,
        setting: &Setting<'_>,
        send: &Send,
        altered: Option<&'static Alteration>,
        link: &Link<'_>,
        links: &HashMap<String, Link<'_>>,
        name: &TokenName,
        token: &str,
    ) -> Result<Option<String>, String> {
        let of_proof = altered.filter(|a| matches!(a.edit, Edit::Proof(_) | Edit::ProofText(_)));
        let make = |setting: &Setting<'_>, token: &str| {
            recipe::make_proof(setting, token, of_proof).map_err(|e| e.to_string())
        };
        let earlier = |connection: &str, name: &TokenName| {
            let number = links.get(connection).map(|l| l.number)?;
            self.proofs.get(&(number, name.clone())).cloned()
        };
        match &send.proof {
            Some(ProofSource::Absent) => Ok(None),
            Some(ProofSource::Text(text)) => Ok(Some(text.clone())),
            Some(ProofSource::MadeOn(connection)) => earlier(connection, name)
                .map(Some)
                .ok_or_else(|| format!("no proof was made for this token on connection {connection:?}")),
            Some(ProofSource::MadeFor(other)) => earlier(&send.on, &(other.clone(), None))
                .map(Some)
                .ok_or_else(|| format!("no proof was made for token {other:?} on this connection")),
            Some(ProofSource::ForExporterOf(_)) => {
                let exporters = setting.other.ok_or("no other connection")?;
                make(&Setting { exporters, ..*setting }, token).map(Some)
            }
            // An altered proof is made for this request and not kept.
            _ if of_proof.is_some() => make(setting, token).map(Some),
            Some(ProofSource::Fresh | ProofSource::FreshWith(_)) => {
                let proof = make(setting, token)?;
                self.proofs.insert((link.number, name.clone()), proof.clone());
                Ok(Some(proof))
            }
            None => {
                if let Some(proof) = self.proofs.get(&(link.number, name.clone())) {
                    return Ok(Some(proof.clone()));
                }
                let proof = make(setting, token)?;
                self.proofs.insert((link.number, name.clone()), proof.clone());
                Ok(Some(proof))
            }
        }
    }

    /// The client of the play whose certificate the token is bound to.
    fn owner<'w>(
        &self,
        world: &'w World,
        links: &HashMap<String, Link<'_>>,
        token: &str,
    ) -> Option<&'w ekmcheck_forge::pki::Identity> {
        let payload = ekmcheck_binding::base64url::decode(token.split('.').nth(1)?).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        let name = claims.get("client_id")?.as_str()?;
        let known = links.values().any(|l| l.client.name == name);
        world.pki.identity(name).filter(|_| known)
    }
}

/// An altered token is another token; any other alteration leaves the token what it is.
fn token_name(name: Option<&str>, altered: Option<&'static Alteration>) -> TokenName {
    let of_token = altered.filter(|a| matches!(a.edit, Edit::Token(_) | Edit::TokenText(_)));
    (name.unwrap_or("token").to_owned(), of_token.map(|a| a.name))
}
