//! PUT /api/key-packages.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    PutError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// PUT /api/key-packages.
///
/// # Errors
/// [`PutError`] as a [`crate::Refusal`].
pub fn put(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &PutPackages) -> Outcome<PackageCount> {
    Err(PutError::NotBuilt.into())
}
