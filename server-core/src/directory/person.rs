//! GET /api/people/{handle}.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    PersonError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/people/{handle}.
///
/// # Errors
/// [`PersonError`] as a [`crate::Refusal`].
pub fn person(sql: &mut dyn Sql, caller: &Caller, handle: &str) -> Outcome<Person> {
    Err(PersonError::NotBuilt.into())
}
