//! What faulty servers take for the identity of a connection: numbers and addresses that come again.

use std::collections::{BTreeMap, BTreeSet};

use ekmcheck_binding::{cache::ConnectionId, digest::Thumbprint, exporter::ExporterValue};
use ekmcheck_forge::recipe::Exporters;

use crate::{
    resource::exporters_of,
    wire::{Alpn, Established, Kind},
};

/// A connection as a faulty server remembers it.
pub(super) struct Live {
    pub(super) exporters: Exporters,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) port: u16,
    pub(super) alpn: Option<Alpn>,
    pub(super) early_data: bool,
    /// The lowest number that was free when it was opened, as of a file descriptor.
    descriptor: u64,
    /// The place that was given up last before it was opened, as an allocator gives it.
    address: u64,
    /// The number of the first connection of the TLS session.
    session: u64,
}

/// The connections of a faulty server, living and dead.
#[derive(Default)]
pub(super) struct Identities {
    live: BTreeMap<ConnectionId, Live>,
    /// Given-up addresses; the last is given first.
    given_up: Vec<u64>,
    addresses: u64,
    /// The last connection of each certificate.
    last: BTreeMap<[u8; 32], Last>,
    /// The exporter values of all connections ever, by certificate.
    past: BTreeSet<([u8; 32], Vec<u8>)>,
}

struct Last {
    session: u64,
    exporter: Option<ExporterValue>,
}

impl Identities {
    pub(super) fn opened(&mut self, id: ConnectionId, established: &Established, port: u16) {
        let exporters = exporters_of(established);
        let chain: Vec<Vec<u8>> = established.peer_certificates.iter().map(|c| c.to_vec()).collect();
        let taken: BTreeSet<u64> = self.live.values().map(|l| l.descriptor).collect();
        let descriptor = (0..).find(|n| !taken.contains(n)).unwrap_or_default();
        let address = self.given_up.pop().unwrap_or_else(|| {
            self.addresses += 1;
            self.addresses
        });
        let certificate = chain.first().map(|der| *Thumbprint::of_der(der).octets()).unwrap_or_default();
        let earlier = self.last.remove(&certificate).filter(|_| established.kind == Kind::Resumed);
        let own = <[u8; 32]>::try_from(exporters.right()).ok().map(ExporterValue::new);
        let last = earlier.unwrap_or(Last { session: id.0, exporter: own });
        let session = last.session;
        self.last.insert(certificate, last);
        self.past.insert((certificate, exporters.right().to_vec()));
        let (alpn, early_data) = (established.alpn, established.early_data);
        let live = Live { exporters, chain, port, alpn, early_data, descriptor, address, session };
        self.live.insert(id, live);
    }

    pub(super) fn closed(&mut self, id: ConnectionId) {
        if let Some(live) = self.live.remove(&id) {
            self.given_up.push(live.address);
        }
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Live> {
        self.live.get(&id)
    }

    pub(super) fn others(&self, id: Option<ConnectionId>) -> Vec<&Exporters> {
        self.live.iter().filter(|(other, _)| Some(**other) != id).map(|(_, l)| &l.exporters).collect()
    }

    /// Whether some connection of that certificate had that exporter value, however long ago.
    pub(super) fn ever_had(&self, certificate: &Thumbprint, exporter: &[u8]) -> bool {
        self.past.contains(&(*certificate.octets(), exporter.to_vec()))
    }

    /// The exporter value of the connection whose session was resumed.
    pub(super) fn exporter_of_session(&self, certificate: &Thumbprint) -> Option<ExporterValue> {
        self.last.get(certificate.octets()).and_then(|last| last.exporter.clone())
    }
}

impl Live {
    /// The number by which a faulty cache knows the connection.
    pub(super) fn number(&self, by: super::CachesBy, id: ConnectionId) -> u64 {
        use super::CachesBy::{Descriptor, Pointer, PortAndToken, Session, SmallNumber};
        match by {
            PortAndToken => u64::from(self.port),
            Descriptor => self.descriptor,
            Pointer => self.address,
            SmallNumber => id.0 % 4,
            Session => self.session,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;

    use super::*;
    use crate::wire::Version;

    fn opened(identities: &mut Identities, id: u64, resumed: bool) -> (u64, u64, u64) {
        let established = Established {
            version: Version::Tls13,
            alpn: None,
            suite: String::new(),
            kind: if resumed { Kind::Resumed } else { Kind::Full },
            exports: vec![(Exporters::RIGHT, vec![u8::try_from(id).unwrap_or(0); 32])],
            peer_certificates: vec![CertificateDer::from(vec![1])],
            early_data: false,
        };
        identities.opened(ConnectionId(id), &established, 1);
        let live = &identities.live[&ConnectionId(id)];
        (live.descriptor, live.address, live.session)
    }

    #[test]
    fn numbers_come_again() {
        let mut identities = Identities::default();
        assert_eq!(opened(&mut identities, 1, false), (0, 1, 1));
        assert_eq!(opened(&mut identities, 2, false), (1, 2, 2));
        identities.closed(ConnectionId(1));
        identities.closed(ConnectionId(2));
        assert_eq!(opened(&mut identities, 3, true), (0, 2, 2), "the lowest descriptor, the last address, the session");
        assert!(identities.ever_had(&Thumbprint::of_der(&[1]), &[1; 32]), "of a connection that is gone");
    }
}
