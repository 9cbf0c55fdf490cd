//! A UDP socket that can be taken away from the QUIC endpoint that uses it: whatever the endpoint still says then is not
//! heard by anyone, and the port is free at once. quinn itself ends no connection without telling the peer.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};
use tokio::sync::watch;

/// How often something went through a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// The socket.
pub(super) struct Socket {
    /// `None` when it was taken away.
    open: Mutex<Option<Arc<dyn AsyncUdpSocket>>>,
    local_addr: SocketAddr,
    traffic: watch::Sender<Traffic>,
}

impl Socket {
    /// Binds a socket; port 0 is one that the system chooses.
    pub(super) fn bind(addr: SocketAddr) -> io::Result<Arc<Self>> {
        Self::of(UdpSocket::bind(addr)?)
    }

    /// Takes over a socket that is bound.
    pub(super) fn of(socket: UdpSocket) -> io::Result<Arc<Self>> {
        let local_addr = socket.local_addr()?;
        let open = TokioRuntime.wrap_udp_socket(socket)?;
        Ok(Arc::new(Self { open: Mutex::new(Some(open)), local_addr, traffic: watch::Sender::default() }))
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the socket, whoever still holds this value.
    pub(super) fn cut(&self) {
        drop(self.lock().take());
    }

    /// Tells whenever something was sent or received.
    pub(super) fn traffic(&self) -> watch::Receiver<Traffic> {
        self.traffic.subscribe()
    }

    /// The lock is held while the socket is used, so that none is in use any more when [`Self::cut`] returns.
    fn lock(&self) -> MutexGuard<'_, Option<Arc<dyn AsyncUdpSocket>>> {
        // No code panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, otherwise: T, question: impl FnOnce(&dyn AsyncUdpSocket) -> T) -> T {
        self.lock().as_deref().map_or(otherwise, question)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller { socket: self, waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match &*self.lock() {
            Some(socket) => socket.try_send(transmit)?,
            // As with a datagram that is lost on its way.
            None => return Ok(()),
        }
        self.traffic.send_modify(|traffic| traffic.sent += 1);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = match &*self.lock() {
            Some(socket) => ready!(socket.poll_recv(cx, bufs, meta))?,
            None => return Poll::Pending,
        };
        self.traffic.send_modify(|traffic| traffic.received += 1);
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr)
    }

    fn max_transmit_segments(&self) -> usize {
        self.ask(1, |socket| socket.max_transmit_segments())
    }

    fn max_receive_segments(&self) -> usize {
        self.ask(1, |socket| socket.max_receive_segments())
    }

    fn may_fragment(&self) -> bool {
        self.ask(true, |socket| socket.may_fragment())
    }
}

/// Holds on to the socket only while somebody waits for it to become writable.
struct Poller {
    socket: Arc<Socket>,
    waiting: Option<Pin<Box<dyn UdpPoller>>>,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = match &*this.socket.lock() {
            None => Poll::Ready(Ok(())),
            Some(socket) => {
                let waiting = this.waiting.get_or_insert_with(|| Arc::clone(socket).create_io_poller());
                waiting.as_mut().poll_writable(cx)
            }
        };
        if outcome.is_ready() {
            this.waiting = None;
        }
        outcome
    }
}
