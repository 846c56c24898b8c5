//! HTTP/1.1 by hand: what two readers could read differently, what has no end, and what is no request.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use crate::{
    app::TestApp,
    people::register,
    wire::{Answer, Request},
};

/// All statuses that come back until the connection ends.
async fn statuses(app: &TestApp, bytes: &[u8]) -> Vec<u16> {
    let mut stream = app.connect().await;
    // A server that has seen enough may stop reading; what it said counts.
    let _ = timeout(Duration::from_secs(20), stream.write_all(bytes)).await.expect("the server neither reads nor ends");
    let _ = stream.flush().await;
    let mut all = vec![];
    let ended = timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all);
    let asked = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
    assert!(ended.is_ok(), "the connection does not end: {asked:?}: {text:?}");
    text.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].parse().unwrap()).collect()
}

/// A request for the page's own kind of change, with these header lines and this body.
fn post(app: &TestApp, lines: &str, body: &str) -> Vec<u8> {
    let (port, origin) = (app.address.port(), app.origin());
    format!(
        "POST /auth/logout HTTP/1.1\r\nhost: localhost:{port}\r\norigin: {origin}\r\nsotto-client: 0.1.0\r\n\
         content-type: application/json\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

fn get(line: &str, lines: &str) -> Vec<u8> {
    format!("{line}\r\n{lines}\r\n").into_bytes()
}

/// The request that must not be taken out of the body of another.
const INNER: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn attack_72_no_second_request_comes_out_of_the_body_of_the_first() {
    let app = TestApp::start().await;
    let inner = INNER.len();
    let chunk = format!("{inner:x}\r\n{INNER}\r\n0\r\n\r\n");
    // Header lines, body, how it must end: with 400, or with one answer for one request.
    let cases: Vec<(&str, String, String)> = vec![
        ("both lengths", "content-length: 6\r\ntransfer-encoding: chunked\r\n".into(), format!("0\r\n\r\n{INNER}")),
        (
            "both, the other way round",
            "transfer-encoding: chunked\r\ncontent-length: 6\r\n".into(),
            format!("0\r\n\r\n{INNER}"),
        ),
        ("both, the chunk holds it", format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", 4), chunk.clone()),
        ("two lengths", format!("content-length: 2\r\ncontent-length: {}\r\n", inner + 2), format!("{{}}{INNER}")),
        ("two in one line", format!("content-length: 2, {}\r\n", inner + 2), format!("{{}}{INNER}")),
        ("a sign", "content-length: +2\r\n".into(), format!("{{}}{INNER}")),
        ("less than nothing", "content-length: -2\r\n".into(), format!("{{}}{INNER}")),
        ("hexadecimal", "content-length: 0x2\r\n".into(), format!("{{}}{INNER}")),
        ("a letter", "content-length: 2a\r\n".into(), format!("{{}}{INNER}")),
        ("no digits", "content-length: \r\n".into(), format!("{{}}{INNER}")),
        ("more than 64 bits", "content-length: 18446744073709551618\r\n".into(), format!("{{}}{INNER}")),
        ("a space before the colon", format!("content-length : {}\r\n", inner + 2), format!("{{}}{INNER}")),
        ("a tab before the colon", "transfer-encoding\t: chunked\r\n".into(), chunk.clone()),
        ("a folded line", "content-length:\r\n 2\r\n".into(), format!("{{}}{INNER}")),
        ("a line that begins with a space", " content-length: 2\r\n".into(), format!("{{}}{INNER}")),
        ("NUL in a value", "content-length: 2\0\r\n".into(), format!("{{}}{INNER}")),
        ("CR in a value", "x: a\rcontent-length: 9\r\ncontent-length: 2\r\n".into(), format!("{{}}{INNER}")),
        ("another coding", "transfer-encoding: gzip\r\n".into(), chunk.clone()),
        ("nearly chunked", "transfer-encoding: xchunked\r\n".into(), chunk.clone()),
        ("chunked, then another", "transfer-encoding: chunked, identity\r\n".into(), chunk.clone()),
        ("identity", "transfer-encoding: identity\r\n".into(), chunk.clone()),
        ("with a vertical tab", "transfer-encoding: \x0bchunked\r\n".into(), chunk.clone()),
        ("a size of 68 bits", "transfer-encoding: chunked\r\n".into(), format!("11111111111111111\r\n{INNER}")),
        ("a negative size", "transfer-encoding: chunked\r\n".into(), format!("-2\r\n{INNER}")),
        ("a size with 0x", "transfer-encoding: chunked\r\n".into(), format!("0x2\r\n{{}}\r\n0\r\n\r\n{INNER}")),
        ("a chunk longer than told", "transfer-encoding: chunked\r\n".into(), format!("2\r\n{{}} \r\n0\r\n\r\n{INNER}")),
        ("a bare LF after the size", "transfer-encoding: chunked\r\n".into(), format!("2\n{{}}\r\n0\r\n\r\n{INNER}")),
        ("CR in an extension", "transfer-encoding: chunked\r\n".into(), format!("2;a\rb\r\n{{}}\r\n0\r\n\r\n{INNER}")),
        (
            "an extension without end",
            "transfer-encoding: chunked\r\n".into(),
            format!("2;{}\r\n{{}}\r\n0\r\n\r\n{INNER}", "a".repeat(40_000)),
        ),
        (
            "trailers without end",
            "transfer-encoding: chunked\r\n".into(),
            format!("2\r\n{{}}\r\n0\r\n{}\r\n{INNER}", "a: b\r\n".repeat(20_000)),
        ),
    ];
    for (name, lines, body) in cases {
        let told = statuses(&app, &post(&app, &lines, &body)).await;
        assert!(told.len() <= 1, "{name}: {told:?}: the body was taken for a request");
        assert!(told.iter().all(|status| matches!(status, 200 | 400 | 413 | 431 | 501)), "{name}: {told:?}");
    }
    // The same connection without any trick carries two.
    let told = statuses(&app, &post(&app, "content-length: 2\r\n", &format!("{{}}{INNER}"))).await;
    assert_eq!(told, [200, 200]);
    let told = statuses(&app, &post(&app, "transfer-encoding: chunked\r\n", &format!("2\r\n{{}}\r\n0\r\n\r\n{INNER}"))).await;
    assert_eq!(told, [200, 200]);
}

#[tokio::test]
async fn attack_73_what_is_no_request_gets_400_or_the_door() {
    let app = TestApp::start().await;
    let host = format!("host: localhost:{}\r\nconnection: close\r\n", app.address.port());
    let long = |size: usize| "a".repeat(size);
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("nothing but noise", b"\x00\xff\xfe\r\n\r\n".to_vec(), &[400]),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), &[400]),
        ("HTTP/1.2", get("GET /healthz HTTP/1.2", &host), &[400, 505]),
        ("HTTP/9", get("GET /healthz HTTP/9.9", &host), &[400, 505]),
        ("HTTP/2 on HTTP/1", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 505]),
        ("no host", get("GET /healthz HTTP/1.1", "connection: close\r\n"), &[400]),
        ("two hosts", get("GET /healthz HTTP/1.1", &format!("{host}host: evil.example\r\n")), &[400]),
        ("a space in the address", get("GET /a b HTTP/1.1", &host), &[400]),
        ("two spaces", get("GET  /healthz HTTP/1.1", &host), &[400]),
        ("NUL in the address", get("GET /a\0b HTTP/1.1", &host), &[400]),
        ("bytes above 127 in a name", b"GET /healthz HTTP/1.1\r\nh\xc3\xb6st: x\r\n\r\n".to_vec(), &[400]),
        ("an empty name", get("GET /healthz HTTP/1.1", &format!("{host}: x\r\n")), &[400]),
        ("no colon", get("GET /healthz HTTP/1.1", &format!("{host}nonsense\r\n")), &[400]),
        ("an address of 15,000 bytes", get(&format!("GET /{} HTTP/1.1", long(15_000)), &host), &[404, 414, 431]),
        ("an address of 70,000 bytes", get(&format!("GET /{} HTTP/1.1", long(70_000)), &host), &[400, 414, 431]),
        ("a method of 40,000 bytes", get(&format!("{} / HTTP/1.1", long(40_000)), &host), &[400, 431]),
        ("a header of 40,000 bytes", get("GET /healthz HTTP/1.1", &format!("{host}a: {}\r\n", long(40_000))), &[431]),
        ("a name of 40,000 bytes", get("GET /healthz HTTP/1.1", &format!("{host}{}: x\r\n", long(40_000))), &[400, 431]),
        ("500 headers", get("GET /healthz HTTP/1.1", &format!("{host}{}", "a: b\r\n".repeat(500))), &[431]),
        ("headers without end", get("GET /healthz HTTP/1.1", &"a: b\r\n".repeat(50_000)), &[431]),
        ("CONNECT", get("CONNECT evil.example:443 HTTP/1.1", &host), &[400, 403, 404, 405]),
        ("TRACE", get("TRACE /healthz HTTP/1.1", &host), &[403, 405]),
        ("a method of one's own", get("SUMMON /healthz HTTP/1.1", &host), &[403, 405]),
        ("another site's address", get("GET http://evil.example/ HTTP/1.1", &host), &[200, 400, 404, 503]),
        ("a star", get("GET * HTTP/1.1", &host), &[400, 404]),
        (
            "an upgrade to h2c",
            get("GET /healthz HTTP/1.1", &format!("{host}upgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n")),
            &[200],
        ),
        ("dots that lead out", get("GET /assets/../../../etc/passwd HTTP/1.1", &host), &[400, 404]),
        ("encoded dots", get("GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", &host), &[400, 404]),
        ("encoded slashes", get("GET /..%2f..%2fetc%2fpasswd HTTP/1.1", &host), &[400, 404]),
        ("backslashes", get("GET /..\\..\\etc\\passwd HTTP/1.1", &host), &[400, 404]),
        ("an encoded NUL", get("GET /index.html%00.js HTTP/1.1", &host), &[400, 404]),
        ("no UTF-8", get("GET /%ff%fe HTTP/1.1", &host), &[400, 404]),
        ("an encoded line break", get("GET /%0d%0aset-cookie:%20a=b HTTP/1.1", &host), &[400, 404]),
        ("a percent alone", get("GET /% HTTP/1.1", &host), &[400, 404]),
    ];
    for (name, bytes, allowed) in cases {
        let told = statuses(&app, &bytes).await;
        assert!(told.len() <= 1 && told.iter().all(|status| allowed.contains(status)), "{name}: {told:?}");
        // Only what is not HTTP at all may be left without a word.
        assert!(!told.is_empty() || matches!(name, "nothing but noise" | "HTTP/2 on HTTP/1"), "{name}: no answer");
    }
    let fifty = [get("GET /healthz HTTP/1.1", "host: localhost\r\n").repeat(49), get("GET /healthz HTTP/1.1", &host)].concat();
    assert_eq!(statuses(&app, &fifty).await, [200; 50], "pipelining is allowed, and answered in order");
}

#[tokio::test]
async fn attack_73_what_is_told_to_come_is_not_waited_for_in_memory() {
    let app = TestApp::start().await;
    // Expect: 100-continue with a body that will be refused: refused without the 100.
    let told =
        statuses(&app, &post(&app, "expect: 100-continue\r\ncontent-length: 999999999\r\nconnection: close\r\n", "")).await;
    assert_eq!(told, [413]);
    // A plain redirect carries nothing that was smuggled into it.
    let mut plain = tokio::net::TcpStream::connect(app.address).await.unwrap();
    plain.write_all(b"GET /%0d%0aset-cookie:a=b\r\n x HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let _ = timeout(Duration::from_secs(20), plain.read_to_string(&mut text)).await.unwrap();
    assert!(!text.to_ascii_lowercase().contains("\nset-cookie"), "{text}");
}

#[tokio::test]
async fn attack_74_operators_of_sql_and_of_patterns_are_letters_like_others() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let nasty = [
        "' OR '1'='1",
        "alice' --",
        "alice\"; DROP TABLE account;",
        "%",
        "_lice",
        "*",
        "alice\0",
        "a?ice",
        "ALICE' UNION SELECT 1",
        ":handle",
        "alice) OR (1=1",
    ];
    for name in nasty {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = alice.get(&format!("/api/people/{encoded}")).await;
        assert_eq!(found.status, 404, "{name}: {found:?}");
        for query in [format!("/api/inbox?after={encoded}"), format!("/api/settings?after={encoded}")] {
            assert_eq!(alice.get(&query).await.status, 400, "{query}");
        }
        for path in [format!("/api/conversations/{encoded}/rows"), format!("/api/accounts/{encoded}/statements")] {
            assert_eq!(alice.get(&path).await.status, 404, "{path}");
        }
        let (_, start) = crate::people::register_start(name);
        let answer = Request::new(&app, "POST", "/auth/register/start").json(&start).send(&app).await;
        assert_eq!(answer.status == 400, shared::handle::Handle::parse(name).is_err(), "{name}: {answer:?}");
    }
    assert_eq!(alice.get("/api/people/alice").await.status, 200, "the table is there");
}

#[tokio::test]
async fn attack_73_json_that_two_readers_could_read_differently() {
    let app = TestApp::start().await;
    let ask = async |body: &[u8]| -> Answer {
        Request::new(&app, "POST", "/auth/login/start").raw("application/json", body).send(&app).await
    };
    let deep = |open: &str, close: &str| format!("{{\"username\":{}1{}}}", open.repeat(9_000), close.repeat(9_000));
    let cases: [(&str, Vec<u8>); 14] = [
        ("a key twice", br#"{"username":"a","username":"b","request":"AAAA"}"#.to_vec()),
        ("a key twice, once escaped", br#"{"username":"a","\u0075sername":"b","request":"AAAA"}"#.to_vec()),
        ("deep lists", deep("[", "]").into_bytes()),
        ("deep objects", deep("{\"a\":", "}").into_bytes()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("UTF-16", b"\xff\xfe{\x00}\x00".to_vec()),
        ("a comment", br#"{/* */"username":"a"}"#.to_vec()),
        ("a comma too many", br#"{"username":"a","request":"AAAA",}"#.to_vec()),
        ("something after it", br#"{"username":"a","request":"AAAA"}{}"#.to_vec()),
        ("half a surrogate", br#"{"username":"\ud800","request":"AAAA"}"#.to_vec()),
        ("a control character", b"{\"username\":\"a\nb\",\"request\":\"AAAA\"}".to_vec()),
        ("a number that is no number", br#"{"username":NaN}"#.to_vec()),
        ("a huge number", format!("{{\"username\":1{}}}", "0".repeat(5_000)).into_bytes()),
        ("padding in base64", br#"{"username":"a","request":"AAA="}"#.to_vec()),
    ];
    for (name, body) in cases {
        let start = Instant::now();
        assert_eq!(ask(&body).await.code(), shared::Code::Malformed, "{name}");
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    }
}
