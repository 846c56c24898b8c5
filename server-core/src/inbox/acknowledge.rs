//! Acknowledging an inbox.

use super::rows;
use crate::{refusal::Outcome, session::Caller, sql::Sql, store::done};

/// Items up to here are stored on the device: they are dropped.
///
/// # Errors
/// Only when the database can't be written.
pub fn acknowledge(sql: &mut dyn Sql, caller: &Caller, number: u64) -> Outcome<()> {
    rows::drop_until(sql, caller.device(), number)?;
    done()
}
