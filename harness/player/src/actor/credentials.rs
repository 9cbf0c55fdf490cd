//! Tokens and proofs of a play: made once, reused as a client reuses them, or made anew where a step says so.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use ekmcheck_binding::base64url;
use ekmcheck_forge::{
    ForgeError,
    alteration::{Alteration, Edit},
    keys::Signing,
    mutation::{self, Mutation, Scene},
    pki::Identity,
    recipe::{self, Exporters, Made, PerRequest, RequestRecipe, Setting},
};
use ekmcheck_suite::{
    case::{Case, Expect, PerRequestClaim},
    dialect::Dialect,
    play::{Issue, ProofSource, Send, TokenForm},
};
use serde_json::{Map, Value};

use super::{Link, Ready, Stop, per_request};
use crate::world::World;

/// What a play has made so far.
pub(super) struct Credentials {
    /// A number that no other request of the run has.
    unique: u64,
    /// The number of the play.
    play: u64,
    /// Seconds that the subject's clock was moved.
    moved: i64,
    /// By name, or by the alteration of a token without one.
    tokens: HashMap<TokenName, String>,
    /// What introspection says, by the name of the token.
    looked_up: HashMap<String, LookedUp>,
    /// By connection and token.
    proofs: HashMap<(usize, TokenName), String>,
    /// The last one for a token on a connection of that name.
    by_name: HashMap<(String, TokenName), String>,
    dialect: Arc<Dialect>,
}

/// A token that introspection knows, and what it says of it.
pub(super) struct LookedUp {
    pub(super) token: String,
    pub(super) response: Map<String, Value>,
}

type TokenName = (String, Option<&'static str>);

impl Credentials {
    pub(super) fn new(unique: u64, dialect: Arc<Dialect>) -> Self {
        Self {
            unique,
            play: unique,
            moved: 0,
            tokens: HashMap::new(),
            looked_up: HashMap::new(),
            proofs: HashMap::new(),
            by_name: HashMap::new(),
            dialect,
        }
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        self.moved += seconds;
    }

    /// Whether there is a token of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tokens.contains_key(&(name.to_owned(), None))
    }

    /// Whether a proof was made on that connection for the token of the request.
    pub(super) fn has_proof(&self, connection: usize, send: &Send) -> bool {
        self.proofs.contains_key(&(connection, token_name(send.token.as_deref(), None)))
    }

    /// Has another proof made for the next request like this one.
    pub(super) fn forget_proof(&mut self, connection: usize, send: &Send) {
        self.proofs.remove(&(connection, token_name(send.token.as_deref(), None)));
    }

    /// Takes a token that somebody else made.
    pub(super) fn take(&mut self, name: &str, token: String) {
        self.tokens.insert((name.to_owned(), None), token);
    }

    /// Makes a token that introspection knows, or changes what is said of it.
    pub(super) fn issue(&mut self, world: &World, issue: &Issue, client: &Identity) -> Result<&LookedUp, String> {
        if !self.looked_up.contains_key(&issue.token) {
            self.unique += 1;
            let setting = Setting {
                now: world.now() + self.moved,
                pki: &world.pki,
                issuer: &world.issuer,
                client,
                bound_to: client,
                exporters: &Exporters::new(Vec::new()),
                canary: None,
                other: None,
                method: "GET",
                authority: "",
                path: "",
                claims: PerRequest::default(),
                signing: Signing::Live,
                unique: self.unique,
                play: self.play,
            };
            let jwt = recipe::make_token(&setting, None).map_err(|e| e.to_string())?;
            let token = text(issue.form, self.unique, &jwt);
            self.tokens.insert((issue.token.clone(), None), token.clone());
            let response = claims_of(&jwt).ok_or("the token cannot be read back")?;
            self.looked_up.insert(issue.token.clone(), LookedUp { token, response });
        }
        let looked_up = self.looked_up.get_mut(&issue.token).ok_or("no token")?;
        looked_up.response.entry("active").or_insert(true.into());
        for (name, value) in &issue.response {
            match value {
                Value::Null => drop(looked_up.response.remove(name)),
                value => drop(looked_up.response.insert(name.clone(), value.clone())),
            }
        }
        Ok(looked_up)
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
        canary: Option<&str>,
    ) -> Result<Ready, Stop> {
        self.unique += 1;
        let bound_to = match &send.bound_to {
            None => link.client,
            Some(name) => world.pki.identity(name).ok_or_else(|| Stop::Broken(format!("no client {name:?}")))?,
        };
        let claims: &[PerRequestClaim] = match &send.proof {
            Some(ProofSource::FreshWith(claims)) => claims,
            _ => &case.claims,
        };
        let mut setting = Setting {
            now: world.now() + self.moved,
            pki: &world.pki,
            issuer: &world.issuer,
            client: link.client,
            bound_to,
            exporters: &link.exporters,
            other,
            canary,
            method: send.method.as_deref().unwrap_or("GET"),
            authority: send.authority.as_deref().unwrap_or(&link.authority),
            path: send.path.as_deref().unwrap_or("/api/resource"),
            claims: per_request(claims, &self.dialect),
            signing: Signing::Live,
            unique: self.unique,
            play: self.play,
        };
        let name = token_name(send.token.as_deref(), altered);
        let token = match self.tokens.get(&name) {
            Some(token) => token.clone(),
            None => {
                let token = recipe::make_token(&setting, altered).map_err(|e| self.unmade(&e))?;
                self.tokens.insert(name.clone(), token.clone());
                token
            }
        };
        // A token that another client asked for stays that client's; alterations that forge its certificate need to know.
        if let Some(owner) = self.owner(world, links, &token) {
            setting.bound_to = owner;
        }
        let mut made = if send.changes.is_empty() {
            let proof = self.proof(&setting, case, send, altered, link, &name, &token)?;
            recipe::make_request(&setting, token, proof, altered).map_err(|e| self.unmade(&e))?
        } else {
            changed(&setting, &send.changes, &token, links).map_err(Stop::Broken)?
        };
        let further = send.fields.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        made.request.fields.extend(further);
        let fields = made.request.field(RequestRecipe::PROOF_FIELD);
        // A proof with odd octets in it is a proof all the same.
        let proof_sent = Some(String::from_utf8_lossy(&fields).into_owned()).filter(|p| !p.is_empty());
        Ok(Ready { made, proof_sent })
    }

    #[expect(clippy::too_many_arguments, reason = "the surroundings of one proof, passed on once")]
    fn proof(
        &mut self,
        setting: &Setting<'_>,
        case: &Case,
        send: &Send,
        altered: Option<&'static Alteration>,
        link: &Link<'_>,
        name: &TokenName,
        token: &str,
    ) -> Result<Option<String>, Stop> {
        let dialect = self.dialect.clone();
        let of_proof = altered.filter(|a| matches!(a.edit, Edit::Proof(_) | Edit::ProofText(_)));
        let make = |setting: &Setting<'_>, token: &str| {
            recipe::make_proof(setting, token, of_proof).map_err(|error| match error {
                ForgeError::NoChange(name) if is_address(setting.authority) => Stop::NotTestable(format!(
                    "the alteration {name:?} changes nothing for a subject that is called by its address"
                )),
                other => unmade(&other, &dialect),
            })
        };
        match &send.proof {
            Some(ProofSource::Absent) => Ok(None),
            Some(ProofSource::Text(text)) => Ok(Some(text.clone())),
            // It may have ended since: a proof of a connection that is gone is what a thief would have.
            Some(ProofSource::MadeOn(connection)) => {
                let none = || Stop::Broken(format!("no proof was made for this token on connection {connection:?}"));
                self.by_name.get(&(connection.clone(), name.clone())).cloned().map(Some).ok_or_else(none)
            }
            Some(ProofSource::MadeFor(other)) => {
                let made = self.proofs.get(&(link.number, (other.clone(), None)));
                let none = || match link.replaces {
                    Some(_) => Stop::NotTestable(format!(
                        "the subject ended the connection on which the proof for token {other:?} was made"
                    )),
                    None => Stop::Broken(format!("no proof was made for token {other:?} on this connection")),
                };
                made.cloned().map(Some).ok_or_else(none)
            }
            Some(ProofSource::ForExporterOf(_)) => {
                let exporters = setting.other.ok_or_else(|| Stop::Broken("no other connection".to_owned()))?;
                make(&Setting { exporters, ..*setting }, token).map(Some)
            }
            // An altered proof is made for this request and not kept.
            _ if of_proof.is_some() => make(setting, token).map(Some),
            Some(ProofSource::Fresh | ProofSource::FreshWith(_)) => {
                let proof = make(setting, token)?;
                self.keep(link, send, name, &proof);
                Ok(Some(proof))
            }
            None => {
                // Where each proof serves one request, a client makes one for each; a case about such claims uses it again.
                let accepted = send.control || matches!(send.expect, Expect::Accepted | Expect::Observed);
                let used_up = self.dialect.demands() && (accepted || case.claims.is_empty());
                if let Some(proof) = self.proofs.get(&(link.number, name.clone())).filter(|_| !used_up) {
                    return Ok(Some(proof.clone()));
                }
                let proof = make(setting, token)?;
                self.keep(link, send, name, &proof);
                Ok(Some(proof))
            }
        }
    }

    fn unmade(&self, error: &ForgeError) -> Stop {
        unmade(error, &self.dialect)
    }

    fn keep(&mut self, link: &Link<'_>, send: &Send, name: &TokenName, proof: &str) {
        self.proofs.insert((link.number, name.clone()), proof.to_owned());
        self.by_name.insert((send.on.clone(), name.clone()), proof.to_owned());
    }

    /// The client of the play whose certificate the token is bound to.
    fn owner<'w>(&self, world: &'w World, links: &HashMap<String, Link<'_>>, token: &str) -> Option<&'w Identity> {
        let claims = claims_of(token)?;
        let name = claims.get("client_id")?.as_str()?;
        let known = links.values().any(|l| l.client.name == name);
        world.pki.identity(name).filter(|_| known)
    }
}

/// Whether the host of an authority is an address.
fn is_address(authority: &str) -> bool {
    let bare = |text: &str| text.parse::<IpAddr>().is_ok() || text.starts_with('[');
    bare(authority) || authority.rsplit_once(':').is_some_and(|(host, _)| bare(host))
}

/// Why something was not made. What is wrong by the draft's examples may be how this subject has it.
fn unmade(error: &ForgeError, dialect: &Dialect) -> Stop {
    match error {
        ForgeError::NoChange(_) if !dialect.is_usual() => {
            Stop::NotTestable(format!("{error}: this is how the subject has it ({})", dialect.words()))
        }
        other => Stop::Broken(other.to_string()),
    }
}

/// What these changes are about: a per-request claim, if one is at stake, or the one thing that is changed.
pub(super) fn about(changes: &[Value]) -> Option<String> {
    let read = |change: &Value| serde_json::from_value::<Mutation>(change.clone()).ok()?.path();
    let paths: Vec<Option<String>> = changes.iter().map(read).collect();
    let per_request = ["proof.claims.jti", "proof.claims.htm", "proof.claims.htu"];
    let at_stake = paths.iter().flatten().find(|path| per_request.contains(&path.as_str()));
    match (&paths[..], at_stake) {
        (_, Some(path)) | ([Some(path)], None) => Some(path.clone()),
        _ => None,
    }
}

/// The request with changes that a campaign made up.
fn changed(
    setting: &Setting<'_>,
    changes: &[Value],
    token: &str,
    links: &HashMap<String, Link<'_>>,
) -> Result<Made, String> {
    let read = |change: &Value| serde_json::from_value::<Mutation>(change.clone());
    let changes: Vec<_> = changes.iter().map(read).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    // A connection that the story does not open exports nothing.
    let nothing = Exporters::new(Vec::new());
    let exporters = |name: &str| links.get(name).map_or(&nothing, |link| &link.exporters);
    let setting = Setting { other: Some(exporters("other")), ..*setting };
    let another = Setting { unique: setting.unique + (1 << 11), ..setting };
    let other_token = recipe::make_token(&another, None).map_err(|e| e.to_string())?;
    let scene = Scene { setting, token, other_token: &other_token, closed: exporters("closed") };
    mutation::make(&scene, &changes).map_err(|e| e.to_string())
}

fn claims_of(jwt: &str) -> Option<Map<String, Value>> {
    let payload = base64url::decode(jwt.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The text of a token that introspection knows; `jwt` is the token as it would otherwise be.
fn text(form: TokenForm, unique: u64, jwt: &str) -> String {
    match form {
        TokenForm::Opaque => format!("ekmcheck-opaque-{unique}"),
        TokenForm::EveryCharacter => {
            let letters: String = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
            format!("{letters}{unique}-._~+/=")
        }
        TokenForm::EndsWithEqualsSign => format!("ekmcheck-opaque-{unique}=="),
        // The header of RFC 7516 appendix A.2; nobody but the authorization server could read the rest.
        TokenForm::Jwe => format!(
            "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.{unique}.AxY8DCtDaGlsbGljb3RoZQ.{unique}.9hH0vgRfYgPnAHOd8stkvw"
        ),
        TokenForm::Jwt => jwt.to_owned(),
        // SHA-256 of both begins with 7b6c242681.
        TokenForm::CollidingOne => "ekmcheck-colliding-724968".to_owned(),
        TokenForm::CollidingTwo => "ekmcheck-colliding-1045909".to_owned(),
    }
}

/// A token with a name of the story's own is what it was made as. Of those without, an altered one is another token: it
/// must not replace the one that the controls use.
fn token_name(name: Option<&str>, altered: Option<&'static Alteration>) -> TokenName {
    let of_token = altered.filter(|a| name.is_none() && a.is_of_token());
    (name.unwrap_or("token").to_owned(), of_token.map(|a| a.name))
}

#[cfg(test)]
mod tests {
    use ekmcheck_binding::digest::sha256;

    use super::*;

    #[test]
    fn the_colliding_texts_collide_in_five_octets() {
        let hash = |form| sha256(text(form, 1, "").as_bytes());
        let (one, two) = (hash(TokenForm::CollidingOne), hash(TokenForm::CollidingTwo));
        assert_eq!(one[..5], two[..5]);
        assert_ne!(one, two);
    }

    #[test]
    fn every_character_of_a_bearer_token_is_there() {
        let token = text(TokenForm::EveryCharacter, 1, "");
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        assert!(token.chars().all(allowed));
        assert!(('!'..='~').filter(|c| allowed(*c)).all(|c| token.contains(c)));
    }
}
