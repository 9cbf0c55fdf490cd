//! Key updates in QUIC. quinn makes one of its own, too, within the first thousand packets of a connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::interval;

use super::session::Agreed;
use super::{agreed, export_all};
use crate::wire::rekey::Rekeyed;
use crate::wire::tls::ExporterRequest;

/// quinn does not tell when the last update is confirmed, so it is asked again after this time.
const AGAIN: Duration = Duration::from_millis(5);

/// The key phases of a connection.
#[derive(Clone, Debug)]
pub(in crate::wire) struct Phases {
    conn: quinn::Connection,
    exporters: Vec<ExporterRequest>,
    /// How often keys were derived, by whichever side's wish.
    derived: Arc<AtomicUsize>,
    rekeyed: Arc<Mutex<Rekeyed>>,
}

impl Phases {
    /// Those of a connection whose handshake is complete.
    pub(super) fn of(conn: &quinn::Connection, exporters: &[ExporterRequest]) -> Self {
        let derived = agreed(conn).map(|Agreed { phases, .. }| phases).unwrap_or_default();
        Self { conn: conn.clone(), exporters: exporters.to_vec(), derived, rekeyed: Arc::default() }
    }

    pub(in crate::wire) fn request(&self, n: usize) {
        let mut rekeyed = self.lock();
        for _ in 0..n {
            let before = self.derived.load(Ordering::SeqCst);
            self.conn.force_key_update();
            if self.derived.load(Ordering::SeqCst) == before {
                let reason = "QUIC updates keys one at a time, and not before the last update is confirmed";
                rekeyed.last_error = Some(reason.to_owned());
                return;
            }
            rekeyed.done += 1;
            rekeyed.last_error = None;
            rekeyed.exports = export_all(&self.conn, &self.exporters).unwrap_or_default();
        }
    }

    /// One update, as soon as there can be one.
    pub(in crate::wire) async fn update(&self) {
        let mut tick = interval(AGAIN);
        let done = self.rekeyed().done;
        loop {
            // The first tick is at once.
            tick.tick().await;
            self.request(1);
            if self.rekeyed().done > done {
                return;
            }
        }
    }

    pub(in crate::wire) fn rekeyed(&self) -> Rekeyed {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Rekeyed> {
        // No code panics while it holds the lock.
        self.rekeyed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
