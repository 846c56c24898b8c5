//! Notices: what a device would find out anyway at its next Hello, a little sooner.

use shared::{
    AccountId, DeviceId,
    frame::{InboxBody, StatementNotice},
};

use super::rows;
use crate::{
    announce::Announce,
    context::Context,
    conversation, device,
    sql::{Sql, SqlError},
};

/// The account has a newer statement: told to its own devices and to those of everybody it shares a conversation with.
pub(crate) fn statement(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    account: AccountId,
    number: u64,
    except: Option<DeviceId>,
) -> Result<Vec<Announce>, SqlError> {
    let mut devices = device::rows::of_account(sql, account)?;
    devices.extend(conversation::rows::devices_of_contacts(sql, account)?);
    devices.retain(|device| Some(*device) != except);
    tell(sql, context, &devices, &InboxBody::Statement(StatementNotice { account, number }))
}

/// Puts a notice into each inbox; one that is full already is passed over.
pub(crate) fn tell(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    devices: &[DeviceId],
    body: &InboxBody,
) -> Result<Vec<Announce>, SqlError> {
    let mut announce = vec![];
    for device in devices {
        if rows::waiting(sql, *device)? < context.rules.inbox_items {
            announce.push(rows::push(sql, context.now, *device, body)?);
        }
    }
    Ok(announce)
}
