//! POST /auth/login/finish.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    LoginFinishError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/login/finish.
///
/// # Errors
/// [`LoginFinishError`] as a [`crate::Refusal`].
pub fn login_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &LoginFinish) -> Outcome<Issued<LoggedIn>> {
    Err(LoginFinishError::NotBuilt.into())
}
