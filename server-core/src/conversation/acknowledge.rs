//! A device's cursor.

use shared::frame::{Cursor, Delivered};

use super::rows;
use crate::{
    announce::Announce,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a cursor is not taken.
    AcknowledgeError {
        /// No such conversation, or this device has no leaf in it.
        NotMember = NotFound;
    }
}

/// Rows up to here are stored on this device. Cursors never fall; the others are told when the account's highest rises.
///
/// # Errors
/// [`AcknowledgeError`]
pub fn acknowledge(sql: &mut dyn Sql, caller: &Caller, cursor: &Cursor) -> Outcome<()> {
    let (conversation, account) = (cursor.conversation, caller.account());
    let place = rows::place(sql, conversation, caller.device())?.ok_or(AcknowledgeError::NotMember)?;
    let number = cursor.number.min(place.head);
    let before = rows::acknowledge(sql, conversation, caller.device(), account, number)?;
    if number <= before {
        return Ok(Done::quiet(()));
    }
    let delivered = Delivered { conversation, account, number };
    let devices = rows::devices_of_others(sql, conversation, account)?;
    Ok(Done::telling((), vec![Announce::Delivered { delivered, devices }]))
}
