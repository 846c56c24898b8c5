//! attacks.md §2: identity, key server, trust.

use client_core::{
    Answer, Command,
    view::{SystemLine, Trust},
};
use shared::{
    AccountId, Bytes, ConversationId,
    frame::ClientFrame,
    http::{Claimed, ClaimedPackage, Person, Settings, Statements},
    statement::Statement,
};

use crate::{
    forge::Forged,
    insider::{Insider, hint},
    oracle::{Alarm, converge, judge},
    stage::Stage,
    tamper::{with_cbor, with_json},
};

/// The newest statement the server has of somebody.
pub(crate) fn statement(stage: &Stage, account: AccountId) -> Statement {
    let body: Vec<u8> = stage
        .database
        .sql
        .query_row(
            "SELECT body FROM statement WHERE account_id = ?1 ORDER BY number DESC LIMIT 1",
            [account.as_bytes()],
            |row| row.get(0),
        )
        .unwrap();
    Statement::parse(&body).unwrap()
}

/// The server appends a statement to somebody's chain in every answer.
pub(crate) fn append_statement(stage: &mut Stage, account: AccountId, forged: &Statement) {
    let bytes: Bytes = forged.as_bytes().into();
    let number = forged.content().number;
    stage.tamper.answer = Some(Box::new(move |_, path, response| {
        if path.starts_with(&format!("/api/accounts/{account}/statements")) {
            let after: u64 = path.rsplit('=').next().unwrap().parse().unwrap();
            with_json(response, |answer: &mut Statements| {
                if after < number {
                    answer.statements.push(bytes.clone());
                }
            });
        }
    }));
}

fn safety(stage: &mut Stage, at: usize, conversation: ConversationId) -> Vec<String> {
    match stage.ask(at, Command::SafetyNumber { conversation }).unwrap() {
        Answer::SafetyNumber(number) => number.digits,
        other => panic!("{other:?}"),
    }
}

/// Did a browser send a commit with this device in it?
fn offered(stage: &Stage, forged: &Forged) -> bool {
    stage.wire.iter().any(|bytes| crate::database::contains(bytes, forged.certificate.as_bytes()))
}

/// REFUSED: packages that the account's statement does not name are not used, and nothing is sealed for an empty chair.
#[test]
fn attack_01_substituted_package() {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    let target = stage.account(bob);
    let forged = Forged::of(target, 66);
    let package = forged.package_bytes(stage.now.0 / 1_000);
    let device = forged.device;
    stage.tamper.answer = Some(Box::new(move |_, path, response| {
        if path == format!("/api/accounts/{target}/key-packages/claim") {
            with_cbor(response, |claimed: &mut Claimed| {
                let true_device = claimed.packages[0].device;
                claimed.packages = vec![
                    ClaimedPackage { device, package: package.clone() },
                    // And once under the true device's name.
                    ClaimedPackage { device: true_device, package: package.clone() },
                ];
            });
        }
    }));
    let started = stage.chat(alice, "bob");
    if let Ok(conversation) = started {
        stage.send(alice, conversation, "for bob only");
        stage.wait(60);
        let roster = Insider::of(&stage, alice, conversation).roster();
        assert!(!roster.contains(&device), "the forged device is in");
        converge(&mut stage, alice, bob, conversation);
        assert!(stage.texts(bob, conversation).contains(&"for bob only".to_owned()), "written before bob was in, and lost");
    }
    // The honest server refuses what names a device that is not stated; a client does not even offer it.
    assert!(!offered(&stage, &forged), "the forged device was offered a place");
    judge(&stage, &[alice, bob]).refused();
}

/// RESIDUAL at first contact, until key transparency: a server that gives another account for a name is believed once. The
/// two safety numbers differ, and the true one, when it appears, is an alarm.
#[test]
fn attack_01_substituted_identity_at_first_contact() {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    stage.database.sql.execute("UPDATE account SET handle_norm = 'hidden' WHERE handle = 'bob'", []).unwrap();
    let mallory = stage.register("bob");
    let lured = stage.chat(alice, "bob").unwrap();
    stage.settle();
    assert_eq!(stage.view(alice, lured).with.id, stage.account(mallory), "believed");
    let number = safety(&mut stage, alice, lured);
    // Now the server lets the true one through.
    stage.database.sql.execute("UPDATE account SET handle_norm = 'other' WHERE handle_norm = 'bob'", []).unwrap();
    stage.database.sql.execute("UPDATE account SET handle_norm = 'bob' WHERE handle_norm = 'hidden'", []).unwrap();
    let real = stage.chat(bob, "alice").unwrap();
    stage.send(bob, real, "it is me");
    stage.wait(60);
    assert_ne!(safety(&mut stage, bob, real), number, "the comparison shows it");
    assert_eq!(stage.view(alice, real).trust, Trust::Changed, "one name, two accounts: ask");
    judge(&stage, &[alice, bob]).alarmed(Alarm::Held);
}

/// REFUSED or ALARM(reset): the server replaces the identity key of somebody already known.
#[test]
fn attack_01_substituted_identity_of_a_contact() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let forged = Forged::of(stage.account(bob), 66);
    // A chain of its own from the start: not a continuation, so it changes nothing.
    let first = forged.first_statement("bob");
    append_statement(&mut stage, forged.account, &first);
    stage.reload(alice);
    stage.wait(60);
    assert_eq!(stage.view(alice, conversation).trust, Trust::FirstUse);
    judge(&stage, &[alice, bob]).refused();
    // A continuation under a new key alone: an alarm, and nothing is sealed.
    let reset = forged.reset(&statement(&stage, forged.account));
    append_statement(&mut stage, forged.account, &reset);
    stage.reload(alice);
    stage.wait(60);
    assert_eq!(stage.view(alice, conversation).trust, Trust::Changed);
    judge(&stage, &[alice, bob]).alarmed(Alarm::Reset);
}

/// REFUSED: a device the server adds to an account: its row, its packages, its certificate under another key, a statement
/// that names it, signed by another key or taken from before.
#[test]
fn attack_02_ghost_device() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let account = stage.account(bob);
    let ghost = Forged::of(account, 66);
    let package = ghost.package_bytes(stage.now.0 / 1_000);
    let before = Insider::of(&stage, alice, conversation);
    let device = ghost.device;
    stage
        .database
        .sql
        .execute(
            "INSERT INTO device (device_id, account_id, sig_pub, certificate, run_token, auth_epoch, created_ms)
             VALUES (?1, ?2, ?3, ?4, x'00000000000000000000000000000000', 1, 1)",
            rusqlite::params![device.as_bytes(), account.as_bytes(), ghost.certificate.key, ghost.certificate.as_bytes()],
        )
        .unwrap();
    let newest = statement(&stage, account);
    // Under bob's identity key, with the ghost's signature; and bob's own statement of before.
    let mut forged = ghost.reset(&newest).as_bytes().to_vec();
    let identity = 1 + 16 + 1 + newest.content().handle.as_str().len();
    forged[identity..identity + 32].copy_from_slice(&newest.content().identity);
    for forge in [None, Some(Bytes(forged)), Some(newest.as_bytes().into())] {
        let package = package.clone();
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            // The honest core knows of no such device; this server hands its package out.
            if path.ends_with("/key-packages/claim") {
                let packages = vec![ClaimedPackage { device, package: package.clone() }];
                response.status = 200;
                response.body = shared::codec::encode(&Claimed { packages, statement: 1 });
            }
            if let (Some(forged), true) = (&forge, path.contains("/statements")) {
                with_json(response, |answer: &mut Statements| answer.statements.push(forged.clone()));
            }
        }));
        let wanted = shared::frame::Wanted { conversation, account, device };
        stage.push(alice, shared::frame::ServerFrame::Wanted(wanted));
        stage.wait(120);
    }
    stage.send(alice, conversation, "not for ghosts");
    stage.wait(10);
    let after = Insider::of(&stage, alice, conversation);
    assert_eq!((after.epoch(), after.roster()), (before.epoch(), before.roster()));
    assert!(!offered(&stage, &ghost), "the ghost was offered a place");
    stage.honest();
    judge(&stage, &[alice, bob]).refused();
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: a member (bob) commits a second "alice" under a key of his own. No honest client applies it.
#[test]
fn attack_02_ghost_device_by_an_insider() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let second = stage.login("alice");
    let ghost = Forged::of(stage.account(alice), 66);
    stage.close(bob);
    let mut insider = Insider::of(&stage, bob, conversation);
    let (roster, epoch) = (insider.roster(), insider.epoch());
    let message = shared::MessageId([5; 16]);
    let (commit, body) = insider.commit(message, vec![ghost.package(stage.now.0 / 1_000)], vec![]);
    // The honest server refuses it too.
    let path = format!("/api/conversations/{conversation}/commits");
    let encoded = shared::codec::encode(&body);
    let response = stage.raw(bob, client_core::Method::Post, &path, Some((shared::http::CBOR, encoded)));
    assert!(response.status >= 400, "{}", response.status);
    let number = insider.plant(&stage, 1, message, &commit);
    for at in [alice, second] {
        hint(&mut stage, at, conversation, number);
        stage.wait(30);
        let honest = Insider::of(&stage, at, conversation);
        assert_eq!((honest.epoch(), honest.roster()), (epoch, roster.clone()), "the ghost is in");
    }
    judge(&stage, &[alice, second]).sound();
}

/// REFUSED: the server's tables of members and leaves say that mallory is in. Nobody believes it, and she can't read.
#[test]
fn attack_03_ghost_member() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let mallory = stage.register("mallory");
    let (account, device) = (stage.account(mallory), stage.client(mallory).state().device.unwrap());
    let sql = &stage.database.sql;
    let ids = rusqlite::params![conversation.as_bytes(), account.as_bytes(), device.as_bytes()];
    sql.execute("INSERT INTO conv_member SELECT ?1, ?2, 1, NULL WHERE ?3 IS NOT NULL", ids).unwrap();
    sql.execute("INSERT INTO conv_leaf VALUES (?1, ?3, ?2, 2)", ids).unwrap();
    sql.execute("INSERT INTO conv_device SELECT ?1, ?3, 0, 0, 1, 0 WHERE ?2 IS NOT NULL", ids).unwrap();
    let before = Insider::of(&stage, alice, conversation).roster();
    for at in [alice, bob, mallory] {
        stage.reload(at);
    }
    stage.wait(30);
    stage.send(alice, conversation, "among us two");
    stage.wait(60);
    assert_eq!(Insider::of(&stage, alice, conversation).roster(), before);
    // She is handed every row, and it stays sealed.
    let fetch = shared::frame::Fetch { request: 1, conversation, after: 0, limit: 100 };
    let frames = stage.raw_frame(mallory, &ClientFrame::Fetch(fetch));
    assert!(frames.iter().any(|frame| matches!(frame, shared::frame::ServerFrame::Entries(e) if e.rows.len() >= 4)));
    assert!(stage.messages(mallory, conversation).iter().all(|message| message.system.is_some()), "she reads");
    assert!(stage.browsers[mallory].screens.iter().all(|message| message.system.is_some()), "her screen shows it");
    assert!(!stage.lines(alice, conversation).iter().any(|line| matches!(line, SystemLine::DeviceAdded { .. })));
    judge(&stage, &[alice, bob]).refused();
}

/// ALARM(reset), outbox held: five texts wait while bob's key changes; none of them leaves before alice says so.
#[test]
fn attack_10_resending_to_a_new_key() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.cut(alice, true);
    for n in 0..5 {
        stage.send(alice, conversation, &format!("queued {n}"));
    }
    let forged = Forged::of(stage.account(bob), 66);
    let reset = forged.reset(&statement(&stage, forged.account));
    append_statement(&mut stage, forged.account, &reset);
    let rows: i64 = stage.database.one("SELECT count(*) FROM conv_msg");
    stage.cut(alice, false);
    stage.reload(alice);
    stage.wait(120);
    assert_eq!(stage.database.one::<i64>("SELECT count(*) FROM conv_msg"), rows, "something left");
    let view = stage.view(alice, conversation);
    assert_eq!((view.trust, view.held), (Trust::Changed, 5));
    judge(&stage, &[alice, bob]).alarmed(Alarm::Held);
    // The person decides; only then they go.
    stage.ask(alice, Command::AcceptChange { conversation }).unwrap();
    stage.wait(60);
    assert_eq!(stage.database.one::<i64>("SELECT count(*) FROM conv_msg WHERE kind = 0"), 2 + 5);
}

/// ALARM(held): the server deletes every sealed setting. The browser that compared the numbers still knows it, and that the
/// key has changed since. RESIDUAL for a browser that enrols afterwards: it never saw the mark, until settings are bound to
/// something the server can't take away.
#[test]
fn attack_11_forgotten_verification() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.ask(alice, Command::Verify { conversation, verified: true }).unwrap();
    stage.wait(10);
    assert!(stage.database.one::<i64>("SELECT count(*) FROM settings_item") > 0);
    let second = stage.login("alice");
    assert!(stage.view(second, conversation).verified, "own browsers share the mark");
    stage.database.sql.execute_batch("DELETE FROM settings_item; UPDATE account SET settings_no = 0;").unwrap();
    let forged = Forged::of(stage.account(bob), 66);
    let reset = forged.reset(&statement(&stage, forged.account));
    append_statement(&mut stage, forged.account, &reset);
    for at in [alice, second] {
        stage.reload(at);
        stage.wait(60);
        let view = stage.view(at, conversation);
        assert!(view.verified && view.trust == Trust::Changed, "was compared, has changed: {:?}", view.trust);
    }
    judge(&stage, &[alice, bob]).alarmed(Alarm::Held);
    stage.honest();
    let third = stage.login("alice");
    assert!(!stage.view(third, conversation).verified, "RESIDUAL: nothing told the new browser");
}

/// REFUSED: an old, swapped or foreign item of the sealed settings.
#[test]
fn attack_11_replayed_settings() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.ask(alice, Command::Verify { conversation, verified: true }).unwrap();
    stage.wait(10);
    let verified: (Vec<u8>, i64) = stage
        .database
        .sql
        .query_row(
            "SELECT sealed, version FROM settings_item WHERE account_id = ?1 ORDER BY change_no DESC LIMIT 1",
            [stage.account(alice).as_bytes()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    stage.ask(alice, Command::Verify { conversation, verified: false }).unwrap();
    stage.wait(10);
    // The mark comes back under the newest version, and under its own.
    for lie in [None, Some(verified.1)] {
        let old = verified.0.clone();
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            if path.starts_with("/api/settings") {
                with_json(response, |settings: &mut Settings| {
                    settings.change += 10;
                    for item in &mut settings.items {
                        item.sealed = old.clone().into();
                        item.version = lie.and_then(|lie| u64::try_from(lie).ok()).unwrap_or(item.version);
                    }
                });
            }
        }));
        stage.database.sql.execute("UPDATE account SET settings_no = settings_no + 5", []).unwrap();
        stage.database.sql.execute("UPDATE settings_item SET change_no = change_no + 5", []).unwrap();
        stage.reload(alice);
        stage.wait(60);
        assert!(!stage.view(alice, conversation).verified, "a mark that was taken back stands again");
    }
    judge(&stage, &[alice, bob]).refused();
}

/// REFUSED by construction: the number is made of both accounts and both keys with a label and a version; swapping what
/// belongs to whom, or an id for a key, gives another one. 60 digits: more than 112 bits.
#[test]
fn attack_12_confused_safety_number() {
    let (a, b) = (AccountId([1; 16]), AccountId([2; 16]));
    let (ka, kb) = ([3; 32], [4; 32]);
    let number = shared::safety::safety_number((a, ka), (b, kb)).groups;
    assert_eq!(shared::safety::safety_number((b, kb), (a, ka)).groups, number, "both sides see the same");
    for (one, other) in [((a, kb), (b, ka)), ((b, ka), (a, kb)), ((a, ka), (a, ka)), ((a, [1; 32]), (b, [2; 32]))] {
        assert_ne!(shared::safety::safety_number(one, other).groups, number);
    }
    assert!(number.concat().len() >= 34, "112 bits are 34 digits: {}", number.concat().len());
}

/// REFUSED: names made to look like others. RESIDUAL: the flag for look-alikes in ASCII (l and I, rn and m) is not there.
#[test]
fn attack_13_lookalike_names() {
    let mut stage = Stage::new();
    stage.register("paypal");
    let mut refused = 0;
    for letter in
        "раусеохіјѕԁɡʟⅼａрａ".chars().chain(['\u{200b}', '\u{202e}', '\u{2066}', '\u{ad}', '\u{301}', '\u{feff}', ' ', '\0'])
    {
        for place in 0..=6 {
            let mut name: Vec<char> = "paypal".chars().collect();
            name.insert(place, letter);
            assert!(shared::handle::Handle::parse(&name.iter().collect::<String>()).is_err(), "{name:?}");
            if place < 6 {
                let mut name: Vec<char> = "paypal".chars().collect();
                name[place] = letter;
                assert!(shared::handle::Handle::parse(&name.iter().collect::<String>()).is_err(), "{name:?}");
                refused += 1;
            }
            refused += 1;
        }
    }
    assert!(refused >= 300, "{refused}");
    // Case twins are one name, at the server too.
    stage.browsers.push(crate::stage::Browser::fresh("PayPal"));
    let twin = stage.browsers.len() - 1;
    let seed = stage.array();
    stage.browsers[twin].client = Some(client_core::Client::new(seed));
    let register = Command::Register { username: "PayPal".to_owned(), password: crate::stage::password("PayPal"), stay: false };
    assert_eq!(stage.ask(twin, register).unwrap_err().code, "username_taken");
}

/// REFUSED: answers that confuse who somebody is: another name's person for the name that was typed, an id that is not the
/// statements', a name that is not the statements', the chain of somebody else, a chain without its beginning.
#[test]
fn attack_15_identity_confusion() {
    let mut stage = Stage::new();
    let (alice, bob, mallory) = (stage.register("alice"), stage.register("bob"), stage.register("mallory"));
    stage.login("bob");
    let hers = statement(&stage, stage.account(mallory));
    let her_id = stage.account(mallory);
    let bob_id = stage.account(bob);
    let near = {
        let mut id = *bob_id.as_bytes();
        id[15] ^= 1;
        AccountId(id)
    };
    let first = Bytes::from(hers.as_bytes());
    type Lie = Box<dyn Fn(&mut Person)>;
    let lies: [(&str, Lie); 6] = [
        ("mallory for bob", {
            let first = first.clone();
            Box::new(move |p| {
                (p.account_id, p.username, p.statements) = (her_id, "mallory".to_owned(), vec![first.clone()]);
            })
        }),
        ("a near id", Box::new(move |p| p.account_id = near)),
        ("another name over the same statements", Box::new(|p| p.username = "bobby".to_owned())),
        ("her chain under his name", {
            let first = first.clone();
            Box::new(move |p| p.statements = vec![first.clone()])
        }),
        ("without its beginning", Box::new(|p| drop(p.statements.remove(0)))),
        ("nothing", Box::new(|p| p.statements.clear())),
    ];
    for (name, lie) in lies {
        stage.tamper.answer = Some(Box::new(move |_, path, response| {
            if path.starts_with("/api/people/") {
                with_json(response, |person: &mut Person| lie(person));
            }
        }));
        let result = stage.chat(alice, "bob");
        assert_eq!(result.map_err(|failure| failure.code), Err("bad_answer".to_owned()), "{name}");
    }
    stage.honest();
    let conversation = stage.chat(alice, "BoB").unwrap();
    converge(&mut stage, alice, bob, conversation);
    judge(&stage, &[alice, bob]).refused();
}

/// The eight points of small order of edwards25519, and their non-canonical forms: a signature under one of them holds for
/// every text when it is checked loosely.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

fn unhex(text: &str) -> [u8; 32] {
    core::array::from_fn(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
}

/// REFUSED: keys of small order sign nothing here; a signature with S + L in the place of S is not another signature.
#[test]
fn attack_16_low_order_points() {
    use shared::{label::Label, signature};
    for text in SMALL_ORDER {
        let key = unhex(text);
        for other in SMALL_ORDER {
            // R of small order and S = 0: satisfies the loose equation for some texts.
            let forged: [u8; 64] = [unhex(other), [0; 32]].concat().try_into().unwrap();
            for text in 0..16_u8 {
                assert!(signature::verify(&key, Label::Statement, &[text], &forged).is_err(), "{text} under {key:?}");
            }
        }
    }
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let public = key.verifying_key().to_bytes();
    let good = signature::sign(&key, Label::Statement, b"text");
    assert!(signature::verify(&public, Label::Statement, b"text", &good).is_ok());
    // L, little endian.
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut malleable = good;
    let mut carry = 0_u16;
    for (byte, add) in malleable[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert!(signature::verify(&public, Label::Statement, b"text", &malleable).is_err(), "malleable");
}

/// REFUSED: the identity element in OPAQUE's answer gives no key the server could know; KE3 never leaves.
#[test]
fn attack_16_neutral_element_in_opaque() {
    let mut stage = Stage::new();
    stage.register("alice");
    stage.tamper.answer = Some(Box::new(|_, path, response| {
        if path == "/auth/login/start" {
            with_json(response, |started: &mut shared::http::LoginStarted| started.response.0[..32].fill(0));
        }
    }));
    let finished = std::rc::Rc::new(std::cell::Cell::new(false));
    let seen = std::rc::Rc::clone(&finished);
    stage.tamper.request = Some(Box::new(move |_, request| {
        seen.set(seen.get() || request.path == "/auth/login/finish");
        true
    }));
    assert!(stage.try_login("alice").1.is_err());
    assert!(!finished.get(), "KE3 left");
}
