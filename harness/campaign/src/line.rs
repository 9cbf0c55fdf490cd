//! One connection of a campaign: what goes over it, and what the reference makes of the very same.

use std::sync::Arc;

use bytes::Bytes;
use ekmcheck_binding::steps::ByTheDraft;
use ekmcheck_forge::{
    keys::Signing,
    mutation::{self, Scene},
    pki::Identity,
    recipe::{Exporters, Made, PerRequest, Setting, make_token},
};
use ekmcheck_parties::{
    resource::{Open, ResourceServer, exporters_of},
    wire::{self, ConnectOptions, Connection, Established, How, Incoming, OutgoingRequest, Service as _, WireError},
};
use ekmcheck_suite::{case::Transport, challenge, inert::bounded};
use rustls::pki_types::CertificateDer;

use super::random::Mutant;
use ekmcheck_player::{
    network::Origin,
    world::{ClientKey, World},
};

/// The reference, which decides on everything that is sent, in the same order.
pub(super) type Oracle = Arc<ResourceServer<ByTheDraft>>;

/// What the reference does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Expected {
    Accepts,
    /// The check that refuses.
    Refuses(String),
}

impl Expected {
    /// The check of the reference that a deviation is about, or `none`.
    pub(super) fn check(&self) -> &str {
        match self {
            Self::Accepts => "none",
            Self::Refuses(check) => check,
        }
    }
}

/// What the subject did with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Seen {
    Accepted,
    /// The status, the error code, the beginning of the description. An adapter has no status, which is 0 then, and names a
    /// check if it names anything.
    Refused(u16, String, String),
    ServerError(u16),
    /// Why there was no answer.
    Nothing(String),
}

impl Seen {
    /// In words, for reports.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Accepted => "accepted".to_owned(),
            Self::Refused(0, code, _) if code.is_empty() => "refused".to_owned(),
            Self::Refused(0, code, _) => format!("refused by {code}"),
            Self::Refused(status, code, _) if code.is_empty() => format!("refused with {status}"),
            Self::Refused(status, code, _) => format!("refused with {status} {code}"),
            Self::ServerError(status) => format!("answered with {status}"),
            Self::Nothing(why) => format!("no answer: {why}"),
        }
    }
}

/// A connection.
pub(super) struct Line<'w> {
    world: &'w World,
    pub(super) transport: Transport,
    client: &'w Identity,
    connection: Connection,
    oracle: Oracle,
    open: Open,
    pub(super) exporters: Exporters,
    authority: String,
    now: i64,
    /// How many mutants it has had.
    pub(super) used: usize,
}

/// What requests are made of beside the connection.
pub(super) struct Others<'a> {
    pub(super) live: Option<&'a Exporters>,
    pub(super) closed: &'a Exporters,
    /// The client's token, and another one of its.
    pub(super) tokens: &'a [String; 2],
}

impl<'w> Line<'w> {
    /// Connects, and tells the oracle.
    pub(super) async fn open(
        world: &'w World,
        oracle: &Oracle,
        origin: &Origin,
        transport: Transport,
        limit: std::time::Duration,
        now: i64,
    ) -> Result<Self, WireError> {
        let key = ClientKey::usual(transport);
        let failed = |e: String| WireError::Connect(std::io::Error::other(e).to_string());
        let client = world.pki.identity("p256").ok_or_else(|| failed("no client p256".to_owned()))?;
        let tls = world.client(&key).map_err(|e| failed(e.to_string()))?;
        let options = ConnectOptions { timeout: limit, ..ConnectOptions::default() };
        let connection = wire::connect(&tls, origin.addr, &origin.server_name, options).await?;
        let established = connection.established();
        let exporters = exporters_of(established);
        let chain = client.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let as_server = Established { peer_certificates: chain, ..established.clone() };
        let open = oracle.opened(&as_server, connection.local_addr());
        drop(oracle.take_sights());
        Ok(Self {
            world,
            transport,
            client,
            connection,
            oracle: oracle.clone(),
            open,
            exporters,
            authority: origin.authority.clone(),
            now,
            used: 0,
        })
    }

    /// A token of the client.
    ///
    /// # Errors
    /// A key that cannot sign.
    pub(super) fn token(&self, unique: u64) -> Result<String, String> {
        let (nothing, none) = (Exporters::new(Vec::new()), [String::new(), String::new()]);
        let others = Others { live: None, closed: &nothing, tokens: &none };
        make_token(&self.setting(&others, PerRequest::default(), unique), None).map_err(|e| e.to_string())
    }

    fn setting<'s>(&'s self, others: &Others<'s>, claims: PerRequest, unique: u64) -> Setting<'s> {
        Setting {
            now: self.now,
            pki: &self.world.pki,
            issuer: &self.world.issuer,
            client: self.client,
            bound_to: self.client,
            exporters: &self.exporters,
            other: others.live,
            canary: None,
            method: "GET",
            authority: &self.authority,
            path: "/api/resource",
            claims,
            signing: Signing::Live,
            unique,
            play: unique,
        }
    }

    /// Makes a mutant for this connection.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub(super) fn make(&self, mutant: &Mutant, others: &Others<'_>, unique: u64) -> Result<Made, String> {
        let scene = Scene {
            setting: self.setting(others, mutant.per_request(), unique),
            token: &others.tokens[0],
            other_token: &others.tokens[1],
            closed: others.closed,
        };
        mutation::make(&scene, &mutant.mutations).map_err(|e| e.to_string())
    }

    /// What the reference does with a request on this connection, after all that came before.
    pub(super) fn expected(&self, made: &Made) -> Expected {
        let trimmed = |value: &[u8]| value.trim_ascii().to_vec();
        let incoming = Incoming {
            method: made.request.method.clone(),
            scheme_is_https: true,
            authority: Some(self.authority.clone()),
            path_and_query: made.request.path.clone(),
            fields: made.request.fields.iter().map(|(n, v)| (n.to_ascii_lowercase(), trimmed(v))).collect(),
            body: Bytes::from(made.request.body.clone()),
            trailers: Vec::new(),
        };
        let (answer, decision) = self.oracle.answer(&self.open, incoming);
        match decision {
            Some(Some(refusal)) => Expected::Refuses(refusal.check().name().to_owned()),
            _ if (200..300).contains(&answer.status) => Expected::Accepts,
            _ => Expected::Refuses(format!("status {}", answer.status)),
        }
    }

    /// Sends a request. `Err` where this transport or library cannot express it.
    pub(super) async fn send(&mut self, made: &Made) -> Result<Seen, ()> {
        let secrets = &self.world.secrets;
        secrets.know_request(made);
        let answer = self
            .connection
            .send(OutgoingRequest {
                method: made.request.method.clone(),
                authority: self.authority.clone(),
                path_and_query: made.request.path.clone(),
                fields: made.request.fields.clone(),
                body: made.request.body.clone().into(),
                trailers: Vec::new(),
            })
            .await;
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(Seen::Accepted),
            Ok(answer) if answer.status >= 500 => Ok(Seen::ServerError(answer.status)),
            Ok(answer) => {
                let challenges = answer.fields.iter().filter(|(name, _)| name == "www-authenticate");
                let bearer = challenges
                    .filter_map(|(_, value)| challenge::parse(&String::from_utf8_lossy(value)).ok())
                    .flatten()
                    .find(challenge::Challenge::is_bearer);
                let text = |name: &str| {
                    let value = bearer.as_ref().and_then(|b| b.parameter(name)).unwrap_or_default();
                    // The same word for every secret: what is repeated does not make another behaviour of it.
                    bounded(&secrets.without(value), 40)
                };
                Ok(Seen::Refused(answer.status, text("error"), text("error_description")))
            }
            Err(WireError::NotExpressible(_)) => Err(()),
            Err(error) => Ok(Seen::Nothing(secrets.told(&error.to_string()))),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Ends it; the oracle forgets it.
    pub(super) async fn close(self) {
        self.oracle.closed(&self.open);
        let how = if self.connection.is_quic() { How::Notify } else { How::Reset };
        // Whatever happens now is no part of the campaign.
        let _ = self.connection.close(how).await;
    }
}
