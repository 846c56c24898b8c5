//! What was committed becomes durable, and only then known: one thread flushes and answers a group while the writer executes
//! the next one. ADR 0012 says what that gives, and what it costs.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result};
use server_core::{Refusal, store::Committed};
use shared::Code;
use tokio::sync::watch;

/// How far the writer has come, and how far the disk: groups are counted.
#[derive(Debug)]
pub(super) struct Horizon {
    visible: AtomicU64,
    durable: watch::Sender<Durable>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Durable {
    upto: u64,
    /// The disk has refused: nothing becomes durable any more.
    broken: bool,
}

impl Horizon {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { visible: AtomicU64::new(0), durable: watch::Sender::default() })
    }

    /// The next group can be seen from now on, by who reads.
    pub(super) fn next(&self) {
        self.visible.fetch_add(1, Ordering::SeqCst);
    }

    /// The last group that somebody who has read before this call may have seen.
    pub(super) fn seen(&self) -> u64 {
        self.visible.load(Ordering::SeqCst)
    }

    /// Waits until all up to this group is durable.
    ///
    /// # Errors
    /// `unavailable` when it never will be.
    pub(super) async fn durable(&self, group: u64) -> Result<(), Refusal> {
        let mut told = self.durable.subscribe();
        let reached =
            told.wait_for(|durable| durable.broken || durable.upto >= group).await.map(|durable| durable.upto >= group);
        if reached.unwrap_or(false) { Ok(()) } else { Err(broken()) }
    }
}

fn broken() -> Refusal {
    Refusal::new(Code::Unavailable).because("the disk refused to keep what was written: start the server again")
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Flusher {
    groups: mpsc::SyncSender<(u64, Committed)>,
    disk: Arc<Disk>,
    thread: JoinHandle<()>,
}

/// Whether the disk has a group to take.
#[derive(Debug, Default)]
struct Disk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Busy,
    /// The thread has ended: nobody waits for it.
    Gone,
}

impl Disk {
    fn set(&self, state: State) {
        let mut present = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *present != State::Gone {
            *present = state;
        }
        drop(present);
        self.changed.notify_one();
    }

    fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| *state == State::Busy).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Says so when the thread ends, however it does.
struct Ending<'a>(&'a Disk);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.set(State::Gone);
    }
}

impl Flusher {
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(horizon: Arc<Horizon>, flush: impl Fn() -> io::Result<()> + Send + 'static) -> Result<Self> {
        // One may wait while the one before it is answered.
        let (groups, committed) = mpsc::sync_channel(1);
        let disk = Arc::new(Disk::default());
        let at = Arc::clone(&disk);
        let thread = thread::Builder::new()
            .name("store flusher".to_owned())
            .spawn(move || run(&horizon, &flush, &at, &committed))
            .context("no thread")?;
        Ok(Self { groups, disk, thread })
    }

    /// Waits until the disk has taken the group before. What comes meanwhile belongs into the next one: the larger a group,
    /// the fewer pages each of its operations pays for.
    pub(super) fn idle(&self) {
        self.disk.wait();
    }

    /// Hands a group over, when the disk is idle.
    pub(super) fn take(&self, group: u64, committed: Committed) {
        self.disk.set(State::Busy);
        if let Err(mpsc::SendError((_, committed))) = self.groups.send((group, committed)) {
            self.disk.set(State::Idle);
            committed.settle(Some(broken()));
        }
    }

    /// Returns when the last group is answered.
    pub(super) fn end(self) {
        drop(self.groups);
        let _ = self.thread.join();
    }
}

fn run(horizon: &Horizon, flush: &impl Fn() -> io::Result<()>, disk: &Disk, groups: &mpsc::Receiver<(u64, Committed)>) {
    let _ending = Ending(disk);
    let mut failed = false;
    for (group, committed) in groups {
        if !failed && let Err(error) = flush() {
            // Tried again it might go well although something is missing.
            tracing::error!(%error, "the disk refused to keep what was written; nothing is accepted until the server is started again");
            failed = true;
        }
        disk.set(State::Idle);
        if failed {
            horizon.durable.send_modify(|durable| durable.broken = true);
        } else {
            horizon.durable.send_modify(|durable| durable.upto = group);
        }
        committed.settle(failed.then(broken));
    }
}
