//! What all vectors have in common, fixed for ever.

use ekmcheck_binding::digest::sha256;
use ekmcheck_forge::{
    ForgeError,
    issuer::Issuer,
    keys::Signing,
    pki::Pki,
    recipe::{Exporters, PerRequest, Setting},
};
use ekmcheck_suite::vector::{RequestLine, Window};

/// The verifier's clock: 2027-01-15, within the validity of the frozen certificates.
pub(super) const NOW: i64 = 1_800_000_000;

/// The window of `iat`, that of the reference.
pub const WINDOW: Window = Window { iat_past: 300, iat_future: 60 };

/// What a request is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) method: &'static str,
    pub(super) authority: &'static str,
    pub(super) path: &'static str,
}

impl Place {
    pub(super) const USUAL: Self = Self { method: "GET", authority: "rs.ekmcheck.example", path: "/api/resource" };

    pub(super) fn request(self) -> RequestLine {
        let Self { method, authority, path } = self;
        RequestLine { method: method.to_owned(), authority: authority.to_owned(), path: path.to_owned() }
    }
}

pub(super) struct World {
    pki: Pki,
    issuer: Issuer,
    exporters: Exporters,
    other: Exporters,
}

impl World {
    pub(super) fn new() -> Result<Self, ForgeError> {
        Ok(Self {
            pki: Pki::frozen()?,
            issuer: Issuer::frozen()?,
            exporters: exporters("the connection"),
            other: exporters("another connection"),
        })
    }

    pub(super) fn setting(&self, client: &str, claims: PerRequest, place: Place) -> Result<Setting<'_>, ForgeError> {
        let client = self.pki.identity(client).ok_or_else(|| ForgeError::NoIdentity(client.to_owned()))?;
        Ok(Setting {
            now: NOW,
            pki: &self.pki,
            issuer: &self.issuer,
            client,
            bound_to: client,
            exporters: &self.exporters,
            other: Some(&self.other),
            canary: None,
            method: place.method,
            authority: place.authority,
            path: place.path,
            claims,
            signing: Signing::Frozen,
            unique: 0,
            play: 0,
        })
    }
}

/// No handshake stands behind these: each value is a hash of its name. All that counts is that they differ, and that
/// the longer one does not begin with the right one, as in TLS 1.3.
pub(super) fn exporters(connection: &str) -> Exporters {
    let value = |name: &'static str, length: usize| {
        let block = |n: usize| sha256(format!("ekmcheck exporter|{connection}|{name}|{n}").as_bytes());
        let octets: Vec<u8> = (0..length.div_ceil(32)).flat_map(block).take(length).collect();
        (name, octets)
    };
    Exporters::new(Exporters::CALLS.iter().map(|(name, (_, _, length))| value(name, *length)).collect())
}
