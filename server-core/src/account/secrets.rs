//! GET /api/vault, also without a device.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    SecretsError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/vault, also without a device.
///
/// # Errors
/// [`SecretsError`] as a [`crate::Refusal`].
pub fn secrets(sql: &mut dyn Sql, session: &Session) -> Outcome<Secrets> {
    Err(SecretsError::NotBuilt.into())
}
