//! What does not change from input to input: keys, connections, tokens and the time.

use std::{cell::RefCell, sync::OnceLock};

use aws_lc_rs::digest;
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    base64url,
    cache::ConnectionId,
    exporter::ExporterValue,
    guard::{Connection, ValidToken},
    json,
    refusal::{Check, Refusal},
};
use serde_json::{Map, Value};

use super::{
    oracle::{self, VerifyingKey},
    plan::Plan,
    step::Step,
};
use crate::{
    ForgeError,
    alteration::{self, Alteration, Edit, Leads},
    issuer::Issuer,
    keys::{Key, Signing},
    pki::{Identity, Pki},
    recipe::{Exporters, ProofRecipe, ProofSigner, Setting, make_proof, make_token},
};

/// 2026-07-01, in Unix seconds: the time at which everything is made and decided.
pub(super) const NOW: i64 = 1_782_864_000;

/// The resource server.
pub(super) const AUTHORITY: &str = "rs.ekmcheck.example";

/// The method of every request.
pub(super) const METHOD: &str = "GET";

/// Where requests go.
pub(super) const PATHS: [&str; 4] = ["/api/resource", "/api/resource?x=1", "/", "/a%2Fb/%25/%41~%7e"];

/// The clients whose connections are looked at, one for each kind of key.
pub(super) const CLIENTS: [&str; 5] = ["p256", "ed25519", "p384", "p521", "rsa2048"];

/// Keys, connections and tokens.
pub(super) struct Stage {
    pub(super) pki: Pki,
    pub(super) issuer: Issuer,
    /// What the connection exports on which requests are made.
    pub(super) here: Exporters,
    /// What another connection of the same client exports.
    pub(super) there: Exporters,
    /// In the order of [`CLIENTS`], then `second` and `renewed`, who only present what belongs to others.
    clients: Vec<Client>,
    /// The rows of the table that change the proof before it is signed.
    pub(super) proof_rows: Vec<&'static Alteration>,
    /// The rows that change its text afterwards.
    pub(super) text_rows: Vec<&'static Alteration>,
    /// The rows that change the confirmation in the token.
    pub(super) token_rows: Vec<&'static Alteration>,
}

/// A client with its tokens.
pub(super) struct Client {
    pub(super) identity: Identity,
    pub(super) key: VerifyingKey,
    /// The right token, then one for each of [`Stage::token_rows`].
    pub(super) tokens: Vec<Token>,
    /// Another right token.
    pub(super) other_token: Token,
}

/// An access token, read once by each of both sides: its claims are the same in every input.
pub(super) struct Token {
    pub(super) text: String,
    /// As the oracle reads it; none if it cannot.
    pub(super) claims: Option<Map<String, Value>>,
    /// As the guard is told by whoever validates tokens.
    pub(super) valid: Result<ValidToken, Refusal>,
}

/// The stage, built at the first call.
#[expect(clippy::panic, reason = "a property without its keys would pass on every input and look like a success")]
pub(super) fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage::new().unwrap_or_else(|error| panic!("the frozen keys cannot be made: {error}")))
}

impl Stage {
    fn new() -> Result<Self, ForgeError> {
        let rows = |wanted: fn(&Alteration) -> bool| alteration::table().filter(|row| wanted(row)).collect();
        let mut stage = Self {
            pki: Pki::frozen()?,
            issuer: Issuer::frozen()?,
            here: exporters("here"),
            there: exporters("there"),
            clients: Vec::new(),
            proof_rows: rows(|row| matches!(row.edit, Edit::Proof(_))),
            text_rows: rows(|row| matches!(row.edit, Edit::ProofText(_))),
            token_rows: rows(|row| matches!(row.edit, Edit::Token(_)) && row.changes.starts_with("token.claims.cnf")),
        };
        for name in CLIENTS.into_iter().chain(["second", "renewed"]) {
            let identity = stage.pki.identity(name).ok_or_else(|| ForgeError::NoIdentity(name.to_owned()))?;
            // Frozen, so that the hash of a token is the same at every run.
            let setting = Setting { signing: Signing::Frozen, ..stage.setting(identity) };
            let mut tokens = vec![Token::new(make_token(&setting, None)?)];
            for row in &stage.token_rows {
                tokens.push(Token::new(match make_token(&setting, Some(row)) {
                    // Another client's certificate, for that other client.
                    Err(ForgeError::NoChange(_)) => make_token(&setting, None)?,
                    other => other?,
                }));
            }
            stage.clients.push(Client {
                identity: identity.clone(),
                key: VerifyingKey::of(&identity.key)?,
                tokens,
                other_token: Token::new(make_token(&Setting { unique: 2, ..setting }, None)?),
            });
        }
        Ok(stage)
    }

    /// A right request of that client, here.
    pub(super) fn setting<'a>(&'a self, client: &'a Identity) -> Setting<'a> {
        Setting {
            now: NOW,
            pki: &self.pki,
            issuer: &self.issuer,
            client,
            bound_to: client,
            exporters: &self.here,
            other: Some(&self.there),
            canary: None,
            method: METHOD,
            authority: AUTHORITY,
            path: PATHS[0],
            claims: crate::recipe::PerRequest::default(),
            signing: Signing::Live,
            unique: 1,
            play: 0,
        }
    }

    /// The client of that name; the first one for a name that is none.
    pub(super) fn client(&'static self, name: &str) -> &'static Client {
        self.clients.iter().find(|c| c.identity.name == name).unwrap_or(&self.clients[0])
    }
}

impl Token {
    /// Step b is not looked at here: every token that can be read is valid for an hour.
    fn new(text: String) -> Self {
        let payload = text.split('.').nth(1).and_then(|segment| base64url::decode(segment).ok()).unwrap_or_default();
        let valid = json::parse_object(&payload)
            .map(|claims| ValidToken { claims: claims.into(), expires: NOW + 3600 })
            .map_err(|error| Refusal::new(Check::Token, error.to_string()));
        Self { claims: oracle::claims_of(&text), valid, text }
    }
}

impl Client {
    /// Somebody else with a certificate of the same issuer.
    pub(super) fn another(&self) -> &'static Self {
        stage().client(if self.identity.name == "second" { CLIENTS[0] } else { "second" })
    }
}

/// Values as a connection of that name would export them.
fn exporters(connection: &str) -> Exporters {
    let value = |(name, (_, _, length)): (&'static str, crate::recipe::ExporterCall)| {
        let hash = digest::digest(&digest::SHA512, format!("ekmcheck exporter|{connection}|{name}").as_bytes());
        (name, hash.as_ref().iter().copied().take(length).collect())
    };
    Exporters::new(Exporters::CALLS.into_iter().map(value).collect())
}

/// One input's request, while it is made.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) stage: &'static Stage,
    pub(super) plan: &'a Plan,
    /// Whose connection and whose token it is.
    pub(super) client: &'static Client,
}

/// What arrives at the resource server.
pub(super) struct Presented {
    /// The client of the connection.
    pub(super) client: &'static Client,
    pub(super) token: &'static Token,
    /// The value of the proof field.
    pub(super) field: String,
    pub(super) path: &'static str,
}

impl<'a> Scene<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let stage = stage();
        Self { stage, plan, client: stage.client(plan.client) }
    }

    pub(super) fn setting(&self) -> Setting<'static> {
        let path = PATHS.get(self.plan.path).copied().unwrap_or(PATHS[0]);
        Setting { claims: self.plan.claims, path, ..self.stage.setting(&self.client.identity) }
    }

    pub(super) fn token(&self) -> &'static Token {
        self.client.tokens.get(self.plan.token).unwrap_or(&self.client.other_token)
    }

    /// The proof in this setting, for this token, with these steps done before it is signed.
    #[expect(clippy::panic, reason = "whatever the steps ask for can be signed; if not, that is a finding too")]
    pub(super) fn proof(&self, setting: &Setting<'_>, token: &Token, steps: &[Step]) -> String {
        thread_local! {
            /// The edit of an [`Alteration`] is a plain function; what it is to do reaches it this way.
            static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
        }
        fn take(proof: &mut ProofRecipe, setting: &Setting<'_>, token: &str) {
            for step in STEPS.take() {
                step.take(proof, setting, token);
            }
            settle(proof, setting);
        }
        const ALL_STEPS: Alteration = Alteration {
            name: "steps",
            changes: "proof",
            leads: Leads::Open(None),
            client: CLIENTS[0],
            needs_other: false,
            needs_canary: false,
            edit: Edit::Proof(take),
        };
        STEPS.set(steps.to_vec());
        let made = match make_proof(setting, &token.text, Some(&ALL_STEPS)) {
            Err(ForgeError::NoChange(_)) => make_proof(setting, &token.text, None),
            other => other,
        };
        made.unwrap_or_else(|error| panic!("FORGE: {error}\n{steps:?}"))
    }
}

/// Lets every signer sign: with what it can, where the steps asked for an algorithm of another type of key.
fn settle(proof: &mut ProofRecipe, setting: &Setting<'_>) {
    if matches!((&proof.signer, setting.client.key.kind()), (ProofSigner::Rsa(_), kind) if !matches!(kind, KeyKind::Rsa(_)))
    {
        proof.signer = ProofSigner::Client;
    }
    let key: Option<&Key> = match &proof.signer {
        ProofSigner::Client => Some(&setting.client.key),
        ProofSigner::Identity(name) => setting.pki.identity(name).map(|i| &i.key),
        ProofSigner::Server => Some(&setting.pki.server().key),
        ProofSigner::Ca => Some(&setting.pki.intermediate().key),
        ProofSigner::Hmac(_) | ProofSigner::Octets(_) | ProofSigner::Rsa(_) => None,
    };
    let Some(kind) = key.map(Key::kind) else { return };
    let family = |algorithm: Algorithm| {
        let usual = Algorithm::usual_for(kind).name();
        // ECDSA computes with any curve and any hash.
        algorithm.fits(kind) || algorithm.name().starts_with("ES") && usual.starts_with("ES")
    };
    if !family(proof.algorithm) {
        proof.algorithm = Algorithm::usual_for(kind);
    }
}

impl Presented {
    /// The connection as the resource server knows it.
    pub(super) fn connection(&self, exporters: &Exporters) -> Connection {
        let mut octets = [0; 32];
        octets.iter_mut().zip(exporters.right()).for_each(|(to, from)| *to = *from);
        Connection {
            id: ConnectionId(7),
            certificate: self.client.identity.certificate.clone(),
            exporter: ExporterValue::new(octets),
        }
    }
}
