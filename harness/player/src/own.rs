//! What a subject has of its own in place of the bundle: an authorization server, and client certificates.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use ekmcheck_forge::pki::Identity;
use tokio::{
    io::AsyncReadExt as _,
    process::{ChildStderr, Command},
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout},
};

use ekmcheck_children::Leash;

use crate::secrets::Secrets;

/// The longest token that is taken, in octets: more than any server takes in a field.
const LONGEST: u64 = 16 * 1024;
/// The longest that the command may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a token is used again: short enough for the lifetimes that authorization servers give.
const KEPT: Duration = Duration::from_secs(30);
/// How many octets of its standard error are kept, and how long its end is waited for.
const COMPLAINT: usize = 1024;
const ENDING: Duration = Duration::from_millis(500);

/// A command that gets access tokens from the subject's own authorization server.
#[derive(Debug)]
pub struct TokenCommand {
    /// Program and arguments; see [`Self::token`] for what is filled in.
    command: Vec<String>,
    /// Where it runs.
    directory: PathBuf,
    /// The certificate chains of the clients, in PEM, by their names.
    certificates: BTreeMap<String, PathBuf>,
    /// By client and name.
    kept: Mutex<HashMap<(String, String), (Instant, String)>>,
}

impl TokenCommand {
    /// Program and arguments, where it runs, and the certificate files of the clients by their names.
    #[must_use]
    pub fn new(command: Vec<String>, directory: PathBuf, certificates: BTreeMap<String, PathBuf>) -> Self {
        Self { command, directory, certificates, kept: Mutex::default() }
    }

    /// The token of that name for a client: another one for another name. In the command `{client}`, `{certificate}` (its
    /// file), `{thumbprint}` (`x5t#S256`) and `{name}` are filled in; it writes the token on one line.
    ///
    /// # Errors
    /// What went wrong with the command, or with what it wrote.
    pub(crate) async fn token(&self, client: &Identity, name: &str) -> Result<String, String> {
        let wanted = (client.name.to_owned(), name.to_owned());
        // Held until the token is there: a hundred plays that want the same one ask once.
        let mut kept = self.kept.lock().await;
        if let Some((since, token)) = kept.get(&wanted)
            && since.elapsed() < KEPT
        {
            return Ok(token.clone());
        }
        let certificate = self.certificates.get(client.name).map(|path| path.display().to_string());
        let fill = |word: &String| {
            word.replace("{client}", client.name)
                .replace("{certificate}", certificate.as_deref().unwrap_or_default())
                .replace("{thumbprint}", &client.certificate.thumbprint().to_string())
                .replace("{name}", name)
        };
        let words: Vec<String> = self.command.iter().map(fill).collect();
        let (program, arguments) = words.split_first().ok_or("tokens.command is empty")?;
        let told = |what: String| format!("tokens.command {program:?}: {what}");
        let asked = timeout(LIMIT, self.ask(program, arguments)).await;
        let token = asked.map_err(|_| told(format!("wrote no token within {} s", LIMIT.as_secs())))?.map_err(told)?;
        kept.insert(wanted, (Instant::now(), token.clone()));
        Ok(token)
    }

    async fn ask(&self, program: &str, arguments: &[String]) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.directory).kill_on_drop(true);
        // It may write on standard error what nobody should see, and what would steer a terminal.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Whatever it started ends with it, at its end or at ours.
        let (mut child, _leash) = Leash::start(&mut command)
            .map_err(|e| format!("cannot be started in {}: {e}", self.directory.display()))?;
        let complaint = child.stderr.take().map(listen);
        let mut text = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LONGEST + 1).read_to_end(&mut text).await.map_err(|e| e.to_string())?;
        }
        if text.len() as u64 > LONGEST {
            return Err(format!("wrote more than {LONGEST} octets; one line with a token is wanted"));
        }
        let status = child.wait().await.map_err(|e| e.to_string())?;
        if !status.success() {
            let complaint = match complaint {
                Some(complaint) => heard(complaint).await,
                None => String::new(),
            };
            return Err(format!("ended with {status}{complaint}"));
        }
        token_in(&text)
    }
}

/// Takes what a command writes to standard error, so that it never waits for a reader; the end of it is kept.
fn listen(mut stderr: ChildStderr) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let (mut end, mut octets) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stderr.read(&mut octets).await {
            end.extend_from_slice(octets.get(..count).unwrap_or_default());
            end.drain(..end.len().saturating_sub(COMPLAINT));
        }
        end
    })
}

/// What a command that failed wrote last, on one line and without what has the form of a token.
async fn heard(mut listening: JoinHandle<Vec<u8>>) -> String {
    // A child of the command may hold the stream open.
    let Ok(Ok(said)) = timeout(ENDING, &mut listening).await else {
        listening.abort();
        return String::new();
    };
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or_default().join(" | ");
    if last.is_empty() { last } else { format!("; it wrote: {}", Secrets::default().told(&last)) }
}

/// The one token that was written (`b64token`, RFC 6750 section 2.1).
fn token_in(text: &[u8]) -> Result<String, String> {
    let text = str::from_utf8(text).map_err(|e| format!("what it wrote is not UTF-8: {e}"))?.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    match text.chars().position(|c| !allowed(c)) {
        _ if text.is_empty() => Err("wrote nothing; one line with a token is wanted".to_owned()),
        // Not what it is: it may be a secret in another form.
        Some(place) => Err(format!("what it wrote is no access token: character {place} is none of RFC 6750's")),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_and_nothing_else_is_taken() {
        assert_eq!(token_in(b" aA0-._~+/==\n"), Ok("aA0-._~+/==".to_owned()));
        assert!(token_in(b"\n").unwrap_err().contains("nothing"));
        assert!(token_in(b"{\"access_token\":1}").unwrap_err().contains("character 0"));
        assert!(token_in(b"one\ntwo").unwrap_err().contains("character 3"));
        assert!(token_in(b"\xff").unwrap_err().contains("UTF-8"));
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn what_the_command_leaves_behind_is_ended() {
        let folder = std::env::temp_dir().join(format!("ekmcheck-own-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = "sleep 1000 >/dev/null & echo $! > left; echo token";
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let tokens = TokenCommand::new(command, folder.clone(), BTreeMap::new());
        assert_eq!(tokens.ask("sh", &tokens.command[1..]).await, Ok("token".to_owned()));
        let left = std::fs::read_to_string(folder.join("left")).unwrap();
        // Its new parent may not have noticed yet.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
        while !state().is_empty() && !state().contains(") Z ") {
            tokio::task::yield_now().await;
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
