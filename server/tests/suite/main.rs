//! The real server on a loopback port, and clients that speak to it over real sockets and trust its own authority only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod app;
mod codes;
mod commands;
mod documents;
mod hostile;
mod people;
mod requests;
mod sockets;
mod speaking;
mod wire;
