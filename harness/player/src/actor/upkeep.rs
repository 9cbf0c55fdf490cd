//! Steps that change a connection and leave its exporter value: key updates, another address, another connection id.

use ekmcheck_parties::wire::{Connection, WireError};
use ekmcheck_suite::{
    play::{Migrate, RotateId, Side, UpdateKeys},
    transcript::{Event, KeysUpdated, Migrated},
};

use super::{Actor, STEP, Stop};

impl Actor<'_> {
    pub(super) async fn update_keys(&mut self, update: &UpdateKeys) -> Result<(), Stop> {
        self.open(&update.on)?;
        let link = self.link(&update.on)?;
        if !link.transport.is_tls13() {
            return Err(Stop::NotTestable("TLS 1.2 has no key update".to_owned()));
        }
        if link.transport.is_quic() && update.times > 1 {
            let why = "QUIC confirms each key update before the next, so there is one between two requests";
            return Err(Stop::NotTestable(why.to_owned()));
        }
        let rekeyers = match update.by {
            Side::Server if self.subject.target().is_some() => {
                let why = "only the subject itself could begin a key update, and the harness has no hand in it";
                return Err(Stop::NotTestable(why.to_owned()));
            }
            Side::Client => link.connection.iter().map(Connection::rekeyer).collect(),
            Side::Server => link.party.server(link.transport).map(|s| s.rekeyers()).unwrap_or_default(),
        };
        for rekeyer in rekeyers {
            if link.transport.is_quic() {
                let updated = rekeyer.update(STEP).await;
                updated.map_err(|e| Stop::NotTestable(format!("the keys cannot be updated: {e}")))?;
            } else {
                rekeyer.request(update.times as usize);
            }
        }
        self.events.push(Event::KeysUpdated(KeysUpdated { on: update.on.clone(), by: update.by, times: update.times }));
        Ok(())
    }

    pub(super) async fn migrate(&mut self, migrate: &Migrate) -> Result<(), Stop> {
        let connection = self.open(&migrate.on)?;
        connection.rebind().await.map_err(|e| unmoved("to another address", &e))?;
        let port = connection.local_addr().port();
        self.events.push(Event::Migrated(Migrated { on: migrate.on.clone(), port }));
        Ok(())
    }

    pub(super) async fn rotate_id(&mut self, rotate: &RotateId) -> Result<(), Stop> {
        self.open(&rotate.on)?.rotate_id().await.map_err(|e| unmoved("to another connection id", &e))?;
        self.events.push(Event::IdRotated(rotate.on.clone()));
        Ok(())
    }

    fn open(&mut self, name: &str) -> Result<&mut Connection, Stop> {
        let closed = || Stop::Broken(format!("connection {name:?} is closed"));
        let link = self.link_mut(name)?;
        if link.connection.as_ref().is_some_and(|c| link.spent || !c.is_open()) {
            return Err(Stop::NotTestable(format!("the subject ended the connection that the step is about ({name})")));
        }
        link.connection.as_mut().ok_or_else(closed)
    }
}

/// A server need not follow (RFC 9000 section 9, `disable_active_migration`), and what is not QUIC cannot.
fn unmoved(to: &str, error: &WireError) -> Stop {
    match error {
        WireError::OnlyQuic(_) | WireError::Timeout(_) => Stop::NotTestable(format!("no move {to}: {error}")),
        other => Stop::Broken(format!("no move {to}: {other}")),
    }
}
