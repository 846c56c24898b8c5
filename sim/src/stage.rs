//! Browsers with real cores and stores, the real server, and one queue between them: for a script that says what happens.
//! Unlike in [`crate::world`] nothing goes wrong here by itself. A time is simulated; it begins with the real one.
//!
//! ```text
//! act      what people do: register, log in, begin a chat, write        browser  the core's inputs and outputs, its disk
//! time     what is under way arrives, timers fire                       network  what crosses between core and server
//! look     what a browser shows                                         tamper   lies on the way
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a scene is a part of a test: it fails by panicking"
)]

mod act;
mod browser;
mod look;
mod network;
mod tamper;
mod time;

use std::collections::BTreeMap;

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use shared::Millis;

pub use browser::{Browser, copy, fresh_store};
pub use tamper::Tamper;

use crate::{clock, server::Server};
use network::Event;

/// See the module. Browsers are named by their place.
pub struct Stage {
    /// None while it is stopped.
    pub server: Option<Server>,
    /// Everybody's.
    pub browsers: Vec<Browser>,
    /// What is done to what crosses.
    pub tamper: Tamper,
    /// Simulated time.
    pub now: Millis,
    /// One way of every request and frame, milliseconds. 0: whatever is under way arrives before time passes.
    pub latency: u64,
    /// Everything browsers ever sent: bodies, paths, frames.
    pub wire: Vec<Vec<u8>>,
    /// Arrivals so far: bounded.
    pub steps: u64,
    /// Seeds of cores, ids of messages.
    pub rng: ChaCha20Rng,
    /// By the time of arrival, then by order.
    queue: BTreeMap<(Millis, u64), Event>,
    sent: u64,
    /// Whose each socket is.
    sockets: BTreeMap<u64, usize>,
    /// Commands so far.
    commands: u64,
}

impl Stage {
    /// A server of `seed` with an empty database, no latency. openmls judges lifetimes by the real clock, so simulated time
    /// begins with it.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let now = Millis(clock::now());
        Self::over(Some(Server::new(seed, now)), ChaCha20Rng::from_seed(seed), now)
    }

    /// Nobody is there yet.
    #[must_use]
    pub fn over(server: Option<Server>, rng: ChaCha20Rng, now: Millis) -> Self {
        Self {
            server,
            browsers: vec![],
            tamper: Tamper::default(),
            now,
            latency: 0,
            wire: vec![],
            steps: 0,
            rng,
            queue: BTreeMap::new(),
            sent: 0,
            sockets: BTreeMap::new(),
            commands: 0,
        }
    }

    /// Random bytes of this stage's seed.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
