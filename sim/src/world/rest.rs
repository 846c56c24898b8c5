//! Is a world at rest? Who still misses something, and what nobody was told.

use client_core::{Client, view};
use shared::ConversationId;

use super::{Happening, World};
use crate::stored;

impl World {
    /// Why nothing may be judged yet; empty when all are at rest.
    pub(super) fn unsettled(&mut self) -> String {
        for (at, device) in self.devices.iter().enumerate() {
            let Some(client) = &device.client else { return format!("device {at} is not running") };
            let state = client.state();
            if state.phase != view::Phase::Open || state.session != view::SessionState::Live {
                return format!("device {at} is {:?} {:?}", state.phase, state.session);
            }
            if state.connection != view::ConnectionState::Online || state.waiting > 0 {
                return format!("device {at} is {:?}, {} waiting", state.connection, state.waiting);
            }
            if let Some(starting) = client.conversations().iter().find(|c| c.state == view::ConversationStatus::Starting) {
                return format!("device {at} is not in {} yet", starting.id);
            }
            if !device.asked.is_empty() || !device.again.is_empty() {
                return format!("device {at} has commands without an answer: {:?}", device.asked);
            }
            if device.socket.is_none_or(|socket| self.dead.contains(&socket)) {
                return format!("device {at} has a line that carries nothing");
            }
        }
        let busy = self.happenings.values().any(|h| !matches!(h, Happening::Timer { .. } | Happening::Act { .. }));
        if busy {
            return "something is under way".to_owned();
        }
        let missing = self.behind();
        let missing = if missing.is_empty() { self.outside() } else { missing };
        // Cursors of rows that came one after the other wait a moment for each other.
        if missing.is_empty() { self.unsaid().pop().unwrap_or_default() } else { missing }
    }

    /// Who is still missing something; empty when nobody is.
    fn behind(&self) -> String {
        for (at, device) in self.devices.iter().enumerate() {
            let Some(client) = &device.client else { continue };
            for (id, cursor, head) in client.cursors() {
                if cursor < head {
                    return format!("device {at} has {cursor} of {head} rows in {id}");
                }
            }
        }
        String::new()
    }

    /// Who does not know yet of a conversation he is in: his Welcome may wait for an answer that was lost.
    fn outside(&mut self) -> String {
        for (conversation, account) in stored::members(&mut self.server) {
            for (at, device) in self.devices.iter().enumerate() {
                let is_his = device.disk.as_ref().is_some_and(|(slot, _)| slot.account.0 == account);
                let client = device.client.as_ref().filter(|_| is_his);
                let listed = |client: &Client<_>| client.conversations().iter().any(|c| c.id.0 == conversation);
                if client.is_some_and(|client| !listed(client)) {
                    return format!("device {at} has nothing of {}", ConversationId(conversation));
                }
            }
        }
        String::new()
    }

    /// What the server was not told of, though it lies here: it would never be shown as delivered.
    pub(crate) fn unsaid(&mut self) -> Vec<String> {
        let mut found = vec![];
        for (at, device) in self.devices.iter().enumerate() {
            let Some(id) = device.id() else { continue };
            found.extend(stored::untold(&mut self.server, id.0).into_iter().map(|(conversation, told, head)| {
                format!("device {at} has all {head} rows of {}, the server was told of {told}", ConversationId(conversation))
            }));
        }
        found
    }
}
