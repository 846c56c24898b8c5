//! Items up to here are stored on the device and dropped.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    InboxAcknowledgeError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Items up to here are stored on the device and dropped.
///
/// # Errors
/// [`InboxAcknowledgeError`] as a [`crate::Refusal`].
pub fn acknowledge(sql: &mut dyn Sql, caller: &Caller, number: u64) -> Outcome<()> {
    Err(InboxAcknowledgeError::NotBuilt.into())
}
