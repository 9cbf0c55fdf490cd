//! The time of bare handshakes on this machine, measured in the same run: what a run cannot do without.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    crypto::{AwsLc, SignatureVerifier as _},
};
use ekmcheck_forge::keys::{Key, Signing};

use ekmcheck_parties::wire::{self, ConnectOptions, Established, How, Incoming, Manner, Outgoing, Service};
use ekmcheck_suite::case::Transport;
use tokio::task::JoinSet;

use crate::world::{ClientKey, ServerKey, World};

/// How many handshakes are measured.
const COUNT: usize = 400;

struct Nothing;

impl Service for Nothing {
    type Connection = ();

    fn opened(&self, _: &Established, _: SocketAddr) {}

    fn request(&self, (): &(), _: Incoming) -> Outgoing {
        Outgoing { status: 404, fields: vec![], body: bytes::Bytes::new(), manner: Manner::default() }
    }

    fn closed(&self, (): &()) {}
}

/// Seconds per mutual handshake when `jobs` are under way at once, over the same transports; `None` if any fails.
pub(crate) async fn seconds_per_handshake(world: &Arc<World>, transports: &[Transport], jobs: usize) -> Option<f64> {
    let server = world.server(ServerKey::USUAL).ok()?;
    let tcp = wire::serve(server.clone(), Arc::new(Nothing)).await.ok()?;
    let udp = wire::serve_quic(server, Arc::new(Nothing)).await.ok()?;
    let clients: Vec<_> = transports
        .iter()
        .map(|transport| {
            let tls = world.client(&ClientKey {
                identity: "p256".to_owned(),
                transport: *transport,
                suite: None,
                hello_retry: false,
                resumption: false,
                presents: None,
                without_alpn: false,
            });
            let addr = if transport.is_quic() { udp.addr() } else { tcp.addr() };
            tls.map(|tls| (tls, addr))
        })
        .collect::<Result<_, _>>()
        .ok()?;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..jobs.max(1) {
        let (clients, next) = (clients.clone(), next.clone());
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= COUNT {
                    return Some(());
                }
                let (tls, addr) = clients.get(number % clients.len())?;
                let connection = wire::connect(tls, *addr, "localhost", ConnectOptions::default()).await.ok()?;
                // A server does not hear of the silent end that QUIC has for FIN.
                let how = if connection.is_quic() { How::Notify } else { How::Fin };
                connection.close(how).await.ok()?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.ok()??;
    }
    tcp.drained().await;
    udp.drained().await;
    Some(begun.elapsed().as_secs_f64() / COUNT as f64)
}

/// Seconds per ES256 signature and per verification, when all cores are at it; `None` if any fails.
pub(crate) fn seconds_per_signature() -> Option<(f64, f64)> {
    const MESSAGE: &[u8] =
        b"as long as the signing input of a proof is not needed: the hash is a small part of the time";
    let key = Key::generate(KeyKind::P256).ok()?;
    let signature = key.sign(Algorithm::Es256, MESSAGE, Signing::Live).ok()?;
    let signing = on_all_cores(|| key.sign(Algorithm::Es256, MESSAGE, Signing::Live).is_ok())?;
    let verifying = on_all_cores(|| AwsLc.verify(Algorithm::Es256, key.public(), MESSAGE, &signature))?;
    Some((signing, verifying))
}

fn on_all_cores(once: impl Fn() -> bool + Sync) -> Option<f64> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begun = Instant::now();
    let worked = thread::scope(|scope| {
        let batch = || (0..COUNT).all(|_| once());
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(batch)).collect();
        threads.into_iter().all(|t| t.join().unwrap_or(false))
    });
    worked.then(|| begun.elapsed().as_secs_f64() / (COUNT * cores) as f64)
}
