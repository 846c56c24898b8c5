//! What browsers show.

use client_core::{
    Client,
    view::{self, ConnectionState, ConversationStatus, MessageKind, Phase, SystemLine},
};
use shared::{AccountId, ConversationId};

use super::Stage;
use crate::device::Cheap;

/// More messages than any scene has.
const ALL: u32 = 100_000;

impl Stage {
    /// A browser's core, which has to run.
    #[must_use]
    pub fn client(&self, at: usize) -> &Client<Cheap> {
        self.browsers[at].client.as_ref().expect("a running core")
    }

    /// Whose account is open in it.
    #[must_use]
    pub fn account(&self, at: usize) -> AccountId {
        self.client(at).state().me.unwrap().id
    }

    /// Is an account open and connected in it?
    #[must_use]
    pub fn is_online(&self, at: usize) -> bool {
        self.browsers[at].client.as_ref().is_some_and(|client| {
            let state = client.state();
            state.phase == Phase::Open && state.connection == ConnectionState::Online
        })
    }

    /// Can one write and read in the conversation there?
    #[must_use]
    pub fn is_ready(&self, at: usize, conversation: ConversationId) -> bool {
        let ready = |view: &view::Conversation| view.id == conversation && view.state == ConversationStatus::Ready;
        self.client(at).conversations().iter().any(ready)
    }

    /// The conversation as its list shows it.
    #[must_use]
    pub fn view(&self, at: usize, conversation: ConversationId) -> view::Conversation {
        self.client(at).conversations().into_iter().find(|view| view.id == conversation).expect("in the list")
    }

    /// Everything the disk keeps of a conversation, in its order; nothing without a disk.
    #[must_use]
    pub fn messages(&self, at: usize, conversation: ConversationId) -> Vec<view::Message> {
        let Some((_, store)) = &self.browsers[at].disk else { return vec![] };
        store.messages(conversation, None, ALL).unwrap().messages
    }

    /// The texts among it that the server has.
    #[must_use]
    pub fn texts(&self, at: usize, conversation: ConversationId) -> Vec<String> {
        let stored = |message: &view::Message| message.kind == MessageKind::Text && message.order < view::WAITING;
        self.messages(at, conversation).into_iter().filter(stored).map(|message| message.text).collect()
    }

    /// Sotto's own lines among it.
    #[must_use]
    pub fn lines(&self, at: usize, conversation: ConversationId) -> Vec<SystemLine> {
        self.messages(at, conversation).into_iter().filter_map(|message| message.system).collect()
    }

    /// What a core says of itself, for a test that failed.
    #[must_use]
    pub fn describe(&self, at: usize) -> String {
        self.browsers[at].client.as_ref().map(Client::describe).unwrap_or_default()
    }

    /// The same of every browser.
    #[must_use]
    pub fn describe_all(&self) -> String {
        (0..self.browsers.len()).map(|at| format!("browser {at}: {}\n", self.describe(at))).collect()
    }
}
