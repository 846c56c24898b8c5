//! POST /api/conversations.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    CreateError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /api/conversations.
///
/// # Errors
/// [`CreateError`] as a [`crate::Refusal`].
pub fn create(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &CreateConversation) -> Outcome<Committed> {
    Err(CreateError::NotBuilt.into())
}
