//! The only door to the database: named transactions, and groups of operations that share one COMMIT.

use std::{fs::File, io, path::Path};

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
pub struct Task {
    run: Operation,
    /// It writes nothing before it has decided: it needs no savepoint.
    decides_first: bool,
}

type Operation = Box<dyn FnOnce(&mut dyn Sql) -> Ran + Send>;

/// Tells the outcome; with a refusal the COMMIT failed and nothing of the group is stored.
type Settle = Box<dyn FnOnce(Option<Refusal>) + Send>;

struct Ran {
    keep: bool,
    settle: Settle,
}

/// A group after its COMMIT, or after it failed: what is left is to answer.
pub struct Committed {
    settles: Vec<Settle>,
    lost: Option<Refusal>,
}

impl Committed {
    /// Answers all, in order: as they went, or, when the COMMIT or what had to follow it failed, with that refusal.
    pub fn settle(self, lost: Option<Refusal>) {
        let lost = self.lost.or(lost);
        for settle in self.settles {
            settle(lost.clone());
        }
    }
}

impl core::fmt::Debug for Committed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Committed(…)")
    }
}

/// Makes durable what was committed: see [`Store::flush_apart`].
#[derive(Debug)]
pub struct Flush(File);

impl Flush {
    /// Returns when all that was committed before this call is on the disk.
    ///
    /// # Errors
    /// When the disk does not take it. What was committed since the last call that went well may be lost then, and a later call that goes
    /// well does not say that it is there: the system forgets what it could not write.
    pub fn flush(&self) -> io::Result<()> {
        self.0.sync_data()
    }
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
        let run: Operation = Box::new(move |sql| {
            let outcome = operation(sql);
            let keep = keeps(&outcome);
            let settle: Settle = Box::new(move |lost| answer(lost.map_or(outcome, Err)));
            Ran { keep, settle }
        });
        Self { run, decides_first: false }
    }

    /// The operation writes nothing before it has decided, so that a refusal leaves nothing to undo. A savepoint copies
    /// each page that is written after it, which costs as much as writing does. Should it be refused after it has
    /// written (the disk failed, or the promise is broken), the whole group is lost.
    #[must_use]
    pub fn decides_first(self) -> Self {
        Self { decides_first: true, ..self }
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
        self.engine.control("BEGIN DEFERRED").map_err(lost)?;
        let outcome = operation(&mut self.engine);
        self.engine.control("ROLLBACK").map_err(lost)?;
        outcome
    }

    /// Group commit: every operation in a savepoint of its own if it needs one, one COMMIT, then all answers in order. A
    /// refusal undoes only its own operation; a failed COMMIT makes every answer `unavailable`.
    pub fn batch(&mut self, tasks: Vec<Task>) {
        self.commit(tasks, || {}).settle(None);
    }

    /// The same up to the COMMIT: nobody is answered yet. `visible` is called just before others can see what is written.
    #[must_use = "nobody is answered"]
    pub fn commit(&mut self, tasks: Vec<Task>, visible: impl FnOnce()) -> Committed {
        if tasks.is_empty() {
            return Committed { settles: vec![], lost: None };
        }
        let began = self.engine.control("BEGIN IMMEDIATE");
        let mut settles = Vec::with_capacity(tasks.len());
        let mut broken = began.err();
        for Task { run, decides_first } in tasks {
            let ran = match (&broken, decides_first) {
                (Some(_), _) => Ok(run(&mut Closed)),
                (None, true) => self.unguarded(run),
                (None, false) => self.in_savepoint(run),
            };
            match ran {
                Ok(ran) => settles.push(ran.settle),
                Err((error, settle)) => {
                    broken = broken.or(Some(error));
                    settles.extend(settle);
                }
            }
        }
        let result = match broken {
            None => {
                visible();
                self.engine.control("COMMIT")
            }
            Some(error) => Err(error),
        };
        if self.engine.in_transaction() {
            // Nothing to do if this fails too: the answers below already say that nothing is stored.
            let _: Result<(), SqlError> = self.engine.control("ROLLBACK");
        }
        Committed { settles, lost: result.err().map(lost) }
    }

    /// From now on a COMMIT does not wait for the disk: its group may be answered, and what it wrote be shown to anybody, once
    /// [`Flush::flush`] was called after it. The log itself stays whole in any case, up to some COMMIT: its frames are summed,
    /// and it is flushed before it is moved into the database. `path` is the one the store was opened with.
    ///
    /// # Errors
    /// When the log can't be opened.
    pub fn flush_apart(&mut self, path: &Path) -> Result<Flush, SqlError> {
        // The log is there from the first statement that reads, and as long as this connection is open.
        first(&mut self.engine, "SELECT 1 FROM store_meta LIMIT 1", &[])?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = File::options().append(true).open(log).map_err(|error| SqlError::Unavailable(error.to_string()))?;
        self.engine.script("PRAGMA synchronous=NORMAL")?;
        Ok(Flush(log))
    }

    fn in_savepoint(&mut self, task: Operation) -> Result<Ran, (SqlError, Option<Settle>)> {
        if let Err(error) = self.engine.control("SAVEPOINT operation") {
            return Err((error, Some(task(&mut Closed).settle)));
        }
        let ran = task(&mut self.engine);
        if !self.engine.in_transaction() {
            return Err((ended(), Some(ran.settle)));
        }
        let undone = if ran.keep { Ok(()) } else { self.engine.control("ROLLBACK TO operation") };
        match undone.and_then(|()| self.engine.control("RELEASE operation")) {
            Ok(()) => Ok(ran),
            Err(error) => Err((error, Some(ran.settle))),
        }
    }

    fn unguarded(&mut self, task: Operation) -> Result<Ran, (SqlError, Option<Settle>)> {
        let mut sql = Noting { sql: &mut self.engine, wrote: false };
        let ran = task(&mut sql);
        let whole = ran.keep || !sql.wrote;
        if whole && self.engine.in_transaction() { Ok(ran) } else { Err((ended(), Some(ran.settle))) }
    }

    /// Moves what the log holds into the database and keeps the log short. Run by a job, not after each commit.
    ///
    /// # Errors
    /// [`SqlError`].
    pub fn checkpoint(&mut self) -> Result<(), SqlError> {
        self.engine.script("PRAGMA wal_checkpoint(PASSIVE); PRAGMA optimize;")
    }
}

/// Notes whether an operation has written, or may have.
struct Noting<'a> {
    sql: &'a mut Sqlite,
    wrote: bool,
}

impl Sql for Noting<'_> {
    fn execute(&mut self, statement: &'static str, parameters: &[crate::sql::Named<'_>]) -> Result<usize, SqlError> {
        let changed = self.sql.execute(statement, parameters);
        self.wrote |= !matches!(changed, Ok(0));
        changed
    }
    fn query(
        &mut self,
        statement: &'static str,
        parameters: &[crate::sql::Named<'_>],
    ) -> Result<Vec<crate::sql::Row>, SqlError> {
        self.sql.query(statement, parameters)
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

fn ended() -> SqlError {
    SqlError::Unavailable("the transaction ended by itself".to_owned())
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
    // What was stored before is what clients of that epoch know; from here on numbers are given for the second time.
    sql.execute(
        "INSERT INTO restored (store_epoch, conv_id, head_seq) SELECT :epoch, conv_id, head_seq FROM conv",
        named! { epoch: &stored },
    )?;
    sql.execute("UPDATE store_meta SET store_epoch = :epoch WHERE id = 1", named! { epoch: &drawn })?;
    // One-time packages of the copy may have been handed out since. Every device makes new ones when it comes back.
    sql.execute("DELETE FROM key_package WHERE last_resort = 0", &[])?;
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{Keys, Rules, tests::world::World};

    /// What the tasks of a batch answered, in order.
    type Answers = Arc<Mutex<Vec<Result<u64, Code>>>>;

    fn put(answers: &Answers, key: u8, then: Outcome<()>) -> Task {
        let answers = Arc::clone(answers);
        let operation = move |sql: &mut dyn Sql| {
            sql.execute("INSERT INTO limit_strict (key, tat_ms) VALUES (:key, 1)", named! { key: &[key] })?;
            then?;
            Ok(Done::quiet(u64::from(key)))
        };
        Task::new(operation, move |outcome| {
            answers.lock().unwrap().push(outcome.map(|done| done.answer).map_err(|refusal| refusal.code));
        })
    }

    fn run(text: &'static str) -> Task {
        Task::new(move |sql| Ok(Done::quiet(sql.execute(text, &[])?)), |_| {})
    }

    fn keys(world: &mut World) -> u64 {
        world.number("SELECT COUNT(*) FROM limit_strict")
    }

    #[test]
    fn a_refusal_undoes_only_its_own_savepoint() {
        let mut world = World::new();
        let answers = Answers::default();
        let refused = Err(Refusal::new(Code::Forbidden));
        let kept = Err(Refusal::new(Code::InvalidCredentials).keeping());
        let broken = put(&answers, 1, done());
        world.store.batch(vec![
            put(&answers, 1, done()),
            put(&answers, 2, refused),
            put(&answers, 3, kept),
            broken,
            put(&answers, 4, done()),
        ]);
        let expected = [Ok(1), Err(Code::Forbidden), Err(Code::InvalidCredentials), Err(Code::Internal), Ok(4)];
        assert_eq!(*answers.lock().unwrap(), expected);
        assert_eq!(keys(&mut world), 3, "1, 3 and 4");
        world.store.batch(vec![]);
    }

    #[test]
    fn who_decides_first_is_refused_alone_or_takes_the_group_along() {
        let mut world = World::new();
        let answers = Answers::default();
        let refuse = |code: Code| {
            let answers = Arc::clone(&answers);
            Task::new(
                move |_| -> Outcome<()> { Err(code.into()) },
                move |outcome| {
                    answers.lock().unwrap().push(outcome.map(|_| 0).map_err(|refusal| refusal.code));
                },
            )
        };
        world.store.batch(vec![
            put(&answers, 1, done()).decides_first(),
            refuse(Code::StaleEpoch).decides_first(),
            put(&answers, 2, done()).decides_first(),
        ]);
        assert_eq!(std::mem::take(&mut *answers.lock().unwrap()), [Ok(1), Err(Code::StaleEpoch), Ok(2)]);
        assert_eq!(keys(&mut world), 2, "there was nothing to undo");
        // A broken promise: what it wrote can't be taken back alone.
        let late = Err(Refusal::new(Code::Forbidden));
        world.store.batch(vec![put(&answers, 3, done()), put(&answers, 4, late).decides_first(), put(&answers, 5, done())]);
        let lost = Err(Code::Unavailable);
        assert_eq!(std::mem::take(&mut *answers.lock().unwrap()), [lost, lost, lost]);
        assert_eq!(keys(&mut world), 2);
        world.store.batch(vec![put(&answers, 6, done()), run("ROLLBACK").decides_first(), put(&answers, 7, done())]);
        assert_eq!(*answers.lock().unwrap(), [lost, lost], "nothing is stored on its own");
        assert_eq!(keys(&mut world), 2);
    }

    #[test]
    fn pages_of_the_database_are_copied_nowhere_else() {
        let folder = std::env::temp_dir().join(format!("sotto-pages-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut store = Store::open(&folder.join("sotto.db")).unwrap();
        // A savepoint keeps what its pages were, about a megabyte here.
        let write = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO limit_strict (key, tat_ms) SELECT randomblob(32), i FROM n";
        store.batch(vec![run(write)]);
        let inside = Arc::new(Mutex::new(vec![]));
        let seen = Arc::clone(&inside);
        let change = move |sql: &mut dyn Sql| {
            let changed = sql.execute("UPDATE limit_strict SET tat_ms = 0", &[])?;
            let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
            let paths = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
            seen.lock().unwrap().extend(paths.filter(|path| path.to_string_lossy().contains("(deleted)")));
            Ok(Done::quiet(u64::try_from(changed).unwrap()))
        };
        store.batch(vec![Task::new(change, |outcome| assert_eq!(outcome.unwrap().answer, 20_000))]);
        assert_eq!(*inside.lock().unwrap(), Vec::<std::path::PathBuf>::new(), "a file that nobody sees");
        drop(store);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_group_can_be_flushed_apart_from_its_commit() {
        let folder = std::env::temp_dir().join(format!("sotto-apart-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("sotto.db");
        let mut store = Store::open(&path).unwrap();
        let flush = store.flush_apart(&path).unwrap();
        let synchronous = first(&mut store.engine, "PRAGMA synchronous", &[]).unwrap().unwrap().take::<u64>().unwrap();
        assert_eq!(synchronous, 1, "the log is flushed before it is moved, not at each COMMIT");
        let (answers, seen) = (Answers::default(), std::cell::Cell::new(0));
        let committed = store.commit(vec![put(&answers, 1, done()), put(&answers, 1, done())], || seen.set(seen.get() + 1));
        assert_eq!(seen.get(), 1, "said before the COMMIT");
        assert!(answers.lock().unwrap().is_empty(), "nobody is answered");
        flush.flush().unwrap();
        committed.settle(None);
        assert_eq!(std::mem::take(&mut *answers.lock().unwrap()), [Ok(1), Err(Code::Internal)]);
        // What could not be flushed is nobody's; a COMMIT that failed says why itself.
        let lost = || Some(Refusal::new(Code::Unavailable));
        store.commit(vec![put(&answers, 2, done())], || {}).settle(lost());
        store.commit(vec![run("ROLLBACK"), put(&answers, 3, done())], || seen.set(9)).settle(None);
        assert_eq!(*answers.lock().unwrap(), [Err(Code::Unavailable), Err(Code::Unavailable)]);
        assert_eq!(seen.get(), 1, "nothing was to be seen");
        drop((store, flush));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failed_commit_makes_every_answer_unavailable() {
        let mut world = World::new();
        let answers = Answers::default();
        let orphan = "INSERT INTO session (token_hash, account_id, auth_epoch, created_ms, expires_ms)
            VALUES (randomblob(32), x'00', 1, 1, 1)";
        world.store.batch(vec![
            put(&answers, 1, done()),
            run("PRAGMA defer_foreign_keys = ON"),
            run(orphan),
            put(&answers, 2, done()),
        ]);
        assert_eq!(*answers.lock().unwrap(), [Err(Code::Unavailable), Err(Code::Unavailable)]);
        assert_eq!(keys(&mut world), 0);
        // The next group works again.
        world.store.batch(vec![put(&answers, 3, done())]);
        assert_eq!(answers.lock().unwrap().last(), Some(&Ok(3)));
        assert_eq!(keys(&mut world), 1);
    }

    #[test]
    fn a_transaction_that_ends_by_itself_is_lost_for_all() {
        let mut world = World::new();
        let answers = Answers::default();
        world.store.batch(vec![put(&answers, 1, done()), run("ROLLBACK"), put(&answers, 2, done())]);
        assert_eq!(*answers.lock().unwrap(), [Err(Code::Unavailable), Err(Code::Unavailable)]);
        assert_eq!(keys(&mut world), 0, "nothing after it was stored on its own");
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
    fn other_keys_are_refused_and_a_copied_back_database_is_noticed() {
        let mut world = World::new();
        let epoch = world.epoch;
        let check = |world: &mut World, file| {
            let World { store, now, rng, rules, keys, .. } = world;
            store.check_epoch(&mut Context { now: *now, rng, rules, keys }, file)
        };
        assert_eq!(check(&mut world, Some(epoch)).unwrap(), EpochCheck::Same(epoch));
        assert_eq!(check(&mut world, None).unwrap(), EpochCheck::Same(epoch), "nobody has used it yet");
        world.register("alice");
        let once = "SELECT COUNT(*) FROM key_package WHERE last_resort = 0";
        assert_eq!(world.number(once), 3);
        let EpochCheck::Restored(new) = check(&mut world, Some([9; 16])).unwrap() else { panic!("not noticed") };
        assert_eq!(world.number(once), 0, "none is handed out twice");
        assert_ne!(new, epoch);
        assert_eq!(check(&mut world, Some(new)).unwrap(), EpochCheck::Same(new));
        assert!(matches!(check(&mut world, None).unwrap(), EpochCheck::Restored(_)), "the file is lost");
        let other = Keys::generate(&mut world.rng);
        let rules = Rules::default();
        let World { store, now, rng, .. } = &mut world;
        let error = store.check_epoch(&mut Context { now: *now, rng, rules: &rules, keys: &other }, Some(new)).unwrap_err();
        assert!(matches!(error, StartError::OtherKeys) && error.to_string().contains("server.keys"));
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
}
