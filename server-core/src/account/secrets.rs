//! GET /api/vault, also for a session without a device.

use shared::http::Secrets;

use super::rows;
use crate::{
    refusal::{Done, Outcome, Refusal},
    session::Session,
    sql::Sql,
};

/// Wraps, vault and statements of the session's account.
///
/// # Errors
/// `login_required` when the account is gone.
pub fn secrets(sql: &mut dyn Sql, session: &Session) -> Outcome<Secrets> {
    let account = rows::existing(sql, session.account())?;
    Ok(Done::quiet(all(sql, &account)?))
}

/// Everything sealed that an account has here.
pub(super) fn all(sql: &mut dyn Sql, account: &rows::Account) -> Result<Secrets, Refusal> {
    Ok(Secrets {
        wraps: rows::wraps(sql, account.id)?,
        vault: rows::vault(sql, account.id)?,
        vault_number: account.vault_no,
        statements: rows::statements(sql, account.id, 0)?,
    })
}
