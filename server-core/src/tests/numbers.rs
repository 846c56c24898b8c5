//! Whatever is thrown at a conversation: its numbers have no gaps, an acknowledged row is there once and stays the same,
//! and a refusal changes nothing.

use std::collections::BTreeMap;

use shared::{Bytes, Code, ConversationId, MessageId, frame::Append, frame::RowKind, http::Commit};

use super::{people::Browser, world::World};
use crate::conversation::{Range, fetch};

/// What was acknowledged: number by message id.
type Acknowledged = BTreeMap<MessageId, u64>;

/// One side of the conversation: everything it ever sent.
struct Side {
    browser: Browser,
    sent: Vec<Append>,
    commits: Vec<Commit>,
    stored: u64,
}

fn note(acknowledged: &mut Acknowledged, message: MessageId, number: u64) {
    let before = acknowledged.insert(message, number);
    assert!(before.is_none_or(|before| before == number), "an acknowledged number changed");
}

/// A message that fits, or one that is spoiled in one way.
fn send(world: &mut World, side: &mut Side, id: ConversationId, how: u8, acknowledged: &mut Acknowledged) {
    let n = side.stored + 1;
    let message = MessageId(world.random());
    let mut append = world.message_as(&mut side.browser, id, n, message, b"text");
    match how {
        0 => append.epoch += 1,
        1 => append.n += 1,
        2 => append.generation = 1,
        3 => append.message = MessageId(world.random()),
        4 => append.sealed = Bytes(vec![0; 64]),
        _ => {}
    }
    match world.append(&side.browser, &append) {
        Ok(done) => {
            assert!(how > 4, "a spoiled message was taken");
            note(acknowledged, append.message, done.answer.number);
            side.stored = n;
            side.sent.push(append);
        }
        Err(refusal) => {
            let expected = [Code::StaleEpoch, Code::OutOfTurn, Code::StaleGeneration, Code::BadRow, Code::BadRow];
            assert_eq!(expected.get(usize::from(how)), Some(&refusal.code), "{refusal:?}");
        }
    }
}

/// A commit by one side, applied by the other.
fn renew(world: &mut World, from: &mut Side, to: &mut Side, id: ConversationId, acknowledged: &mut Acknowledged) {
    let message = MessageId(world.random());
    let commit = from.browser.mls.commit(from.browser.groups.get_mut(&id).unwrap(), message, &[], &[]);
    let done = world.commit(&from.browser, id, &commit).unwrap();
    note(acknowledged, message, done.answer.number);
    from.browser.mls.merge(from.browser.groups.get_mut(&id).unwrap());
    to.browser.mls.process(to.browser.groups.get_mut(&id).unwrap(), commit.commit.as_slice());
    from.commits.push(commit);
}

#[test]
fn numbers_have_no_gaps_and_acknowledged_rows_stay() {
    for seed in 0..6_u8 {
        let mut world = World::new();
        world.rng = rand_core::SeedableRng::from_seed([seed; 32]);
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let side = |browser| Side { browser, sent: vec![], commits: vec![], stored: 0 };
        let (mut a, mut b) = (side(alice), side(bob));
        let mut acknowledged = Acknowledged::new();
        for _ in 0..60 {
            let [what, how] = world.random();
            let (one, other) = if what & 1 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
            match what >> 1 & 7 {
                0 => renew(&mut world, one, other, id, &mut acknowledged),
                1 | 2 => {
                    // Answers were lost: what was ever sent is sent again.
                    for append in one.sent.clone() {
                        let answer = world.append(&one.browser, &append).unwrap().answer;
                        note(&mut acknowledged, append.message, answer.number);
                    }
                    for commit in one.commits.clone() {
                        let answer = world.commit(&one.browser, id, &commit).unwrap().answer;
                        note(&mut acknowledged, commit.message, answer.number);
                    }
                }
                _ => send(&mut world, one, id, how % 10, &mut acknowledged),
            }
        }
        let caller = b.browser.caller();
        let range = Range { after: 0, limit: 1_000, bytes: usize::MAX, largest: None };
        let rows = world.read(|sql| fetch(sql, &caller, id, range)).unwrap().answer.rows;
        assert!(rows.iter().map(|row| row.number).eq(1..=rows.len() as u64), "seed {seed}");
        assert_eq!(rows.len(), acknowledged.len() + 1, "the first commit and what was acknowledged, seed {seed}");
        for row in rows.iter().skip(1) {
            assert_eq!(acknowledged.get(&row.message), Some(&row.number), "seed {seed}");
        }
        let epochs = rows.iter().filter(|row| row.kind == RowKind::Commit).count() as u64;
        assert_eq!(world.number("SELECT epoch FROM conv"), epochs, "each commit is one epoch, seed {seed}");
        assert!(a.stored + b.stored > 5, "the run sent something, seed {seed}");
    }
}
