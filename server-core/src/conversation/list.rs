//! GET /api/conversations.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    ListError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/conversations.
///
/// # Errors
/// [`ListError`] as a [`crate::Refusal`].
pub fn list(sql: &mut dyn Sql, caller: &Caller) -> Outcome<Conversations> {
    Err(ListError::NotBuilt.into())
}
