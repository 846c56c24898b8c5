//! GET /api/key-packages.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    CountError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/key-packages.
///
/// # Errors
/// [`CountError`] as a [`crate::Refusal`].
pub fn count(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller) -> Outcome<PackageCount> {
    Err(CountError::NotBuilt.into())
}
