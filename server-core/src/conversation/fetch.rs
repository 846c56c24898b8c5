//! Rows of a conversation by number.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

/// How much of a conversation is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Rows with higher numbers.
    pub after: u64,
    /// At most this many rows.
    pub limit: u32,
    /// About this many bytes of bodies; the first row comes whatever its size.
    pub bytes: usize,
    /// A body above this is named with `big` and left out; none: every body comes.
    pub largest: Option<usize>,
}

impl Range {
    /// For an `Entries` frame.
    #[must_use]
    pub fn frame(after: u64, limit: u32) -> Self {
        Self { after, limit: limit.min(limits::FETCH), bytes: limits::ENTRIES, largest: Some(limits::ROW) }
    }
    /// For GET …/rows.
    #[must_use]
    pub fn http(after: u64, limit: u32) -> Self {
        Self { after, limit: limit.min(limits::FETCH), bytes: 4 * 1024 * 1024, largest: None }
    }
}

crate::refusal::errors! {
    /// Why it is refused.
    FetchError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// Rows of a conversation by number.
///
/// # Errors
/// [`FetchError`] as a [`crate::Refusal`].
pub fn fetch(sql: &mut dyn Sql, caller: &Caller, conversation: ConversationId, range: Range) -> Outcome<Rows> {
    Err(FetchError::NotBuilt.into())
}
