//! Devices that wait to be added.

use shared::{AccountId, ConversationId, DeviceId, frame::Wanted};

use super::rows;
use crate::{
    announce::Announce,
    refusal::{Done, Outcome},
    session::Caller,
    sql::{Sql, SqlError},
};

/// For a device that connects: every living device without a leaf in the conversations this device has one in.
///
/// # Errors
/// Only when the database can't be read.
pub fn wanted(sql: &mut dyn Sql, caller: &Caller) -> Outcome<Vec<Wanted>> {
    Ok(Done::quiet(rows::wanted(sql, caller.device())?))
}

/// Who is missing in one conversation of this device.
pub(super) fn missing(sql: &mut dyn Sql, device: DeviceId, conversation: ConversationId) -> Result<Vec<Announce>, SqlError> {
    rows::wanted(sql, device)?
        .into_iter()
        .filter(|wanted| wanted.conversation == conversation)
        .map(|wanted| {
            let devices = rows::devices_own_first(sql, conversation, wanted.account)?;
            Ok(Announce::Wanted { wanted, devices })
        })
        .collect()
}

/// A new device of an account: told to all who have a leaf where it is missing, own devices first.
pub(crate) fn announce(sql: &mut dyn Sql, account: AccountId, device: DeviceId) -> Result<Vec<Announce>, SqlError> {
    rows::of_account(sql, account)?
        .into_iter()
        .map(|conversation| {
            let wanted = Wanted { conversation, account, device };
            Ok(Announce::Wanted { wanted, devices: rows::devices_own_first(sql, conversation, account)? })
        })
        .collect()
}
