//! What JavaScript calls.

use std::rc::Rc;

use client_core::{HttpOutcome, Input, SocketEvent, StoreKey};
use wasm_bindgen::prelude::*;

use crate::{
    host::{Host, complain},
    random,
    run::{Machine, Work},
    slot,
    store::Home,
};

/// The version this client tells the server.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The core of one account slot, in the worker that leads.
#[wasm_bindgen]
pub struct Runner {
    machine: Rc<Machine>,
}

#[wasm_bindgen]
impl Runner {
    /// `name` names the slot's folder; `home` is `disk`, `sealed-log` or `memory`.
    ///
    /// # Errors
    /// When the browser's random generator fails its test.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, name: &str, home: &str) -> Result<Self, JsError> {
        std::panic::set_hook(Box::new(|info| {
            // The place only: a message could hold what a person wrote.
            let place = info.location().map_or_else(String::new, ToString::to_string);
            complain(&format!("the core stopped at {place}"));
        }));
        random::test().map_err(|_| JsError::new("the browser's random generator fails its test"))?;
        let home = Home::parse(home).ok_or_else(|| JsError::new("no such home of a store"))?;
        Ok(Self { machine: Rc::new(Machine::new(host, name, home)) })
    }

    /// Begins: with nobody, with a closed store, or with one that its key opens.
    ///
    /// # Errors
    /// When the slot's record is none that `keep` was given.
    pub fn start(&self, slot: Option<String>, key: Option<Vec<u8>>) -> Result<(), JsError> {
        let slot = slot.map(|text| slot::parse(&text).ok_or_else(|| JsError::new("not a slot"))).transpose()?;
        let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok()).map(StoreKey);
        self.take(Work::Start { slot, key });
        Ok(())
    }

    /// `{"command": …, "args": {…}}` as `web/src/core/types.ts` has them.
    pub fn command(&self, id: u64, command: String) {
        self.take(Work::Command { id, command });
    }

    /// A request ended with an answer.
    pub fn answered(&self, id: u64, status: u16, body: Vec<u8>) {
        self.take(Work::Input(Input::Http { id, outcome: HttpOutcome::Answer { status, body } }));
    }

    /// A request ended without one.
    pub fn lost(&self, id: u64) {
        self.take(Work::Input(Input::Http { id, outcome: HttpOutcome::Lost }));
    }

    /// The socket is open.
    #[wasm_bindgen(js_name = socketOpen)]
    pub fn socket_open(&self) {
        self.take(Work::Input(Input::Socket(SocketEvent::Open)));
    }

    /// A binary message came.
    #[wasm_bindgen(js_name = socketFrame)]
    pub fn socket_frame(&self, frame: Vec<u8>) {
        self.take(Work::Input(Input::Socket(SocketEvent::Frame(frame))));
    }

    /// The socket is closed, or never opened.
    #[wasm_bindgen(js_name = socketClosed)]
    pub fn socket_closed(&self) {
        self.take(Work::Input(Input::Socket(SocketEvent::Closed)));
    }

    /// What `wake` asked for is due.
    pub fn timeout(&self) {
        self.take(Work::Input(Input::Timeout));
    }

    /// The line may be back: try at once.
    pub fn online(&self) {
        self.take(Work::Input(Input::Online));
    }

    /// Lets go of the store, so that another worker may have it. Nothing is done after it.
    pub fn close(&self) {
        self.machine.close();
    }

    fn take(&self, work: Work) {
        if self.machine.take(work) {
            wasm_bindgen_futures::spawn_local(Rc::clone(&self.machine).pump());
        }
    }
}
