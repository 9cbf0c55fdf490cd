//! HTTP on the client side of an established connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Boxed;
use super::client::ConnectOptions;
use super::error::{Stage, WireError, text};
use super::exchange::{
    ANSWER_BODY_MAX, ANSWER_READ_MAX, Answer, OutgoingBody, OutgoingRequest, Payload, ReadBody, list_fields, read_body,
};
use super::quic;
use super::raw::{self, Heard, Pace, RawRequest};
use super::rekey::Rekeyer;
use super::stream::{Control, How, Rekeying};
use super::tls::{Alpn, Established};

/// The tasks in which HTTP runs, so that they can all be ended together.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Tasks that have ended are let go of here, or a long connection would pile them up.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn abort(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// Sends requests over a connection. All clones send over the same connection: over HTTP/2 and HTTP/3 in parallel, over
/// HTTP/1.1 one after another.
#[derive(Clone, Debug)]
pub struct Sender {
    over: Over,
    limit: Duration,
    /// Closes when this side has closed the socket.
    gone: Option<watch::Receiver<()>>,
}

/// How long what came before the end of a connection may take to be read after it.
const LOST: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum Over {
    /// One request at a time.
    Http1(Arc<tokio::sync::Mutex<http1::SendRequest<OutgoingBody>>>, Control),
    Http2(http2::SendRequest<OutgoingBody>, Control),
    /// HTTP/1.1 without a library, one batch of requests at a time.
    Raw(raw::Requests),
    Quic(quic::Requests),
}

impl Sender {
    /// Sends `request` and reads the answer to its end.
    ///
    /// # Errors
    ///
    /// [`WireError::NotExpressible`] before anything is sent; [`WireError::NotAgreed`] if the answer is in another version
    /// of HTTP; [`WireError::Refused`] if the server ended the connection with a TLS alert; [`WireError::Timeout`] or [`WireError::Http`] otherwise.
    pub fn send(&self, request: OutgoingRequest) -> Boxed<'_, Result<Answer, WireError>> {
        self.send_with(request, &[])
    }

    /// The same with fields behind those of the request that are already as the HTTP library has them: who sends them again
    /// and again neither copies nor checks them anew.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`WireError::NotExpressible`] on a raw connection, which has no library.
    pub fn send_with<'a>(
        &'a self,
        request: OutgoingRequest,
        ready: &'a [(HeaderName, HeaderValue)],
    ) -> Boxed<'a, Result<Answer, WireError>> {
        let exchange = async move {
            match &self.over {
                Over::Http1(sender, control) => {
                    let request = express(request, Alpn::Http1, ready)?.map(Payload::into_body);
                    over_http1(sender, control, request).await.map_err(|error| unanswered(control, &error))
                }
                Over::Http2(sender, control) => {
                    let request = express(request, Alpn::Http2, ready)?.map(Payload::into_body);
                    over_http2(sender.clone(), request).await.map_err(|error| of_stream(control, &error))
                }
                Over::Raw(_) if !ready.is_empty() => {
                    Err(WireError::NotExpressible("fields of a library on a raw connection".to_owned()))
                }
                Over::Raw(requests) => {
                    let heard = requests.exchange(vec![RawRequest::of(request)], Pace::AtOnce).await?;
                    let none = || Err(WireError::Http("no answer".to_owned()));
                    heard.into_iter().next().map_or_else(none, |heard| heard.answer)
                }
                Over::Quic(requests) => requests.exchange(express(request, Alpn::Http3, ready)?).await,
            }
        };
        let either = async move {
            tokio::select! {
                biased;
                done = exchange => done,
                error = self.lost() => Err(error),
            }
        };
        Box::pin(async move { timeout(self.limit, either).await.map_err(|_| WireError::Timeout(Stage::Answer))? })
    }

    /// Why a request that hyper took will never be answered. One that is handed over in the very moment in which the
    /// connection ends is left in hyper's channel at times: nobody takes it, and nobody is told.
    async fn lost(&self) -> WireError {
        let (Some(gone), Over::Http1(_, control) | Over::Http2(_, control)) = (&self.gone, &self.over) else {
            return std::future::pending().await;
        };
        let mut gone = gone.clone();
        while gone.changed().await.is_ok() {}
        sleep(LOST).await;
        let text = "the connection ended before the request went out".to_owned();
        match (&self.over, control.unanswered(text)) {
            // Over HTTP/2 it cannot be told from what has come whether it was for this request.
            (Over::Http2(..), WireError::Http(why)) => {
                WireError::NotProcessed { why, ended: true, reset: control.was_reset() }
            }
            (_, error) => error,
        }
    }

    /// Writes all of `requests` and then reads as many answers, which come in the order of the requests. Only a connection
    /// that was opened with [`ConnectOptions::raw`] can. If the server does not answer them all, or ends HTTP on the
    /// connection, what is missing is an error and the connection is closed.
    ///
    /// # Errors
    ///
    /// [`WireError::NotExpressible`] before anything is sent; what ended the connection if it had ended before.
    pub fn send_raw(&self, requests: Vec<RawRequest>, pace: Pace) -> Boxed<'_, Result<Vec<Heard>, WireError>> {
        Box::pin(async move {
            match &self.over {
                Over::Raw(raw) => raw.exchange(requests, pace).await,
                _ => Err(WireError::NotExpressible(
                    "octets of one's own on a connection that was not opened raw".to_owned(),
                )),
            }
        })
    }
}

fn express(
    request: OutgoingRequest,
    protocol: Alpn,
    ready: &[(HeaderName, HeaderValue)],
) -> Result<Request<Payload>, WireError> {
    let mut request = request.express(protocol)?;
    for (name, value) in ready {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}

async fn over_http1(
    sender: &tokio::sync::Mutex<http1::SendRequest<OutgoingBody>>,
    control: &Control,
    request: Request<OutgoingBody>,
) -> hyper::Result<Answer> {
    // Held until the answer has been read: the next request has to wait for that anyway.
    let mut sender = sender.lock().await;
    control.asks();
    sender.ready().await?;
    let start = Instant::now();
    // A server may answer in HTTP/1.0 (RFC 9110 section 2.5): the major version is what is spoken.
    receive(start, sender.send_request(request).await?).await
}

async fn over_http2(
    mut sender: http2::SendRequest<OutgoingBody>,
    request: Request<OutgoingBody>,
) -> hyper::Result<Answer> {
    let start = Instant::now();
    receive(start, sender.send_request(request).await?).await
}

async fn receive(start: Instant, response: Response<Incoming>) -> hyper::Result<Answer> {
    let (head, body) = response.into_parts();
    let ReadBody { content: body, truncated, .. } = read_body(body, ANSWER_BODY_MAX, ANSWER_READ_MAX).await?;
    Ok(Answer {
        status: head.status.as_u16(),
        fields: list_fields(&head.headers),
        body,
        truncated,
        elapsed: start.elapsed(),
    })
}

fn failure(control: &Control, error: &hyper::Error) -> WireError {
    control.failure(text(error))
}

/// Why a request over HTTP/1.1 has no answer.
fn unanswered(control: &Control, error: &hyper::Error) -> WireError {
    control.unanswered(text(error))
}

/// Whether the connection below ended. hyper takes the error of the socket out of that of h2.
fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Why a request over HTTP/2 has no answer. GOAWAY without an error reaches a stream only if it is above the last one that the
/// peer may have processed; the end of a connection without GOAWAY leaves that open, and a client may try once more.
fn of_stream(control: &Control, error: &hyper::Error) -> WireError {
    let of_h2 = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    let not_processed = match of_h2 {
        Some(h2) if h2.is_remote() && h2.is_go_away() => h2.reason() == Some(h2::Reason::NO_ERROR),
        Some(h2) if h2.is_remote() && h2.is_reset() => h2.reason() == Some(h2::Reason::REFUSED_STREAM),
        // It was never sent.
        _ => error.is_canceled() || error.is_closed() || of_h2.is_some_and(h2::Error::is_io) || is_io(error),
    };
    match control.failure(text(error)) {
        WireError::Http(why) if not_processed => {
            WireError::NotProcessed { why, ended: !of_h2.is_some_and(h2::Error::is_reset), reset: control.was_reset() }
        }
        other => other,
    }
}

/// An established connection. Dropping it closes the socket at some time soon: over TCP without close_notify, over QUIC
/// with CONNECTION_CLOSE.
#[derive(Debug)]
pub struct Connection {
    established: Established,
    /// Early data is being sent, and the handshake is not known to be over.
    early: bool,
    sender: Sender,
    rekeyer: Rekeyer,
    link: Link,
}

#[derive(Debug)]
enum Link {
    Stream { local_addr: SocketAddr, control: Control, tasks: Tasks, gone: watch::Receiver<()> },
    Quic(quic::Link),
}

impl Connection {
    pub(super) async fn start(
        stream: Rekeying,
        established: Option<Established>,
        local_addr: SocketAddr,
        options: &ConnectOptions,
    ) -> Result<Self, WireError> {
        let (control, rekeyer, gone) = (stream.control(), stream.rekeyer(), stream.gone());
        let tasks = Tasks::default();
        let early = established.is_none();
        let established = established.unwrap_or_else(Established::nothing_yet);
        let over = if options.raw {
            let (requests, task) = raw::Requests::over(stream, options.timeout);
            tasks.spawn(task);
            Over::Raw(requests)
        } else if established.alpn == Some(Alpn::Http2) {
            let io = TokioIo::new(stream);
            let (sender, connection) =
                http2::Builder::new(tasks.clone()).handshake(io).await.map_err(|error| failure(&control, &error))?;
            // The error is the one that the requests see.
            tasks.spawn(async move { drop(connection.await) });
            Over::Http2(sender, control.clone())
        } else {
            let (sender, connection) = http1::Builder::new()
                .title_case_headers(!options.lower_case_fields)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| failure(&control, &error))?;
            tasks.spawn(async move { drop(connection.await) });
            Over::Http1(Arc::new(tokio::sync::Mutex::new(sender)), control.clone())
        };
        let sender = Sender { over, limit: options.timeout, gone: Some(gone.clone()) };
        Ok(Self { established, early, sender, rekeyer, link: Link::Stream { local_addr, control, tasks, gone } })
    }

    pub(super) fn of_quic(connected: quic::Connected, options: &ConnectOptions) -> Self {
        let quic::Connected { established, link, requests, phases } = connected;
        let sender = Sender { over: Over::Quic(requests), limit: options.timeout, gone: None };
        Self { established, early: false, sender, rekeyer: Rekeyer::of_quic(phases), link: Link::Quic(link) }
    }

    /// What this side knows from the handshake.
    #[must_use]
    pub fn established(&self) -> &Established {
        &self.established
    }

    /// Whether early data is being sent: the first request goes as such, and only then [`finish`](Self::finish) tells what
    /// else is to be known.
    #[must_use]
    pub fn is_early(&self) -> bool {
        self.early
    }

    /// Takes notice of the end of a handshake with early data; it is over when the first answer has come.
    ///
    /// # Errors
    ///
    /// [`WireError::Handshake`] if it is not over, or came to nothing.
    pub fn finish(&mut self) -> Result<&Established, WireError> {
        if self.early
            && let Link::Stream { control, .. } = &self.link
        {
            let early = || WireError::Handshake { alert: None, text: "the handshake is not over".to_owned() };
            self.established = control.established().ok_or_else(early)??;
            self.early = false;
        }
        Ok(&self.established)
    }

    /// The address and port of this side.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.link {
            Link::Stream { local_addr, .. } => *local_addr,
            Link::Quic(link) => link.local_addr(),
        }
    }

    /// Whether it goes over QUIC.
    #[must_use]
    pub fn is_quic(&self) -> bool {
        matches!(self.link, Link::Quic(_))
    }

    /// The handle for updating the traffic keys.
    #[must_use]
    pub fn rekeyer(&self) -> Rekeyer {
        self.rekeyer.clone()
    }

    /// A handle that sends requests over this connection, for sending from several tasks.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Sends `request` and reads the answer to its end.
    ///
    /// # Errors
    ///
    /// Those of [`Sender::send`].
    pub fn send(&mut self, request: OutgoingRequest) -> Boxed<'_, Result<Answer, WireError>> {
        self.sender.send(request)
    }

    /// Moves the connection to another local port (RFC 9000 section 9) and waits until the server sends to it; the old
    /// socket is closed then. Only QUIC can.
    ///
    /// # Errors
    ///
    /// [`WireError::OnlyQuic`]; [`WireError::Timeout`] if the server does not follow; [`WireError::Connect`] without
    /// another port.
    pub fn rebind(&mut self) -> Boxed<'_, Result<(), WireError>> {
        Box::pin(async {
            match &mut self.link {
                Link::Stream { .. } => Err(WireError::OnlyQuic("another address")),
                Link::Quic(link) => link.rebind(self.sender.limit).await,
            }
        })
    }

    /// Takes another of the connection ids that the server has offered and retires the one in use (RFC 9000 section
    /// 5.1.2), and waits until the server has reacted. The address stays. Only QUIC can.
    ///
    /// # Errors
    ///
    /// [`WireError::OnlyQuic`]; [`WireError::Timeout`] if the server has offered none or does not react.
    pub fn rotate_id(&mut self) -> Boxed<'_, Result<(), WireError>> {
        Box::pin(async {
            match &mut self.link {
                Link::Stream { .. } => Err(WireError::OnlyQuic("another connection id")),
                Link::Quic(link) => link.rotate_id(self.sender.limit).await,
            }
        })
    }

    /// Whether this side still holds the connection open. What the peer has done shows with a delay.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.link {
            Link::Stream { gone, .. } => gone.has_changed().is_ok(),
            Link::Quic(link) => link.is_open(),
        }
    }

    /// Waits until the connection has ended, for example because the peer ended it. Over TCP the socket is closed then.
    pub fn ended(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            match &self.link {
                Link::Stream { gone, .. } => {
                    let mut gone = gone.clone();
                    while gone.changed().await.is_ok() {}
                }
                Link::Quic(link) => link.ended().await,
            }
        })
    }

    /// Ends the connection and returns when the socket is closed on this side; at once if it is already. Requests under
    /// way fail. Over QUIC with [`How::Notify`] the socket stays some 0.1 s longer, to tell the peer again if need be.
    ///
    /// # Errors
    ///
    /// [`WireError::Timeout`] if the socket could not be closed in time in the way asked for; it is then closed in
    /// whatever way.
    pub fn close(self, how: How) -> Boxed<'static, Result<(), WireError>> {
        Box::pin(async move {
            match &self.link {
                Link::Stream { control, .. } => control.close(how),
                Link::Quic(link) => link.close(how),
            }
            // On a time-out, dropping `self` aborts the tasks that own the socket.
            timeout(self.sender.limit, self.ended()).await.map_err(|_| WireError::Timeout(Stage::Close))
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // QUIC's end is that of the link.
        if let Link::Stream { tasks, .. } = &self.link {
            tasks.abort();
        }
    }
}
