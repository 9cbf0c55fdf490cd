//! A resource server's decision on a request (section 3.3.2, step 5): the walk over [`Steps`].

use std::{
    array,
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    cache::{ConnectionId, Entry, Scope, VerificationCache},
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
    /// Its claims, or the introspection response; `cnf` is read from here. Shared, so that whoever remembers valid tokens
    /// need not copy them at each request.
    pub claims: Arc<Object>,
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
    /// By the number of the connection, so that connections seldom wait for each other.
    caches: [Mutex<VerificationCache>; SHARDS],
    jti: Mutex<JtiStore>,
}

const SHARDS: usize = 16;

impl<S: Steps> Guard<S> {
    /// A guard with nothing cached.
    #[must_use]
    pub fn new(steps: S, policy: Policy) -> Self {
        Self { steps, policy, caches: array::from_fn(|_| Mutex::default()), jti: Mutex::new(JtiStore::new(policy.jti)) }
    }

    /// Tells that a connection is open. Nothing is cached for a connection that was not announced.
    pub fn opened(&self, connection: &Connection) {
        let scope = self.steps.scope(connection);
        self.cache(&scope).open(scope);
    }

    /// Tells that a connection has ended.
    pub fn closed(&self, connection: &Connection) {
        if self.steps.purges() {
            let scope = self.steps.scope(connection);
            let ended = self.cache(&scope).close(&scope);
            // The lock is free by now.
            drop(ended);
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
        let known = self.known(connection, request);
        let token = match &known {
            Some(entry) => entry.token(),
            None => steps.access_token(request.authorization)?,
        };
        let valid = tokens.validate(token, now)?;
        let confirmation = steps.confirmation(&valid.claims)?;
        if let Confirmation::Certificate(thumbprint) | Confirmation::Session(thumbprint) = &confirmation
            && !self.certificate_omitted(connection, request, token)
        {
            steps.certificate(thumbprint, connection)?;
        }
        let field = match &known {
            Some(entry) => Some(entry.proof()),
            None => steps.proof_field(request.proofs)?,
        };
        let Some(proof) = field else {
            return match confirmation {
                Confirmation::Session(_) if !self.may_lack_proof(connection, token) => {
                    Err(Refusal::new(Check::Presence, ""))
                }
                _ => Ok(Accepted { confirmation, moment: None }),
            };
        };
        // A proof that comes with a token which asks for none is held to the same checks: a client that thinks itself
        // bound must not be told so by a server that did not look.
        let found = if known.is_some() { None } else { self.cached(connection, token, proof) };
        let (claims, hash, moment) = match known.as_ref().or(found.as_ref()) {
            // The token is hashed only where something asks for its hash.
            Some(entry) => (entry.claims(), None, Moment::Hit),
            None => {
                let hash = TokenHash::of(token);
                (Cow::Owned(self.verify(connection, token, &hash, proof)?), Some(hash), Moment::Cold)
            }
        };
        let hash = || hash.unwrap_or_else(|| TokenHash::of(token));
        self.per_request(&claims, connection, request, &hash, valid.expires, moment, now)?;
        if moment == Moment::Cold && steps.caches() {
            let scope = steps.scope(connection);
            self.cache(&scope).insert(&scope, &steps.entry(token, proof), claims.into_owned());
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
            || steps.omits(Check::Presence, Moment::Hit) && self.cached(connection, token, "").is_some()
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
                    .is_some_and(|proof| self.cached(connection, token, proof).is_some())
    }

    fn cache(&self, scope: &Scope) -> MutexGuard<'_, VerificationCache> {
        lock(&self.caches[(scope.connection.0 % SHARDS as u64) as usize])
    }

    /// The entry for the very octets of both fields. Where there is one, the same octets were read before, by the same
    /// rules, as the same token and the same proof, so that their spelling need not be looked at again.
    fn known(&self, connection: &Connection, request: &Request<'_>) -> Option<Arc<Entry>> {
        let ([authorization], [proof]) = (request.authorization, request.proofs) else { return None };
        // Another spelling of the scheme goes the long way. So does what is empty, which is never read as a token or a proof:
        // an entry that has it stands for something else, on a server that has keys of its own for its entries.
        let token = authorization.strip_prefix(b"Bearer ").filter(|_| self.steps.caches())?;
        if token.is_empty() || proof.is_empty() {
            return None;
        }
        let scope = self.steps.scope(connection);
        self.cache(&scope).find(&scope, token, proof)
    }

    fn cached(&self, connection: &Connection, token: &str, proof: &str) -> Option<Arc<Entry>> {
        if !self.steps.caches() {
            return None;
        }
        let (scope, key) = (self.steps.scope(connection), self.steps.entry(token, proof));
        self.cache(&scope).find(&scope, key.token.as_bytes(), key.proof.as_bytes())
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
        hash: &dyn Fn() -> TokenHash,
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
            let scope = steps.jti_scope(&hash(), connection);
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
