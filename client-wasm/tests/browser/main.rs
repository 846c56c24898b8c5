//! What only a browser can prove: the core's cryptography as WebAssembly, and the store on the origin's private files.
//! Runs in a dedicated worker, for only there are synchronous files. `README.md` says how.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod account;
mod groups;
mod store;
mod vectors;

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Milliseconds of some work, told in the output.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = now();
    let done = work();
    console_log!("time: {what} {:.1} ms", now() - start);
    done
}

fn now() -> f64 {
    let clock = js_sys::Reflect::get(&js_sys::global(), &"performance".into()).unwrap();
    let ask: js_sys::Function = js_sys::Reflect::get(&clock, &"now".into()).unwrap().unchecked_into();
    ask.call0(&clock).unwrap().as_f64().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let bytes: Vec<u8> = (0..N).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2).unwrap(), 16).unwrap()).collect();
    bytes.try_into().unwrap()
}
