//! attacks.md §3, what concerns single rows: dropped, doubled, moved, relabelled, replayed, spoilt.

use client_core::{
    Command,
    view::{MessageKind, MessageState, SessionState, SystemLine},
};
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis,
    frame::{ClientFrame, Row, RowKind, ServerFrame},
};

use crate::{
    insider::{Insider, hint, plant},
    oracle::{Alarm, converge, judge},
    s3_groups::log,
    stage::Stage,
    tamper::with_rows,
};

/// The server's log becomes these of its rows, in this order, numbered anew.
fn rewrite(stage: &Stage, conversation: ConversationId, order: &[u64]) {
    let sql = &stage.database.sql;
    sql.execute_batch("DROP INDEX IF EXISTS conv_msg_once; CREATE TEMP TABLE old AS SELECT * FROM conv_msg;").unwrap();
    sql.execute("DELETE FROM conv_msg WHERE conv_id = ?1", [conversation.as_bytes()]).unwrap();
    for (old, new) in order.iter().zip(1_i64..) {
        let ids = rusqlite::params![conversation.as_bytes(), i64::try_from(*old).unwrap(), new];
        let columns = "kind, generation, epoch, sender, sender_account, cmid, at_ms, clear, body, sig, erased_ms";
        let copy = format!("INSERT INTO conv_msg SELECT conv_id, ?3, {columns} FROM temp.old WHERE conv_id = ?1 AND seq = ?2");
        sql.execute(&copy, ids).unwrap();
    }
    let head = i64::try_from(order.len()).unwrap();
    sql.execute("UPDATE conv SET head_seq = ?2 WHERE conv_id = ?1", rusqlite::params![conversation.as_bytes(), head]).unwrap();
    sql.execute_batch("DROP TABLE temp.old").unwrap();
    // The honest part of this server stores rows by it. Where rows stand twice there is none, and nobody writes.
    let distinct: std::collections::BTreeSet<_> = order.iter().collect();
    if distinct.len() == order.len() {
        sql.execute_batch("CREATE UNIQUE INDEX conv_msg_once ON conv_msg(conv_id, sender, cmid)").unwrap();
    }
}

/// Alice is away while bob writes `count` texts (rows 4, 5 …) and leaves; the server then rewrites the log as `order` says.
fn away(count: usize, order: impl FnOnce(Vec<u64>) -> Vec<u64>) -> (Stage, usize, usize, ConversationId) {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.cut(alice, true);
    for n in 0..count {
        stage.send(bob, conversation, &format!("text {n}"));
    }
    stage.wait(10);
    stage.close(bob);
    let rows = (1..=3 + count as u64).collect();
    rewrite(&stage, conversation, &order(rows));
    stage.cut(alice, false);
    stage.wait(60);
    (stage, alice, bob, conversation)
}

/// ALARM(hole), never twice and never somebody else's: a member seals again what was said, under new counters, under the ids
/// of other people's messages, and under the id of Sotto's own line.
#[test]
fn attack_27_insider_replay() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let (hers, his) = (stage.told[0].message, stage.told[1].message);
    let before = stage.messages(alice, conversation);
    // A line of Sotto's own has an id everybody can work out: "the conversation was started", beside row 1.
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"system line")
        .chain_update(conversation.as_bytes())
        .chain_update(1_001_u64.to_be_bytes())
        .finalize()
        .into();
    let line = MessageId(*digest.first_chunk().unwrap());
    assert!(before.iter().any(|message| message.id == line), "the line that is to be overwritten");
    let mut insider = Insider::of(&stage, bob, conversation);
    for (n, id) in (2..).zip([hers, his, line]) {
        let content = Insider::content(id, "words she never wrote");
        let sealed = insider.seal(id, n, &content, |_| {});
        // The server's own rule stops only his own ids.
        let number =
            plant(&stage, conversation, (insider.account, insider.device), (0, &[]), insider.epoch(), fresh(n), &sealed);
        stage.database.sql.execute_batch("DROP INDEX IF EXISTS conv_msg_once").unwrap();
        let ids = rusqlite::params![conversation.as_bytes(), i64::try_from(number).unwrap(), id.as_bytes()];
        stage.database.sql.execute("UPDATE conv_msg SET cmid = ?3 WHERE conv_id = ?1 AND seq = ?2", ids).unwrap();
        hint(&mut stage, alice, conversation, number);
        stage.wait(10);
    }
    let after = stage.messages(alice, conversation);
    for message in &before {
        assert!(after.contains(message), "gone or changed: {message:?}");
    }
    assert!(after.iter().all(|message| !message.text.contains("never wrote")), "shown under a used id");
    judge(&stage, &[alice]).sound();
}

fn fresh(n: u64) -> MessageId {
    MessageId([u8::try_from(n).unwrap(); 16])
}

/// ALARM(hole): rows of other conversations stand in this one's log, under their own sender's name and under bob's.
#[test]
fn attack_28_spliced_conversations() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let carol = stage.register("carol");
    let other = stage.chat(carol, "alice").unwrap();
    stage.send(carol, other, "for the other window");
    stage.wait(30);
    let (_, epoch, account, device, id, body) = log(&stage, other, 0)[0].clone();
    let his = stage.client(bob).state().device.unwrap();
    for (n, from) in [(account, device), (stage.account(bob), his)].into_iter().enumerate() {
        let id = if n == 0 { id } else { fresh(9) };
        let number = plant(&stage, conversation, from, (0, &[]), epoch, id, &body);
        hint(&mut stage, alice, conversation, number);
        stage.wait(10);
    }
    judge(&stage, &[alice, carol]).alarmed(Alarm::Hole);
    assert_eq!(stage.texts(alice, conversation).len(), 2);
    converge(&mut stage, alice, bob, conversation);
}

type Lie = Box<dyn Fn(&mut Row)>;

/// ALARM(hole) or no effect: every field beside the sealed bytes, one after the other. What is shown stays as it was written,
/// or a gap stands there.
#[test]
fn attack_29_unauthenticated_metadata() {
    let (stage, alice, bob, conversation) = Stage::pair();
    let (me, my_device) = (stage.account(alice), stage.client(alice).state().device.unwrap());
    let lies: Vec<(&str, Lie)> = vec![
        ("from nobody's device", Box::new(|row| row.device = DeviceId([9; 16]))),
        ("from nobody", Box::new(|row| row.account = AccountId([9; 16]))),
        ("from my device", Box::new(move |row| row.device = my_device)),
        ("from me", Box::new(move |row| row.account = me)),
        ("from me and my device", Box::new(move |row| (row.account, row.device) = (me, my_device))),
        ("another id", Box::new(|row| row.message = MessageId([9; 16]))),
        ("another generation", Box::new(|row| row.generation += 1)),
        ("another epoch", Box::new(|row| row.epoch += 1)),
        ("at the beginning of time", Box::new(|row| row.at = Millis(0))),
        ("at its end", Box::new(|row| row.at = Millis(9_000_000_000_000))),
        ("a commit", Box::new(|row| row.kind = RowKind::Commit)),
        ("a proposal", Box::new(|row| row.kind = RowKind::Proposal)),
        ("signed", Box::new(|row| row.signature = Some(Bytes(vec![1; 64])))),
        ("with foreign authenticated data", Box::new(|row| row.authenticated = Some(Bytes(vec![1; 106])))),
        ("erased, with its body", Box::new(|row| row.erased = Some(Millis(1)))),
        ("erased", Box::new(|row| (row.body, row.erased) = (None, Some(Millis(1))))),
        ("without a body", Box::new(|row| row.body = None)),
        ("big", Box::new(|row| row.big = Some(1))),
        ("with a franking tag", Box::new(|row| row.frank = Some(Bytes(vec![1; 32])))),
    ];
    for (name, lie) in lies {
        let mut fork = stage.fork();
        fork.wait(30);
        let number = log(&fork, conversation, 0).len() as u64 + 2;
        fork.tamper.down = Some(Box::new(move |at, frame| {
            vec![if at == alice {
                with_rows(frame, |rows| rows.iter_mut().filter(|row| row.number == number).for_each(&lie))
            } else {
                frame
            }]
        }));
        fork.send(bob, conversation, "as it was written");
        fork.wait(20);
        let judged = judge(&fork, &[alice, bob]);
        assert!(judged.broken.is_empty(), "{name}: {judged:#?}");
        let shown = fork.texts(alice, conversation).len() == 3;
        assert!(shown || !judged.alarms.is_empty(), "{name}: neither shown nor missed");
    }
}

/// REFUSED: a row that claims to be alice's own, with other bytes: it does not make anything "stored", its authenticated data
/// are not looked at, and it can't hide what bob wrote either.
#[test]
fn attack_30_own_echo_spoof() {
    let (mut stage, alice, _, conversation) = Stage::pair();
    // Her message never gets an answer; an "echo" of it comes with one bit changed.
    stage.tamper.up = Some(Box::new(move |at, frame| match frame {
        ClientFrame::Append(_) if at == alice => vec![],
        frame => vec![frame],
    }));
    let message = stage.send(alice, conversation, "is it stored?");
    stage.wait(2);
    let device = stage.client(alice).state().device.unwrap();
    let sealed: Vec<u8> = stage
        .wire
        .iter()
        .filter_map(|bytes| match ClientFrame::decode(bytes) {
            Ok(ClientFrame::Append(append)) if append.message == message => Some(append.sealed.0),
            _ => None,
        })
        .next_back()
        .unwrap();
    let mut spoilt = sealed;
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    let number = plant(&stage, conversation, (stage.account(alice), device), (0, &[]), 1, message, &spoilt);
    hint(&mut stage, alice, conversation, number);
    stage.wait(10);
    let own = stage.messages(alice, conversation).into_iter().find(|shown| shown.id == message).unwrap();
    assert_eq!(own.state, MessageState::Sending);
    assert!(stage.lines(alice, conversation).iter().any(|line| matches!(line, SystemLine::Hole { .. })));
    judge(&stage, &[alice]).alarmed(Alarm::Hole);
}

/// GAP-SHOWN, bounded: 2,000 rows of rubbish; the next good message is read.
#[test]
fn attack_31_garbage_flood() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.cut(alice, true);
    let from = (stage.account(bob), stage.client(bob).state().device.unwrap());
    stage.close(bob);
    let body = log(&stage, conversation, 0)[1].5.clone();
    stage.database.sql.execute_batch("BEGIN").unwrap();
    for n in 0..2_000_u64 {
        let mut rubbish = body.clone();
        let at = usize::try_from(n).unwrap() % rubbish.len();
        rubbish[at] ^= 0x55;
        let mut id = [3; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        plant(&stage, conversation, from, (0, &[]), 1, MessageId(id), &rubbish);
    }
    stage.database.sql.execute_batch("COMMIT").unwrap();
    let steps = stage.steps;
    stage.open(bob);
    stage.cut(alice, false);
    stage.wait(60);
    assert!(stage.steps - steps < 2_000, "{} steps", stage.steps - steps);
    judge(&stage, &[alice, bob]).alarmed(Alarm::Hole);
    converge(&mut stage, alice, bob, conversation);
}

/// GAP-SHOWN: 240 of bob's messages are kept from alice. His ratchet never runs further than openmls follows, for he renews
/// his path after 200; the next message is read.
#[test]
fn attack_32_generation_jump() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.tamper.down = Some(Box::new(move |at, frame| {
        let rows = |rows: &mut Vec<Row>| {
            rows.iter_mut().filter(|row| row.kind == RowKind::Message && row.number > 3).for_each(|row| row.body = None);
        };
        vec![if at == alice { with_rows(frame, rows) } else { frame }]
    }));
    for n in 0..240 {
        stage.send(bob, conversation, &format!("text {n}"));
    }
    stage.wait(30);
    assert_eq!(log(&stage, conversation, 0).len(), 242);
    assert_eq!(log(&stage, conversation, 1).len(), 2, "he renewed his path");
    judge(&stage, &[alice, bob]).alarmed(Alarm::Hole);
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: a copied profile and its original both run: the server takes a run token once, the copy must enrol anew, and no
/// counter or generation is used twice. RESIDUAL: a server that lets the copy go on can make it use a generation twice.
#[test]
fn attack_33_copied_profile() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let disk = stage.browsers[bob].disk.as_ref().unwrap();
    let (slot, copy) = (disk.0.clone(), crate::stage::copy(&disk.1));
    let cookie = stage.browsers[bob].cookie.clone();
    stage.reload(bob);
    stage.wait(10);
    stage.send(bob, conversation, "from the original");
    stage.wait(10);
    let mut thief = crate::stage::Browser::fresh("bob");
    (thief.disk, thief.cookie) = (Some((slot, copy)), cookie);
    stage.browsers.push(thief);
    let twin = stage.browsers.len() - 1;
    stage.open(twin);
    stage.wait(60);
    assert_eq!(stage.client(twin).state().session, SessionState::Ended);
    let message = MessageId([8; 16]);
    let told = Command::Send { conversation, message, text: "from the copy".to_owned() };
    stage.ask(twin, told).unwrap();
    stage.wait(60);
    assert!(log(&stage, conversation, 0).iter().all(|row| row.4 != message), "the copy sealed");
    judge(&stage, &[alice, bob]).refused();
    converge(&mut stage, alice, bob, conversation);
}

/// ALARM(hole): bob's messages come in another order than he sent them. All are read, and the order is called broken.
#[test]
fn attack_35_reordered_rows() {
    let (stage, alice, _, conversation) = away(60, |mut rows| {
        rows[3..].reverse();
        rows
    });
    assert_eq!(stage.texts(alice, conversation).len(), 62, "none is lost");
    judge(&stage, &[alice]).alarmed(Alarm::Hole);
}

/// REFUSED: a key that a day has gone by is renewed before the next message is sealed.
#[test]
fn attack_36_stale_path() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.wait(25 * 3_600);
    assert_eq!(log(&stage, conversation, 1).len(), 1, "never merely for being online");
    stage.send(alice, conversation, "after a day");
    stage.wait(30);
    let commit = log(&stage, conversation, 1).last().unwrap().0;
    let text = log(&stage, conversation, 0).last().unwrap().0;
    assert!(log(&stage, conversation, 1).len() == 2 && commit < text);
    judge(&stage, &[alice, bob]).refused();
}

/// RESIDUAL (metadata, listed): the server reads the handshake. It finds no text there, and no name.
#[test]
fn attack_41_clear_handshake() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.ask(alice, Command::Draft { conversation, text: format!("a draft {}", crate::stage::MARKER) }).unwrap();
    stage.ask(alice, Command::Verify { conversation, verified: true }).unwrap();
    stage.wait(30);
    judge(&stage, &[alice, bob]).refused();
    for table in ["conv", "conv_group", "conv_info", "conv_leaf", "conv_member", "conv_msg", "conv_pair", "settings_item"] {
        for row in stage.database.rows(table) {
            let named = row.iter().any(|value| match value {
                rusqlite::types::Value::Blob(bytes) => crate::database::contains(bytes, b"alice"),
                rusqlite::types::Value::Text(text) => text.contains("alice"),
                _ => false,
            });
            assert!(!named, "{table} holds a name");
        }
    }
}

/// REFUSED: a row's length says little of the text: nine lengths for everything that fits a message.
#[test]
fn attack_42_lengths() {
    let (mut stage, alice, _, conversation) = Stage::pair();
    for length in (0..60).map(|n| 1 + n * 68) {
        stage.send(alice, conversation, &"x".repeat(length));
    }
    stage.wait(20);
    let lengths: std::collections::BTreeSet<usize> = log(&stage, conversation, 0).iter().map(|row| row.5.len()).collect();
    assert!((2..=6).contains(&lengths.len()), "{lengths:?}");
}

/// GAP-SHOWN: one of ten is left out, whichever it is, the numbers closed up over it.
#[test]
fn attack_44_dropped_message() {
    for dropped in 0..9 {
        let (stage, alice, _, conversation) = away(10, |mut rows| {
            rows.remove(3 + dropped);
            rows
        });
        assert_eq!(stage.texts(alice, conversation).len(), 2 + 9);
        judge(&stage, &[alice]).alarmed(Alarm::Hole);
    }
}

/// GAP-SHOWN: the very first message of a device is left out.
#[test]
fn attack_44_dropped_first_message() {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    let conversation = stage.chat(alice, "bob").unwrap();
    stage.wait(10);
    stage.cut(alice, true);
    for text in ["the first", "the second"] {
        stage.send(bob, conversation, text);
    }
    stage.wait(10);
    stage.close(bob);
    rewrite(&stage, conversation, &[1, 3]);
    stage.cut(alice, false);
    stage.wait(30);
    assert_eq!(stage.texts(alice, conversation), ["the second"]);
    judge(&stage, &[alice]).alarmed(Alarm::Hole);
}

/// RESIDUAL: the *last* messages are kept back. Nothing follows that could tell; the next message will (44), and a heartbeat
/// of signed counters is not there yet.
#[test]
fn attack_45_dropped_tail() {
    let (mut stage, alice, bob, conversation) = away(10, |mut rows| {
        rows.truncate(9);
        rows
    });
    assert_eq!(stage.texts(alice, conversation).len(), 2 + 6);
    assert!(stage.lines(alice, conversation).iter().all(|line| !matches!(line, SystemLine::Hole { .. })), "not yet noticed");
    // Bob writes once more; the row gets the number after the cut. Our server would say `went_back` to him: this one hides from
    // its own check how far he had come.
    stage.tamper.up = Some(Box::new(move |at, mut frame| {
        if let ClientFrame::Hello(hello) = &mut frame
            && at == bob
        {
            hello.cursors.iter_mut().for_each(|cursor| cursor.number = cursor.number.min(1));
        }
        vec![frame]
    }));
    stage.open(bob);
    stage.wait(30);
    stage.send(bob, conversation, "still there?");
    stage.wait(30);
    judge(&stage, &[alice]).alarmed(Alarm::Hole);
}

/// RESIDUAL: messages of *different* people change places: who answered whom is then shown wrongly. Each person's own stay in
/// order and unchanged. Parents are carried in the messages and not compared yet.
#[test]
fn attack_46_reordered_across_senders() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let second = stage.login("alice");
    stage.cut(second, true);
    stage.send(alice, conversation, "a question?");
    stage.wait(5);
    stage.send(bob, conversation, "yes");
    stage.wait(5);
    stage.close(alice);
    stage.close(bob);
    let head: i64 = stage
        .database
        .sql
        .query_row("SELECT head_seq FROM conv WHERE conv_id = ?1", [conversation.as_bytes()], |row| row.get(0))
        .unwrap();
    let mut order: Vec<u64> = (1..=u64::try_from(head).unwrap()).collect();
    let last = order.len();
    order.swap(last - 1, last - 2);
    rewrite(&stage, conversation, &order);
    stage.cut(second, false);
    stage.wait(30);
    assert_eq!(stage.texts(second, conversation), ["yes", "a question?"], "the answer before the question");
    judge(&stage, &[second]).refused();
}

/// REFUSED: every frame arrives twice. ALARM(hole) and nothing twice: every row stands twice in the log.
#[test]
fn attack_47_duplicates() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.tamper.down = Some(Box::new(|_, frame| vec![frame.clone(), frame]));
    stage.tamper.up = Some(Box::new(|_, frame| match frame {
        ClientFrame::Hello(_) => vec![frame],
        frame => vec![frame.clone(), frame],
    }));
    for n in 0..10 {
        stage.send(if n % 2 == 0 { alice } else { bob }, conversation, &format!("text {n}"));
        stage.wait(1);
    }
    stage.reload(bob);
    stage.wait(30);
    assert_eq!(stage.texts(bob, conversation).len(), 12);
    judge(&stage, &[alice, bob]).refused();
    let (stage, alice, _, conversation) = away(5, |rows| {
        let doubled = rows[3..].iter().flat_map(|row| [*row, *row]);
        rows[..3].iter().copied().chain(doubled).collect()
    });
    assert_eq!(stage.texts(alice, conversation).len(), 2 + 5);
    judge(&stage, &[alice]).alarmed(Alarm::Hole);
}

/// GAP-SHOWN: the server erases rows. Who has them keeps them; who has not sees that something was here.
#[test]
fn attack_48_erased_by_the_server() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let second = stage.login("alice");
    stage.cut(second, true);
    stage.send(bob, conversation, "to be erased");
    stage.wait(10);
    stage.database.sql.execute("UPDATE conv_msg SET body = NULL, erased_ms = 1 WHERE kind = 0", []).unwrap();
    stage.reload(alice);
    stage.cut(second, false);
    stage.wait(30);
    assert_eq!(stage.texts(alice, conversation).len(), 3, "hers stay");
    assert!(stage.lines(second, conversation).contains(&SystemLine::Hole { count: 1 }));
    judge(&stage, &[alice, second]).alarmed(Alarm::Hole);
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: an honest-looking message of a kind this version does not know is kept and said to be newer, never dropped.
#[test]
fn attack_48_unknown_kind() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let mut insider = Insider::of(&stage, bob, conversation);
    // One of a kind to come, and a text that has none.
    for (n, kind) in [(2, 999), (3, 0)] {
        let id = fresh(n + 7);
        let mut content = Insider::content(id, "");
        (content.kind, content.text) = (kind, None);
        let sealed = insider.seal(id, n, &content, |_| {});
        let answered = insider.append(&mut stage, id, n, sealed);
        assert!(matches!(answered[0], ServerFrame::Appended(_)), "{answered:?}");
        stage.wait(10);
        let shown = stage.messages(alice, conversation).into_iter().find(|message| message.id == id).unwrap();
        assert_eq!((shown.kind, shown.text.as_str()), (MessageKind::Newer, ""));
    }
}
