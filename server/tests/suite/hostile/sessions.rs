//! Sessions: where they begin, when they end, and what a thief of the table has.

use std::{fs, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use server::clock::{self, SystemRandom};
use shared::{
    Code,
    frame::ServerFrame,
    http::{Logout, RecoverOpen, RecoverOpened, RecoverStart, RecoverStarted},
    label::Label,
    signature, signed_text,
};
use tokio::time::Instant;

use crate::{
    app::{Setup, TestApp},
    people::{Browser, Socket, login_finish, register},
    speaking::login::Registering,
    wire::{Request, status},
};

const SESSION: &str = "__Host-session-0";
/// What ends must end within this on every socket.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn attack_63_of_fourteen_origins_only_our_own_opens_a_socket() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let port = app.address.port();
    let own = app.origin();
    let mut refused: Vec<(&str, Vec<String>)> = vec![
        ("absent", vec![]),
        ("null", vec!["null".to_owned()]),
        ("empty", vec![String::new()]),
        ("another site", vec!["https://evil.example".to_owned()]),
        ("ours as a beginning", vec![format!("https://localhost:{port}.evil.example")]),
        ("ours as an end", vec![format!("https://evil.example/{own}")]),
        ("a sub-domain", vec![format!("https://a.localhost:{port}")]),
        ("another port", vec![format!("https://localhost:{}", port.wrapping_add(1).max(1))]),
        ("no port", vec!["https://localhost".to_owned()]),
        ("without TLS", vec![format!("http://localhost:{port}")]),
        ("punycode", vec![format!("https://xn--lcalhost-9gb:{port}")]),
        ("upper case", vec![format!("https://LOCALHOST:{port}")]),
        ("with a user", vec![format!("https://localhost@evil.example:{port}")]),
        ("two of them", vec![own.clone(), "https://evil.example".to_owned()]),
    ];
    assert_eq!(refused.len(), 14);
    let more: [(&str, &[&str]); 4] = [
        ("with a path", &["/"]),
        ("a dot at the end of the name", &["."]),
        ("a space after it", &[" https://evil.example"]),
        ("a list in one", &[", https://evil.example"]),
    ];
    refused.extend(more.iter().map(|(name, ends)| (*name, ends.iter().map(|end| format!("{own}{end}")).collect())));
    for (name, origins) in refused {
        let ticket = alice.ticket().await;
        let headers: Vec<(&str, &str)> = origins.iter().map(|origin| ("origin", origin.as_str())).collect();
        let error = Socket::open_with(&app, &headers, &format!("sotto.1, ticket.{ticket}")).await.err().expect(name);
        assert_eq!(status(&error), Some(403), "{name}");
    }
    for site in ["cross-site", "same-site", "none", "SAME-ORIGIN", "same-origin, cross-site"] {
        let ticket = alice.ticket().await;
        let cross = [("origin", own.as_str()), ("sec-fetch-site", site)];
        let error = Socket::open_with(&app, &cross, &format!("sotto.1, ticket.{ticket}")).await.err().expect(site);
        assert_eq!(status(&error), Some(403), "{site}");
    }
    for own in [own, format!("https://127.0.0.1:{port}"), format!("https://[::1]:{port}")] {
        let ticket = alice.ticket().await;
        assert!(Socket::open(&app, &own, &ticket).await.is_ok(), "{own}");
    }
}

#[tokio::test]
async fn attack_63_cookies_alone_open_no_socket() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let cookie = format!("{SESSION}={}", alice.cookies[SESSION]);
    let headers = [("origin", app.origin()), ("sec-fetch-site", "same-origin".to_owned()), ("cookie", cookie)];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for protocols in ["sotto.1", "sotto.1, ticket.", "ticket.AAAA, sotto.1"] {
        let error = Socket::open_with(&app, &headers, protocols).await.err().unwrap();
        assert_eq!(status(&error), Some(401), "{protocols}");
    }
    // What was tried from elsewhere is used up: a ticket that leaked into a forged request opens nothing later.
    let ticket = alice.ticket().await;
    let protocols = format!("sotto.9, ticket.{ticket}");
    assert_eq!(status(&Socket::open_with(&app, &headers, &protocols).await.err().unwrap()), Some(426));
    assert_eq!(status(&Socket::open(&app, &app.origin(), &ticket).await.err().unwrap()), Some(401));
}

/// Is this cookie worth anything?
async fn opens(app: &TestApp, cookie: &str) -> bool {
    let asked = Request::new(app, "GET", "/api/vault").with("cookie", &format!("{SESSION}={cookie}")).send(app).await;
    assert!(asked.status == 200 || asked.code() == Code::LoginRequired, "{asked:?}");
    asked.status == 200
}

#[tokio::test]
async fn attack_65_a_session_planted_before_the_log_in_is_worth_nothing_after_it() {
    let app = TestApp::start().await;
    let alice = register(&app, "alice").await;
    let mallory = register(&app, "mallory").await;
    let made_up = URL_SAFE_NO_PAD.encode([7; 32]);
    let of_mallory = mallory.cookies[SESSION].clone();
    let mut seen = vec![made_up.clone(), of_mallory.clone()];
    for planted in [&made_up, &of_mallory] {
        let finish = login_finish(&app, "alice", b"password").await.unwrap();
        let planted = format!("{SESSION}={planted}");
        let answer = Request::new(&app, "POST", "/auth/login/finish").with("cookie", &planted).json(&finish).send(&app).await;
        assert_eq!(answer.status, 200);
        let given = answer.all("set-cookie").find_map(|cookie| cookie.strip_prefix(&format!("{SESSION}="))).unwrap();
        let given = given.split(';').next().unwrap().to_owned();
        assert!(!seen.contains(&given), "every log-in draws a new token");
        assert_eq!(given.len(), 43, "256 bits");
        seen.push(given);
    }
    assert!(!opens(&app, &made_up).await, "nobody's choice becomes a session");
    let who = Request::new(&app, "GET", "/auth/current_user").with("cookie", &format!("{SESSION}={of_mallory}"));
    assert_eq!(who.send(&app).await.json()["user"]["username"], "mallory", "a planted session does not become the victim's");
    // Enrolment lifts what a session may do: under a new token, and the old one is dead.
    let mut fresh = alice.elsewhere().await;
    let before = fresh.cookies[SESSION].clone();
    assert!(opens(&app, &before).await);
    assert_eq!(fresh.enrol().await.status, 200);
    assert_ne!(fresh.cookies[SESSION], before);
    assert!(!opens(&app, &before).await && opens(&app, &fresh.cookies[SESSION]).await);
    // So does a resume out of a log-in by password.
    let mut again = alice.elsewhere().await;
    let before = again.cookies[SESSION].clone();
    (again.mls, again.person) = (fresh.mls, fresh.person);
    assert_eq!(again.resume(Label::DeviceResume).await.status, 200);
    assert!(!opens(&app, &before).await && opens(&app, &again.cookies[SESSION]).await);
}

#[tokio::test]
async fn attack_66_a_log_out_ends_every_socket_of_the_session_within_a_second() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let (mut greeted, _) = alice.greeted(vec![]).await;
    let mut waiting = alice.socket().await;
    let ticket = alice.ticket().await;
    let token = alice.cookies[SESSION].clone();
    let start = Instant::now();
    assert_eq!(alice.send(alice.request("POST", "/auth/logout").json(&Logout::default())).await.status, 200);
    assert_eq!(greeted.bye().await, "session_ended");
    assert!(start.elapsed() < SOON);
    // One that had not said hello yet is refused as soon as it does.
    let hello = alice.hello(vec![]);
    waiting.send(&shared::frame::ClientFrame::Hello(hello)).await;
    assert_eq!(waiting.bye().await, "session_ended");
    assert_eq!(status(&Socket::open(&app, &app.origin(), &ticket).await.err().unwrap()), Some(401), "its tickets are dead");
    assert!(!opens(&app, &token).await, "its token is dead");
}

#[tokio::test]
async fn attack_59_a_new_password_ends_every_session_and_socket_within_a_second() {
    let app = TestApp::start().await;
    let mut first = register(&app, "alice").await;
    let mut second = first.elsewhere().await;
    assert_eq!(second.enrol().await.status, 200);
    let mut third = second.elsewhere().await;
    let tokens: Vec<String> = [&first, &second, &third].iter().map(|browser| browser.cookies[SESSION].clone()).collect();
    let ((mut a, _), (mut b, _)) = (first.greeted(vec![]).await, second.greeted(vec![]).await);
    let ticket = first.ticket().await;
    let start = Instant::now();
    third.person = second.person.clone();
    let recovered = third.recover(b"another").await;
    assert_eq!(recovered.status, 200, "{:?}", String::from_utf8_lossy(&recovered.body));
    let done = Instant::now();
    assert_eq!((a.bye().await, b.bye().await), ("session_ended".to_owned(), "session_ended".to_owned()));
    assert!(done.elapsed() < SOON, "{:?} after the answer, {:?} in all", done.elapsed(), start.elapsed());
    for token in tokens {
        assert!(!opens(&app, &token).await);
    }
    assert_eq!(status(&Socket::open(&app, &app.origin(), &ticket).await.err().unwrap()), Some(401));
    assert_eq!(first.resume(Label::DeviceResume).await.code(), Code::ResumeRefused, "the device key alone does not renew it");
}

#[tokio::test]
async fn attack_59_a_device_signed_out_elsewhere_is_cut_within_a_second() {
    let app = TestApp::start().await;
    let mut first = register(&app, "alice").await;
    let mut second = first.elsewhere().await;
    assert_eq!(second.enrol().await.status, 200);
    first.person = second.person.clone();
    let ((mut here, _), (mut there, _)) = (first.greeted(vec![]).await, second.greeted(vec![]).await);
    let path = format!("/api/devices/{}", second.id());
    let start = Instant::now();
    assert_eq!(first.send(first.request("DELETE", &path).json(&first.revocation(second.id()))).await.status, 200);
    assert_eq!(there.bye().await, "session_ended");
    assert!(start.elapsed() < SOON * 2, "{:?}", start.elapsed());
    assert_eq!(second.get("/api/vault").await.code(), Code::LoginRequired);
    assert_eq!(second.resume(Label::DeviceResume).await.code(), Code::ResumeRefused);
    here.send(&shared::frame::ClientFrame::Ping(1)).await;
    here.until(|frame| matches!(frame, ServerFrame::Pong(1)).then_some(())).await;
}

/// A recovery up to the nonce.
async fn recovery(browser: &mut Browser<'_>, handle: &str) -> RecoverStarted {
    let (_, request) = Registering::start(&mut SystemRandom, b"another");
    let start = RecoverStart { username: handle.to_owned(), request: request.into() };
    browser.send(browser.request("POST", "/auth/recover/start").json(&start)).await.parse()
}

fn opened_by(browser: &Browser<'_>, started: &RecoverStarted) -> RecoverOpen {
    let text = signed_text::recovery(started.account_id, started.nonce.as_slice());
    let signed = signature::sign(&browser.person.recovery, Label::RecoveryOpen, &text).into();
    RecoverOpen { recover_id: started.recover_id.clone(), signature: signed }
}

#[tokio::test]
async fn attack_61_a_recovery_is_for_one_account_and_for_once() {
    let app = TestApp::with(Setup { logins_per_minute: 30, ..Setup::default() }).await;
    let (mut alice, mut mallory) = (register(&app, "alice").await, register(&app, "mallory").await);
    let first = recovery(&mut alice, "alice").await;
    let second = recovery(&mut alice, "alice").await;
    assert!(first.recover_id.0.len() >= 16 && first.recover_id != second.recover_id && first.nonce != second.nonce);
    let open = |browser: &Browser<'_>, body: &RecoverOpen| browser.request("POST", "/auth/recover/open").json(body);
    // Another account's kit, or the right kit over another attempt's nonce.
    let foreign = opened_by(&mallory, &first);
    assert_eq!(mallory.send(open(&mallory, &foreign)).await.code(), Code::InvalidCredentials);
    let right = opened_by(&alice, &first);
    assert_eq!(alice.send(open(&alice, &right)).await.code(), Code::AttemptExpired, "a wrong try uses it up");
    let crossed = RecoverOpen { signature: opened_by(&alice, &first).signature, ..opened_by(&alice, &second) };
    assert_eq!(alice.send(open(&alice, &crossed)).await.code(), Code::InvalidCredentials);
    let third = recovery(&mut alice, "alice").await;
    let body = opened_by(&alice, &third);
    let _: RecoverOpened = alice.send(open(&alice, &body)).await.parse();
    assert_eq!(alice.send(open(&alice, &body)).await.code(), Code::AttemptExpired, "once");
    // The id of an opened recovery alone finishes nothing: the body is signed by the kit as well.
    let stolen = shared::http::RecoverFinish {
        recover_id: third.recover_id,
        upload: vec![1; 192].into(),
        ksf: 1,
        wraps: crate::people::wraps(3),
        statement: alice.person.statement.as_bytes().into(),
        signature: vec![1; 64].into(),
    };
    let refused = mallory.send(mallory.request("POST", "/auth/recover/finish").cbor(&stolen)).await;
    assert_eq!(refused.code(), Code::BadSignature);
    assert_eq!(alice.get("/api/vault").await.status, 200, "her sessions live");
    // Secrets of any kind travel in bodies and cookies: the places of an address are ids, names and numbers.
    for (_, path) in server::http::router::ROUTES {
        let places = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
        assert!(places.into_iter().all(|place| ["id", "handle", "number", "*rest"].contains(&place)), "{path}");
    }
}

/// Every value of every table that is not longer than a thief would try, as bytes.
fn everything_stored(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    let mut store = server_core::Store::open_reader(&app.folder().join("sotto.db")).unwrap();
    let found = store.read(|sql| {
        let mut text = |statement: String| -> Vec<String> {
            let statement: &'static str = Box::leak(statement.into_boxed_str());
            sql.query(statement, &[]).unwrap().into_iter().map(|mut row| row.take::<String>().unwrap()).collect()
        };
        let mut all = vec![];
        for table in text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'".to_owned()) {
            for column in text(format!("SELECT name FROM pragma_table_info('{table}')")) {
                let values = text(format!("SELECT hex({column}) FROM {table} WHERE typeof({column}) IN ('blob', 'text')"));
                all.extend(values.into_iter().map(|hex| (format!("{table}.{column}"), unhex(&hex))));
            }
        }
        Ok(server_core::Done::quiet(all))
    });
    found.unwrap().answer
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn attack_102_no_value_of_the_database_is_a_cookie_or_a_ticket() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let _unenrolled = alice.elsewhere().await;
    let begun = recovery(&mut alice, "alice").await;
    let own = alice.cookies[SESSION].clone();
    let stored = everything_stored(&app);
    assert!(stored.iter().any(|(place, value)| place == "session.token_hash" && value.len() == 32));
    assert!(stored.iter().any(|(place, value)| place == "login_attempt.attempt_id" && *value == begun.recover_id.0));
    let secret = URL_SAFE_NO_PAD.decode(&own).unwrap();
    for (place, value) in stored {
        assert!(!value.windows(32).any(|window| window == secret), "{place} holds the token itself");
        if value.len() > 200 {
            continue;
        }
        let hex = clock::hex(&value);
        for cookie in [URL_SAFE_NO_PAD.encode(&value), STANDARD.encode(&value), hex] {
            assert!(!opens(&app, &cookie).await, "{place}");
        }
        if value.len() == 32 {
            let ticket = URL_SAFE_NO_PAD.encode(&value);
            assert_eq!(status(&Socket::open(&app, &app.origin(), &ticket).await.err().unwrap()), Some(401), "{place}");
        }
    }
    assert!(opens(&app, &own).await);
}

#[tokio::test]
async fn attack_55_the_database_holds_nothing_of_the_keys_and_opens_nothing_without_them() {
    let mut app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    alice.elsewhere().await;
    recovery(&mut alice, "alice").await;
    drop(alice);
    app.stop().await;
    let keys = fs::read(app.folder().join("server.keys")).unwrap();
    // After the version, everything in the file is secret but the public key of the set-up.
    let secret: std::collections::HashSet<&[u8]> = keys[1..].windows(16).collect();
    let mut searched = 0;
    for entry in fs::read_dir(app.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() || name == "server.keys" {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        searched += 1;
        assert!(!bytes.windows(16).any(|here| secret.contains(here)), "{name} holds a piece of the keys");
    }
    assert!(searched >= 2, "database and epoch");
    fs::rename(app.folder().join("server.keys"), app.folder().join("elsewhere")).unwrap();
    let error = server::serve::Server::start(&app.config, server::app::Pace::default()).await.unwrap_err();
    assert!(format!("{error:#}").contains("server.keys"), "{error:#}");
}
