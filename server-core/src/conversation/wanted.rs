//! For a connecting device: every living device that has no leaf where its account is a member.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    WantedError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// For a connecting device: every living device that has no leaf where its account is a member.
///
/// # Errors
/// [`WantedError`] as a [`crate::Refusal`].
pub fn wanted(sql: &mut dyn Sql, caller: &Caller) -> Outcome<Vec<Wanted>> {
    Err(WantedError::NotBuilt.into())
}
