//! The introspection endpoint of the authorization server (RFC 7662), as far as a resource server sees it.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ekmcheck_binding::json::{self, Object, Value};

use crate::files::{self, Access, FileFault};

/// The longest file that is read, in octets: a token and its response have less than four thousand.
const LONGEST: u64 = 1 << 20;

/// What the endpoint says of each token. All clones are the same endpoint.
#[derive(Clone)]
pub struct Introspection(Arc<Endpoint>);

enum Endpoint {
    Memory(Mutex<HashMap<String, Object>>),
    /// The lock is for those who change the file.
    File(PathBuf, Mutex<()>),
}

impl Default for Introspection {
    fn default() -> Self {
        Self(Arc::new(Endpoint::Memory(Mutex::default())))
    }
}

impl fmt::Debug for Introspection {
    /// Never the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").finish_non_exhaustive()
    }
}

impl Introspection {
    /// An endpoint that says what stands in a JSON file: an object with a response for each token, by its text. Who asks
    /// reads the file anew, and other processes may do so.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        Self(Arc::new(Endpoint::File(path.to_owned(), Mutex::default())))
    }

    /// Has the endpoint answer so about `token` from now on. Of a file, nobody but the owner may read it, and answers
    /// whose `exp` was before `now` (Unix seconds) go.
    ///
    /// # Errors
    /// What is wrong with the response, or with the file.
    pub fn set(
        &self,
        token: &str,
        response: serde_json::Map<String, serde_json::Value>,
        now: i64,
    ) -> Result<(), String> {
        match &*self.0 {
            Endpoint::Memory(known) => {
                let octets = serde_json::to_vec(&response).map_err(|e| e.to_string())?;
                let response = json::parse_object(&octets).map_err(|e| e.to_string())?;
                known.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), response);
                Ok(())
            }
            Endpoint::File(path, changing) => {
                let _changing = changing.lock().unwrap_or_else(PoisonError::into_inner);
                let failed = |e: &dyn fmt::Display| format!("{}: {e}", path.display());
                let mut known: serde_json::Map<_, _> =
                    serde_json::from_slice(&read(path).map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
                known.retain(|_, said: &mut serde_json::Value| said["exp"].as_i64().is_none_or(|exp| exp >= now));
                known.insert(token.to_owned(), response.into());
                let text = serde_json::to_vec_pretty(&known).map_err(|e| failed(&e))?;
                files::replace(path, &text, Access::Owner).map_err(|e| failed(&e))
            }
        }
    }

    /// Whether an answer could be had; true of memory.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn check(&self) -> Result<(), String> {
        let Endpoint::File(path, _) = &*self.0 else { return Ok(()) };
        let known = read(path).map_err(|e| e.to_string());
        let known = known.and_then(|known| json::parse_object(&known).map_err(|e| e.to_string()));
        known.map(drop).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(super) fn response(&self, token: &str) -> Option<Object> {
        match &*self.0 {
            Endpoint::Memory(known) => known.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned(),
            Endpoint::File(path, _) => match json::parse_object(&read(path).ok()?).ok()?.member(token)? {
                Value::Object(response) => Some(response.clone()),
                _ => None,
            },
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    Ok(files::text(files::read(path, LONGEST)?)?.into_bytes())
}
