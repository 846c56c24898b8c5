//! POST /auth/recover/open.

use shared::{
    AccountId,
    http::{RecoverOpen, RecoverOpened},
    label::Label,
    signature,
};

use super::{
    rows::{self, Attempt},
    secrets,
};
use crate::{
    context::Context,
    refusal::{Done, Outcome, Refusal, errors},
    sql::Sql,
};

errors! {
    /// Why a recovery does not open.
    RecoverOpenError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// Unknown name or wrong kit: the same for both.
        Kit = InvalidCredentials;
    }
}

/// Gives everything sealed to who signs the nonce with the recovery key. Nothing leaks before.
///
/// # Errors
/// [`RecoverOpenError`]; the attempt is used up then, else it can be finished within the minutes of a session without device.
pub fn recover_open(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverOpen) -> Outcome<RecoverOpened> {
    let attempt = rows::take_attempt(sql, Attempt::RecoveryStarted, &request.recover_id, context.now)?;
    let (Some(account), state) = attempt.ok_or(RecoverOpenError::Attempt)? else {
        return Err(RecoverOpenError::Attempt.into());
    };
    open(sql, context, request, account, &state).map_err(Refusal::keeping)
}

fn open(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    request: &RecoverOpen,
    id: AccountId,
    state: &[u8],
) -> Outcome<RecoverOpened> {
    let nonce = state.get(4..).ok_or(RecoverOpenError::Attempt)?;
    let account = rows::by_id(sql, id)?;
    // Unknown names are verified too, under a key that is no key.
    let key = account.as_ref().map_or([0; 32], |account| account.recovery);
    let text = [&id.as_bytes()[..], nonce].concat();
    let signature = request.signature.array().unwrap_or([0; 64]);
    let fits = signature::verify(&key, Label::RecoveryOpen, &text, &signature).is_ok();
    let account = account.filter(|_| fits).ok_or(RecoverOpenError::Kit)?;
    let expires = context.now.plus(context.rules.unenrolled);
    rows::store_attempt(sql, Attempt::RecoveryOpened, request.recover_id.as_slice(), Some(id), state, expires)?;
    Ok(Done::quiet(secrets::all(sql, &account)?))
}
