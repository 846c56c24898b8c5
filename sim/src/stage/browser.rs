//! A browser: what its core is told and what it wants, and the disk that outlives it.

use std::collections::BTreeMap;

use client_core::{Answer, Client, Failure, Input, Output, Slot, StoreKey, view};
use client_store::Store;
use server_core::Token;

use super::{Stage, network::Event};
use crate::device::Cheap;

/// A browser profile.
pub struct Browser {
    /// Whose.
    pub name: String,
    /// The local store and who it belongs to: survives the core.
    pub disk: Option<(Slot, Store)>,
    /// The cookie jar: survives too.
    pub cookie: Option<Token>,
    /// The running core.
    pub client: Option<Client<Cheap>>,
    /// The open socket.
    pub socket: Option<u64>,
    /// Cut off: its requests are lost, its socket is closed.
    pub offline: bool,
    /// Every message its screen was ever told to show.
    pub screens: Vec<view::Message>,
    /// What the store was made with.
    key: Option<StoreKey>,
    pub(super) answers: BTreeMap<u64, Result<Answer, Failure>>,
}

impl Browser {
    /// One that was never used.
    #[must_use]
    pub fn fresh(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            disk: None,
            cookie: None,
            client: None,
            socket: None,
            offline: false,
            screens: vec![],
            key: None,
            answers: BTreeMap::new(),
        }
    }

    /// A copy of the profile, without a core.
    #[must_use]
    pub fn copied(&self) -> Self {
        let disk = self.disk.as_ref().map(|(slot, store)| (slot.clone(), copy(store)));
        Self { disk, cookie: self.cookie.clone(), key: self.key.clone(), ..Self::fresh(&self.name) }
    }
}

/// An empty store in memory.
#[must_use]
pub fn fresh_store() -> Store {
    Store::open(rusqlite::Connection::open_in_memory().unwrap()).unwrap()
}

/// A copy of a browser's store, as a thief or a backup makes it.
#[must_use]
pub fn copy(store: &Store) -> Store {
    let mut copy = fresh_store();
    for batch in store.export().unwrap() {
        copy.apply(&batch).unwrap();
    }
    copy
}

impl Stage {
    /// A fresh browser with a core that nobody is in.
    pub fn browser(&mut self, name: &str) -> usize {
        let mut browser = Browser::fresh(name);
        browser.client = Some(Client::new(self.array()));
        self.browsers.push(browser);
        self.browsers.len() - 1
    }

    /// The core dies; its disk stays. Nothing is said.
    pub fn close(&mut self, at: usize) {
        self.browsers[at].client = None;
        self.hang_up(at);
    }

    /// A core begins on the disk, if there is one.
    pub fn open(&mut self, at: usize) {
        let seed = self.array();
        let Some((_, store)) = &self.browsers[at].disk else { return };
        let client = Client::open(seed, store.load().unwrap(), self.now).map_err(|failure| failure.code).unwrap();
        self.browsers[at].client = Some(client);
        self.drain(at);
        self.arrive();
    }

    /// The core starts again from its store.
    pub fn reload(&mut self, at: usize) {
        self.close(at);
        self.open(at);
    }

    /// Something happens to a core; does nothing while there is none.
    pub fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        let Some(client) = self.browsers[at].client.as_mut() else { return };
        client.handle(now, input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        while let Some(output) = self.browsers[at].client.as_mut().and_then(Client::poll) {
            let now = self.now;
            let browser = &mut self.browsers[at];
            match output {
                Output::Persist(batch) => {
                    let (_, store) = browser.disk.as_mut().expect("a store to persist in");
                    browser.screens.extend(store.apply(&batch).unwrap());
                }
                Output::Transmit(bytes) => {
                    if let Some(socket) = browser.socket {
                        self.send(Event::Up { at, socket, bytes });
                    }
                }
                Output::Http(request) => self.send(Event::Request { at, request }),
                Output::OpenSocket { ticket } => self.send(Event::Connect { at, ticket }),
                Output::CloseSocket => self.hang_up(at),
                Output::Show(view::Event::Message { message }) => browser.screens.push(message),
                Output::Show(_) => {}
                Output::Answer { id, result } => {
                    browser.answers.insert(id, result);
                }
                Output::OpenStore { slot, fresh, key, .. } => {
                    let made = browser.key.get_or_insert_with(|| key.clone());
                    assert!(fresh.is_some() || *made == key, "a store opens with the key it was made with");
                    *made = key;
                    if let Some(batch) = fresh {
                        let mut store = fresh_store();
                        store.apply(&batch).unwrap();
                        browser.disk = Some((slot, store));
                    }
                    let snapshot = browser.disk.as_ref().expect("a store to open").1.load().unwrap();
                    if let Some(client) = browser.client.as_mut() {
                        client.handle(now, Input::StoreOpened(snapshot));
                    }
                }
                Output::CloseStore { wipe } => {
                    if wipe {
                        browser.disk = None;
                    }
                }
            }
        }
    }
}
