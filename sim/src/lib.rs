//! N real client cores, the real server core and the shipped local store in one thread, from one seed.
//!
//! The same seed makes the same decisions (not the same bytes: openmls draws its own randomness), so nothing here may branch
//! on ciphertext. Simulated time is the real time of the start plus an offset: lifetimes on the wire are judged by openmls with
//! the real clock, which only [`clock`] can move.
#![forbid(unsafe_code)]

pub mod checks;
pub mod clock;
pub mod database;
pub mod device;
pub mod faults;
pub mod history;
pub mod insider;
pub mod judge;
pub mod regression;
pub mod sender_data;
pub mod server;
pub mod stage;
mod stored;
pub mod world;
