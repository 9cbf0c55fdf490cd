//! The steps of a faulty server: the draft's, with the fault's deviations put in.

mod behaviour;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{
    base64url,
    cache::{ConnectionId, EntryKey, Scope},
    certificate::Certificate,
    confirmation::Confirmation,
    digest::{Thumbprint, TokenHash},
    guard::{Connection, Policy, Request},
    json::{Object, Value},
    proof::{Proof, RequestClaims},
    refusal::{Check, Refusal, WireAnswer},
    steps::{ByTheDraft, Moment, Steps},
};

use super::{Bend, CachesBy, Full, JtiBy, Sight, identity::Identities, race::Race};
use crate::{resource::Arrival, tokens::TokenFault, wire::Habit};

/// The steps of a faulty server, or of a harmless variation.
pub struct Bent {
    bends: Vec<Bend>,
    live: Mutex<Identities>,
    race: Race,
    memory: Mutex<Memory>,
}

/// What some faults remember.
#[derive(Default)]
struct Memory {
    /// The thumbprint of the certificate that a field of the request named, by connection.
    believed: BTreeMap<ConnectionId, Thumbprint>,
    /// The connection that came first with a name, by that name.
    named: BTreeMap<String, Connection>,
    /// Identifiers, proofs, or what else may come once only.
    seen: BTreeSet<String>,
    /// What came first, by what it came for.
    first: BTreeMap<String, String>,
    /// Something was refused before.
    refused: bool,
    /// The proof at hand was seen before.
    trusts: bool,
    /// Proofs by connection, as they came.
    order: Vec<(ConnectionId, String)>,
    /// How many requests came, by connection.
    requests: BTreeMap<ConnectionId, usize>,
    /// How many came in all.
    all: usize,
    /// When something was refused, by the server's clock.
    refusals: Vec<i64>,
}

/// What a server has seen so far, the request at hand included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoFar {
    /// How many requests came on the connection.
    pub(crate) on_connection: usize,
    /// How many came on all.
    pub(crate) on_all: usize,
    /// How many requests were refused within the last five seconds.
    pub(crate) refused_lately: usize,
}

/// How a server is set up, beside the steps that it takes.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What it gets wrong about tokens.
    pub token_fault: Option<TokenFault>,
    /// What it does in handshakes.
    pub habit: Habit,
    /// Where it listens.
    pub ip: IpAddr,
    /// What clients call it.
    pub name: &'static str,
    /// Whether its certificate comes from an infrastructure of its own, and whether it is an odd one.
    pub own_certificate: Option<bool>,
    /// How many seconds its clock is ahead.
    pub clock_ahead: i64,
}

impl Default for Setup {
    fn default() -> Self {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { token_fault: None, habit: Habit::Right, ip, name: "localhost", own_certificate: None, clock_ahead: 0 }
    }
}

impl Bent {
    fn of(bends: &[Bend]) -> Self {
        Self { bends: bends.to_vec(), live: Mutex::default(), race: Race::default(), memory: Mutex::default() }
    }

    fn live(&self) -> MutexGuard<'_, Identities> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The steps of a fault.
    #[must_use]
    pub fn fault(fault: &super::Fault) -> Self {
        Self::of(fault.bends)
    }

    /// The steps of a server with both faults. Where they contradict each other the first counts.
    #[must_use]
    pub fn both(one: &super::Fault, other: &super::Fault) -> Self {
        Self::of(&[one.bends, other.bends].concat())
    }

    /// The steps of a variation.
    #[must_use]
    pub fn variation(variation: &super::Variation) -> Self {
        Self::of(variation.bends)
    }

    /// How it is set up.
    #[must_use]
    pub fn setup(&self) -> Setup {
        // Where two bends contradict each other the first counts.
        let mut setup = Setup::default();
        for bend in self.bends.iter().rev() {
            match bend {
                Bend::Token(fault) => setup.token_fault = Some(*fault),
                Bend::Handshakes(habit) => setup.habit = *habit,
                Bend::Listens(ip, name) => (setup.ip, setup.name) = (*ip, name),
                Bend::OwnCertificate(odd) => setup.own_certificate = Some(*odd),
                Bend::ClockAhead(seconds) => setup.clock_ahead = *seconds,
                _ => {}
            }
        }
        setup
    }

    /// The step as the draft has it, then the deviations of that check.
    fn bend(&self, check: Check, right: Result<(), Refusal>, sight: Sight<'_>) -> Result<(), Refusal> {
        let live = self.live();
        let id = sight.connection.map(|c| c.id);
        let own = id.and_then(|id| live.get(id));
        let sight = Sight {
            exporters: own.map(|l| &l.exporters),
            others: live.others(id),
            chain: own.map_or(&[], |l| &l.chain),
            alpn: own.and_then(|l| l.alpn),
            early_data: own.is_some_and(|l| l.early_data),
            ..sight
        };
        let mut result = if self.memory().trusts { Ok(()) } else { right };
        for bend in &self.bends {
            match bend {
                Bend::Also(checks, holds) if checks.contains(&check) && result.is_err() && holds(&sight) => {
                    result = Ok(());
                }
                Bend::Not(other, holds) if *other == check && result.is_ok() && holds(&sight) => {
                    result = Err(Refusal::new(check, ""));
                }
                _ => {}
            }
        }
        result
    }

    /// Counts a request.
    fn arrived(&self, arrival: Arrival) -> SoFar {
        let mut memory = self.memory();
        memory.all += 1;
        *memory.requests.entry(arrival.connection).or_default() += 1;
        drop(memory);
        self.so_far(arrival, false)
    }

    /// What it has seen so far; `refused` if the request at hand is.
    fn so_far(&self, arrival: Arrival, refused: bool) -> SoFar {
        let mut memory = self.memory();
        if refused {
            memory.refusals.push(arrival.now);
        }
        SoFar {
            on_connection: memory.requests.get(&arrival.connection).copied().unwrap_or_default(),
            on_all: memory.all,
            refused_lately: memory.refusals.iter().rev().take_while(|at| **at > arrival.now - 5).count(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `what` is the first that came for `key`.
    fn is_first(&self, key: String, what: &str) -> bool {
        self.memory().first.entry(key).or_insert_with(|| what.to_owned()) == what
    }

    fn has(&self, wanted: impl Fn(&Bend) -> bool) -> bool {
        self.bends.iter().any(wanted)
    }

    fn caches_by(&self) -> Option<CachesBy> {
        self.bends.iter().find_map(|b| match b {
            Bend::CachesBy(by) => Some(*by),
            _ => None,
        })
    }

    fn jti_by(&self) -> Option<JtiBy> {
        self.bends.iter().find_map(|b| match b {
            Bend::Jti(by) => Some(*by),
            _ => None,
        })
    }
}

const NOTHING: Sight<'static> = Sight {
    proof: None,
    connection: None,
    token: "",
    text: "",
    request: None,
    wanted: None,
    exporters: None,
    others: Vec::new(),
    chain: &[],
    alpn: None,
    early_data: false,
};

impl Steps for Bent {
    fn omits(&self, check: Check, moment: Moment) -> bool {
        self.has(|b| matches!(b, Bend::Omits(c, m) if *c == check && m.is_none_or(|m| m == moment)))
    }

    fn access_token<'a>(&self, fields: &[&'a [u8]]) -> Result<&'a str, Refusal> {
        if self.has(|b| matches!(b, Bend::CaseSensitiveScheme)) && !fields.iter().all(|f| f.starts_with(b"Bearer ")) {
            return Err(Refusal::new(Check::Credentials, ""));
        }
        ByTheDraft.access_token(fields)
    }

    fn confirmation(&self, claims: &Object) -> Result<Confirmation, Refusal> {
        let read = |b: &Bend| if let Bend::Confirms(read) = b { read(claims) } else { None };
        let read =
            ByTheDraft.confirmation(claims).or_else(|refusal| self.bends.iter().find_map(read).ok_or(refusal))?;
        match read {
            Confirmation::Session(_) => Ok(read),
            _ if self.has(|b| matches!(b, Bend::RefusesUnbound)) => Err(Refusal::new(Check::Token, "")),
            _ => Ok(read),
        }
    }

    fn certificate(&self, wanted: &Thumbprint, connection: &Connection) -> Result<(), Refusal> {
        let believed = self.memory().believed.remove(&connection.id);
        if believed == Some(*wanted) {
            return Ok(());
        }
        let sight = Sight { wanted: Some(wanted), connection: Some(connection), ..NOTHING };
        self.bend(Check::Certificate, ByTheDraft.certificate(wanted, connection), sight)
    }

    fn proof_field<'a>(&self, fields: &[&'a [u8]]) -> Result<Option<&'a str>, Refusal> {
        let find = |b: &Bend| if let Bend::Finds(find) = b { find(fields) } else { None };
        match self.bends.iter().find_map(find) {
            Some(found) => ByTheDraft.proof_field(&[found]),
            None => ByTheDraft.proof_field(fields),
        }
    }

    fn parse(&self, text: &str) -> Result<Proof, Refusal> {
        if self.has(|b| matches!(b, Bend::OneProofOnce)) && !self.memory().seen.insert(text.to_owned()) {
            return Err(Refusal::new(Check::Jti, "seen before"));
        }
        if self.has(|b| matches!(b, Bend::TrustsSeenProofs)) {
            let mut memory = self.memory();
            memory.trusts = !memory.seen.insert(text.to_owned());
        }
        let read = |b: &Bend| if let Bend::Reads(read) = b { read(text) } else { None };
        ByTheDraft.parse(text).or_else(|refusal| self.bends.iter().find_map(read).ok_or(refusal))
    }

    fn crit(&self, proof: &Proof) -> Result<(), Refusal> {
        if self.has(|b| matches!(b, Bend::BurnsJti))
            && let Some(Value::String(jti)) = proof.claims.member("jti")
            && !self.memory().seen.insert(jti.clone())
        {
            return Err(Refusal::new(Check::Jti, ""));
        }
        if self.has(|b| matches!(b, Bend::RemembersRefusals)) && self.memory().refused {
            return Err(Refusal::new(Check::Signature, ""));
        }
        self.bend(Check::Crit, ByTheDraft.crit(proof), Sight { proof: Some(proof), ..NOTHING })
    }

    fn typ(&self, proof: &Proof) -> Result<(), Refusal> {
        self.bend(Check::Typ, ByTheDraft.typ(proof), Sight { proof: Some(proof), ..NOTHING })
    }

    fn alg(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        let sight = Sight { proof: Some(proof), connection: Some(connection), token, ..NOTHING };
        self.bend(Check::Alg, ByTheDraft.alg(proof, connection, token), sight)
    }

    fn x5t(&self, proof: &Proof, certificate: &Certificate) -> Result<(), Refusal> {
        self.bend(Check::X5t, ByTheDraft.x5t(proof, certificate), Sight { proof: Some(proof), ..NOTHING })
    }

    fn signature(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        let number = connection.id.0;
        if self.has(|b| matches!(b, Bend::OneToken)) && !self.is_first(number.to_string(), token)
            || self.has(|b| matches!(b, Bend::OneProof))
                && !self.is_first(format!("{number} {token}"), &base64url::encode(&proof.signature))
        {
            return Err(Refusal::new(Check::Signature, ""));
        }
        self.make_room(proof, connection)?;
        let sight = Sight { proof: Some(proof), connection: Some(connection), token, ..NOTHING };
        self.bend(Check::Signature, ByTheDraft.signature(proof, connection, token), sight)
    }

    fn ekm(&self, proof: &Proof, connection: &Connection) -> Result<(), Refusal> {
        let mut result = ByTheDraft.ekm(proof, connection);
        if result.is_err()
            && self.has(|b| matches!(b, Bend::ExporterOfCertificate))
            && let Ok(octets) = proof.claim_text("ekm", Check::Ekm).map(base64url::decode_32)
            && octets.is_ok_and(|octets| self.live().ever_had(&connection.certificate.thumbprint(), &octets))
        {
            result = Ok(());
        }
        let sight = Sight { proof: Some(proof), connection: Some(connection), ..NOTHING };
        self.bend(Check::Ekm, result, sight)
    }

    fn ath(&self, proof: &Proof, token: &str, hash: &TokenHash) -> Result<(), Refusal> {
        let sight = Sight { proof: Some(proof), token, ..NOTHING };
        self.bend(Check::Ath, ByTheDraft.ath(proof, token, hash), sight)
    }

    fn request_claims(&self, proof: &Proof) -> Result<RequestClaims, Refusal> {
        let mut read = proof.clone();
        let members = read.claims.members().iter().filter(|(name, value)| {
            let right = matches!(value, Value::String(text) if !text.is_empty());
            right || !self.has(|b| matches!(b, Bend::Absent(absent) if absent == name))
        });
        read.claims = Object::from_members(members.cloned().collect());
        if self.has(|b| matches!(b, Bend::Absent("iat"))) && proof.claims.member("iat").is_none() {
            return Ok(RequestClaims { iat: f64::NAN, jti: None, htm: None, htu: None });
        }
        let mut claims = read.request_claims()?;
        claims.jti = match self.jti_by() {
            Some(JtiBy::ProofBytes) => claims.jti.map(|_| base64url::encode(&proof.signature)),
            Some(JtiBy::Folded) => claims.jti.map(|jti| jti.trim().to_lowercase().replace("e\u{301}", "\u{e9}")),
            _ => claims.jti,
        };
        Ok(claims)
    }

    fn iat(&self, iat: f64, policy: &Policy, now: f64) -> Result<(), Refusal> {
        let window = self.bends.iter().find_map(|b| match b {
            Bend::Window(past, ahead) => Some(Policy { iat_past: *past, iat_future: *ahead, ..*policy }),
            _ => None,
        });
        ByTheDraft.iat(iat, window.as_ref().unwrap_or(policy), now)
    }

    fn htm(&self, htm: &str, request: &Request<'_>) -> Result<(), Refusal> {
        let sight = Sight { text: htm, request: Some(request), ..NOTHING };
        self.bend(Check::Htm, ByTheDraft.htm(htm, request), sight)
    }

    fn htu(&self, htu: &str, request: &Request<'_>) -> Result<(), Refusal> {
        let sight = Sight { text: htu, request: Some(request), ..NOTHING };
        self.bend(Check::Htu, ByTheDraft.htu(htu, request), sight)
    }

    fn jti_scope(&self, ath: &TokenHash, connection: &Connection) -> TokenHash {
        match self.jti_by() {
            Some(JtiBy::Everybody) => TokenHash::from_octets([0; 32]),
            Some(JtiBy::Client) => TokenHash::from_octets(*connection.certificate.thumbprint().octets()),
            Some(JtiBy::Connection) => TokenHash::of(&format!("{} {ath}", connection.id.0)),
            // Two that look at the same time both find nothing.
            Some(JtiBy::Race) => match self.race.run() {
                Some(number) => TokenHash::from_octets([number; 32]),
                None => ByTheDraft.jti_scope(ath, connection),
            },
            _ => ByTheDraft.jti_scope(ath, connection),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
    fn jti_expires(&self, token_expires: i64, policy: &Policy, _: f64) -> i64 {
        match self.jti_by() {
            // The harness's tokens live for an hour; a time that moved with each use would be a prolongation.
            Some(JtiBy::Window) => token_expires - 3600 + policy.iat_past as i64,
            _ => token_expires,
        }
    }

    fn caches(&self) -> bool {
        !self.has(|b| matches!(b, Bend::CachesNothing | Bend::OneProofOnce))
    }

    fn scope(&self, connection: &Connection) -> Scope {
        let right = ByTheDraft.scope(connection);
        let certificate = || *connection.certificate.thumbprint().octets();
        let everywhere = Scope { connection: ConnectionId(0), exporter: [0; 32] };
        match self.caches_by() {
            Some(CachesBy::Token | CachesBy::Proof) => everywhere,
            Some(CachesBy::CertificateAndToken | CachesBy::CertificateAndProof) => {
                Scope { exporter: certificate(), ..everywhere }
            }
            Some(
                by @ (CachesBy::PortAndToken
                | CachesBy::Descriptor
                | CachesBy::Pointer
                | CachesBy::SmallNumber
                | CachesBy::Session),
            ) => {
                let number = self.live().get(connection.id).map_or(0, |l| l.number(by, connection.id));
                Scope { connection: ConnectionId(number), ..everywhere }
            }
            Some(CachesBy::Connection | CachesBy::ConnectionAndToken | CachesBy::ConnectionAndTokenIfStatic) | None => {
                right
            }
        }
    }

    fn entry<'a>(&self, token: &'a str, proof: &'a str) -> EntryKey<'a> {
        let mut right = ByTheDraft.entry(token, proof);
        for bend in &self.bends {
            if let Bend::TruncatesKeys(length) = bend {
                let digest = *TokenHash::of(token).octets();
                right.token = base64url::encode(digest.get(..*length).unwrap_or(&digest)).into();
            }
        }
        match self.caches_by() {
            None => right,
            // A proof with per-request claims is for one request, so that a literal reader has nothing to look up.
            Some(CachesBy::ConnectionAndTokenIfStatic) if has_request_claims(proof) => right,
            Some(CachesBy::Connection) => EntryKey::new("", ""),
            Some(CachesBy::CertificateAndProof | CachesBy::Proof) => EntryKey { token: "".into(), ..right },
            Some(_) => EntryKey { proof: "".into(), ..right },
        }
    }

    fn purges(&self) -> bool {
        !self.has(|b| matches!(b, Bend::KeepsEntries))
    }

    fn answer(&self, refusal: &Refusal) -> WireAnswer {
        self.bends.iter().fold(ByTheDraft.answer(refusal), |answer, bend| match bend {
            Bend::Answers(change) => change(refusal.check(), answer),
            _ => answer,
        })
    }
}

impl Bent {
    /// A cache that is full, and what such servers then refuse.
    fn make_room(&self, proof: &Proof, connection: &Connection) -> Result<(), Refusal> {
        let limit = self.bends.iter().find_map(|b| if let Bend::Full(full) = b { Some(*full) } else { None });
        let Some(full) = limit else { return Ok(()) };
        let this = (connection.id, base64url::encode(&proof.signature));
        let mut memory = self.memory();
        let of_connection = memory.order.iter().filter(|(id, _)| *id == connection.id).count();
        let refuses = match full {
            Full::OfConnection(limit) => of_connection >= limit && !memory.order.contains(&this),
            Full::OfAll(limit) => memory.order.len() >= limit && !memory.order.contains(&this),
            Full::Evicted(limit) => memory.order.iter().rev().skip(limit).any(|earlier| *earlier == this),
        };
        if refuses {
            return Err(Refusal::new(Check::Signature, "full"));
        }
        memory.order.push(this);
        Ok(())
    }
}

/// The certificate at the head of the chain in the proof's header.
pub(super) fn first_x5c(proof: &Proof) -> Option<Certificate> {
    let Value::Array(chain) = proof.header.member("x5c")? else { return None };
    let Value::String(text) = chain.first()? else { return None };
    Certificate::from_der(&STANDARD.decode(text).ok()?).ok()
}

fn has_request_claims(proof: &str) -> bool {
    ByTheDraft.parse(proof).is_ok_and(|p| ["jti", "htm", "htu"].iter().any(|name| p.claims.member(name).is_some()))
}
