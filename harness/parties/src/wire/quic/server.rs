//! A server of HTTP/3 that demands a client certificate.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use h3::error::StreamError;
use h3::server::{RequestResolver, RequestStream};
use http::{Response, StatusCode};
use quinn::{ConnectionError, Endpoint, Incoming, VarInt};
use rustls::server::ServerSessionMemoryCache;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::requests::read;
use super::session::ServerCrypto;
use super::socket::Socket;
use super::{NO_ERROR, Phases, endpoint, established, handshake_failure, transport};
use crate::wire::Boxed;
use crate::wire::error::{WireError, text};
use crate::wire::exchange::ReadBody;
use crate::wire::habit::Habit;
use crate::wire::limits::Limits;
use crate::wire::manner::{Instead, Manner};
use crate::wire::registry::{Live, Registry};
use crate::wire::rekey::Rekeyer;
use crate::wire::respond::{bare, respond};
use crate::wire::server::{Prepared, Server};
use crate::wire::service::{AnyService, Service};
use crate::wire::tls::Alpn;

/// What quinn needs to know of a server.
pub(in crate::wire) type Settings = quinn::ServerConfig;

type Http3 = h3::server::Connection<h3_quinn::Connection, Bytes>;
type Stream = RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// Makes QUIC's settings from those of the server over TCP, which have to allow TLS 1.3.
pub(in crate::wire) fn server_settings(
    tls: &rustls::ServerConfig,
    limits: &Limits,
    habit: Habit,
) -> Result<Settings, WireError> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![Alpn::Http3.identifier().to_vec()];
    // A session of the other transport would be resumed with an application protocol that it never had.
    if habit != Habit::NoResumption {
        tls.session_storage = ServerSessionMemoryCache::new(limits.sessions);
    }
    // No 0-RTT: what is said in it has no connection yet, and no exporter value.
    tls.max_early_data_size = 0;
    let mut settings = Settings::with_crypto(Arc::new(ServerCrypto::new(Arc::new(tls))?));
    let mut transport = transport(limits.idle);
    // Keeps idle connections of living clients, and finds out about the others.
    transport.keep_alive_interval(Some(limits.idle / 2)).max_concurrent_bidi_streams(VarInt::from_u32(limits.streams));
    settings.transport_config(Arc::new(transport));
    Ok(settings)
}

/// Starts a server on a free UDP port of 127.0.0.1. Cheap: all that takes time has been done by
/// [`prepare`](crate::wire::prepare). It serves HTTP/3 over QUIC as [`serve`](crate::wire::serve) serves HTTP/1.1 and HTTP/2
/// over TCP; the same service can be behind both.
///
/// # Errors
///
/// [`WireError::Settings`] when TLS 1.3 is not among the versions; [`WireError::Connect`] when no port can be bound.
pub fn serve_quic<S: Service>(prepared: Arc<Prepared>, service: Arc<S>) -> Boxed<'static, Result<Server, WireError>> {
    serve_quic_at(prepared, service, (Ipv4Addr::LOCALHOST, 0).into())
}

/// As [`serve_quic`], at that address.
///
/// # Errors
///
/// [`WireError::Settings`] when TLS 1.3 is not among the versions; [`WireError::Connect`] when it cannot be bound.
pub fn serve_quic_at<S: Service>(
    prepared: Arc<Prepared>,
    service: Arc<S>,
    addr: SocketAddr,
) -> Boxed<'static, Result<Server, WireError>> {
    // Within the runtime, whose sockets these are.
    Box::pin(async move { listen(prepared, service, addr) })
}

fn listen(prepared: Arc<Prepared>, service: Arc<dyn AnyService>, addr: SocketAddr) -> Result<Server, WireError> {
    let failed = |error: std::io::Error| WireError::Connect(text(&error));
    let settings = prepared.quic.clone();
    let settings = settings.ok_or_else(|| WireError::Settings("QUIC needs TLS 1.3".to_owned()))?;
    let socket = Socket::bind(addr).map_err(failed)?;
    let addr = socket.addr();
    let endpoint = Ending(endpoint(socket, Some(settings)).map_err(failed)?);
    let registry = Arc::new(Registry::default());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept(endpoint, prepared, service, Arc::clone(&registry), stopped));
    Ok(Server { addr, registry, stop: Some(stop), task })
}

/// An endpoint that closes its connections when it is dropped; quinn alone would wait for them.
struct Ending(Endpoint);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close(NO_ERROR, b"");
    }
}

async fn accept(
    endpoint: Ending,
    prepared: Arc<Prepared>,
    service: Arc<dyn AnyService>,
    registry: Arc<Registry>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            incoming = endpoint.0.accept() => match incoming {
                Some(incoming) if prepared.habit == Habit::Retry && !incoming.remote_address_validated() => {
                    // An error means that it has been validated after all, which was asked just now.
                    let _ = incoming.retry();
                }
                Some(incoming) if connections.len() < prepared.limits.connections => {
                    let (prepared, service) = (Arc::clone(&prepared), Arc::clone(&service));
                    connections.spawn(connection(incoming, prepared, service, Arc::clone(&registry)));
                }
                Some(incoming) => incoming.refuse(),
                // The endpoint is gone.
                None => break,
            },
        }
    }
    connections.shutdown().await;
}

/// A connection that is closed when it is dropped, whoever else holds a handle to it.
struct Closing(quinn::Connection);

impl Drop for Closing {
    fn drop(&mut self) {
        // No effect on a connection that has ended.
        self.0.close(NO_ERROR, b"");
    }
}

async fn connection(
    incoming: Incoming,
    prepared: Arc<Prepared>,
    service: Arc<dyn AnyService>,
    registry: Arc<Registry>,
) {
    let limits = &prepared.limits;
    let handshake = async { incoming.accept()?.await };
    let conn = match timeout(limits.handshake, handshake).await {
        Ok(Ok(conn)) => Closing(conn),
        Ok(Err(error)) => return service.failed(&said(&error)),
        Err(_) => return service.failed("time is over"),
    };
    // The handshake is complete: the client's certificate was verified and its Finished message was read.
    let established = match established(&conn.0, &prepared.exporters) {
        Ok(established) => established,
        Err(error) => return service.failed(&error.to_string()),
    };
    let rekeyer = Rekeyer::of_quic(Phases::of(&conn.0, &prepared.exporters));
    let live = Arc::new(Live::open(service, &established, conn.0.remote_address(), registry, rekeyer, None));
    // How a connection ends does not matter to a service.
    let _ = timeout(limits.lifetime, converse(&conn.0, &live, limits)).await;
}

/// What went wrong in a handshake, as the service hears it.
fn said(error: &ConnectionError) -> String {
    match handshake_failure(error) {
        WireError::Handshake { text, .. } => text,
        other => other.to_string(),
    }
}

/// Answers requests until the connection ends.
async fn converse(conn: &quinn::Connection, live: &Arc<Live>, limits: &Limits) {
    let mut builder = h3::server::builder();
    // Answers are to depend on the service alone.
    builder.send_grease(false).max_field_section_size(u64::try_from(limits.head_bytes).unwrap_or(u64::MAX));
    let built = builder.build(h3_quinn::Connection::new(conn.clone())).await;
    let Ok(mut http): Result<Http3, _> = built else { return };
    // Dropped with this function, and the requests under way with it.
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = requests.join_next(), if !requests.is_empty() => {}
            // GOAWAY: no more requests; an error means that the connection is gone anyway.
            () = live.ended() => return conn.close(NO_ERROR, b""),
            () = live.hung_up() => drop(http.shutdown(0).await),
            accepted = http.accept() => match accepted {
                Ok(Some(request)) => {
                    requests.spawn(exchange(request, Arc::clone(live), limits.clone()));
                }
                Ok(None) | Err(_) => return,
            },
        }
    }
}

async fn exchange(request: RequestResolver<h3_quinn::Connection, Bytes>, live: Arc<Live>, limits: Limits) {
    // A head that is too long or cannot be read is answered, or refused, by h3.
    let Ok(Ok((head, mut stream))) = timeout(limits.idle, request.resolve_request()).await else { return };
    let (head, ()) = head.into_parts();
    let body = async {
        let (content, truncated) =
            read(limits.content_bytes, limits.content_bytes, |cx| stream.poll_recv_data(cx)).await?;
        let trailers = if truncated { None } else { stream.recv_trailers().await? };
        Ok::<_, StreamError>(ReadBody { content, truncated, trailers: trailers.unwrap_or_default() })
    };
    let response = match timeout(limits.content, body).await {
        Ok(Ok(body)) if !body.truncated => respond(&live, &head, body.content, &body.trailers),
        Ok(Ok(_)) => (bare(StatusCode::PAYLOAD_TOO_LARGE), Manner::default()),
        Ok(Err(_)) => (bare(StatusCode::BAD_REQUEST), Manner::default()),
        Err(_) => (bare(StatusCode::REQUEST_TIMEOUT), Manner::default()),
    };
    let (response, manner) = response;
    if !manner.after.is_zero() {
        tokio::time::sleep(manner.after).await;
    }
    match manner.instead {
        None => {}
        Some(instead) => {
            if instead != Instead::Silence {
                live.end();
            }
            // The stream must not end before the connection does.
            return std::future::pending().await;
        }
    }
    // What is left of a request that was answered early is given up when the stream is dropped. To say so at once, with
    // `stop_sending`, is not possible: h3-quinn panics if it is still waiting for data.
    // An error means that the client does not want the answer any more.
    let _ = answer(&mut stream, response).await;
}

async fn answer(stream: &mut Stream, response: Response<Bytes>) -> Result<(), StreamError> {
    let (head, body) = response.into_parts();
    stream.send_response(Response::from_parts(head, ())).await?;
    if !body.is_empty() {
        stream.send_data(body).await?;
    }
    stream.finish().await
}
