//! Floods and sluggards: connections that never become requests, and log-ins by the hundred. Honest people must not feel them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use server::clock::{self, SystemRandom};
use shared::http::{LoginStart, SettingsPut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::raw::{Heard, RawSocket};
use crate::{
    app::TestApp,
    people::{Browser, register},
    speaking::login::LoggingIn,
};

/// What every step of a connection is given; some seconds more for a busy machine.
const ENDED_WITHIN: Duration = Duration::from_secs(25);

/// Waits for the end of a connection on which nothing more is sent.
async fn end_of(name: &str, mut stream: impl AsyncRead + Unpin) {
    let start = Instant::now();
    let mut rest = vec![];
    let ended = timeout(ENDED_WITHIN, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "{name}: left open");
    eprintln!("{name}: ended after {:?}", start.elapsed());
}

/// The same while a byte goes out every now and then.
async fn end_of_trickle(name: &str, stream: impl AsyncRead + AsyncWrite, bytes: &'static [u8]) {
    let start = Instant::now();
    let (mut read, mut write) = tokio::io::split(stream);
    let dribble = async {
        let mut tick = interval(Duration::from_millis(400));
        for byte in bytes.iter().cycle() {
            tick.tick().await;
            if write.write_all(&[*byte]).await.is_err() || write.flush().await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut rest = vec![];
    let ended = async {
        tokio::select! {
            _ = read.read_to_end(&mut rest) => {}
            () = dribble => {}
        }
    };
    assert!(timeout(ENDED_WITHIN, ended).await.is_ok(), "{name}: left open");
    eprintln!("{name}: ended after {:?}", start.elapsed());
}

async fn tcp(app: &TestApp, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

async fn tls(app: &TestApp, protocol: &[u8], first: &[u8]) -> TlsStream<TcpStream> {
    let mut config = app.tls.as_ref().clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    let mut stream = app.connect_with(Arc::new(config)).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

const TWO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// The first bytes of a ClientHello that never goes on (RFC 8446 §5.1: handshake, 512 bytes to come).
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test]
async fn attack_69_a_connection_that_never_becomes_a_request_is_ended() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let (mut unopened, head) = RawSocket::open(&mut alice, "").await;
    assert!(head.starts_with("HTTP/1.1 101"));
    let no_hello = async move {
        assert!(matches!(unopened.rest().await.last(), Some(Heard::End)));
    };
    let post = format!(
        "POST /auth/login/start HTTP/1.1\r\nhost: localhost\r\norigin: {}\r\nsotto-client: 0.1.0\r\n\
         content-type: application/json\r\ncontent-length: 500\r\nconnection: close\r\n\r\n{{",
        app.origin()
    );
    tokio::join!(
        async { end_of("nothing at all", tcp(&app, b"").await).await },
        async { end_of("one byte of TLS", tcp(&app, b"\x16").await).await },
        async { end_of("half a ClientHello", tcp(&app, HALF_HELLO).await).await },
        async { end_of_trickle("plain HTTP in a trickle", tcp(&app, b"GET / HTTP/1.1\r\n").await, b"x: y\r\n").await },
        async { end_of("TLS and nothing", tls(&app, b"http/1.1", b"").await).await },
        async { end_of("half a request", tls(&app, b"http/1.1", b"GET /healthz HTTP/1.1\r\nhost: loc").await).await },
        async {
            end_of_trickle("a request in a trickle", tls(&app, b"http/1.1", b"GET /healthz HTTP/1.1\r\n").await, b"x: y\r\n")
                .await
        },
        async {
            end_of("nothing after a request", tls(&app, b"http/1.1", b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await)
                .await
        },
        async { end_of("half a body", tls(&app, b"http/1.1", post.as_bytes()).await).await },
        async { end_of("HTTP/2 agreed on and nothing", tls(&app, b"h2", b"").await).await },
        async { end_of("half a preface", tls(&app, b"h2", &TWO[..10]).await).await },
        async { end_of("HTTP/2 without a request", tls(&app, b"h2", TWO).await).await },
        async { end_of("HTTP/2 that was not agreed on", tls(&app, b"http/1.1", TWO).await).await },
        no_hello,
    );
}

/// A connection that stays.
struct Kept(TlsStream<TcpStream>);

impl Kept {
    /// From an address of its own: to the server, another stranger.
    async fn from(app: &TestApp, source: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        let stream = socket.connect(app.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(TlsConnector::from(Arc::clone(&app.tls)).connect("localhost".try_into().unwrap(), stream).await.unwrap())
    }

    /// One request, one answer with a length; gives its status.
    async fn ask(&mut self, bytes: &[u8]) -> Option<u16> {
        self.0.write_all(bytes).await.ok()?;
        self.0.flush().await.ok()?;
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        head.get(9..12)?.parse().ok()
    }
}

fn request(app: &TestApp, method: &str, path: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\norigin: {}\r\nsotto-client: 0.1.0\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{more}\r\n",
        app.address.port(),
        app.origin(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Log-ins from this many addresses …
const ADDRESSES: u8 = 10;
/// … one each in this time, so 50 a second.
const EACH: Duration = Duration::from_millis(200);
/// Connections that stop in the middle of a handshake.
const HALF_OPEN: usize = 500;

/// Log-ins while the flood is on, each of which the server must work for.
async fn log_ins(app: Arc<TestApp>, place: u8, mut on: watch::Receiver<bool>) -> usize {
    let mut line = Kept::from(&app, [127, 0, 1, place]).await;
    let (_, ke1) = LoggingIn::start(&mut SystemRandom, b"guess");
    let mut tick = interval(EACH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut worked = 0;
    loop {
        if !*on.borrow() && on.wait_for(|on| *on).await.is_err() {
            return worked;
        }
        tick.tick().await;
        let username = clock::random_hex::<8>();
        let body = serde_json::to_vec(&LoginStart { username, request: ke1.clone().into() }).unwrap();
        match line.ask(&request(&app, "POST", "/auth/login/start", "", &body)).await {
            Some(200) => worked += 1,
            Some(_) => {}
            None => return worked,
        }
    }
}

/// How long a durable change and a new connection took, in one window.
async fn honest(app: &TestApp, alice: &Browser<'_>, line: &mut Kept, writes: &mut Vec<Duration>, visits: &mut Vec<Duration>) {
    let cookie = format!("cookie: __Host-session-0={}\r\n", alice.cookies["__Host-session-0"]);
    let end = Instant::now() + Duration::from_millis(1_200);
    let mut tick = interval(Duration::from_millis(15));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < end {
        tick.tick().await;
        let item = URL_SAFE_NO_PAD.encode(clock::random::<16>());
        let item = serde_json::from_value(serde_json::json!({ "collection": 1, "item": item, "version": 1, "sealed": "AAAA" }));
        let item: SettingsPut = item.unwrap();
        let bytes = request(app, "PUT", "/api/settings", &cookie, &serde_json::to_vec(&item).unwrap());
        let start = Instant::now();
        assert_eq!(line.ask(&bytes).await, Some(200));
        writes.push(start.elapsed());
        let start = Instant::now();
        let mut visitor = Kept::from(app, [127, 0, 0, 9]).await;
        assert_eq!(visitor.ask(&request(app, "GET", "/healthz", "connection: close\r\n", b"")).await, Some(200));
        visits.push(start.elapsed());
    }
}

fn p99(all: &mut [Duration]) -> Duration {
    all.sort_unstable();
    all[(all.len() * 99 / 100).min(all.len() - 1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_69_a_flood_of_log_ins_and_half_open_connections_is_not_felt() {
    let app = Arc::new(TestApp::start().await);
    let alice = register(&app, "alice").await;
    let (switch, on) = watch::channel(false);
    let mut flood = JoinSet::new();
    for place in 1..=ADDRESSES {
        flood.spawn(log_ins(Arc::clone(&app), place, on.clone()));
    }
    let mut line = Kept::from(&app, [127, 0, 0, 8]).await;
    let mut told = vec![];
    // A busy machine may be slow in just one of the two classes. They are taken in turns, and judged three times at most.
    for _ in 0..3 {
        let (mut quiet, mut loud) = ((vec![], vec![]), (vec![], vec![]));
        for _ in 0..3 {
            honest(&app, &alice, &mut line, &mut quiet.0, &mut quiet.1).await;
            let mut half = vec![];
            for _ in 0..HALF_OPEN {
                half.push(tcp(&app, HALF_HELLO).await);
            }
            switch.send(true).unwrap();
            honest(&app, &alice, &mut line, &mut loud.0, &mut loud.1).await;
            switch.send(false).unwrap();
        }
        let slack = Duration::from_millis(20);
        let writes = (p99(&mut quiet.0), p99(&mut loud.0));
        let visits = (p99(&mut quiet.1), p99(&mut loud.1));
        told.push(format!("changes {writes:?}, visits {visits:?}, {} and {} of them", quiet.0.len(), loud.0.len()));
        if writes.1 < writes.0 * 2 + slack && visits.1 < visits.0 * 2 + slack {
            eprintln!("{told:#?}");
            drop(switch);
            let worked: usize = flood.join_all().await.into_iter().sum();
            assert!(worked > 50, "only {worked} log-ins reached the server");
            return;
        }
    }
    panic!("honest people suffer: {told:#?}");
}
