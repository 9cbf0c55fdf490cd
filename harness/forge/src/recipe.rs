//! What a request is made of. Right by default; an [`Alteration`] changes exactly one ingredient.
//!
//! The order is token, proof, request: whatever comes later is made right for what came before. So an altered token
//! gets a proof with the hash of that altered token, and the one thing that is wrong stays the one thing.

use ekmcheck_binding::{
    algorithm::Algorithm,
    base64url,
    digest::{Thumbprint, TokenHash},
    exporter, proof,
};
use serde_json::json;

use crate::{
    ForgeError,
    alteration::{Alteration, Edit},
    document::Document,
    issuer::Issuer,
    keys::{Key, RsaPadding, Signing, hmac_sha256},
    pki::{Identity, Pki},
};

/// The exporter value of a connection, and the values that an implementation would get by the likely mistakes.
#[derive(Clone, PartialEq, Eq)]
pub struct Exporters {
    /// `(name, octets)`; [`Exporters::RIGHT`] is the right one, the others are named after the mistake.
    values: Vec<(&'static str, Vec<u8>)>,
}

/// An exporter call: label, context (`None`: not given), length in octets.
pub type ExporterCall = (&'static [u8], Option<&'static [u8]>, usize);

impl Exporters {
    /// The name of the right value.
    pub const RIGHT: &'static str = "right";

    /// The calls that are made on every connection of the harness: the right one and the mistakes, by name.
    pub const CALLS: [(&'static str, ExporterCall); 9] = [
        (Self::RIGHT, (exporter::LABEL.as_bytes(), Some(exporter::CONTEXT), exporter::LENGTH)),
        ("no-context", (exporter::LABEL.as_bytes(), None, exporter::LENGTH)),
        ("nul-context", (exporter::LABEL.as_bytes(), Some(b"\0"), exporter::LENGTH)),
        ("label-with-nul", (b"EXPORTER-oauth-tls-session-bound\0", Some(b""), exporter::LENGTH)),
        ("label-without-prefix", (b"oauth-tls-session-bound", Some(b""), exporter::LENGTH)),
        ("label-in-lower-case", (b"exporter-oauth-tls-session-bound", Some(b""), exporter::LENGTH)),
        ("channel-binding-label", (b"EXPORTER-Channel-Binding", Some(b""), exporter::LENGTH)),
        ("other-label", (b"EXPORTER-other", Some(b""), exporter::LENGTH)),
        ("64-octets", (exporter::LABEL.as_bytes(), Some(exporter::CONTEXT), 64)),
    ];

    /// From named values, as exported from one connection.
    #[must_use]
    pub fn new(values: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self { values }
    }

    /// The value of that name; empty if it was not exported.
    #[must_use]
    pub fn get(&self, name: &str) -> &[u8] {
        self.values.iter().find(|(n, _)| *n == name).map_or(&[], |(_, octets)| octets)
    }

    /// The right value.
    #[must_use]
    pub fn right(&self) -> &[u8] {
        self.get(Self::RIGHT)
    }

    /// All values with their names.
    #[must_use]
    pub fn values(&self) -> &[(&'static str, Vec<u8>)] {
        &self.values
    }
}

impl std::fmt::Debug for Exporters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.values.iter().map(|(n, _)| *n).collect();
        write!(f, "Exporters({names:?})")
    }
}

/// The surroundings that a request is made for.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Unix seconds at the resource server.
    pub now: i64,
    /// All keys and certificates.
    pub pki: &'a Pki,
    /// Who issues access tokens that the resource server trusts.
    pub issuer: &'a Issuer,
    /// The client of the connection.
    pub client: &'a Identity,
    /// The client that the token is bound to; usually the same.
    pub bound_to: &'a Identity,
    /// What the connection exports.
    pub exporters: &'a Exporters,
    /// What another live connection of the same client exports, where an alteration asks for one.
    pub other: Option<&'a Exporters>,
    /// Where the harness listens for whoever fetches what a proof points at, as a URL; made up where nobody listens.
    pub canary: Option<&'a str>,
    /// The method of the request.
    pub method: &'a str,
    /// Host and port of the resource server.
    pub authority: &'a str,
    /// The path of the request, which may carry a query.
    pub path: &'a str,
    /// Which per-request claims the proof carries.
    pub claims: PerRequest,
    /// How to sign: fast, or the same bytes at every run.
    pub signing: Signing,
    /// A number that no other request of the run has; it goes into identifiers.
    pub unique: u64,
    /// A number that the requests of one play share and no other play has: for identifiers that come again on purpose.
    pub play: u64,
}

/// Which of the optional claims of section 2.3.2.2 a proof carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerRequest {
    /// `jti`
    pub jti: bool,
    /// `htm`
    pub htm: bool,
    /// `htu`
    pub htu: bool,
    /// `htu` is an absolute URI, and not a path.
    pub absolute: bool,
}

impl PerRequest {
    /// Whether any is carried, so that the proof serves one request only.
    #[must_use]
    pub fn any(self) -> bool {
        self.jti || self.htm || self.htu
    }
}

/// An access token under construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecipe {
    /// The protected header.
    pub header: Document,
    /// The claims.
    pub claims: Document,
    /// Whether the issuer signs, or somebody whom the resource server does not trust.
    pub by_stranger: bool,
}

/// Who signs a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofSigner {
    /// The key of the connection's client certificate.
    Client,
    /// The key of another client, by its name in the PKI.
    Identity(&'static str),
    /// The key of the resource server's certificate.
    Server,
    /// The key of the certification authority that issued the client's certificate.
    Ca,
    /// HMAC-SHA-256 with these octets as the key.
    Hmac(Vec<u8>),
    /// These octets stand where the signature belongs.
    Octets(Vec<u8>),
    /// The client's RSA key, with a padding that is not what `alg` says.
    Rsa(RsaPadding),
}

/// A proof under construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRecipe {
    /// The protected header.
    pub header: Document,
    /// The claims.
    pub claims: Document,
    /// Who signs.
    pub signer: ProofSigner,
    /// The algorithm that is really used, whatever `alg` says.
    pub algorithm: Algorithm,
    /// How the header segment is spelled; the signature is over the spelling.
    pub header_spelling: Spelling,
    /// How the payload segment is spelled.
    pub claims_spelling: Spelling,
}

/// How octets become a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// base64url as it should be.
    #[default]
    Right,
    /// With `=` at the end.
    Padded,
    /// With `+` and `/`.
    StandardAlphabet,
    /// With a space inside.
    WithSpace,
    /// With a tab inside.
    WithTab,
    /// With the unused bits of the last character set.
    UnusedBits,
    /// The octets themselves (RFC 7797); where they are not UTF-8, as near as that comes.
    Unencoded,
}

impl Spelling {
    fn spell(self, octets: &[u8]) -> String {
        let right = base64url::encode(octets);
        let with = |c: char| format!("{}{c}{}", &right[..right.len().min(8)], &right[right.len().min(8)..]);
        match self {
            Self::Right => right,
            Self::Padded => format!("{right}{}", "=".repeat((4 - right.len() % 4) % 4)),
            Self::StandardAlphabet => right.replace('-', "+").replace('_', "/"),
            Self::WithSpace => with(' '),
            Self::WithTab => with('\t'),
            Self::UnusedBits => crate::alteration::other_spelling(&right),
            Self::Unencoded => String::from_utf8_lossy(octets).into_owned(),
        }
    }
}

/// The request that carries both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecipe {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields in order, names in their usual spelling.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content.
    pub body: Vec<u8>,
}

impl RequestRecipe {
    /// The name of the field that carries the proof.
    pub const PROOF_FIELD: &'static str = "Session-Binding-Proof";

    /// The value of the first field of that name; empty if there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> Vec<u8> {
        let found = self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    }

    /// Replaces the values of all fields of that name by these.
    pub fn set_field(&mut self, name: &str, values: Vec<Vec<u8>>) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.fields.extend(values.into_iter().map(|v| (name.to_owned(), v)));
    }
}

/// A request ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The request.
    pub request: RequestRecipe,
    /// The access token.
    pub token: String,
    /// The proof as it was made; an alteration of the request may have left it out.
    pub proof: String,
}

/// The right access token for a setting, not yet signed; [`TokenRecipe::sign`] signs it.
#[must_use]
pub fn right_token(setting: &Setting<'_>) -> TokenRecipe {
    TokenRecipe {
        header: Document::new(&json!({"alg": "ES256", "typ": "at+jwt", "kid": setting.issuer.kid()})),
        claims: Document::new(&json!({
            "iss": setting.issuer.name(),
            "sub": "agent-7",
            "client_id": setting.bound_to.name,
            "aud": setting.issuer.audience(),
            "iat": setting.now,
            "exp": setting.now + 3600,
            "jti": format!("token-{}", setting.unique),
            "scope": "resource.read resource.write",
            "cnf": {"x5t#S256": setting.bound_to.certificate.thumbprint().to_string(), "tls_exp": exporter::LABEL},
        })),
        by_stranger: false,
    }
}

/// Makes the access token: `alteration` counts if it is one of the token.
///
/// # Errors
/// A key that cannot sign.
pub fn make_token(setting: &Setting<'_>, alteration: Option<&Alteration>) -> Result<String, ForgeError> {
    let mut recipe = right_token(setting);
    if let Some(alteration @ Alteration { edit: Edit::Token(edit), .. }) = alteration {
        let right = recipe.clone();
        edit(&mut recipe, setting);
        alteration.require_change(recipe != right)?;
    }
    let token = recipe.sign(setting)?;
    match alteration {
        Some(alteration @ Alteration { edit: Edit::TokenText(edit), .. }) => {
            let altered = edit(&token);
            alteration.require_change(altered != token)?;
            Ok(altered)
        }
        _ => Ok(token),
    }
}

/// The right proof for `token`, not yet signed; [`ProofRecipe::sign`] signs it.
#[must_use]
pub fn right_proof(setting: &Setting<'_>, token: &str) -> ProofRecipe {
    let algorithm = Algorithm::usual_for(setting.client.key.kind());
    let target = ekmcheck_binding::target::Target::https(setting.authority, setting.path);
    let mut claims = Document::new(&json!({
        "ath": TokenHash::of(token).to_string(),
        "ekm": base64url::encode(setting.exporters.right()),
        "iat": setting.now,
    }));
    if setting.claims.jti {
        claims.set("jti", format!("proof-{}", setting.unique));
    }
    if setting.claims.htm {
        claims.set("htm", setting.method);
    }
    if setting.claims.htu {
        // A path is the form of the draft's own example.
        match setting.claims.absolute {
            true => claims.set("htu", format!("https://{}{}", setting.authority, target.path)),
            false => claims.set("htu", target.path),
        }
    }
    ProofRecipe {
        header: Document::new(&json!({
            "typ": proof::TYP,
            "alg": algorithm.name(),
            "x5t#S256": Thumbprint::of_der(setting.client.certificate.der()).to_string(),
        })),
        claims,
        signer: ProofSigner::Client,
        algorithm,
        header_spelling: Spelling::Right,
        claims_spelling: Spelling::Right,
    }
}

/// Makes a proof for `token`: `alteration` counts if it is one of the proof or of its text.
///
/// # Errors
/// A key that cannot sign.
pub fn make_proof(setting: &Setting<'_>, token: &str, alteration: Option<&Alteration>) -> Result<String, ForgeError> {
    let mut recipe = right_proof(setting, token);
    if let Some(alteration @ Alteration { edit: Edit::Proof(edit), .. }) = alteration {
        let right = recipe.clone();
        edit(&mut recipe, setting, token);
        alteration.require_change(recipe != right)?;
    }
    let text = recipe.sign(setting)?;
    match alteration {
        Some(alteration @ Alteration { edit: Edit::ProofText(edit), .. }) => {
            let altered = edit(&text, setting);
            alteration.require_change(altered != text)?;
            Ok(altered)
        }
        _ => Ok(text),
    }
}

/// Puts token and proof into a request: `alteration` counts if it is one of the request.
///
/// # Errors
/// An alteration that changes nothing here.
pub fn make_request(
    setting: &Setting<'_>,
    token: String,
    proof: Option<String>,
    alteration: Option<&Alteration>,
) -> Result<Made, ForgeError> {
    let mut request = RequestRecipe {
        method: setting.method.to_owned(),
        path: setting.path.to_owned(),
        fields: vec![("Authorization".to_owned(), format!("Bearer {token}").into_bytes())],
        body: Vec::new(),
    };
    if let Some(proof) = &proof {
        request.fields.push((RequestRecipe::PROOF_FIELD.to_owned(), proof.clone().into_bytes()));
    }
    if let Some(alteration @ Alteration { edit: Edit::Request(edit), .. }) = alteration {
        let right = request.clone();
        edit(&mut request, setting);
        alteration.require_change(request != right)?;
    }
    Ok(Made { request, token, proof: proof.unwrap_or_default() })
}

impl TokenRecipe {
    /// The token as a compact JWS, signed by the issuer of the setting or by the stranger.
    ///
    /// # Errors
    /// A key that cannot sign.
    pub fn sign(&self, setting: &Setting<'_>) -> Result<String, ForgeError> {
        setting.issuer.sign(self, setting.signing)
    }
}

impl ProofRecipe {
    /// The proof as a compact JWS, signed by whom the recipe says.
    ///
    /// # Errors
    /// A key that cannot sign, or a signer that the PKI does not have.
    pub fn sign(&self, setting: &Setting<'_>) -> Result<String, ForgeError> {
        let header = self.header_spelling.spell(&self.header.octets());
        let input = format!("{header}.{}", self.claims_spelling.spell(&self.claims.octets()));
        let by = |key: &Key| key.sign(self.algorithm, input.as_bytes(), setting.signing);
        let signature = match &self.signer {
            ProofSigner::Client => by(&setting.client.key)?,
            ProofSigner::Identity(name) => {
                by(&setting.pki.identity(name).ok_or_else(|| ForgeError::NoIdentity((*name).to_owned()))?.key)?
            }
            ProofSigner::Server => by(&setting.pki.server().key)?,
            ProofSigner::Ca => by(&setting.pki.intermediate().key)?,
            ProofSigner::Hmac(key) => hmac_sha256(key, input.as_bytes()).to_vec(),
            ProofSigner::Octets(octets) => octets.clone(),
            ProofSigner::Rsa(padding) => padding.sign(&setting.client.key, input.as_bytes())?,
        };
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}
