//! What the screens see of the session.

use shared::{AccountId, ConversationId, policy::Kind};

use super::Session;
use crate::{
    rows::{Contact, Standing, state_from},
    view,
};

impl Session {
    pub(crate) fn person(&self, account: AccountId) -> view::Person {
        let name = if account == self.me.account {
            self.me.handle.as_str()
        } else {
            self.contacts.get(&account).map_or("", |contact| contact.handle.as_str())
        };
        view::Person::new(account, name)
    }

    /// None while nothing can be shown of it: the other person's name is not known yet.
    pub(crate) fn conversation_view(&self, id: ConversationId) -> Option<view::Conversation> {
        let conv = self.convs.get(&id)?;
        let with = self.person(conv.with);
        if with.name.is_empty() {
            return None;
        }
        let contact = self.contacts.get(&conv.with);
        let known = contact.map_or(view::Trust::FirstUse, Contact::trust);
        let trust = if conv.ghost { view::Trust::Changed } else { known };
        let waiting = self.outbox.range((id, 0)..=(id, u64::MAX)).filter(|(_, item)| item.number.is_none()).count();
        let held = if trust == view::Trust::Changed { u32::try_from(waiting).unwrap_or(u32::MAX) } else { 0 };
        Some(view::Conversation {
            id,
            kind: if conv.kind == Kind::Note.byte() { view::ConversationKind::Note } else { view::ConversationKind::Direct },
            with,
            state: if conv.standing == Standing::Joined {
                view::ConversationStatus::Ready
            } else {
                view::ConversationStatus::Starting
            },
            last: conv.last.as_ref().map(|last| view::Last {
                text: last.text.clone(),
                at: last.at,
                own: last.own,
                state: state_from(last.state),
            }),
            unread: conv.unread,
            read: conv.read,
            draft: conv.draft.clone(),
            trust,
            verified: contact.is_some_and(|contact| contact.verified),
            held,
        })
    }

    pub(crate) fn conversations(&self) -> Vec<view::Conversation> {
        self.convs.keys().filter_map(|id| self.conversation_view(*id)).collect()
    }

    /// (conversation, last row applied, last known of the server) of every conversation this device is in.
    pub(crate) fn cursors(&self) -> Vec<(ConversationId, u64, u64)> {
        let joined = self.convs.values().filter(|conv| matches!(conv.standing, Standing::Joined | Standing::Stuck));
        joined.map(|conv| (conv.id, conv.cursor, self.live.get(&conv.id).map_or(0, |live| live.head))).collect()
    }

    /// See [`crate::Client::describe`].
    pub(crate) fn describe(&self) -> String {
        let mut text = format!(
            "{:?}, ended {}, superseded {}, {} requests, {} stalled, {} wanted",
            self.link,
            self.ended,
            self.me.superseded,
            self.requests.len(),
            self.stalled.len(),
            self.wanted.len()
        );
        for conv in self.convs.values() {
            let waiting =
                self.outbox.range((conv.id, 0)..=(conv.id, u64::MAX)).filter(|(_, item)| item.number.is_none()).count();
            let pending = conv.pending.as_ref().map(|pending| (pending.epoch, pending.number));
            let live = self.live.get(&conv.id).map(|live| (live.head, live.fetching, live.hold));
            let trust = self.contacts.get(&conv.with).map(Contact::trust);
            let checked = self.checked.contains(&conv.with);
            text += &format!(
                "\n    {}: {:?}, at {} of {live:?}, pending {pending:?}, {waiting} waiting, {trust:?} checked {checked}, rejoining {}",
                conv.id,
                conv.standing,
                conv.cursor,
                self.rejoining.contains_key(&conv.id)
            );
        }
        text
    }

    pub(crate) fn state(&self) -> view::AppState {
        let waiting = self.outbox.values().filter(|item| item.number.is_none() && item.failed.is_none()).count();
        view::AppState {
            phase: view::Phase::Open,
            me: Some(self.person(self.me.account)),
            device: Some(self.me.device),
            session: if self.ended { view::SessionState::Ended } else { view::SessionState::Live },
            connection: self.link.shown(),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            kit: self.kit(),
            unread: self.convs.values().map(|conv| conv.unread).sum(),
            stay: self.me.stay,
            theme: self.me.theme(),
        }
    }

    fn kit(&self) -> Option<view::Kit> {
        let kit = shared::kit::Kit::parse(self.me.kit.as_ref()?).ok()?;
        Some(view::Kit { code: kit.text(), name: self.me.handle.clone(), qr: kit.qr(&self.me.handle) })
    }

    pub(super) fn devices(&self) -> Vec<view::Device> {
        let Some(statement) = self.newest(self.me.account) else { return vec![] };
        let devices = statement.content().devices.iter();
        devices.map(|device| view::Device { id: device.id, own: device.id == self.me.device, added: None }).collect()
    }
}
