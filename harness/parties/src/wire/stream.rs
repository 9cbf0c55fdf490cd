//! A TLS stream that stays within reach after HTTP has taken it over: its traffic keys can be updated and it can be
//! ended in a chosen way.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use rustls::ConnectionCommon;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsStream;

use super::error::{WireError, alert_in, text};
use super::rekey::{Rekeyed, Rekeyer};
use super::tls::{Established, ExporterRequest, export_all};

/// A way of ending a connection. QUIC has two of them: to tell the peer, and to fall silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// TLS close_notify, then TCP FIN. QUIC: CONNECTION_CLOSE with H3_NO_ERROR.
    Notify,
    /// TCP FIN without close_notify: a truncation, to TLS. QUIC: as [`Reset`](Self::Reset).
    Fin,
    /// TCP RST. QUIC: the socket is closed and nothing is sent; the peer finds out when its idle time is over.
    Reset,
}

#[derive(Debug, Default)]
struct State {
    /// Key updates asked for and not yet queued.
    wanted: usize,
    rekeyed: Rekeyed,
    closing: Option<How>,
    /// When HTTP ends the connection, close_notify is left out.
    without_notify: bool,
    alert: Option<String>,
    /// Something came since the last request went out.
    heard: bool,
    /// What a handshake came to that was not over when HTTP began.
    established: Option<Result<Established, WireError>>,
    io_error: Option<String>,
    /// It was a reset.
    reset: bool,
    /// The task that polled the stream last; HTTP polls a stream from one task at a time.
    waker: Option<Waker>,
}

/// State shared by a stream and the handles to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Control(Arc<Mutex<State>>);

impl Control {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; a poisoned state is still a consistent one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection as soon as the task that owns the stream runs.
    pub(super) fn close(&self, how: How) {
        let waker = {
            let mut state = self.lock();
            state.closing.get_or_insert(how);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has close_notify left out when HTTP ends the connection.
    pub(super) fn forget_notify(&self) {
        self.lock().without_notify = true;
    }

    /// The fatal alert the peer sent, by name.
    pub(super) fn alert(&self) -> Option<String> {
        self.lock().alert.clone()
    }

    /// What the handshake came to, if HTTP began before its end.
    pub(super) fn established(&self) -> Option<Result<Established, WireError>> {
        self.lock().established.clone()
    }

    /// The first error of the stream, which HTTP libraries tend to swallow.
    pub(super) fn io_error(&self) -> Option<String> {
        self.lock().io_error.clone()
    }

    /// Whether the connection was reset.
    pub(super) fn was_reset(&self) -> bool {
        self.lock().reset
    }

    /// The best account of a failure: an alert of the peer before anything that followed from it.
    pub(super) fn failure(&self, of_http: String) -> WireError {
        if let Some(alert) = self.alert() {
            return WireError::Refused { alert };
        }
        WireError::Http(match self.io_error() {
            Some(of_stream) if !of_http.contains(&of_stream) => format!("{of_http} ({of_stream})"),
            _ => of_http,
        })
    }

    /// A request goes out: what comes from now on is its answer.
    pub(super) fn asks(&self) {
        self.lock().heard = false;
    }

    /// The account of a request that has no answer: if nothing at all of one had come when the peer ended the connection,
    /// without an alert, the request counts as not processed.
    pub(super) fn unanswered(&self, of_http: String) -> WireError {
        let (silent, reset) = {
            let state = self.lock();
            (!state.heard, state.reset)
        };
        match self.failure(of_http) {
            WireError::Http(why) if silent => WireError::NotProcessed { why, ended: true, reset },
            other => other,
        }
    }

    /// Has `n` key updates queued ahead of the next bytes.
    pub(super) fn request_rekeying(&self, n: usize) {
        let mut state = self.lock();
        state.wanted = state.wanted.saturating_add(n);
    }

    /// What came of the key updates so far.
    pub(super) fn rekeyed(&self) -> Rekeyed {
        self.lock().rekeyed.clone()
    }

    fn record(&self, error: &io::Error) {
        let mut state = self.lock();
        if state.alert.is_none() {
            state.alert = alert_in(error);
        }
        state.reset |= error.kind() == io::ErrorKind::ConnectionReset;
        if state.io_error.is_none() {
            state.io_error = Some(text(error));
        }
    }
}

/// A TLS stream of either side that carries out what was asked through its handles before it reads or writes.
#[derive(Debug)]
pub struct Rekeying {
    // Dropped in this order: whoever waits for the end of `alive` finds the socket closed.
    stream: TlsStream<TcpStream>,
    control: Control,
    exporters: Vec<ExporterRequest>,
    ended: bool,
    /// What was received as early data and is not yet read.
    early: VecDeque<u8>,
    /// The handshake is still under way: the client sends early data.
    handshaking: bool,
    /// Something was written.
    begun: bool,
    alive: watch::Sender<()>,
}

impl Rekeying {
    /// Wraps a stream whose handshake is complete, or that of a client which sends early data. The values of `exporters` are taken after each key update.
    #[must_use]
    pub fn new(stream: impl Into<TlsStream<TcpStream>>, exporters: &[ExporterRequest]) -> Self {
        let exporters = exporters.to_vec();
        let alive = watch::Sender::new(());
        let stream = stream.into();
        let handshaking = stream.get_ref().1.is_handshaking();
        let (control, early) = (Control::default(), VecDeque::new());
        Self { stream, control, exporters, ended: false, early, handshaking, begun: false, alive }
    }

    /// Lets these octets be read before what the stream has.
    pub(super) fn after(self, early: Vec<u8>) -> Self {
        Self { early: early.into(), ..self }
    }

    /// Notes what the handshake came to, as soon as it is over.
    fn note_end_of_handshake(&mut self) {
        if !self.handshaking || self.stream.get_ref().1.is_handshaking() {
            return;
        }
        self.handshaking = false;
        if let TlsStream::Client(stream) = &self.stream {
            let conn = stream.get_ref().1;
            let established = Established::of(conn, &self.exporters);
            let early_data = conn.is_early_data_accepted();
            self.control.lock().established = Some(established.map(|e| Established { early_data, ..e }));
        }
    }

    /// The handle for key updates.
    #[must_use]
    pub fn rekeyer(&self) -> Rekeyer {
        Rekeyer::of_stream(self.control.clone())
    }

    pub(super) fn control(&self) -> Control {
        self.control.clone()
    }

    /// A channel that closes when the socket has been closed by this side.
    pub(super) fn gone(&self) -> watch::Receiver<()> {
        self.alive.subscribe()
    }

    /// Queues the key updates that were asked for.
    fn rekey(&mut self) {
        if self.handshaking {
            return;
        }
        let mut state = self.control.lock();
        while state.wanted > 0 {
            let outcome = match &mut self.stream {
                TlsStream::Client(stream) => update_keys(stream.get_mut().1, &self.exporters),
                TlsStream::Server(stream) => update_keys(stream.get_mut().1, &self.exporters),
            };
            match outcome {
                Ok(exports) => {
                    state.wanted -= 1;
                    state.rekeyed.done += 1;
                    state.rekeyed.exports = exports;
                }
                Err(error) => {
                    state.wanted = 0;
                    state.rekeyed.last_error = Some(text(&error));
                }
            }
        }
    }

    /// Ends the connection if that was asked for. `Ready(Ok)` means that the stream is still in use.
    fn poll_in_use(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closing = {
            let mut state = self.control.lock();
            if !state.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            state.closing
        };
        let Some(how) = closing else { return Poll::Ready(Ok(())) };
        if !self.ended {
            // The outcome does not matter: the stream is given up in any case.
            match (how, &mut self.stream) {
                (How::Notify, stream) => drop(ready!(Pin::new(stream).poll_shutdown(cx))),
                (How::Fin, TlsStream::Client(stream)) => {
                    drop(ready!(Pin::new(&mut *stream.get_mut().0).poll_shutdown(cx)));
                }
                (How::Fin, TlsStream::Server(stream)) => {
                    drop(ready!(Pin::new(&mut *stream.get_mut().0).poll_shutdown(cx)));
                }
                // The socket sends RST when it is closed, which is when HTTP drops the stream.
                (How::Reset, stream) => drop(stream.get_ref().0.set_zero_linger()),
            }
            self.ended = true;
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "ended by this side")))
    }

    /// After a failed write, reads what the peer had sent before: the alert that explains the failure.
    fn look_for_alert(&mut self, cx: &mut Context<'_>) {
        let mut scratch = [0_u8; 1024];
        // Bounded: a peer that keeps sending is not refusing anything.
        for _ in 0..16 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Err(error)) => return self.control.record(&error),
                Poll::Ready(Ok(())) | Poll::Pending => return,
            }
        }
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &outcome {
            self.look_for_alert(cx);
            self.control.record(error);
        }
        outcome
    }
}

/// Queues one KeyUpdate message and takes the exporter values with the new keys in place.
fn update_keys<Side>(
    conn: &mut ConnectionCommon<Side>,
    exporters: &[ExporterRequest],
) -> Result<Vec<(&'static str, Vec<u8>)>, rustls::Error> {
    conn.refresh_traffic_keys()?;
    export_all(conn, exporters)
}

impl AsyncRead for Rekeying {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_in_use(cx))?;
        if !this.early.is_empty() {
            let count = this.early.len().min(buf.remaining());
            buf.put_slice(&this.early.drain(..count).collect::<Vec<_>>());
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.note_end_of_handshake();
        match &outcome {
            Poll::Ready(Err(error)) => this.control.record(error),
            Poll::Ready(Ok(())) if buf.filled().len() > before => this.control.lock().heard = true,
            _ => {}
        }
        outcome
    }
}

impl AsyncWrite for Rekeying {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_in_use(cx))?;
        this.rekey();
        this.begun = true;
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_in_use(cx))?;
        this.rekey();
        this.begun = true;
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_in_use(cx))?;
        this.rekey();
        if this.handshaking && !this.begun {
            // It would end the handshake, and with it the time of early data.
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.note_end_of_handshake();
        this.written(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if ready!(this.poll_in_use(cx)).is_err() {
            return Poll::Ready(Ok(()));
        }
        let without_notify = this.control.lock().without_notify;
        match &mut this.stream {
            TlsStream::Client(stream) if without_notify => Pin::new(&mut *stream.get_mut().0).poll_shutdown(cx),
            TlsStream::Server(stream) if without_notify => Pin::new(&mut *stream.get_mut().0).poll_shutdown(cx),
            stream => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
