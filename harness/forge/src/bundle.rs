//! A trust bundle: what a server that the harness does not start needs to trust the harness, and what the harness needs to
//! play to it again. Here are the texts of the files; who writes and reads them is another matter.
//!
//! Below [`SERVER`] is what the server gets, below [`HARNESS`] all private keys, of which the server gets none but its own.

mod example;
mod names;

use ekmcheck_binding::certificate::Certificate;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use example::Example;

use crate::{
    ForgeError,
    issuer::Issuer,
    keys::{Key, LINES},
    pki::{Authority, CLIENTS, Identity, Pki},
};

/// The folder with what the server gets.
pub const SERVER: &str = "server";
/// The folder with what stays with the harness.
pub const HARNESS: &str = "harness";
/// How long the certificates of a bundle are valid, in days.
pub const DAYS: u16 = 30;
/// What introspection says, as an object of responses by the texts of tokens.
pub const INTROSPECTION: &str = "server/introspection.json";

const DAY: i64 = 86_400;
const ABOUT: &str = "harness/bundle.json";
const AUTHORITIES: [&str; 3] = ["root", "intermediate", "foreign-root"];
/// The clients whose certificates have other keys than those that they sign with, or of a kind that no proof fits.
const OTHER_KEY: [&str; 3] = ["rsa-pss", "x25519", "off-curve"];

/// Why there is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Keys or certificates.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// Neither a DNS name nor an address.
    #[error("{0:?} is neither a DNS name nor an IP address, as a certificate names a server")]
    Name(String),
    /// A file that cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// Its path in the bundle.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A bundle.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Certificates and keys; those of the server are for the names that were asked for.
    pub pki: Pki,
    /// The issuer of access tokens.
    pub issuer: Issuer,
    about: About,
}

/// What the harness keeps to know about a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// Of the format.
    version: u32,
    /// First moment of validity, in Unix seconds.
    made: i64,
    /// Last moment of validity.
    until: i64,
    /// What the server is called.
    names: Vec<String>,
}

/// A file of a bundle.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// From the folder of the bundle, with `/`.
    pub path: String,
    /// The content.
    pub text: String,
    /// Whether nobody but the owner may read it.
    pub private: bool,
}

impl Bundle {
    /// A new one, for a server of these names (DNS names and addresses; none stand for `localhost`, `127.0.0.1` and `::1`),
    /// made at `now` (Unix seconds) and valid for [`DAYS`].
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn generate(now: i64, names: &[String]) -> Result<Self, BundleError> {
        let names = names::of_server(names)?;
        let pki = Pki::for_server(now, DAYS, &names).map_err(ForgeError::from)?;
        let key = || Key::generate(ekmcheck_binding::algorithm::KeyKind::P256).map_err(ForgeError::from);
        let issuer = Issuer::new(key()?, key()?);
        let about = About { version: 1, made: now, until: now.saturating_add(i64::from(DAYS) * DAY), names };
        Ok(Self { pki, issuer, about })
    }

    /// What the server is called in its certificate.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.about.names
    }

    /// First and last moment of validity, in Unix seconds.
    #[must_use]
    pub fn validity(&self) -> (i64, i64) {
        (self.about.made, self.about.until)
    }

    /// All its files, but for those that are about it and no part of it.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        let open = |path: &str, text: String| File { path: format!("{SERVER}/{path}"), text, private: false };
        let kept = |path: String, text: String| File { path: format!("{HARNESS}/{path}"), text, private: true };
        let names = json!({"issuer": self.issuer.name(), "audience": self.issuer.audience(),
            "other_audience": self.issuer.other_audience()});
        let server = self.pki.server();
        let mut files = vec![
            open("server.pem", chain(server)),
            File { private: true, ..open("server.key", server.key.to_pem()) },
            open("client-ca.pem", certificate(self.pki.root().certificate.der())),
            open("jwks.json", text(&self.issuer.jwks())),
            open("issuer.json", text(&names)),
            File { path: INTROSPECTION.to_owned(), text: text(&json!({})), private: true },
            File { path: ABOUT.to_owned(), text: text(&self.about), private: true },
        ];
        for identity in self.pki.identities().iter().chain([server]) {
            files.push(kept(format!("{}.pem", identity.name), chain(identity)));
            files.push(kept(format!("{}.key", identity.name), identity.key.to_pem()));
        }
        for authority in [self.pki.root(), self.pki.intermediate(), self.pki.foreign_root()] {
            files.push(kept(format!("{}.pem", authority.name), certificate(authority.certificate.der())));
            files.push(kept(format!("{}.key", authority.name), authority.key.to_pem()));
        }
        for (name, key) in ["issuer", "stranger"].into_iter().zip(self.issuer.keys()) {
            files.push(kept(format!("{name}.key"), key.to_pem()));
        }
        files
    }

    /// Reads one: `read` gives the text of a file by its path in the bundle, or says why it cannot. Only files below
    /// [`HARNESS`] are asked for, so that the others may live where the server is.
    ///
    /// # Errors
    /// [`BundleError::File`], which names the file.
    pub fn read(read: impl Fn(&str) -> Result<String, String>) -> Result<Self, BundleError> {
        let read = |path: &str| read(path).map_err(|reason| BundleError::File { path: path.to_owned(), reason });
        let about: About = serde_json::from_str(&read(ABOUT)?).map_err(|e| bad(ABOUT, e))?;
        if about.version != 1 {
            return Err(bad(ABOUT, format!("version {} of the format is not known here", about.version)));
        }
        let key = |name: &str| {
            let path = format!("{HARNESS}/{name}.key");
            Key::from_own_pem(&read(&path)?).map_err(|e| bad(&path, e))
        };
        let chain = |name: &str, key: &Key| {
            let path = format!("{HARNESS}/{name}.pem");
            let blocks = pem::parse_many(read(&path)?).map_err(|e| bad(&path, e))?;
            let chain: Vec<_> = blocks.into_iter().map(pem::Pem::into_contents).collect();
            let leaf = chain.first().ok_or_else(|| bad(&path, "no certificate in it"))?;
            let certificate = match OTHER_KEY.contains(&name) {
                true => Certificate::from_parts(leaf, key.public().clone()),
                false => Certificate::from_der(leaf).map_err(|e| bad(&path, e))?,
            };
            if certificate.key().spki() != key.public().spki() {
                return Err(bad(&path, "it is not for the key beside it"));
            }
            Ok((certificate, chain))
        };
        let identity = |name: &'static str| {
            let key = key(name)?;
            let (certificate, chain) = chain(name, &key)?;
            Ok::<_, BundleError>(Identity { name, certificate, chain, key })
        };
        let authority = |name: &'static str| {
            let key = key(name)?;
            let (certificate, _) = chain(name, &key)?;
            Ok::<_, BundleError>(Authority { name, certificate, key })
        };
        let [root, intermediate, foreign_root] = AUTHORITIES;
        let authorities = [authority(root)?, authority(intermediate)?, authority(foreign_root)?];
        let clients = CLIENTS.into_iter().map(identity).collect::<Result<_, _>>()?;
        let pki = Pki::of(authorities, identity("server")?, clients);
        Ok(Self { pki, issuer: Issuer::new(key("issuer")?, key("stranger")?), about })
    }
}

impl std::fmt::Debug for File {
    /// Never the content, which may be a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("path", &self.path).finish_non_exhaustive()
    }
}

fn bad(path: &str, reason: impl ToString) -> BundleError {
    BundleError::File { path: path.to_owned(), reason: reason.to_string() }
}

fn certificate(der: &[u8]) -> String {
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), LINES)
}

fn chain(identity: &Identity) -> String {
    identity.chain.iter().map(|der| certificate(der)).collect()
}

/// Indented JSON with a newline at the end. What is written here has names that are text, so that it can be written.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
