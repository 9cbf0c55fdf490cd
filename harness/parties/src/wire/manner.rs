//! How an answer goes out, where it does not go out as usual: what right servers do, and what wrong ones do.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

/// How an answer goes out. By default as the HTTP library sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What is done instead of answering.
    pub instead: Option<Instead>,
    /// HTTP/1.1: the answer says that it is of HTTP/1.0, and the connection ends with it.
    pub http10: bool,
    /// The length of the content is not said beforehand; HTTP/1.1 then sends it in chunks.
    pub chunked: bool,
    /// It goes out only after this time.
    pub after: Duration,
    /// TLS over TCP: when the connection ends, it ends without close_notify.
    pub without_notify: bool,
}

/// What a server can do instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Ends the connection in good order: close_notify and FIN, or CONNECTION_CLOSE.
    End,
    /// HTTP/2: says that it has not processed the request, by REFUSED_STREAM (RFC 9113 section 8.7). Elsewhere as [`End`](Self::End).
    Rejection,
    /// Nothing, for as long as the connection lives.
    Silence,
}

/// The content of an answer.
#[derive(Debug)]
pub(super) struct AnswerBody {
    content: Full<Bytes>,
    /// Its length is not said beforehand.
    chunked: bool,
}

impl AnswerBody {
    pub(super) fn new(content: Bytes, manner: Manner) -> Self {
        Self { content: Full::new(content), chunked: manner.chunked }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.content).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        !self.chunked && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked { SizeHint::default() } else { self.content.size_hint() }
    }
}
