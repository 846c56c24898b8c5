//! POST /auth/logout.

use shared::{http::Logout, label::Label, signature};

use super::{Session, rows};
use crate::{
    announce::Announce,
    context::Context,
    device,
    refusal::{Done, Outcome, errors},
    sql::Sql,
};

errors! {
    /// Why a log-out is refused.
    LogoutError {
        /// The retirement is not signed by the session's device.
        Signature = BadSignature;
        /// A session without a device has nothing to retire.
        NoDevice = NotEnrolled;
    }
}

/// Ends the session; with a signed retirement the device goes too: its packages are dropped, nobody adds it any more.
///
/// # Errors
/// [`LogoutError`]; the session is not ended then.
pub fn logout(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Logout) -> Outcome<()> {
    let mut announce = vec![Announce::SessionEnded { account: session.account, session: session.id }];
    if let Some(retirement) = &request.retire {
        let id = session.device.ok_or(LogoutError::NoDevice)?;
        let device = device::rows::living(sql, id)?.ok_or(LogoutError::NoDevice)?;
        let text = [&session.account.as_bytes()[..], id.as_bytes()].concat();
        let signature = retirement.array().ok_or(LogoutError::Signature)?;
        signature::verify(&device.key, Label::Retirement, &text, &signature).map_err(|_| LogoutError::Signature)?;
        announce.extend(device::rows::retire(sql, context.now, session.account, id)?);
    }
    rows::end(sql, session.id)?;
    Ok(Done::telling((), announce))
}
