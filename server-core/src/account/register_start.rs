//! POST /auth/register/start.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RegisterStartError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/register/start.
///
/// # Errors
/// [`RegisterStartError`] as a [`crate::Refusal`].
pub fn register_start(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &RegisterStart) -> Outcome<RegisterStarted> {
    Err(RegisterStartError::NotBuilt.into())
}
