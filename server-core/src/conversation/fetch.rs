//! Rows of a conversation by number.

use shared::{ConversationId, http::Rows, limits};

use super::rows;
use crate::{
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

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

errors! {
    /// Why no rows are given.
    FetchError {
        /// No such conversation, the account was never in it, or `after` lies behind its last stay.
        NotMember = NotFound;
    }
}

/// Consecutive rows above `after`, of one of the account's stays: from the commit that brought it in to the one that
/// removed it. Who is not in any more can read up to there and gets `not_found` behind it. `floor` says from where the
/// rows can be had at all; `head` is the last number that this account may read.
///
/// # Errors
/// [`FetchError`]
pub fn fetch(sql: &mut dyn Sql, caller: &Caller, conversation: ConversationId, range: Range) -> Outcome<Rows> {
    let stays = rows::stays(sql, conversation, caller.account())?;
    let here = rows::conversation(sql, conversation)?.ok_or(FetchError::NotMember)?;
    let stay = stays.into_iter().find(|stay| stay.until.is_none_or(|until| range.after < until));
    let stay = stay.ok_or(FetchError::NotMember)?;
    let head = stay.until.unwrap_or(here.head).min(here.head);
    let floor = here.floor.max(stay.from.saturating_sub(1));
    let from = range.after.max(floor).saturating_add(1);
    let Some(last) = last(&rows::sizes(sql, conversation, from, head, range.limit)?, range) else {
        return Ok(Done::quiet(Rows { rows: vec![], head, floor }));
    };
    let largest = range.largest.map_or(u64::MAX, |bytes| bytes as u64);
    Ok(Done::quiet(Rows { rows: rows::log(sql, conversation, from, last, largest)?, head, floor }))
}

/// The last number that fits into the answer; the first row always does.
fn last(sizes: &[(u64, usize)], range: Range) -> Option<u64> {
    let mut left = range.bytes;
    let mut last = None;
    for (number, size) in sizes {
        let size = if range.largest.is_some_and(|largest| *size > largest) { 0 } else { *size };
        if last.is_some() && size > left {
            break;
        }
        left = left.saturating_sub(size);
        last = Some(*number);
    }
    last
}
