//! From a request as an HTTP library has it to the service and back.

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};

use super::exchange::{express_fields, list_fields};
use super::manner::Manner;
use super::registry::Live;
use super::service::{Incoming, Outgoing};

/// Has the service answer a request that was received whole.
pub(super) fn respond(live: &Live, head: &Parts, body: Bytes, trailers: &HeaderMap) -> (Response<Bytes>, Manner) {
    let whole = || {
        live.request(Incoming {
            method: head.method.as_str().to_owned(),
            scheme_is_https: head.uri.scheme().is_none_or(|scheme| *scheme == Scheme::HTTPS),
            authority: authority_of(head).map(str::to_owned),
            path_and_query: path_of(head).to_owned(),
            fields: list_fields(&head.headers),
            body,
            trailers: list_fields(trailers),
        })
    };
    let Outgoing { status, fields, body, manner } = live.head(head).unwrap_or_else(whole);
    let closes = |(name, value): &(String, Vec<u8>)| name.eq_ignore_ascii_case("connection") && value == b"close";
    let closing = fields.iter().any(closes) || manner.http10;
    if closing {
        live.hang_up();
    }
    // HTTP/2 and HTTP/3 have no such field (RFC 9113 section 8.2.2).
    let fields = fields.into_iter().filter(|field| head.version < Version::HTTP_2 || !closes(field)).collect();
    let (Ok(status), Ok(fields)) = (StatusCode::from_u16(status), express_fields(fields)) else {
        return (bare(StatusCode::INTERNAL_SERVER_ERROR), Manner::default());
    };
    // The answer to a HEAD has no content (RFC 9110 section 9.3.2).
    let (body, manner) = match head.method == Method::HEAD {
        true => (Bytes::new(), Manner { chunked: false, ..manner }),
        false => (body, manner),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    if manner.http10 && head.version < Version::HTTP_2 {
        *response.version_mut() = Version::HTTP_10;
    }
    (response, manner)
}

/// What [`Incoming::authority`] is.
#[must_use]
pub fn authority_of(head: &Parts) -> Option<&str> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let host: Option<&HeaderValue> = hosts.next().filter(|_| hosts.next().is_none());
    host?.to_str().ok()
}

/// What [`Incoming::path_and_query`] is.
#[must_use]
pub fn path_of(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", |target| target.as_str())
}

/// An answer that is only a status.
pub(super) fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
