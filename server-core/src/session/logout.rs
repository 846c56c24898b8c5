//! POST /auth/logout.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    LogoutError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/logout.
///
/// # Errors
/// [`LogoutError`] as a [`crate::Refusal`].
pub fn logout(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Logout) -> Outcome<()> {
    Err(LogoutError::NotBuilt.into())
}
