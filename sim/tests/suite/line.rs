//! A line that looks alive and is dead.

use client_core::Input;

use crate::town::Town;

const SECOND: u64 = 1_000;

/// What a browser asks on a connection that died without a word is answered by nobody, or very late.
#[test]
fn a_ticket_that_nobody_answers_is_asked_for_again_and_its_late_answer_changes_nothing() {
    let mut town = Town::new("ticket");
    let alice = town.register("alice");
    town.register("bob");
    let chat = town.chat(alice, "bob");
    town.cut(alice, true);
    town.browsers[alice].offline = false;
    // What is asked now arrives a minute later, and is answered then.
    town.latency = 60 * SECOND;
    town.input(alice, Input::Online);
    assert!(!town.is_online(alice));
    town.latency = 10;
    assert!(town.until(25 * SECOND, |stage| stage.is_online(alice)), "{}", town.describe(alice));
    let socket = town.browsers[alice].socket;
    town.pass(120 * SECOND);
    assert!(town.is_online(alice));
    assert_eq!(town.browsers[alice].socket, socket, "a late ticket opens no other socket");
    town.write(alice, chat, "here");
    town.rest(20 * SECOND);
    assert_eq!(town.texts(alice, chat), ["here"]);
}
