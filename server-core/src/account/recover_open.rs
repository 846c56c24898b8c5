//! POST /auth/recover/open.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RecoverOpenError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/recover/open.
///
/// # Errors
/// [`RecoverOpenError`] as a [`crate::Refusal`].
pub fn recover_open(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverOpen) -> Outcome<RecoverOpened> {
    Err(RecoverOpenError::NotBuilt.into())
}
