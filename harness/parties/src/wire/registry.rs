//! The open connections of a server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::rekey::Rekeyer;
use super::service::{AnyConnection, AnyService, Incoming, Outgoing};
use super::stream::{Control, How};
use super::tls::Established;

/// The open connections: how many, and how to update their keys.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: Mutex<Open>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    rekeyers: HashMap<u64, Rekeyer>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Open> {
        // No code panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, rekeyer: Rekeyer) -> u64 {
        let mut open = self.lock();
        let id = open.next;
        open.next += 1;
        open.rekeyers.insert(id, rekeyer);
        self.count.send_replace(open.rekeyers.len());
        id
    }

    fn remove(&self, id: u64) {
        let mut open = self.lock();
        open.rekeyers.remove(&id);
        self.count.send_replace(open.rekeyers.len());
    }

    pub(super) fn rekeyers(&self) -> Vec<Rekeyer> {
        let open = self.lock();
        let mut rekeyers: Vec<_> = open.rekeyers.iter().collect();
        rekeyers.sort_unstable_by_key(|(id, _)| **id);
        rekeyers.into_iter().map(|(_, rekeyer)| rekeyer.clone()).collect()
    }

    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub(super) async fn drained(&self) {
        // The sender lives in `self`, so there is no error to see.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// The place of a connection in a registry.
struct Entry {
    registry: Arc<Registry>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.remove(self.id);
    }
}

/// An open connection as its service sees it. Shared by the task of the connection and those of its requests; the
/// service hears of the end when the last of them lets go of it, whether it ran to its end or was aborted.
pub(super) struct Live {
    connection: Box<dyn AnyConnection>,
    hang_up: Notify,
    /// Of the stream; QUIC has none.
    control: Option<Control>,
    /// Of QUIC.
    cut: Notify,
    // Dropped after the connection, whose service hears of its end then: it counts as open until that has been said.
    _entry: Entry,
}

impl Live {
    pub(super) fn open(
        service: Arc<dyn AnyService>,
        established: &Established,
        peer: SocketAddr,
        registry: Arc<Registry>,
        rekeyer: Rekeyer,
        control: Option<Control>,
    ) -> Self {
        // Before the service hears of it, so that whoever the service tells finds the connection in the registry.
        let id = registry.add(rekeyer);
        let entry = Entry { registry, id };
        let connection = service.open(established, peer);
        Self { connection, hang_up: Notify::new(), control, cut: Notify::new(), _entry: entry }
    }

    /// Has the connection end when the answers under way are out.
    pub(super) fn hang_up(&self) {
        self.hang_up.notify_one();
    }

    /// Waits until the connection is to end.
    pub(super) async fn hung_up(&self) {
        self.hang_up.notified().await;
    }

    /// Ends the connection now, in good order, whatever is under way.
    pub(super) fn end(&self) {
        match &self.control {
            Some(control) => control.close(How::Notify),
            None => self.cut.notify_one(),
        }
    }

    /// Has the connection end without close_notify, when it ends.
    pub(super) fn forget_notify(&self) {
        if let Some(control) = &self.control {
            control.forget_notify();
        }
    }

    /// Waits until the connection is to end now.
    pub(super) async fn ended(&self) {
        self.cut.notified().await;
    }

    pub(super) fn head(&self, head: &http::request::Parts) -> Option<Outgoing> {
        self.connection.head(head)
    }

    pub(super) fn request(&self, request: Incoming) -> Outgoing {
        self.connection.request(request)
    }
}
