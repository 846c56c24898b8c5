//! POST /auth/login/finish.

use shared::{
    AccountId, DeviceId,
    http::{LoggedIn, LoginFinish},
    label::Label,
    signature,
};

use super::{
    opaque,
    rows::{self, Attempt},
    secrets,
};
use crate::{
    context::Context,
    device,
    refusal::{Done, Outcome, Refusal, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a log-in fails.
    LoginFinishError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// Unknown name or wrong password (F072): the same for both.
        Credentials = InvalidCredentials;
        /// The record was replaced since the start.
        Record = InvalidCredentials;
    }
}

/// Checks KE3. The session is bound when the request names a living device of the account and carries its signature over the
/// login id; else it lasts ten minutes and may only enrol.
///
/// # Errors
/// [`LoginFinishError`]; the attempt is used up in any case.
pub fn login_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &LoginFinish) -> Outcome<Issued<LoggedIn>> {
    let attempt = rows::take_attempt(sql, Attempt::Login, &request.login_id, context.now)?;
    let (Some(account), state) = attempt.ok_or(LoginFinishError::Attempt)? else {
        return Err(LoginFinishError::Attempt.into());
    };
    log_in(sql, context, request, account, &state).map_err(Refusal::keeping)
}

fn log_in(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    request: &LoginFinish,
    account: AccountId,
    state: &[u8],
) -> Outcome<Issued<LoggedIn>> {
    let (number, state) = state.split_at_checked(4).ok_or(LoginFinishError::Attempt)?;
    opaque::verify(account, state, request.finalization.as_slice()).map_err(|_| LoginFinishError::Credentials)?;
    let account = rows::by_id(sql, account)?.ok_or(LoginFinishError::Credentials)?;
    if account.record_no.to_be_bytes() != number {
        return Err(LoginFinishError::Record.into());
    }
    let device = bound_device(sql, request, account.id)?;
    if let Some(device) = device {
        device::rows::log_in(sql, device, account.auth_epoch)?;
    }
    let secrets = secrets::all(sql, &account)?;
    let issued = session::rows::issue(sql, context, &account, account.auth_epoch, device)?;
    let user = issued.session.user();
    Ok(Done::quiet(issued.with(LoggedIn { user, secrets })))
}

/// The device named in the request, when it is this account's, in force, and signed the login id.
fn bound_device(sql: &mut dyn Sql, request: &LoginFinish, account: AccountId) -> Result<Option<DeviceId>, Refusal> {
    let (Some(id), Some(signed)) = (request.device_id, &request.device_signature) else { return Ok(None) };
    let Some(device) = device::rows::living(sql, id)? else { return Ok(None) };
    let fits = device.account == account
        && signed.array().is_some_and(|signature| {
            signature::verify(&device.key, Label::DeviceLogin, request.login_id.as_slice(), &signature).is_ok()
        });
    Ok(fits.then_some(id))
}
