//! GET /auth/current_user.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    CurrentUserError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /auth/current_user.
///
/// # Errors
/// [`CurrentUserError`] as a [`crate::Refusal`].
pub fn current_user(sql: &mut dyn Sql, context: &mut Context<'_>, token: Option<&Token>) -> Outcome<CurrentUser> {
    Err(CurrentUserError::NotBuilt.into())
}
