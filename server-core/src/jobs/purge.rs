//! Drops what is over: sessions, attempts, rate rows, old claims. Says how many rows.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    PurgeError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Drops what is over: sessions, attempts, rate rows, old claims. Says how many rows.
///
/// # Errors
/// [`PurgeError`] as a [`crate::Refusal`].
pub fn purge(sql: &mut dyn Sql, context: &mut Context<'_>) -> Outcome<usize> {
    Err(PurgeError::NotBuilt.into())
}
