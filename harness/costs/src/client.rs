//! The client whose processor time is taken: connections, proofs and requests of one scheme.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use ekmcheck_binding::{
    base64url,
    certificate::PublicKey,
    digest::TokenHash,
    exporter,
    guard::{AccessTokens, Policy, Request, ValidToken},
    json, proof,
    refusal::Refusal,
    target::Target,
};
use ekmcheck_forge::{
    keys::Signing,
    recipe::{Exporters, PerRequest, Setting, right_token},
};
use ekmcheck_parties::{
    dpop::{DpopVerifier, ProofSigner},
    wire::{self, ClientTls, ConnectOptions, Connection, How, OutgoingRequest, WireError},
};
use ekmcheck_suite::bench::{Load, Scheme};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use serde_json::json;

use super::server::Known;
use ekmcheck_player::{network::Origin, pace::Pace, secrets::Secrets, world::World};

const METHOD: &str = "GET";
const PATH: &str = "/api/resource";

const PROOF: HeaderName = HeaderName::from_static("session-binding-proof");
const BALLAST: HeaderName = HeaderName::from_static("session-binding-ballast");
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A field's value as the library has it.
fn value(text: String) -> Result<HeaderValue, String> {
    HeaderValue::try_from(text).map_err(|e| e.to_string())
}

/// The length of a token, in octets: claims that nobody reads fill it up.
const TOKEN: usize = 800;

/// A client, with all that is made before a clock runs.
pub(super) struct Client {
    scheme: Scheme,
    tls: Arc<ClientTls>,
    signer: ProofSigner,
    key: PublicKey,
    /// The header of its proofs for connections, encoded.
    header: String,
    users: Vec<User>,
    /// As long as a proof.
    ballast: HeaderValue,
    known: Known,
    now: i64,
    secrets: Arc<Secrets>,
}

/// Any token, bound to one key.
struct Bound(ValidToken);

impl AccessTokens for Bound {
    fn validate(&self, _: &str, _: f64) -> Result<ValidToken, Refusal> {
        Ok(self.0.clone())
    }
}

/// Who has a token.
struct User {
    token: String,
    /// As the library sends it.
    authorization: HeaderValue,
    /// The token's hash as proofs have it.
    ath: String,
}

/// A connection with the proofs that were made for it, one a user; none where the scheme has none.
struct Line {
    connection: Connection,
    proofs: Vec<HeaderValue>,
}

impl Client {
    pub(super) fn new(world: &World, tls: Arc<ClientTls>, scheme: Scheme, users: u32) -> Result<Self, String> {
        let identity = world.pki.identity("p256").ok_or("no client p256")?;
        let signer = ProofSigner::new(&identity.key).ok_or("a key that cannot sign")?;
        let thumbprint = identity.certificate.thumbprint().to_string();
        let typ = proof::TYP;
        let header = format!(r#"{{"typ":"{typ}","alg":"ES256","x5t#S256":"{thumbprint}"}}"#);
        let exporters = Exporters::new(Vec::new());
        let now = world.now();
        let token = |user: u32| {
            let setting = Setting {
                now,
                pki: &world.pki,
                issuer: &world.issuer,
                client: identity,
                bound_to: identity,
                exporters: &exporters,
                other: None,
                canary: None,
                method: METHOD,
                authority: "",
                path: PATH,
                claims: PerRequest::default(),
                signing: Signing::Live,
                unique: u64::from(user),
                play: 0,
            };
            let mut recipe = right_token(&setting);
            match scheme {
                Scheme::Bearer | Scheme::BearerBallast => recipe.claims.remove("cnf"),
                Scheme::CertificateBound => recipe.claims.set("cnf", json!({"x5t#S256": thumbprint})),
                Scheme::SessionBound | Scheme::SessionBoundUncached => {
                    recipe.claims.set("cnf", json!({"x5t#S256": thumbprint, "tls_exp": exporter::LABEL}));
                }
                Scheme::Dpop | Scheme::DpopServerTls => recipe.claims.set("cnf", json!({"jkt": signer.thumbprint()})),
            }
            // Three octets of a claim are four of the token.
            let length = recipe.sign(&setting).map_err(|e| e.to_string())?.len();
            let missing = TOKEN.saturating_sub(length) * 3 / 4;
            if let Some(room) = missing.checked_sub(r#","fill":"""#.len()) {
                recipe.claims.set("fill", "x".repeat(room));
            }
            let valid = json::parse_object(&recipe.claims.octets()).map_err(|e| e.to_string())?;
            let token = recipe.sign(&setting).map_err(|e| e.to_string())?;
            Ok::<_, String>((token, ValidToken { claims: valid.into(), expires: now + 3600 }))
        };
        let tokens = (0..users).map(token).collect::<Result<Vec<_>, _>>()?;
        let kind = if matches!(scheme, Scheme::Dpop | Scheme::DpopServerTls) { "DPoP" } else { "Bearer" };
        let user = |token: &String| {
            let authorization = value(format!("{kind} {token}"))?;
            Ok::<_, String>(User { authorization, ath: TokenHash::of(token).to_string(), token: token.clone() })
        };
        let mut client = Self {
            scheme,
            tls,
            signer,
            key: identity.key.public().clone(),
            header: base64url::encode(header.as_bytes()),
            users: tokens.iter().map(|(token, _)| user(token)).collect::<Result<_, _>>()?,
            known: Arc::new(tokens.into_iter().collect::<HashMap<_, _>>()),
            ballast: HeaderValue::from_static(""),
            now,
            secrets: world.secrets.clone(),
        };
        client.ballast = value(client.session_proof(0, &[0; 32]).ok_or("no signature")?)?;
        Ok(client)
    }

    /// What the server is told of the tokens.
    pub(super) fn tokens(&self) -> Known {
        self.known.clone()
    }

    /// What signs, and the public half of its key.
    pub(super) fn signer(&self) -> (&ProofSigner, &PublicKey) {
        (&self.signer, &self.key)
    }

    /// The token of the first user.
    pub(super) fn token(&self) -> &str {
        self.users.first().map_or("", |user| &user.token)
    }

    /// The proof of a user for a connection that exports that.
    pub(super) fn session_proof(&self, user: usize, exporter: &[u8]) -> Option<String> {
        let ath = &self.users.get(user)?.ath;
        let (ekm, now) = (base64url::encode(exporter), self.now);
        self.signer.sign(&self.header, &format!(r#"{{"ath":"{ath}","ekm":"{ekm}","iat":{now}}}"#))
    }

    /// The proof of a user for one request to that URI.
    pub(super) fn dpop_proof(&self, user: usize, target: &str) -> Option<String> {
        self.signer.dpop(METHOD, target, &self.users.get(user)?.ath, self.now)
    }

    /// What a server with DPoP says of such a proof of the first user for `https://localhost:8443/api/resource`.
    pub(super) fn dpop_judge(&self) -> impl Fn(&String) -> bool {
        let token = self.token().to_owned();
        let authorization = format!("DPoP {token}").into_bytes();
        let tokens = Bound(ValidToken {
            claims: json::parse_object(format!(r#"{{"cnf":{{"jkt":"{}"}}}}"#, self.signer.thumbprint()).as_bytes())
                .unwrap_or_default()
                .into(),
            expires: self.now + 3600,
        });
        let (verifier, now) = (DpopVerifier::new(Policy::default()), self.now as f64);
        move |proof| {
            let request = Request {
                method: METHOD,
                target: Target::https("localhost:8443", PATH),
                authorization: &[&authorization],
                proofs: &[proof.as_bytes()],
            };
            verifier.verify(&request, &tokens, now).is_ok()
        }
    }

    /// Puts the load on a server and says how many requests that were: so many connections at once, until there were enough.
    pub(super) async fn load(&self, pace: &Pace, origin: &Origin, load: Load, at_once: u32) -> Result<u64, String> {
        // Enough requests to measure in a turn, and no more: many short turns bear a noisy machine better than a few long ones.
        let each = load.on_a_connection().max(1);
        let connections = (2_000 / (each * u64::from(load.hops.max(1)))).clamp(1, 64);
        let next = AtomicU64::new(0);
        // All on this thread, and so nothing that would have to be sent to another one.
        let mut workers: Vec<Worker<'_>> = Vec::new();
        for _ in 0..at_once {
            workers.push(Box::pin(async {
                while next.fetch_add(1, Ordering::Relaxed) < connections {
                    self.connection(pace, origin, load).await?;
                }
                Ok(())
            }));
        }
        all(workers).await?;
        Ok(connections * each)
    }

    /// The life of a connection, or of as many as there are servers on the way.
    async fn connection(&self, pace: &Pace, origin: &Origin, load: Load) -> Result<(), String> {
        let mut lines = Vec::new();
        for _ in 0..load.hops {
            lines.push(self.connect(origin, load.users as usize).await?);
        }
        let target = format!("https://{}{PATH}", origin.authority);
        for _ in 0..load.requests {
            for (number, user) in self.users.iter().enumerate().take(load.users as usize) {
                for line in &mut lines {
                    pace.requests(1).await;
                    let proof = match self.scheme {
                        Scheme::Dpop | Scheme::DpopServerTls => {
                            let proof = self.dpop_proof(number, &target);
                            Some((DPOP, value(proof.ok_or("no signature")?)?))
                        }
                        Scheme::BearerBallast => Some((BALLAST, self.ballast.clone())),
                        _ => line.proofs.get(number).map(|proof| (PROOF, proof.clone())),
                    };
                    // What goes along again and again is kept as the library sends it.
                    let ready = [Some((AUTHORIZATION, user.authorization.clone())), proof];
                    let ready: Vec<_> = ready.into_iter().flatten().collect();
                    let request = OutgoingRequest {
                        method: METHOD.to_owned(),
                        authority: origin.authority.clone(),
                        path_and_query: PATH.to_owned(),
                        fields: Vec::new(),
                        body: Bytes::new(),
                        trailers: Vec::new(),
                    };
                    let answer = line.connection.sender().send_with(request, &ready).await;
                    let answer = answer.map_err(|e| self.failed(&ready, &e))?;
                    if !(200..300).contains(&answer.status) {
                        return Err(format!("a right request is answered with {}", answer.status));
                    }
                }
            }
        }
        for Line { connection, .. } in lines {
            // QUIC's own end takes a while on this side, for the peer's sake; dropping it tells the peer as well.
            if !connection.is_quic() {
                connection.close(How::Fin).await.map_err(|e| self.failed(&[], &e))?;
            }
        }
        Ok(())
    }

    async fn connect(&self, origin: &Origin, users: usize) -> Result<Line, String> {
        let connected = wire::connect(&self.tls, origin.addr, &origin.server_name, ConnectOptions::default()).await;
        let connection = connected.map_err(|e| self.failed(&[], &e))?;
        let proofs = match connection.established().export(Exporters::RIGHT) {
            None => Vec::new(),
            Some(exporter) => {
                let proof = |user| value(self.session_proof(user, exporter).ok_or("no signature")?);
                (0..users).map(proof).collect::<Result<_, _>>()?
            }
        };
        Ok(Line { connection, proofs })
    }
}

impl Client {
    /// What went wrong, as it may be told: a server may repeat in it what it got or what the connection exports. What is
    /// secret is only looked up here, since nobody's measured time may go into it.
    fn failed(&self, sent: &[(HeaderName, HeaderValue)], error: &WireError) -> String {
        self.users.iter().for_each(|user| self.secrets.know(&user.token));
        sent.iter().for_each(|(_, value)| self.secrets.know(&String::from_utf8_lossy(value.as_bytes())));
        self.secrets.told(&error.to_string())
    }
}

type Worker<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// Waits for all of them, or for the first that fails.
async fn all(mut workers: Vec<Worker<'_>>) -> Result<(), String> {
    poll_fn(|context| {
        let mut failed = None;
        workers.retain_mut(|worker| match worker.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(why)) => {
                failed = Some(why);
                false
            }
        });
        match failed {
            Some(why) => Poll::Ready(Err(why)),
            None if workers.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}
