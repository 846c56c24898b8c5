//! POST /api/inbox/{n}/refused.

use shared::frame::{InboxBody, WelcomeRefused};

use super::{notice, rows};
use crate::{
    context::Context,
    device,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a report is refused.
    InboxRefusedError {
        /// No such item, or no Welcome.
        Unknown = NotFound;
    }
}

/// The Welcome could not be opened: the inviter's devices are told and try with a fresh package.
///
/// # Errors
/// [`InboxRefusedError`]. The item stays until it is acknowledged.
pub fn refused(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, number: u64) -> Outcome<()> {
    let item = rows::one(sql, caller.device(), number)?.ok_or(InboxRefusedError::Unknown)?;
    let InboxBody::Welcome(welcome) = item.body else { return Err(InboxRefusedError::Unknown.into()) };
    let devices = device::rows::of_account(sql, welcome.account)?;
    let body = InboxBody::WelcomeRefused(WelcomeRefused { conversation: welcome.conversation, device: caller.device() });
    Ok(Done::telling((), notice::tell(sql, context, &devices, &body)?))
}
