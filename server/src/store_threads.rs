//! One thread writes, a few read. The writer drains its queue into groups that share one COMMIT; answers and announcements
//! come after it, so an answer means "durable on disk" and nobody hears of a row that is not.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result};
use server_core::{Context, Done, Keys, Outcome, Refusal, Rules, Store, Task, sql::Sql};
use shared::Code;
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::{self, SystemRandom},
    hub::Hub,
};

/// Operations of one group at most: bounds the time the first of them waits for its COMMIT.
const GROUP: usize = 1_024;
/// Operations that wait for the writer at most; more are told `unavailable`.
const QUEUE: usize = 4_096;
const READERS: usize = 2;

type Read = Box<dyn FnOnce(&mut Store) + Send>;

enum Job<T> {
    Run(T),
    /// What was queued before is done, then the thread ends.
    Stop,
}

/// The doors to the store threads.
#[derive(Debug)]
pub struct StoreThreads {
    writer: mpsc::Sender<Job<Task>>,
    readers: mpsc::Sender<Job<Read>>,
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
    pub fn start(store: Store, path: &Path, world: Arc<World>, hub: Arc<Hub>) -> Result<(Self, Running)> {
        let (writer, tasks) = mpsc::channel(QUEUE);
        let (readers, reads) = mpsc::channel(QUEUE);
        let mut threads = vec![
            thread::Builder::new().name("store writer".to_owned()).spawn(move || write(store, tasks)).context("no thread")?,
        ];
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
        Ok((Self { writer, readers, world, hub }, Running(threads)))
    }

    /// Ends the threads once everything queued so far is done; later operations are told `unavailable`.
    pub async fn stop(&self) {
        for _ in 0..READERS {
            let _ = self.readers.send(Job::Stop).await;
        }
        let _ = self.writer.send(Job::Stop).await;
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
        let world = Arc::clone(&self.world);
        let task = Task::new(move |sql| world.with(|context| operation(sql, context)), answer);
        self.writer.try_send(Job::Run(task)).map_err(|_| busy("the writer's queue is full or closed"))
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
        let world = Arc::clone(&self.world);
        let job: Read = Box::new(move |store| {
            let mut wrote = false;
            let outcome = store.read(|sql| world.with(|context| operation(&mut Watching { sql, wrote: &mut wrote }, context)));
            let _ = tell.send(outcome.map(|done| Seen { answer: done.answer, wrote }));
        });
        self.readers.try_send(Job::Run(job)).map_err(|_| busy("the readers' queue is full or closed"))?;
        told.await.unwrap_or_else(|_| Err(busy("the readers are gone")))
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

/// Notes whether an operation on a reader wanted to change something (the sliding expiry of a session, mostly), and
/// lets it believe it did.
struct Watching<'a> {
    sql: &'a mut dyn Sql,
    wrote: &'a mut bool,
}

impl Sql for Watching<'_> {
    fn execute(
        &mut self,
        _: &'static str,
        _: &[server_core::sql::Named<'_>],
    ) -> std::result::Result<usize, server_core::sql::SqlError> {
        *self.wrote = true;
        Ok(1)
    }
    fn query(
        &mut self,
        statement: &'static str,
        parameters: &[server_core::sql::Named<'_>],
    ) -> std::result::Result<Vec<server_core::sql::Row>, server_core::sql::SqlError> {
        self.sql.query(statement, parameters)
    }
}

fn busy(cause: &str) -> Refusal {
    Refusal::new(Code::Unavailable).because(cause)
}

fn write(mut store: Store, mut jobs: mpsc::Receiver<Job<Task>>) {
    let mut queued = Vec::with_capacity(GROUP);
    let mut stop = false;
    while !stop && jobs.blocking_recv_many(&mut queued, GROUP) > 0 {
        let mut group = Vec::with_capacity(queued.len());
        for job in queued.drain(..) {
            match job {
                Job::Run(task) => group.push(task),
                Job::Stop => stop = true,
            }
        }
        store.batch(group);
    }
    if let Err(error) = store.checkpoint() {
        tracing::warn!(%error, "the last checkpoint failed; the next start repeats it");
    }
}

fn read(mut store: Store, jobs: &Mutex<mpsc::Receiver<Job<Read>>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        match job {
            Some(Job::Run(job)) => job(&mut store),
            Some(Job::Stop) | None => return,
        }
    }
}
