//! POST /auth/resume/finish.

use shared::{
    DeviceId,
    http::{Bound, ResumeFinish},
    label::Label,
    signature,
};

use super::{Issued, Session, rows};
use crate::{
    account::rows::{Attempt, by_id, take_attempt},
    context::Context,
    device,
    refusal::{Done, Outcome, errors},
    sql::Sql,
};

errors! {
    /// Why a session is not renewed. All but the first look the same to who asks.
    ResumeFinishError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// No such device, or it is gone.
        Device = ResumeRefused;
        /// The signature does not fit the challenge.
        Signature = ResumeRefused;
        /// The password changed since this device's last log-in by password.
        AuthEpoch = ResumeRefused;
    }
}

/// Renews a session by the device key. `session` is the live one that came with the request, if any: without a device and
/// of the same account it counts as a log-in by password.
///
/// # Errors
/// [`ResumeFinishError`]; the attempt is used up in any case.
pub fn resume_finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    session: Option<&Session>,
    request: &ResumeFinish,
) -> Outcome<Issued<Bound>> {
    let (_, state) = take_attempt(sql, Attempt::Resume, &request.resume_id, context.now)?.ok_or(ResumeFinishError::Attempt)?;
    renew(sql, context, session, request, &state).map_err(crate::Refusal::keeping)
}

fn renew(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    session: Option<&Session>,
    request: &ResumeFinish,
    state: &[u8],
) -> Outcome<Issued<Bound>> {
    let (id, challenge) = state.split_at_checked(16).ok_or(ResumeFinishError::Attempt)?;
    let id = DeviceId::from_slice(id).ok_or(ResumeFinishError::Attempt)?;
    let device = device::rows::living(sql, id)?.ok_or(ResumeFinishError::Device)?;
    let text = [request.resume_id.as_slice(), challenge].concat();
    let signature = request.signature.array().ok_or(ResumeFinishError::Signature)?;
    signature::verify(&device.key, Label::DeviceResume, &text, &signature).map_err(|_| ResumeFinishError::Signature)?;
    let account = by_id(sql, device.account)?.ok_or(ResumeFinishError::Device)?;
    let by_password = session.filter(|session| session.device.is_none() && session.account == account.id);
    if let Some(session) = by_password {
        device::rows::log_in(sql, id, account.auth_epoch)?;
        rows::end(sql, session.id)?;
    } else if device.auth_epoch < account.auth_epoch {
        return Err(ResumeFinishError::AuthEpoch.into());
    }
    Ok(Done::quiet(rows::issue(sql, context, &account, account.auth_epoch, Some(id))?.bound()))
}
