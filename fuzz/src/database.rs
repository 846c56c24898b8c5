//! The server's database in memory, as the scripts look into it and copy it.

use rusqlite::{
    backup::{Backup, StepResult},
    types::{FromSql, ValueRef},
};
use server_core::Store;

/// The database as its owner sees it.
pub(crate) struct Database(sim::database::Database);

impl Database {
    pub(crate) fn new() -> Self {
        let new = sim::database::Database::new().expect("a database in memory");
        // A copy needs the size of its original.
        new.sql.pragma_update(None, "page_size", 8192).expect("a size");
        Self(new)
    }

    /// The server's store over it.
    pub(crate) fn store(&self) -> Store {
        self.0.store().expect("a store")
    }

    /// A copy that goes its own way, page by page: each script begins with one.
    pub(crate) fn fork(&self) -> Self {
        let mut copy = Self::new();
        let backup = Backup::new(&self.0.sql, &mut copy.0.sql).expect("two databases");
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
        let mut statement = self.0.sql.prepare_cached(query).expect("a query");
        statement.query_row([], |row| row.get(0)).expect("one row")
    }

    /// Every value of every row of a query, as one text.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<u8>> {
        let mut statement = self.0.sql.prepare_cached(query).expect("a query");
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
