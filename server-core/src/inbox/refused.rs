//! POST /api/inbox/{n}/refused: the Welcome could not be opened.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    InboxRefusedError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /api/inbox/{n}/refused: the Welcome could not be opened.
///
/// # Errors
/// [`InboxRefusedError`] as a [`crate::Refusal`].
pub fn refused(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, number: u64) -> Outcome<()> {
    Err(InboxRefusedError::NotBuilt.into())
}
