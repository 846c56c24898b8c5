//! HTTP: headers, cookies, forgeries, the redirect, bodies, pages, a verdict for every route.

use std::{fs, sync::Arc, time::Duration};

use server::{
    app::Pace,
    config::{Config, Layer},
    http::headers,
};
use shared::{Code, http::SettingsPut, label::Label};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    app::{Setup, TestApp},
    people::{self, login_finish, register, register_start},
    wire::{Request, exchange},
};

const MISSING: &str = "/api/accounts/00000000000000000000000000000000";
#[tokio::test]
async fn register_log_in_resume_recover_and_log_out() {
    let app = TestApp::start().await;
    let (mut alice, finish) = people::registration(&app, "alice").await;
    let answer = alice.send(alice.request("POST", "/auth/register/finish").cbor(&finish)).await;
    assert_eq!((answer.status, answer.json()["msg"].as_str()), (201, Some("User registered")));
    assert_eq!(answer.json()["user"]["username"], "alice");
    let who = alice.get("/auth/current_user").await.json();
    assert_eq!(
        (who["ok"].as_bool(), who["user"]["id"].as_str()),
        (Some(true), Some(alice.person.account.to_string().as_str()))
    );

    let mut elsewhere = alice.elsewhere().await;
    let vault = elsewhere.get("/api/vault").await.json();
    assert_eq!((vault["ok"].as_bool(), vault["vault_number"].as_u64()), (Some(true), Some(1)));
    let enrolled = elsewhere.enrol().await;
    assert_eq!(enrolled.status, 200, "{enrolled:?}");
    assert_eq!(enrolled.json()["user"]["device"], elsewhere.id().to_string());
    assert_eq!(alice.get("/api/people/ALICE").await.json()["statements"].as_array().unwrap().len(), 2);

    let out = alice.send(alice.request("POST", "/auth/logout")).await;
    assert_eq!((out.status, out.json()["msg"].as_str()), (200, Some("logged out")));
    assert!(!alice.cookies.contains_key("__Host-session-0"));
    assert_eq!(alice.get("/api/vault").await.code(), Code::LoginRequired);
    assert_eq!(alice.resume(Label::DeviceResume).await.status, 200);
    assert_eq!(alice.get("/api/vault").await.status, 200);

    alice.person = elsewhere.person.clone();
    let recovered = alice.recover(b"another").await;
    assert_eq!(recovered.status, 200, "{:?}", String::from_utf8_lossy(&recovered.body));
    assert_eq!(elsewhere.get("/api/vault").await.code(), Code::LoginRequired, "other sessions end");
    let old = login_finish(&app, "alice", b"password").await.unwrap();
    assert_eq!(Request::new(&app, "POST", "/auth/login/finish").json(&old).send(&app).await.code(), Code::InvalidCredentials);
    let new = login_finish(&app, "alice", b"another").await.unwrap();
    assert_eq!(Request::new(&app, "POST", "/auth/login/finish").json(&new).send(&app).await.status, 200);
}

#[tokio::test]
async fn cookies_are_for_this_host_for_no_script_and_one_for_each_slot() {
    let app = TestApp::start().await;
    let (alice, finish) = people::registration(&app, "alice").await;
    let answer = alice.request("POST", "/auth/register/finish").with("sotto-account", "3").cbor(&finish).send(&app).await;
    let cookies: Vec<&str> = answer.all("set-cookie").collect();
    assert_eq!(cookies.len(), 2);
    for (cookie, name, lasting) in [(cookies[0], "__Host-session-3=", false), (cookies[1], "__Host-known-3=", true)] {
        assert!(cookie.starts_with(name), "{cookie}");
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        for wanted in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(attributes.contains(&wanted), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        assert_eq!(attributes.contains(&"Max-Age=34560000"), lasting, "{cookie}");
    }
    let value = cookies[0].split(';').next().unwrap();
    let ask = |slot: &str| Request::new(&app, "GET", "/auth/current_user").with("cookie", value).with("sotto-account", slot);
    assert_eq!(ask("3").send(&app).await.json()["ok"], true);
    assert_eq!(ask("0").send(&app).await.json()["ok"], false, "another slot is another account");
    assert_eq!(ask("16").send(&app).await.code(), Code::Malformed);
    let out = ask("3");
    let out = Request { method: "POST".into(), path: "/auth/logout".into(), ..out }.with("origin", &app.origin());
    let ended = out.send(&app).await;
    assert!(
        ended
            .header("set-cookie")
            .unwrap()
            .starts_with("__Host-session-3=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
    );
    assert_eq!(ask("3").send(&app).await.json()["ok"], false);
}

#[tokio::test]
async fn bodies_are_read_strictly_and_never_a_500() {
    let app = TestApp::start().await;
    let post = |path: &str| Request::new(&app, "POST", path);
    let cases: [(&str, Request, Code); 14] = [
        ("absent counts as empty (F065)", post("/auth/login/start"), Code::MissingCredentials),
        ("empty", post("/auth/login/start").raw("application/json", b""), Code::MissingCredentials),
        ("empty object", post("/auth/register/start").raw("application/json", b"{}"), Code::MissingFields),
        ("cut off", post("/auth/login/start").raw("application/json", b"{\"username\""), Code::Malformed),
        ("no object", post("/auth/login/start").raw("application/json", b"[]"), Code::Malformed),
        ("null", post("/auth/login/start").raw("application/json", b"null"), Code::Malformed),
        ("another type", post("/auth/login/start").raw("application/json", b"{\"username\": 1}"), Code::Malformed),
        ("unknown field (F080)", post("/auth/login/start").raw("application/json", b"{\"pwd\": \"x\"}"), Code::Malformed),
        ("not UTF-8", post("/auth/login/start").raw("application/json", b"{\"username\": \"\xff\"}"), Code::Malformed),
        ("deep", post("/auth/login/start").raw("application/json", "[".repeat(5_000).as_bytes()), Code::Malformed),
        ("a form", post("/auth/login/start").raw("application/x-www-form-urlencoded", b"a=b"), Code::UnsupportedType),
        ("CBOR where JSON is due", post("/auth/login/start").raw("application/cbor", b"\xa0"), Code::UnsupportedType),
        ("JSON where CBOR is due", post("/auth/register/finish").raw("application/json", b"{}"), Code::UnsupportedType),
        ("broken CBOR", post("/auth/register/finish").raw("application/cbor", b"\xbf\x00\xff"), Code::Malformed),
    ];
    for (name, request, code) in cases {
        assert_eq!(request.send(&app).await.code(), code, "{name}");
    }
    let charset = post("/auth/login/start").raw("application/json; charset=utf-8", b"{}").send(&app).await;
    assert_eq!(charset.code(), Code::MissingCredentials);
    // Told before it is sent: refused before a byte of it is read.
    let told = post("/auth/login/start").raw("application/json", b"{}").with("content-length", "70000");
    assert_eq!(told.send(&app).await.code(), Code::TooLarge);
    // Not told: refused when it grows too large.
    let mut stream = app.connect().await;
    let head = format!(
        "POST /auth/login/start HTTP/1.1\r\nhost: localhost\r\norigin: {}\r\nsotto-client: 0.1.0\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n",
        app.origin()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(5);
    assert_eq!(exchange(stream, chunk.as_bytes()).await.unwrap().code(), Code::TooLarge);
}

#[tokio::test]
async fn unknown_addresses_methods_ids_and_parameters() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    for path in ["/api/nothing", "/auth/nothing", "/api", "/admin/users", "/ws/x"] {
        assert_eq!(Request::new(&app, "GET", path).send(&app).await.code(), Code::NotFound, "{path}");
    }
    for (method, path) in [("GET", "/auth/logout"), ("DELETE", "/api/vault"), ("POST", "/"), ("OPTIONS", "/api/vault")] {
        let request = Request::new(&app, method, path).without("origin").with("origin", &app.origin());
        assert_eq!(request.send(&app).await.code(), Code::MethodNotAllowed, "{method} {path}");
    }
    for path in ["/api/conversations/xyz/rows", "/api/accounts/1/statements", &format!("{MISSING}/statements")] {
        assert_eq!(alice.get(path).await.code(), Code::NotFound, "{path}");
    }
    for path in
        ["/api/inbox?after=x", "/api/settings?since=1", "/api/conversations/00000000000000000000000000000000/rows?limit=-1"]
    {
        assert_eq!(alice.get(path).await.code(), Code::Malformed, "{path}");
    }
    let plain = Request::bare("GET", "/nothing.js").send(&app).await;
    assert_eq!((plain.status, plain.header("content-type")), (404, Some("text/plain; charset=utf-8")));
}

#[tokio::test]
async fn security_headers_stand_on_everything() {
    let app = TestApp::start().await;
    for path in ["/", "/healthz", "/auth/current_user", "/api/vault", "/api/nothing", "/nothing", "/c/0/1", "/ws"] {
        let answer = Request::bare("GET", path).send(&app).await;
        for (name, value, _) in headers::ALWAYS {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(answer.header("cache-control").is_some(), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "HSTS would spoil other ports of localhost");
        assert_eq!(answer.header("server"), None);
        if path.starts_with("/api") || path.starts_with("/auth") {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    assert_eq!(
        headers::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         worker-src blob:; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types sotto-loader"
    );
}

#[tokio::test]
async fn a_certificate_of_ones_own_switches_hsts_on() {
    let local = TestApp::start().await;
    let certs = local.folder().join("certs");
    let text = |name: &str| Some(certs.join(name).display().to_string());
    let layer = Layer { cert: text("cert.pem"), key: text("key.pem"), ..Layer::default() };
    let mut own = TestApp::with(Setup { layer, ..Setup::default() }).await;
    own.tls = Arc::clone(&local.tls);
    let answer = Request::bare("GET", "/healthz").send(&own).await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
    assert!(!own.folder().join("certs/ca.pem").exists(), "no authority is made when none is needed");
}

#[tokio::test]
async fn pages_and_files_of_the_web_client() {
    let web = std::env::temp_dir().join(format!("sotto-web-{}", server::clock::random_hex::<8>()));
    fs::create_dir_all(web.join("assets")).unwrap();
    fs::write(web.join("index.html"), "<!doctype html>").unwrap();
    fs::write(web.join("assets/app-0123456789abcdef.js"), "1").unwrap();
    fs::write(web.join("release.json"), "{}").unwrap();
    let layer = Layer { web_dir: Some(web.display().to_string()), ..Layer::default() };
    let app = TestApp::with(Setup { layer, ..Setup::default() }).await;
    for path in ["/", "/login", "/register", "/recover", "/settings", "/c/00", "/c/00/11"] {
        let page = Request::bare("GET", path).send(&app).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
    let page = Request::bare("GET", "/").send(&app).await;
    let again = Request::bare("GET", "/").with("if-none-match", page.header("etag").unwrap()).send(&app).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let script = Request::bare("GET", "/assets/app-0123456789abcdef.js").send(&app).await;
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(Request::bare("GET", "/release.json").send(&app).await.header("cache-control"), Some("no-cache"));
    for path in ["/../Cargo.toml", "/assets/../../x", "/%2e%2e/x", "/assets", "/.git"] {
        assert_eq!(Request::bare("GET", path).send(&app).await.status, 404, "{path}");
    }
    fs::remove_dir_all(&web).unwrap();
    let missing = Request::bare("GET", "/").send(&app).await;
    assert_eq!(missing.status, 503);
    assert!(String::from_utf8_lossy(&missing.body).contains("cargo xtask web"));
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_a_308() {
    let app = TestApp::start().await;
    let port = app.address.port();
    let stream = TcpStream::connect(app.address).await.unwrap();
    let request = format!("GET /c/1?a=b HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    let answer = exchange(stream, request.as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (308, Some(format!("https://localhost:{port}/c/1?a=b").as_str())));
    let stream = TcpStream::connect(app.address).await.unwrap();
    let answer = exchange(stream, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await.unwrap();
    assert!(answer.header("location").unwrap().starts_with("https://localhost:"));
}

#[tokio::test]
async fn tls_is_1_3_with_the_hybrid_group_and_speaks_h2() {
    let app = TestApp::start().await;
    let stream = app.connect().await;
    let (_, connection) = stream.get_ref();
    assert_eq!(connection.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(connection.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);
    let mut two = app.tls.as_ref().clone();
    two.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = app.connect_with(Arc::new(two)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // The preface and empty settings are answered with settings (RFC 9113 §3.4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4);
}

/// A ClientHello of TLS 1.2: it names no supported versions (RFC 8446 §4.2.1), so 1.3 can't be meant.
#[tokio::test]
async fn who_offers_tls_1_2_alone_is_refused() {
    let app = TestApp::start().await;
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    // No session; ECDHE-ECDSA and -RSA with AES-128-GCM; no compression; groups x25519 and P-256; two kinds of signatures.
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions = [&[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..], &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4], &[0, 11, 0, 2, 1, 0]].concat();
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(&[&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]), "fatal: protocol_version");
}

#[tokio::test]
async fn a_client_that_trusts_nobody_is_not_served() {
    let app = TestApp::start().await;
    let mut config = app.config.clone();
    config.own_certificate = Some(server::config::OwnCertificate { cert: "".into(), key: "".into() });
    let nobody = Arc::new(crate::app::client_config(&config));
    assert!(app.connect_with(nobody).await.is_err());
}

#[tokio::test]
async fn the_database_the_keys_and_the_sessions_outlive_a_restart() {
    let mut app = TestApp::start().await;
    let cookies = {
        let mut alice = register(&app, "alice").await;
        let item = SettingsPut { collection: 1, item: vec![1; 16].into(), version: 1, sealed: vec![2; 40].into() };
        assert_eq!(alice.send(alice.request("PUT", "/api/settings").json(&item)).await.json()["change"], 1);
        alice.cookies
    };
    assert!(app.stop().await < Duration::from_secs(5));
    let again = TestApp::on(app.config.clone(), Pace::default()).await;
    let cookie = format!("__Host-session-0={}", cookies["__Host-session-0"]);
    let settings = Request::new(&again, "GET", "/api/settings?after=0").with("cookie", &cookie).send(&again).await.json();
    assert_eq!(settings["items"].as_array().unwrap().len(), 1);
    drop(again);
}

#[tokio::test]
async fn one_folder_has_one_server() {
    let app = TestApp::start().await;
    let error = server::serve::Server::start(&app.config, Pace::default()).await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
}

#[tokio::test]
async fn closed_registration_and_keys_that_are_not_this_databases() {
    let layer = Layer { registration: Some("closed".to_owned()), ..Layer::default() };
    let mut app = TestApp::with(Setup { layer, ..Setup::default() }).await;
    let (_, start) = register_start("alice");
    assert_eq!(
        Request::new(&app, "POST", "/auth/register/start").json(&start).send(&app).await.code(),
        Code::RegistrationClosed
    );
    app.stop().await;
    let other = TestApp::start().await;
    fs::copy(other.folder().join("server.keys"), app.folder().join("server.keys")).unwrap();
    let config: Config = app.config.clone();
    let error = format!("{:#}", server::serve::Server::start(&config, Pace::default()).await.unwrap_err());
    assert!(error.contains("server.keys"), "{error}");
}
