//! A subject of this crate as a server that stays: on ports that are asked for, at the system's time, until it is ended.

mod recent;
mod watched;

use std::net::SocketAddr;

use ekmcheck_binding::steps::ByTheDraft;
use ekmcheck_parties::{
    fault::Setup,
    resource::Behaviour,
    tokens::Introspection,
    wire::{self, Server, WireError},
};

use crate::{
    Local,
    subject::{Subject, resource},
    world::{ServerKey, World},
};
use watched::Watched;

/// Where a server is to listen: on 127.0.0.1, but for variations that listen elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Of TCP; 0 for any.
    pub tcp: u16,
    /// Of UDP.
    pub quic: Quic,
}

/// Whether and where HTTP/3 is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quic {
    /// Not at all.
    No,
    /// On the same port number as TCP. If that may be any, and is taken of UDP, on any.
    SamePort,
    /// On that port; 0 for any.
    At(u16),
}

/// A server that runs until this value is gone.
#[derive(Debug)]
pub struct Serving {
    tcp: Server,
    quic: Option<Server>,
}

impl Serving {
    /// The port of TCP.
    #[must_use]
    pub fn tcp(&self) -> u16 {
        self.tcp.addr().port()
    }

    /// The port of UDP, if HTTP/3 is served.
    #[must_use]
    pub fn quic(&self) -> Option<u16> {
        self.quic.as_ref().map(|server| server.addr().port())
    }

    /// Ends it and all its connections.
    pub async fn shutdown(self) {
        self.tcp.shutdown().await;
        if let Some(quic) = self.quic {
            quic.shutdown().await;
        }
    }
}

/// Starts it, with a page at `/.ekmcheck/recent` about the last requests.
///
/// # Errors
/// Which port cannot be had, or that the subject runs elsewhere.
pub fn serve<'a>(
    world: &'a World,
    subject: &'a Subject,
    introspection: &'a Introspection,
    ports: Ports,
) -> Local<'a, Result<Serving, String>> {
    Box::pin(served(world, subject, introspection, ports))
}

async fn served(
    world: &World,
    subject: &Subject,
    introspection: &Introspection,
    ports: Ports,
) -> Result<Serving, String> {
    if let Subject::Network(target) = subject {
        return Err(format!("{} runs already", target.name));
    }
    match subject.bent() {
        None => start(world, ByTheDraft, Setup::default(), introspection, ports).await,
        Some(bent) => {
            let setup = bent.setup();
            start(world, bent, setup, introspection, ports).await
        }
    }
}

async fn start<B: Behaviour>(
    world: &World,
    behaviour: B,
    setup: Setup,
    introspection: &Introspection,
    ports: Ports,
) -> Result<Serving, String> {
    let clock = match setup.clock_ahead {
        0 => world.clock.clone(),
        seconds => world.clock.ahead(seconds),
    };
    let server = resource(world, behaviour, setup.token_fault, None, clock.clone(), introspection);
    let service = Watched::new(server, clock);
    let key = ServerKey { habit: setup.habit, own_certificate: setup.own_certificate, ..ServerKey::USUAL };
    let prepared = world.server(key).map_err(|e| e.to_string())?;
    let at = |port: u16| SocketAddr::from((setup.ip, port));
    let taken = |protocol: &'static str, port: u16| {
        move |e: WireError| format!("port {port} of {protocol} on {} cannot be had: {e}", setup.ip)
    };
    let tcp = wire::serve_at(prepared.clone(), service.clone(), at(ports.tcp)).await;
    let tcp = tcp.map_err(taken("TCP", ports.tcp))?;
    let udp = |port| wire::serve_quic_at(prepared.clone(), service.clone(), at(port));
    let same = tcp.addr().port();
    let quic = match ports.quic {
        Quic::No => None,
        Quic::At(port) => Some(udp(port).await.map_err(taken("UDP", port))?),
        Quic::SamePort => match udp(same).await {
            Err(_) if ports.tcp == 0 => Some(udp(0).await.map_err(taken("UDP", 0))?),
            other => Some(other.map_err(taken("UDP", same))?),
        },
    };
    Ok(Serving { tcp, quic })
}
