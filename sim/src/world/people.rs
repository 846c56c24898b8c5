//! What people do.

use client_core::{Command, view};
use shared::MessageId;

use super::{Happening, Kept, World};
use crate::{
    device::{Asked, Device, Sending},
    faults::Fault,
    history::Fact,
};

/// So many browsers has a person at most; one more when a profile is copied.
const BROWSERS: usize = 3;

impl World {
    /// A person does something.
    pub(super) fn act(&mut self, at: usize) {
        let pause = 20 + self.dice.below(400);
        self.after(pause, Happening::Act { device: at });
        self.operate();
        let Some(device) = self.devices.get(at) else { return };
        let Some(client) = &device.client else { return };
        let state = client.state();
        let person = device.person;
        let entering = device.asked.values().any(|asked| matches!(asked, Asked::Enter));
        let (Some(who), false) = (self.people.get(person), entering) else { return };
        let (username, password) = (who.name.clone(), who.password.clone());
        match (state.phase, state.session) {
            (view::Phase::SignedOut, _) if who.registered => {
                self.ask(at, Asked::Enter, Command::Login { username, password, stay: true });
            }
            (view::Phase::SignedOut, _) => self.ask(at, Asked::Enter, Command::Register { username, password, stay: true }),
            (view::Phase::Locked, _) | (view::Phase::Open, view::SessionState::Ended) => {
                self.ask(at, Asked::Enter, Command::Unlock { password });
            }
            (view::Phase::Open, view::SessionState::Live) if self.accept(at) => {}
            (view::Phase::Open, view::SessionState::Live) if !self.dice.calm => self.live(at),
            (view::Phase::Open, _) => {}
        }
    }

    /// A restore can take statements back, and another one comes under a number that somebody has seen: the person is told that the
    /// other one's keys look changed, and goes on. Nowhere else in these worlds does anybody have to.
    fn accept(&mut self, at: usize) -> bool {
        if !self.has_operator() {
            return false;
        }
        let changed = self.views(at).into_iter().find(|conversation| conversation.trust == view::Trust::Changed);
        let Some(changed) = changed else { return false };
        self.ask(at, Asked::Other, Command::AcceptChange { conversation: changed.id });
        true
    }

    /// Somebody who is in writes, starts conversations, opens another browser, hands over to another tab.
    fn live(&mut self, at: usize) {
        let person = self.devices.get(at).map_or(0, |device| device.person);
        let browsers = self.devices.iter().filter(|device| device.person == person).count();
        if browsers < BROWSERS && self.kept.len() > 4 && self.dice.happens(Fault::JoinedLate, 20) {
            return self.add_device(Device::new(person));
        }
        if self.dice.happens(Fault::TabHandover, 20) {
            return self.crash(at);
        }
        if browsers <= BROWSERS && self.dice.happens(Fault::RunTwice, 4) {
            return self.run_twice(at);
        }
        if self.dice.below(100) < 6 {
            return self.copy_or_roll_back(at);
        }
        if self.leap() {
            return;
        }
        let conversations = self.views(at);
        let other = self.dice.below(u64::try_from(self.people.len()).unwrap_or(1));
        let other = usize::try_from(other).unwrap_or(0);
        let name = self.people.get(other).map(|person| person.name.clone()).unwrap_or_default();
        let has = conversations.iter().any(|conversation| conversation.with.name == name);
        let busy = self.devices.get(at).is_some_and(|device| device.asked.values().any(|asked| matches!(asked, Asked::Start)));
        if !has && !busy && self.people.get(other).is_some_and(|person| person.registered) {
            return self.ask(at, Asked::Start, Command::StartChat { username: name });
        }
        let count = u64::try_from(conversations.len()).unwrap_or(0);
        if count == 0 || self.texts == 0 {
            return;
        }
        let pick = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let burst = 1 + self.dice.below(4);
        for _ in 0..burst {
            let Some(conversation) = conversations.get(pick) else { return };
            self.texts = self.texts.saturating_sub(1);
            let message = MessageId(self.dice.id());
            let text = format!("text {} of device {at}", self.texts);
            let sending = Sending { with: conversation.with.id, conversation: conversation.id, message, text };
            self.send(at, sending);
        }
    }

    pub(super) fn views(&self, at: usize) -> Vec<view::Conversation> {
        self.devices.get(at).map(conversations).unwrap_or_default()
    }

    pub(super) fn send(&mut self, at: usize, sending: Sending) {
        let known = self.devices.get(at).and_then(|device| device.disk.as_ref());
        // As the shell does: what the store has was taken by an earlier run.
        if known.is_some_and(|(_, store)| store.has_own(sending.message).unwrap_or(false)) {
            return self.keep(at, sending);
        }
        let now_at = self.views(at).into_iter().find(|c| c.with.id == sending.with).map(|c| c.id);
        let conversation = now_at.unwrap_or(sending.conversation);
        let command = Command::Send { conversation, message: sending.message, text: sending.text.clone() };
        self.ask(at, Asked::Send(Sending { conversation, ..sending }), command);
    }

    /// The person was told that a text is kept.
    pub(super) fn keep(&mut self, at: usize, sending: Sending) {
        let Sending { message, text, .. } = sending;
        self.history.facts.push(Fact::Kept { profile: at, message: message.0, text: text.clone() });
        self.kept.entry(message).or_insert(Kept { device: at, text });
    }

    pub(super) fn ask(&mut self, at: usize, asked: Asked, command: Command) {
        self.ids += 1;
        let id = self.ids;
        let Some(device) = self.devices.get_mut(at) else { return };
        if device.client.is_none() {
            if let Asked::Send(sending) = asked {
                device.again.push(sending);
            }
            return;
        }
        device.asked.insert(id, asked);
        let run = device.run;
        self.input(at, run, Device::command(id, command));
    }
}

/// What a browser lists.
#[must_use]
pub(crate) fn conversations(device: &Device) -> Vec<view::Conversation> {
    let Some(client) = &device.client else { return vec![] };
    client.conversations()
}
