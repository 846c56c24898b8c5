//! A sealed message into the log: the hot path.

use shared::{
    frame::{Append, Appended, RowKind},
    limits,
};

use super::rows::{self, NewRow};
use crate::{
    announce::Announce,
    context::Context,
    mls_group::row::header,
    refusal::{Done, Outcome, errors},
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
/// old number **before** epoch and counter are looked at: its answer was lost, whatever has happened since.
///
/// # Errors
/// [`AppendError`].
pub fn append(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &Append) -> Outcome<Appended> {
    let (conversation, device) = (request.conversation, caller.device());
    if let Some((number, at, kind)) = rows::stored(sql, conversation, device, request.message)? {
        return match kind {
            RowKind::Message => Ok(Done::quiet(Appended { request: request.request, number, at })),
            RowKind::Commit | RowKind::Proposal => Err(AppendError::OtherKind.into()),
        };
    }
    if request.sealed.0.len() > limits::ROW {
        return Err(AppendError::TooLarge.into());
    }
    let place = rows::place(sql, conversation, device)?.ok_or(AppendError::NotMember)?;
    if request.generation != place.generation {
        return Err(AppendError::Generation(place.generation.into()).into());
    }
    if request.epoch != place.epoch {
        return Err(AppendError::Epoch(place.epoch).into());
    }
    if request.n != place.last_n + 1 {
        return Err(AppendError::Turn(place.last_n + 1).into());
    }
    if place.rows_in_epoch >= limits::ROWS_IN_EPOCH {
        return Err(AppendError::CommitFirst.into());
    }
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
    rows::insert(sql, &row)?;
    rows::counted(sql, conversation, device, &place, request.n)?;
    let devices = rows::devices(sql, conversation)?;
    let answer = Appended { request: request.request, number, at: context.now };
    Ok(Done::telling(answer, vec![Announce::Head { conversation, number, devices }]))
}
