//! One thread writes, one flushes, one moves the log into the database, a few read. The writer drains its queue into groups
//! that share one COMMIT; answers and announcements come after the flush behind it, so an answer means "durable on disk" and
//! nobody hears of a row that is not: who has read one waits for the flush, too.

mod flusher;
mod mover;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use server_core::{Context, Done, Keys, Outcome, Refusal, Rules, Store, Task, sql::Sql};
use shared::Code;
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use self::{
    flusher::{Flusher, Horizon},
    mover::Mover,
};
use crate::{
    clock::{self, SystemRandom},
    hub::Hub,
};

/// Operations of one group at most: bounds the time the first of them waits for its COMMIT.
const GROUP: usize = 1_024;
/// Operations that wait for the writer at most; more are told `unavailable`.
const QUEUE: usize = 4_096;
const READERS: usize = 2;

/// Operations nobody waits for wait this long for one that somebody does, to share its COMMIT.
const LINGER: Duration = Duration::from_millis(10);

type Read = Box<dyn FnOnce(&mut Store) + Send>;

enum Job<T> {
    Run(T),
    /// Nobody waits for its answer.
    Later(T),
    /// What was queued before is done, then the thread ends.
    Stop,
}

/// The doors to the store threads.
#[derive(Debug)]
pub struct StoreThreads {
    writer: mpsc::Sender<Job<Task>>,
    writing: Thread,
    /// Nothing is the end, as [`Job::Stop`].
    readers: mpsc::Sender<Option<Read>>,
    horizon: Arc<Horizon>,
    world: Arc<World>,
    hub: Arc<Hub>,
}

/// What operations know of the world, beside time and randomness.
#[derive(Debug)]
pub struct World {
    /// Limits and times to live.
    pub rules: Rules,
    /// The server's secrets.
    pub keys: Keys,
}

impl World {
    /// Runs something with a context of now.
    pub fn with<T>(&self, run: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut rng = SystemRandom;
        run(&mut Context { now: clock::now(), rng: &mut rng, rules: &self.rules, keys: &self.keys })
    }
}

/// Threads to wait for at the end.
#[derive(Debug)]
pub struct Running(Vec<JoinHandle<()>>);

impl Running {
    /// Waits until every queued operation is committed and answered.
    pub fn join(self) {
        for thread in self.0 {
            let _ = thread.join();
        }
    }
}

impl StoreThreads {
    /// Starts the threads over an opened store.
    ///
    /// # Errors
    /// When the readers can't open the file or a thread can't be made.
    pub fn start(mut store: Store, path: &Path, world: Arc<World>, hub: Arc<Hub>) -> Result<(Self, Running)> {
        let flush = store.flush_apart(path).context("the log of the database can't be opened")?;
        Self::over(store, path, world, hub, move || flush.flush())
    }

    fn over(
        store: Store,
        path: &Path,
        world: Arc<World>,
        hub: Arc<Hub>,
        flush: impl Fn() -> io::Result<()> + Send + 'static,
    ) -> Result<(Self, Running)> {
        let (writer, tasks) = mpsc::channel(QUEUE);
        let (readers, reads) = mpsc::channel(QUEUE);
        let horizon = Horizon::new();
        let flusher = Flusher::start(Arc::clone(&horizon), flush)?;
        let mut log = Store::open_beside(path).context("the database can't be opened a second time")?;
        let mover = Mover::start(Arc::clone(&horizon), mover::EVERY, move || log.move_log())?;
        let seen = Arc::clone(&horizon);
        let thread = thread::Builder::new()
            .name("store writer".to_owned())
            .spawn(move || write(store, tasks, &seen, flusher, mover))
            .context("no thread")?;
        let writing = thread.thread().clone();
        let mut threads = vec![thread];
        let reads = Arc::new(Mutex::new(reads));
        for _ in 0..READERS {
            let store = Store::open_reader(path).context("the database can't be opened for reading")?;
            let reads = Arc::clone(&reads);
            threads.push(
                thread::Builder::new()
                    .name("store reader".to_owned())
                    .spawn(move || read(store, &reads))
                    .context("no thread")?,
            );
        }
        Ok((Self { writer, writing, readers, horizon, world, hub }, Running(threads)))
    }

    /// Ends the threads once everything queued so far is done; later operations are told `unavailable`.
    pub async fn stop(&self) {
        for _ in 0..READERS {
            let _ = self.readers.send(None).await;
        }
        let _ = self.writer.send(Job::Stop).await;
        self.writing.unpark();
    }

    /// Queues an operation; `answer` is called on the writer thread after the COMMIT, and publishes what is to be announced.
    ///
    /// # Errors
    /// `unavailable` when the queue is full or closed: `answer` is not called then.
    pub fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
        answer: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.run(self.task(operation, answer))
    }

    /// The same for an operation that [decides first](Task::decides_first).
    ///
    /// # Errors
    /// As [`StoreThreads::submit`].
    pub fn submit_decided<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
        answer: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.run(self.task(operation, answer).decides_first())
    }

    fn run(&self, task: Task) -> Result<(), Refusal> {
        self.writer.try_send(Job::Run(task)).map_err(|_| busy("the writer's queue is full or closed"))?;
        self.writing.unpark();
        Ok(())
    }

    /// For an operation that nobody waits for and that [decides first](Task::decides_first): it may share the COMMIT of another
    /// that comes a little later.
    ///
    /// # Errors
    /// As [`StoreThreads::submit`].
    pub fn submit_later<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
        answer: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Result<(), Refusal> {
        let task = self.task(operation, answer).decides_first();
        self.writer.try_send(Job::Later(task)).map_err(|_| busy("the writer's queue is full or closed"))
    }

    fn task<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
        answer: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Task {
        let world = Arc::clone(&self.world);
        Task::new(move |sql| world.with(|context| operation(sql, context)), answer)
    }

    /// Runs an operation in the writer and waits for its durable answer.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable`.
    pub async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (tell, told) = oneshot::channel();
        let hub = Arc::clone(&self.hub);
        self.submit(operation, move |outcome| {
            // Who asked may have gone; the others are told all the same.
            let announce = match outcome {
                Ok(Done { answer, announce }) => {
                    let _ = tell.send(Ok(answer));
                    announce
                }
                Err(refusal) => {
                    let _ = tell.send(Err(refusal));
                    return;
                }
            };
            hub.publish(announce);
        })?;
        told.await.unwrap_or_else(|_| Err(busy("the writer is gone")))
    }

    /// Runs an operation on a reader. What it writes is thrown away; says whether it wanted to.
    ///
    /// # Errors
    /// The operation's refusal, or `unavailable`.
    pub async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<Seen<T>, Refusal> {
        let (tell, told) = oneshot::channel();
        let (world, horizon) = (Arc::clone(&self.world), Arc::clone(&self.horizon));
        let job: Read = Box::new(move |store| {
            let (outcome, wrote) = store.look(|sql| world.with(|context| operation(sql, context)));
            let _ = tell.send((horizon.seen(), outcome.map(|done| Seen { answer: done.answer, wrote })));
        });
        self.readers.try_send(Some(job)).map_err(|_| busy("the readers' queue is full or closed"))?;
        let (group, outcome) = told.await.map_err(|_| busy("the readers are gone"))?;
        self.horizon.durable(group).await?;
        outcome
    }
}

/// A reader's answer.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// The answer.
    pub answer: T,
    /// The operation wanted to write: run it in the writer too.
    pub wrote: bool,
}

fn busy(cause: &str) -> Refusal {
    Refusal::new(Code::Unavailable).because(cause)
}

fn write(mut store: Store, mut jobs: mpsc::Receiver<Job<Task>>, horizon: &Horizon, flusher: Flusher, mover: Mover) {
    let mut queued = Vec::with_capacity(GROUP);
    let mut stop = false;
    while !stop && jobs.blocking_recv_many(&mut queued, GROUP) > 0 {
        linger(&mut jobs, &mut queued);
        let mut group = Vec::with_capacity(queued.len());
        for job in queued.drain(..) {
            match job {
                Job::Run(task) | Job::Later(task) => group.push(task),
                Job::Stop => stop = true,
            }
        }
        let committed = store.commit(group, || horizon.next());
        flusher.take(horizon.seen(), committed);
    }
    flusher.end();
    mover.end();
    if let Err(error) = store.checkpoint() {
        tracing::warn!(%error, "the last checkpoint failed; the next start repeats it");
    }
}

/// While nobody waits for any of these, gives others a moment to come. Each message is followed by the cursors of all who
/// have it: with a COMMIT of their own they would keep the next message waiting for the disk.
fn linger<T>(jobs: &mut mpsc::Receiver<Job<T>>, queued: &mut Vec<Job<T>>) {
    let end = Instant::now() + LINGER;
    loop {
        let mut open = true;
        while queued.len() < GROUP && open {
            match jobs.try_recv() {
                Ok(job) => queued.push(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => open = false,
            }
        }
        let left = end.saturating_duration_since(Instant::now());
        let waited_for = queued.iter().any(|job| !matches!(job, Job::Later(_)));
        if waited_for || queued.len() >= GROUP || !open || left.is_zero() {
            return;
        }
        // Woken by the next operation that somebody waits for.
        thread::park_timeout(left);
    }
}

fn read(mut store: Store, jobs: &Mutex<mpsc::Receiver<Option<Read>>>) {
    loop {
        // The lock is let go before the job runs: the other readers wait for it.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job.flatten() else { return };
        job(&mut store);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::mpsc as std_mpsc};

    use tokio::task::JoinHandle;

    use super::*;

    /// A disk that takes what it is given when it is told to, and says when it is asked.
    struct Disk {
        asked: std_mpsc::Receiver<()>,
        takes: std_mpsc::Sender<io::Result<()>>,
    }

    /// Threads over a database of their own, and its disk.
    struct Stage {
        threads: Arc<StoreThreads>,
        running: Running,
        disk: Disk,
        folder: PathBuf,
    }

    impl Stage {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("sotto-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join("sotto.db");
            let store = Store::open(&path).unwrap();
            let world = Arc::new(World { rules: Rules::default(), keys: Keys::generate(&mut SystemRandom) });
            let (ask, asked) = std_mpsc::channel();
            let (takes, taken) = std_mpsc::channel();
            let flush = move || {
                ask.send(()).map_err(io::Error::other)?;
                taken.recv().map_err(io::Error::other)?
            };
            let (threads, running) = StoreThreads::over(store, &path, world, Arc::default(), flush).unwrap();
            Self { threads: Arc::new(threads), running, disk: Disk { asked, takes }, folder }
        }

        /// Writes a row; the second value comes when the writer executes it.
        fn write(&self, key: u8) -> (JoinHandle<Result<(), Refusal>>, std_mpsc::Receiver<u64>) {
            let (threads, (tell, executed)) = (Arc::clone(&self.threads), std_mpsc::channel());
            let operation = move |sql: &mut dyn Sql, _: &mut Context<'_>| {
                sql.execute("INSERT INTO limit_strict (key, tat_ms) VALUES (:key, 1)", &[(":key", (&[key]).into())])?;
                let _ = tell.send(count(sql)?);
                Ok(Done::quiet(()))
            };
            (tokio::spawn(async move { threads.write(operation).await }), executed)
        }

        /// Counts the rows; the second value comes when a reader does.
        fn read(&self) -> (JoinHandle<Result<u64, Refusal>>, std_mpsc::Receiver<u64>) {
            let (threads, (tell, executed)) = (Arc::clone(&self.threads), std_mpsc::channel());
            let operation = move |sql: &mut dyn Sql, _: &mut Context<'_>| {
                let rows = count(sql)?;
                let _ = tell.send(rows);
                Ok(Done::quiet(rows))
            };
            (tokio::spawn(async move { Ok(threads.read(operation).await?.answer) }), executed)
        }

        async fn end(self) {
            self.threads.stop().await;
            drop(self.disk);
            self.running.join();
            std::fs::remove_dir_all(&self.folder).unwrap();
        }
    }

    fn count(sql: &mut dyn Sql) -> Result<u64, Refusal> {
        Ok(sql.query("SELECT COUNT(*) FROM limit_strict", &[])?.remove(0).take()?)
    }

    /// Everything that can go on without the disk has.
    async fn others_run() {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn nobody_hears_of_what_the_disk_has_not_taken() {
        let stage = Stage::new("flush");
        let (first, executed) = stage.write(1);
        others_run().await;
        assert_eq!(executed.recv().unwrap(), 1);
        stage.disk.asked.recv().unwrap();
        // It is committed, and whoever reads sees it. There are two readers: the third can only begin when one of the others has ended.
        let reads: Vec<_> = (0..=READERS).map(|_| stage.read()).collect();
        others_run().await;
        for (_, executed) in &reads {
            assert_eq!(executed.recv().unwrap(), 1);
        }
        others_run().await;
        assert!(!first.is_finished(), "an answer before the disk has it");
        assert!(reads.iter().all(|(read, _)| !read.is_finished()), "read before the disk has it");
        // Meanwhile the next group is executed.
        let (second, executed) = stage.write(2);
        others_run().await;
        assert_eq!(executed.recv().unwrap(), 2);
        stage.disk.takes.send(Ok(())).unwrap();
        first.await.unwrap().unwrap();
        for (read, _) in reads {
            assert_eq!(read.await.unwrap().unwrap(), 1);
        }
        stage.disk.asked.recv().unwrap();
        others_run().await;
        assert!(!second.is_finished());
        stage.disk.takes.send(Ok(())).unwrap();
        second.await.unwrap().unwrap();
        // At rest nobody waits for a disk.
        assert_eq!(stage.read().0.await.unwrap().unwrap(), 2);
        stage.end().await;
    }

    #[tokio::test]
    async fn a_disk_that_has_refused_once_is_not_believed_again() {
        let stage = Stage::new("refused");
        let (first, _executed) = stage.write(1);
        others_run().await;
        stage.disk.asked.recv().unwrap();
        stage.disk.takes.send(Err(io::Error::other("no"))).unwrap();
        assert_eq!(first.await.unwrap().unwrap_err().code, Code::Unavailable);
        // What it had to keep may be missing although it takes what comes.
        stage.disk.takes.send(Ok(())).unwrap();
        assert_eq!(stage.write(2).0.await.unwrap().unwrap_err().code, Code::Unavailable);
        assert_eq!(stage.read().0.await.unwrap().unwrap_err().code, Code::Unavailable, "it shows what may be gone");
        stage.end().await;
    }

    fn queue() -> (mpsc::Sender<Job<u8>>, mpsc::Receiver<Job<u8>>) {
        mpsc::channel(8)
    }

    #[test]
    fn what_somebody_waits_for_does_not_linger() {
        let (_send, mut jobs) = queue();
        let mut queued = vec![Job::Later(1), Job::Run(2)];
        let start = Instant::now();
        linger(&mut jobs, &mut queued);
        assert!(start.elapsed() < LINGER, "nothing came, and it did not wait");
        assert_eq!(queued.len(), 2);
    }

    #[test]
    fn what_nobody_waits_for_goes_with_the_next_that_somebody_does() {
        let (send, mut jobs) = queue();
        let mut queued = vec![Job::Later(1)];
        send.try_send(Job::Later(2)).map_err(|_| ()).unwrap();
        send.try_send(Job::Run(3)).map_err(|_| ()).unwrap();
        send.try_send(Job::Run(4)).map_err(|_| ()).unwrap();
        linger(&mut jobs, &mut queued);
        assert_eq!(queued.len(), 4, "all of them, in order");
        let start = Instant::now();
        let mut queued = vec![Job::Later(1)];
        linger(&mut jobs, &mut queued);
        assert!(start.elapsed() >= LINGER, "alone, it goes after the time");
        assert_eq!(queued.len(), 1);
        drop(send);
    }

    #[test]
    fn the_end_is_not_waited_for() {
        let (send, mut jobs) = queue();
        drop(send);
        let start = Instant::now();
        linger(&mut jobs, &mut vec![Job::Later(1)]);
        assert!(start.elapsed() < LINGER);
        let (_send, mut jobs) = queue();
        linger(&mut jobs, &mut vec![Job::Stop]);
        assert!(start.elapsed() < LINGER);
    }
}
