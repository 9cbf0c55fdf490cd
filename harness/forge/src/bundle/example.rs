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
        const CLIENT: &str = "p256";
        let client = self.pki.identity(CLIENT).ok_or_else(|| ForgeError::NoIdentity(CLIENT.to_owned()))?;
        let setting = Setting {
            now: self.about.made,
            pki: &self.pki,
            issuer: &self.issuer,
            client,
            bound_to: client,
            exporters: &Exporters::new(vec![(Exporters::RIGHT, vec![0; 32])]),
            other: None,
            canary: None,
            method: "GET",
            authority: "",
            path: "/api/resource",
            claims: PerRequest::default(),
            signing: Signing::Live,
            unique: 1,
            play: 0,
        };
        let token = recipe::make_token(&setting, None)?;
        let proof = recipe::make_proof(&setting, &token, None)?;
        Ok(Example { token: parts(&token)?, proof: parts(&proof)? })
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
