//! POST /auth/resume/start.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    ResumeStartError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /auth/resume/start.
///
/// # Errors
/// [`ResumeStartError`] as a [`crate::Refusal`].
pub fn resume_start(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &ResumeStart) -> Outcome<ResumeStarted> {
    Err(ResumeStartError::NotBuilt.into())
}
