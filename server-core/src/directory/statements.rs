//! GET /api/accounts/{id}/statements?after=k.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    StatementsError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/accounts/{id}/statements?after=k.
///
/// # Errors
/// [`StatementsError`] as a [`crate::Refusal`].
pub fn statements(sql: &mut dyn Sql, caller: &Caller, account: AccountId, after: u64) -> Outcome<Statements> {
    Err(StatementsError::NotBuilt.into())
}
