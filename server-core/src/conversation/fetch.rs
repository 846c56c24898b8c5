//! Rows of a conversation by number.

use shared::{ConversationId, http::Rows, limits};

use super::rows;
use crate::{
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

/// How much of a conversation is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Rows with higher numbers.
    pub after: u64,
    /// At most this many rows.
    pub limit: u32,
    /// About this many bytes of bodies; the first row comes whatever its size.
    pub bytes: usize,
    /// A body above this is named with `big` and left out; none: every body comes.
    pub largest: Option<usize>,
}

impl Range {
    /// For an `Entries` frame.
    #[must_use]
    pub fn frame(after: u64, limit: u32) -> Self {
        Self { after, limit: limit.min(limits::FETCH), bytes: limits::ENTRIES, largest: Some(limits::ROW) }
    }
    /// For GET …/rows.
    #[must_use]
    pub fn http(after: u64, limit: u32) -> Self {
        Self { after, limit: limit.min(limits::FETCH), bytes: 4 * 1024 * 1024, largest: None }
    }
}

errors! {
    /// Why no rows are given.
    FetchError {
        /// No such conversation, the account was never in it, or `after` lies behind its last stay.
        NotMember = NotFound;
    }
}

/// Consecutive rows above `after`, of one of the account's stays: from the commit that brought it in to the one that
/// removed it. Who is not in any more can read up to there and gets `not_found` behind it. `floor` says from where the
/// rows can be had at all; `head` is the last number that this account may read.
///
/// # Errors
/// [`FetchError`]
pub fn fetch(sql: &mut dyn Sql, caller: &Caller, conversation: ConversationId, range: Range) -> Outcome<Rows> {
    let stays = rows::stays(sql, conversation, caller.account())?;
    let here = rows::conversation(sql, conversation)?.ok_or(FetchError::NotMember)?;
    let stay = stays.into_iter().find(|stay| stay.until.is_none_or(|until| range.after < until));
    let stay = stay.ok_or(FetchError::NotMember)?;
    let head = stay.until.unwrap_or(here.head).min(here.head);
    let floor = here.floor.max(stay.from.saturating_sub(1));
    let from = range.after.max(floor).saturating_add(1);
    let Some(last) = last(&rows::sizes(sql, conversation, from, head, range.limit)?, range) else {
        return Ok(Done::quiet(Rows { rows: vec![], head, floor }));
    };
    let largest = range.largest.map_or(u64::MAX, |bytes| bytes as u64);
    Ok(Done::quiet(Rows { rows: rows::log(sql, conversation, from, last, largest)?, head, floor }))
}

/// The last number that fits into the answer; the first row always does.
fn last(sizes: &[(u64, usize)], range: Range) -> Option<u64> {
    let mut left = range.bytes;
    let mut last = None;
    for (number, size) in sizes {
        let size = if range.largest.is_some_and(|largest| *size > largest) { 0 } else { *size };
        if last.is_some() && size > left {
            break;
        }
        left = left.saturating_sub(size);
        last = Some(*number);
    }
    last
}

#[cfg(test)]
mod tests {
    use shared::{
        Code,
        frame::RowKind,
        http::Claim,
        policy::{Kind, Policy, Role},
    };

    use super::*;
    use crate::tests::{
        people::Browser,
        world::{World, code},
    };

    fn get(world: &mut World, by: &Browser, id: ConversationId, range: Range) -> Outcome<Rows> {
        let caller = by.caller();
        world.read(|sql| fetch(sql, &caller, id, range))
    }

    #[test]
    fn rows_come_in_order_and_within_their_bounds() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        for n in 0..5_u8 {
            let message = world.message(&mut alice, id, &vec![n; 1_000]);
            world.append(&alice, &message).unwrap();
        }
        let all = get(&mut world, &bob, id, Range::frame(0, 100)).unwrap().answer;
        assert_eq!((all.head, all.floor), (6, 0));
        assert_eq!(all.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        let (commit, message) = (&all.rows[0], &all.rows[1]);
        assert_eq!((commit.kind, commit.epoch, commit.device), (RowKind::Commit, 0, alice.id()));
        assert_eq!(commit.signature.as_ref().unwrap().0.len(), 64);
        assert_eq!((message.kind, message.epoch, message.account), (RowKind::Message, 1, alice.session.account()));
        assert!(message.signature.is_none() && message.authenticated.is_none() && message.big.is_none());
        let limited = get(&mut world, &bob, id, Range::frame(2, 2)).unwrap().answer;
        assert_eq!(limited.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4]);
        let small = Range { after: 1, limit: 10, bytes: 2_600, largest: None };
        assert_eq!(get(&mut world, &bob, id, small).unwrap().answer.rows.len(), 2);
        let one = Range { bytes: 1, ..small };
        assert_eq!(get(&mut world, &bob, id, one).unwrap().answer.rows.len(), 1, "the first always comes");
        let named = get(&mut world, &bob, id, Range { largest: Some(500), ..small }).unwrap().answer;
        assert_eq!(named.rows.len(), 5);
        assert!(named.rows.iter().all(|row| row.body.is_none() && row.big.is_some_and(|size| size > 1_000)));
        assert!(get(&mut world, &bob, id, Range::frame(6, 10)).unwrap().answer.rows.is_empty());
    }

    #[test]
    fn who_was_put_out_reads_up_to_there_and_nothing_after() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob), (_, carol)) =
            (world.register("alice"), world.register("bob"), world.register("carol"));
        let id = ConversationId([7; 16]);
        let roles = vec![(alice.session.account(), Role::Owner)];
        let policy = Policy { kind: Kind::Group, suite_floor: 0x4D, archive: 0, predecessor: None, roles };
        let mut group = alice.mls.create(id, &policy, world.now);
        let group_info = alice.mls.info(&group, true);
        let first = alice.mls.commit(&mut group, shared::MessageId([1; 16]), &[], &[]);
        let create = shared::http::CreateConversation { conversation: id, kind: 1, with: None, group_info, commit: first };
        world.create(&alice, &create).unwrap();
        alice.mls.merge(&mut group);
        alice.groups.insert(id, group);
        let message = world.message(&mut alice, id, b"before bob");
        world.append(&alice, &message).unwrap();
        assert_eq!(code(get(&mut world, &bob, id, Range::frame(0, 10))), Code::NotFound, "not in yet");

        let claim = Claim { conversation_id: id, generation: 0, epoch: 1, device_id: None };
        let package = world.claim(&alice, bob.session.account(), &claim).unwrap().answer.packages.remove(0).package;
        world.change(&mut alice, id, &[package], &[]);
        world.join(&mut bob);
        let message = world.message(&mut bob, id, b"thanks");
        world.append(&bob, &message).unwrap();
        let read = get(&mut world, &bob, id, Range::frame(0, 10)).unwrap().answer;
        assert_eq!(read.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4], "from the commit that added him");
        assert_eq!((read.head, read.floor), (4, 2));

        let bob_id = bob.id();
        world.change(&mut alice, id, &[], &[bob_id]);
        let message = world.message(&mut alice, id, b"without bob");
        world.append(&alice, &message).unwrap();
        let read = get(&mut world, &bob, id, Range::frame(4, 10)).unwrap().answer;
        assert_eq!((read.rows.len(), read.rows[0].number, read.head), (1, 5, 5), "the commit that removed him");
        assert_eq!(code(get(&mut world, &bob, id, Range::frame(5, 10))), Code::NotFound);
        assert_eq!(code(get(&mut world, &carol, id, Range::frame(0, 10))), Code::NotFound);
        assert_eq!(code(get(&mut world, &carol, ConversationId([1; 16]), Range::frame(0, 10))), Code::NotFound);
        let late = world.message(&mut bob, id, b"x");
        assert_eq!(code(world.append(&bob, &late)), Code::NotFound);
        let list = world.read(|sql| crate::conversation::list(sql, &bob.caller())).unwrap().answer;
        assert!(list.conversations.is_empty());
        let caller = bob.caller();
        let cursor = shared::frame::Cursor { conversation: id, number: 6 };
        assert_eq!(code(world.write(|sql, _| crate::conversation::acknowledge(sql, &caller, &cursor))), Code::NotFound);
        assert_eq!(code(world.read(|sql| crate::conversation::group_info(sql, &caller, id))), Code::NotFound);
    }

    #[test]
    fn an_erased_row_keeps_its_authenticated_data() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let id = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, id, b"oops");
        world.append(&alice, &message).unwrap();
        world
            .write(|sql, _| Ok(Done::quiet(sql.execute("UPDATE conv_msg SET body = NULL, erased_ms = 5 WHERE seq = 2", &[])?)))
            .unwrap();
        let row = get(&mut world, &bob, id, Range::frame(1, 10)).unwrap().answer.rows.remove(0);
        assert!(row.body.is_none() && row.big.is_none());
        assert_eq!((row.erased, row.authenticated.unwrap().0.len()), (Some(shared::Millis(5)), 106));
    }
}
