//! HTTP/2 by hand (RFC 9113): resets without end, headers without end, and frames that make no sense.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::{app::TestApp, wire::Request};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// GET, https, `/`, localhost, out of the static table (RFC 7541).
const ASK: &[u8] = b"\x82\x87\x84\x41\x09localhost";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let short = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    [&[0, short(name)], name, &[short(value)], value].concat()
}

fn asking(stream: u32, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &[ASK, more].concat())
}

struct Two(TlsStream<TcpStream>);

/// What a connection came to.
#[derive(Debug, Default)]
struct End {
    /// Streams that got an answer.
    answered: Vec<u32>,
    /// Streams that were reset, with the code.
    reset: Vec<(u32, u32)>,
    /// The code of GOAWAY.
    away: Option<u32>,
    /// The connection ended.
    closed: bool,
}

impl Two {
    async fn open(app: &TestApp) -> Self {
        let mut tls = app.tls.as_ref().clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let mut stream = app.connect_with(Arc::new(tls)).await.unwrap();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()).await.unwrap();
        Self(stream)
    }

    /// Writes; false when the server takes no more.
    async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = async {
            self.0.write_all(bytes).await?;
            self.0.flush().await
        };
        matches!(timeout(Duration::from_secs(5), written).await, Ok(Ok(())))
    }

    /// Reads until this is enough, the connection ends, or nothing comes any more.
    async fn until(mut self, enough: impl Fn(&End) -> bool) -> End {
        let mut end = End::default();
        loop {
            let mut head = [0; 9];
            match timeout(Duration::from_secs(10), self.0.read_exact(&mut head)).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => {
                    end.closed = true;
                    return end;
                }
                Err(_) => return end,
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            let mut payload = vec![0; length as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                end.closed = true;
                return end;
            }
            let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                HEADERS => end.answered.push(stream),
                RST => end.reset.push((stream, word(0))),
                GOAWAY => end.away = Some(word(4)),
                _ => {}
            }
            if enough(&end) {
                return end;
            }
        }
    }
}

#[tokio::test]
async fn attack_72_ten_thousand_resets_end_the_connection() {
    let app = TestApp::start().await;
    let mut two = Two::open(&app).await;
    let start = Instant::now();
    let mut sent = 0_u32;
    'flood: for _ in 0..100 {
        let mut some = vec![];
        for _ in 0..100 {
            some.extend(asking(2 * sent + 1, b""));
            some.extend(frame(RST, 0, 2 * sent + 1, &8_u32.to_be_bytes()));
            sent += 1;
        }
        if !two.write(&some).await {
            break 'flood;
        }
    }
    let end = two.until(|end| end.away.is_some()).await;
    // 11: ENHANCE_YOUR_CALM.
    assert!(end.away == Some(11) || end.closed, "{sent} streams: {end:?}");
    assert!(end.answered.len() < 2_000, "{}", end.answered.len());
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(Request::bare("GET", "/healthz").send(&app).await.status, 200);
}

#[tokio::test]
async fn attack_72_headers_without_end_end_the_connection() {
    let app = TestApp::start().await;
    for (name, piece) in
        [("full", vec![0x88; 16_000]), ("empty", vec![]), ("literals", literal(b"a", &[b'x'; 100]).repeat(150))]
    {
        let mut two = Two::open(&app).await;
        let mut sent = usize::from(two.write(&frame(HEADERS, END_STREAM, 1, ASK)).await);
        while sent < 5_000 && two.write(&frame(CONTINUATION, 0, 1, &piece).repeat(10)).await {
            sent += 10;
        }
        let end = two.until(|end| end.away.is_some()).await;
        assert!(end.closed || end.away.is_some(), "{name}: {sent} frames were taken: {end:?}");
        assert!(end.answered.is_empty(), "{name}");
        assert!(sent < 5_000, "{name}: {sent} frames were taken");
    }
    assert_eq!(Request::bare("GET", "/healthz").send(&app).await.status, 200);
}

#[tokio::test]
async fn attack_72_frames_that_make_no_sense() {
    let app = TestApp::start().await;
    let pseudo = |bytes: &[u8]| frame(HEADERS, END_STREAM | END_HEADERS, 1, bytes);
    let settings = |id: u16, value: u32| frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("data on no stream", frame(DATA, 0, 0, b"x")),
        ("data on a stream nobody opened", frame(DATA, 0, 5, b"x")),
        ("headers on no stream", frame(HEADERS, END_STREAM | END_HEADERS, 0, ASK)),
        ("headers on an even stream", frame(HEADERS, END_STREAM | END_HEADERS, 2, ASK)),
        ("an older stream after a newer", [asking(5, b""), asking(3, b"")].concat()),
        ("a frame of 64 KiB", frame(DATA, 0, 1, &[0; 65_536])),
        ("settings on a stream", frame(SETTINGS, 0, 1, b"")),
        ("settings of five bytes", frame(SETTINGS, 0, 0, b"12345")),
        ("an acknowledgement with content", frame(SETTINGS, 1, 0, b"123456")),
        ("a window above 2^31 - 1", settings(4, 0x8000_0000)),
        ("frames of one byte", settings(5, 1)),
        ("a ping of seven bytes", frame(PING, 0, 0, b"1234567")),
        ("a ping on a stream", frame(PING, 0, 1, b"12345678")),
        ("a window of nothing", frame(WINDOW, 0, 0, &[0; 4])),
        ("a window that overflows", frame(WINDOW, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
        ("a reset of no stream", frame(RST, 0, 0, &[0; 4])),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, b"")),
        ("something between header pieces", [frame(HEADERS, END_STREAM, 1, ASK), frame(PING, 0, 0, b"12345678")].concat()),
        ("an index that is not there", pseudo(b"\x82\x87\x84\xff\xff\xff\xff\x0f")),
        ("a table of 4 GiB", pseudo(b"\x3f\xe1\xff\xff\xff\x0f")),
        ("a literal that is cut", pseudo(b"\x82\x87\x84\x00\x05ab")),
        ("padding longer than the frame", frame(HEADERS, END_STREAM | END_HEADERS | 8, 1, &[&[200], ASK].concat())),
        ("no method", pseudo(b"\x87\x84\x41\x09localhost")),
        ("no path", pseudo(b"\x82\x87\x41\x09localhost")),
        ("two methods", pseudo(b"\x82\x83\x87\x84")),
        ("a status in a request", pseudo(b"\x82\x87\x84\x88")),
        ("a pseudo header after others", pseudo(&[b"\x82\x87", &literal(b"a", b"b")[..], b"\x84"].concat())),
        ("an unknown pseudo header", asking(1, &literal(b":admin", b"1"))),
        ("capital letters", asking(1, &literal(b"Cookie", b"a=b"))),
        ("a connection header", asking(1, &literal(b"connection", b"close"))),
        ("a transfer coding", asking(1, &literal(b"transfer-encoding", b"chunked"))),
        ("a line break in a value", asking(1, &literal(b"x", b"a\r\nset-cookie: b"))),
        ("NUL in a value", asking(1, &literal(b"x", b"a\0b"))),
        (
            "more body than told",
            [
                frame(
                    HEADERS,
                    END_HEADERS,
                    1,
                    &[b"\x83\x87\x84\x41\x09localhost", &literal(b"content-length", b"1")[..]].concat(),
                ),
                frame(DATA, END_STREAM, 1, b"ab"),
            ]
            .concat(),
        ),
        (
            "headers of 60 KiB",
            [
                frame(HEADERS, END_STREAM, 1, &[ASK, &literal(b"a", &[b'x'; 120]).repeat(120)[..]].concat()),
                frame(CONTINUATION, 0, 1, &literal(b"a", &[b'x'; 120]).repeat(120)),
                frame(CONTINUATION, 0, 1, &literal(b"a", &[b'x'; 120]).repeat(120)),
                frame(CONTINUATION, END_HEADERS, 1, &literal(b"a", &[b'x'; 120]).repeat(120)),
            ]
            .concat(),
        ),
        // One literal of 4,000 bytes into the table, then a byte each to repeat it: 4 MiB out of 5 KiB.
        ("a bomb of headers", asking(1, &[&b"\x40\x01a\x7f\xa1\x1e"[..], &[b'x'; 4_000], &[0xbe; 1_000]].concat())),
    ];
    let mut wrong = vec![];
    for (name, bytes) in cases {
        let mut two = Two::open(&app).await;
        two.write(&bytes).await;
        let end = two.until(|end| end.away.is_some() || !end.reset.is_empty() || !end.answered.is_empty()).await;
        let refused = end.closed || end.away.is_some() || !end.reset.is_empty();
        // Too many headers may be answered with 431, which is an answer on stream 1.
        let large = name.contains("headers of 60 KiB") || name.contains("a bomb");
        if !(refused || large && !end.answered.is_empty()) {
            wrong.push(format!("{name}: {end:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Frames that nobody knows are to be skipped (RFC 9113 §4.1), and a request beside them is answered.
    let mut two = Two::open(&app).await;
    two.write(&[frame(0x42, 0xff, 0, b"hello"), asking(1, b"")].concat()).await;
    let end = two.until(|end| !end.answered.is_empty()).await;
    assert!(end.answered == [1] && end.away.is_none(), "{end:?}");
}

#[tokio::test]
async fn attack_72_more_streams_than_allowed_are_refused_and_floods_of_pings_harm_nobody() {
    let app = TestApp::start().await;
    let mut two = Two::open(&app).await;
    // Requests whose bodies never come stay open.
    let open: Vec<u8> = (0..200).flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, ASK)).collect();
    two.write(&open).await;
    let refused = |end: &End| end.reset.iter().filter(|(_, code)| *code == 7).count();
    let end = two.until(|end| refused(end) >= 100 || end.away.is_some()).await;
    let refused = refused(&end);
    assert!(refused >= 100 || end.away.is_some() || end.closed, "{end:?}");

    let mut flood = Two::open(&app).await;
    let pings = frame(PING, 0, 0, b"12345678").repeat(1_000);
    let settings = frame(SETTINGS, 0, 0, b"").repeat(1_000);
    for _ in 0..20 {
        // Nothing is read, so the acknowledgements pile up on their side.
        if !flood.write(&[pings.clone(), settings.clone()].concat()).await {
            break;
        }
        let start = Instant::now();
        assert_eq!(Request::bare("GET", "/healthz").send(&app).await.status, 200);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}
