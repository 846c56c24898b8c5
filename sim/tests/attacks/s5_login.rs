//! attacks.md §5 and what §6 and §7 say of sessions and versions, as far as the client core decides.

use std::{cell::RefCell, rc::Rc};

use client_core::{Command, view::Trust};
use shared::{
    Bytes,
    authenticated::{Authenticated, MessageData},
    certificate::Certificate,
    frame::{ClientFrame, ClientHello, ServerFrame},
    http::{LoggedIn, LoginStarted, Person, Secrets},
    policy::{Kind, Policy},
    statement::Statement,
};

use crate::{
    forge::Forged,
    oracle::{Alarm, converge, judge},
    s2_identity::{append_statement, statement},
    stage::Stage,
    tamper::with_json,
};

/// Paths that browsers asked for.
fn listen(stage: &mut Stage) -> Rc<RefCell<Vec<String>>> {
    let asked: Rc<RefCell<Vec<String>>> = Rc::default();
    let heard = Rc::clone(&asked);
    stage.tamper.request = Some(Box::new(move |_, request| {
        heard.borrow_mut().push(request.path.clone());
        true
    }));
    asked
}

/// REFUSED: the server names a weaker, an unknown or no stretching function: nothing is stretched and KE3 is not sent.
#[test]
fn attack_53_parameter_downgrade() {
    let mut stage = Stage::new();
    stage.register("alice");
    for version in [Some(0), Some(2), Some(255), None] {
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            if path == "/auth/login/start" {
                let mut body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
                match version {
                    Some(version) => body["ksf"] = version.into(),
                    None => drop(body.as_object_mut().unwrap().remove("ksf")),
                }
                response.body = serde_json::to_vec(&body).unwrap();
            }
        }));
        let asked = listen(&mut stage);
        let failure = stage.try_login("alice").1.unwrap_err();
        assert_eq!(failure.code, if version.is_some() { "ksf_refused" } else { "bad_answer" });
        assert!(!asked.borrow().iter().any(|path| path == "/auth/login/finish"), "KE3 left for {version:?}");
    }
}

/// REFUSED (record swap): bob's record, id or belongings under alice's name. The password fits nothing of it, no new vault is
/// made, and what a browser has stays.
#[test]
fn attack_56_swapped_record() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let vaults: Vec<Vec<rusqlite::types::Value>> = stage.database.rows("account");
    // Whole records change places in the database.
    stage
        .database
        .sql
        .execute_batch(
            "CREATE TEMP TABLE kept AS SELECT account_id, opaque_record FROM account;
             UPDATE account SET opaque_record = (SELECT opaque_record FROM temp.kept WHERE kept.account_id <> account.account_id);",
        )
        .unwrap();
    assert_eq!(stage.try_login("alice").1.unwrap_err().code, "invalid_credentials");
    stage
        .database
        .sql
        .execute_batch("UPDATE account SET opaque_record = (SELECT opaque_record FROM temp.kept WHERE kept.account_id = account.account_id);")
        .unwrap();
    // Another id beside the right record.
    let other = stage.account(bob);
    stage.tamper.answer = Some(Box::new(move |_, path, response| {
        if path == "/auth/login/start" {
            with_json(response, |started: &mut LoginStarted| started.account_id = other);
        }
    }));
    assert_eq!(stage.try_login("alice").1.unwrap_err().code, "invalid_credentials");
    // Belongings of another account, or parts of them, after a good log-in.
    let stolen: Rc<RefCell<Option<Secrets>>> = Rc::default();
    let thief = Rc::clone(&stolen);
    stage.tamper.answer = Some(Box::new(move |_, path, response| {
        if path == "/auth/login/finish" {
            with_json(response, |logged: &mut LoggedIn| *thief.borrow_mut() = Some(logged.secrets.clone()));
        }
    }));
    stage.try_login("bob").1.unwrap();
    let his = stolen.borrow().clone().unwrap();
    type Lie = Box<dyn Fn(&mut Secrets, &Secrets)>;
    let lies: Vec<(&str, Lie)> = vec![
        ("everything", Box::new(|hers, his| *hers = his.clone())),
        ("the vault", Box::new(|hers, his| hers.vault = his.vault.clone())),
        ("the wraps", Box::new(|hers, his| hers.wraps = his.wraps.clone())),
        ("the statements", Box::new(|hers, his| hers.statements = his.statements.clone())),
        ("no vault", Box::new(|hers, _| hers.vault = Bytes::default())),
        ("no wraps", Box::new(|hers, _| hers.wraps.clear())),
        ("no statements", Box::new(|hers, _| hers.statements.clear())),
        ("another vault number", Box::new(|hers, _| hers.vault_number += 1)),
        ("wraps in another order", Box::new(|hers, _| hers.wraps.reverse())),
    ];
    for (name, lie) in lies {
        let his = his.clone();
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            if path == "/auth/login/finish" {
                with_json(response, |logged: &mut LoggedIn| lie(&mut logged.secrets, &his));
            }
        }));
        let asked = listen(&mut stage);
        let (at, result) = stage.try_login("alice");
        assert_eq!(result.unwrap_err().code, "cannot_unwrap", "{name}");
        assert!(!asked.borrow().iter().any(|path| path == "/api/devices"), "{name}: it enrolled");
        stage.close(at);
    }
    stage.tamper.request = None;
    let after = stage.database.rows("account");
    assert_eq!(vaults[0][..4], after[0][..4]);
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: a record copied to another server (other keys), or a log-in relayed between two.
#[test]
fn attack_57_record_at_another_server() {
    let mut first = Stage::new();
    first.register("alice");
    let mut second = first.fork();
    // The copy runs under keys of its own.
    let keys = server_core::Keys::generate(&mut second.rng);
    let (database, store) = second.database.fork();
    database.sql.execute("DELETE FROM store_meta", []).unwrap();
    let rng = rand_chacha::ChaCha20Rng::clone(&second.rng);
    second.server = Some(sim::server::Server::over(store, None, keys, sim::server::open_rules(), rng, second.now));
    second.database = database;
    assert_eq!(second.try_login("alice").1.unwrap_err().code, "invalid_credentials");
    assert!(first.try_login("alice").1.is_ok());
}

/// ALARM(reset), held: an operator resets bob's account to an identity of his own. It can't read what was, and nobody seals
/// for it before having agreed.
#[test]
fn attack_60_reset_as_takeover() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let operator = Forged::of(stage.account(bob), 88);
    stage.close(bob);
    let reset = operator.reset(&statement(&stage, operator.account));
    append_statement(&mut stage, operator.account, &reset);
    stage.reload(alice);
    stage.wait(60);
    let rows: i64 = stage.database.one("SELECT count(*) FROM conv_msg");
    stage.send(alice, conversation, "are you still you?");
    // His new device is offered to her at once.
    let wanted = shared::frame::Wanted { conversation, account: operator.account, device: operator.device };
    stage.push(alice, ServerFrame::Wanted(wanted));
    stage.wait(120);
    assert_eq!(stage.database.one::<i64>("SELECT count(*) FROM conv_msg"), rows, "something was sealed or committed");
    assert_eq!(stage.view(alice, conversation).trust, Trust::Changed);
    judge(&stage, &[alice]).alarmed(Alarm::Reset);
}

/// REFUSED by construction: an answer may hold a "recovery key" of the server's; nothing reads it, and what the browser
/// uploads is sealed under password and kit only.
#[test]
fn attack_62_escrow_key() {
    let mut stage = Stage::new();
    stage.tamper.answer = Some(Box::new(|_, path, response| {
        if path.starts_with("/auth/") && response.status == 200 {
            let mut body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            for name in ["recovery_key", "escrow_key", "recovery_public_key"] {
                body[name] = "AAAA".into();
            }
            response.body = serde_json::to_vec(&body).unwrap();
        }
    }));
    stage.register("alice");
    stage.login("alice");
    assert_eq!(stage.database.one::<i64>("SELECT count(*) FROM wrap"), 2, "password and kit");
    let kinds: i64 = stage.database.one("SELECT group_concat(kind, '') + 0 FROM (SELECT kind FROM wrap ORDER BY kind)");
    assert_eq!(kinds, 1, "kinds 0 and 1");
}

/// REFUSED: what stands in the session table is of no use as a cookie.
#[test]
fn attack_102_stolen_session_table() {
    let mut stage = Stage::new();
    let alice = stage.register("alice");
    let hash: Vec<u8> = stage.database.one("SELECT token_hash FROM session");
    let forged = server_core::Token::from_bytes(&Bytes(hash));
    assert!(forged.is_some());
    let own = stage.browsers[alice].cookie.clone();
    assert!(stage.raw(alice, client_core::Method::Get, "/api/settings?after=0", None).status == 200, "hers works");
    stage.browsers[alice].cookie = forged;
    let refused = stage.raw(alice, client_core::Method::Get, "/api/settings?after=0", None);
    assert_eq!(refused.status, 401);
    stage.browsers[alice].cookie = own;
}

/// REFUSED: versions 0 and 99 of everything that has one.
#[test]
fn attack_104_version_confusion() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let carol = stage.register("carol");
    let stated = statement(&stage, stage.account(bob));
    let policy = Policy::direct(stage.account(alice), stage.account(bob), 0x4d).encode();
    assert_eq!(Policy::parse(&policy).unwrap().kind, Kind::Direct);
    let certificate = Forged::of(stage.account(bob), 9).certificate;
    let data =
        MessageData { message: shared::MessageId([1; 16]), n: 1, commitment: [0; 32], previous: [0; 32], transcript: [0; 16] }
            .encode();
    for version in [0, 99] {
        let with = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes[0] = version;
            bytes
        };
        assert!(Statement::parse(&with(stated.as_bytes())).is_err());
        assert!(Certificate::parse(&with(certificate.as_bytes())).is_err());
        assert!(Policy::parse(&with(&policy)).is_err());
        assert!(Authenticated::parse(&with(&data)).is_err());
        // In an answer, to a client.
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            if path.starts_with("/api/people/") {
                with_json(response, |person: &mut Person| person.statements[0].0[0] = version);
            }
        }));
        assert_eq!(stage.chat(carol, "bob").unwrap_err().code, "bad_answer");
        stage.honest();
        // The socket's own version, to the server.
        let hello = ClientHello {
            version: u16::from(version),
            run: Bytes(vec![0; 16]),
            next_run: Bytes(vec![0; 16]),
            store_epoch: None,
            inbox: 0,
            cursors: vec![],
        };
        stage.tamper.up = Some(Box::new(move |at, frame| match frame {
            ClientFrame::Hello(own) if at == carol => {
                vec![ClientFrame::Hello(ClientHello { version: hello.version, ..own })]
            }
            frame => vec![frame],
        }));
        stage.reload(carol);
        stage.wait(5);
        let state = stage.client(carol).state();
        assert_ne!(state.connection, client_core::view::ConnectionState::Online, "version {version} was taken");
        stage.honest();
        stage.wait(60);
    }
    converge(&mut stage, alice, bob, conversation);
    judge(&stage, &[alice, bob]).refused();
}

/// REFUSED: the server asks for the password again and again, and lies about whether it was right. Nothing is lost by it.
#[test]
fn attack_56_lying_log_in() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.tamper.answer = Some(Box::new(move |at, path, response| {
        if at == alice && path.starts_with("/auth/") {
            response.status = 401;
            response.body = serde_json::to_vec(&shared::http::Failure::new(shared::Code::LoginRequired)).unwrap();
        }
    }));
    stage.send(alice, conversation, "kept");
    stage.reload(alice);
    stage.wait(60);
    let unlock = Command::Unlock { password: crate::stage::password("alice") };
    assert!(stage.ask(alice, unlock.clone()).is_err());
    assert_eq!(stage.texts(alice, conversation).len(), 3);
    stage.honest();
    stage.ask(alice, unlock).unwrap();
    converge(&mut stage, alice, bob, conversation);
    judge(&stage, &[alice, bob]).refused();
}
