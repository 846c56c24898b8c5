//! The real server on a loopback port, and clients that speak to it over real sockets and trust its own authority only.

mod app;
mod codes;
mod commands;
mod documents;
mod people;
mod requests;
mod sockets;
mod speaking;
mod wire;
