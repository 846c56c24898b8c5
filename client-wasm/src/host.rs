//! What JavaScript is called for.

use wasm_bindgen::prelude::*;

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
