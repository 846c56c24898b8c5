//! POST /api/conversations/{id}/commits.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    CommitError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /api/conversations/{id}/commits.
///
/// # Errors
/// [`CommitError`] as a [`crate::Refusal`].
pub fn commit(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, conversation: ConversationId, request: &Commit) -> Outcome<Committed> {
    Err(CommitError::NotBuilt.into())
}
