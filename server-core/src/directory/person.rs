//! GET /api/people/{handle}.

use shared::{Code, http::Person};

use crate::{
    account::{keys, rows},
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// Account id and statements of a handle, to whoever is logged in.
///
/// # Errors
/// `not_found`.
pub fn person(sql: &mut dyn Sql, _: &Caller, handle: &str) -> Outcome<Person> {
    let account = rows::by_handle(sql, &keys::canonical(handle))?.ok_or(Code::NotFound)?;
    let statements = rows::statements(sql, account.id, 0)?;
    Ok(Done::quiet(Person { account_id: account.id, username: account.handle, statements, proof: None }))
}
