//! What JavaScript sees: [`Runner`] to call, [`Host`] to be called.

use std::rc::Rc;

use client_core::{HttpOutcome, Input, Slot, SocketEvent, StoreKey};
use wasm_bindgen::prelude::*;

use crate::{
    random,
    run::{Machine, Work},
    store::Home,
};

#[wasm_bindgen(typescript_custom_section)]
const HOST: &str = r"
/** What the worker does for the core. All but the promises return at once and never call back into it. */
export interface Host {
  /** Events for every screen, as a JSON list. */
  show(events: string): void;
  /** The end of a command: JSON of what it resolves to, or of a failure. */
  answer(id: bigint, fine: boolean, result: string): void;
  /** One binary message on the open socket. */
  transmit(frame: Uint8Array): void;
  openSocket(ticket: string): void;
  closeSocket(): void;
  /** Answered by `answered` or `lost`. */
  request(id: bigint, method: string, path: string, type: string | undefined, body: Uint8Array | undefined): void;
  /** Close the socket, abort every request: nothing of them may be told any more. */
  cut(): void;
  /** Call `timeout` at this time, or never. */
  wake(at: number | undefined): void;
  sleep(milliseconds: number): Promise<void>;
  /** A store of this slot is open under this key: remember both as far as `stay` allows. The host erases the key. */
  keep(slot: string, key: Uint8Array, stay: boolean): Promise<void>;
  /** Forget the key; with `all` the slot too. */
  forget(all: boolean): Promise<void>;
  /** The log of sealed batches: opened by its key, read, added to, replaced, removed. */
  logOpen(key: Uint8Array): Promise<Uint8Array[]>;
  logAppend(batch: Uint8Array): Promise<void>;
  logReplace(batches: Uint8Array[]): Promise<void>;
  logClear(): Promise<void>;
  /** The core stands: everything may be asked. */
  started(): void;
}
";

#[wasm_bindgen]
extern "C" {
    /// What the worker does for the core.
    #[wasm_bindgen(typescript_type = "Host")]
    #[derive(Clone)]
    pub type Host;

    #[wasm_bindgen(method)]
    pub(crate) fn show(this: &Host, events: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn answer(this: &Host, id: u64, fine: bool, result: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn transmit(this: &Host, frame: Vec<u8>);
    #[wasm_bindgen(method, js_name = openSocket)]
    pub(crate) fn open_socket(this: &Host, ticket: &str);
    #[wasm_bindgen(method, js_name = closeSocket)]
    pub(crate) fn close_socket(this: &Host);
    #[wasm_bindgen(method)]
    pub(crate) fn request(this: &Host, id: u64, method: &str, path: &str, kind: Option<String>, body: Option<Vec<u8>>);
    #[wasm_bindgen(method)]
    pub(crate) fn cut(this: &Host);
    #[wasm_bindgen(method)]
    pub(crate) fn wake(this: &Host, at: Option<f64>);
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn sleep(this: &Host, milliseconds: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn keep(this: &Host, slot: &str, key: Vec<u8>, stay: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn forget(this: &Host, all: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = logOpen)]
    pub(crate) async fn log_open(this: &Host, key: Vec<u8>) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = logAppend)]
    pub(crate) async fn log_append(this: &Host, batch: Vec<u8>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = logReplace)]
    pub(crate) async fn log_replace(this: &Host, batches: js_sys::Array) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = logClear)]
    pub(crate) async fn log_clear(this: &Host) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn started(this: &Host);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn complain(text: &str);
}

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
        let slot = slot.map(|text| parse_slot(&text).ok_or_else(|| JsError::new("not a slot"))).transpose()?;
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

/// The record a shell keeps in the clear.
pub(crate) fn slot_text(slot: &Slot) -> String {
    serde_json::json!({ "account": slot.account, "handle": slot.handle, "device": slot.device, "stay": slot.stay }).to_string()
}

fn parse_slot(text: &str) -> Option<Slot> {
    #[derive(serde::Deserialize)]
    struct Record {
        account: shared::AccountId,
        handle: String,
        device: shared::DeviceId,
        #[serde(default)]
        stay: bool,
    }
    let record: Record = serde_json::from_str(text).ok()?;
    Some(Slot { account: record.account, handle: record.handle, device: record.device, stay: record.stay })
}
