//! A small public key infrastructure: root, intermediate, one server, and clients that differ in one respect each.

mod issue;
mod odd;

use ekmcheck_binding::certificate::{Certificate, CertificateError};

use crate::keys::{ForgeKeyError, Key};
pub(crate) use issue::LOCAL;

/// What every frozen certificate that is not about time is valid for: 2026-01-01 to 2036-01-01, in Unix seconds.
pub const FROZEN_VALIDITY: (i64, i64) = (1_767_225_600, 2_082_758_400);

/// The names of the clients, in the order of [`Pki::identities`].
pub const CLIENTS: [&str; 19] = [
    "p256",
    "second",
    "renewed",
    "p384",
    "p521",
    "ed25519",
    "rsa2048",
    "spiffe",
    "expired",
    "not-yet-valid",
    "foreign",
    "without-client-auth",
    "self-signed",
    "short-lived",
    "rsa1024",
    "rsa8192",
    "rsa-pss",
    "x25519",
    "off-curve",
];

/// The SPIFFE ID of the `spiffe` client, its only name.
pub const SPIFFE_ID: &str = "spiffe://example.org/ns/agents/sa/ekmcheck";

/// Why no infrastructure came out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] ForgeKeyError),
    /// rcgen did not issue a certificate.
    #[error("cannot issue the certificate of {name}: {reason}")]
    Issue {
        /// Whose certificate.
        name: &'static str,
        /// What rcgen says.
        reason: String,
    },
    /// The issued certificate could not be read back.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Not a time that a certificate can carry, in Unix seconds.
    #[error("{0} s is no time for a certificate")]
    Time(i64),
}

/// An end entity: what it presents in a handshake, and the key it signs with.
#[derive(Debug, Clone)]
pub struct Identity {
    /// One of [`CLIENTS`], or `server`.
    pub name: &'static str,
    /// The end-entity certificate.
    pub certificate: Certificate,
    /// What goes over the wire, in DER: the certificate, then the intermediate's (not for `foreign`, whose root issued
    /// it directly, nor for `self-signed`). Never a root.
    pub chain: Vec<Vec<u8>>,
    /// The key that it signs with: the private half of the certificate's, but for `x25519` and `off-curve`, whose
    /// certificates have keys that nobody can sign with.
    pub key: Key,
}

/// A certificate authority; its key is P-256.
#[derive(Debug, Clone)]
pub struct Authority {
    /// `root`, `intermediate` or `foreign-root`.
    pub name: &'static str,
    /// Its certificate.
    pub certificate: Certificate,
    /// The private key.
    pub key: Key,
}

/// The whole infrastructure.
#[derive(Debug, Clone)]
pub struct Pki {
    root: Authority,
    intermediate: Authority,
    foreign_root: Authority,
    server: Identity,
    clients: Vec<Identity>,
}

impl Pki {
    /// A new one with random keys and serial numbers, valid from a day before `now` to seven days after it (Unix
    /// seconds). `expired` ended a day before `now` and `not-yet-valid` begins a day after; `short-lived` ends an hour
    /// after `now`. The RSA keys alone are not random: they are the public test keys in `frozen/`.
    ///
    /// # Errors
    /// [`PkiError`]; with a sensible `now`, only if the random generator fails.
    pub fn generate(now: i64) -> Result<Self, PkiError> {
        issue::pki(&issue::Plan::live(now))
    }

    /// As [`Self::generate`], for a server that the harness does not start: its certificate is for `names` (DNS names and
    /// addresses), and what is valid now is so for `days` days and no less,
    /// `short-lived` included, as such a server has a clock of its own. `not-yet-valid` begins a day after all else ended.
    ///
    /// # Errors
    /// [`PkiError`]; [`PkiError::Issue`] for what is neither a DNS name nor an address.
    pub fn for_server(now: i64, days: u16, names: &[String]) -> Result<Self, PkiError> {
        issue::pki(&issue::Plan::for_server(now, days, names))
    }

    /// From its parts; `clients` in the order of [`CLIENTS`].
    pub(crate) fn of(
        [root, intermediate, foreign_root]: [Authority; 3],
        server: Identity,
        clients: Vec<Identity>,
    ) -> Self {
        Self { root, intermediate, foreign_root, server, clients }
    }

    /// The same one at every run and on every machine, octet for octet: public keys, [`FROZEN_VALIDITY`], and signatures
    /// by [`Signing::Frozen`](crate::keys::Signing::Frozen). `expired` ended the day before that validity begins, and
    /// `not-yet-valid` begins the day after it ends.
    ///
    /// # Errors
    /// [`PkiError`]; not expected.
    pub fn frozen() -> Result<Self, PkiError> {
        issue::pki(&issue::Plan::frozen())
    }

    /// A server for `localhost`, `127.0.0.1` and `::1` with an infrastructure of its own, and the certificate of its root in
    /// DER. The odd one is as right as the other: three authorities deep with the root behind them, named by no subject,
    /// with forty names of four kinds, a serial number of 20 octets, and a P-384 key.
    ///
    /// # Errors
    /// [`PkiError`]; with a sensible `now`, only if the random generator fails.
    pub fn own_server(now: i64, odd: bool) -> Result<(Vec<u8>, Identity), PkiError> {
        issue::own_server(&issue::Plan::live(now), odd)
    }

    /// The client of that name, one of [`CLIENTS`]:
    ///
    /// | name | what it is |
    /// |---|---|
    /// | `p256` | the usual client |
    /// | `second` | another key and certificate of the same CA with the same subject name |
    /// | `renewed` | the key and subject name of `p256`, another certificate |
    /// | `p384`, `p521`, `ed25519`, `rsa2048` | other kinds of key |
    /// | `spiffe` | P-256, no subject name, one URI name: [`SPIFFE_ID`] |
    /// | `expired`, `not-yet-valid` | P-256, valid at another time |
    /// | `foreign` | P-256, issued by [`Self::foreign_root`], which servers do not trust |
    /// | `without-client-auth` | P-256, for the authentication of servers alone |
    /// | `self-signed` | P-256, issued by itself |
    /// | `short-lived` | P-256, valid for one hour |
    /// | `rsa1024`, `rsa8192` | RSA keys beyond what is usual |
    /// | `rsa-pss` | the key of `rsa2048`, restricted to RSASSA-PSS (RFC 4055) |
    /// | `x25519` | a key that is for key agreement alone; signs with a P-256 key |
    /// | `off-curve` | what would be a P-256 key, were the point on the curve; signs with another |
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<&Identity> {
        self.clients.iter().find(|c| c.name == name)
    }

    /// All clients, in the order of [`CLIENTS`].
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.clients
    }

    /// The server: P-256, for `localhost`, `127.0.0.1` and `::1` where nothing else was asked for.
    #[must_use]
    pub fn server(&self) -> &Identity {
        &self.server
    }

    /// The trust anchor of everybody but `foreign`.
    #[must_use]
    pub fn root(&self) -> &Authority {
        &self.root
    }

    /// The issuer of the server and of every client but `foreign`.
    #[must_use]
    pub fn intermediate(&self) -> &Authority {
        &self.intermediate
    }

    /// The issuer of `foreign`.
    #[must_use]
    pub fn foreign_root(&self) -> &Authority {
        &self.foreign_root
    }
}
/// The certificates of a PEM text, in DER and in its order; what is no certificate is passed over.
///
/// # Errors
/// What is wrong with the text.
pub fn certificates_in(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let blocks = pem::parse_many(text).map_err(|e| e.to_string())?;
    Ok(blocks.into_iter().filter(|b| b.tag() == "CERTIFICATE").map(pem::Pem::into_contents).collect())
}
