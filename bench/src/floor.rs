//! What the machine could do at best: the same rows into the same table of SQLite without a network, an echo over the same
//! TLS and WebSocket without a database, and both together without any check.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};
use shared::frame::Append;

/// Rows of one COMMIT at most, as in the server.
pub(crate) const GROUP: usize = 1_024;

/// The server's table, settings and index (`server-core/migrations/sqlite`, `server-core/src/sql/sqlite.rs`).
const SCHEMA: &str = "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;
    PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456;
    CREATE TABLE IF NOT EXISTS conv_msg (
      conv_id BLOB NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
      sender BLOB NOT NULL, sender_account BLOB NOT NULL, cmid BLOB NOT NULL, at_ms INTEGER NOT NULL, clear BLOB NOT NULL,
      body BLOB, sig BLOB, erased_ms INTEGER, PRIMARY KEY (conv_id, seq)) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS conv_msg_once ON conv_msg(conv_id, sender, cmid);";
const INSERT: &str =
    "INSERT INTO conv_msg (conv_id, seq, kind, generation, epoch, sender, sender_account, cmid, at_ms, clear, body)
    VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// A log without rules.
#[derive(Debug)]
pub(crate) struct Log {
    connection: Connection,
    number: i64,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        let number = connection.query_row("SELECT COALESCE(MAX(seq), 0) FROM conv_msg", [], |row| row.get(0))?;
        Ok(Self { connection, number })
    }

    /// Stores a group durably.
    pub(crate) fn store<'a>(&mut self, rows: impl Iterator<Item = &'a Append>) -> Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut insert = self.connection.prepare_cached(INSERT)?;
        for row in rows {
            self.number += 1;
            let (conversation, epoch) = (row.conversation.as_bytes(), i64::try_from(row.epoch)?);
            let body = row.sealed.as_slice();
            let clear = body.get(..106).unwrap_or(body);
            insert.execute(params![
                conversation,
                self.number,
                row.generation,
                epoch,
                conversation,
                conversation,
                row.message.as_bytes(),
                crate::person::now().0.cast_signed(),
                clear,
                body
            ])?;
        }
        drop(insert);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}
