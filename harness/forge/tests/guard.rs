//! The guard of `binding` on real tokens and proofs, without a network: what a cache hit may skip, and what it may not;
//! when entries end; what uses up a `jti`; and every row of the table of alterations, cold and warm.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a failing test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Barrier, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use ekmcheck_binding::{
    base64url,
    cache::ConnectionId,
    confirmation::Confirmation,
    digest::sha256,
    exporter::ExporterValue,
    guard::{Accepted, AccessTokens, Connection, Guard, Policy, Request, ValidToken},
    json::{self, Value},
    jti::JtiLimits,
    proof::Proof,
    refusal::{Check, Refusal},
    steps::{ByTheDraft, Moment, Steps},
    target::Target,
};
use ekmcheck_forge::{
    alteration::{self, Alteration, Leads},
    issuer::Issuer,
    keys::Signing,
    pki::{Identity, Pki},
    recipe::{Exporters, PerRequest, RequestRecipe, Setting, make_proof, make_request, make_token},
};

/// 2026-07-01, in Unix seconds.
const NOW: i64 = 1_782_864_000;
const AUTHORITY: &str = "rs.ekmcheck.example";
const NONE: PerRequest = PerRequest { jti: false, htm: false, htu: false, absolute: false };
const JTI: PerRequest = PerRequest { jti: true, ..NONE };

const COLD: Result<Option<Moment>, Check> = Ok(Some(Moment::Cold));
const HIT: Result<Option<Moment>, Check> = Ok(Some(Moment::Hit));
const NO_PROOF: Result<Option<Moment>, Check> = Ok(None);

static PKI: LazyLock<Pki> = LazyLock::new(|| Pki::frozen().unwrap());
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::frozen().unwrap());

fn client(name: &str) -> &'static Identity {
    PKI.identity(name).unwrap()
}

// ---- the server ----

/// The draft's steps; counts how often a proof is verified in full, and lets something happen meanwhile.
#[derive(Default)]
struct Watched {
    full: AtomicUsize,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Steps for Watched {
    fn signature(&self, proof: &Proof, connection: &Connection, token: &str) -> Result<(), Refusal> {
        self.full.fetch_add(1, Ordering::SeqCst);
        if let Some(happens) = self.meanwhile.lock().unwrap().take() {
            happens();
        }
        ByTheDraft.signature(proof, connection, token)
    }
}

/// Who knows about tokens: JWTs of the issuer, and opaque tokens by what introspection would say of them.
#[derive(Default)]
struct Tokens {
    /// Claims and the end of validity.
    opaque: BTreeMap<String, (String, i64)>,
    revoked: bool,
}

impl AccessTokens for Tokens {
    fn validate(&self, token: &str, now: f64) -> Result<ValidToken, Refusal> {
        let invalid = || Refusal::new(Check::Token, "");
        let (claims, expires) = match self.opaque.get(token) {
            Some((claims, expires)) => (json::parse_object(claims.as_bytes()).unwrap(), *expires),
            None => {
                let (input, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
                let signature = base64url::decode(signature).map_err(|_| invalid())?;
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, ISSUER.public_point())
                    .verify(input.as_bytes(), &signature)
                    .map_err(|_| invalid())?;
                let object = |n| {
                    let octets = base64url::decode(input.split('.').nth(n).ok_or_else(invalid)?);
                    json::parse_object(&octets.map_err(|_| invalid())?).map_err(|_| invalid())
                };
                if object(0)?.member("typ") != Some(&Value::String("at+jwt".to_owned())) {
                    return Err(invalid());
                }
                let claims = object(1)?;
                let expires = match (claims.member("aud"), claims.member("exp")) {
                    (Some(Value::String(aud)), Some(Value::Number(exp))) if aud == ISSUER.audience() => exp.to_f64(),
                    _ => None,
                };
                (claims, expires.ok_or_else(invalid)? as i64)
            }
        };
        if self.revoked || expires as f64 <= now {
            return Err(invalid());
        }
        Ok(ValidToken { claims: claims.into(), expires })
    }
}

struct Server {
    guard: Arc<Guard<Watched>>,
    tokens: Tokens,
}

impl Server {
    fn new() -> Self {
        Self::with(Policy::default())
    }

    fn with(policy: Policy) -> Self {
        Self { guard: Arc::new(Guard::new(Watched::default(), policy)), tokens: Tokens::default() }
    }

    /// A new connection, announced to the guard.
    fn open(&self, id: u64, client: &'static str, exports: &str) -> Wire {
        let wire = Wire::new(id, client, exports);
        self.guard.opened(&wire.connection);
        wire
    }

    fn decide(&self, wire: &Wire, request: &RequestRecipe, now: i64) -> Result<Accepted, Refusal> {
        let values = |name: &str| -> Vec<&[u8]> {
            request.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_slice()).collect()
        };
        let (authorization, proofs) = (values("Authorization"), values(RequestRecipe::PROOF_FIELD));
        let request = Request {
            method: &request.method,
            target: Target::https(AUTHORITY, &request.path),
            authorization: &authorization,
            proofs: &proofs,
        };
        self.guard.decide(&wire.connection, &request, &self.tokens, now as f64)
    }

    /// The moment in which it was accepted, or the check that refused it.
    fn send_at(&self, wire: &Wire, request: &RequestRecipe, now: i64) -> Result<Option<Moment>, Check> {
        self.decide(wire, request, now).map(|a| a.moment).map_err(|r| r.check())
    }

    fn send(&self, wire: &Wire, request: &RequestRecipe) -> Result<Option<Moment>, Check> {
        self.send_at(wire, request, NOW)
    }

    /// How many proofs were verified in full.
    fn full(&self) -> usize {
        self.guard.steps().full.load(Ordering::SeqCst)
    }
}

// ---- the client ----

/// A connection, as both of its ends know it.
struct Wire {
    client: &'static Identity,
    exporters: Exporters,
    connection: Connection,
}

impl Wire {
    /// Connections that export the same are one handshake's; the rest is made up from the name.
    fn new(id: u64, name: &str, exports: &str) -> Self {
        let octets = |n: u8, call: &str| sha256(format!("{exports}|{call}|{n}").as_bytes());
        let values = Exporters::CALLS.map(|(call, (_, _, length))| {
            (call, [octets(0, call), octets(1, call)].concat().into_iter().take(length).collect())
        });
        let (client, exporters) = (client(name), Exporters::new(values.to_vec()));
        let exporter = ExporterValue::new(exporters.right().try_into().unwrap());
        let connection = Connection { id: ConnectionId(id), certificate: client.certificate.clone(), exporter };
        Self { client, exporters, connection }
    }

    /// What a request is made from, right and with a proof that can be reused.
    fn ask(&self) -> Ask<'_> {
        Ask {
            wire: self,
            bound_to: self.client,
            exporters: &self.exporters,
            claims: NONE,
            alter: None,
            token: None,
            unique: 1,
            now: NOW,
            method: "GET",
            path: "/api/resource",
        }
    }
}

#[derive(Clone, Copy)]
struct Ask<'a> {
    wire: &'a Wire,
    bound_to: &'a Identity,
    exporters: &'a Exporters,
    claims: PerRequest,
    alter: Option<&'a Alteration>,
    /// A token that is there already.
    token: Option<&'a str>,
    /// Goes into the identifiers of token and proof.
    unique: u64,
    now: i64,
    method: &'a str,
    path: &'a str,
}

impl Ask<'_> {
    fn altered(self, name: &str) -> RequestRecipe {
        Ask { alter: Some(alteration::named(name).unwrap_or_else(|| panic!("no alteration {name}"))), ..self }.make()
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            now: self.now,
            pki: &PKI,
            issuer: &ISSUER,
            client: self.wire.client,
            bound_to: self.bound_to,
            exporters: self.exporters,
            other: None,
            canary: None,
            method: self.method,
            authority: AUTHORITY,
            path: self.path,
            claims: self.claims,
            signing: Signing::Frozen,
            unique: self.unique,
            play: 0,
        }
    }

    fn token(&self) -> String {
        self.token.map_or_else(|| make_token(&self.setting(), self.alter).unwrap(), str::to_owned)
    }

    fn make(self) -> RequestRecipe {
        let other = Wire::new(99, "p256", "another");
        let setting = Setting { other: Some(&other.exporters), ..self.setting() };
        let token = self.token();
        let proof = make_proof(&setting, &token, self.alter).unwrap();
        let made = make_request(&setting, token, Some(proof), self.alter);
        made.unwrap_or_else(|e| panic!("{}: {e}", self.alter.map_or("unaltered", |a| a.name))).request
    }
}

/// The same request with these values of a field.
fn with_field(request: &RequestRecipe, name: &str, values: &[&[u8]]) -> RequestRecipe {
    let mut request = request.clone();
    request.set_field(name, values.iter().map(|v| v.to_vec()).collect());
    request
}

fn without_proof(request: &RequestRecipe) -> RequestRecipe {
    with_field(request, RequestRecipe::PROOF_FIELD, &[])
}

// ---- what a hit skips ----

#[test]
fn a_proof_is_verified_once_and_then_found() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    let first = server.decide(&wire, &request, NOW).unwrap();
    assert_eq!(first.confirmation, Confirmation::Session(wire.client.certificate.thumbprint()));
    assert_eq!(first.moment, Some(Moment::Cold));
    for _ in 0..50 {
        assert_eq!(server.send(&wire, &request), HIT);
    }
    assert_eq!(server.full(), 1);
    // White space around the field is no part of the proof; another method or target is no part of this one.
    assert_eq!(server.send(&wire, &wire.ask().altered("field-in-white-space")), HIT);
    assert_eq!(server.send(&wire, &Ask { method: "DELETE", path: "/other?x=1", ..wire.ask() }.make()), HIT);
    assert_eq!(server.full(), 1);
}

#[test]
fn a_hit_never_skips_the_token_nor_the_presence_of_a_proof() {
    let mut server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    assert_eq!(server.send(&wire, &request), COLD);
    server.tokens.revoked = true;
    assert_eq!(server.send(&wire, &request), Err(Check::Token));
    server.tokens.revoked = false;
    assert_eq!(server.send(&wire, &without_proof(&request)), Err(Check::Presence));
    assert_eq!(server.send(&wire, &with_field(&request, RequestRecipe::PROOF_FIELD, &[b""])), Err(Check::Field));
    assert_eq!(server.send(&wire, &request), HIT, "a refusal takes nothing away");
    // A token of a minute, within the window of its proof.
    let short = Ask { unique: 2, ..wire.ask() }.altered("token-short-lived");
    assert_eq!(server.send(&wire, &short), COLD);
    assert_eq!(server.send_at(&wire, &short, NOW + 59), HIT);
    assert_eq!(server.send_at(&wire, &short, NOW + 60), Err(Check::Token));
    assert_eq!(server.full(), 2);
}

#[test]
fn a_hit_never_skips_the_confirmation() {
    let mut server = Server::new();
    let wire = server.open(1, "p256", "one");
    let says = |x5t: &Identity, tls_exp: &str| {
        let x5t = x5t.certificate.thumbprint();
        (format!("{{\"cnf\":{{\"x5t#S256\":\"{x5t}\",\"tls_exp\":{tls_exp}}}}}"), NOW + 3600)
    };
    let right = says(wire.client, "\"EXPORTER-oauth-tls-session-bound\"");
    let request = Ask { token: Some("opaque"), ..wire.ask() }.make();
    for (introspected, outcome) in [
        (right.clone(), COLD),
        (says(client("second"), "\"EXPORTER-oauth-tls-session-bound\""), Err(Check::Certificate)),
        (says(wire.client, "true"), Err(Check::Confirmation)),
        (right, HIT),
    ] {
        server.tokens.opaque.insert("opaque".to_owned(), introspected);
        assert_eq!(server.send(&wire, &request), outcome);
    }
    assert_eq!(server.full(), 1);
}

#[test]
fn a_hit_never_skips_method_and_target() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let ask = Ask { claims: PerRequest { htm: true, htu: true, ..NONE }, ..wire.ask() };
    let request = ask.make();
    let sent = |method: &str, path: &str| {
        let request = RequestRecipe { method: method.to_owned(), path: path.to_owned(), ..request.clone() };
        server.send(&wire, &request)
    };
    assert_eq!(sent("GET", "/api/resource"), COLD);
    assert_eq!(sent("POST", "/api/resource"), Err(Check::Htm));
    assert_eq!(sent("get", "/api/resource"), Err(Check::Htm));
    assert_eq!(sent("GET", "/api/resources"), Err(Check::Htu));
    assert_eq!(sent("GET", "/api/resource?x=1"), HIT, "the query does not count");
    assert_eq!(server.full(), 1);
}

#[test]
fn a_hit_never_skips_the_window_of_iat() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    assert_eq!(server.send(&wire, &request), COLD);
    for (seconds, outcome) in [(300, HIT), (301, Err(Check::Iat)), (-60, HIT), (-61, Err(Check::Iat)), (0, HIT)] {
        assert_eq!(server.send_at(&wire, &request, NOW + seconds), outcome, "{seconds} s later");
    }
    assert_eq!(server.full(), 1);
}

#[test]
fn other_bytes_are_verified_in_full() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    assert_eq!(server.send(&wire, &request), COLD);
    for (altered, check) in [
        ("signature-altered", Check::Signature),
        ("signed-by-another-key", Check::Signature),
        ("segments-two", Check::Format),
        ("ekm-random", Check::Ekm),
        ("ath-of-another-token", Check::Ath),
        ("typ-jwt", Check::Typ),
    ] {
        for _ in 0..2 {
            assert_eq!(server.send(&wire, &wire.ask().altered(altered)), Err(check), "{altered}");
        }
    }
    // A refusal leaves no entry, so what follows is verified too; and both right proofs are known afterwards.
    let newer = Ask { now: NOW + 1, token: Some(&wire.ask().token()), ..wire.ask() }.make();
    let before = server.full();
    assert_eq!(server.send(&wire, &newer), COLD);
    assert_eq!([server.send(&wire, &newer), server.send(&wire, &request)], [HIT, HIT]);
    assert_eq!(server.full(), before + 1);
}

// ---- whose an entry is ----

#[test]
fn each_token_has_its_own_proof_and_entry() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let requests: Vec<_> = (1..=5).map(|unique| Ask { unique, ..wire.ask() }.make()).collect();
    for outcome in [COLD, HIT] {
        assert!(requests.iter().all(|r| server.send(&wire, r) == outcome));
    }
    let swapped =
        with_field(&requests[0], RequestRecipe::PROOF_FIELD, &[&requests[1].field(RequestRecipe::PROOF_FIELD)]);
    assert_eq!(server.send(&wire, &swapped), Err(Check::Ath));
}

#[test]
fn entries_end_with_their_connection() {
    let server = Server::new();
    let (wire, other) = (server.open(1, "p256", "one"), server.open(2, "p256", "two"));
    let (request, elsewhere) = (wire.ask().make(), other.ask().make());
    assert_eq!([server.send(&wire, &request), server.send(&wire, &request)], [COLD, HIT]);
    assert_eq!(server.send(&other, &elsewhere), COLD);
    assert_eq!(server.send(&other, &request), Err(Check::Ekm), "verified, but on another connection");
    server.guard.closed(&wire.connection);
    assert_eq!([server.send(&wire, &request), server.send(&wire, &request)], [COLD, COLD], "nothing is kept for it");
    assert_eq!(server.send(&other, &elsewhere), HIT, "the other connection lives on");
    server.guard.opened(&wire.connection);
    assert_eq!([server.send(&wire, &request), server.send(&wire, &request)], [COLD, HIT]);
}

#[test]
fn a_number_that_comes_again_finds_nothing() {
    let server = Server::new();
    let first = server.open(7, "p256", "first");
    let request = first.ask().make();
    assert_eq!([server.send(&first, &request), server.send(&first, &request)], [COLD, HIT]);
    // The first was never closed: its entries are still there, and must not be found.
    let second = server.open(7, "p256", "second");
    assert_eq!(server.send(&second, &request), Err(Check::Ekm));
    let fresh = second.ask().make();
    assert_eq!([server.send(&second, &fresh), server.send(&second, &fresh)], [COLD, HIT]);
    server.guard.closed(&second.connection);
    assert_eq!(server.send(&first, &request), HIT, "the end of the second is not that of the first");
    // Nor does the exporter value alone find anything.
    let twin = server.open(8, "p256", "first");
    assert_eq!(server.send(&twin, &request), COLD);
}

#[test]
fn a_connection_that_ends_during_the_verification_leaves_nothing() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    let (guard, connection) = (server.guard.clone(), wire.connection.clone());
    *server.guard.steps().meanwhile.lock().unwrap() = Some(Box::new(move || guard.closed(&connection)));
    assert_eq!(server.send(&wire, &request), COLD, "the request came in time");
    assert!(server.guard.steps().meanwhile.lock().unwrap().is_none(), "and the connection ended meanwhile");
    server.guard.opened(&wire.connection);
    assert_eq!([server.send(&wire, &request), server.send(&wire, &request)], [COLD, HIT]);
}

// ---- jti ----

#[test]
fn an_identifier_serves_once_for_its_token() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let token = wire.ask().token();
    let ask = Ask { claims: JTI, token: Some(&token), ..wire.ask() };
    assert_eq!(server.send(&wire, &ask.make()), COLD);
    assert_eq!(server.send(&wire, &ask.make()), Err(Check::Jti));
    assert_eq!(server.full(), 1, "it was a hit that refused");
    // In another proof, and on another connection, it is the same identifier.
    assert_eq!(server.send(&wire, &Ask { now: NOW + 1, ..ask }.make()), Err(Check::Jti));
    server.guard.closed(&wire.connection);
    let later = server.open(2, "p256", "two");
    let ask = Ask { claims: JTI, token: Some(&token), ..later.ask() };
    assert_eq!(server.send(&later, &ask.make()), Err(Check::Jti));
    assert_eq!(server.send(&later, &Ask { unique: 2, ..ask }.make()), COLD, "another identifier");
    let other = Ask { unique: 2, ..later.ask() }.token();
    assert_eq!(server.send(&later, &Ask { token: Some(&other), ..ask }.make()), COLD, "another token");
}

#[test]
fn an_identifier_is_remembered_to_the_end_of_the_token() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let token = wire.ask().token();
    let at = |seconds: i64| {
        let ask = Ask { claims: JTI, token: Some(&token), now: NOW + seconds, ..wire.ask() };
        server.send_at(&wire, &ask.make(), NOW + seconds)
    };
    assert_eq!(at(0), COLD);
    // Long after the window of iat: each is a new proof.
    assert_eq!([at(301), at(3599), at(3600)], [Err(Check::Jti), Err(Check::Jti), Err(Check::Token)]);
}

#[test]
fn an_identifier_is_kept_longer_when_its_token_is_prolonged() {
    let mut server = Server::new();
    let wire = server.open(1, "p256", "one");
    let until = |end: i64| ("{}".to_owned(), NOW + end);
    let ask = Ask { claims: JTI, token: Some("opaque"), ..wire.ask() };
    server.tokens.opaque.insert("opaque".to_owned(), until(50));
    assert_eq!(server.send(&wire, &ask.make()), COLD);
    server.tokens.opaque.insert("opaque".to_owned(), until(200));
    assert_eq!(server.send(&wire, &Ask { unique: 2, ..ask }.make()), COLD);
    assert_eq!(server.send_at(&wire, &ask.make(), NOW + 100), Err(Check::Jti));
}

#[test]
fn a_refused_proof_uses_up_no_identifier() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let ask = Ask { claims: PerRequest { jti: true, htm: true, htu: true, absolute: false }, ..wire.ask() };
    for (altered, check) in [
        ("ekm-random", Check::Ekm),
        ("ath-missing", Check::Ath),
        ("signature-altered", Check::Signature),
        ("iat-one-hour-past", Check::Iat),
        ("htm-of-another-method", Check::Htm),
        ("htu-of-another-path", Check::Htu),
    ] {
        assert_eq!(server.send(&wire, &ask.altered(altered)), Err(check), "{altered}");
    }
    assert_eq!([server.send(&wire, &ask.make()), server.send(&wire, &ask.make())], [COLD, Err(Check::Jti)]);
    // The same on a hit: a verified proof that is sent to the wrong place is not yet used.
    let ask = Ask { unique: 2, ..ask };
    let elsewhere = RequestRecipe { path: "/other".to_owned(), ..ask.make() };
    assert_eq!([server.send(&wire, &elsewhere), server.send(&wire, &ask.make())], [Err(Check::Htu), COLD]);
}

#[test]
fn what_cannot_be_remembered_is_refused() {
    let jti = JtiLimits { per_token: 2, total: 3 };
    let server = Server::with(Policy { jti, ..Policy::default() });
    let wire = server.open(1, "p256", "one");
    let tokens = [1, 2].map(|unique| Ask { unique, ..wire.ask() }.token());
    let sent = |token: usize, unique| {
        let ask = Ask { claims: JTI, token: Some(&tokens[token]), unique, ..wire.ask() };
        server.send(&wire, &ask.make())
    };
    assert_eq!([sent(0, 1), sent(0, 2), sent(0, 3)], [COLD, COLD, Err(Check::Jti)], "two for one token");
    assert_eq!([sent(1, 1), sent(1, 2)], [COLD, Err(Check::Jti)], "three in all");
    assert_eq!(server.send(&wire, &wire.ask().make()), COLD, "a proof without an identifier needs no room");
}

#[test]
fn of_many_at_once_one_has_the_identifier() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = Ask { claims: JTI, ..wire.ask() }.make();
    let together = Barrier::new(8);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let send = || {
            together.wait();
            server.send(&wire, &request)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|o| **o == Err(Check::Jti)).count(), 7, "{outcomes:?}");
}

// ---- tokens that ask for less ----

#[test]
fn a_token_that_asks_for_no_proof_gets_a_proof_checked_all_the_same() {
    for (altered, confirmation) in [
        ("cnf-absent", Confirmation::Unbound),
        ("cnf-without-tls-exp", Confirmation::Certificate(client("p256").certificate.thumbprint())),
    ] {
        let server = Server::new();
        let wire = server.open(1, "p256", "one");
        let right = wire.ask().altered(altered);
        let accepted = server.decide(&wire, &without_proof(&right), NOW).unwrap();
        assert_eq!((accepted.confirmation, accepted.moment), (confirmation, None), "{altered}");
        assert_eq!([server.send(&wire, &right), server.send(&wire, &right)], [COLD, HIT], "{altered}");
        let field = right.field("Authorization");
        let token = str::from_utf8(&field).unwrap().strip_prefix("Bearer ").unwrap();
        let ask = Ask { token: Some(token), ..wire.ask() };
        for (wrong, check) in [
            ("ekm-random", Check::Ekm),
            ("signature-altered", Check::Signature),
            ("segments-two", Check::Format),
            ("field-empty", Check::Field),
        ] {
            assert_eq!(server.send(&wire, &ask.altered(wrong)), Err(check), "{altered}, {wrong}");
        }
        assert_eq!(server.send(&wire, &without_proof(&right)), NO_PROOF, "{altered}");
    }
}

#[test]
fn a_certificate_bound_token_stays_with_its_certificate() {
    let server = Server::new();
    let (wire, thief) = (server.open(1, "p256", "one"), server.open(2, "second", "two"));
    let request = without_proof(&wire.ask().altered("cnf-without-tls-exp"));
    assert_eq!(server.send(&wire, &request), NO_PROOF);
    assert_eq!(server.send(&thief, &request), Err(Check::Certificate));
    let unbound = without_proof(&wire.ask().altered("cnf-absent"));
    assert_eq!(server.send(&thief, &unbound), NO_PROOF, "a bearer token is anybody's");
}

// ---- fields ----

#[test]
fn one_authorization_field_and_one_proof_field() {
    let server = Server::new();
    let wire = server.open(1, "p256", "one");
    let request = wire.ask().make();
    let (token, proof) = (request.field("Authorization"), request.field(RequestRecipe::PROOF_FIELD));
    for outcome in [COLD, HIT] {
        for fields in [[&token[..], &token], [&token, b"Bearer other"], [b"Basic eA==", &token], [b"", &token]] {
            let twice = with_field(&request, "Authorization", &fields);
            assert_eq!(server.send(&wire, &twice), Err(Check::Authorization), "{fields:?}");
        }
        for fields in [&[&proof[..], &proof][..], &[b"x.y.z", &proof], &[&proof, b""], &[b"", &proof], &[b"", b"", b""]]
        {
            let several = with_field(&request, RequestRecipe::PROOF_FIELD, fields);
            assert_eq!(server.send(&wire, &several), Err(Check::Field), "{fields:?}");
        }
        for (empty, check) in [(&b"\t \t"[..], Check::Field), (b"\xff", Check::Field), (b"\xc3\xa9", Check::Format)] {
            let empty = with_field(&request, RequestRecipe::PROOF_FIELD, &[empty]);
            assert_eq!(server.send(&wire, &empty), Err(check));
        }
        assert_eq!(server.send(&wire, &request), outcome);
    }
}

/// RFC 6750 section 2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
#[test]
fn the_characters_of_a_token() {
    let mut server = Server::new();
    let wire = server.open(1, "p256", "one");
    let cnf = wire.client.certificate.thumbprint();
    let claims = format!("{{\"cnf\":{{\"x5t#S256\":\"{cnf}\",\"tls_exp\":\"EXPORTER-oauth-tls-session-bound\"}}}}");
    // Whatever the text, somebody would say that it is a valid token.
    let mut sent = |token: &str, field: &[u8]| {
        server.tokens.opaque.insert(token.to_owned(), (claims.clone(), NOW + 3600));
        let request = Ask { token: Some(token), ..wire.ask() }.make();
        server.send(&wire, &with_field(&request, "Authorization", &[field]))
    };
    let bearer = |token: &str| format!("Bearer {token}").into_bytes();
    for octet in 0..=127_u8 {
        let token = format!("tok{}en", char::from(octet));
        let allowed = octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
        let outcome = if allowed { COLD } else { Err(Check::Authorization) };
        assert_eq!(sent(&token, &bearer(&token)), outcome, "{token:?}");
    }
    for right in ["x", "x=", "x===", "-._~+/", "Bearer"] {
        assert_eq!(sent(right, &bearer(right)), COLD, "{right}");
    }
    for wrong in ["", "=", "==", "x=y", "=x", "x, y", "x y", "\"x\"", "x\t", "é"] {
        assert_eq!(sent(wrong, &bearer(wrong)), Err(Check::Authorization), "{wrong:?}");
    }
    assert_eq!(sent("x", b"Bearer \xff"), Err(Check::Authorization));
    assert_eq!(sent("x", b"Bearer"), Err(Check::Authorization));
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let token = format!("by-{scheme}");
        assert_eq!(sent(&token, format!("{scheme} {token}").as_bytes()), COLD, "{scheme}");
    }
    for other in ["Basic x", "DPoP x", "Bearer2 x", "Bear x", "x", "", "Bearer,x"] {
        assert_eq!(sent("x", other.as_bytes()), Err(Check::Credentials), "{other:?}");
    }
}

// ---- the table of alterations ----

/// Checks that no request can reach, with the reason.
const NOT_REACHABLE: [(Check, &str); 0] = [];

/// The request of a row, made for this connection, in the surroundings in which the row means something.
fn of_row(wire: &Wire, row: &Alteration, unique: u64) -> RequestRecipe {
    let altered = |claim: &str| row.changes == format!("proof.claims.{claim}");
    let claims = PerRequest { jti: altered("jti"), htm: altered("htm"), htu: altered("htu"), absolute: false };
    let ask = Ask { claims, alter: Some(row), unique, ..wire.ask() };
    match row.name {
        // Fields that speak for a stolen token, or for a proof of another connection.
        "client-certificate-fields" | "all-forwarding-fields" => Ask { bound_to: client("second"), ..ask }.make(),
        "tls-exporter-field" => Ask { exporters: &Wire::new(99, "p256", "another").exporters, ..ask }.make(),
        // Other numbers change other places, which other checks look at.
        "proof-mutated" => Ask { unique: 0, ..ask }.make(),
        _ => ask.make(),
    }
}

#[test]
fn every_row_of_the_table_leads_where_it_says_and_every_check_is_reached() {
    let mut reached = BTreeSet::new();
    for row in alteration::table() {
        let expected = match row.leads {
            Leads::Refused(check) | Leads::Open(Some(check)) => Err(check),
            Leads::Accepted | Leads::Open(None) => Ok(()),
        };
        // Cold, then warm: the altered request first, and after a right one with the same token or another.
        for warm in [false, true] {
            let server = Server::new();
            let wire = server.open(1, row.client, "one");
            let good = wire.ask().make();
            if warm {
                assert_eq!(server.send(&wire, &good), COLD, "{}", row.name);
            }
            let of_token = row.is_of_token();
            let outcome = server.send(&wire, &of_row(&wire, row, if of_token { 2 } else { 1 }));
            assert_eq!(outcome.map(drop), expected, "{}, {}", row.name, if warm { "warm" } else { "cold" });
            assert!(server.send(&wire, &good).is_ok(), "{}: a right request afterwards", row.name);
            reached.extend(outcome.err());
        }
    }
    for check in Check::ALL {
        let excused = NOT_REACHABLE.iter().find(|(c, _)| *c == check);
        assert_eq!(reached.contains(&check), excused.is_none(), "{check}: {excused:?}");
    }
}
