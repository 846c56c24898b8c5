//! Rows up to here are stored on this device.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    AcknowledgeError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Rows up to here are stored on this device.
///
/// # Errors
/// [`AcknowledgeError`] as a [`crate::Refusal`].
pub fn acknowledge(sql: &mut dyn Sql, caller: &Caller, cursor: &Cursor) -> Outcome<()> {
    Err(AcknowledgeError::NotBuilt.into())
}
