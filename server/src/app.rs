//! What every request handler is given.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};

use crate::{assets::Assets, hub::Hub, origins::Origins, store_threads::StoreThreads, tickets::Tickets};

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Serving.
    Running,
    /// Going down in good order.
    Stopping,
}

/// Waits until the server goes down.
pub async fn stopping(stage: &mut watch::Receiver<Stage>) {
    // A sender that is gone means the same.
    let _ = stage.wait_for(|stage| *stage == Stage::Stopping).await;
}

/// Deadlines and sizes of the socket; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first frame must come within this.
    pub hello: Duration,
    /// A WebSocket ping is sent this often.
    pub ping: Duration,
    /// A socket that was silent for this long is closed.
    pub silence: Duration,
    /// A frame must leave within this, else the reader is too slow.
    pub write: Duration,
    /// The session behind a socket is looked at this often, even if nobody announced its end.
    pub recheck: Duration,
    /// Rows a device may send a second, in the long run.
    pub rows_per_second: u32,
    /// Rows a device may send at once.
    pub rows_at_once: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(5),
            ping: Duration::from_secs(30),
            silence: Duration::from_secs(75),
            write: Duration::from_secs(20),
            recheck: Duration::from_secs(50),
            rows_per_second: 100,
            rows_at_once: 2_000,
        }
    }
}

/// Shared by all connections.
#[derive(Debug)]
pub struct App {
    /// The store threads.
    pub store: Arc<StoreThreads>,
    /// Living sockets.
    pub hub: Arc<Hub>,
    /// Tickets for sockets.
    pub tickets: Tickets,
    /// Own origins.
    pub origins: Origins,
    /// The web client.
    pub assets: Assets,
    /// Is HSTS on?
    pub hsts: bool,
    /// Memory for big bodies, in units of [`BODY_UNIT`].
    pub bodies: Arc<Semaphore>,
    /// Socket deadlines.
    pub pace: Pace,
    /// Where the server is in its life.
    pub stage: watch::Receiver<Stage>,
}

/// One permit of [`App::bodies`] stands for this many bytes.
pub const BODY_UNIT: usize = 64 * 1024;
/// All big bodies together: 64 MiB.
pub const BODY_UNITS: usize = 1_024;
