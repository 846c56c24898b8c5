//! Which session does this cookie name? Slides its expiry.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    CheckError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Which session does this cookie name? Slides its expiry.
///
/// # Errors
/// [`CheckError`] as a [`crate::Refusal`].
pub fn check(sql: &mut dyn Sql, context: &mut Context<'_>, token: &Token) -> Outcome<Session> {
    Err(CheckError::NotBuilt.into())
}

/// Is this session, once checked, still alive? For sockets: slides the expiry like [`check`].
///
/// # Errors
/// `login_required`.
pub fn recheck(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session) -> Outcome<Session> {
    Err(CheckError::NotBuilt.into())
}
