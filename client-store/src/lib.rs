//! The local store: the core's state rows and the messages a person reads, in SQLite.
//!
//! One [`Batch`] is one transaction, so message and ratchet are durable together or not at all. Who opens the database
//! (in memory, in a file, on the browser's private file system) and under which key is the shell's matter.
//!
//! Architecture invariant: no browser, no protocol, no decision. The store does not look into the rows it keeps.
//!
//! [`Batch`]: client_core::Batch
#![forbid(unsafe_code)]

mod batch;
mod columns;
mod export;
mod schema;
mod views;

pub use views::Page;

use rusqlite::Connection;

/// Why the store could not do what was asked. The texts go to the log only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be read.
    #[error("database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A later version of Sotto wrote this store.
    #[error("the store has schema {found}, this version knows {known}")]
    Newer {
        /// What the file says.
        found: i64,
        /// What this code knows.
        known: i64,
    },
    /// A value in a row is none that this code writes.
    #[error("the store holds a value of {0} that was never written")]
    Damaged(&'static str),
    /// A number does not fit into the database's integers.
    #[error("a number is too large for the store")]
    TooLarge,
}

/// An open store.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Takes an opened (and unlocked) database and brings its schema up to date.
    ///
    /// # Errors
    /// When the database can't be read, or was written by a later version.
    pub fn open(mut connection: Connection) -> Result<Self, StoreError> {
        // What is deleted is overwritten, whatever the library was compiled with.
        connection.pragma_update(None, "secure_delete", true)?;
        schema::migrate(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection })
    }

    /// Closes the database, so that its files may be given away.
    ///
    /// # Errors
    /// When SQLite could not write what it still held.
    pub fn close(self) -> Result<(), StoreError> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}
