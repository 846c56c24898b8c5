//! The browser around the client core: runs its outputs in order, keeps its store on the origin's private file system, and
//! gives it time and randomness.
//!
//! It moves bytes between core and browser in the order the core gives. Socket, requests and timers themselves are a few
//! lines of the worker (`web/src/core`), reached through [`Host`]; the tabs are its matter too.
//!
//! Architecture invariant: no protocol. What a frame, a body or a row means is known on either side of this crate, never in it.
#![cfg(target_arch = "wasm32")]

mod clock;
mod command;
mod host;
mod log;
mod opfs;
mod random;
mod run;
mod runner;
mod show;
mod slot;
pub mod store;

pub use host::Host;
pub use runner::{Runner, version};
