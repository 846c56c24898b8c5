//! GET /api/conversations/{id}/group-info.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    GroupInfoError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/conversations/{id}/group-info.
///
/// # Errors
/// [`GroupInfoError`] as a [`crate::Refusal`].
pub fn group_info(sql: &mut dyn Sql, caller: &Caller, conversation: ConversationId) -> Outcome<http::GroupInfo> {
    Err(GroupInfoError::NotBuilt.into())
}
