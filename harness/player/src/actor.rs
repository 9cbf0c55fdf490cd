//! Carries out the steps of one play and writes down what happens. Decides nothing.

mod again;
mod canary;
mod credentials;
mod elsewhere;
mod exchange;
mod handshake;
mod life;
mod raw;
mod send;
mod stop;
mod together;
mod upkeep;

use std::{collections::HashMap, sync::Arc, time::Duration};

use ekmcheck_forge::{
    alteration::{self, Alteration},
    pki::Identity,
    recipe::{Exporters, PerRequest},
};
use ekmcheck_parties::{
    resource::{Sight, exporters_of},
    wire::{self, ClientTls, ConnectOptions, Connection, Stage, WireError},
};
use ekmcheck_suite::{
    case::{Case, PerRequestClaim, Transport},
    dialect::{Dialect, HtuForm},
    play::{AdvanceClock, Close, Connect, How, Place, Play, Send, Step},
    transcript::{Closed, Event, Exchanged, Reaction, ServerConnected, Transcript},
};

use crate::{
    fingerprint::fingerprint,
    network::Origin,
    subject::{Party, Started, check_name},
    world::{ClientKey, World},
};
use canary::Canary;
use credentials::Credentials;
use exchange::{Ready, outgoing, reaction, without_secrets};
use handshake::dial;
use stop::Stop;

/// The longest that one step may take on a subject that says nothing else.
const STEP: Duration = Duration::from_secs(5);

/// What a play is kept within.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// The first of the numbers that no other request of the run has.
    pub(crate) unique: u64,
    /// The most rounds of a step that repeats others.
    pub(crate) rounds: u32,
    /// How the subject reads what the draft leaves open.
    pub(crate) dialect: Arc<Dialect>,
}

/// Goes through a play on a subject that was started for it. With it, whether it ended because of a port that others
/// have: another try has another port.
pub(crate) async fn play(
    world: &World,
    subject: &Started,
    case: &Case,
    transport: Transport,
    play: &Play,
    bounds: Bounds,
) -> (Transcript, bool) {
    let mut port_taken = false;
    let mut actor = Actor {
        world,
        subject,
        case,
        transport,
        resumed: play.steps.iter().flat_map(Step::flat).filter_map(resumes).collect(),
        shared: HashMap::new(),
        links: HashMap::new(),
        credentials: Credentials::new(bounds.unique, bounds.dialect.clone()),
        canary: None,
        events: Vec::new(),
        connections: 0,
        opened: HashMap::new(),
        bounds,
    };
    for (index, step) in play.steps.iter().enumerate() {
        if let Err(stop) = actor.step(index, step).await {
            actor.drain_sights();
            port_taken = matches!(stop, Stop::PortTaken(_));
            actor.events.push(stop.into());
            break;
        }
    }
    actor.drain_sights();
    actor.events.extend(actor.canary.as_ref().map(|canary| Event::Fetched(canary.was_touched())));
    actor.hang_up().await;
    (Transcript { case: case.id.clone(), transport, temper: play.temper, events: actor.events }, port_taken)
}

fn resumes(step: &Step) -> Option<String> {
    match step {
        Step::Connect(connect) => connect.resume.clone(),
        _ => None,
    }
}

struct Actor<'a> {
    world: &'a World,
    subject: &'a Started,
    case: &'a Case,
    transport: Transport,
    /// The connections whose session a later one resumes.
    resumed: Vec<String>,
    /// TLS settings by the name of the connection that a later one resumes.
    shared: HashMap<String, Arc<ClientTls>>,
    links: HashMap<String, Link<'a>>,
    credentials: Credentials,
    /// Listens since an alteration asked for it.
    canary: Option<Canary>,
    events: Vec<Event>,
    connections: usize,
    /// How many connections each server has been asked for since it was started.
    opened: HashMap<Option<Place>, usize>,
    bounds: Bounds,
}

/// What came of a request.
struct Seen {
    reaction: Reaction,
    check: Option<String>,
    twin: Option<u16>,
}

/// A connection of the play.
struct Link<'a> {
    /// The number of the connection within the play: a name may come again.
    number: usize,
    connect: Connect,
    /// The number of the connection whose place it took, as the subject ended that one.
    replaces: Option<usize>,
    /// The subject takes no more requests on it.
    spent: bool,
    /// The subject has answered a request on it.
    answered: bool,
    party: Arc<Party>,
    transport: Transport,
    /// Host and port of the subject, as requests name it.
    authority: String,
    client: &'a Identity,
    exporters: Exporters,
    /// The client's port when the connection began.
    port: u16,
    /// `None` when it was closed.
    connection: Option<Connection>,
    /// Why there never was a connection, if so.
    never_open: Option<String>,
}

impl Link<'_> {
    /// Whether the end of the connection is an answer: the subject may refuse the client, and has not answered it yet.
    fn end_is_answer(&self) -> bool {
        self.connect.may_fail && !self.answered
    }

    /// Host and port that a request on the connection names.
    fn authority(&self, send: &Send) -> String {
        send.authority.as_ref().unwrap_or(&self.authority).clone()
    }
}

impl<'a> Actor<'a> {
    async fn step(&mut self, index: usize, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Connect(connect) => self.connect(connect, None).await,
            Step::Probe(probe) => self.probe(probe).await,
            Step::Send(send) => {
                for _ in 0..send.times.unwrap_or(1) {
                    self.send(index, send).await?;
                }
                Ok(())
            }
            Step::Together(sends) => self.together(index, sends).await,
            Step::Pipeline(sends) => self.pipeline(index, sends).await,
            Step::Interleave(interleave) => self.interleave(index, interleave).await,
            Step::Close(close) => self.close(close).await,
            Step::UpdateKeys(update) => self.update_keys(update).await,
            Step::Migrate(migrate) => self.migrate(migrate).await,
            Step::RotateId(rotate) => self.rotate_id(rotate).await,
            Step::Issue(issue) => self.issue(issue),
            Step::Restart(restart) => self.restart(*restart).await,
            Step::Rounds(rounds) => self.rounds(index, rounds).await,
            Step::Abandon(send) => self.abandon(send).await,
            Step::Kept(kept) => self.kept(kept),
            Step::AdvanceClock(_) if !self.subject.clock_moves() => {
                Err(Stop::NotTestable("the subject's clock cannot be moved".to_owned()))
            }
            Step::AdvanceClock(AdvanceClock { seconds }) => {
                self.subject.clock().advance(*seconds);
                self.credentials.advance(*seconds);
                self.events.push(Event::ClockMoved(*seconds));
                Ok(())
            }
        }
    }

    /// Ends what is still open by RST: thousands of plays would otherwise leave as many ports waiting. In QUIC no port
    /// waits, and a subject that is not told would keep the connection.
    async fn hang_up(&mut self) {
        for link in self.links.values_mut() {
            if let Some(connection) = link.connection.take() {
                // The play is over; whatever happens now is no part of it.
                let how = if connection.is_quic() { wire::How::Notify } else { wire::How::Reset };
                let _ = connection.close(how).await;
            }
        }
    }

    async fn connect(&mut self, connect: &Connect, replaces: Option<usize>) -> Result<(), Stop> {
        let name = connect.client.as_deref().or(self.case.client.as_deref()).unwrap_or("p256");
        let no_client = || Stop::Broken(format!("there is no client certificate {name:?}"));
        let client = self.world.pki.identity(name).ok_or_else(no_client)?;
        elsewhere::knows(self.subject, client)?;
        let transport = match &connect.resume {
            Some(earlier) => self.link(earlier)?.transport,
            None => connect.over.unwrap_or(self.transport),
        };
        if connect.lower_case_fields && (transport.is_h2() || transport.is_quic()) {
            return Err(Stop::NotTestable("field names are always in lower case in HTTP/2 and HTTP/3".to_owned()));
        }
        if connect.raw && (transport.is_h2() || transport.is_quic()) {
            return Err(Stop::NotTestable("only HTTP/1.1 is spoken without a library".to_owned()));
        }
        let nowhere = || elsewhere::nowhere(self.subject, connect.to, transport);
        let party = self.subject.party(connect.to).ok_or_else(nowhere)?;
        let Origin { addr, server_name, authority } = party.origin(transport).ok_or_else(nowhere)?;
        let tls = self.tls(connect, transport, name)?;
        let source_port = match &connect.same_port_as {
            Some(earlier) => Some(self.link(earlier)?.port),
            None => None,
        };
        let options = ConnectOptions {
            source_port,
            lower_case_fields: connect.lower_case_fields,
            raw: connect.raw,
            version_negotiation: connect.version_negotiation,
            early_data: connect.early_data,
            timeout: self.limit(),
        };
        let connection = match dial(&tls, addr, &server_name, options).await {
            Ok(connection) => connection,
            // Without the protocol that the play is on, nothing was refused.
            Err(error) if connect.may_fail && !matches!(error, WireError::Connect(_) | WireError::NotAgreed(_)) => {
                return self.not_connected(connect, party, transport, client, authority, &error).await;
            }
            Err(WireError::Timeout(Stage::Negotiation)) => {
                return Err(Stop::NotTestable("the subject sends no Version Negotiation packet".to_owned()));
            }
            Err(error @ (WireError::Handshake { .. } | WireError::Refused { .. })) if self.case.key_is_optional() => {
                return Err(Stop::NotTestable(format!(
                    "no connection with a {} certificate, whose support is the subject's choice: {error}",
                    client.name
                )));
            }
            // A session need not be resumed, whatever a server says to the attempt.
            Err(error @ (WireError::Handshake { .. } | WireError::Refused { .. })) if connect.resume.is_some() => {
                return Err(Stop::NotTestable(format!("the subject did not resume the session: {error}")));
            }
            Err(error) => {
                return Err(match source_port {
                    Some(port) => Stop::PortTaken(format!("port {port} cannot be used again here: {error}")),
                    None => Stop::Broken(format!("connect: {error}")),
                });
            }
        };
        self.connections += 1;
        let early = connection.is_early();
        let link = Link {
            number: self.connections,
            connect: connect.clone(),
            replaces,
            spent: false,
            answered: false,
            party,
            transport,
            authority,
            client,
            exporters: exporters_of(connection.established()),
            port: connection.local_addr().port(),
            connection: Some(connection),
            never_open: None,
        };
        self.links.insert(connect.name.clone(), link);
        // The first request makes the handshake of early data go on.
        if early { Ok(()) } else { self.connected(&connect.name).await }
    }

    fn tls(&mut self, connect: &Connect, transport: Transport, client: &str) -> Result<Arc<ClientTls>, Stop> {
        if let Some(earlier) = &connect.resume {
            let nothing = || Stop::Broken(format!("nothing is known of connection {earlier:?}"));
            return self.shared.get(earlier).cloned().ok_or_else(nothing);
        }
        let suite = match connect.suite.as_deref() {
            None => None,
            Some("TLS13_AES_128_GCM_SHA256") => Some(0x1301),
            Some("TLS13_AES_256_GCM_SHA384") => Some(0x1302),
            Some("TLS13_CHACHA20_POLY1305_SHA256") => Some(0x1303),
            Some(other) => return Err(Stop::NotTestable(format!("cipher suite {other:?} is not known here"))),
        };
        let resumption = self.resumed.contains(&connect.name);
        let tls = self.world.client(&ClientKey {
            identity: client.to_owned(),
            transport,
            suite,
            hello_retry: connect.hello_retry,
            resumption,
            presents: connect.presents,
            without_alpn: connect.without_alpn,
        });
        let tls = tls.map_err(|e| Stop::Broken(e.to_string()))?;
        if resumption {
            self.shared.insert(connect.name.clone(), tls.clone());
        }
        Ok(tls)
    }

    /// Makes token, proof and request, and opens another connection where the alteration wants one.
    async fn prepare(&mut self, send: &Send) -> Result<Ready, Stop> {
        elsewhere::can_be_for(self.subject, send)?;
        elsewhere::can_be_limited(self.subject, send)?;
        let altered = match &send.alter {
            None => None,
            Some(name) => Some(alteration::named(name).ok_or_else(|| Stop::Broken(format!("no alteration {name:?}")))?),
        };
        self.fetch_token(send, altered).await?;
        let other = self.other_exporters(send, altered).await?;
        if self.canary.is_none() && altered.is_some_and(|a| a.needs_canary) {
            self.canary = Some(Canary::new().map_err(|e| Stop::Broken(format!("nothing can listen: {e}")))?);
        }
        let canary = self.canary.as_ref().map(Canary::url);
        let link = self.links.get(&send.on).ok_or_else(|| Stop::Broken(format!("no connection {:?}", send.on)))?;
        let ready = self.credentials.request(
            self.world,
            self.case,
            send,
            altered,
            link,
            &self.links,
            other.as_ref(),
            canary,
        )?;
        self.world.secrets.know_request(&ready.made);
        Ok(ready)
    }

    async fn other_exporters(
        &mut self,
        send: &Send,
        altered: Option<&'static Alteration>,
    ) -> Result<Option<Exporters>, Stop> {
        use ekmcheck_suite::play::ProofSource::{ForExporterOf, MadeOn};
        if let Some(MadeOn(name) | ForExporterOf(name)) = &send.proof {
            return Ok(Some(self.link(name)?.exporters.clone()));
        }
        if !altered.is_some_and(|a| a.needs_other) {
            return Ok(None);
        }
        const OTHER: &str = "another";
        if !self.links.contains_key(OTHER) {
            let connect = Connect { name: OTHER.to_owned(), ..Connect::default() };
            self.connect(&connect, None).await?;
        }
        Ok(Some(self.link(OTHER)?.exporters.clone()))
    }

    async fn close(&mut self, close: &Close) -> Result<(), Stop> {
        let link = self.link_mut(&close.connection)?;
        let quic = link.transport.is_quic();
        let how = match close.how {
            How::CloseNotify => wire::How::Notify,
            How::Fin => wire::How::Fin,
            How::Rst => wire::How::Reset,
        };
        if let Some(connection) = link.connection.take() {
            connection.close(how).await.map_err(|e| Stop::Broken(format!("close: {e}")))?;
        }
        let how = match close.how {
            how if !quic => format!("{how:?}"),
            How::CloseNotify => "ConnectionClose".to_owned(),
            How::Fin | How::Rst => "Silence".to_owned(),
        };
        self.events.push(Event::Closed(Closed { connection: close.connection.clone(), how }));
        Ok(())
    }

    fn record(&mut self, index: usize, send: &Send, ready: &Ready, connection: usize, seen: Seen) {
        let Seen { reaction, check, twin } = seen;
        let request = &ready.made.request;
        if let Some(tap) = &self.world.controls.tap {
            let authority = self.links.get(&send.on).map_or("", |link| &link.authority);
            tap.sent(self.events.len(), send, authority, &ready.made, ready.proof_sent.as_deref());
        }
        self.events.push(Event::Exchanged(Box::new(Exchanged {
            step: index,
            on: send.on.clone(),
            connection,
            method: request.method.clone(),
            path: without_secrets(&request.path, &ready.made),
            alteration: send.alter.clone(),
            changes: match send.alter.as_deref().and_then(alteration::named) {
                Some(row) => Some(row.changes.to_owned()),
                None => credentials::about(&send.changes),
            },
            token: fingerprint(&ready.made.token),
            proof: ready.proof_sent.as_deref().map(fingerprint),
            ekm: ready.proof_sent.as_deref().and_then(crate::fingerprint::ekm_of),
            expect: send.expect.clone(),
            control: send.control,
            reaction,
            twin,
            check,
        })));
    }

    /// Writes down what the server saw; of its decisions, the last on the connection from that port is returned.
    fn drain_sights_of(&mut self, port: u16) -> Option<String> {
        self.drain_checks_of(port).pop().flatten()
    }

    /// Writes down what the server saw; its decisions on the connection from that port are returned in order.
    fn drain_checks_of(&mut self, port: u16) -> Vec<Option<String>> {
        let mut checks = Vec::new();
        for sight in self.subject.take_sights() {
            match sight {
                Sight::Opened { peer, certificate, exporter } => {
                    self.events.push(Event::ServerConnected(ServerConnected {
                        port: peer.port(),
                        certificate,
                        exporter: fingerprint(&ekmcheck_binding::base64url::encode(&exporter)),
                    }));
                }
                Sight::Decided { peer, refused_by } if peer.port() == port => checks.push(check_name(refused_by)),
                Sight::Decided { .. } => {}
            }
        }
        checks
    }

    fn drain_sights(&mut self) {
        self.drain_sights_of(0);
    }

    fn link(&self, name: &str) -> Result<&Link<'a>, Stop> {
        self.links.get(name).ok_or_else(|| Stop::Broken(format!("no connection {name:?}")))
    }

    fn link_mut(&mut self, name: &str) -> Result<&mut Link<'a>, Stop> {
        self.links.get_mut(name).ok_or_else(|| Stop::Broken(format!("no connection {name:?}")))
    }
}

fn per_request(claims: &[PerRequestClaim], dialect: &Dialect) -> PerRequest {
    let has = |claim| claims.contains(&claim) || dialect.demanded.contains(&claim);
    PerRequest {
        jti: has(PerRequestClaim::Jti),
        htm: has(PerRequestClaim::Htm),
        htu: has(PerRequestClaim::Htu),
        absolute: dialect.htu == HtuForm::Absolute,
    }
}
