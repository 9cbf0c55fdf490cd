//! What the harness sends to whoever has a bundle, for people to read.

use ekmcheck_binding::base64url;
use serde_json::Value;

use super::{Bundle, BundleError, bad};
use crate::{
    ForgeError,
    keys::Signing,
    recipe::{self, Exporters, PerRequest, Setting},
};

/// A token and a proof of the client `p256`, each as header and claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Of the access token.
    pub token: [Value; 2],
    /// Of the proof, for a connection with an exporter value of nothing but zeros.
    pub proof: [Value; 2],
}

impl Bundle {
    /// What the harness sends, as of the time that the bundle was made.
    ///
    /// # Errors
    /// Not expected of a bundle that was made or read.
    pub fn example(&self) -> Result<Example, BundleError> {
        let exporters = Exporters::new(vec![(Exporters::RIGHT, vec![0; 32])]);
        let setting = self.setting("p256", self.about.made, 1, &exporters)?;
        let token = recipe::make_token(&setting, None)?;
        let proof = recipe::make_proof(&setting, &token, None)?;
        Ok(Example { token: parts(&token)?, proof: parts(&proof)? })
    }

    /// An access token for a client of the bundle, issued at `now` (Unix seconds) and valid for an hour. `unique` goes into
    /// its identifier.
    ///
    /// # Errors
    /// [`ForgeError::NoIdentity`] for a client that there is not.
    pub fn token(&self, client: &str, now: i64, unique: u64) -> Result<String, BundleError> {
        let nothing = Exporters::new(Vec::new());
        Ok(recipe::make_token(&self.setting(client, now, unique, &nothing)?, None)?)
    }

    fn setting<'a>(
        &'a self,
        client: &str,
        now: i64,
        unique: u64,
        exporters: &'a Exporters,
    ) -> Result<Setting<'a>, BundleError> {
        let client = self.pki.identity(client).ok_or_else(|| ForgeError::NoIdentity(client.to_owned()))?;
        Ok(Setting {
            now,
            pki: &self.pki,
            issuer: &self.issuer,
            client,
            bound_to: client,
            exporters,
            other: None,
            canary: None,
            method: "GET",
            authority: "",
            path: "/api/resource",
            claims: PerRequest::default(),
            signing: Signing::Live,
            unique,
            play: 0,
        })
    }
}

fn parts(jws: &str) -> Result<[Value; 2], BundleError> {
    let mut parts = jws.split('.').map(|part| {
        let octets = base64url::decode(part).map_err(|e| bad("example", e))?;
        serde_json::from_slice(&octets).map_err(|e| bad("example", e))
    });
    let mut next = || parts.next().unwrap_or_else(|| Err(bad("example", "too short")));
    Ok([next()?, next()?])
}
