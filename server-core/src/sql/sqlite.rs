//! SQLite: the only file that names its driver.

use std::{collections::HashMap, path::Path};

use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, config::DbConfig, types::ValueRef};

use super::{Named, Param, Row, Sql, SqlError, Value};

/// One connection. Statements are prepared once and kept.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    places: Places,
}

/// By address and length of a statement's text: the names of the last call in their order, and the places of its parameters. SQLite
/// finds a name by comparing it with each, a hundred times a message.
type Places = HashMap<(usize, usize), Vec<(&'static str, usize)>>;

/// Set before anything is written; `page_size` must come first. What a savepoint or a sort keeps aside stays in memory: a
/// temporary file would lie outside of the server's folder, and cost a call of the system for each page.
const WRITER: &str = "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
    PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-65536;
    PRAGMA secure_delete=FAST; PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;";
const READER: &str = "PRAGMA query_only=ON; PRAGMA busy_timeout=5000; PRAGMA cache_size=-16384; PRAGMA mmap_size=268435456;
    PRAGMA temp_store=MEMORY;";

impl Sqlite {
    /// Opens the file for writing, making it if it is not there.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn open(path: &Path) -> Result<Self, SqlError> {
        Self::set_up(Connection::open(path).map_err(error)?, WRITER)
    }

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn open_reader(path: &Path) -> Result<Self, SqlError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::set_up(Connection::open_with_flags(path, flags).map_err(error)?, READER)
    }

    /// A database that lives as long as this value.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn in_memory() -> Result<Self, SqlError> {
        Self::set_up(Connection::open_in_memory().map_err(error)?, WRITER)
    }

    fn set_up(connection: Connection, pragmas: &str) -> Result<Self, SqlError> {
        connection.set_prepared_statement_cache_capacity(256);
        // Without it SQLite prepares a kept statement anew whenever a value is bound that a plan might look at: three
        // times a message. No plan here should depend on a value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error)?;
        connection.execute_batch(pragmas).map_err(error)?;
        Ok(Self { connection, places: Places::new() })
    }

    /// Runs several statements without parameters: migrations, BEGIN, COMMIT, savepoints.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn script(&mut self, text: &str) -> Result<(), SqlError> {
        self.connection.execute_batch(text).map_err(error)
    }

    /// Runs one kept statement without parameters.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn control(&mut self, statement: &'static str) -> Result<(), SqlError> {
        self.connection.prepare_cached(statement).and_then(|mut prepared| prepared.execute([])).map(drop).map_err(error)
    }

    /// A kept statement with its parameters.
    fn bound(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<CachedStatement<'_>, SqlError> {
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        let places = self.places.entry((statement.as_ptr().addr(), statement.len())).or_default();
        bind(places, &mut prepared, parameters)?;
        Ok(prepared)
    }

    /// Is a transaction open? SQLite ends one by itself after some failures.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }
}

impl Sql for Sqlite {
    fn execute(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<usize, SqlError> {
        self.bound(statement, parameters)?.raw_execute().map_err(error)
    }

    fn query(&mut self, statement: &'static str, parameters: &[Named<'_>]) -> Result<Vec<Row>, SqlError> {
        let mut prepared = self.bound(statement, parameters)?;
        let columns = prepared.column_count();
        let mut rows = prepared.raw_query();
        let mut found = vec![];
        while let Some(row) = rows.next().map_err(error)? {
            let values = (0..columns).map(|column| row.get_ref(column).map_err(error).and_then(value));
            found.push(Row::new(values.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }
}

fn bind(
    places: &mut Vec<(&'static str, usize)>,
    prepared: &mut rusqlite::Statement<'_>,
    parameters: &[Named<'_>],
) -> Result<(), SqlError> {
    // The same text may be called in two places, which name its parameters in another order.
    if !places.iter().map(|(name, _)| name).eq(parameters.iter().map(|(name, _)| name)) {
        if prepared.parameter_count() != parameters.len() {
            return Err(SqlError::Shape("another number of parameters"));
        }
        let find = |(name, _): &Named<'_>| -> Result<(&'static str, usize), SqlError> {
            let place =
                prepared.parameter_index(name).map_err(error)?.ok_or(SqlError::Shape("a parameter is not in the text"))?;
            Ok((name, place))
        };
        *places = parameters.iter().map(find).collect::<Result<_, _>>()?;
    }
    for ((_, place), (_, parameter)) in places.iter().zip(parameters) {
        match *parameter {
            Param::Null => prepared.raw_bind_parameter(*place, rusqlite::types::Null),
            Param::Int(int) => prepared.raw_bind_parameter(*place, int),
            Param::Bytes(bytes) => prepared.raw_bind_parameter(*place, bytes),
            Param::Text(text) => prepared.raw_bind_parameter(*place, text),
        }
        .map_err(error)?;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Result<Value, SqlError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Text(bytes) => {
            core::str::from_utf8(bytes).map(|text| Value::Text(text.to_owned())).map_err(|_| SqlError::Shape("not UTF-8"))
        }
        ValueRef::Real(_) => Err(SqlError::Shape("a floating-point number")),
    }
}

fn error(error: rusqlite::Error) -> SqlError {
    use ErrorCode::{CannotOpen, ConstraintViolation, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | DiskFull | ReadOnly | SystemIoFailure | CannotOpen) => SqlError::Unavailable(text),
        Some(ConstraintViolation) => SqlError::Constraint(text),
        _ => SqlError::Driver(text),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::sql::named;

    #[test]
    fn a_kept_statement_is_prepared_once_whatever_is_bound() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        sqlite
            .script(
                "CREATE TABLE t (a INTEGER, b INTEGER); CREATE INDEX i ON t (a);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i, i FROM n;
                 ANALYZE;",
            )
            .unwrap();
        let statement = "SELECT b FROM t WHERE a >= :a AND b <> :a LIMIT 5";
        let again = |sqlite: &mut Sqlite| {
            for a in 0..20_u64 {
                sqlite.query(statement, named! { a: a * 50 }).unwrap();
            }
            let prepared = sqlite.connection.prepare_cached(statement).unwrap();
            assert_eq!(prepared.reset_status(StatementStatus::Run), 20, "it was kept");
            prepared.reset_status(StatementStatus::RePrepare)
        };
        assert_eq!(again(&mut sqlite), 0);
        sqlite.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, false).unwrap();
        sqlite.connection.flush_prepared_statement_cache();
        assert!(again(&mut sqlite) > 0, "which the setting prevents");
    }

    #[test]
    fn parameters_go_by_their_names_in_whatever_order() {
        let mut sqlite = Sqlite::in_memory().unwrap();
        const TEXT: &str = "SELECT :a, :b";
        let mut read = |parameters: &[Named<'_>]| -> Result<[u64; 2], SqlError> {
            let mut row = sqlite.query(TEXT, parameters)?.pop().unwrap();
            Ok([row.take()?, row.take()?])
        };
        for _ in 0..2 {
            assert_eq!(read(named! { a: 1_u64, b: 2_u64 }), Ok([1, 2]));
            assert_eq!(read(named! { b: 2_u64, a: 1_u64 }), Ok([1, 2]));
            assert!(read(named! { a: 1_u64, c: 2_u64 }).is_err());
            assert!(read(named! { a: 1_u64 }).is_err());
            assert!(read(named! { a: 1_u64, b: 2_u64, c: 3_u64 }).is_err());
        }
    }
}
