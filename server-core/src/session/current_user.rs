//! GET /auth/current_user.

use shared::http::CurrentUser;

use super::{Token, rows};
use crate::{
    context::Context,
    refusal::{Done, Outcome},
    sql::Sql,
};

/// Who is logged in, if anybody: an answer in both cases.
///
/// # Errors
/// Only when the database can't be read.
pub fn current_user(sql: &mut dyn Sql, context: &Context<'_>, token: Option<&Token>) -> Outcome<CurrentUser> {
    let session = match token {
        Some(token) => rows::live(sql, context.now, token.id())?,
        None => None,
    };
    let user = session.map(|session| session.user());
    Ok(Done::quiet(CurrentUser { ok: user.is_some(), user }))
}
