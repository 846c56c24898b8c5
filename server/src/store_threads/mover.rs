//! The log is moved into the database a little at a time, beside the writer. Left to the writer it moves four thousand pages at once
//! when the log is long, and everybody who writes meanwhile waits for that: ADR 0013.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use server_core::sql::SqlError;

use super::flusher::Horizon;

/// The pause between two moves: what is left for the writer is what was written within it.
pub(super) const EVERY: Duration = Duration::from_millis(250);

/// The thread; dropped or ended, it moves nothing more.
#[derive(Debug)]
pub(super) struct Mover {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Mover {
    /// Calls `move_log` after every pause in which something was written.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(
        horizon: Arc<Horizon>,
        every: Duration,
        move_log: impl FnMut() -> Result<(), SqlError> + Send + 'static,
    ) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store mover".to_owned())
            .spawn(move || run(&horizon, every, move_log, &stopped))
            .context("no thread")?;
        Ok(Self { stop, thread })
    }

    /// Returns when the last move is over.
    pub(super) fn end(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

fn run(horizon: &Horizon, every: Duration, mut move_log: impl FnMut() -> Result<(), SqlError>, stopped: &mpsc::Receiver<()>) {
    // Groups are counted from one.
    let (mut moved, mut failed) = (0, false);
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
        let seen = horizon.seen();
        if seen == moved {
            continue;
        }
        match move_log() {
            Ok(()) => (moved, failed) = (seen, false),
            // The log keeps what could not be moved, and the writer tries as well.
            Err(error) if !failed => {
                tracing::warn!(%error, "the log of the database could not be moved; it is tried again");
                failed = true;
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn mover(horizon: &Arc<Horizon>, mut fails: usize) -> (Mover, mpsc::Receiver<()>) {
        let (tell, told) = mpsc::channel();
        let move_log = move || {
            let _ = tell.send(());
            let refuses = fails > 0;
            fails = fails.saturating_sub(1);
            if refuses { Err(SqlError::Unavailable("no".to_owned())) } else { Ok(()) }
        };
        (Mover::start(Arc::clone(horizon), SOON, move_log).unwrap(), told)
    }

    #[test]
    fn what_was_written_is_moved_once() {
        let horizon = Horizon::new();
        let (mover, told) = mover(&horizon, 0);
        horizon.next();
        told.recv().unwrap();
        horizon.next();
        told.recv().unwrap();
        mover.end();
        assert_eq!(told.try_iter().count(), 0, "at rest there is nothing to move");
    }

    #[test]
    fn what_was_refused_is_tried_again() {
        let horizon = Horizon::new();
        let (mover, told) = mover(&horizon, 2);
        horizon.next();
        for _ in 0..3 {
            told.recv().unwrap();
        }
        mover.end();
        assert_eq!(told.try_iter().count(), 0);
    }
}
