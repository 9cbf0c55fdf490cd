//! The client side of a QUIC connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::ConnectionError;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::negotiation::negotiate;
use super::requests::{Requests, failure};
use super::session::{ClientCrypto, QUIC_V1};
use super::socket::{Socket, Traffic};
use super::{NO_ERROR, Phases, endpoint, established, handshake_failure, transport};
use crate::wire::client::{ConnectOptions, Witness, local_for};
use crate::wire::error::{Stage, WireError, text};
use crate::wire::stream::How;
use crate::wire::tls::{Established, ExporterRequest};

/// Time after which a client gives up a server of which it hears nothing.
const IDLE: Duration = Duration::from_secs(30);

/// What quinn needs to know of a client.
pub(in crate::wire) fn client_config(tls: Arc<rustls::ClientConfig>) -> Result<quinn::ClientConfig, WireError> {
    let mut config = quinn::ClientConfig::new(Arc::new(ClientCrypto::new(tls)?));
    config.version(QUIC_V1).transport_config(Arc::new(transport(IDLE)));
    Ok(config)
}

/// The client's end of a connection. It has an endpoint and a socket of its own.
#[derive(Debug)]
pub(in crate::wire) struct Link {
    conn: quinn::Connection,
    endpoint: quinn::Endpoint,
    socket: Arc<Socket>,
}

/// A connection that is ready for requests.
pub(in crate::wire) struct Connected {
    pub(in crate::wire) established: Established,
    pub(in crate::wire) link: Link,
    pub(in crate::wire) requests: Requests,
    pub(in crate::wire) phases: Phases,
}

/// Connects and makes HTTP/3 ready.
pub(in crate::wire) async fn connect(
    config: quinn::ClientConfig,
    (exporters, witness): (&[ExporterRequest], &Witness),
    addr: SocketAddr,
    server_name: &str,
    options: &ConnectOptions,
) -> Result<Connected, WireError> {
    let deadline = Instant::now() + options.timeout;
    let unbound = |error: std::io::Error| WireError::Connect(text(&error));
    let own = local_for(addr, options.source_port.unwrap_or(0));
    let socket = match options.version_negotiation {
        true => {
            let socket = UdpSocket::bind(own).await.map_err(unbound)?;
            negotiate(&socket, addr).await?;
            Socket::of(socket.into_std().map_err(unbound)?).map_err(unbound)?
        }
        false => Socket::bind(own).map_err(unbound)?,
    };
    let endpoint = endpoint(Arc::clone(&socket) as _, None).map_err(unbound)?;

    let connecting = endpoint.connect_with(config, addr, server_name);
    let connecting = connecting.map_err(|error| WireError::Settings(text(&error)))?;
    let conn = timeout_at(deadline, connecting).await.map_err(|_| WireError::Timeout(Stage::Handshake))?;
    let conn = conn.map_err(|error| handshake_failure(&error))?;
    let established = established(&conn, exporters)?;
    witness.see(&established);
    let phases = Phases::of(&conn, exporters);

    let mut builder = h3::client::builder();
    // What goes out is to depend on the requests alone.
    let building = builder.send_grease(false).build(h3_quinn::Connection::new(conn.clone()));
    let built = timeout_at(deadline, building).await.map_err(|_| WireError::Timeout(Stage::Http))?;
    let (mut driver, sender) = built.map_err(|error| failure(&conn, &error))?;
    // It ends with the connection; the error is the one that the requests see.
    tokio::spawn(async move { drop(poll_fn(|cx| driver.poll_close(cx)).await) });

    let requests = Requests::new(sender, conn.clone());
    Ok(Connected { established, link: Link { conn, endpoint, socket }, requests, phases })
}

impl Link {
    pub(in crate::wire) fn local_addr(&self) -> SocketAddr {
        self.socket.addr()
    }

    pub(in crate::wire) fn is_open(&self) -> bool {
        self.conn.close_reason().is_none()
    }

    pub(in crate::wire) async fn ended(&self) {
        // How it ended does not matter.
        drop::<ConnectionError>(self.conn.closed().await);
    }

    /// Ends the connection. If the peer is told, quinn keeps the socket until the peer can be taken to know.
    pub(in crate::wire) fn close(&self, how: How) {
        match how {
            How::Notify => {}
            How::Fin | How::Reset => self.socket.cut(),
        }
        self.conn.close(NO_ERROR, b"");
    }

    /// Moves to another local port and waits until the server sends there.
    pub(in crate::wire) async fn rebind(&mut self, limit: Duration) -> Result<(), WireError> {
        let failed = |error: std::io::Error| WireError::Connect(text(&error));
        let new = Socket::bind(local_for(self.conn.remote_address(), 0)).map_err(failed)?;
        let traffic = new.traffic();
        self.endpoint.rebind_abstract(Arc::clone(&new) as _).map_err(failed)?;
        let old = std::mem::replace(&mut self.socket, new);
        let moved = self.until(traffic, limit, |_, now| now.received > 0).await;
        old.cut();
        moved
    }

    /// Takes another of the connection ids that the server has offered and gives the old one back. quinn does so when
    /// the address changes, or when it is told so of the same socket.
    pub(in crate::wire) async fn rotate_id(&mut self, limit: Duration) -> Result<(), WireError> {
        let retired = |link: &Self| link.conn.stats().frame_tx.retire_connection_id;
        let before = retired(self);
        let traffic = self.socket.traffic();
        let received = traffic.borrow().received;
        let rebound = self.endpoint.rebind_abstract(Arc::clone(&self.socket) as _);
        rebound.map_err(|error| WireError::Connect(text(&error)))?;
        self.until(traffic, limit, |link, now| retired(link) > before && now.received > received).await
    }

    /// Waits until `there` holds; it is asked again after every datagram.
    async fn until(
        &self,
        mut traffic: watch::Receiver<Traffic>,
        limit: Duration,
        there: impl Fn(&Self, Traffic) -> bool,
    ) -> Result<(), WireError> {
        let waiting = async {
            loop {
                let now = *traffic.borrow_and_update();
                if there(self, now) || traffic.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(limit, waiting).await.map_err(|_| WireError::Timeout(Stage::Migrate))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The peer is told; the endpoint goes when the connection is drained. No effect on one that has ended.
        self.conn.close(NO_ERROR, b"");
    }
}
