//! The socket: who may open one, what it is told, what closes it.

use std::time::Duration;

use futures_util::SinkExt as _;
use server::{app::Pace, clock};
use shared::{
    Bytes,
    frame::{ClientFrame, Cursor, Fetch, InboxBody, ServerFrame},
};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    app::{Setup, TestApp},
    people::{Socket, register},
    wire::status,
};

#[tokio::test]
async fn a_ticket_opens_one_socket_of_a_living_session() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let ticket = alice.ticket().await;
    assert!(Socket::open(&app, &app.origin(), &ticket).await.is_ok());
    let again = Socket::open(&app, &app.origin(), &ticket).await.err().unwrap();
    assert_eq!(status(&again), Some(401), "a ticket is for once");
    for bad in ["", "AAAA", "not base64!"] {
        let error =
            Socket::open_with(&app, &[("origin", &app.origin())], &format!("sotto.1, ticket.{bad}")).await.err().unwrap();
        assert_eq!(status(&error), Some(401), "{bad}");
    }
    let ticket = alice.ticket().await;
    let other =
        Socket::open_with(&app, &[("origin", &app.origin())], &format!("sotto.9, ticket.{ticket}")).await.err().unwrap();
    assert_eq!(status(&other), Some(426));
    let ticket = alice.ticket().await;
    alice.send(alice.request("POST", "/auth/logout")).await;
    let ended = Socket::open(&app, &app.origin(), &ticket).await.err().unwrap();
    assert_eq!(status(&ended), Some(401), "the session behind the ticket is over");
}

#[tokio::test]
async fn a_message_is_durable_then_answered_then_pushed() {
    let app = TestApp::start().await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let known = |number| vec![Cursor { conversation, number }];
    let (mut a, hello) = alice.greeted(known(1)).await;
    assert_eq!((hello.heads[0].conversation, hello.heads[0].number), (conversation, 1));
    let (mut b, _) = bob.greeted(known(1)).await;
    // What a browser says it stores when it comes counts as acknowledged.
    let delivered = a.until(|frame| if let ServerFrame::Delivered(delivered) = frame { Some(delivered) } else { None }).await;
    assert_eq!((delivered.account, delivered.number), (bob.person.account, 1));
    let first = alice.message(conversation, b"hello");
    a.send(&ClientFrame::Append(first.clone())).await;
    assert!(
        matches!(a.next().await, Some(ServerFrame::Appended(appended)) if appended.number == 2 && appended.request == first.request)
    );
    let ServerFrame::Entries(echo) = a.next().await.unwrap() else { panic!("the own row comes too, to keep the order") };
    assert_eq!(echo.rows[0].number, 2);
    let pushed = b.until(|frame| if let ServerFrame::Entries(entries) = frame { Some(entries) } else { None }).await;
    assert_eq!((pushed.request, pushed.head, pushed.rows.len()), (0, 2, 1));
    let row = &pushed.rows[0];
    let body = row.body.as_ref().unwrap().as_slice();
    assert_eq!(bob.mls.process(bob.groups.get_mut(&conversation).unwrap(), body).unwrap(), b"hello");
    b.send(&ClientFrame::Fetch(Fetch { request: 9, conversation, after: 1, limit: 10 })).await;
    let fetched = b.until(|frame| if let ServerFrame::Entries(entries) = frame { Some(entries) } else { None }).await;
    assert_eq!((fetched.request, &fetched.rows), (9, &pushed.rows), "a pushed row is the stored row");
    b.send(&ClientFrame::Acknowledge(Cursor { conversation, number: 2 })).await;
    let delivered = a.until(|frame| if let ServerFrame::Delivered(delivered) = frame { Some(delivered) } else { None }).await;
    assert_eq!((delivered.account, delivered.number), (bob.person.account, 2));
    b.send(&ClientFrame::Ping(77)).await;
    assert_eq!(b.next().await, Some(ServerFrame::Pong(77)));
    // The same again: found by its id, answered with its old number, announced to nobody.
    a.send(&ClientFrame::Append(first)).await;
    assert!(matches!(a.next().await, Some(ServerFrame::Appended(appended)) if appended.number == 2));
}

#[tokio::test]
async fn who_lacks_rows_gets_a_hint_and_is_pushed_to_once_it_has_caught_up() {
    let app = TestApp::start().await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let (mut a, _) = alice.greeted(vec![Cursor { conversation, number: 1 }]).await;
    let (mut b, _) = bob.greeted(vec![]).await;
    for (number, expected) in [(2, "hint"), (3, "rows")] {
        a.send(&ClientFrame::Append(alice.message(conversation, b"x"))).await;
        let told = b
            .until(|frame| match frame {
                ServerFrame::Head(cursor) => Some(("hint", cursor.number)),
                ServerFrame::Entries(entries) => Some(("rows", entries.head)),
                _ => None,
            })
            .await;
        assert_eq!(told, (expected, number));
        if expected == "hint" {
            b.send(&ClientFrame::Fetch(Fetch { request: 1, conversation, after: 0, limit: 100 })).await;
            let rows =
                b.until(|frame| if let ServerFrame::Entries(entries) = frame { Some(entries.rows.len()) } else { None }).await;
            assert_eq!(rows, 2);
        }
    }
}

#[tokio::test]
async fn an_invitation_reaches_the_inbox_of_a_connected_device() {
    let app = TestApp::start().await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let (mut b, _) = bob.greeted(vec![]).await;
    let conversation = alice.pair(&mut bob).await;
    let items = b.until(|frame| if let ServerFrame::Inbox(items) = frame { Some(items) } else { None }).await;
    assert!(matches!(&items[0].body, InboxBody::Welcome(welcome) if welcome.conversation == conversation));
    b.send(&ClientFrame::InboxAcknowledge(items[0].number)).await;
    b.send(&ClientFrame::Ping(1)).await;
    b.until(|frame| matches!(frame, ServerFrame::Pong(1)).then_some(())).await;
    let (mut again, _) = bob.greeted(vec![]).await;
    again.send(&ClientFrame::Ping(2)).await;
    let seen = again
        .until(|frame| match frame {
            ServerFrame::Inbox(items) => Some(items.len()),
            ServerFrame::Pong(2) => Some(0),
            _ => None,
        })
        .await;
    assert_eq!(seen, 0, "what was acknowledged does not come again");
}

#[tokio::test]
async fn a_device_that_waits_is_wanted() {
    let app = TestApp::start().await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let (mut a, _) = alice.greeted(vec![]).await;
    let mut second = bob.elsewhere().await;
    assert_eq!(second.enrol().await.status, 200);
    let wanted = |frame| if let ServerFrame::Wanted(wanted) = frame { Some(wanted) } else { None };
    let told = a.until(wanted).await;
    assert_eq!((told.conversation, told.account, told.device), (conversation, bob.person.account, second.id()));
    let (mut b, _) = bob.greeted(vec![]).await;
    assert_eq!(b.until(wanted).await.device, second.id(), "who connects later hears it too");
}

#[tokio::test]
async fn a_newer_socket_replaces_the_old_one_and_a_copy_does_not() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let (mut first, _) = alice.greeted(vec![]).await;
    let old_run = alice.run.clone();
    let (mut second, _) = alice.greeted(vec![]).await;
    assert_eq!(first.bye().await, "replaced");
    let mut copy = alice.socket().await;
    let mut hello = alice.hello(vec![]);
    (hello.run, hello.next_run) = (old_run, clock::random::<16>().into());
    hello.run = Bytes(hello.run.0.iter().map(|byte| byte ^ 1).collect());
    copy.send(&ClientFrame::Hello(hello)).await;
    assert_eq!(copy.bye().await, "superseded");
    second.send(&ClientFrame::Ping(5)).await;
    second.until(|frame| matches!(frame, ServerFrame::Pong(5)).then_some(())).await;
}

#[tokio::test]
async fn of_two_hellos_at_the_same_moment_the_later_one_stays() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    for round in 0..8 {
        let (mut first, mut second) = (alice.socket().await, alice.socket().await);
        let (one, two) = (alice.hello(vec![]), alice.hello(vec![]));
        first.send(&ClientFrame::Hello(one)).await;
        // The second may come so early that the first run token is not stored yet; then it is a copy to the server.
        tokio::time::sleep(Duration::from_millis(round % 4)).await;
        second.send(&ClientFrame::Hello(two)).await;
        let late = second.next().await;
        if matches!(late, Some(ServerFrame::Hello(_))) {
            assert_eq!(first.bye().await, "replaced");
            second.send(&ClientFrame::Ping(round)).await;
            second.until(|frame| (frame == ServerFrame::Pong(round)).then_some(())).await;
        } else {
            assert_eq!(late, Some(ServerFrame::Bye("superseded".to_owned())));
            first.send(&ClientFrame::Ping(round)).await;
            first.until(|frame| (frame == ServerFrame::Pong(round)).then_some(())).await;
            return;
        }
    }
}

#[tokio::test]
async fn the_first_frame_is_hello_and_comes_in_time() {
    let pace = Pace { hello: Duration::from_millis(1_500), ..Pace::default() };
    let app = TestApp::with(Setup { pace, ..Setup::default() }).await;
    let mut alice = register(&app, "alice").await;
    let mut silent = alice.socket().await;
    assert_eq!(silent.bye().await, "hello_first");
    let mut ping = alice.socket().await;
    ping.send(&ClientFrame::Ping(1)).await;
    assert_eq!(ping.bye().await, "hello_first");
    let mut newer = alice.socket().await;
    let mut hello = alice.hello(vec![]);
    hello.version = 2;
    newer.send(&ClientFrame::Hello(hello.clone())).await;
    assert_eq!(newer.bye().await, "version_too_old");
    let mut twice = alice.socket().await;
    hello.version = 1;
    twice.send(&ClientFrame::Hello(hello.clone())).await;
    assert!(matches!(twice.next().await, Some(ServerFrame::Hello(_))));
    twice.send(&ClientFrame::Hello(hello)).await;
    assert_eq!(twice.refused().await.1, "hello_first", "a second one is refused and harms nothing");
    twice.send(&ClientFrame::Ping(3)).await;
    assert_eq!(twice.next().await, Some(ServerFrame::Pong(3)));
}

#[tokio::test]
async fn frames_that_nobody_can_read_are_refused_and_too_many_of_them_end_it() {
    let app = TestApp::start().await;
    let mut alice = register(&app, "alice").await;
    let (mut socket, _) = alice.greeted(vec![]).await;
    for bytes in [&b""[..], b"\xff", b"\x82\x18\x63\xa0", b"\x82\x00\xa1\x20\x00"] {
        socket.0.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
        assert_eq!(socket.refused().await.1, "malformed");
    }
    socket.0.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(socket.refused().await.1, "malformed");
    socket.0.send(Message::Binary(vec![0; shared::limits::FRAME + 1].into())).await.unwrap();
    assert_eq!(socket.refused().await.1, "too_large");
    socket.send(&ClientFrame::Ping(1)).await;
    assert_eq!(socket.next().await, Some(ServerFrame::Pong(1)), "it lives on");
    for _ in 0..3 {
        socket.0.send(Message::Binary(vec![0xff].into())).await.unwrap();
    }
    assert_eq!(socket.bye().await, "malformed");
    let (mut socket, _) = alice.greeted(vec![]).await;
    socket.0.send(Message::Binary(vec![0; shared::limits::SERVER_FRAME + 1].into())).await.unwrap();
    assert_eq!(socket.bye().await, "too_large");
}

#[tokio::test]
async fn a_flood_of_messages_is_told_to_wait() {
    let pace = Pace { rows_at_once: 3, rows_per_second: 1, ..Pace::default() };
    let app = TestApp::with(Setup { pace, ..Setup::default() }).await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let (mut a, _) = alice.greeted(vec![]).await;
    for _ in 0..4 {
        a.send(&ClientFrame::Append(alice.message(conversation, b"x"))).await;
    }
    let (request, code, wait) = a.refused().await;
    assert_eq!((request, code.as_str()), (4, "rate_limited"));
    assert!((1..=1_000).contains(&wait.unwrap()));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_and_harms_nobody() {
    let pace = Pace { write: Duration::from_millis(500), ..Pace::default() };
    let app = TestApp::with(Setup { pace, ..Setup::default() }).await;
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let cursor = || vec![Cursor { conversation, number: 1 }];
    let (mut a, _) = alice.greeted(cursor()).await;
    let (stalled, _) = bob.greeted(cursor()).await;
    // 80 KiB a row: the kernel's buffers are full after some dozens, then the queue, then the patience.
    let text = vec![7; 80 * 1024];
    let start = Instant::now();
    for number in 2..150 {
        a.send(&ClientFrame::Append(alice.message(conversation, &text))).await;
        a.until(|frame| matches!(frame, ServerFrame::Appended(appended) if appended.number == number).then_some(())).await;
    }
    assert!(start.elapsed() < Duration::from_secs(60));
    app.sockets_left(1, Duration::from_secs(10), "the stalled socket is cut").await;
    drop(stalled);
}

#[tokio::test]
async fn a_queue_that_overflows_becomes_one_resync() {
    use server::hub::{Outlet, Work};
    let app = TestApp::start().await;
    let alice = register(&app, "alice").await;
    // The outlet of a socket whose task never runs: only the queue's own rules are at work.
    let hub = server::hub::Hub::default();
    let outlet = Outlet::new(caller(&alice), &[]);
    hub.join(&outlet);
    let head = |number| server_core::Announce::Head {
        conversation: shared::ConversationId([1; 16]),
        number,
        devices: vec![alice.id()],
    };
    for number in 0..10_000 {
        hub.publish(vec![head(number)]);
    }
    outlet.answer(&ServerFrame::Pong(1));
    let mut frames = vec![];
    while let Some(Work::Frame(bytes)) = outlet.take() {
        frames.push(ServerFrame::decode(&bytes).unwrap());
    }
    assert_eq!(frames, [ServerFrame::Resync, ServerFrame::Pong(1)], "answers are never dropped");
    hub.publish(vec![head(10_001)]);
    assert!(matches!(outlet.take(), Some(Work::Frame(_))), "after the Resync hints flow again");
    hub.leave(&outlet);
    assert_eq!(hub.count(), 0);
}

/// The caller behind a browser's cookie, by the core's own door.
fn caller(browser: &crate::people::Browser<'_>) -> server_core::Caller {
    use base64::Engine as _;
    let cookie = browser.cookies["__Host-session-0"].clone();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cookie).unwrap();
    let token = server_core::Token::from_bytes(&Bytes(bytes)).unwrap();
    let folder = browser.app.folder();
    let keys = server_core::Keys::from_bytes(&std::fs::read(folder.join("server.keys")).unwrap()).unwrap();
    let world = server::store_threads::World { rules: server_core::Rules::default(), keys };
    let mut store = server_core::Store::open_reader(&folder.join("sotto.db")).unwrap();
    let session = store.read(|sql| world.with(|context| server_core::session::check(sql, context, &token)));
    session.unwrap().answer.caller().unwrap()
}

#[tokio::test]
async fn silence_and_pings() {
    let pace = Pace { ping: Duration::from_millis(200), silence: Duration::from_secs(2), ..Pace::default() };
    let app = TestApp::with(Setup { pace, ..Setup::default() }).await;
    let mut alice = register(&app, "alice").await;
    let (mut answering, _) = alice.greeted(vec![]).await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let _ = timeout(Duration::from_millis(100), futures_util::StreamExt::next(&mut answering.0)).await;
    }
    answering.send(&ClientFrame::Ping(1)).await;
    answering.until(|frame| matches!(frame, ServerFrame::Pong(1)).then_some(())).await;
    assert_eq!(app.server.as_ref().unwrap().sockets(), 1);
    // Nothing is read any more, so no ping is answered.
    app.sockets_left(0, Duration::from_secs(15), "a silent socket is ended").await;
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way_and_sends_sockets_away() {
    let mut app = TestApp::start().await;
    let server = app.server.take().unwrap();
    let (mut alice, mut bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let conversation = alice.pair(&mut bob).await;
    let (mut a, _) = alice.greeted(vec![Cursor { conversation, number: 1 }]).await;
    let (mut b, _) = bob.greeted(vec![]).await;
    for _ in 0..20 {
        let message = alice.message(conversation, b"x");
        a.send(&ClientFrame::Append(message)).await;
    }
    let first = a.next().await;
    assert!(matches!(first, Some(ServerFrame::Appended(_))), "{first:?}");
    let start = Instant::now();
    let stopping = tokio::spawn(server.stop());
    let mut acknowledged = 1;
    let code = a
        .until(|frame| match frame {
            ServerFrame::Appended(_) => {
                acknowledged += 1;
                None
            }
            ServerFrame::Bye(code) => Some(code),
            _ => None,
        })
        .await;
    assert_eq!(code, "going_away");
    assert_eq!(b.bye().await, "going_away");
    assert!(a.next().await.is_none());
    stopping.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    drop((alice, bob));
    assert!(tokio::net::TcpStream::connect(app.address).await.is_err(), "nothing listens any more");
    let mut store = server_core::Store::open_reader(&app.folder().join("sotto.db")).unwrap();
    let stored = store.read(|sql| {
        let mut rows = sql.query("SELECT COUNT(*) FROM conv_msg", &[]).unwrap();
        Ok(server_core::Done::quiet(rows.pop().unwrap().take::<u64>().unwrap()))
    });
    assert!(stored.unwrap().answer > acknowledged, "what was acknowledged is stored, and the commit before it");
}
