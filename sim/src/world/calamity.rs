//! What happens to a browser as a whole: it dies, goes back in time, is copied, or its clock is wrong.

use client_core::{Client, view::ConnectionState};
use client_store::Store;
use shared::{Millis, time::DAY};

use super::{Happening, World};
use crate::{
    device::{Cheap, Copied, Device},
    faults::Fault,
    history::Fact,
    stored,
};

/// The server takes no key package that was made more than an hour ahead of its clock.
const AHEAD: i64 = 55 * 60 * 1_000;
/// So whoever is not a day behind finds every package valid: they say a day less than they were made.
const BEHIND: i64 = -(23 * 60 - 5) * 60 * 1_000;
/// Longer than anything waits, shorter than any key package lives.
const LEAP: u64 = 89 * DAY;

impl World {
    pub(super) fn crash(&mut self, at: usize) {
        let pause = 5 + self.dice.below(2_000);
        self.die(at, pause);
    }

    /// Its core is gone and another one starts after a pause.
    pub(super) fn die(&mut self, at: usize, pause: u64) {
        self.tell(|| format!("device {at} dies for {pause} ms"));
        if let Some(device) = self.devices.get_mut(at) {
            if let Some(socket) = device.socket {
                self.sockets.remove(&socket);
                self.server.forget(socket);
            }
            device.die();
        }
        self.after(pause, Happening::Start { device: at });
    }

    /// Keeps a copy of a profile, or brings an old one back: the newer one's memory is gone.
    ///
    /// Left out is what the server can't tell (ADR 0004): a run whose Hello is not answered, and a copy from within the run that goes on, none of
    /// whose messages have been stored since.
    pub(super) fn copy_or_roll_back(&mut self, at: usize) {
        if !self.may_be_replaced(at) {
            return;
        }
        let Some(device) = self.devices.get_mut(at) else { return };
        let Some(client) = device.client.as_ref().filter(|client| is_online(client)) else { return };
        let (joined, waiting) = (client.cursors().len(), u64::from(client.state().waiting));
        let Some(counted) = device.id().map(|id| stored::counted(&mut self.server, id)) else { return };
        match (&device.disk, device.copy.take()) {
            (Some((slot, store)), None) => {
                // What waits may have counters that the server does not know yet.
                let (slot, run, counted) = (slot.clone(), device.run, counted + waiting);
                device.copy = store.export().ok().map(|batches| Copied { slot, batches, joined, run, counted });
            }
            (Some(_), Some(copy)) if copy.joined == joined => {
                let told = copy.run != device.run || copy.counted < counted;
                if !told || !self.dice.happens(Fault::ProfileRolledBack, 1_000) {
                    device.copy = Some(copy);
                    return;
                }
                match filled(&copy.batches) {
                    Ok(store) => device.disk = Some((copy.slot, store)),
                    Err(error) => {
                        return self.found.push(format!("device {at}: a copied store does not take its rows: {error}"));
                    }
                }
                self.tell(|| format!("device {at} is rolled back"));
                self.history.facts.push(Fact::RolledBack { profile: at });
                self.crash(at);
            }
            _ => {}
        }
    }

    /// Any browser of one person, and all of them: a chat whose every browser on both sides was replaced has only leaves that
    /// somebody else can't take away, and nobody comes into it (docs/TESTING.md, known gaps).
    fn may_be_replaced(&self, at: usize) -> bool {
        !self.has_operator() && self.devices.get(at).is_some_and(|device| device.person == 0)
    }

    /// Copies a profile with its cookies; both run from here on.
    pub(super) fn run_twice(&mut self, at: usize) {
        if !self.may_be_replaced(at) {
            return;
        }
        let Some(device) = self.devices.get(at).filter(|device| device.client.as_ref().is_some_and(is_online)) else { return };
        let Some((slot, store)) = &device.disk else { return };
        let copied = store.export().map_err(|error| error.to_string()).and_then(|batches| filled(&batches));
        match copied {
            Ok(store) => {
                let disk = Some((slot.clone(), store));
                let twin = Device { disk, cookie: device.cookie.clone(), ..Device::new(device.person) };
                self.tell(|| format!("device {at} is copied"));
                self.history.facts.push(Fact::Copied { profile: at, twin: self.devices.len() });
                self.add_device(twin);
                // A profile is copied while its browser is closed.
                self.die(at, 3_000);
            }
            Err(error) => self.found.push(format!("device {at}: a copied store does not take its rows: {error}")),
        }
    }

    /// A browser's own time.
    pub(super) fn local(&self, at: usize) -> Millis {
        let skew = self.devices.get(at).map_or(0, |device| device.skew);
        Millis(self.now.0.saturating_add_signed(skew))
    }

    /// The process's clock says what the browser's says, or the server's.
    pub(super) fn set_clock(&mut self, time: Millis) {
        if let Some(clock) = self.clock.as_mut()
            && let Err(error) = clock.set(time.0)
        {
            self.found.push(error);
        }
    }

    /// A browser's clock may be wrong, as far as the protocol allows.
    pub(super) fn skew(&mut self, at: usize) {
        let drawn = self.dice.below(3);
        if self.clock.is_none() || drawn == 0 {
            return;
        }
        self.dice.counts.saw(Fault::ClockMoved);
        if let Some(device) = self.devices.get_mut(at) {
            device.skew = if drawn == 1 { AHEAD } else { BEHIND };
        }
    }

    /// Once in a world nobody does anything for 89 days.
    pub(super) fn leap(&mut self) -> bool {
        if self.clock.is_none() || self.leapt || self.kept.len() < 5 || self.dice.below(100) >= 10 {
            return false;
        }
        self.leapt = true;
        self.dice.counts.saw(Fault::ClockMoved);
        self.now = Millis(self.now.0 + LEAP);
        true
    }
}

fn is_online(client: &Client<Cheap>) -> bool {
    client.state().connection == ConnectionState::Online
}

pub(super) fn fresh_store() -> Result<Store, String> {
    let connection = rusqlite::Connection::open_in_memory().map_err(|error| error.to_string())?;
    Store::open(connection).map_err(|error| error.to_string())
}

fn filled(batches: &[client_core::Batch]) -> Result<Store, String> {
    let mut store = fresh_store()?;
    for batch in batches {
        store.apply(batch).map_err(|error| error.to_string())?;
    }
    Ok(store)
}
