//! A sealed message into the log: the hot path.

use shared::{
    frame::{Append, Appended, Row, RowKind},
    limits,
};

use super::rows::{self, NewRow, Place};
use crate::{
    announce::Announce,
    context::Context,
    mls_group::row::header,
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a message is not stored.
    AppendError {
        /// No such conversation, or this device has no leaf in it.
        NotMember = NotFound;
        /// The id was used for a commit.
        OtherKind = IdTaken;
        /// Sealed in another generation; detail: the current one.
        Generation(current: u64) = StaleGeneration;
        /// Sealed for another epoch; detail: the current one.
        Epoch(current: u64) = StaleEpoch;
        /// The counter is not the last plus one; detail: the expected one.
        Turn(expected: u64) = OutOfTurn;
        /// Too many rows of this device in this epoch.
        CommitFirst = CommitFirst;
        /// Larger than a row may be.
        TooLarge = TooLarge;
        /// The clear part does not say what the frame says.
        Row = BadRow;
    }
}

/// Stores a sealed message under the conversation's next number. A message this device stored before is answered with its
/// old number, whatever has happened since: its answer was lost. A device that stores all rows before its own need not say that
/// it has that one: its cursor rises with it.
///
/// # Errors
/// [`AppendError`].
pub fn append(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &Append) -> Outcome<Appended> {
    let (conversation, device) = (request.conversation, caller.device());
    let place = rows::place(sql, conversation, device)?;
    let place = match fit(place.as_ref(), request) {
        Ok(place) => place,
        // No refusal is given to a message that is stored.
        Err(refused) => return again(sql, caller, request)?.ok_or_else(|| refused.into()),
    };
    let header = header(request.sealed.as_slice()).ok_or(AppendError::Row)?;
    let named = (header.conversation, header.generation, header.epoch, header.data.message, header.data.n);
    if named != (conversation, request.generation, request.epoch, request.message, request.n) {
        return Err(AppendError::Row.into());
    }
    let number = place.head + 1;
    let row = NewRow {
        conversation,
        number,
        kind: RowKind::Message,
        generation: place.generation,
        epoch: place.epoch,
        device,
        account: caller.account(),
        message: request.message,
        at: context.now,
        clear: &header.clear,
        body: &request.sealed,
        signature: None,
    };
    if !rows::insert(sql, &row)? {
        // Under this id, and what was stored then had another counter.
        return again(sql, caller, request)?.ok_or_else(|| AppendError::OtherKind.into());
    }
    rows::counted(sql, conversation, device, place, request.n)?;
    if place.cursor == place.head {
        // Who has all that came before has this one too: it wrote it. Nobody else learns anything from that.
        rows::raise(sql, conversation, device, caller.account(), number)?;
    }
    let devices = place.leaves.iter().map(|(device, _)| *device).collect();
    let answer = Appended { request: request.request, number, at: context.now };
    Ok(Done::telling(answer, vec![Announce::Head { conversation, number, devices }]))
}

/// The place the conversation and the device have come to, when the message is the next there.
fn fit<'a>(place: Option<&'a Place>, request: &Append) -> Result<&'a Place, AppendError> {
    if request.sealed.0.len() > limits::ROW {
        return Err(AppendError::TooLarge);
    }
    let place = place.ok_or(AppendError::NotMember)?;
    if request.generation != place.generation {
        return Err(AppendError::Generation(place.generation.into()));
    }
    if request.epoch != place.epoch {
        return Err(AppendError::Epoch(place.epoch));
    }
    if request.n != place.last_n + 1 {
        return Err(AppendError::Turn(place.last_n + 1));
    }
    if place.rows_in_epoch >= limits::ROWS_IN_EPOCH {
        return Err(AppendError::CommitFirst);
    }
    Ok(place)
}

/// The answer to a message of this id that the device has stored already; None when there is none.
fn again(sql: &mut dyn Sql, caller: &Caller, request: &Append) -> Result<Option<Done<Appended>>, Refusal> {
    match rows::stored(sql, request.conversation, caller.device(), request.message)? {
        Some((number, at, RowKind::Message)) => Ok(Some(Done::quiet(Appended { request: request.request, number, at }))),
        Some((.., RowKind::Commit | RowKind::Proposal)) => Err(AppendError::OtherKind.into()),
        None => Ok(None),
    }
}

/// The message just stored, as a fetch would give it.
#[must_use]
pub fn message_row(request: &Append, caller: &Caller, stored: &Appended) -> Row {
    Row {
        number: stored.number,
        kind: RowKind::Message,
        generation: request.generation,
        epoch: request.epoch,
        device: caller.device(),
        account: caller.account(),
        message: request.message,
        at: stored.at,
        signature: None,
        body: Some(request.sealed.clone()),
        authenticated: None,
        erased: None,
        big: None,
        frank: None,
    }
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, MessageId};

    use super::*;
    use crate::{
        Detail,
        tests::world::{World, code},
    };

    #[test]
    fn a_message_gets_the_next_number_and_everybody_is_told() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let first = world.message(&mut alice, conversation, b"hello");
        let done = world.append(&alice, &first).unwrap();
        assert_eq!(done.answer, Appended { request: 7, number: 2, at: world.now });
        let [Announce::Head { number: 2, devices, .. }] = done.announce.as_slice() else { panic!("{:?}", done.announce) };
        assert!(devices.len() == 2 && devices.contains(&alice.id()) && devices.contains(&bob.id()));
        let group = bob.groups.get_mut(&conversation).unwrap();
        assert_eq!(bob.mls.process(group, first.sealed.as_slice()).unwrap(), b"hello");
    }

    #[test]
    fn a_lost_answer_is_found_before_the_epoch_is_looked_at() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, conversation, b"hello");
        let stored = world.append(&alice, &message).unwrap().answer;
        world.change(&mut bob, conversation, &[], &[]);
        let again = world.append(&alice, &message).unwrap();
        assert_eq!((again.answer, again.announce.len()), (stored, 0));
        assert_eq!(world.number("SELECT COUNT(*) FROM conv_msg"), 3);
    }

    #[test]
    fn the_cursor_of_who_has_everything_rises_with_its_own_row() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let cursor = |world: &mut World| world.number("SELECT COALESCE(SUM(acked_seq), 0) FROM device_cursor");
        let first = world.message(&mut alice, conversation, b"1");
        world.append(&alice, &first).unwrap();
        assert_eq!(cursor(&mut world), 0, "nobody said that row 1 is stored");
        let (caller, two) = (alice.caller(), shared::frame::Cursor { conversation, number: 2 });
        world.write(|sql, _| crate::conversation::acknowledge(sql, &caller, &two)).unwrap();
        let second = world.message(&mut alice, conversation, b"2");
        let announce = world.append(&alice, &second).unwrap().announce;
        assert_eq!(cursor(&mut world), 3);
        assert_eq!(announce.len(), 1, "only that there is a row");
        let of_bob = world.message(&mut bob, conversation, b"3");
        world.append(&bob, &of_bob).unwrap();
        assert_eq!(cursor(&mut world), 3, "who lags behind is not moved");
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let (_, carol) = world.register("carol");
        let conversation = world.pair(&mut alice, &mut bob);
        let good = world.message(&mut alice, conversation, b"hello");

        assert_eq!(code(world.append(&carol, &good)), Code::NotFound, "not a member");
        let nowhere = Append { conversation: shared::ConversationId([9; 16]), ..good.clone() };
        assert_eq!(code(world.append(&alice, &nowhere)), Code::NotFound, "no such conversation");
        let generation = Append { generation: 1, ..good.clone() };
        let refused = world.append(&alice, &generation).unwrap_err();
        assert_eq!((refused.code, refused.detail), (Code::StaleGeneration, Some(Detail::Number(0))));
        for epoch in [0, 2] {
            let refused = world.append(&alice, &Append { epoch, ..good.clone() }).unwrap_err();
            assert_eq!((refused.code, refused.detail), (Code::StaleEpoch, Some(Detail::Number(1))));
        }
        for n in [0, 2] {
            let refused = world.append(&alice, &Append { n, ..good.clone() }).unwrap_err();
            assert_eq!((refused.code, refused.detail), (Code::OutOfTurn, Some(Detail::Number(1))));
        }
        let large = Append { sealed: Bytes(vec![0; limits::ROW + 1]), ..good.clone() };
        assert_eq!(code(world.append(&alice, &large)), Code::TooLarge);
        let largest = Append { sealed: Bytes(vec![0; limits::ROW]), ..good.clone() };
        assert_eq!(code(world.append(&alice, &largest)), Code::BadRow, "large enough, and no message");
        for (name, sealed) in
            [("nothing", vec![]), ("no MLS", vec![1; 300]), ("one byte more", [&good.sealed.0[..], &[0]].concat())]
        {
            assert_eq!(code(world.append(&alice, &Append { sealed: sealed.into(), ..good.clone() })), Code::BadRow, "{name}");
        }
        let commit = world.inbox(&bob);
        assert!(!commit.is_empty());
        let other_id = Append { message: MessageId([3; 16]), ..good.clone() };
        assert_eq!(code(world.append(&alice, &other_id)), Code::BadRow, "the id in the clear part differs");
        let other_n = world.message_as(&mut alice, conversation, 5, MessageId([4; 16]), b"x");
        assert_eq!(code(world.append(&alice, &Append { n: 1, ..other_n })), Code::BadRow, "the counter differs");
        let package = Append { sealed: alice.mls.package(world.now, false), ..good.clone() };
        assert_eq!(code(world.append(&alice, &package)), Code::BadRow, "another MLS message");
        assert_eq!(world.number("SELECT head_seq FROM conv"), 1, "nothing was changed by any of these");
        world.append(&alice, &good).unwrap();
    }

    #[test]
    fn an_id_that_was_used_is_answered_with_what_is_stored() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let first = world.message(&mut alice, conversation, b"hello");
        let stored = world.append(&alice, &first).unwrap().answer;
        let next = world.message_as(&mut alice, conversation, 2, first.message, b"another text under its id");
        let again = world.append(&alice, &next).unwrap();
        assert_eq!((again.answer, again.announce.len()), (stored, 0));
        assert_eq!(world.number("SELECT head_seq FROM conv"), 2);
        assert_eq!(world.number("SELECT MAX(last_n) FROM conv_device"), 1, "its counter is not used up");
    }

    #[test]
    fn an_id_of_a_commit_is_no_message() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let commit = world.change(&mut alice, conversation, &[], &[]);
        let message = world.message_as(&mut alice, conversation, 1, commit.message, b"x");
        assert_eq!(code(world.append(&alice, &message)), Code::IdTaken);
    }

    #[test]
    fn a_device_commits_before_its_ratchet_runs_too_far_ahead() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let first = world.message(&mut alice, conversation, b"1");
        world.append(&alice, &first).unwrap();
        let caller = alice.caller();
        world
            .write(|sql, _| {
                sql.execute("UPDATE conv_device SET rows_in_epoch = 500", &[]).unwrap();
                Ok(Done::quiet(()))
            })
            .unwrap();
        let next = world.message(&mut alice, conversation, b"2");
        assert_eq!(code(world.append(&alice, &next)), Code::CommitFirst);
        let of_bob = world.message(&mut bob, conversation, b"1");
        world.append(&bob, &of_bob).unwrap();
        world.change(&mut alice, conversation, &[], &[]);
        let next = world.message_as(&mut alice, conversation, 2, next.message, b"2");
        world.write(|sql, context| append(sql, context, &caller, &next)).unwrap();
    }

    #[test]
    fn a_device_that_is_gone_writes_nothing() {
        let mut world = World::new();
        let ((_, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let message = world.message(&mut alice, conversation, b"hello");
        let retired = alice.caller();
        world
            .write(|sql, context| {
                crate::device::rows::retire(sql, context.now, retired.account(), retired.device())
                    .map_err(Into::into)
                    .map(Done::quiet)
            })
            .unwrap();
        assert_eq!(code(world.append(&alice, &message)), Code::NotFound);
    }
}
