//! GET /api/accounts/{id}/statements?after=k.

use shared::{AccountId, Code, http::Statements};

use crate::{
    account::rows,
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// Statements with numbers above `after`, to whoever is logged in.
///
/// # Errors
/// `not_found`.
pub fn statements(sql: &mut dyn Sql, _: &Caller, account: AccountId, after: u64) -> Outcome<Statements> {
    rows::by_id(sql, account)?.ok_or(Code::NotFound)?;
    Ok(Done::quiet(Statements { statements: rows::statements(sql, account, after)?, proof: None }))
}
