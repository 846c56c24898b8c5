//! The whole store as batches: how a log of batches is made short again.

use client_core::Batch;
use rusqlite::params;

use crate::{Store, StoreError, columns::message_row};

/// Messages in one batch.
const CHUNK: i64 = 500;

impl Store {
    /// Batches that make an empty store equal to this one, in order: the state first, then the messages.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn export(&self) -> Result<Vec<Batch>, StoreError> {
        let mut batches = vec![Batch { rows: self.load()?.rows, ..Batch::default() }];
        let mut statement =
            self.connection.prepare_cached("SELECT rowid AS place, * FROM message WHERE rowid > ?1 ORDER BY rowid LIMIT ?2")?;
        let mut last = i64::MIN;
        loop {
            let mut batch = Batch::default();
            let mut rows = statement.query(params![last, CHUNK])?;
            while let Some(row) = rows.next()? {
                last = row.get("place")?;
                batch.messages.push(message_row(row)?);
            }
            if batch.messages.is_empty() {
                return Ok(batches);
            }
            batches.push(batch);
        }
    }
}
