//! POST /auth/resume/finish; `session` is the live one that came with the request, if any.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    ResumeFinishError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/resume/finish; `session` is the live one that came with the request, if any.
///
/// # Errors
/// [`ResumeFinishError`] as a [`crate::Refusal`].
pub fn resume_finish(sql: &mut dyn Sql, context: &mut Context<'_>, session: Option<&Session>, request: &ResumeFinish) -> Outcome<Issued<Bound>> {
    Err(ResumeFinishError::NotBuilt.into())
}
