//! What is tested, and how it is started.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ekmcheck_binding::{guard::Policy, refusal::Check, steps::ByTheDraft};
use ekmcheck_parties::{
    clock::Clock,
    fault::{self, Bent, Setup},
    resource::{Behaviour, ResourceServer, Sight},
    tokens::{Introspection, TokenFault, Tokens},
    wire::{self, Server, WireError},
};

pub use ekmcheck_parties::fault::{Fault, Variation};
use ekmcheck_suite::{
    case::Transport,
    play::{ClientCa, Place},
};

use crate::{
    network::{Origin, Target},
    world::{ServerKey, World},
};

/// What is tested.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The embedded resource server, as the draft has it.
    Reference,
    /// The same with one thing wrong.
    Fault(&'static Fault),
    /// The same with two things wrong.
    Pair(&'static Fault, &'static Fault),
    /// The same with something else that is right as well.
    Variation(&'static Variation),
    /// One that runs elsewhere.
    Network(Arc<Target>),
}

impl Subject {
    /// From `reference`, `fault:NAME`, `fault:NAME+NAME` or `variation:NAME`.
    ///
    /// # Errors
    /// What is wrong, with the nearest known name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = |what: &str, name: &str, known: Vec<&'static str>| {
            let hint = ekmcheck_suite::load::suggestion(name, known.into_iter());
            format!("there is no {what} {name:?}; {hint}")
        };
        match text.split_once(':') {
            None if text == "reference" => Ok(Self::Reference),
            Some(("fault", names)) => {
                let named = |name: &str| {
                    let known = || fault::faults().map(|f| f.name).collect();
                    fault::named(name).ok_or_else(|| unknown("fault", name, known()))
                };
                match names.split_once('+') {
                    None => named(names).map(Self::Fault),
                    Some((one, other)) => Ok(Self::Pair(named(one)?, named(other)?)),
                }
            }
            Some(("variation", name)) => fault::variation(name)
                .map(Self::Variation)
                .ok_or_else(|| unknown("variation", name, fault::variations().map(|v| v.name).collect())),
            _ => Err(format!(
                "unknown subject {text:?}; it is `reference`, `fault:NAME`, `fault:NAME+NAME`, `variation:NAME` or a URL, see `ekmcheck list faults`"
            )),
        }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Reference => "reference".to_owned(),
            Self::Fault(fault) => format!("fault:{}", fault.name),
            Self::Pair(one, other) => format!("fault:{}+{}", one.name, other.name),
            Self::Variation(variation) => format!("variation:{}", variation.name),
            Self::Network(target) => target.name.clone(),
        }
    }

    /// The steps that it takes otherwise than the reference, if the harness starts it and it takes any.
    pub(crate) fn bent(&self) -> Option<Bent> {
        match self {
            Self::Reference | Self::Network(_) => None,
            Self::Fault(fault) => Some(Bent::fault(fault)),
            Self::Pair(one, other) => Some(Bent::both(one, other)),
            Self::Variation(variation) => Some(Bent::variation(variation)),
        }
    }

    /// Whether the harness can move its clock.
    #[must_use]
    pub fn clock_moves(&self) -> bool {
        match self {
            Self::Variation(variation) => !variation.has_own_clock(),
            Self::Network(_) => false,
            Self::Reference | Self::Fault(_) | Self::Pair(..) => true,
        }
    }

    /// The first of the numbers that go into identifiers. A subject that is started for each play knows none; one that
    /// runs on knows those of earlier runs, and of others that test it at the same time, and must never see one of them
    /// again: so it is drawn at random from 2^62, of which a run needs some millions.
    pub fn first_number(&self) -> u64 {
        match self {
            // Each of the hasher's kind has keys that the system gave at random.
            Self::Network(_) => RandomState::new().hash_one(std::process::id()) >> 2,
            _ => 0,
        }
    }

    /// Starts it for one play, with nothing cached and a clock of its own, on TCP or UDP or both as these transports need,
    /// and with the other servers that it needs.
    pub async fn start(
        &self,
        world: &World,
        transports: impl Iterator<Item = Transport>,
        places: impl Iterator<Item = Place>,
    ) -> Result<Started, String> {
        if let Self::Network(target) = self {
            return Started::elsewhere(world, target);
        }
        let mut sockets = Sockets::default();
        for transport in transports {
            *(if transport.is_quic() { &mut sockets.udp } else { &mut sockets.tcp }) = true;
        }
        let surroundings = Surroundings {
            sockets,
            clock: Clock::at(world.now()).ahead(self.bent().map_or(0, |bent| bent.setup().clock_ahead)),
            introspection: Introspection::default(),
            client_ca: ClientCa::Own,
        };
        let mut parties = BTreeMap::new();
        for place in std::iter::once(None).chain(places.map(Some)).collect::<BTreeSet<_>>() {
            let party = self.party(world, place, &surroundings).await.map_err(|e| e.to_string())?;
            parties.insert(place, Arc::new(party));
        }
        Ok(Started {
            subject: self.clone(),
            surroundings,
            parties: Mutex::new(parties),
            refused_before: Mutex::default(),
        })
    }

    async fn party(
        &self,
        world: &World,
        place: Option<Place>,
        surroundings: &Surroundings,
    ) -> Result<Party, WireError> {
        if matches!(self, Self::Network(_)) {
            return Err(WireError::Connect("it is not started here".to_owned()));
        }
        match self.bent() {
            None => serve(world, ByTheDraft, Setup::default(), place, surroundings).await,
            Some(bent) => {
                let setup = bent.setup();
                serve(world, bent, setup, place, surroundings).await
            }
        }
    }
}

/// Where a subject listens.
#[derive(Debug, Clone, Copy, Default)]
struct Sockets {
    tcp: bool,
    udp: bool,
}

/// What all servers of a subject have in common.
#[derive(Clone)]
struct Surroundings {
    sockets: Sockets,
    clock: Clock,
    introspection: Introspection,
    /// The authority of the usual server's clients.
    client_ca: ClientCa,
}

/// One server of a subject. What it keeps of connections and tokens is the same on TCP and UDP.
#[derive(Default)]
pub struct Party {
    /// Of a server that runs elsewhere.
    origins: BTreeMap<Transport, Origin>,
    /// What clients call one that the harness started.
    name: &'static str,
    tcp: Option<Server>,
    udp: Option<Server>,
    /// Nothing is seen of a server that runs elsewhere.
    sights: Option<Arc<dyn Sights>>,
}

impl Party {
    /// Its end of a transport, if it was started on it.
    pub(crate) fn server(&self, transport: Transport) -> Option<&Server> {
        if transport.is_quic() { self.udp.as_ref() } else { self.tcp.as_ref() }
    }

    /// Where it listens on a transport, if it does.
    pub fn origin(&self, transport: Transport) -> Option<Origin> {
        let here = || self.server(transport).map(|server| Origin::new(server.addr(), self.name));
        self.origins.get(&transport).cloned().or_else(here)
    }

    /// Waits until the server has made up its mind on so many connections. A TLS 1.3 client is connected before the
    /// server has seen its certificate, and a play must not depend on who is faster. Of a server that runs elsewhere
    /// nobody can know; there, requests come after the handshake in any case, as they travel behind it.
    pub(crate) async fn settled(&self, connections: usize) {
        let Some(sights) = &self.sights else { return };
        // A server that never does is found out by the next request.
        let _ = tokio::time::timeout(SETTLE, sights.settled(connections)).await;
    }
}

impl Party {
    /// How many requests it has begun to look at.
    pub(crate) fn begun(&self) -> usize {
        self.sights.as_ref().map_or(0, |sights| sights.begun())
    }

    /// Waits until it has begun to look at so many requests.
    pub(crate) async fn until_begun(&self, requests: usize) {
        let Some(sights) = &self.sights else { return };
        let _ = tokio::time::timeout(SETTLE, sights.until_begun(requests)).await;
    }
}

/// A subject that runs.
pub struct Started {
    subject: Subject,
    surroundings: Surroundings,
    /// The usual server is at `None`.
    parties: Mutex<BTreeMap<Option<Place>, Arc<Party>>>,
    /// The checks that refused something on servers that are gone.
    refused_before: Mutex<Vec<Check>>,
}

impl Started {
    /// One of its servers.
    pub fn party(&self, place: Option<Place>) -> Option<Arc<Party>> {
        self.parties().get(&place).cloned()
    }

    /// Stops the usual server, with all its connections, and starts it anew with nothing remembered.
    pub(crate) async fn restart(&self, world: &World, client_ca: ClientCa) -> Result<(), String> {
        if let Some(hand) = self.target().and_then(|target| target.hand.clone()) {
            let restarted = tokio::task::spawn_blocking(move || hand.process.restart());
            return restarted.await.map_err(|e| e.to_string())?;
        }
        let before = self.parties().remove(&None);
        if let Some(sights) = before.as_ref().and_then(|party| party.sights.as_ref()) {
            self.refused_before.lock().unwrap_or_else(PoisonError::into_inner).extend(sights.refused_by());
        }
        drop(before);
        let surroundings = Surroundings { client_ca, ..self.surroundings.clone() };
        let party = self.subject.party(world, None, &surroundings).await.map_err(|e| e.to_string())?;
        self.parties().insert(None, Arc::new(party));
        Ok(())
    }

    /// One that runs already.
    fn elsewhere(world: &World, target: &Arc<Target>) -> Result<Self, String> {
        target.permitted()?;
        let party = |origins: &BTreeMap<_, _>| Arc::new(Party { origins: origins.clone(), ..Party::default() });
        let places = target.places.iter().map(|(place, origins)| (Some(*place), party(origins)));
        let parties = std::iter::once((None, party(&target.origins))).chain(places).collect();
        let surroundings = Surroundings {
            sockets: Sockets::default(),
            clock: world.clock.clone(),
            introspection: Introspection::default(),
            client_ca: ClientCa::Own,
        };
        Ok(Self {
            subject: Subject::Network(target.clone()),
            surroundings,
            parties: Mutex::new(parties),
            refused_before: Mutex::default(),
        })
    }

    /// Where it runs, if the harness did not start it.
    pub fn target(&self) -> Option<&Target> {
        match &self.subject {
            Subject::Network(target) => Some(target),
            _ => None,
        }
    }

    /// Whether its clock can be moved.
    pub(crate) fn clock_moves(&self) -> bool {
        self.subject.clock_moves()
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.surroundings.clock
    }

    /// The introspection endpoint that it asks, if the harness has a hand in it.
    pub(crate) fn introspection(&self) -> Option<&Introspection> {
        match self.target() {
            Some(target) => target.introspection.as_ref(),
            None => Some(&self.surroundings.introspection),
        }
    }

    /// What its servers saw since the last call.
    pub(crate) fn take_sights(&self) -> Vec<Sight> {
        self.parties().values().filter_map(|party| party.sights.as_ref()).flat_map(|s| s.take()).collect()
    }

    /// The checks that refused something on any of its servers; none of a subject that runs elsewhere.
    pub(crate) fn refused_by(&self) -> BTreeSet<Check> {
        let mut all: BTreeSet<Check> =
            self.parties().values().filter_map(|party| party.sights.as_ref()).flat_map(|s| s.refused_by()).collect();
        all.extend(self.refused_before.lock().unwrap_or_else(PoisonError::into_inner).iter());
        all
    }

    fn parties(&self) -> MutexGuard<'_, BTreeMap<Option<Place>, Arc<Party>>> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest that the server may take to notice a connection.
const SETTLE: Duration = Duration::from_secs(5);

/// Ends when the server has got so far.
type Soon<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

trait Sights: Send + Sync {
    fn take(&self) -> Vec<Sight>;
    fn settled(&self, connections: usize) -> Soon<'_>;
    fn begun(&self) -> usize;
    fn until_begun(&self, requests: usize) -> Soon<'_>;
    fn refused_by(&self) -> Vec<Check>;
}

impl<B: Behaviour> Sights for ResourceServer<B> {
    fn take(&self) -> Vec<Sight> {
        self.take_sights()
    }

    fn settled(&self, connections: usize) -> Soon<'_> {
        Box::pin(ResourceServer::settled(self, connections))
    }

    fn begun(&self) -> usize {
        ResourceServer::begun(self)
    }

    fn until_begun(&self, requests: usize) -> Soon<'_> {
        Box::pin(ResourceServer::until_begun(self, requests))
    }

    fn refused_by(&self) -> Vec<Check> {
        ResourceServer::refused_by(self)
    }
}

async fn serve<B: Behaviour>(
    world: &World,
    behaviour: B,
    setup: Setup,
    place: Option<Place>,
    surroundings: &Surroundings,
) -> Result<Party, WireError> {
    let Surroundings { sockets, clock, introspection, .. } = surroundings;
    let resource = resource(world, behaviour, setup.token_fault, place, clock.clone(), introspection);
    let client_ca = if place == Some(Place::OtherCa) { ClientCa::Foreign } else { surroundings.client_ca };
    let prepared = world.server(ServerKey { habit: setup.habit, client_ca, own_certificate: setup.own_certificate })?;
    let addr = SocketAddr::from((setup.ip, 0));
    let tcp = match sockets.tcp {
        true => Some(wire::serve_at(prepared.clone(), resource.clone(), addr).await?),
        false => None,
    };
    let udp = match sockets.udp {
        true => Some(wire::serve_quic_at(prepared, resource.clone(), addr).await?),
        false => None,
    };
    Ok(Party { origins: BTreeMap::new(), name: setup.name, tcp, udp, sights: Some(resource) })
}

/// A resource server of the world, without TLS and HTTP.
pub fn resource<B: Behaviour>(
    world: &World,
    behaviour: B,
    token_fault: Option<TokenFault>,
    place: Option<Place>,
    clock: Clock,
    introspection: &Introspection,
) -> Arc<ResourceServer<B>> {
    let issuer = &world.issuer;
    let tokens = |audience: &str| Tokens::of(issuer, audience, introspection, token_fault);
    let (own, other) = match place {
        Some(Place::Service) => (tokens(issuer.other_audience()), None),
        Some(Place::Node | Place::OtherCa) | None => (tokens(issuer.audience()), Some(tokens(issuer.other_audience()))),
    };
    ResourceServer::new(behaviour, own, other, clock, Policy::default())
}

/// The name of a check, for the transcript.
pub(crate) fn check_name(check: Option<Check>) -> Option<String> {
    check.map(|c| c.name().to_owned())
}

/// The faults on which nothing that needs a refusal may pass.
pub fn evasions() -> impl Iterator<Item = &'static Fault> {
    fault::evasions()
}

/// All faults that can be a subject, and that cases have to catch.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    fault::faults()
}

/// All harmless variations that can be a subject.
pub fn variations() -> impl Iterator<Item = &'static Variation> {
    fault::variations()
}
