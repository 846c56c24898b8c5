//! The server's database in memory, with a second connection that looks into it and copies it.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::Connection;
use server_core::Store;

/// A database that lives as long as this.
pub struct Database {
    name: String,
    /// Beside the store's own.
    pub sql: Connection,
}

impl Database {
    /// An empty one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn new() -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("file:sim-{}-{number}?mode=memory&cache=shared", std::process::id());
        let sql = Connection::open(&name).map_err(|error| error.to_string())?;
        Ok(Self { name, sql })
    }

    /// The server's store over it.
    ///
    /// # Errors
    /// The store's.
    pub fn store(&self) -> Result<Store, String> {
        Store::open(Path::new(&self.name)).map_err(|error| error.to_string())
    }

    /// A copy that goes its own way.
    ///
    /// # Errors
    /// SQLite's.
    pub fn copy(&self) -> Result<Self, String> {
        let copy = Self::new()?;
        self.sql.execute("VACUUM INTO ?1", [&copy.name]).map_err(|error| error.to_string())?;
        Ok(copy)
    }
}
