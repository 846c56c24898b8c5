//! POST /api/accounts/{id}/key-packages/claim.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    ClaimError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// POST /api/accounts/{id}/key-packages/claim.
///
/// # Errors
/// [`ClaimError`] as a [`crate::Refusal`].
pub fn claim(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, account: AccountId, request: &Claim) -> Outcome<Claimed> {
    Err(ClaimError::NotBuilt.into())
}
