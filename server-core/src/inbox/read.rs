//! Items above `after`, ascending, at most `limit` and about `bytes` bytes.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    InboxReadError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Items above `after`, ascending, at most `limit` and about `bytes` bytes.
///
/// # Errors
/// [`InboxReadError`] as a [`crate::Refusal`].
pub fn read(sql: &mut dyn Sql, caller: &Caller, after: u64, limit: u32, bytes: usize) -> Outcome<Vec<InboxItem>> {
    Err(InboxReadError::NotBuilt.into())
}
