//! Devices that are gone lose their leaves, and an account that is shown differently to different people raises an alarm.

use client_core::{
    Command,
    view::{SystemLine, Trust},
};
use client_store::Store;
use rusqlite::{Connection, params};
use shared::{
    ConversationId,
    statement::{Content, Statement},
};

use crate::town::{PASSWORD, Town};

/// Leaves of a conversation, and how many of them are of devices that are gone.
fn leaves(town: &mut Town, conversation: ConversationId) -> (usize, usize) {
    town.server().look(|sql| {
        let text = "SELECT l.conv_id, d.gone_ms IS NOT NULL FROM conv_leaf l JOIN device d ON d.device_id = l.device_id";
        let rows = sql.query(text, &[]).unwrap().into_iter();
        let all = rows.map(|mut row| (row.take::<[u8; 16]>().unwrap(), row.take::<u64>().unwrap()));
        let gone: Vec<_> = all.filter(|(id, _)| *id == conversation.0).map(|(_, gone)| gone).collect();
        (gone.len(), gone.iter().filter(|gone| **gone == 1).count())
    })
}

#[test]
fn a_browser_that_was_signed_out_and_erased_leaves_every_conversation() {
    let mut town = Town::new("retired");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("alice");
    let (id, note) = (town.chat(alice, "bob"), town.chat(alice, "alice"));
    let mut sent = vec![town.say(phone, id, "from the phone")];
    assert_eq!((leaves(&mut town, id), leaves(&mut town, note)), ((3, 0), (2, 0)));
    // Nobody else of the account is there: the leaf waits until somebody is.
    town.close(alice);
    town.command(phone, Command::Logout { wipe: true }).unwrap();
    assert_eq!(leaves(&mut town, id), (3, 1), "bob may not remove it");
    sent.push(town.say(bob, id, "in between"));
    town.open(alice);
    assert_eq!((leaves(&mut town, id), leaves(&mut town, note)), ((2, 0), (1, 0)));
    sent.push(town.say(alice, id, "after it"));
    town.holds(id, &[alice, bob], &sent);
    assert_eq!(town.trust(bob, id), Trust::FirstUse);
}

#[test]
fn a_device_that_a_newer_statement_drops_is_removed_before_more_is_sealed_for_it() {
    let mut town = Town::new("superseded");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("alice");
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(phone, id, "one")];
    let (slot, store) = town.browsers[phone].disk.as_ref().unwrap();
    let (slot, batches) = (slot.clone(), store.export().unwrap());
    sent.push(town.say(phone, id, "two"));
    // The phone's profile is put back to an older copy, and nobody else of the account is there.
    town.close(phone);
    town.close(alice);
    let mut older = Store::open(Connection::open_in_memory().unwrap()).unwrap();
    for batch in &batches {
        older.apply(batch).unwrap();
    }
    town.browsers[phone].disk = Some((slot, older));
    town.open(phone);
    town.close(bob);
    town.command(phone, Command::Unlock { password: PASSWORD.into() }).unwrap();
    assert_eq!(leaves(&mut town, id), (3, 1), "the old leaf is there, the new device has none");
    town.open(bob);
    // Bob adds the new device; that one removes the old leaf; only then bob seals.
    sent.push(town.say(bob, id, "three"));
    assert_eq!(leaves(&mut town, id), (3, 0));
    assert_eq!(town.trust(bob, id), Trust::FirstUse);
    town.open(alice);
    sent.push(town.say(phone, id, "four"));
    town.holds(id, &[alice, bob], &sent);
}

/// Puts a statement 2 of alice into the database that continues another statement 1 than the one bob knows.
fn fork(town: &Town, honest: bool) {
    let mut connection = Connection::open(town.folder.join("sotto.db")).unwrap();
    let transaction = connection.transaction().unwrap();
    let account: Vec<u8> =
        transaction.query_row("SELECT account_id FROM account WHERE handle_norm = 'alice'", [], |row| row.get(0)).unwrap();
    if honest {
        transaction.execute("DELETE FROM statement WHERE account_id = ?1 AND number = 2", params![account]).unwrap();
    } else {
        let text = "SELECT body FROM statement WHERE account_id = ?1 AND number = 1";
        let body: Vec<u8> = transaction.query_row(text, params![account], |row| row.get(0)).unwrap();
        let first = Statement::parse(&body).unwrap();
        let identity = shared::signature::signing_key(&[9; 32]);
        let key = identity.verifying_key().to_bytes();
        let content = Content { identity: key, number: 2, previous: [9; 32], ..first.content().clone() };
        let second = content.sign(&identity, None).unwrap();
        let text = "INSERT INTO statement (account_id, number, body, at_ms) VALUES (?1, 2, ?2, 1)";
        transaction.execute(text, params![account, second.as_bytes()]).unwrap();
    }
    let number = if honest { 1 } else { 2 };
    transaction.execute("UPDATE account SET statement_no = ?2 WHERE account_id = ?1", params![account, number]).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn two_statements_under_one_number_are_an_alarm_and_hold_what_is_written() {
    let mut town = Town::new("fork");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(bob, id, "one")];
    town.close(alice);
    town.stop();
    fork(&town, false);
    town.start();
    let alarm = |town: &Town, at: usize| {
        let named = |line: &Option<SystemLine>| matches!(line, Some(SystemLine::StatementsDiffer { name }) if name == "alice");
        town.messages(at, id).iter().filter(|message| named(&message.system)).count()
    };
    assert_eq!((alarm(&town, bob), town.trust(bob, id)), (1, Trust::Changed));
    let evidence = town.browsers[bob].disk.as_ref().unwrap().1.load().unwrap();
    assert!(evidence.rows.iter().any(|row| row.key.starts_with(b"conflict ")), "both signed statements are kept");
    sent.push(town.say(bob, id, "two"));
    assert_eq!(town.log(id), sent[..1], "nothing was sealed");
    // The server is honest again: the alarm stays until somebody has looked at it.
    town.stop();
    fork(&town, true);
    town.start();
    town.open(alice);
    assert_eq!(town.log(id), sent[..1]);
    town.command(bob, Command::AcceptChange { conversation: id }).unwrap();
    town.holds(id, &[alice, bob], &sent);
    assert_eq!((alarm(&town, bob), town.trust(bob, id)), (1, Trust::FirstUse));
}
