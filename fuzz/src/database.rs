//! The server's database in memory, and a second connection that looks into it and copies it.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
    types::{FromSql, ValueRef},
};
use server_core::Store;

/// The database as its owner sees it.
pub(crate) struct Database {
    name: String,
    sql: Connection,
}

impl Database {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("file:fuzz-{}-{number}?mode=memory&cache=shared", std::process::id());
        let sql = Connection::open(&name).expect("a database in memory");
        // A copy needs the size of its original.
        sql.pragma_update(None, "page_size", 8192).expect("a size");
        Self { name, sql }
    }

    /// The server's store over it.
    pub(crate) fn store(&self) -> Store {
        Store::open(Path::new(&self.name)).expect("a store")
    }

    /// A copy that goes its own way.
    pub(crate) fn fork(&self) -> Self {
        let mut copy = Self::new();
        let backup = Backup::new(&self.sql, &mut copy.sql).expect("two databases");
        assert_eq!(backup.step(-1).expect("a copy"), StepResult::Done);
        drop(backup);
        copy
    }

    /// The store epoch in force.
    pub(crate) fn epoch(&self) -> [u8; 16] {
        self.one("SELECT store_epoch FROM store_meta")
    }

    /// One value.
    pub(crate) fn one<T: FromSql>(&self, query: &str) -> T {
        let mut statement = self.sql.prepare_cached(query).expect("a query");
        statement.query_row([], |row| row.get(0)).expect("one row")
    }

    /// Every value of every row of a query, as one text.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<u8>> {
        let mut statement = self.sql.prepare_cached(query).expect("a query");
        let width = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        let mut all = vec![];
        while let Some(row) = rows.next().expect("a row") {
            let mut line = vec![];
            for column in 0..width {
                match row.get_ref(column).expect("a column") {
                    ValueRef::Null => line.push(0),
                    ValueRef::Integer(number) => line.extend(number.to_be_bytes()),
                    ValueRef::Real(number) => line.extend(number.to_be_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => line.extend_from_slice(bytes),
                }
                line.push(0xff);
            }
            all.push(line);
        }
        all
    }
}
