//! GET /api/settings?after=k.

use shared::http::Settings;

use super::rows;
use crate::{
    account,
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// Items changed after change number `after`, in the order of change, and the newest number.
///
/// # Errors
/// `login_required` when the account is gone.
pub fn read(sql: &mut dyn Sql, caller: &Caller, after: u64) -> Outcome<Settings> {
    let change = account::rows::existing(sql, caller.account())?.settings_no;
    Ok(Done::quiet(Settings { items: rows::changed(sql, caller.account(), after)?, change }))
}
