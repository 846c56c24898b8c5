//! The server is put back to an older copy: what was acknowledged since is on it again, once, and every browser goes on.

use client_core::{
    Command,
    view::{ConversationStatus, Trust},
};
use server_core::sql::Sql;
use shared::frame::ClientFrame;

use crate::town::{PASSWORD, Town};

const MINUTE: u64 = 60 * 1_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

#[test]
fn messages_acknowledged_after_the_copy_are_offered_again() {
    let mut town = Town::new("messages");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("bob");
    let id = town.chat(alice, "bob");
    let mut sent: Vec<_> = (0..3).map(|n| town.say(alice, id, &format!("before {n}"))).collect();
    town.copy();
    town.holds(id, &[alice, bob, phone], &sent);
    // The phone sleeps from here: it has not read what the server is about to lose.
    town.close(phone);
    for n in 0..4 {
        sent.push(town.say(alice, id, &format!("after {n}")));
        sent.push(town.say(bob, id, &format!("answer {n}")));
    }
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    assert_eq!(town.shown(bob, id), sent, "what was read stays in its place");
    assert_eq!(town.shown(alice, id), sent);
    town.open(phone);
    town.holds(id, &[alice, bob, phone], &sent);
    sent.push(town.say(alice, id, "new"));
    sent.push(town.say(phone, id, "from the phone"));
    town.holds(id, &[alice, bob, phone], &sent);
    assert_eq!(town.shown(bob, id), sent, "new ones stand behind all others");
    // The same once more.
    town.put_back();
    town.holds(id, &[alice, bob, phone], &sent);
    assert_eq!(town.shown(bob, id), sent);
}

/// Her numbers say nothing about rows that others wrote under them while she was away.
#[test]
fn what_others_wrote_before_a_browser_was_back_is_read() {
    let mut town = Town::new("others");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one"), town.say(bob, id, "two")];
    town.copy();
    town.close(bob);
    sent.extend((0..2).map(|n| town.say(alice, id, &format!("lost {n}"))));
    town.close(alice);
    town.put_back();
    town.open(bob);
    sent.extend((0..3).map(|n| town.say(bob, id, &format!("under the same numbers {n}"))));
    town.open(alice);
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(bob, id, "it goes on"));
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn commits_after_the_copy_are_offered_again_by_who_made_them() {
    let mut town = Town::new("commits");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one"), town.say(bob, id, "two")];
    town.copy();
    sent.push(town.say(bob, id, "in the epoch of the copy"));
    // Paths are a day old: each renews its own before it writes.
    for _ in 0..2 {
        town.now = town.now.plus(DAY + 1);
        sent.push(town.say(alice, id, "after alice's commit"));
        sent.push(town.say(bob, id, "after bob's commit"));
    }
    town.holds(id, &[alice, bob], &sent);
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(alice, id, "it goes on"));
    sent.push(town.say(bob, id, "on both sides"));
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn who_waits_for_another_ones_commit_is_served_when_he_is_back() {
    let mut town = Town::new("waits");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.now = town.now.plus(DAY + 1);
    sent.push(town.say(alice, id, "after alice's commit"));
    town.holds(id, &[alice, bob], &sent);
    town.close(alice);
    sent.push(town.say(bob, id, "behind it"));
    town.close(bob);
    town.put_back();
    town.open(bob);
    let waiting = town.client(bob).state().waiting;
    assert!(waiting > 0, "only alice can lead the server to that epoch: it is shown as waiting");
    town.open(alice);
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn a_conversation_of_after_the_copy_is_made_again() {
    let mut town = Town::new("created");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    town.copy();
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one"), town.say(bob, id, "two")];
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(bob, id, "three"));
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn inbox_and_settings_begin_again_with_the_servers_numbers() {
    let mut town = Town::new("numbers");
    let (alice, bob, carol) = (town.register("alice"), town.register("bob"), town.register("carol"));
    town.copy();
    // Bob's inbox and settings count up, and go back.
    let first = town.chat(alice, "bob");
    town.say(alice, first, "hello");
    town.command(bob, Command::Verify { conversation: first, verified: true }).unwrap();
    town.put_back();
    let phone = town.log_in("bob");
    let second = town.chat(carol, "bob");
    let sent = vec![town.say(carol, second, "a Welcome with a number that bob has seen before")];
    town.holds(second, &[bob, carol, phone], &sent);
    let there = town.client(phone).conversations();
    let with_alice = there.iter().find(|conversation| conversation.id == first).unwrap();
    assert_eq!(with_alice.state, ConversationStatus::Ready);
    assert!(with_alice.verified, "the mark was written again");
}

#[test]
fn a_browser_that_the_copy_does_not_know_goes_on_as_a_new_one() {
    let mut town = Town::new("browser");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.close(alice);
    town.close(bob);
    let phone = town.log_in("bob");
    sent.push(town.say(phone, id, "waits for somebody to add this browser"));
    town.put_back();
    town.command(phone, Command::Unlock { password: PASSWORD.into() }).unwrap();
    town.open(alice);
    town.open(bob);
    sent.push(town.say(phone, id, "again"));
    town.holds(id, &[alice, bob], &sent);
    assert_eq!(town.shown(phone, id), sent[1..], "what was said before it came is not for it");
    // Its store opens with the secret that the new vault has.
    town.command(phone, Command::Lock).unwrap();
    town.command(phone, Command::Unlock { password: PASSWORD.into() }).unwrap();
    sent.push(town.say(phone, id, "unlocked"));
    town.holds(id, &[alice, bob], &sent);
}

/// One browser has seen a statement that the restore took, another one has not; a third one comes under its number.
#[test]
fn browsers_that_know_different_statements_do_not_put_each_other_out() {
    let mut town = Town::new("statements");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("alice");
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.close(phone);
    let lost = town.log_in("alice");
    town.close(lost);
    town.put_back();
    town.open(phone);
    let new = town.log_in("alice");
    let commits = |town: &mut Town| {
        let read = |sql: &mut dyn Sql| sql.query("SELECT cmid FROM conv_msg WHERE kind = 1", &[]).unwrap().len();
        town.server().look(read)
    };
    town.pass(HOUR);
    let before = commits(&mut town);
    town.pass(HOUR);
    assert_eq!(commits(&mut town), before, "nobody is added and removed again and again");
    // Bob knows the statement that is gone, and its number has another content now: he is asked once. Then both come over from
    // the branch on which the lost browser was added.
    assert_eq!(town.trust(bob, id), Trust::Changed);
    town.command(bob, Command::AcceptChange { conversation: id }).unwrap();
    assert_eq!(town.trust(bob, id), Trust::FirstUse);
    for (at, text) in [(new, "of hers"), (bob, "yes"), (alice, "it goes on"), (phone, "for everybody")] {
        sent.push(town.say(at, id, text));
    }
    town.holds(id, &[alice, phone, bob], &sent);
    assert_eq!(town.shown(new, id), sent[sent.len() - 4..]);
}

/// Her commit was lost, and before she was back another one took its epoch: whoever had followed her can't follow that.
#[test]
fn who_is_on_another_branch_than_the_server_comes_over() {
    let mut town = Town::new("branch");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("bob");
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.close(phone);
    town.now = town.now.plus(DAY + 1);
    sent.push(town.say(alice, id, "behind a commit of hers"));
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(bob, id, "on the same branch"));
    town.close(alice);
    town.close(bob);
    // Nobody is there to notice that it is today again. openmls knows no other day, and the server takes no package of another one.
    town.now.0 -= DAY + 1;
    town.put_back();
    town.open(phone);
    let laptop = town.log_in("bob");
    town.open(bob);
    town.open(alice);
    town.pass(MINUTE);
    for (at, text) in [(alice, "it goes on"), (bob, "on both sides"), (phone, "and here"), (laptop, "and here as well")] {
        sent.push(town.say(at, id, text));
    }
    town.holds(id, &[alice, bob, phone], &sent);
    // For it they come in the order in which they were offered again, behind the row that let it in.
    let mut shown = town.shown(laptop, id);
    shown[..2].sort_by_key(|message| sent.iter().position(|other| other == message));
    assert_eq!(shown, sent[1..]);
}

/// Every form that may have left is kept: the server may need the first of them again.
#[test]
fn what_was_sealed_twice_is_offered_in_the_form_the_server_can_take() {
    let mut town = Town::new("forms");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let first = town.say(alice, id, "one");
    town.copy();
    // What she says is lost on its way, and sealed again when bob's commit has come.
    town.tamper.up = Some(Box::new(move |at, frame| {
        let lost = at == alice && matches!(frame, ClientFrame::Append(_));
        if lost { vec![] } else { vec![frame] }
    }));
    let twice = town.say(alice, id, "sealed twice");
    town.close(alice);
    town.tamper.up = None;
    town.now = town.now.plus(DAY + 1);
    let behind = town.say(bob, id, "behind a commit of his");
    town.open(alice);
    town.holds(id, &[alice, bob], &[first, twice, behind]);
    town.close(bob);
    town.put_back();
    assert_eq!(town.log(id), [first, twice], "without the commit, whose maker is away");
    town.open(bob);
    town.holds(id, &[alice, bob], &[first, twice, behind]);
}

/// What was accepted so long ago is offered no more; its counters are given out anew, also in a tab that stayed open.
#[test]
fn who_stays_open_counts_with_a_server_that_is_older_than_what_is_kept() {
    let mut town = Town::new("older");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    town.say(alice, id, "before");
    town.copy();
    for n in 0..5 {
        town.say(alice, id, &format!("lost {n}"));
    }
    town.now = town.now.plus(8 * DAY);
    town.put_back();
    let new = town.say(alice, id, "after");
    assert_eq!(town.log(id).last(), Some(&new));
    assert!(town.messages(bob, id).iter().any(|message| message.id == new));
}

/// Her second message has a form for the epoch that the server stands in, but the one before it has not: only her commit
/// leads on.
#[test]
fn a_message_that_waits_for_the_own_commit_keeps_it_from_nobody() {
    let mut town = Town::new("behind");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    town.now = town.now.plus(DAY + HOUR);
    let mut sent = vec![town.say(alice, id, "her path is new")];
    town.copy();
    sent.push(town.say(alice, id, "in the epoch of the copy"));
    town.now = town.now.plus(HOUR);
    sent.push(town.say(bob, id, "after bob's commit"));
    sent.push(town.say(alice, id, "in his epoch"));
    town.now = town.now.plus(DAY);
    sent.push(town.say(alice, id, "after her commit"));
    town.close(alice);
    town.put_back();
    town.open(alice);
    town.holds(id, &[alice, bob], &sent);
}
