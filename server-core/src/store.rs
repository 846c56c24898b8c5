//! The only door to the database: named transactions, and groups of operations that share one COMMIT.

use std::path::Path;

use shared::Code;

use crate::{
    context::Context,
    refusal::{Done, Outcome, Refusal},
    sql::{Sql, SqlError, first, migrate, named, sqlite::Sqlite},
};

/// A database, opened by one thread.
#[derive(Debug)]
pub struct Store {
    engine: Sqlite,
}

/// 16 random bytes that change whenever numbers may be given twice: at a restore.
pub type StoreEpoch = [u8; 16];

/// What [`Store::check_epoch`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochCheck {
    /// File and database agree (or both are new): write it to the file.
    Same(StoreEpoch),
    /// The database is an older copy: a new epoch was drawn and is in force; write it to the file.
    Restored(StoreEpoch),
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

/// One operation of a group and what happens to its outcome after the COMMIT.
pub struct Task(Operation);

type Operation = Box<dyn FnOnce(&mut dyn Sql) -> Ran + Send>;

/// Tells the outcome; with a refusal the COMMIT failed and nothing of the group is stored.
type Settle = Box<dyn FnOnce(Option<Refusal>) + Send>;

struct Ran {
    keep: bool,
    settle: Settle,
}

impl core::fmt::Debug for Task {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Task(…)")
    }
}

impl Task {
    /// `operation` runs inside the group's transaction, `answer` after its COMMIT.
    pub fn new<T: Send + 'static>(
        operation: impl FnOnce(&mut dyn Sql) -> Outcome<T> + Send + 'static,
        answer: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Self {
        Self(Box::new(move |sql| {
            let outcome = operation(sql);
            let keep = keeps(&outcome);
            let settle: Settle = Box::new(move |lost| answer(lost.map_or(outcome, Err)));
            Ran { keep, settle }
        }))
    }
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

    /// Ties keys and database together and compares the store epoch with the one kept in a file outside. Once, at the start.
    ///
    /// # Errors
    /// [`StartError::OtherKeys`] when the database was used with another key file.
    pub fn check_epoch(&mut self, context: &mut Context<'_>, file: Option<StoreEpoch>) -> Result<EpochCheck, StartError> {
        let fingerprint = context.keys.fingerprint();
        let drawn: StoreEpoch = context.random();
        self.engine.control("BEGIN IMMEDIATE")?;
        let result = settle_epoch(&mut self.engine, &fingerprint, drawn, file);
        self.engine.control(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        result
    }

    /// Runs one operation in a transaction of its own. The answer is given after the COMMIT.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable` when the COMMIT failed.
    pub fn transaction<T>(&mut self, name: &'static str, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> Outcome<T> {
        self.engine.control("BEGIN IMMEDIATE").map_err(lost)?;
        let outcome = operation(&mut self.engine);
        let end = if keeps(&outcome) && self.engine.in_transaction() { self.engine.control("COMMIT") } else { Ok(()) };
        if self.engine.in_transaction() {
            // Also after a failed COMMIT: SQLite keeps the transaction open then.
            self.engine.control("ROLLBACK").map_err(lost)?;
        }
        end.map_err(|error| lost(error).because(name))?;
        outcome
    }

    /// Runs one operation that only reads, on one snapshot. Nothing it might write stays.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable` when the database can't be read.
    pub fn read<T>(&mut self, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> Outcome<T> {
        self.engine.control("BEGIN DEFERRED").map_err(lost)?;
        let outcome = operation(&mut self.engine);
        self.engine.control("ROLLBACK").map_err(lost)?;
        outcome
    }

    /// Group commit: every operation in a savepoint of its own, one COMMIT, then all answers in order. A refusal undoes
    /// only its own operation; a failed COMMIT makes every answer `unavailable`.
    pub fn batch(&mut self, tasks: Vec<Task>) {
        if tasks.is_empty() {
            return;
        }
        let began = self.engine.control("BEGIN IMMEDIATE");
        let mut settles = Vec::with_capacity(tasks.len());
        let mut broken = began.err();
        for Task(task) in tasks {
            let ran = if broken.is_none() { self.in_savepoint(task) } else { Ok(task(&mut Closed)) };
            match ran {
                Ok(ran) => settles.push(ran.settle),
                Err((error, settle)) => {
                    broken = broken.or(Some(error));
                    settles.extend(settle);
                }
            }
        }
        let result = match broken {
            None => self.engine.control("COMMIT"),
            Some(error) => Err(error),
        };
        if self.engine.in_transaction() {
            // Nothing to do if this fails too: the answers below already say that nothing is stored.
            let _: Result<(), SqlError> = self.engine.control("ROLLBACK");
        }
        let lost = result.err().map(lost);
        for settle in settles {
            settle(lost.clone());
        }
    }

    fn in_savepoint(&mut self, task: Operation) -> Result<Ran, (SqlError, Option<Settle>)> {
        if let Err(error) = self.engine.control("SAVEPOINT operation") {
            return Err((error, Some(task(&mut Closed).settle)));
        }
        let ran = task(&mut self.engine);
        let ended = || SqlError::Unavailable("the transaction ended by itself".to_owned());
        if !self.engine.in_transaction() {
            return Err((ended(), Some(ran.settle)));
        }
        let undone = if ran.keep { Ok(()) } else { self.engine.control("ROLLBACK TO operation") };
        match undone.and_then(|()| self.engine.control("RELEASE operation")) {
            Ok(()) => Ok(ran),
            Err(error) => Err((error, Some(ran.settle))),
        }
    }

    /// Moves what the log holds into the database and keeps the log short. Run by a job, not after each commit.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn checkpoint(&mut self) -> Result<(), SqlError> {
        self.engine.script("PRAGMA wal_checkpoint(PASSIVE); PRAGMA optimize;")
    }
}

/// Stands in for a database once a group's transaction is lost: its operations run only to give their answers back.
struct Closed;

impl Sql for Closed {
    fn execute(&mut self, _: &'static str, _: &[crate::sql::Named<'_>]) -> Result<usize, SqlError> {
        Err(SqlError::Unavailable("the transaction is lost".to_owned()))
    }
    fn query(&mut self, _: &'static str, _: &[crate::sql::Named<'_>]) -> Result<Vec<crate::sql::Row>, SqlError> {
        Err(SqlError::Unavailable("the transaction is lost".to_owned()))
    }
}

fn lost(error: SqlError) -> Refusal {
    Refusal::new(Code::Unavailable).because(error.to_string())
}

fn settle_epoch(
    sql: &mut dyn Sql,
    fingerprint: &[u8; 32],
    drawn: StoreEpoch,
    file: Option<StoreEpoch>,
) -> Result<EpochCheck, StartError> {
    let Some(mut row) = first(sql, "SELECT store_epoch, keys_fingerprint FROM store_meta WHERE id = 1", &[])? else {
        sql.execute(
            "INSERT INTO store_meta (id, store_epoch, keys_fingerprint) VALUES (1, :epoch, :keys)",
            named! { epoch: &drawn, keys: fingerprint },
        )?;
        // A file beside an empty database: the database was lost, and its numbers will be given again.
        return Ok(if file.is_some() { EpochCheck::Restored(drawn) } else { EpochCheck::Same(drawn) });
    };
    let stored: StoreEpoch = row.take()?;
    if row.take::<[u8; 32]>()? != *fingerprint {
        return Err(StartError::OtherKeys);
    }
    let unused = first(sql, "SELECT 1 FROM account LIMIT 1", &[])?.is_none();
    if file == Some(stored) || (file.is_none() && unused) {
        return Ok(EpochCheck::Same(stored));
    }
    sql.execute("UPDATE store_meta SET store_epoch = :epoch WHERE id = 1", named! { epoch: &drawn })?;
    Ok(EpochCheck::Restored(drawn))
}

/// The store epoch in force.
pub(crate) fn store_epoch(sql: &mut dyn Sql) -> Result<StoreEpoch, Refusal> {
    let row = first(sql, "SELECT store_epoch FROM store_meta WHERE id = 1", &[])?;
    Ok(row.ok_or_else(|| Refusal::internal("check_epoch was not called"))?.take()?)
}

/// An answer that only says that it was done.
pub(crate) const fn done() -> Outcome<()> {
    Ok(Done::quiet(()))
}
