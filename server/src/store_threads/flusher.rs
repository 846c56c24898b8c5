//! What was committed becomes durable, and only then known: one thread flushes and answers a group while the writer executes
//! the next one. ADR 0012 says what that gives, and what it costs.

use std::{
    io,
    sync::{
        Arc,
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
    thread: JoinHandle<()>,
}

impl Flusher {
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(horizon: Arc<Horizon>, flush: impl Fn() -> io::Result<()> + Send + 'static) -> Result<Self> {
        // Handed over and never queued: while one group is flushed, one more is executed, and what comes meanwhile makes
        // the group after it larger.
        let (groups, committed) = mpsc::sync_channel(0);
        let thread = thread::Builder::new()
            .name("store flusher".to_owned())
            .spawn(move || run(&horizon, &flush, &committed))
            .context("no thread")?;
        Ok(Self { groups, thread })
    }

    /// Hands a group over, once the one before it is answered.
    pub(super) fn take(&self, group: u64, committed: Committed) {
        if let Err(mpsc::SendError((_, committed))) = self.groups.send((group, committed)) {
            committed.settle(Some(broken()));
        }
    }

    /// Returns when the last group is answered.
    pub(super) fn end(self) {
        drop(self.groups);
        let _ = self.thread.join();
    }
}

fn run(horizon: &Horizon, flush: &impl Fn() -> io::Result<()>, groups: &mpsc::Receiver<(u64, Committed)>) {
    let mut failed = false;
    for (group, committed) in groups {
        if !failed && let Err(error) = flush() {
            // Tried again it might go well although something is missing.
            tracing::error!(%error, "the disk refused to keep what was written; nothing is accepted until the server is started again");
            failed = true;
        }
        if failed {
            horizon.durable.send_modify(|durable| durable.broken = true);
        } else {
            horizon.durable.send_modify(|durable| durable.upto = group);
        }
        committed.settle(failed.then(broken));
    }
}
