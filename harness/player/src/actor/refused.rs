//! Handshakes that the subject may refuse, and what a client presents in them.

use ekmcheck_binding::digest::Thumbprint;
use ekmcheck_forge::{pki::Identity, recipe::Exporters};
use ekmcheck_parties::wire::WireError;
use ekmcheck_suite::{
    case::Transport,
    play::{Connect, Presents, Send},
    transcript::{ConnectFailed, Event, Exchanged, Reaction},
};

use super::{Actor, Link, Stop};

/// The thumbprint of what the client presents.
pub(super) fn presented(client: &Identity, presents: Option<Presents>) -> String {
    match presents {
        Some(Presents::Nothing) => String::new(),
        Some(Presents::RawPublicKey) => Thumbprint::of_der(client.key.public().spki()).to_string(),
        Some(Presents::WithStrangers) | None => client.certificate.thumbprint().to_string(),
    }
}

impl<'a> Actor<'a> {
    /// Writes down that a handshake failed; requests on that connection are not sent.
    pub(super) async fn not_connected(
        &mut self,
        connect: &Connect,
        transport: Transport,
        client: &'a Identity,
        authority: String,
        error: &WireError,
    ) -> Result<(), Stop> {
        let reason = error.to_string();
        self.events.push(Event::ConnectFailed(ConnectFailed {
            name: connect.name.clone(),
            client: client.name.to_owned(),
            reason: reason.clone(),
        }));
        // The subject counts the attempt as well.
        self.connections += 1;
        self.subject.settled(self.connections).await;
        let link = Link {
            number: self.connections,
            connect: connect.clone(),
            transport,
            authority,
            client,
            exporters: Exporters::new(Vec::new()),
            port: 0,
            connection: None,
            never_open: Some(reason),
        };
        self.links.insert(connect.name.clone(), link);
        Ok(())
    }

    /// Writes down a request that had no connection to go on.
    pub(super) fn record_unsent(&mut self, index: usize, send: &Send, reason: String) {
        self.drain_sights();
        self.events.push(Event::Exchanged(Box::new(Exchanged {
            step: index,
            on: send.on.clone(),
            method: send.method.clone().unwrap_or_else(|| "GET".to_owned()),
            path: send.path.clone().unwrap_or_else(|| "/api/resource".to_owned()),
            alteration: send.alter.clone(),
            changes: None,
            token: String::new(),
            proof: None,
            ekm: None,
            expect: send.expect.clone(),
            control: send.control,
            reaction: Reaction::Nothing(reason),
            check: None,
        })));
    }
}
