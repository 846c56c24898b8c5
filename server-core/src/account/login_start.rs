//! POST /auth/login/start.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    LoginStartError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/login/start.
///
/// # Errors
/// [`LoginStartError`] as a [`crate::Refusal`].
pub fn login_start(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &LoginStart) -> Outcome<LoginStarted> {
    Err(LoginStartError::NotBuilt.into())
}
