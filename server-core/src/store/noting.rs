//! Looking at what an operation writes.

use super::Sqlite;
use crate::sql::{Named, Row, Sql, SqlError};

/// Notes whether an operation has written, or wanted to.
pub(super) struct Noting<'a> {
    sql: &'a mut Sqlite,
    /// Else what it would write is left out, and it may believe that it was done.
    carries_out: bool,
    wrote: bool,
}

impl<'a> Noting<'a> {
    pub(super) const fn new(sql: &'a mut Sqlite, carries_out: bool) -> Self {
        Self { sql, carries_out, wrote: false }
    }

    pub(super) const fn wrote(&self) -> bool {
        self.wrote
    }
}

impl Sql for Noting<'_> {
    fn execute(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<usize, SqlError> {
        let changed = if self.carries_out { self.sql.execute(statement, parameters) } else { Ok(1) };
        self.wrote |= !matches!(changed, Ok(0));
        changed
    }
    fn query(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<Vec<Row>, SqlError> {
        self.sql.query(statement, parameters)
    }
}
