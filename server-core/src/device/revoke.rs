//! DELETE /api/devices/{id}.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    RevokeError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// DELETE /api/devices/{id}.
///
/// # Errors
/// [`RevokeError`] as a [`crate::Refusal`].
pub fn revoke(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, device: DeviceId, request: &Revoke) -> Outcome<()> {
    Err(RevokeError::NotBuilt.into())
}
