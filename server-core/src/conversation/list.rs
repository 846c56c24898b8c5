//! GET /api/conversations.

use shared::http::Conversations;

use super::rows;
use crate::{
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// All conversations the account is in.
///
/// # Errors
/// Only when the database can't be read.
pub fn list(sql: &mut dyn Sql, caller: &Caller) -> Outcome<Conversations> {
    Ok(Done::quiet(Conversations { conversations: rows::list(sql, caller.account(), caller.device())? }))
}
