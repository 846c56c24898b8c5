//! POST /auth/register/finish.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RegisterFinishError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/register/finish.
///
/// # Errors
/// [`RegisterFinishError`] as a [`crate::Refusal`].
pub fn register_finish(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &RegisterFinish) -> Outcome<Issued<Bound>> {
    Err(RegisterFinishError::NotBuilt.into())
}
