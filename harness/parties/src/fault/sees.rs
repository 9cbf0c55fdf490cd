//! What a faulty server takes a request for.

use crate::wire::Incoming;

/// Looks for a proof in the query and in a form as well.
pub(super) fn proof_anywhere(request: &mut Incoming) {
    if !has(request, "session-binding-proof")
        && let Some(proof) = parameter(request, "session_binding_proof")
    {
        request.fields.push(("session-binding-proof".to_owned(), proof.into_bytes()));
    }
}

/// Looks for a token in the query and in a form as well (RFC 6750 sections 2.2 and 2.3).
pub(super) fn token_anywhere(request: &mut Incoming) {
    if !has(request, "authorization")
        && let Some(token) = parameter(request, "access_token")
    {
        request.fields.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
    }
}

/// Has one Authorization field only: the first.
pub(super) fn first_authorization(request: &mut Incoming) {
    let mut found = false;
    request.fields.retain(|(name, _)| name != "authorization" || !std::mem::replace(&mut found, true));
}

/// Has one Authorization field only: the last.
pub(super) fn last_authorization(request: &mut Incoming) {
    request.fields.reverse();
    first_authorization(request);
    request.fields.reverse();
}

/// Believes a client about the target.
pub(super) fn forwarded_target(request: &mut Incoming) {
    if let Some(host) = field(request, "x-forwarded-host") {
        request.authority = Some(host);
    }
    if let Some(path) = field(request, "x-original-url") {
        request.path_and_query = path;
    }
}

/// Is asked by a proxy in a request of its own, which is always a GET.
pub(super) fn sub_request(request: &mut Incoming) {
    "GET".clone_into(&mut request.method);
}

/// Stands behind a proxy that takes the first segment of the path away.
pub(super) fn without_prefix(request: &mut Incoming) {
    if let Some((at, _)) = request.path_and_query.match_indices('/').nth(1) {
        request.path_and_query.drain(..at);
    }
}

fn has(request: &Incoming, name: &str) -> bool {
    request.fields.iter().any(|(n, _)| n == name)
}

fn field(request: &Incoming, name: &str) -> Option<String> {
    let (_, value) = request.fields.iter().find(|(n, _)| n == name)?;
    String::from_utf8(value.clone()).ok()
}

/// A parameter of the query, or of the content; values of ours need no decoding.
fn parameter(request: &Incoming, name: &str) -> Option<String> {
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let content = std::str::from_utf8(&request.body).unwrap_or_default();
    let mut parameters = query.split('&').chain(content.split('&')).filter_map(|p| p.split_once('='));
    parameters.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}
