//! What cannot be done with a subject that the harness did not start, each with what would make it possible.

use std::time::Duration;

use ekmcheck_forge::{
    alteration::{self, Alteration},
    mutation::Mutation,
    pki::Identity,
};
use ekmcheck_suite::{
    case::Transport,
    play::{ClientCa, Place, Restart, Send},
};
use serde_json::Value;

use super::{Actor, STEP, Stop};
use crate::{network::TokenCommand, subject::Started};

/// The host of another service behind the same listener.
const OTHER_HOST: &str = "other.localhost";

/// The path that needs a scope that no token has.
const LIMITED_PATH: &str = ekmcheck_parties::resource::ADMIN_PATH;

impl Actor<'_> {
    /// Gets the token of a request from where the subject's own tokens come from, if they do.
    pub(super) async fn fetch_token(&mut self, send: &Send, altered: Option<&Alteration>) -> Result<(), Stop> {
        let of_token = altered.is_some_and(Alteration::is_of_token) || changes_token(&send.changes);
        let Some(tokens) = own_tokens(self.subject, of_token)? else { return Ok(()) };
        let client = match &send.bound_to {
            None => self.link(&send.on)?.client,
            Some(name) => self.world.pki.identity(name).ok_or_else(|| Stop::Broken(format!("no client {name:?}")))?,
        };
        knows(self.subject, client)?;
        let name = send.token.as_deref().unwrap_or("token");
        if !self.credentials.has(name) {
            let token = tokens.token(client, name).await.map_err(Stop::Broken)?;
            self.world.secrets.know(&token);
            self.credentials.take(name, token);
        }
        Ok(())
    }

    /// The longest that one step may take.
    pub(super) fn limit(&self) -> Duration {
        self.subject.target().map_or(STEP, |target| target.limits.step)
    }
}

/// There is no such server on that transport.
pub(super) fn nowhere(subject: &Started, place: Option<Place>, transport: Transport) -> Stop {
    let on = transport.name();
    if subject.target().is_none() {
        return Stop::Broken(format!("the subject was not started on {on}"));
    }
    Stop::NotTestable(match place {
        None => format!("the plan names no origin for {on}"),
        Some(Place::Node) => {
            format!("the plan names no second node of the service on {on}: same name and audience, a memory of its own")
        }
        Some(Place::Service) => format!("the plan names no other service on {on}, with the other audience"),
        Some(Place::OtherCa) => {
            format!("the plan names no listener on {on} that trusts harness/foreign-root.pem alone")
        }
    })
}

/// Whether the subject serves the host that the request is for.
pub(super) fn can_be_for(subject: &Started, send: &Send) -> Result<(), Stop> {
    let other = send.authority.as_deref() == Some(OTHER_HOST);
    match subject.target().is_some_and(|target| other && !target.other_host) {
        true => Err(Stop::NotTestable(format!(
            "the plan does not say that the subject has another service under the host {OTHER_HOST}, with the other audience"
        ))),
        false => Ok(()),
    }
}

/// Whether the subject asks for more than a valid token, where the request counts on it.
pub(super) fn can_be_limited(subject: &Started, send: &Send) -> Result<(), Stop> {
    let limited = send.path.as_deref() == Some(LIMITED_PATH);
    match subject.target().is_some_and(|target| limited && !target.scopes) {
        true => Err(Stop::NotTestable(format!(
            "the plan does not say that {LIMITED_PATH} needs a scope that no token has (scopes in [capabilities], --scopes)"
        ))),
        false => Ok(()),
    }
}

/// Whether the subject knows the client's certificate.
pub(super) fn knows(subject: &Started, client: &Identity) -> Result<(), Stop> {
    let clients = subject.target().and_then(|target| target.clients.as_ref());
    match clients.is_some_and(|clients| !clients.contains(client.name)) {
        true => {
            Err(Stop::NotTestable(format!("the plan names no certificate {} of the subject's own PKI", client.name)))
        }
        false => Ok(()),
    }
}

/// Whether a row of the table that is about the token is among these changes.
fn changes_token(changes: &[Value]) -> bool {
    let row = |change: &Value| match serde_json::from_value(change.clone()) {
        Ok(Mutation::Row(name)) => alteration::named(&name),
        _ => None,
    };
    changes.iter().filter_map(row).any(Alteration::is_of_token)
}

/// The subject's own source of tokens, where the token of a request can come from there. `of_token`: the token is altered.
pub(super) fn own_tokens(subject: &Started, of_token: bool) -> Result<Option<&TokenCommand>, Stop> {
    let tokens = subject.target().and_then(|target| target.tokens.as_deref());
    match tokens.is_some() && of_token {
        true => Err(Stop::NotTestable(
            "tokens come from the subject's own authorization server, which issues none that is altered".to_owned(),
        )),
        false => Ok(tokens),
    }
}

/// Whether the subject can be started anew.
pub(super) fn can_restart(subject: &Started, restart: Restart) -> Result<(), Stop> {
    let Some(target) = subject.target() else { return Ok(()) };
    let not = |why: &str| Err(Stop::NotTestable(why.to_owned()));
    match &target.hand {
        None => not("the harness did not start the subject and cannot start it anew ([start] in the plan)"),
        Some(_) if restart.client_ca == ClientCa::Foreign => {
            not("the plan cannot say how the subject is started with another trust anchor for clients")
        }
        Some(hand) => hand.process.can_restart().map_err(Stop::NotTestable),
    }
}

/// Whether it shows when the subject has begun with a request.
pub(super) fn shows_its_work(subject: &Started) -> Result<(), Stop> {
    match subject.target() {
        // A reset might come before the request, and the case would be green without having tested anything.
        Some(_) => Err(Stop::NotTestable("nothing shows when the subject has begun with a request".to_owned())),
        None => Ok(()),
    }
}

/// The harness has no hand in what introspection says.
pub(super) fn no_introspection() -> Stop {
    let why = "the plan names no introspection file that the subject reads, so that no token can be made known to it";
    Stop::NotTestable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_the_token_needs_who_issues_it() {
        assert!(changes_token(&[json!("no-proof"), json!({"row": "token-of-4-kb"})]));
        assert!(!changes_token(&[json!({"row": "typ-jwt"}), json!({"made-for": "token"})]));
    }
}
