//! POST /api/devices; the session is replaced by a bound one.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    EnrolError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /api/devices; the session is replaced by a bound one.
///
/// # Errors
/// [`EnrolError`] as a [`crate::Refusal`].
pub fn enrol(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Enrol) -> Outcome<Issued<Bound>> {
    Err(EnrolError::NotBuilt.into())
}
