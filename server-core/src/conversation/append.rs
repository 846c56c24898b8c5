//! Append: a sealed message into the log.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    AppendError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Append: a sealed message into the log.
///
/// # Errors
/// [`AppendError`] as a [`crate::Refusal`].
pub fn append(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &Append) -> Outcome<Appended> {
    Err(AppendError::NotBuilt.into())
}
