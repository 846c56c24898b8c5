//! The accept loop: connections are counted, handshakes bounded, buffers small (data.md §6).

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::{
    app::{App, Stage, stopping},
    http::{headers, session::prefix},
    logs::{Sparing, shortened},
    redirect,
};

/// Handshakes at the same time: more only make each of them slower.
const HANDSHAKES: usize = 64;
/// The first byte, then the handshake, then the head of a request must each come within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// A request's head at most, and what is buffered of a body.
const BUFFER: usize = 16 * 1024;
/// Requests of one HTTP/2 connection at the same time.
const STREAMS: u32 = 64;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const BACKLOG: i32 = 1_024;
/// Out of file descriptors: wait a moment instead of spinning.
const BREATH: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub struct Gate {
    app: Arc<App>,
    router: Router,
    connections: Arc<Semaphore>,
    handshakes: Semaphore,
    addresses: Arc<Addresses>,
    alive: mpsc::Sender<()>,
}

impl Gate {
    /// With these limits; `alive` is held by every living connection.
    #[must_use]
    pub fn new(app: Arc<App>, router: Router, limits: &crate::config::Limits, alive: mpsc::Sender<()>) -> Arc<Self> {
        Arc::new(Self {
            app,
            router,
            connections: Arc::new(Semaphore::new(limits.connections)),
            handshakes: Semaphore::new(HANDSHAKES),
            addresses: Arc::new(Addresses { most: limits.connections_per_address, open: Mutex::default() }),
            alive,
        })
    }
}

/// The peer of a request; keeps its connection counted for as long as somebody holds it.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    address: IpAddr,
    _connection: OwnedSemaphorePermit,
    _of_address: Option<OfAddress>,
    _alive: mpsc::Sender<()>,
}

impl Remote {
    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.0.address
    }
}

/// Binds one address; `[::]` takes IPv4 too, and becomes `0.0.0.0` on a machine without IPv6.
///
/// # Errors
/// What the operating system says.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    bind_exactly(address).or_else(|error| {
        let any = address.is_ipv6() && address.ip().is_unspecified();
        let without = matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable)
            || error.raw_os_error() == Some(97);
        if any && without { bind_exactly((Ipv4Addr::UNSPECIFIED, address.port()).into()) } else { Err(error) }
    })
}

fn bind_exactly(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until the server stops.
pub async fn accept(gate: Arc<Gate>, listener: TcpListener, tls: TlsAcceptor, mut stage: watch::Receiver<Stage>) {
    static FULL: Sparing = Sparing::new();
    static FAILED: Sparing = Sparing::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping(&mut stage) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(left_out) = FAILED.pass() {
                    tracing::warn!(%error, left_out, "a connection could not be accepted");
                }
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(remote) = count(&gate, peer.ip()) else {
            if let Some(left_out) = FULL.pass() {
                tracing::warn!(from = shortened(peer.ip()), left_out, "too many connections");
            }
            continue;
        };
        tokio::spawn(connection(Arc::clone(&gate), stream, remote, tls.clone(), stage.clone()));
    }
}

fn count(gate: &Gate, address: IpAddr) -> Option<Remote> {
    let address = address.to_canonical();
    let connection = Arc::clone(&gate.connections).try_acquire_owned().ok()?;
    let of_address = if address.is_loopback() { None } else { Some(gate.addresses.count(prefix(address))?) };
    Some(Remote(Arc::new(Counted { address, _connection: connection, _of_address: of_address, _alive: gate.alive.clone() })))
}

async fn connection(gate: Arc<Gate>, stream: TcpStream, remote: Remote, tls: TlsAcceptor, stage: watch::Receiver<Stage>) {
    // Small frames must not wait for more of them; a platform without the option is only slower.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    if !matches!(timeout(PATIENCE, stream.peek(&mut first)).await, Ok(Ok(1))) {
        return;
    }
    // RFC 8446 §5.1: a handshake record begins with 22. Letters are somebody who speaks HTTP without TLS.
    if first[0] != 22 {
        return redirect::answer(stream, &gate.app.origins).await;
    }
    let Ok(permit) = timeout(PATIENCE, gate.handshakes.acquire()).await else { return };
    let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await else { return };
    drop(permit);
    serve(&gate, stream, remote, stage).await;
}

async fn serve(
    gate: &Gate,
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    remote: Remote,
    mut stage: watch::Receiver<Stage>,
) {
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (router, hsts) = (gate.router.clone(), gate.app.hsts);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(remote.clone());
        let answer = router.clone().oneshot(request);
        async move {
            let mut response: Response<Body> = answer.await?;
            headers::apply(response.headers_mut(), hsts);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(BUFFER).half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(16 * 1024)
        .max_send_buf_size(64 * 1024)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(15));
    let builder = if two { builder.http2_only() } else { builder.http1_only() };
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A peer that breaks off is no event of ours.
        _ = connection.as_mut() => return,
        () = stopping(&mut stage) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Open connections of each address prefix.
#[derive(Debug)]
struct Addresses {
    most: usize,
    open: Mutex<HashMap<Vec<u8>, usize>>,
}

#[derive(Debug)]
struct OfAddress {
    addresses: Arc<Addresses>,
    prefix: Vec<u8>,
}

impl Addresses {
    fn count(self: &Arc<Self>, prefix: Vec<u8>) -> Option<OfAddress> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(prefix.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(OfAddress { addresses: Arc::clone(self), prefix })
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.prefix) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_address_are_bounded_and_given_back() {
        let addresses = Arc::new(Addresses { most: 2, open: Mutex::default() });
        let first = addresses.count(vec![1]).unwrap();
        let _second = addresses.count(vec![1]).unwrap();
        assert!(addresses.count(vec![1]).is_none());
        assert!(addresses.count(vec![2]).is_some());
        drop(first);
        assert!(addresses.count(vec![1]).is_some());
    }
}
