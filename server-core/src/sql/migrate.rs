//! Versioned migrations: each file once, in order, in one transaction; a newer database is refused.

use super::{Sql as _, SqlError, named, sqlite::Sqlite};

/// Name and text of every migration, in order. A released one is never edited.
const MIGRATIONS: [(&str, &str); 2] = [
    ("0001_start", include_str!("../../migrations/sqlite/0001_start.sql")),
    ("0002_restored", include_str!("../../migrations/sqlite/0002_restored.sql")),
];

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It was written by a newer Sotto.
    #[error(
        "the database has schema {found}, this program knows up to {known}: start a newer version of Sotto, or restore the backup made before the upgrade"
    )]
    Newer {
        /// In the database.
        found: u64,
        /// In this program.
        known: u64,
    },
    /// The database refused.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// Applies what is missing; does nothing the second time.
///
/// # Errors
/// [`MigrateError`]; a migration that fails leaves nothing behind.
pub fn migrate(engine: &mut Sqlite) -> Result<(), MigrateError> {
    engine.script("BEGIN IMMEDIATE")?;
    let result = missing(engine).and_then(|()| Ok(engine.script("COMMIT")?));
    if result.is_err() && engine.in_transaction() {
        engine.script("ROLLBACK")?;
    }
    result
}

fn missing(engine: &mut Sqlite) -> Result<(), MigrateError> {
    engine.script("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")?;
    let mut newest = engine.query("SELECT COALESCE(MAX(version), 0) FROM migration", &[])?;
    let found: u64 = newest.pop().ok_or(SqlError::Shape("no row of an aggregate"))?.take()?;
    let known = MIGRATIONS.len() as u64;
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    for ((name, text), version) in MIGRATIONS.iter().zip(1_u64..).filter(|(_, version)| *version > found) {
        engine.script(text)?;
        engine.execute(
            "INSERT INTO migration (version, name) VALUES (:version, :name)",
            named! { version: version, name: *name },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_does_nothing() {
        let mut engine = Sqlite::in_memory().unwrap();
        migrate(&mut engine).unwrap();
        engine.script("INSERT INTO limit_strict VALUES (x'00', 1)").unwrap();
        migrate(&mut engine).unwrap();
        let count: u64 = engine.query("SELECT COUNT(*) FROM limit_strict", &[]).unwrap().pop().unwrap().take().unwrap();
        assert_eq!(count, 1);
    }

    #[test]
    fn a_newer_database_is_refused_with_advice() {
        let mut engine = Sqlite::in_memory().unwrap();
        migrate(&mut engine).unwrap();
        engine.script("INSERT INTO migration VALUES (999, 'future')").unwrap();
        let text = migrate(&mut engine).unwrap_err().to_string();
        assert!(text.contains("999") && text.contains("newer version of Sotto"), "{text}");
        assert!(!engine.in_transaction());
    }
}
