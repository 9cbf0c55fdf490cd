//! A request on its way out, and what is kept of the answer.

use ekmcheck_forge::recipe::Made;
use ekmcheck_parties::wire::{self, OutgoingRequest, WireError};
use ekmcheck_suite::transcript::{Answer, Reaction};

use super::Stop;
use crate::{fingerprint::ekm_text, secrets::Secrets};

/// How many `WWW-Authenticate` fields of an answer are kept, and how many characters of each.
const CHALLENGES: (usize, usize) = (32, 8192);
/// How many octets of a field are looked at: what is longer than a few tokens is no challenge.
const LONGEST_FIELD: usize = 1 << 14;

/// A request that was made and not yet sent.
pub(super) struct Ready {
    pub(super) made: Made,
    pub(super) proof_sent: Option<String>,
}

impl Ready {
    /// What of it stands in an answer, fields and content.
    fn reflected_in(&self, answer: &wire::Answer) -> Vec<String> {
        let ekm = self.proof_sent.as_deref().and_then(ekm_text);
        let secrets = [("token", Some(self.made.token.clone())), ("proof", self.proof_sent.clone()), ("ekm", ekm)];
        let values = answer.fields.iter().map(|(_, value)| value.as_slice()).chain([&answer.body[..]]);
        let texts: Vec<_> = values.map(String::from_utf8_lossy).collect();
        // Most answers are too short for any of them, and a search is not for nothing.
        let fits = |text: &str, secret: &str| text.len() >= secret.len() && text.contains(secret);
        let stands = |secret: &str| !secret.is_empty() && texts.iter().any(|text| fits(text, secret));
        secrets.iter().filter(|(_, s)| s.as_deref().is_some_and(stands)).map(|(n, _)| (*n).to_owned()).collect()
    }
}

pub(super) fn outgoing(made: &Made, authority: String) -> OutgoingRequest {
    OutgoingRequest {
        method: made.request.method.clone(),
        authority,
        path_and_query: made.request.path.clone(),
        fields: made.request.fields.clone(),
        body: made.request.body.clone().into(),
        trailers: Vec::new(),
    }
}

/// A path as transcripts show it: an alteration may have put token or proof into it.
pub(super) fn without_secrets(path: &str, made: &Made) -> String {
    let secrets = [(&made.token, "(token)"), (&made.proof, "(proof)")];
    let secrets = secrets.into_iter().filter(|(secret, _)| !secret.is_empty());
    secrets.fold(path.to_owned(), |path, (secret, name)| path.replace(secret, name))
}

/// Bounds what a subject says, and takes secrets out of it: before it is cut off, so that no part of one is left. With the
/// reaction, whether the connection takes no more requests.
pub(super) fn reaction(
    secrets: &Secrets,
    sent: &Ready,
    answer: Result<wire::Answer, WireError>,
) -> Result<(Reaction, bool), Stop> {
    match answer {
        Ok(answer) => Ok((Reaction::Answer(kept(secrets, sent, &answer)), false)),
        Err(WireError::NotExpressible(what)) => Err(Stop::NotTestable(format!("cannot be sent: {what}"))),
        // What was to be spoken is not.
        Err(error @ WireError::NotAgreed(_)) => Err(Stop::Broken(secrets.told(&error.to_string()))),
        // No good order; it is tried once more all the same, as a server may reset what it ends.
        Err(WireError::NotProcessed { why, reset: true, .. }) => Ok((Reaction::Nothing(secrets.told(&why)), true)),
        Err(WireError::NotProcessed { why, ended, .. }) => Ok((Reaction::NotProcessed(secrets.told(&why)), ended)),
        Err(error @ WireError::Timeout(_)) => Ok((Reaction::Hung(error.to_string()), false)),
        Err(error) => Ok((Reaction::Nothing(secrets.told(&error.to_string())), false)),
    }
}

/// What is kept of an answer.
fn kept(secrets: &Secrets, sent: &Ready, answer: &wire::Answer) -> Answer {
    let values = |wanted: &'static str| {
        answer.fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let text = |value: &Vec<u8>| {
        // Field values are octets; Latin-1 keeps each visible to the judge of the challenge's syntax.
        let text: String = value.iter().take(LONGEST_FIELD).map(|b| char::from(*b)).collect();
        secrets.hidden(&text).chars().take(CHALLENGES.1).collect::<String>()
    };
    let texts = |wanted| values(wanted).take(CHALLENGES.0).map(text).collect();
    let challenges = || values("www-authenticate");
    let retry_after = values("retry-after").next().and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
    Answer {
        status: answer.status,
        challenges: texts("www-authenticate"),
        challenges_cut: challenges().count() > CHALLENGES.0 || challenges().any(|value| value.len() > CHALLENGES.1),
        retry_after,
        after: Some(answer.elapsed.as_secs()).filter(|seconds| *seconds > 1).unwrap_or_default(),
        cache_control: texts("cache-control"),
        reflects: sent.reflected_in(answer),
    }
}
