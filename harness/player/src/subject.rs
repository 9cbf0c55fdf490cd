//! What is tested, and how it is started.

use std::{pin::Pin, sync::Arc, time::Duration};

use ekmcheck_binding::{guard::Policy, refusal::Check, steps::ByTheDraft};
use ekmcheck_parties::{
    clock::Clock,
    fault::{self, Bent},
    resource::{Behaviour, ResourceServer, Sight},
    tokens::Tokens,
    wire::{self, Habit, Server, WireError},
};

pub use ekmcheck_parties::fault::{Fault, Variation};
use ekmcheck_suite::case::Transport;

use crate::world::World;

/// What is tested.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// The embedded resource server, as the draft has it.
    Reference,
    /// The same with one thing wrong.
    Fault(&'static Fault),
    /// The same with something else that is right as well.
    Variation(&'static Variation),
}

impl Subject {
    /// From `reference`, `fault:NAME` or `variation:NAME`.
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
            Some(("fault", name)) => fault::named(name)
                .map(Self::Fault)
                .ok_or_else(|| unknown("fault", name, fault::faults().map(|f| f.name).collect())),
            Some(("variation", name)) => fault::variation(name)
                .map(Self::Variation)
                .ok_or_else(|| unknown("variation", name, fault::variations().map(|v| v.name).collect())),
            _ => Err(format!(
                "unknown subject {text:?}; it is `reference`, `fault:NAME` or `variation:NAME`, see `ekmcheck list faults`"
            )),
        }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Reference => "reference".to_owned(),
            Self::Fault(fault) => format!("fault:{}", fault.name),
            Self::Variation(variation) => format!("variation:{}", variation.name),
        }
    }

    /// Starts it for one play, with nothing cached and a clock of its own, on TCP or UDP or both as these transports need.
    pub(crate) async fn start(
        &self,
        world: &World,
        transports: impl Iterator<Item = Transport>,
    ) -> Result<Started, WireError> {
        let mut sockets = Sockets::default();
        for transport in transports {
            *(if transport.is_quic() { &mut sockets.udp } else { &mut sockets.tcp }) = true;
        }
        match self {
            Self::Reference => serve(world, ByTheDraft, None, Habit::Right, sockets).await,
            Self::Fault(fault) => bent(world, Bent::fault(fault), sockets).await,
            Self::Variation(variation) => bent(world, Bent::variation(variation), sockets).await,
        }
    }
}

/// Where a subject listens.
#[derive(Debug, Clone, Copy, Default)]
struct Sockets {
    tcp: bool,
    udp: bool,
}

/// A subject that runs. What it keeps of connections and tokens is the same on TCP and UDP.
pub(crate) struct Started {
    tcp: Option<Server>,
    udp: Option<Server>,
    pub(crate) clock: Clock,
    sights: Arc<dyn Sights>,
}

impl Started {
    /// Its end of a transport, if it was started on it.
    pub(crate) fn server(&self, transport: Transport) -> Option<&Server> {
        if transport.is_quic() { self.udp.as_ref() } else { self.tcp.as_ref() }
    }

    /// Waits until the server has made up its mind on so many connections. A TLS 1.3 client is connected before the
    /// server has seen its certificate, and a play must not depend on who is faster.
    pub(crate) async fn settled(&self, connections: usize) {
        // A server that never does is found out by the next request.
        let _ = tokio::time::timeout(SETTLE, self.sights.settled(connections)).await;
    }

    /// What the server saw since the last call.
    pub(crate) fn take_sights(&self) -> Vec<Sight> {
        self.sights.take()
    }
}

/// The longest that the server may take to notice a connection.
const SETTLE: Duration = Duration::from_secs(5);

trait Sights: Send + Sync {
    fn take(&self) -> Vec<Sight>;
    fn settled(&self, connections: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<B: Behaviour> Sights for ResourceServer<B> {
    fn take(&self) -> Vec<Sight> {
        self.take_sights()
    }

    fn settled(&self, connections: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ResourceServer::settled(self, connections))
    }
}

async fn bent(world: &World, bent: Bent, sockets: Sockets) -> Result<Started, WireError> {
    let (token_fault, habit) = (bent.token_fault(), bent.habit());
    serve(world, bent, token_fault, habit, sockets).await
}

async fn serve<B: Behaviour>(
    world: &World,
    behaviour: B,
    token_fault: Option<ekmcheck_parties::tokens::TokenFault>,
    habit: Habit,
    sockets: Sockets,
) -> Result<Started, WireError> {
    let clock = Clock::at(world.now);
    let tokens = Tokens::of(&world.issuer, token_fault);
    let resource = ResourceServer::new(behaviour, tokens, clock.clone(), Policy::default());
    let prepared = world.server(habit)?;
    let tcp = match sockets.tcp {
        true => Some(wire::serve(prepared.clone(), resource.clone()).await?),
        false => None,
    };
    let udp = match sockets.udp {
        true => Some(wire::serve_quic(prepared, resource.clone()).await?),
        false => None,
    };
    Ok(Started { tcp, udp, clock, sights: resource })
}

/// The name of a check, for the transcript.
pub(crate) fn check_name(check: Option<Check>) -> Option<String> {
    check.map(|c| c.name().to_owned())
}

/// All faults that can be a subject.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    fault::faults()
}

/// All harmless variations that can be a subject.
pub fn variations() -> impl Iterator<Item = &'static Variation> {
    fault::variations()
}
