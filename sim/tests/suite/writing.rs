//! What somebody has written reaches the server once, whatever it has answered meanwhile.

use std::{cell::Cell, rc::Rc};

use client_core::{
    Command, Input,
    view::{MessageState, SessionState},
};
use shared::{
    Code, ConversationId,
    frame::{ClientFrame, Refused, ServerFrame},
};

use sim::stage::{Stage, Tamper};

use crate::town::Town;

const MINUTE: u64 = 60 * 1_000;

fn with(town: &Town, at: usize, name: &str) -> Option<ConversationId> {
    town.client(at).conversations().into_iter().find(|view| view.with.name == name).map(|view| view.id)
}

/// A browser leaves its account between the moment that its package was given out and the one that the conversation is made with it;
/// or the server says something that nobody expects; or nobody has a package left just then.
#[test]
fn what_was_written_in_a_conversation_that_is_refused_is_said_in_the_next() {
    for (code, claims) in [("device_not_stated", u32::MAX), ("bad_request", u32::MAX), ("device_not_stated", 2)] {
        let mut town = Town::new(&format!("{code}-{claims}"));
        let alice = town.register("alice");
        town.register("bob");
        town.latency = 50;
        let (refused, claimed) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let (seen, counted) = (Rc::clone(&refused), Rc::clone(&claimed));
        town.tamper.request = Some(Box::new(move |_, request| {
            let creates = request.path == "/api/conversations" && request.body.is_some();
            counted.set(counted.get() + u32::from(request.path.ends_with("/claim")));
            // One claim for each of the two: what comes after them is the second try.
            if creates && !seen.replace(true) || counted.get() > claims && request.path.ends_with("/claim") {
                "/api/refused".clone_into(&mut request.path);
            }
            true
        }));
        // The first refusal is the creation's.
        let creations = Cell::new(false);
        town.tamper.answer = Some(Box::new(move |_, path, response| {
            if path == "/api/refused" {
                let code = if creations.replace(true) { "no_packages" } else { code };
                response.status = 422;
                response.body = format!(r#"{{"ok":false,"error":"no","code":"{code}"}}"#).into_bytes();
            }
        }));
        town.input(alice, Input::Command { id: u64::MAX, command: Command::StartChat { username: "bob".to_owned() } });
        assert!(
            town.until(MINUTE, |stage| stage.client(alice).conversations().len() > 1),
            "it is there before the server has it"
        );
        let first = with(&town, alice, "bob").unwrap();
        let said: Vec<_> = (0..3).map(|n| town.write(alice, first, &format!("text {n}"))).collect();
        town.rest(20_000);
        assert!(refused.get());
        town.tamper = Tamper::default();
        // What was not begun anew at once is when the line has come back, or after a while.
        if code == "bad_request" {
            town.pass(11 * MINUTE);
        } else {
            town.cut(alice, true);
            town.cut(alice, false);
        }
        town.rest(20_000);
        let id = with(&town, alice, "bob").unwrap();
        assert_ne!(id, first, "{code}");
        assert_eq!(town.log(id), said, "{code} {claims}");
        assert_eq!(town.client(alice).state().waiting, 0);
        assert_eq!(town.shown(alice, id), said);
    }
}

/// The answers of one line may come in another order than they were given.
#[test]
fn a_refusal_that_comes_late_moves_no_counter() {
    late("answered", |frame| matches!(frame, ServerFrame::Appended(_)));
}

/// That a message is stored is known by its row as well as by the answer.
#[test]
fn a_refusal_that_comes_behind_the_own_row_moves_no_counter() {
    late("read", |frame| matches!(frame, ServerFrame::Entries(_)));
}

fn late(name: &str, stored: fn(&ServerFrame) -> bool) {
    let mut town = Town::new(name);
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    town.latency = 20;
    // The first message arrives behind the second, and the second one's refusal behind the first one's answer.
    let (mut row, mut refusal) = (None, None);
    let mut held = false;
    town.tamper.up = Some(Box::new(move |_, frame| match frame {
        ClientFrame::Append(_) if !held => {
            held = true;
            row = Some(frame);
            vec![]
        }
        ClientFrame::Append(_) => [Some(frame), row.take()].into_iter().flatten().collect(),
        other => vec![other],
    }));
    let mut known = false;
    town.tamper.down = Some(Box::new(move |at, frame| match frame {
        _ if at != alice => vec![frame],
        ServerFrame::Refused(_) if !known && refusal.is_none() => {
            refusal = Some(frame);
            vec![]
        }
        ServerFrame::Appended(_) | ServerFrame::Entries(_) if stored(&frame) => {
            known = true;
            [Some(frame), refusal.take()].into_iter().flatten().collect()
        }
        // The line is slow with the other of the two.
        ServerFrame::Appended(_) | ServerFrame::Entries(_) if !known => vec![],
        other => vec![other],
    }));
    let said: Vec<_> = (0..2).map(|n| town.write(alice, id, &format!("text {n}"))).collect();
    town.rest(20_000);
    town.holds(id, &[alice, bob], &said);
    let counted = town.server().look(|sql| {
        let row = sql.query("SELECT MAX(last_n) FROM conv_device", &[]).unwrap().pop();
        row.unwrap().take::<u64>().unwrap()
    });
    assert_eq!(counted, 2, "each has the counter that it was sealed with");
}

/// A message that is refused for good never takes its counter from those behind it, nor leaves a hole in front of them.
#[test]
fn what_comes_behind_a_message_that_failed_is_stored_and_nothing_is_missing_before_it() {
    let mut town = Town::new("failed");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    town.latency = 20;
    let before = town.write(alice, id, "before");
    town.rest(20_000);
    // The next one is refused, and what was sealed behind it arrives.
    let mut refused = None;
    let refusal = Rc::new(Cell::new(None));
    let told = Rc::clone(&refusal);
    town.tamper.up = Some(Box::new(move |_, frame| match &frame {
        ClientFrame::Append(append) if refused.is_none_or(|message| message == append.message) && told.get().is_none() => {
            refused = Some(append.message);
            told.set(Some(append.request));
            vec![]
        }
        _ => vec![frame],
    }));
    let failed = town.write(alice, id, "failed");
    let behind = town.write(alice, id, "behind");
    assert!(town.until(1_000, |_| refusal.get().is_some()));
    let request = refusal.get().unwrap();
    town.push(alice, ServerFrame::Refused(Refused::new(request, Code::IdTaken, None)));
    town.rest(20_000);
    town.tamper = Tamper::default();
    town.holds(id, &[bob], &[before, behind]);
    let again = Command::RetryMessage { conversation: id, message: failed };
    town.ask(alice, again).unwrap();
    town.rest(20_000);
    town.holds(id, &[alice, bob], &[before, behind, failed]);
}

/// Who throws a refused message away frees its counter, also when the next one is under way with the one behind it.
#[test]
fn what_comes_behind_a_message_that_was_thrown_away_is_stored_and_nothing_is_missing_before_it() {
    for written_before in [false, true] {
        let mut town = Town::new(&format!("thrown-away-{written_before}"));
        let (alice, bob) = (town.register("alice"), town.register("bob"));
        let id = town.chat(alice, "bob");
        town.latency = 20;
        let before = town.write(alice, id, "before");
        town.rest(20_000);
        // Nothing arrives until it is thrown away; the server has refused it.
        let request = Rc::new(Cell::new(None));
        let seen = Rc::clone(&request);
        town.tamper.up = Some(Box::new(move |_, frame| match &frame {
            ClientFrame::Append(append) => {
                seen.set(seen.get().or(Some(append.request)));
                vec![]
            }
            _ => vec![frame],
        }));
        let refused = town.write(alice, id, "refused");
        let mut behind = written_before.then(|| town.write(alice, id, "behind"));
        assert!(town.until(1_000, |_| request.get().is_some()));
        town.push(alice, ServerFrame::Refused(Refused::new(request.get().unwrap(), Code::IdTaken, None)));
        let failed =
            |stage: &Stage| stage.messages(alice, id).iter().any(|m| m.id == refused && m.state == MessageState::Failed);
        assert!(town.until(1_000, failed));
        town.tamper = Tamper::default();
        town.ask(alice, Command::DiscardMessage { conversation: id, message: refused }).unwrap();
        let behind = *behind.get_or_insert_with(|| town.write(alice, id, "behind"));
        town.rest(20_000);
        town.holds(id, &[alice, bob], &[before, behind]);
    }
}

/// Whatever the reason: a browser that is refused all the time does not ask at the pace of the line.
#[test]
fn who_is_always_refused_asks_more_and_more_rarely() {
    let mut town = Town::new("always");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    town.latency = 5;
    let asked = Rc::new(Cell::new(0_u32));
    let seen = Rc::clone(&asked);
    town.tamper.up = Some(Box::new(move |_, frame| {
        let ClientFrame::Append(mut append) = frame else { return vec![frame] };
        seen.set(seen.get() + 1);
        append.epoch += 1;
        vec![ClientFrame::Append(append)]
    }));
    let said = vec![town.write(alice, id, "whenever you like")];
    town.pass(10 * MINUTE);
    assert!((64..200).contains(&asked.get()), "{}", asked.get());
    town.tamper.up = None;
    town.pass(2 * MINUTE);
    town.holds(id, &[alice, bob], &said);
}

/// A counter that stands at the server with another message was given by somebody who has a copy of this browser.
#[test]
fn who_finds_the_own_counter_taken_stops() {
    let mut town = Town::new("taken");
    let alice = town.register("alice");
    town.register("bob");
    let id = town.chat(alice, "bob");
    town.say(alice, id, "mine");
    // Nothing that a Hello would tell: the counter moves while the line is open.
    let database = rusqlite::Connection::open(town.folder.join("sotto.db")).unwrap();
    assert_eq!(database.execute("UPDATE conv_device SET last_n = last_n + 1", []).unwrap(), 1);
    town.write(alice, id, "mine too");
    town.rest(20_000);
    assert_eq!(town.client(alice).state().session, SessionState::Ended);
}

/// A database may lose an item of an inbox: it is asked for once.
#[test]
fn what_an_inbox_has_lost_is_passed_over() {
    let mut town = Town::new("inbox");
    let (alice, bob, carol) = (town.register("alice"), town.register("bob"), town.register("carol"));
    town.close(bob);
    let (with_alice, with_carol) = (town.chat(alice, "bob"), town.chat(carol, "bob"));
    let said = vec![town.say(carol, with_carol, "hello")];
    town.say(alice, with_alice, "hello");
    let database = rusqlite::Connection::open(town.folder.join("sotto.db")).unwrap();
    let lost = "DELETE FROM device_inbox WHERE n = (SELECT MIN(n) FROM device_inbox AS other WHERE other.device_id = device_inbox.device_id)";
    assert!(database.execute(lost, []).unwrap() > 0);
    let asked = Rc::new(Cell::new(0_u32));
    let seen = Rc::clone(&asked);
    town.tamper.request = Some(Box::new(move |at, request| {
        seen.set(seen.get() + u32::from(at == bob && request.path.starts_with("/api/inbox?")));
        true
    }));
    town.open(bob);
    town.holds(with_carol, &[carol, bob], &said);
    assert_eq!(asked.get(), 1);
}
