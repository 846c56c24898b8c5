//! POST /auth/recover/start.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RecoverStartError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/recover/start.
///
/// # Errors
/// [`RecoverStartError`] as a [`crate::Refusal`].
pub fn recover_start(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &RecoverStart) -> Outcome<RecoverStarted> {
    Err(RecoverStartError::NotBuilt.into())
}
