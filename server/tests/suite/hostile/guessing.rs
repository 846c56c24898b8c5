//! Guessing passwords and names: what is counted, by whom, and that nobody slips past it.

use std::sync::Arc;

use server::clock::SystemRandom;
use shared::{
    Code,
    http::{LoginStart, LoginStarted, RecoverOpen, RecoverStart, RecoverStarted},
};

use crate::{
    app::{Setup, TestApp},
    people::{login_finish, register, register_start, registration},
    speaking::login::{LoggingIn, Registering},
    wire::{Answer, Request},
};

fn first_step(app: &TestApp, handle: &str) -> Request {
    let (_, ke1) = LoggingIn::start(&mut SystemRandom, b"guess");
    Request::new(app, "POST", "/auth/login/start").json(&LoginStart { username: handle.to_owned(), request: ke1.into() })
}

/// How many first steps pass before the first refusal.
async fn until_locked(app: &TestApp, handle: &str, mut decorate: impl FnMut(usize, Request) -> Request) -> usize {
    for attempt in 0..100 {
        let answer = decorate(attempt, first_step(app, handle)).send(app).await;
        if answer.status != 200 {
            assert_eq!(answer.code(), Code::RateLimited);
            assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 0);
            return attempt;
        }
    }
    panic!("never locked");
}

#[tokio::test]
async fn attack_54_a_guess_that_is_never_finished_counts_like_a_wrong_password() {
    let app = TestApp::start().await;
    register(&app, "alice").await;
    register(&app, "bert").await;
    let without_ke3 = until_locked(&app, "alice", |_, request| request).await;
    let mut with_ke3 = 0;
    while let Ok(finish) = login_finish(&app, "bert", b"wrong").await {
        let answer = Request::new(&app, "POST", "/auth/login/finish").json(&finish).send(&app).await;
        assert_eq!(answer.code(), Code::InvalidCredentials);
        with_ke3 += 1;
        assert!(with_ke3 < 100);
    }
    assert_eq!((without_ke3, with_ke3), (5, 5));
    assert_eq!(until_locked(&app, "no-such-name", |_, request| request).await, 5, "unknown names lock in the same way");
    // The recovery kit's door leads to the same record and has the same counter.
    let (_, sent) = Registering::start(&mut SystemRandom, b"x");
    let start = RecoverStart { username: "alice".to_owned(), request: sent.into() };
    let answer = Request::new(&app, "POST", "/auth/recover/start").json(&start).send(&app).await;
    assert_eq!(answer.code(), Code::RateLimited);
}

#[tokio::test]
async fn attack_68_no_header_and_no_cookie_of_a_strangers_making_is_another_bucket() {
    let app = TestApp::start().await;
    register(&app, "alice").await;
    let locked = until_locked(&app, "alice", |attempt, request| {
        let ip = format!("198.51.100.{attempt}");
        let known = format!("__Host-known-0={}", "A".repeat(90 + attempt % 7));
        request
            .with("x-forwarded-for", &ip)
            .with("forwarded", &format!("for={ip}"))
            .with("x-real-ip", &ip)
            .with("cf-connecting-ip", &ip)
            .with("true-client-ip", &ip)
            .with("via", &ip)
            .with("cookie", &known)
    })
    .await;
    assert_eq!(locked, 5);
    // Another spelling of the name is the same name, and another slot of the browser the same stranger.
    for (slot, name) in [("1", "ALICE"), ("2", "Alice"), ("15", "aLICE")] {
        assert_eq!(first_step(&app, name).with("sotto-account", slot).send(&app).await.code(), Code::RateLimited, "{name}");
    }
}

#[tokio::test]
async fn attack_68_many_at_once_are_counted_one_by_one() {
    let app = Arc::new(TestApp::start().await);
    register(&app, "alice").await;
    let asked = (0..40).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move { first_step(&app, "alice").send(&app).await.status })
    });
    let mut passed = 0;
    for one in asked.collect::<Vec<_>>() {
        passed += usize::from(one.await.unwrap() == 200);
    }
    assert_eq!(passed, 5);
}

/// What an answer shows beyond what is drawn by chance: its status, its headers, the fields of its body with their lengths.
#[derive(Debug, PartialEq)]
struct Shape {
    status: u16,
    headers: Vec<(String, String)>,
    fields: Vec<(String, usize)>,
}

fn shape(answer: &Answer) -> Shape {
    let told = |name: &str| !matches!(name, "date" | "set-cookie");
    let headers = answer.headers.iter().filter(|(name, _)| told(name)).cloned().collect();
    let json = answer.json();
    let fields = json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string().len()));
    Shape { status: answer.status, headers, fields: fields.collect() }
}

#[tokio::test]
async fn attack_51_log_in_and_recovery_answer_unknown_names_with_the_same_bytes() {
    let app = TestApp::with(Setup { logins_per_minute: 50, ..Setup::default() }).await;
    register(&app, "alice").await;
    let names = ["alice", "nobody", "no such name!", "x", &"z".repeat(300), "\u{202e}ecila", "a'; DROP TABLE account; --"];
    let mut first = vec![];
    let mut finished = vec![];
    for name in names {
        let answer = first_step(&app, name).send(&app).await;
        let started: LoginStarted = answer.parse();
        assert_eq!(started.ksf, 1, "{name}");
        let again: LoginStarted = first_step(&app, name).send(&app).await.parse();
        assert_eq!(started.account_id, again.account_id, "{name}: always the same");
        assert_ne!(started.response, again.response);
        first.push(shape(&answer));
        let finish = login_finish(&app, name, b"wrong").await.unwrap();
        finished.push(shape(&Request::new(&app, "POST", "/auth/login/finish").json(&finish).send(&app).await));
    }
    assert!(first.windows(2).all(|two| two[0] == two[1]), "{first:#?}");
    assert!(finished.windows(2).all(|two| two[0] == two[1]), "{finished:#?}");

    let (mut started, mut opened) = (vec![], vec![]);
    for name in &names {
        let (_, sent) = Registering::start(&mut SystemRandom, b"x");
        let start = RecoverStart { username: (*name).to_owned(), request: sent.into() };
        let answer = Request::new(&app, "POST", "/auth/recover/start").json(&start).send(&app).await;
        let parsed: RecoverStarted = answer.parse();
        started.push(shape(&answer));
        let open = RecoverOpen { recover_id: parsed.recover_id, signature: vec![1; 64].into() };
        opened.push(shape(&Request::new(&app, "POST", "/auth/recover/open").json(&open).send(&app).await));
    }
    assert!(started.windows(2).all(|two| two[0] == two[1]), "{started:#?}");
    assert!(opened.windows(2).all(|two| two[0] == two[1]), "{opened:#?}");
}

#[tokio::test]
async fn attack_51_an_unknown_name_is_the_same_person_after_a_restart() {
    let mut app = TestApp::start().await;
    register(&app, "alice").await;
    let ask = async |app: &TestApp, name: &str| -> LoginStarted { first_step(app, name).send(app).await.parse() };
    let before = (ask(&app, "nobody").await.account_id, ask(&app, "alice").await.account_id);
    app.stop().await;
    let again = TestApp::on(app.config.clone(), server::app::Pace::default()).await;
    assert_eq!(before, (ask(&again, "nobody").await.account_id, ask(&again, "alice").await.account_id));
}

#[tokio::test]
async fn attack_52_asking_which_names_are_taken_is_counted_whatever_the_answer_is() {
    let app = TestApp::start().await;
    register(&app, "alice").await;
    let by_start = |name: &str| Request::new(&app, "POST", "/auth/register/start").json(&register_start(name).1);
    let taken = registration(&app, "bert").await.1;
    register(&app, "bert").await;
    let mut spoilt = taken.clone();
    spoilt.statement.0.truncate(9);
    // Every second body is spoilt on purpose: what the answer would tell about the name is counted all the same.
    let by_finish = |n: usize| {
        let body = if n.is_multiple_of(2) { &taken } else { &spoilt };
        Request::new(&app, "POST", "/auth/register/finish").cbor(body)
    };
    let (mut starts, mut finishes) = (0, 0);
    while by_start("alice").send(&app).await.code() == Code::UsernameTaken {
        starts += 1;
        assert!(starts < 200, "taken names can be asked for without end");
    }
    while by_finish(finishes).send(&app).await.code() == Code::UsernameTaken {
        finishes += 1;
        assert!(finishes < 200, "taken names can be asked for without end by the second step");
    }
    assert!(starts > 60 && finishes > 60, "{starts}, {finishes}");
    // Then free and taken look the same.
    for name in ["alice", "nobody-has-this"] {
        assert_eq!(by_start(name).send(&app).await.code(), Code::RateLimited, "{name}");
    }
    assert_eq!(by_finish(0).send(&app).await.code(), Code::RateLimited);
}
