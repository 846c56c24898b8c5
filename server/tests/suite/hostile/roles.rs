//! Every address × everybody: a route without a verdict is red, and so is a verdict without a route.

use std::collections::BTreeSet;

use server::{config::Layer, http::router::ROUTES};
use shared::{
    Bytes, Code, ConversationId, MessageId,
    frame::{Append, ClientFrame, Cursor, Fetch, ServerFrame},
    http::{
        Claim, Commit, Conversations, CreateConversation, LoginFinish, LoginStart, RecoverOpen, RecoverStart, ResumeFinish,
        ResumeStart, Rows, SettingsPut,
    },
    statement::Statement,
};

use super::cast::{Cast, ROLES, Role, pending};
use crate::{
    app::{Setup, TestApp},
    people::{Browser, register_start},
    speaking::login::{LoggingIn, Registering},
    wire::{Answer, Request},
};

/// What a role is told: nothing of ours means that it was carried out.
type Verdict = Option<Code>;

const FINE: Verdict = None;
const NOT_FOUND: Verdict = Some(Code::NotFound);

/// The verdicts on one address, in the order of [`ROLES`].
const fn verdicts(anonymous: Verdict, other: Verdict, gone: Verdict, unenrolled: Verdict, member: Verdict) -> [Verdict; 5] {
    [anonymous, other, gone, unenrolled, member]
}

/// The same for everybody, with or without a session.
const fn all(verdict: Verdict) -> [Verdict; 5] {
    [verdict; 5]
}

/// Only for who is enrolled.
const fn enrolled(other: Verdict, gone: Verdict, member: Verdict) -> [Verdict; 5] {
    verdicts(Some(Code::LoginRequired), other, gone, Some(Code::NotEnrolled), member)
}

/// In the order in which they are asked: what ends sessions or devices comes last.
const VERDICTS: [(&str, [Verdict; 5]); 38] = [
    ("post /auth/register/start", all(FINE)),
    ("post /auth/register/finish", all(Some(Code::Malformed))),
    ("post /auth/login/start", all(FINE)),
    ("post /auth/login/finish", all(Some(Code::AttemptExpired))),
    ("post /auth/resume/start", all(FINE)),
    ("post /auth/resume/finish", all(Some(Code::AttemptExpired))),
    ("post /auth/recover/start", all(FINE)),
    ("post /auth/recover/open", all(Some(Code::AttemptExpired))),
    ("post /auth/recover/finish", all(Some(Code::Malformed))),
    ("get /auth/current_user", all(FINE)),
    ("post /auth/ticket", enrolled(FINE, FINE, FINE)),
    ("get /api/vault", verdicts(Some(Code::LoginRequired), FINE, FINE, FINE, FINE)),
    ("get /api/settings", enrolled(FINE, FINE, FINE)),
    ("put /api/settings", enrolled(FINE, FINE, FINE)),
    ("get /api/people/{handle}", enrolled(FINE, FINE, FINE)),
    ("get /api/accounts/{id}/statements", enrolled(FINE, FINE, FINE)),
    ("post /api/accounts/{id}/key-packages/claim", enrolled(FINE, FINE, FINE)),
    ("get /api/key-packages", enrolled(FINE, FINE, FINE)),
    ("put /api/key-packages", enrolled(FINE, FINE, FINE)),
    ("get /api/conversations", enrolled(FINE, FINE, FINE)),
    ("post /api/conversations", enrolled(Some(Code::IdTaken), Some(Code::IdTaken), Some(Code::IdTaken))),
    ("get /api/conversations/{id}/rows", enrolled(NOT_FOUND, NOT_FOUND, FINE)),
    ("get /api/conversations/{id}/group-info", enrolled(NOT_FOUND, NOT_FOUND, FINE)),
    ("post /api/conversations/{id}/commits", enrolled(NOT_FOUND, NOT_FOUND, FINE)),
    ("get /api/inbox", enrolled(FINE, FINE, FINE)),
    // He was invited too, and item 1 is his own.
    ("post /api/inbox/{number}/refused", enrolled(NOT_FOUND, FINE, FINE)),
    ("get /healthz", all(FINE)),
    ("get /readyz", all(FINE)),
    ("get /ws", all(Some(Code::BadTicket))),
    ("get /", all(FINE)),
    ("get /login", all(FINE)),
    ("get /register", all(FINE)),
    ("get /recover", all(FINE)),
    ("get /settings", all(FINE)),
    ("get /c/{*rest}", all(FINE)),
    ("delete /api/devices/{id}", enrolled(NOT_FOUND, NOT_FOUND, FINE)),
    (
        "post /api/devices",
        verdicts(
            Some(Code::LoginRequired),
            Some(Code::BadStatement),
            Some(Code::BadStatement),
            FINE,
            Some(Code::StaleStatement),
        ),
    ),
    ("post /auth/logout", all(FINE)),
];

/// A server that has a page.
async fn with_page() -> TestApp {
    let web = std::env::temp_dir().join(format!("sotto-web-{}", server::clock::random_hex::<8>()));
    std::fs::create_dir_all(&web).unwrap();
    std::fs::write(web.join("index.html"), "<!doctype html>").unwrap();
    let layer = Layer { web_dir: Some(web.display().to_string()), ..Layer::default() };
    TestApp::with(Setup { layer, logins_per_minute: 30, ..Setup::default() }).await
}

#[tokio::test]
async fn attack_67_every_route_has_a_verdict_for_everybody() {
    let names = |routes: &[(&str, &str)]| -> BTreeSet<String> {
        routes.iter().map(|(method, path)| format!("{method} {path}")).collect()
    };
    let judged: BTreeSet<String> = VERDICTS.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(names(ROUTES), judged, "a route without a verdict, or a verdict without a route");
    assert_eq!(ROUTES.len(), VERDICTS.len(), "a route twice");

    let app = with_page().await;
    let mut cast = Cast::gather(&app).await;
    let mut wrong = vec![];
    for (route, verdicts) in VERDICTS {
        for (role, verdict) in ROLES.into_iter().zip(verdicts) {
            let answer = ask(&mut cast, role, route).await;
            let told = if answer.status < 300 { None } else { Some(answer.code()) };
            if told != verdict {
                wrong.push(format!("{route}, {role:?}: {told:?} instead of {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let _ = std::fs::remove_dir_all(app.config.web_dir.as_ref().unwrap());
}

/// The request that a member would make, in this role's session.
async fn ask(cast: &mut Cast<'_>, role: Role, route: &str) -> Answer {
    let (method, pattern) = route.split_once(' ').unwrap();
    let account = cast.member.person.account.to_string();
    let (group, second) = (cast.group.to_string(), cast.second.to_string());
    let id = if pattern.contains("conversations") {
        group
    } else if pattern.contains("devices") {
        second
    } else {
        account
    };
    let mut path = pattern.replace("{id}", &id).replace("{handle}", "mia").replace("{number}", "1").replace("{*rest}", "1");
    if route == "get /api/conversations/{id}/rows" {
        path = format!("{path}?after={}", cast.end);
    }
    let method = method.to_uppercase();
    let app = cast.app;
    let request = match cast.of(role) {
        Some(browser) => browser.request(&method, &path),
        None => Request::new(app, &method, &path),
    };
    let request = filled(cast, role, route, request);
    let answer = match cast.of(role) {
        Some(browser) => browser.send(request).await,
        None => request.send(app).await,
    };
    if answer.status < 300 {
        follow(cast, role, route);
    }
    answer
}

/// With the body that the address takes.
fn filled(cast: &mut Cast<'_>, role: Role, route: &str, request: Request) -> Request {
    let member = cast.member.person.account;
    let commit = || Commit {
        generation: 0,
        epoch: 0,
        message: MessageId(server::clock::random()),
        commit: vec![1; 64].into(),
        signature: vec![1; 64].into(),
        group_info: vec![1; 64].into(),
        welcome: None,
    };
    match route {
        "post /auth/register/start" => request.json(&register_start(&format!("new-{role:?}")).1),
        "post /auth/register/finish" | "post /auth/recover/finish" => request.raw("application/cbor", b"\xa0"),
        "post /auth/login/start" => {
            let (_, ke1) = LoggingIn::start(&mut server::clock::SystemRandom, b"password");
            request.json(&LoginStart { username: "olivia".to_owned(), request: ke1.into() })
        }
        "post /auth/login/finish" => {
            let (login_id, finalization) = (vec![1; 16].into(), vec![1; 64].into());
            request.json(&LoginFinish { login_id, finalization, device_id: None, device_signature: None })
        }
        "post /auth/resume/start" => request.json(&ResumeStart { device_id: cast.second }),
        "post /auth/resume/finish" => {
            request.json(&ResumeFinish { resume_id: vec![1; 16].into(), signature: vec![1; 64].into() })
        }
        "post /auth/recover/start" => {
            let (_, sent) = Registering::start(&mut server::clock::SystemRandom, b"password");
            request.json(&RecoverStart { username: "olivia".to_owned(), request: sent.into() })
        }
        "post /auth/recover/open" => {
            request.json(&RecoverOpen { recover_id: vec![1; 16].into(), signature: vec![1; 64].into() })
        }
        "put /api/settings" => {
            let item: Bytes = server::clock::random::<16>().into();
            request.json(&SettingsPut { collection: 1, item, version: 1, sealed: vec![2; 40].into() })
        }
        "post /api/accounts/{id}/key-packages/claim" => {
            request.json(&Claim { conversation_id: cast.group, generation: 0, epoch: 9, device_id: None })
        }
        "put /api/key-packages" => request.raw("application/cbor", &shared::codec::encode(&no_packages())),
        "post /api/conversations" => {
            let (group_info, commit) = (vec![1; 64].into(), commit());
            request.cbor(&CreateConversation { conversation: cast.group, kind: 1, with: None, group_info, commit })
        }
        "post /api/conversations/{id}/commits" if role == Role::Member => {
            request.cbor(&pending(&mut cast.member, cast.group, &[], &[]))
        }
        // A member's own bytes in another session.
        "post /api/conversations/{id}/commits" => {
            let made = pending(&mut cast.member, cast.group, &[], &[]);
            let group = cast.member.groups.get_mut(&cast.group).unwrap();
            cast.member.mls.clear(group);
            request.cbor(&made)
        }
        "delete /api/devices/{id}" => request.json(&cast.member.revocation(cast.second)),
        "post /api/devices" => {
            assert_eq!(cast.unenrolled.person.account, member);
            request.cbor(&cast.unenrolled.enrolment().1)
        }
        "get /ws" => {
            let upgrade = [
                ("origin", cast.app.origin()),
                ("connection", "close, upgrade".to_owned()),
                ("upgrade", "websocket".to_owned()),
                ("sec-websocket-version", "13".to_owned()),
                ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==".to_owned()),
                ("sec-websocket-protocol", "sotto.1".to_owned()),
            ];
            upgrade.into_iter().fold(request, |request, (name, value)| request.with(name, &value))
        }
        _ => request,
    }
}

fn no_packages() -> shared::http::PutPackages {
    shared::http::PutPackages { packages: vec![], last_resort: None }
}

/// What was carried out is known to who did it.
fn follow(cast: &mut Cast<'_>, role: Role, route: &str) {
    match (route, role) {
        ("post /api/conversations/{id}/commits", Role::Member) => {
            let group = cast.member.groups.get_mut(&cast.group).unwrap();
            cast.member.mls.merge(group);
        }
        ("delete /api/devices/{id}", Role::Member) => {
            let revoked = cast.member.revocation(cast.second);
            cast.member.person.statement = Statement::parse(revoked.statement.as_slice()).unwrap();
            cast.member.person.vault = revoked.vault;
            cast.unenrolled.person = cast.member.person.clone();
        }
        _ => {}
    }
}

#[tokio::test]
async fn attack_67_a_made_up_cookie_is_no_session() {
    let app = TestApp::start().await;
    let cast = Cast::gather(&app).await;
    let closed = VERDICTS.iter().filter(|(_, verdicts)| verdicts[0] == Some(Code::LoginRequired));
    for (route, _) in closed {
        let (method, pattern) = route.split_once(' ').unwrap();
        let path = pattern.replace("{id}", &cast.group.to_string()).replace("{handle}", "mia").replace("{number}", "1");
        for value in ["A".repeat(43), String::new(), "A".repeat(42), "A".repeat(4_000), "%00".to_owned()] {
            let cookie = format!("__Host-session-0={value}");
            let request = Request::new(&app, &method.to_uppercase(), &path).with("cookie", &cookie);
            assert_eq!(request.send(&app).await.code(), Code::LoginRequired, "{route}: {value}");
        }
    }
}

#[tokio::test]
async fn attack_67_what_others_read_holds_nothing_of_the_group() {
    let app = TestApp::start().await;
    let mut cast = Cast::gather(&app).await;
    let (group, end) = (cast.group, cast.end);
    for role in [Role::Other, Role::Gone] {
        let browser = cast.of(role).unwrap();
        let list: Conversations = browser.get("/api/conversations").await.read();
        assert!(list.conversations.is_empty(), "{role:?}");
    }
    let inbox: shared::http::Inbox = cast.other.get("/api/inbox").await.read();
    assert!(inbox.items.is_empty());
    // Who was put out reads up to there, whatever he asks for.
    let change = pending(&mut cast.member, group, &[], &[]);
    let path = format!("/api/conversations/{group}/commits");
    assert_eq!(cast.member.send(cast.member.request("POST", &path).cbor(&change)).await.status, 200);
    for query in ["after=0", "after=0&limit=256", "after=0&limit=1"] {
        let rows: Rows = cast.gone.get(&format!("/api/conversations/{group}/rows?{query}")).await.read();
        assert_eq!(rows.head, end, "{query}");
        assert!(rows.rows.iter().all(|row| row.number <= end), "{query}");
    }
    let settings = SettingsPut { collection: 1, item: vec![7; 16].into(), version: 1, sealed: vec![2; 40].into() };
    assert_eq!(cast.member.send(cast.member.request("PUT", "/api/settings").json(&settings)).await.status, 200);
    assert_eq!(cast.other.get("/api/settings?after=0").await.json()["items"], serde_json::json!([]));
}

/// Every frame that names a conversation. A new kind of frame does not compile until it has a verdict here.
fn frames(browser: &mut Browser<'_>, append: &Append, group: ConversationId, end: u64) -> Vec<ClientFrame> {
    let verdict = |frame: &ClientFrame| match frame {
        ClientFrame::Append(_) | ClientFrame::Fetch(_) | ClientFrame::Acknowledge(_) => true,
        ClientFrame::Hello(_) | ClientFrame::InboxAcknowledge(_) | ClientFrame::Ping(_) => false,
    };
    let frames = vec![
        ClientFrame::Hello(browser.hello(vec![])),
        ClientFrame::Append(append.clone()),
        ClientFrame::Fetch(Fetch { request: 2, conversation: group, after: end, limit: 10 }),
        ClientFrame::Acknowledge(Cursor { conversation: group, number: end + 1 }),
        ClientFrame::InboxAcknowledge(99),
        ClientFrame::Ping(1),
    ];
    frames.into_iter().filter(verdict).collect()
}

#[tokio::test]
async fn attack_67_every_frame_is_refused_to_who_is_not_in() {
    let app = TestApp::start().await;
    let mut cast = Cast::gather(&app).await;
    let (group, end) = (cast.group, cast.end);
    let append = cast.member.message(group, b"hello");
    for role in [Role::Other, Role::Gone] {
        let browser = cast.of(role).unwrap();
        // A Hello that claims to know the group makes nobody a listener.
        let (mut socket, hello) = browser.greeted(vec![Cursor { conversation: group, number: end }]).await;
        assert!(hello.heads.is_empty(), "{role:?}");
        for frame in frames(browser, &append, group, end) {
            socket.send(&frame).await;
            assert_eq!(socket.refused().await.1, "not_found", "{role:?}: {frame:?}");
        }
        let (mut owner, _) = cast.owner.greeted(vec![Cursor { conversation: group, number: end }]).await;
        let said = cast.owner.message(group, b"among us");
        owner.send(&ClientFrame::Append(said)).await;
        owner.until(|frame| matches!(frame, ServerFrame::Appended(_)).then_some(())).await;
        socket.send(&ClientFrame::Ping(9)).await;
        assert_eq!(socket.next().await, Some(ServerFrame::Pong(9)), "{role:?} hears nothing of it");
    }
}
