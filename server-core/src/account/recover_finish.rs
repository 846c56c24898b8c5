//! POST /auth/recover/finish: answers with an unenrolled session.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RecoverFinishError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/recover/finish: answers with an unenrolled session.
///
/// # Errors
/// [`RecoverFinishError`] as a [`crate::Refusal`].
pub fn recover_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverFinish) -> Outcome<Issued<Bound>> {
    Err(RecoverFinishError::NotBuilt.into())
}
