//! The client core: everything Sotto decides on a person's machine, without I/O.
//!
//! [`Client::handle`] takes what happened, [`Client::poll`] gives what to do, in an order that is the contract:
//! [`Output::Persist`] comes before any [`Output::Transmit`] or [`Output::Http`] that depends on it, so a crash between the
//! two never uses a ratchet generation twice (protocol §3). What was received may be shown before the `Persist` it belongs to;
//! what a person wrote, and what is *acknowledged* to the server, never is.
//!
//! Architecture invariant: no async, no sockets, no clock, no randomness of its own, no browser, no SQL. Time is an argument;
//! the seed of its generator is an argument.
#![forbid(unsafe_code)]

mod account;
mod client;
pub mod command;
mod conflict;
mod connection;
mod content;
mod conversation;
mod derive;
mod directory;
mod entropy;
pub mod failure;
mod http;
pub mod input;
mod mls;
mod numbers;
mod outbox;
pub mod output;
mod restore;
mod rows;
mod sealed;
mod session;
mod told;
pub mod view;

pub use account::ksf::{Argon2id, Stretch};
pub use client::Client;
pub use command::Command;
pub use failure::Failure;
pub use input::{HttpOutcome, Input, SocketEvent};
pub use output::{Answer, Batch, HttpRequest, MessageRow, Method, Output, Row, Slot, Snapshot, Space, StoreKey};
pub use rows::Evidence;
