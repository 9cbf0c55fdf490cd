//! Requests of a client over HTTP/3, and the contents of messages.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use h3::client::{RequestStream, SendRequest};
use h3::error::{Code, StreamError};
use h3::quic::RecvStream;
use h3_quinn::OpenStreams;
use http::Request;
use http::header::{CONTENT_LENGTH, HOST};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::alert_in;
use crate::wire::error::{WireError, text};
use crate::wire::exchange::{ANSWER_BODY_MAX, ANSWER_READ_MAX, Answer, Payload, list_fields};

/// Sends requests over a connection, in parallel.
#[derive(Clone)]
pub(in crate::wire) struct Requests {
    sender: SendRequest<OpenStreams, Bytes>,
    conn: quinn::Connection,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl Requests {
    pub(super) fn new(sender: SendRequest<OpenStreams, Bytes>, conn: quinn::Connection) -> Self {
        Self { sender, conn }
    }

    /// Sends `request` and reads the answer to its end.
    pub(in crate::wire) async fn exchange(&self, request: Request<Payload>) -> Result<Answer, WireError> {
        let (mut head, payload) = request.into_parts();
        // h3 closes the whole connection over such a request.
        let differs = |authority: &http::uri::Authority| {
            head.headers.get_all(HOST).iter().any(|host| host.as_bytes() != authority.as_str().as_bytes())
        };
        if head.uri.authority().is_none_or(differs) {
            return Err(WireError::NotExpressible("in HTTP/3 a Host field has to agree with :authority".to_owned()));
        }
        if !payload.content.is_empty() && !head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, payload.content.len().into());
        }
        let start = Instant::now();
        // In a task of its own, which ends with this future: h3-quinn can panic over a malformed answer.
        let mut task = JoinSet::new();
        task.spawn(converse(self.sender.clone(), Request::from_parts(head, ()), payload));
        let ended = task.join_next().await;
        let exchanged = ended.and_then(Result::ok).ok_or_else(|| WireError::Http("h3 gave up".to_owned()))?;
        let (response, (body, truncated)) = exchanged.map_err(|error| unanswered(&self.conn, &error))?;
        Ok(Answer {
            status: response.status().as_u16(),
            fields: list_fields(response.headers()),
            body,
            truncated,
            elapsed: start.elapsed(),
        })
    }
}

type Response = (http::Response<()>, (Bytes, bool));

async fn converse(
    mut sender: SendRequest<OpenStreams, Bytes>,
    head: Request<()>,
    payload: Payload,
) -> Result<Response, StreamError> {
    let (mut sending, receiving) = sender.send_request(head).await?.split();
    let send = async {
        let Payload { content, trailers } = payload;
        if !content.is_empty() {
            sending.send_data(content).await?;
        }
        if !trailers.is_empty() {
            sending.send_trailers(trailers).await?;
        }
        sending.finish().await
    };
    let receive = receive(receiving);
    tokio::pin!(send, receive);
    // A server may answer before it has read the whole request, and stop reading.
    tokio::select! {
        biased;
        answer = &mut receive => answer,
        _ = &mut send => receive.await,
    }
}

async fn receive<S: RecvStream>(mut stream: RequestStream<S, Bytes>) -> Result<Response, StreamError> {
    let response = stream.recv_response().await?;
    let body = read(ANSWER_BODY_MAX, ANSWER_READ_MAX, |cx| stream.poll_recv_data(cx)).await?;
    Ok((response, body))
}

/// Reads a message body, of which `limit` bytes are kept and no more than `most` read, and says whether there was more.
pub(super) async fn read<B: Buf>(
    limit: usize,
    most: usize,
    mut poll_data: impl FnMut(&mut Context<'_>) -> Poll<Result<Option<B>, StreamError>>,
) -> Result<(Bytes, bool), StreamError> {
    let (mut kept, mut all) = (BytesMut::new(), 0_usize);
    let reading = poll_fn(|cx| {
        while let Some(mut data) = ready!(poll_data(cx))? {
            all = all.saturating_add(data.remaining());
            let room = (limit - kept.len()).min(data.remaining());
            kept.extend_from_slice(&data.copy_to_bytes(room));
            if all > most {
                break;
            }
        }
        Poll::Ready(Ok::<_, StreamError>(()))
    });
    reading.await?;
    Ok((kept.clone().freeze(), all > kept.len()))
}

/// Why a request has no answer. A peer that is closing, or that ends the connection without an error, has not processed what it
/// does not answer (RFC 9114 sections 4.1.1 and 5.2).
fn unanswered(conn: &quinn::Connection, error: &StreamError) -> WireError {
    let not_processed = match error {
        StreamError::RemoteTerminate { code, .. } => *code == Code::H3_REQUEST_REJECTED,
        // h3 has a variant for the first and shows it in words only.
        _ => error.to_string() == "Remote is closing the connection" || error.is_h3_no_error(),
    };
    match failure(conn, error) {
        WireError::Http(why) if not_processed => {
            let ended = !matches!(error, StreamError::RemoteTerminate { .. });
            WireError::NotProcessed { why, ended, reset: false }
        }
        other => other,
    }
}

/// The best account of a failure: an alert of the peer, or what else ended the connection, before what followed from it.
pub(super) fn failure(conn: &quinn::Connection, error: &(dyn std::error::Error + 'static)) -> WireError {
    let of_http = text(error);
    let Some(ended) = conn.close_reason() else { return WireError::Http(of_http) };
    if let Some(alert) = alert_in(&ended) {
        return WireError::Refused { alert };
    }
    let of_connection = text(&ended);
    WireError::Http(match of_http.contains(&of_connection) {
        true => of_http,
        false => format!("{of_http} ({of_connection})"),
    })
}
