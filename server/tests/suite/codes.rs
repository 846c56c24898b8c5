//! Every refusal of the closed list, provoked over the wire. A code that nothing here provokes fails the table.

use std::{collections::BTreeSet, time::Duration};

use futures_util::SinkExt as _;
use server::{app::Pace, config::Layer};
use shared::{
    Bytes, Code, ConversationId,
    frame::{Append, ClientFrame, ClientHello, Cursor, Fetch, ServerFrame},
    http::{Claimed, LoginFinish, Logout, PutPackages, SettingsPut},
    label::Label,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    app::{Setup, TestApp},
    people::{Browser, Socket, login_finish, register, register_start, registration},
    wire::Request,
};

#[derive(Default)]
struct Seen(BTreeSet<Code>);

impl Seen {
    #[track_caller]
    fn is(&mut self, wanted: Code, got: Code) {
        assert_eq!(got, wanted);
        self.0.insert(got);
    }
    #[track_caller]
    fn wire(&mut self, wanted: Code, got: &str) {
        assert_eq!(got, wanted.as_str());
        self.0.insert(wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_is_provoked() {
    let mut seen = Seen::default();
    let app = TestApp::with(Setup { logins_per_minute: 30, ..Setup::default() }).await;
    strangers(&app, &mut seen).await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    accounts(&app, &mut alice, &mut seen).await;
    let conversation = alice.pair(&mut bob).await;
    conversations(&mut alice, &mut bob, conversation, &mut seen).await;
    sockets(&app, &mut alice, conversation, &mut seen).await;
    limits(&app, &mut seen).await;
    operators(&mut seen).await;
    failures(&mut seen).await;
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.0.contains(code)).collect();
    assert!(missing.is_empty(), "no test provokes {missing:?}");
}

async fn strangers(app: &TestApp, seen: &mut Seen) {
    let post = |path: &str| Request::new(app, "POST", path);
    seen.is(Code::Malformed, post("/auth/login/start").raw("application/json", b"{").send(app).await.code());
    seen.is(Code::UnsupportedType, post("/auth/login/start").raw("text/plain", b"{}").send(app).await.code());
    seen.is(Code::TooLarge, post("/auth/login/start").raw("application/json", &[b' '; 70_000]).send(app).await.code());
    seen.is(Code::MissingFields, post("/auth/register/start").send(app).await.code());
    seen.is(Code::MissingCredentials, post("/auth/login/start").send(app).await.code());
    seen.is(Code::LoginRequired, Request::new(app, "GET", "/api/vault").send(app).await.code());
    seen.is(Code::WrongOrigin, post("/auth/logout").without("origin").send(app).await.code());
    seen.is(Code::NotFound, Request::new(app, "GET", "/api/nothing").send(app).await.code());
    seen.is(Code::MethodNotAllowed, Request::new(app, "GET", "/auth/logout").send(app).await.code());
    let old = post("/auth/logout").without("sotto-client").with("sotto-client", "0.0.9");
    seen.is(Code::VersionTooOld, old.send(app).await.code());
    for (name, code) in [("ab", Code::UsernameLength), ("a b c", Code::UsernameCharacters), ("Admin", Code::UsernameReserved)] {
        let (_, start) = register_start(name);
        let answer = post("/auth/register/start").json(&start).send(app).await;
        assert_eq!(answer.json()["field"], "username");
        seen.is(code, answer.code());
    }
    let unknown =
        LoginFinish { login_id: vec![1; 16].into(), finalization: vec![1; 64].into(), device_id: None, device_signature: None };
    seen.is(Code::AttemptExpired, post("/auth/login/finish").json(&unknown).send(app).await.code());
    let finish = |change: fn(&mut shared::http::RegisterFinish)| async move {
        let (browser, mut finish) = registration(app, "mallory").await;
        change(&mut finish);
        browser.request("POST", "/auth/register/finish").cbor(&finish).send(app).await.code()
    };
    seen.is(Code::UnknownKsf, finish(|body| body.ksf = 0).await);
    seen.is(Code::BadStatement, finish(|body| body.statement.0[40] ^= 1).await);
    seen.is(Code::BadCertificate, finish(|body| body.device.certificate.0[40] ^= 1).await);
    seen.is(Code::BadPackage, finish(|body| body.device.packages[0].0[100] ^= 1).await);
}

async fn accounts(app: &TestApp, alice: &mut Browser<'_>, seen: &mut Seen) {
    let (_, mut start) = register_start("ALICE");
    seen.is(Code::UsernameTaken, Request::new(app, "POST", "/auth/register/start").json(&start).send(app).await.code());
    start.username = "another".to_owned();
    start.account_id = alice.person.account;
    seen.is(Code::IdTaken, Request::new(app, "POST", "/auth/register/start").json(&start).send(app).await.code());
    let wrong = login_finish(app, "alice", b"wrong").await.unwrap();
    seen.is(Code::InvalidCredentials, Request::new(app, "POST", "/auth/login/finish").json(&wrong).send(app).await.code());
    let unknown = login_finish(app, "nobody-here", b"wrong").await.unwrap();
    let answer = Request::new(app, "POST", "/auth/login/finish").json(&unknown).send(app).await;
    assert_eq!(answer.code(), Code::InvalidCredentials, "the same for an unknown name (F072)");
    let mut elsewhere = alice.elsewhere().await;
    seen.is(Code::NotEnrolled, elsewhere.get("/api/conversations").await.code());
    seen.is(Code::ResumeRefused, alice.resume(Label::DeviceLogin).await.code());
    let garbage = Logout { retire: Some(vec![1; 64].into()) };
    seen.is(Code::BadSignature, alice.send(alice.request("POST", "/auth/logout").json(&garbage)).await.code());
    let itself = alice.revocation(alice.id());
    let path = format!("/api/devices/{}", alice.id());
    seen.is(Code::Forbidden, alice.send(alice.request("DELETE", &path).json(&itself)).await.code());
    let mut stale = alice.elsewhere().await;
    assert_eq!(elsewhere.enrol().await.status, 200);
    seen.is(Code::StaleStatement, stale.enrol().await.code());
    let item = SettingsPut { collection: 1, item: vec![1; 16].into(), version: 7, sealed: vec![2; 40].into() };
    seen.is(Code::StaleSettings, alice.send(alice.request("PUT", "/api/settings").json(&item)).await.code());
    let package = PutPackages { packages: vec![vec![1; 300].into()], last_resort: None };
    seen.is(Code::BadPackage, alice.send(alice.request("PUT", "/api/key-packages").cbor(&package)).await.code());
}

async fn conversations(alice: &mut Browser<'_>, bob: &mut Browser<'_>, conversation: ConversationId, seen: &mut Seen) {
    let again = alice.creation(bob.person.account).await;
    let answer = alice.send(alice.request("POST", "/api/conversations").cbor(&again)).await;
    assert_eq!(answer.json()["detail"], conversation.to_string());
    seen.is(Code::ConversationExists, answer.code());
    let path = format!("/api/conversations/{conversation}/commits");
    let good = alice.commit(conversation, &[]);
    let send = |alice: &Browser<'_>, body: &shared::http::Commit| alice.request("POST", &path).cbor(body);
    let mut bad = good.clone();
    bad.commit.0.truncate(100);
    bad.signature = shared::signature::sign(&alice.mls.key, Label::CommitBytes, &sha(&bad.commit)).into();
    seen.is(Code::BadCommit, send(alice, &bad).send(alice.app).await.code());
    let mut bad = good.clone();
    bad.group_info.0[60] ^= 1;
    seen.is(Code::BadGroupInfo, send(alice, &bad).send(alice.app).await.code());
    let mut bad = good.clone();
    bad.signature.0[3] ^= 1;
    seen.is(Code::BadSignature, send(alice, &bad).send(alice.app).await.code());
    alice.mls.clear(alice.groups.get_mut(&conversation).unwrap());
    // A device of Bob's that is signed out between the claim and the commit.
    let mut second = bob.elsewhere().await;
    assert_eq!(second.enrol().await.status, 200);
    let claimed: Claimed = alice.claim(bob.person.account, conversation, 1).await.read();
    let package = claimed.packages.iter().find(|claimed| claimed.device == second.id()).unwrap().package.clone();
    bob.person = second.person.clone();
    let revoked =
        bob.send(bob.request("DELETE", &format!("/api/devices/{}", second.id())).json(&bob.revocation(second.id()))).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let late = alice.commit(conversation, &[package]);
    seen.is(Code::DeviceNotStated, send(alice, &late).send(alice.app).await.code());
    alice.mls.clear(alice.groups.get_mut(&conversation).unwrap());
    // Whoever retired all devices can't be reached.
    let mut carol = register(alice.app, "carol").await;
    let text = shared::signed_text::retirement(carol.person.account, carol.id());
    let retire = Logout { retire: Some(shared::signature::sign(&carol.mls.key, Label::Retirement, &text).into()) };
    assert_eq!(carol.send(carol.request("POST", "/auth/logout").json(&retire)).await.status, 200);
    seen.is(Code::NoPackages, alice.claim(carol.person.account, conversation, 2).await.code());
}

fn sha(bytes: &Bytes) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes.as_slice()).into()
}

async fn sockets(app: &TestApp, alice: &mut Browser<'_>, conversation: ConversationId, seen: &mut Seen) {
    let request = Request::new(app, "GET", "/ws").with("origin", &app.origin());
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let request = upgrade.into_iter().fold(request, |request, (name, value)| request.without(name).with(name, value));
    seen.is(Code::BadTicket, request.with("sec-websocket-protocol", "sotto.1, ticket.AAAA").send(app).await.code());
    let mut first = alice.socket().await;
    first.send(&ClientFrame::Ping(1)).await;
    seen.wire(Code::HelloFirst, &first.bye().await);
    let (mut old, _) = alice.greeted(vec![]).await;
    let (mut socket, _) = alice.greeted(vec![Cursor { conversation, number: 1 }]).await;
    seen.wire(Code::Replaced, &old.bye().await);
    let mut copy = alice.socket().await;
    let hello = ClientHello { run: vec![1; 16].into(), next_run: vec![2; 16].into(), ..alice_hello() };
    copy.send(&ClientFrame::Hello(hello)).await;
    seen.wire(Code::Superseded, &copy.bye().await);
    let mut ahead = alice.socket().await;
    let cursors = vec![Cursor { conversation, number: 99 }];
    let hello = ClientHello { run: vec![1; 16].into(), next_run: vec![2; 16].into(), cursors, ..alice_hello() };
    ahead.send(&ClientFrame::Hello(hello)).await;
    seen.wire(Code::WentBack, &ahead.bye().await);
    let good = alice.message(conversation, b"hello");
    let cases = [
        (Code::StaleEpoch, Append { epoch: 9, ..good.clone() }),
        (Code::StaleGeneration, Append { generation: 1, ..good.clone() }),
        (Code::OutOfTurn, Append { n: 9, ..good.clone() }),
        (Code::BadRow, Append { sealed: vec![1; 300].into(), ..good.clone() }),
        (Code::TooLarge, Append { sealed: vec![1; shared::limits::ROW + 1].into(), ..good.clone() }),
        (Code::NotFound, Append { conversation: ConversationId([7; 16]), ..good.clone() }),
    ];
    for (code, append) in cases {
        socket.send(&ClientFrame::Append(append)).await;
        let (request, got, _) = socket.refused().await;
        assert_eq!(request, good.request);
        seen.wire(code, &got);
    }
    socket.send(&ClientFrame::Fetch(Fetch { request: 3, conversation: ConversationId([7; 16]), after: 0, limit: 1 })).await;
    seen.wire(Code::NotFound, &socket.refused().await.1);
    socket.0.send(Message::Binary(vec![0xff].into())).await.unwrap();
    seen.wire(Code::Malformed, &socket.refused().await.1);
    socket.send(&ClientFrame::Append(good)).await;
    for _ in 1..=shared::limits::ROWS_IN_EPOCH {
        let message = alice.message(conversation, b"x");
        socket.send(&ClientFrame::Append(message)).await;
    }
    seen.wire(Code::CommitFirst, &socket.refused().await.1);
    assert_eq!(alice.send(alice.request("POST", "/auth/logout")).await.status, 200);
    seen.wire(Code::SessionEnded, &socket.bye().await);
}

fn alice_hello() -> ClientHello {
    ClientHello { version: 1, run: Bytes::default(), next_run: Bytes::default(), store_epoch: None, inbox: 0, cursors: vec![] }
}

async fn limits(app: &TestApp, seen: &mut Seen) {
    let mut dora = register(app, "dora").await;
    // A statement can't name more devices than an account may have, so the last one is of an earlier day.
    let (_, spare) = dora.enrolment();
    while dora.person.statement.content().devices.len() < shared::limits::DEVICES {
        assert_eq!(dora.enrol().await.status, 200);
    }
    let refused = dora.send(dora.request("POST", "/api/devices").cbor(&spare)).await;
    seen.is(Code::TooManyDevices, refused.code());
    for attempt in 0.. {
        assert!(attempt < 100);
        if let Err(answer) = login_finish(app, "dora", b"guess").await {
            assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
            assert!(answer.json()["retry_after_ms"].as_u64().unwrap() >= 1);
            seen.is(Code::RateLimited, answer.code());
            break;
        }
    }
}

async fn operators(seen: &mut Seen) {
    let layer = Layer { registration: Some("closed".to_owned()), ..Layer::default() };
    let closed = TestApp::with(Setup { layer, ..Setup::default() }).await;
    let (_, start) = register_start("alice");
    seen.is(
        Code::RegistrationClosed,
        Request::new(&closed, "POST", "/auth/register/start").json(&start).send(&closed).await.code(),
    );
    let mut app = TestApp::start().await;
    let server = app.server.take().unwrap();
    let mut alice = register(&app, "alice").await;
    let (mut socket, _) = alice.greeted(vec![]).await;
    let stopping = tokio::spawn(server.stop());
    seen.wire(Code::GoingAway, &socket.bye().await);
    stopping.await.unwrap();
}

async fn failures(seen: &mut Seen) {
    let pace = Pace { write: Duration::from_millis(300), ..Pace::default() };
    let app = TestApp::with(Setup { pace, ..Setup::default() }).await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    slow(&mut alice, conversation, seen).await;

    // Another process holds the database: nothing can be made durable.
    let path = app.folder().join("sotto.db");
    let (held, holding) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let database = path.clone();
    let holder = std::thread::spawn(move || {
        let mut store = server_core::Store::open(&database).unwrap();
        let _ = store.transaction("hold", |_| {
            held.send(()).unwrap();
            let _ = released.recv();
            Ok(server_core::Done::quiet(()))
        });
    });
    holding.recv().unwrap();
    let item = SettingsPut { collection: 1, item: vec![1; 16].into(), version: 1, sealed: vec![2; 40].into() };
    let answer = bob.send(bob.request("PUT", "/api/settings").json(&item)).await;
    seen.is(Code::Unavailable, answer.code());
    release.send(()).unwrap();
    holder.join().unwrap();
    let answer = bob.send(bob.request("PUT", "/api/settings").json(&item)).await;
    assert_eq!(answer.status, 200, "it recovers without a restart");

    // Missing rows are our fault, and the answer tells nothing but an id.
    let mut store = server_core::Store::open(&path).unwrap();
    let broken = store.transaction("break", |sql| {
        sql.execute("DELETE FROM statement", &[]).unwrap();
        Ok(server_core::Done::quiet(()))
    });
    broken.unwrap();
    let none = PutPackages { packages: vec![], last_resort: None };
    let answer = bob.send(bob.request("PUT", "/api/key-packages").cbor(&none)).await;
    let json = answer.json();
    assert_eq!(json["detail"].as_str().unwrap().len(), 12);
    assert_eq!(json["error"], Code::Internal.text());
    seen.is(Code::Internal, answer.code());
}

/// Asks for megabytes and reads nothing for a while, then looks at what came.
async fn slow(alice: &mut Browser<'_>, conversation: ConversationId, seen: &mut Seen) {
    let (mut socket, _) = alice.greeted(vec![Cursor { conversation, number: 1 }]).await;
    let text = vec![7; 80 * 1024];
    for _ in 0..2 {
        let message = alice.message(conversation, &text);
        socket.send(&ClientFrame::Append(message)).await;
        socket.until(|frame| matches!(frame, ServerFrame::Appended(_)).then_some(())).await;
    }
    let Socket(socket) = socket;
    let (mut write, mut read) = futures_util::StreamExt::split(socket);
    let asking = tokio::spawn(async move {
        let fetch = ClientFrame::Fetch(Fetch { request: 1, conversation, after: 1, limit: 10 }).encode();
        for _ in 0..200 {
            if write.send(Message::Binary(fetch.clone().into())).await.is_err() {
                return;
            }
        }
    });
    alice.app.sockets_left(0, Duration::from_secs(20), "the server gives a stalled reader up").await;
    let mut last = None;
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut read).await {
        if let Message::Binary(bytes) = message {
            last = ServerFrame::decode(&bytes).ok();
        }
    }
    asking.abort();
    match last {
        Some(ServerFrame::Bye(code)) => seen.wire(Code::TooSlow, &code),
        other => panic!("no goodbye: {:?}", other.map(|frame| format!("{frame:?}").chars().take(80).collect::<String>())),
    }
}
