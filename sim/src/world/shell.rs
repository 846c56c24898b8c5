//! What a browser does for its core, in the order the core says.

use client_core::{Answer, Batch, Client, Failure, Input, Output, view};

use super::{Happening, World, calamity::fresh_store};
use crate::{device::Asked, faults::Fault, history::Fact};

/// The pause before a store that refused a batch is opened again, doubled each time: as in the browser's shell.
const PAUSE: u64 = 100;

impl World {
    /// A core begins: from its disk, or knowing nobody.
    pub(super) fn start(&mut self, at: usize) {
        let seed = self.dice.seed();
        let now = self.local(at);
        self.set_clock(now);
        let Some(device) = self.devices.get_mut(at) else { return };
        if device.client.is_some() {
            return;
        }
        let client = match &device.disk {
            None => Ok(Client::new(seed)),
            Some((_, store)) => store
                .load()
                .map_err(|error| error.to_string())
                .and_then(|snapshot| Client::open(seed, snapshot, now).map_err(|failure| failure.code)),
        };
        match client {
            Ok(client) => device.client = Some(client),
            Err(error) => return self.found.push(format!("device {at} does not start: {error}")),
        }
        self.drain(at);
        let again = self.devices.get_mut(at).map(|device| core::mem::take(&mut device.again)).unwrap_or_default();
        for sending in again {
            self.send(at, sending);
        }
    }

    pub(super) fn input(&mut self, at: usize, run: u64, input: Input) {
        let now = self.local(at);
        if self.devices.get(at).is_none_or(|device| device.run != run || device.client.is_none()) {
            return;
        }
        self.set_clock(now);
        if let Some(client) = self.devices.get_mut(at).and_then(|device| device.client.as_mut()) {
            client.handle(now, input);
        }
        self.drain(at);
    }

    /// Does what the core says, in its order; it may die before any of it.
    fn drain(&mut self, at: usize) {
        loop {
            let Some(device) = self.devices.get_mut(at) else { return };
            let run = device.run;
            let Some(output) = device.client.as_mut().and_then(Client::poll) else { break };
            if self.dice.happens(Fault::ClientCrash, 2) {
                return self.crash(at);
            }
            match output {
                Output::Persist(batch) => {
                    if !self.persist(at, &batch) {
                        return;
                    }
                }
                Output::Transmit(bytes) => self.transmit(at, bytes),
                Output::Http(request) => self.http(at, run, request),
                Output::OpenSocket { ticket } => {
                    let pause = self.latency();
                    self.after(pause, Happening::Connect { device: at, run, ticket });
                }
                Output::CloseSocket => {
                    if let Some(socket) = self.devices.get_mut(at).and_then(|device| device.socket.take()) {
                        self.sockets.remove(&socket);
                        self.server.forget(socket);
                    }
                }
                Output::Show(event) => self.shown(at, &event),
                Output::Answer { id, result } => self.answered(at, id, result),
                Output::OpenStore { slot, fresh, .. } => return self.open_store(at, slot, fresh),
                Output::CloseStore { wipe } => {
                    if let Some(device) = self.devices.get_mut(at)
                        && wipe
                    {
                        device.disk = None;
                    }
                }
            }
        }
        let due = self.now.0 + 1;
        let Some(device) = self.devices.get_mut(at) else { return };
        let at_local = device.client.as_ref().and_then(Client::poll_timeout);
        let time = at_local.map(|time| time.0.saturating_add_signed(device.skew.saturating_neg()).max(due));
        let run = device.run;
        if let Some(time) = time
            && device.timer.is_none_or(|set| time < set)
        {
            device.timer = Some(time);
            self.at(time, Happening::Timer { device: at, run });
        }
    }

    /// Makes a batch durable. When that fails the core in memory is ahead of its disk and must go.
    fn persist(&mut self, at: usize, batch: &Batch) -> bool {
        self.secrets.learn(batch);
        if self.dice.happens(Fault::DiskFull, 1) {
            let until = self.now.0 + 2_000 + self.dice.below(60_000);
            if let Some(device) = self.devices.get_mut(at) {
                device.full_until = until;
            }
        }
        if self.dice.happens(Fault::PersistFailed, 2) || self.is_full(at) {
            self.refused(at);
            return false;
        }
        let Some(device) = self.devices.get_mut(at) else { return false };
        device.refused = 0;
        match device.disk.as_mut().map(|(_, store)| store.apply(batch)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => self.found.push(format!("device {at}: {error}")),
            None => self.found.push(format!("device {at} persists without a store")),
        }
        true
    }

    fn is_full(&self, at: usize) -> bool {
        !self.dice.calm && self.devices.get(at).is_some_and(|device| device.full_until > self.now.0)
    }

    /// The store refused a batch: whatever the core in memory believes, only the store is right.
    fn refused(&mut self, at: usize) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let pause = PAUSE << device.refused.min(8);
        device.refused += 1;
        self.die(at, pause);
    }

    fn shown(&mut self, at: usize, event: &view::Event) {
        let view::Event::Message { message } = event else { return };
        let stored =
            matches!(message.state, view::MessageState::Stored | view::MessageState::Delivered | view::MessageState::Read);
        if message.kind == view::MessageKind::Text {
            let fact = Fact::Shown {
                profile: at,
                conversation: message.conversation.0,
                message: message.id.0,
                own: message.own,
                stored,
            };
            self.history.facts.push(fact);
        }
    }

    fn open_store(&mut self, at: usize, slot: client_core::Slot, fresh: Option<Box<Batch>>) {
        let full = self.is_full(at);
        let Some(device) = self.devices.get_mut(at) else { return };
        let run = device.run;
        if let Some(batch) = fresh {
            self.secrets.learn(&batch);
            let made = match full {
                true => Err("the disk is full".to_owned()),
                false => {
                    fresh_store().and_then(|mut store| store.apply(&batch).map(|_| store).map_err(|error| error.to_string()))
                }
            };
            match made {
                Ok(store) => device.disk = Some((slot, store)),
                Err(error) if full => return self.input(at, run, Input::StoreFailed(error)),
                Err(error) => return self.found.push(format!("device {at}: {error}")),
            }
        }
        let snapshot = device.disk.as_ref().map(|(_, store)| store.load());
        match snapshot {
            Some(Ok(snapshot)) => self.input(at, run, Input::StoreOpened(snapshot)),
            _ => self.input(at, run, Input::StoreFailed("no store".to_owned())),
        }
    }

    fn answered(&mut self, at: usize, id: u64, result: Result<Answer, Failure>) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let person = device.person;
        let Some(asked) = device.asked.remove(&id) else { return };
        self.tell(|| format!("device {at}: {asked:?} → {result:?}"));
        match (asked, result) {
            (Asked::Enter, Ok(_)) => {
                if let Some(person) = self.people.get_mut(person) {
                    person.registered = true;
                }
            }
            (Asked::Enter, Err(failure)) if failure.code == "username_taken" => {
                // The answer of an earlier finish was lost: the account exists.
                if let Some(person) = self.people.get_mut(person) {
                    person.registered = true;
                }
            }
            (Asked::Send(sending), Ok(_)) => self.keep(at, sending),
            // The conversation moved while the text was on its way to the core.
            (Asked::Send(sending), Err(failure)) if failure.code == "not_found" => {
                if let Some(device) = self.devices.get_mut(at) {
                    device.again.push(sending);
                }
            }
            // An earlier registration that a crash cut off is still being settled: the person tries again.
            (Asked::Enter, Err(failure)) if failure.code == "busy" => {}
            // What it began on the server of before, an attempt or the session of one, is not there any more: the person tries again.
            (Asked::Enter, Err(Failure { code, .. }))
                if self.has_operator() && matches!(code.as_str(), "attempt_expired" | "login_required") => {}
            (Asked::Enter, Err(failure)) if self.dice.calm && failure.code != "offline" => {
                self.found.push(format!("device {at} can't get in: {failure:?}"));
            }
            (Asked::Send(_), Err(failure)) => self.found.push(format!("device {at}: a text was refused: {failure:?}")),
            _ => {}
        }
    }
}
