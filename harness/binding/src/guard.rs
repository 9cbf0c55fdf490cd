//! A resource server's decision on a request (section 3.3.2, step 5): the walk over [`Steps`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    cache::{ConnectionId, VerificationCache},
    certificate::Certificate,
    confirmation::Confirmation,
    digest::TokenHash,
    exporter::ExporterValue,
    json::Object,
    jti::{JtiLimits, JtiRefusal, JtiStore},
    proof::RequestClaims,
    refusal::{Check, Refusal, WireAnswer},
    steps::{ByTheDraft, Moment, Steps},
    target::Target,
};

/// The longest `jti` that is looked at, in octets.
pub const MAX_JTI: usize = 1024;

/// What the draft leaves to the deployment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How old `iat` may be, in seconds.
    pub iat_past: f64,
    /// How far ahead `iat` may be, in seconds.
    pub iat_future: f64,
    /// Bounds of the `jti` store.
    pub jti: JtiLimits,
}

impl Default for Policy {
    fn default() -> Self {
        Self { iat_past: 300.0, iat_future: 60.0, jti: JtiLimits::default() }
    }
}

/// A connection as its server end knows it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The server's own number for it.
    pub id: ConnectionId,
    /// The client certificate of the handshake.
    pub certificate: Certificate,
    /// The exporter value.
    pub exporter: ExporterValue,
}

/// What of a request counts.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The target.
    pub target: Target<'a>,
    /// The values of all `Authorization` fields, in order.
    pub authorization: &'a [&'a [u8]],
    /// The values of all `Session-Binding-Proof` fields, in order.
    pub proofs: &'a [&'a [u8]],
}

/// A valid access token.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidToken {
    /// Its claims, or the introspection response; `cnf` is read from here.
    pub claims: Object,
    /// The end of its validity in Unix seconds.
    pub expires: i64,
}

/// Step b: whoever knows whether an access token is valid.
pub trait AccessTokens: Send + Sync {
    /// Validates signature, expiry, audience and so on at the time `now` (Unix seconds).
    ///
    /// # Errors
    /// [`Check::Token`].
    fn validate(&self, token: &str, now: f64) -> Result<ValidToken, Refusal>;
}

/// Why a request was let through.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// What the token asked for.
    pub confirmation: Confirmation,
    /// Whether the proof was known from the cache. `None` if there was none to verify.
    pub moment: Option<Moment>,
}

/// Decides on requests. One for a whole server; its connections share it.
pub struct Guard<S: Steps = ByTheDraft> {
    steps: S,
    policy: Policy,
    cache: Mutex<VerificationCache>,
    jti: Mutex<JtiStore>,
}

impl<S: Steps> Guard<S> {
    /// A guard with nothing cached.
    #[must_use]
    pub fn new(steps: S, policy: Policy) -> Self {
        Self { steps, policy, cache: Mutex::default(), jti: Mutex::new(JtiStore::new(policy.jti)) }
    }

    /// Tells that a connection is open. Nothing is cached for a connection that was not announced.
    pub fn opened(&self, connection: &Connection) {
        lock(&self.cache).open(self.steps.scope(connection));
    }

    /// Tells that a connection has ended.
    pub fn closed(&self, connection: &Connection) {
        if self.steps.purges() {
            lock(&self.cache).close(&self.steps.scope(connection));
        }
    }

    /// Decides on one request at the time `now` (Unix seconds).
    ///
    /// The order is that of [`Check::ALL`]. Token validity, proof presence and the per-request claims are looked at
    /// every time, cached or not; a `jti` is used up only when all else is right.
    ///
    /// # Errors
    /// The refusal, which names the check.
    pub fn decide(
        &self,
        connection: &Connection,
        request: &Request<'_>,
        tokens: &dyn AccessTokens,
        now: f64,
    ) -> Result<Accepted, Refusal> {
        let steps = &self.steps;
        let token = steps.access_token(request.authorization)?;
        let valid = tokens.validate(token, now)?;
        let confirmation = steps.confirmation(&valid.claims)?;
        if let Confirmation::Certificate(thumbprint) | Confirmation::Session(thumbprint) = &confirmation
            && !self.certificate_omitted(connection, request, token)
        {
            steps.certificate(thumbprint, connection)?;
        }
        let Some(proof) = steps.proof_field(request.proofs)? else {
            return match confirmation {
                Confirmation::Session(_) if !self.may_lack_proof(connection, token) => {
                    Err(Refusal::new(Check::Presence, ""))
                }
                _ => Ok(Accepted { confirmation, moment: None }),
            };
        };
        // A proof that comes with a token which asks for none is held to the same checks: a client that thinks itself
        // bound must not be told so by a server that did not look.
        let ath = TokenHash::of(token);
        let (claims, moment) = match self.cached(connection, &ath, proof) {
            Some(claims) => (claims, Moment::Hit),
            None => (self.verify(connection, token, &ath, proof)?, Moment::Cold),
        };
        self.per_request(&claims, connection, request, &ath, valid.expires, moment, now)?;
        if moment == Moment::Cold && steps.caches() {
            lock(&self.cache).insert(&steps.scope(connection), steps.entry(&ath, proof), claims);
        }
        Ok(Accepted { confirmation, moment: Some(moment) })
    }

    /// The answer to a refusal.
    #[must_use]
    pub fn answer(&self, refusal: &Refusal) -> WireAnswer {
        self.steps.answer(refusal)
    }

    /// The steps in use.
    #[must_use]
    pub fn steps(&self) -> &S {
        &self.steps
    }

    /// Only a faulty server lets a proof be left away, always or after the first time.
    fn may_lack_proof(&self, connection: &Connection, token: &str) -> bool {
        let steps = &self.steps;
        steps.omits(Check::Presence, Moment::Cold)
            || steps.omits(Check::Presence, Moment::Hit) && self.cached(connection, &TokenHash::of(token), "").is_some()
    }

    /// Only a faulty server does not compare the certificate, never or on a hit.
    fn certificate_omitted(&self, connection: &Connection, request: &Request<'_>, token: &str) -> bool {
        let steps = &self.steps;
        steps.omits(Check::Certificate, Moment::Cold)
            || steps.omits(Check::Certificate, Moment::Hit)
                && steps
                    .proof_field(request.proofs)
                    .ok()
                    .flatten()
                    .is_some_and(|proof| self.cached(connection, &TokenHash::of(token), proof).is_some())
    }

    fn cached(&self, connection: &Connection, ath: &TokenHash, proof: &str) -> Option<RequestClaims> {
        if !self.steps.caches() {
            return None;
        }
        let (scope, entry) = (self.steps.scope(connection), self.steps.entry(ath, proof));
        lock(&self.cache).find(&scope, &entry).cloned()
    }

    /// Steps d to g in full, and the types of the rest.
    fn verify(
        &self,
        connection: &Connection,
        token: &str,
        ath: &TokenHash,
        proof: &str,
    ) -> Result<RequestClaims, Refusal> {
        let steps = &self.steps;
        let certificate = &connection.certificate;
        let makes = |check| !steps.omits(check, Moment::Cold);
        let proof = steps.parse(proof)?;
        if makes(Check::Crit) {
            steps.crit(&proof)?;
        }
        if makes(Check::Typ) {
            steps.typ(&proof)?;
        }
        if makes(Check::Alg) {
            steps.alg(&proof, connection, token)?;
        }
        if makes(Check::X5t) {
            steps.x5t(&proof, certificate)?;
        }
        if makes(Check::Signature) {
            steps.signature(&proof, connection, token)?;
        }
        if makes(Check::Ekm) {
            steps.ekm(&proof, connection)?;
        }
        if makes(Check::Ath) {
            steps.ath(&proof, token, ath)?;
        }
        steps.request_claims(&proof)
    }

    /// Steps h and i.
    #[expect(clippy::too_many_arguments, reason = "one request's facts, passed on once")]
    fn per_request(
        &self,
        claims: &RequestClaims,
        connection: &Connection,
        request: &Request<'_>,
        ath: &TokenHash,
        token_expires: i64,
        moment: Moment,
        now: f64,
    ) -> Result<(), Refusal> {
        let steps = &self.steps;
        let makes = |check| !steps.omits(check, moment);
        if makes(Check::Iat) {
            steps.iat(claims.iat, &self.policy, now)?;
        }
        if let Some(htm) = claims.htm.as_deref().filter(|_| makes(Check::Htm)) {
            steps.htm(htm, request)?;
        }
        if let Some(htu) = claims.htu.as_deref().filter(|_| makes(Check::Htu)) {
            steps.htu(htu, request)?;
        }
        if let Some(jti) = claims.jti.as_deref().filter(|_| makes(Check::Jti)) {
            if jti.is_empty() || jti.len() > MAX_JTI {
                return Err(Refusal::new(Check::Jti, "empty or too long"));
            }
            let scope = steps.jti_scope(ath, connection);
            let expires = steps.jti_expires(token_expires, &self.policy, now);
            lock(&self.jti).use_once(scope, jti, expires, now).map_err(|refusal| match refusal {
                JtiRefusal::Seen => Refusal::new(Check::Jti, ""),
                JtiRefusal::Full => Refusal::new(Check::Jti, "no room to remember it"),
            })?;
        }
        Ok(())
    }
}

/// A panic elsewhere must not turn every later request into one: both stores are valid between any two operations.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
