//! Operations that share one COMMIT, and what becomes durable apart from it.

use std::{fs::File, io, path::Path};

use super::{Noting, Store, ended, keeps, lost};
use crate::{
    refusal::{Outcome, Refusal},
    sql::{Sql, SqlError, first},
};

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

impl Store {
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
        let mut sql = Noting::new(&mut self.engine, true);
        let ran = task(&mut sql);
        let whole = ran.keep || !sql.wrote();
        if whole && self.engine.in_transaction() { Ok(ran) } else { Err((ended(), Some(ran.settle))) }
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use shared::Code;

    use super::*;
    use crate::{refusal::Done, sql::named, store::done, tests::world::World};

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
    fn the_log_moves_into_the_database_beside_the_writer() {
        let folder = std::env::temp_dir().join(format!("sotto-beside-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, copy) = (folder.join("sotto.db"), folder.join("copy.db"));
        let mut store = Store::open(&path).unwrap();
        let mut beside = Store::open_beside(&path).unwrap();
        let answers = Answers::default();
        // The file alone, without its log.
        let moved = || {
            std::fs::copy(&path, &copy).unwrap();
            let mut copied = Store::open_beside(&copy).unwrap();
            let rows = first(&mut copied.engine, "SELECT COUNT(*) FROM limit_strict", &[]);
            rows.map_or(0, |row| row.unwrap().take::<u64>().unwrap())
        };
        store.batch(vec![put(&answers, 1, done())]);
        assert_eq!(moved(), 0, "it is in the log");
        beside.move_log().unwrap();
        assert_eq!(moved(), 1);
        // In the middle of a group, too: what is committed moves, and the group goes on.
        let inside = Task::new(move |_| Ok(Done::quiet(beside.move_log()?)), |outcome| assert!(outcome.is_ok()));
        store.batch(vec![put(&answers, 2, done()), inside, put(&answers, 3, done())]);
        assert_eq!(moved(), 1);
        assert_eq!(*answers.lock().unwrap(), [Ok(1), Ok(2), Ok(3)]);
        drop(store);
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
}
