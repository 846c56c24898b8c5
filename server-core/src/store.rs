//! The only door to the database: named transactions, and groups of operations that share one COMMIT.

mod epoch;
mod group;
mod noting;

use std::path::Path;

use shared::Code;

pub(crate) use self::epoch::store_epoch;
use self::noting::Noting;
pub use self::{
    epoch::{EpochCheck, StoreEpoch},
    group::{Committed, Flush, Task},
};
use crate::{
    refusal::{Done, Outcome, Refusal},
    sql::{Sql, SqlError, migrate, sqlite::Sqlite},
};

/// A database, opened by one thread.
#[derive(Debug)]
pub struct Store {
    engine: Sqlite,
}

/// Why the server can't start on this database.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The schema is not usable.
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// The database was used with other keys.
    #[error(
        "the key file does not belong to this database: with another one nobody could log in. Put the old server.keys back, or start with an empty data folder"
    )]
    OtherKeys,
    /// The database refused.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

const fn keeps<T>(outcome: &Outcome<T>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(refusal) => refusal.kept,
    }
}

impl Store {
    /// Opens the file for writing (the one writer), makes or migrates the schema.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(path: &Path) -> Result<Self, StartError> {
        Self::migrated(Sqlite::open(path)?)
    }

    /// Opens an existing, migrated file for reading: for [`Store::read`] only.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open_reader(path: &Path) -> Result<Self, StartError> {
        Ok(Self { engine: Sqlite::open_reader(path)? })
    }

    /// Opens an existing, migrated file beside the one writer: for [`Store::move_log`] only.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open_beside(path: &Path) -> Result<Self, StartError> {
        Ok(Self { engine: Sqlite::open(path)? })
    }

    /// A database in memory.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn in_memory() -> Result<Self, StartError> {
        Self::migrated(Sqlite::in_memory()?)
    }

    fn migrated(mut engine: Sqlite) -> Result<Self, StartError> {
        migrate::migrate(&mut engine)?;
        Ok(Self { engine })
    }

    /// Runs one operation in a transaction of its own. The answer is given after the COMMIT.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable` when the COMMIT failed.
    pub fn transaction<T>(&mut self, name: &'static str, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> Outcome<T> {
        self.engine.control("BEGIN IMMEDIATE").map_err(lost)?;
        let outcome = operation(&mut self.engine);
        let end = match (keeps(&outcome), self.engine.in_transaction()) {
            (true, true) => self.engine.control("COMMIT"),
            (true, false) => Err(ended()),
            (false, _) => Ok(()),
        };
        if self.engine.in_transaction() {
            // Also after a failed COMMIT: SQLite keeps the transaction open then.
            self.engine.control("ROLLBACK").map_err(lost)?;
        }
        end.map_err(|error| Refusal::new(Code::Unavailable).because(format!("{name}: {error}")))?;
        outcome
    }

    /// Runs one operation that only reads, on one snapshot. Nothing it might write stays.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable` when the database can't be read.
    pub fn read<T>(&mut self, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> Outcome<T> {
        self.on_snapshot(|engine| operation(engine))?
    }

    /// The same of an operation that may want to write on a reader (the sliding expiry of a session, mostly): it is let believe that it did.
    /// Says whether it wanted to.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn look<T>(&mut self, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> (Outcome<T>, bool) {
        let looked = self.on_snapshot(|engine| {
            let mut sql = Noting::new(engine, false);
            (operation(&mut sql), sql.wrote())
        });
        looked.unwrap_or_else(|refusal| (Err(refusal), false))
    }

    fn on_snapshot<R>(&mut self, look: impl FnOnce(&mut Sqlite) -> R) -> Result<R, Refusal> {
        self.engine.control("BEGIN DEFERRED").map_err(lost)?;
        let seen = look(&mut self.engine);
        self.engine.control("ROLLBACK").map_err(lost)?;
        Ok(seen)
    }

    /// Moves what the log holds by now into the database, while the writer goes on. The log is flushed before, the database behind it
    /// ([WAL, checkpointing](https://www.sqlite.org/wal.html#checkpointing)); when somebody else is at it, nothing happens.
    ///
    /// # Errors
    /// [`SqlError`]. Nothing is lost: the log keeps what was not moved.
    pub fn move_log(&mut self) -> Result<(), SqlError> {
        self.engine.script("PRAGMA wal_checkpoint(PASSIVE)")
    }

    /// The same at the end of a run, and lets SQLite keep its statistics for the next one.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn checkpoint(&mut self) -> Result<(), SqlError> {
        self.move_log()?;
        self.engine.script("PRAGMA optimize")
    }
}

fn ended() -> SqlError {
    SqlError::Unavailable("the transaction ended by itself".to_owned())
}

fn lost(error: SqlError) -> Refusal {
    Refusal::new(Code::Unavailable).because(error.to_string())
}

/// An answer that only says that it was done.
pub(crate) const fn done() -> Outcome<()> {
    Ok(Done::quiet(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sql::{first, named},
        tests::world::World,
    };

    fn keys(world: &mut World) -> u64 {
        world.number("SELECT COUNT(*) FROM limit_strict")
    }

    #[test]
    fn one_transaction_keeps_or_undoes() {
        let mut world = World::new();
        let insert = |sql: &mut dyn Sql| sql.execute("INSERT INTO limit_strict VALUES (randomblob(8), 1)", &[]);
        world.store.transaction("keeps", |sql| Ok(Done::quiet(insert(sql)?))).unwrap();
        let refused = world.store.transaction("undoes", |sql| -> Outcome<()> {
            insert(sql)?;
            Err(Code::Forbidden.into())
        });
        assert_eq!(refused.unwrap_err().code, Code::Forbidden);
        let ended = world.store.transaction("ends", |sql| Ok(Done::quiet(sql.execute("ROLLBACK", &[])?)));
        assert_eq!(ended.unwrap_err().code, Code::Unavailable, "what was not committed is not acknowledged");
        let read = world.store.read(|sql| Ok(Done::quiet(insert(sql)?)));
        assert!(read.is_ok());
        assert_eq!(keys(&mut world), 1);
    }

    #[test]
    fn a_file_outlives_its_writer_and_can_be_read_beside_it() {
        let folder = std::env::temp_dir().join(format!("sotto-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("sotto.db");
        let insert = "INSERT INTO limit_strict VALUES (x'01', 1)";
        let count = |store: &mut Store| {
            let text = "SELECT COUNT(*) FROM limit_strict";
            store.read(|sql| Ok(Done::quiet(first(sql, text, &[])?.unwrap().take::<u64>()?))).unwrap().answer
        };
        {
            let mut writer = Store::open(&path).unwrap();
            let mut reader = Store::open_reader(&path).unwrap();
            writer.transaction("write", |sql| Ok(Done::quiet(sql.execute(insert, &[])?))).unwrap();
            assert_eq!(count(&mut reader), 1);
            let refused = reader.read(|sql| Ok(Done::quiet(sql.execute(insert, &[])?))).unwrap_err();
            assert_eq!(refused.code, Code::Unavailable, "a reader writes nothing: {refused:?}");
            writer.checkpoint().unwrap();
            let pragma = |name| first(&mut writer.engine, name, &[]).unwrap().unwrap();
            let mut pragma = pragma;
            assert_eq!(pragma("PRAGMA journal_mode").take::<String>().unwrap(), "wal");
            assert_eq!(pragma("PRAGMA synchronous").take::<u64>().unwrap(), 2);
            assert_eq!(pragma("PRAGMA page_size").take::<u64>().unwrap(), 8192);
            assert_eq!(pragma("PRAGMA foreign_keys").take::<u64>().unwrap(), 1);
        }
        assert_eq!(count(&mut Store::open(&path).unwrap()), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_look_says_what_would_be_written_and_writes_nothing() {
        let mut world = World::new();
        let insert = |sql: &mut dyn Sql| sql.execute("INSERT INTO limit_strict VALUES (:key, 1)", named! { key: &[1_u8] });
        let (outcome, wrote) = world.store.look(|sql| Ok(Done::quiet(insert(sql)?)));
        assert_eq!((outcome.unwrap().answer, wrote), (1, true));
        assert_eq!(keys(&mut world), 0);
        let (outcome, wrote) = world.store.look(|sql| Ok(Done::quiet(sql.query("SELECT 1", &[])?.len())));
        assert_eq!((outcome.unwrap().answer, wrote), (1, false));
        let (outcome, _) = world.store.look(|_| -> Outcome<()> { Err(Code::Forbidden.into()) });
        assert_eq!(outcome.unwrap_err().code, Code::Forbidden);
        world.store.read(|sql| Ok(Done::quiet(sql.query("SELECT 1", &[])?.len()))).unwrap();
    }
}
