//! Reading an inbox.

use shared::frame::InboxItem;

use super::rows;
use crate::{
    refusal::{Done, Outcome},
    session::Caller,
    sql::Sql,
};

/// Items above `after`, ascending: at most `limit` (256 whatever is asked) and about `bytes` bytes; the first comes whatever
/// its size.
///
/// # Errors
/// Only when the database can't be read.
pub fn read(sql: &mut dyn Sql, caller: &Caller, after: u64, limit: u32, bytes: usize) -> Outcome<Vec<InboxItem>> {
    let mut left = bytes;
    let mut items = vec![];
    for (size, item) in rows::after(sql, caller.device(), after, limit.min(shared::limits::FETCH))? {
        if !items.is_empty() && size > left {
            break;
        }
        left = left.saturating_sub(size);
        items.push(item);
    }
    Ok(Done::quiet(items))
}
