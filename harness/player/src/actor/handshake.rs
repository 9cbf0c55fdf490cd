//! What comes of handshakes: connections, and those that the subject refuses.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ekmcheck_binding::digest::Thumbprint;
use ekmcheck_forge::{pki::Identity, recipe::Exporters};
use ekmcheck_parties::{
    resource::exporters_of,
    wire::{self, ClientTls, ConnectOptions, Connection, FirstFlight, Kind, WireError},
};
use ekmcheck_suite::{
    case::Transport,
    play::{Connect, Hello, Place, Presents, Probe, Send},
    transcript::{ConnectFailed, Connected, Event, Exchanged, Handshake, Probed, Reaction},
};

use super::{Actor, Link, Stop};
use crate::{fingerprint::named_exporters, subject::Party};

/// How often a port that is in use is asked for again, and how long after.
const AGAIN: (usize, Duration) = (60, Duration::from_millis(5));

/// Connects. A port that another connection of this machine has just been given is soon free again.
pub(super) async fn dial(
    tls: &Arc<ClientTls>,
    addr: SocketAddr,
    server_name: &str,
    options: ConnectOptions,
) -> Result<Connection, WireError> {
    let mut tries = if options.source_port.is_some() { AGAIN.0 } else { 0 };
    loop {
        match wire::connect(tls, addr, server_name, options.clone()).await {
            Err(WireError::Connect(_)) if tries > 0 => tokio::time::sleep(AGAIN.1).await,
            other => return other,
        }
        tries -= 1;
    }
}

/// The thumbprint of what the client presents.
fn presented(client: &Identity, presents: Option<Presents>) -> String {
    match presents {
        Some(Presents::Nothing) => String::new(),
        Some(Presents::RawPublicKey) => Thumbprint::of_der(client.key.public().spki()).to_string(),
        Some(Presents::WithStrangers) | None => client.certificate.thumbprint().to_string(),
    }
}

impl<'a> Actor<'a> {
    /// Waits until the server has noticed the connection, or the attempt.
    pub(super) async fn settled(&mut self, place: Option<Place>) {
        let opened = self.opened.entry(place).or_default();
        *opened += 1;
        if let Some(party) = self.subject.party(place) {
            party.settled(*opened).await;
        }
    }

    /// Writes down a connection whose handshake is over.
    pub(super) async fn connected(&mut self, name: &str) -> Result<(), Stop> {
        let (usual, secrets) = (self.transport, self.world.secrets.clone());
        let link = self.link_mut(name)?;
        let Some(connection) = &mut link.connection else { return Ok(()) };
        let established = connection.finish().map_err(|e| Stop::Broken(format!("connect: {e}")))?;
        link.exporters = exporters_of(established);
        secrets.know_exporters(&link.exporters);
        let event = Connected {
            name: name.to_owned(),
            number: link.number,
            client: link.client.name.to_owned(),
            certificate: presented(link.client, link.connect.presents),
            over: Some(link.transport).filter(|t| *t != usual),
            suite: established.suite.clone(),
            handshake: match established.kind {
                Kind::Full => Handshake::Full,
                Kind::HelloRetry => Handshake::HelloRetry,
                Kind::Resumed => Handshake::Resumed,
            },
            port: link.port,
            exporters: named_exporters(&link.exporters),
            early_data: established.early_data,
            replaces: link.replaces,
        };
        let place = link.connect.to;
        if let Some(tap) = &self.world.controls.tap {
            let exporters = self.link(name)?.exporters.clone();
            tap.opened(self.events.len(), &exporters);
        }
        let kind = event.handshake;
        self.events.push(Event::Connected(event));
        self.settled(place).await;
        let connect = &self.link(name)?.connect;
        if connect.resume.is_some() && kind != Handshake::Resumed && !connect.may_fail {
            return Err(Stop::NotTestable("the subject did not resume the session".to_owned()));
        }
        if connect.hello_retry && kind != Handshake::HelloRetry {
            return Err(Stop::NotTestable("the subject sent no HelloRetryRequest".to_owned()));
        }
        Ok(())
    }

    /// Writes down that a handshake failed; requests on that connection are not sent.
    pub(super) async fn not_connected(
        &mut self,
        connect: &Connect,
        party: Arc<Party>,
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
        self.settled(connect.to).await;
        let link = Link {
            number: self.connections,
            connect: connect.clone(),
            replaces: None,
            spent: false,
            answered: false,
            party,
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

    /// Sends a ClientHello on a connection of its own.
    pub(super) async fn probe(&mut self, probe: &Probe) -> Result<(), Stop> {
        let party = self.subject.party(None).filter(|_| !self.transport.is_quic());
        let origin = party.as_ref().and_then(|party| party.origin(self.transport));
        let origin = origin.ok_or_else(|| Stop::NotTestable("a ClientHello in records goes over TCP".to_owned()))?;
        let hello = match probe.hello {
            Hello::Tls10 => wire::Hello::Tls10,
            Hello::Tls11 => wire::Hello::Tls11,
            Hello::Tls12WithoutExtendedMasterSecret => wire::Hello::Tls12WithoutExtendedMasterSecret,
        };
        let first = wire::greet(origin.addr, &origin.server_name, hello, self.limit()).await;
        let first = first.map_err(|e| Stop::Broken(format!("probe: {e}")))?;
        self.settled(None).await;
        let (went_on, came) = match first {
            FirstFlight::Alert(name) => (false, format!("TLS alert {name}")),
            FirstFlight::Ended(how) => (false, format!("end of the connection ({how})")),
            FirstFlight::ServerHello { version, extended_master_secret } => {
                let secret = if extended_master_secret { "with" } else { "without" };
                (true, format!("ServerHello of version {version:#06x} {secret} extended master secret"))
            }
        };
        self.events.push(Event::Probed(Probed { hello: probe.hello, expect: probe.expect.clone(), went_on, came }));
        Ok(())
    }

    /// Writes down a request that had no connection to go on.
    pub(super) fn record_unsent(&mut self, index: usize, send: &Send, reason: String) {
        self.drain_sights();
        self.events.push(Event::Exchanged(Box::new(Exchanged {
            step: index,
            on: send.on.clone(),
            connection: 0,
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
            twin: None,
            check: None,
        })));
    }
}
