//! The accept loop: handshakes bounded, buffers small (data.md §6).

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::{
    app::{App, Stage, stopping},
    http::headers,
    logs::{Sparing, shortened},
    patience::Patient,
    redirect,
    remote::{Connections, Remote},
};

/// The first byte, then the handshake, then the head of a request must each come within this. Handshakes are not queued: our
/// part of one is a single step, so those who stop in the middle would only keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection without a request is ended after this (HTTP/1: after [`PATIENCE`]).
const IDLE: Duration = Duration::from_secs(120);
/// Who reads nothing of an answer for this long is cut.
const STALLED: Duration = Duration::from_secs(20);
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
    connections: Connections,
}

impl Gate {
    /// With these limits; `alive` is held by every living connection.
    #[must_use]
    pub fn new(app: Arc<App>, router: Router, limits: &crate::config::Limits, alive: mpsc::Sender<()>) -> Arc<Self> {
        Arc::new(Self { app, router, connections: Connections::new(limits, alive) })
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
                sleep(BREATH).await;
                continue;
            }
        };
        let Some(remote) = gate.connections.count(peer.ip()) else {
            if let Some(left_out) = FULL.pass() {
                tracing::warn!(from = shortened(peer.ip()), left_out, "too many connections");
            }
            continue;
        };
        tokio::spawn(connection(Arc::clone(&gate), stream, remote, tls.clone(), stage.clone()));
    }
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
    let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await else { return };
    serve(&gate, stream, remote, stage).await;
}

async fn serve(gate: &Gate, stream: tokio_rustls::server::TlsStream<TcpStream>, remote: Remote, stage: watch::Receiver<Stage>) {
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (router, hsts) = (gate.router.clone(), gate.app.hsts);
    let pulse = Arc::new(Pulse::default());
    let beating = Arc::clone(&pulse);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(remote.clone());
        let under_way = beating.begin();
        let answer = router.clone().oneshot(request);
        async move {
            let _under_way = under_way;
            let mut response: Response<Body> = answer.await?;
            headers::apply(response.headers_mut(), hsts);
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(Patient::new(stream, STALLED));
    // What was agreed on in the handshake is spoken, and nothing else.
    if two {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(16 * 1024)
            .max_send_buf_size(64 * 1024)
            .max_pending_accept_reset_streams(20)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(15));
        drive(builder.serve_connection(stream, service), &pulse, stage).await;
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(BUFFER).half_close(false);
        drive(builder.serve_connection(stream, service).with_upgrades(), &pulse, stage).await;
    }
}

/// A connection that can be asked to end in good order.
trait Ending: Future {
    /// No more requests; what is under way is answered.
    fn finish(self: Pin<&mut Self>);
}

type Served = TokioIo<Patient<tokio_rustls::server::TlsStream<TcpStream>>>;

impl<S> Ending for http1::UpgradeableConnection<Served, S>
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Ending for http2::Connection<Served, S, TokioExecutor>
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
    S::Future: Send + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Until it ends by itself, was asked for nothing in time, or the server stops.
async fn drive(connection: impl Ending, pulse: &Pulse, mut stage: watch::Receiver<Stage>) {
    tokio::pin!(connection);
    tokio::select! {
        // A peer that breaks off is no event of ours.
        _ = connection.as_mut() => return,
        // Nothing was ever asked for: there is nobody to be polite to.
        () = pulse.never() => return,
        () = pulse.idle() => connection.as_mut().finish(),
        () = stopping(&mut stage) => connection.as_mut().finish(),
    }
    tokio::select! {
        _ = connection => {}
        () = pulse.idle() => {}
    }
}

/// Requests of one connection.
#[derive(Debug, Default)]
struct Pulse {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

struct UnderWay(Arc<Pulse>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pulse {
    fn begin(self: &Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Resolves when there was no request at all in time.
    async fn never(&self) {
        sleep(PATIENCE).await;
        if self.begun.load(Ordering::Relaxed) > 0 {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when no request was under way for a while.
    async fn idle(&self) {
        loop {
            let before = (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
            sleep(IDLE).await;
            let after = (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
            if before == after && after.0 == after.1 {
                return;
            }
        }
    }
}
