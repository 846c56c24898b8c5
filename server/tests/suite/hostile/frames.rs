//! Frames after the sections of the Autobahn test suite: 1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragments,
//! 6 UTF-8, 7 closing, 9 limits, 10 buffering; and masks, which Autobahn only sends right.

use shared::{
    frame::{ClientFrame, ServerFrame},
    limits,
};
use tokio::time::{Duration, Instant};

use super::raw::{BINARY, CLOSE, Heard, PING, PONG, Raw, RawSocket, TEXT};
use crate::{
    app::TestApp,
    people::{Browser, register},
};

/// What must follow.
#[derive(Clone, Debug)]
enum Then {
    /// This answer, and the socket lives on.
    Answer(Vec<Heard2>),
    /// Bye with this word, a close frame with this code, the end.
    Bye(&'static str, u16),
    /// A close frame with this code, the end: the peer closed first.
    Closed(Option<u16>),
}

/// The parts of an answer.
#[derive(Clone, Debug)]
enum Heard2 {
    Pong(u64),
    ControlPong(Vec<u8>),
    Refused(&'static str),
}

use Heard2::{ControlPong, Pong, Refused};
use Then::{Answer, Bye, Closed};

fn ping(number: u64) -> Vec<u8> {
    ClientFrame::Ping(number).encode()
}

fn closing(code: u16, reason: &[u8]) -> Raw {
    Raw::new(CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

/// One message in pieces of so many bytes.
fn pieces(opcode: u8, message: &[u8], size: usize) -> Vec<Raw> {
    let count = message.len().div_ceil(size);
    let piece = |(at, bytes): (usize, &[u8])| {
        let raw = Raw::new(if at == 0 { opcode } else { 0 }, bytes);
        if at + 1 < count { raw.more() } else { raw }
    };
    message.chunks(size).enumerate().map(piece).collect()
}

type Case = (&'static str, Vec<Raw>, Then);

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let p = || Raw::new(BINARY, &ping(1));
    let pong = || Answer(vec![Pong(1)]);
    let refused = |word| Answer(vec![Refused(word)]);
    let broken = || Bye("malformed", 1002);
    let big = |size: usize| Raw::new(BINARY, &vec![0; size]);
    vec![
        // 1 framing
        ("1.2.1 a binary message", vec![p()], pong()),
        ("1.1.1 an empty text", vec![Raw::new(TEXT, b"")], refused("malformed")),
        ("1.2.2 an empty binary", vec![Raw::new(BINARY, b"")], refused("malformed")),
        ("1.2.3 a length in 16 bits that fits in 7", vec![p().wide(16)], pong()),
        ("1.2.4 a length in 64 bits that fits in 7", vec![p().wide(64)], pong()),
        ("1.2.5 64 KiB - 1", vec![big(65_535)], refused("malformed")),
        ("1.2.6 64 KiB", vec![big(65_536)], refused("malformed")),
        // Masks (RFC 6455 5.1: a server must close a connection whose frames are not masked)
        ("a frame without a mask", vec![p().unmasked()], broken()),
        ("an empty frame without a mask", vec![Raw::new(BINARY, b"").unmasked()], broken()),
        ("a ping without a mask", vec![Raw::new(PING, b"x").unmasked()], broken()),
        ("a close without a mask", vec![closing(1000, b"").unmasked()], broken()),
        // 2 pings and pongs
        ("2.1 a ping without payload", vec![Raw::new(PING, b""), p()], Answer(vec![ControlPong(vec![]), Pong(1)])),
        ("2.3 a ping with bytes", vec![Raw::new(PING, b"\x00\xff\xfe"), p()], Answer(vec![ControlPong(vec![0, 255, 254]), Pong(1)])),
        ("2.4 a ping of 125 bytes", vec![Raw::new(PING, &[7; 125]), p()], Answer(vec![ControlPong(vec![7; 125]), Pong(1)])),
        ("2.5 a ping of 126 bytes", vec![Raw::new(PING, &[7; 126])], broken()),
        ("2.5 a ping of 64 KiB", vec![Raw::new(PING, &[7; 65_536])], broken()),
        ("2.7 a pong nobody asked for", vec![Raw::new(PONG, b""), p()], pong()),
        ("2.8 one with payload", vec![Raw::new(PONG, b"x"), p()], pong()),
        ("a pong of 126 bytes", vec![Raw::new(PONG, &[7; 126])], broken()),
        ("2.10 ten pings at once", [vec![Raw::new(PING, b"a"); 10], vec![p()]].concat(), Answer([vec![ControlPong(b"a".to_vec()); 10], vec![Pong(1)]].concat())),
        // 3 reserved bits
        ("3.1 RSV3", vec![p().with_bits(0x10)], broken()),
        ("3.2 RSV2", vec![p().with_bits(0x20)], broken()),
        ("3.3 RSV1: compression was not agreed on", vec![p().with_bits(0x40)], broken()),
        ("3.4 all of them", vec![p().with_bits(0x70)], broken()),
        ("3.5 RSV1 on a ping", vec![Raw::new(PING, b"").with_bits(0x40)], broken()),
        ("3.6 RSV2 on a close", vec![closing(1000, b"").with_bits(0x20)], broken()),
        ("3.7 RSV1 on the second piece", vec![p().more(), Raw::new(0, b"").with_bits(0x40)], broken()),
        // 4 opcodes
        ("4.1.1 opcode 3", vec![Raw::new(3, b"")], broken()),
        ("4.1.2 opcode 4", vec![Raw::new(4, b"x")], broken()),
        ("4.1.3 opcode 5", vec![Raw::new(5, b"x")], broken()),
        ("4.1.4 opcode 6", vec![Raw::new(6, b"x")], broken()),
        ("4.1.5 opcode 7", vec![Raw::new(7, b"x")], broken()),
        ("4.2.1 opcode 11", vec![Raw::new(11, b"")], broken()),
        ("4.2.2 opcode 12", vec![Raw::new(12, b"x")], broken()),
        ("4.2.3 opcode 13", vec![Raw::new(13, b"x")], broken()),
        ("4.2.4 opcode 14", vec![Raw::new(14, b"x")], broken()),
        ("4.2.5 opcode 15", vec![Raw::new(15, b"x")], broken()),
        // 5 fragments
        ("5.1 a ping in two pieces", vec![Raw::new(PING, b"a").more(), Raw::new(0, b"b")], broken()),
        ("5.2 a pong in two pieces", vec![Raw::new(PONG, b"a").more(), Raw::new(0, b"b")], broken()),
        ("a close in two pieces", vec![closing(1000, b"").more(), Raw::new(0, b"b")], broken()),
        ("5.3 a message byte by byte", pieces(BINARY, &ping(1), 1), pong()),
        ("5.5 in two", pieces(BINARY, &ping(1), 2), pong()),
        ("an empty first piece", vec![Raw::new(BINARY, b"").more(), Raw::new(0, &ping(1))], pong()),
        ("an empty last piece", vec![p().more(), Raw::new(0, b"")], pong()),
        ("5.6 a ping between the pieces", vec![p().more(), Raw::new(PING, b"x"), Raw::new(0, b"")], Answer(vec![ControlPong(b"x".to_vec()), Pong(1)])),
        ("5.9 a piece without a beginning", vec![Raw::new(0, b"x")], broken()),
        ("5.11 a piece without a beginning, not the last", vec![Raw::new(0, b"x").more()], broken()),
        ("5.15 a piece after the last", vec![p(), Raw::new(0, b"x")], Bye("malformed", 1002)),
        ("5.18 a second beginning", vec![p().more(), p()], broken()),
        ("a text in the middle of a binary", vec![p().more(), Raw::new(TEXT, b"x")], broken()),
        // 6 UTF-8: texts are not ours, and must not be looked at more kindly when they are broken
        ("6.2 a valid text", vec![Raw::new(TEXT, "κόσμε".as_bytes())], refused("malformed")),
        ("6.3 invalid UTF-8", vec![Raw::new(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")], broken()),
        ("6.4 invalid in the first piece", vec![Raw::new(TEXT, b"\xf4\x90\x80\x80").more(), Raw::new(0, b"x")], broken()),
        ("6.6 cut in the middle of a character", vec![Raw::new(TEXT, b"\xce\xba\xe1")], broken()),
        ("6.10 overlong", vec![Raw::new(TEXT, b"\xc0\xaf")], broken()),
        // 7 closing
        ("7.1.1 a close after a message", vec![p(), closing(1000, b"")], Closed(Some(1000))),
        ("7.3.1 a close without a code", vec![Raw::new(CLOSE, b"")], Closed(None)),
        ("7.3.2 a close of one byte", vec![Raw::new(CLOSE, b"\x03")], broken()),
        ("7.3.3 a code", vec![closing(1000, b"")], Closed(Some(1000))),
        ("7.3.5 with 123 bytes of reason", vec![closing(1000, &[b'x'; 123])], Closed(Some(1000))),
        ("7.3.6 with 124", vec![closing(1000, &[b'x'; 124])], broken()),
        ("7.5.1 a reason that is no UTF-8", vec![closing(1000, b"\xff\xfe")], broken()),
        ("7.7 a code of one's own", vec![closing(4999, b"")], Closed(Some(4999))),
        ("7.9.1 code 0", vec![closing(0, b"")], Closed(Some(1002))),
        ("7.9.2 code 999", vec![closing(999, b"")], Closed(Some(1002))),
        ("7.9.3 code 1004", vec![closing(1004, b"")], Closed(Some(1002))),
        ("7.9.4 code 1005", vec![closing(1005, b"")], Closed(Some(1002))),
        ("7.9.5 code 1006", vec![closing(1006, b"")], Closed(Some(1002))),
        ("7.9.6 code 1016", vec![closing(1016, b"")], Closed(Some(1002))),
        ("7.9.9 code 2999", vec![closing(2999, b"")], Closed(Some(1002))),
        ("7.13 code 65535", vec![closing(65_535, b"")], Closed(Some(1002))),
        ("7.1.3 a ping after the close", vec![closing(1000, b""), Raw::new(PING, b"x")], Closed(Some(1000))),
        ("7.1.4 a message after the close", vec![closing(1000, b""), p()], Closed(Some(1000))),
        // 9 limits
        ("9.2 a frame of ours and one byte", vec![big(limits::FRAME + 1)], refused("too_large")),
        ("9.3 the largest that is read", vec![big(limits::SERVER_FRAME)], refused("too_large")),
        ("9.4 one byte more", vec![big(limits::SERVER_FRAME + 1)], Bye("too_large", 1009)),
        ("a length of 256 MiB that is only told", vec![big(0).told(1 << 28)], Bye("too_large", 1009)),
        ("a length of 2^63 - 1 that is only told", vec![big(0).told(u64::MAX >> 1)], Bye("too_large", 1009)),
        ("a length with the highest bit", vec![big(0).told(u64::MAX)], Bye("too_large", 1009)),
        ("too large in small pieces", pieces(BINARY, &vec![0; limits::SERVER_FRAME + 1], 16_000), Bye("too_large", 1009)),
        // 10 buffering
        ("10.1.1 64 KiB in pieces of 1,300", pieces(BINARY, &vec![0; 65_536], 1_300), refused("malformed")),
    ]
}

#[tokio::test]
async fn attack_71_frames_that_break_the_protocol() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = vec![];
    for (name, frames, then) in cases {
        if let Some(fault) = judge(&mut alice, &frames, &then).await {
            wrong.push(format!("{name}: {fault}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    app.sockets_left(0, Duration::from_secs(10), "a socket was left behind").await;
}

/// What was wrong, if anything.
async fn judge(browser: &mut Browser<'_>, frames: &[Raw], then: &Then) -> Option<String> {
    let mut socket = RawSocket::greeted(browser).await;
    socket.send(frames).await;
    match then {
        Answer(parts) => {
            for part in parts {
                let heard = socket.next().await;
                let fits = match (part, &heard) {
                    (Pong(number), Heard::Frame(ServerFrame::Pong(told))) => number == told,
                    (ControlPong(bytes), Heard::Pong(told)) => bytes == told,
                    (Refused(word), Heard::Frame(ServerFrame::Refused(told))) => *word == told.code,
                    _ => false,
                };
                if !fits {
                    return Some(format!("{heard:?} instead of {part:?}"));
                }
            }
            socket.send(&[Raw::new(BINARY, &ping(99))]).await;
            let heard = socket.next().await;
            (heard != Heard::Frame(ServerFrame::Pong(99))).then(|| format!("{heard:?}: it does not live on"))
        }
        Bye(word, code) => {
            let bye = Heard::Frame(ServerFrame::Bye((*word).to_owned()));
            ends_with(&mut socket, &[bye, Heard::Close(Some(*code)), Heard::End]).await
        }
        Closed(code) => ends_with(&mut socket, &[Heard::Close(*code), Heard::End]).await,
    }
}

/// What comes is this and the answers to what was in order, and nothing else.
async fn ends_with(socket: &mut RawSocket, wanted: &[Heard]) -> Option<String> {
    let heard = socket.rest().await;
    let said = heard.iter().filter(|one| !matches!(one, Heard::Frame(ServerFrame::Pong(_))));
    (!said.eq(wanted)).then(|| format!("{heard:?}"))
}

#[tokio::test]
async fn attack_71_a_flood_of_pings_ends_the_socket() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let mut socket = RawSocket::greeted(&mut alice).await;
    // Four times what may be sent of rows: 8,000 at once, and 400 a second.
    let some: Vec<u8> = std::iter::repeat_n(Raw::new(PING, b"").bytes(), 1_000).flatten().collect();
    let start = Instant::now();
    let mut pongs = 0;
    let end = 'flood: loop {
        socket.write(&some).await;
        for _ in 0..1_000 {
            match socket.next().await {
                Heard::Pong(_) => pongs += 1,
                other => break 'flood other,
            }
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{pongs} pings, and still answered");
    };
    assert_eq!(end, Heard::Frame(ServerFrame::Bye("rate_limited".to_owned())), "after {pongs}");
    let allowed = 8_000 + 400 * (start.elapsed().as_secs() + 1);
    assert!((8_000..=allowed).contains(&pongs), "{pongs} in {:?}", start.elapsed());
}

#[tokio::test]
async fn attack_71_bytes_one_by_one_and_half_a_frame() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let mut socket = RawSocket::greeted(&mut alice).await;
    for byte in Raw::new(BINARY, &ping(5)).bytes() {
        socket.write(&[byte]).await;
    }
    assert_eq!(socket.next().await, Heard::Frame(ServerFrame::Pong(5)));
    // Half a frame, and the connection breaks off.
    let whole = Raw::new(BINARY, &ping(6)).bytes();
    socket.write(&whole[..whole.len() - 1]).await;
    drop(socket);
    app.sockets_left(0, Duration::from_secs(10), "a broken socket is forgotten").await;
}

#[tokio::test]
async fn attack_71_no_extension_is_agreed_on_and_bad_handshakes_are_refused() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let (_socket, head) =
        RawSocket::open(&mut alice, "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{head}");
    let good = [
        ("origin", app.origin()),
        ("connection", "close, upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-version", "13".to_owned()),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==".to_owned()),
    ];
    let ask = |method: &str, skip: &str, other: &str| {
        let request = good.iter().filter(|(name, value)| *name != skip || !other.is_empty() && !value.is_empty());
        request.fold(crate::wire::Request::bare(method, "/ws"), |request, (name, value)| {
            request.with(name, if *name == skip { other } else { value })
        })
    };
    let ticket = alice.ticket().await;
    for (name, request) in [
        ("another version", ask("GET", "sec-websocket-version", "8")),
        ("no version", ask("GET", "sec-websocket-version", "")),
        ("no key", ask("GET", "sec-websocket-key", "")),
        ("another protocol to upgrade to", ask("GET", "upgrade", "h2c")),
        ("no upgrade", ask("GET", "connection", "close")),
    ] {
        let protocols = format!("sotto.1, ticket.{ticket}");
        let answer = request.with("sec-websocket-protocol", &protocols).send(&app).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
    }
    let posted = ask("POST", "", "").with("sec-websocket-protocol", &format!("sotto.1, ticket.{ticket}"));
    assert!([403, 405].contains(&posted.send(&app).await.status));
}
