//! A second connection to the server's database in memory, with every check of the schema switched off that can be.

use std::ops::Deref;

use rusqlite::types::Value;
use server_core::Store;

/// The database as its owner sees it.
pub(crate) struct Database(sim::database::Database);

impl Deref for Database {
    type Target = sim::database::Database;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Database {
    /// An empty one, and the server's store over it.
    pub(crate) fn new() -> (Self, Store) {
        Self::over(sim::database::Database::new().unwrap())
    }

    /// A copy that goes its own way.
    pub(crate) fn fork(&self) -> (Self, Store) {
        Self::over(self.copy().unwrap())
    }

    fn over(database: sim::database::Database) -> (Self, Store) {
        let store = database.store().unwrap();
        database.sql.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;").unwrap();
        (Self(database), store)
    }

    /// Every table.
    pub(crate) fn tables(&self) -> Vec<String> {
        let mut names = self
            .sql
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    }

    /// Every column of a table, with its type.
    pub(crate) fn columns(&self, table: &str) -> Vec<(String, String)> {
        let mut columns = self.sql.prepare(&format!("PRAGMA table_info({table})")).unwrap();
        let columns = columns.query_map([], |row| Ok((row.get(1)?, row.get(2)?))).unwrap();
        columns.map(Result::unwrap).collect()
    }

    /// Every row of a table.
    pub(crate) fn rows(&self, table: &str) -> Vec<Vec<Value>> {
        let mut all = self.sql.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let width = all.column_count();
        let rows = all.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// One value.
    pub(crate) fn one<T: rusqlite::types::FromSql>(&self, query: &str) -> T {
        self.sql.query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// Does any column of any row hold these bytes?
    pub(crate) fn holds(&self, needle: &[u8]) -> Option<String> {
        self.tables().into_iter().find(|table| {
            self.rows(table).iter().flatten().any(|value| match value {
                Value::Blob(bytes) => contains(bytes, needle),
                Value::Text(text) => contains(text.as_bytes(), needle),
                _ => false,
            })
        })
    }
}

/// Does `hay` hold `needle`?
pub(crate) fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}
