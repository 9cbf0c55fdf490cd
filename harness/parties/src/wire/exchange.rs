//! Requests and answers as a client sends and sees them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Body;

use super::error::{WireError, text};
use super::tls::Alpn;

/// Longest content of an answer that is kept, in bytes.
pub const ANSWER_BODY_MAX: usize = 64 * 1024;

/// Longest content of an answer that is read to its end, in bytes. What is longer is given up, and over HTTP/1.1 the connection
/// with it.
pub(super) const ANSWER_READ_MAX: usize = 16 * 1024 * 1024;

/// A request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// Sent as `:authority` over HTTP/2 and HTTP/3 and as the Host field, the first one, over HTTP/1.1. No Host field is made if
    /// `fields` has one.
    pub authority: String,
    /// The path, with the query after `?` if there is one.
    pub path_and_query: String,
    /// Names and values. A value goes out byte by byte as it is, white space at its ends included. Fields of the same
    /// name go out separately and in this order, together, where the first of them stands.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content; its length is added as Content-Length.
    pub body: Bytes,
    /// The fields of a trailer section, as `fields`. HTTP/1.1 has them on a raw connection only, where the content is then
    /// chunked and has no Content-Length.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// What a request carries behind its head.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) content: Bytes,
    /// Empty for no trailer section.
    pub(super) trailers: HeaderMap,
}

/// The same as an HTTP library takes it. Without a trailer section nothing may be said of one.
pub(super) type OutgoingBody =
    Either<Full<Bytes>, WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>>;

impl Payload {
    pub(super) fn into_body(self) -> OutgoingBody {
        let content = Full::new(self.content);
        match self.trailers.is_empty() {
            true => Either::Left(content),
            false => Either::Right(content.with_trailers(ready(Some(Ok(self.trailers))))),
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values; fields of the same name are separate and in order of arrival.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content, at most [`ANSWER_BODY_MAX`] bytes of it.
    pub body: Bytes,
    /// Whether the content was longer than what is in `body`.
    pub truncated: bool,
    /// From handing the request to the connection to the last byte of the content.
    pub elapsed: Duration,
}

impl OutgoingRequest {
    /// The request as the HTTP library wants it for `protocol`.
    pub(super) fn express(self, protocol: Alpn) -> Result<Request<Payload>, WireError> {
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|error| not_expressible("method", &error))?;
        let target = PathAndQuery::try_from(self.path_and_query).map_err(|error| not_expressible("path", &error))?;
        let mut fields = express_fields(self.fields)?;
        let trailers = express_fields(self.trailers)?;
        if protocol == Alpn::Http1 && !trailers.is_empty() {
            return Err(WireError::NotExpressible(
                "a trailer section, in HTTP/1.1 as the library writes it".to_owned(),
            ));
        }
        let uri = match protocol {
            Alpn::Http1 => {
                if !fields.contains_key(HOST) {
                    let host = HeaderValue::from_bytes(self.authority.as_bytes());
                    let host = host.map_err(|error| not_expressible("authority", &error))?;
                    let mut with_host = HeaderMap::with_capacity(fields.len() + 1);
                    with_host.insert(HOST, host);
                    with_host.extend(fields);
                    fields = with_host;
                }
                Uri::from(target)
            }
            Alpn::Http2 | Alpn::Http3 => {
                let authority = Authority::try_from(self.authority);
                let authority = authority.map_err(|error| not_expressible("authority", &error))?;
                let builder = Uri::builder().scheme(Scheme::HTTPS).authority(authority).path_and_query(target);
                builder.build().map_err(|error| not_expressible("target", &error))?
            }
        };
        let mut request = Request::new(Payload { content: self.body, trailers });
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = fields;
        Ok(request)
    }
}

fn not_expressible(part: &str, error: &(dyn std::error::Error + 'static)) -> WireError {
    WireError::NotExpressible(format!("{part}: {}", text(error)))
}

/// Fields as a header map. It keeps names in order of their first appearance and the values of each name in order.
pub(super) fn express_fields(fields: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, WireError> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| not_expressible("field name", &error))?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value));
        let value = value.map_err(|error| not_expressible("field value", &error))?;
        // Fails when the map is full, at some 32,000 names.
        map.try_append(name, value).map_err(|error| not_expressible("fields", &error))?;
    }
    Ok(map)
}

/// The fields of a header map, those of one name next to each other.
pub(super) fn list_fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// A message body that was read.
pub(super) struct ReadBody {
    /// The content, as much as is kept.
    pub(super) content: Bytes,
    /// Whether there was more.
    pub(super) truncated: bool,
    /// The trailer section; empty if the content was not read to its end.
    pub(super) trailers: HeaderMap,
}

/// Reads a message body: keeps up to `limit` bytes of content, and reads on to its end as long as there are not more than `most`
/// in all.
pub(super) async fn read_body<B>(mut body: B, limit: usize, most: usize) -> Result<ReadBody, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut kept = BytesMut::new();
    let mut trailers = HeaderMap::new();
    let mut read: usize = 0;
    while let Some(frame) = body.frame().await {
        let data = match frame?.into_data() {
            Ok(data) => data,
            Err(other) => {
                trailers.extend(other.into_trailers().unwrap_or_default());
                continue;
            }
        };
        read = read.saturating_add(data.len());
        let room = limit - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if read > most {
            return Ok(ReadBody { content: kept.freeze(), truncated: true, trailers: HeaderMap::new() });
        }
    }
    Ok(ReadBody { truncated: read > kept.len(), content: kept.freeze(), trailers })
}
