//! The socket: one task for each, which reads frames and writes what waits in its [`crate::hub::Outlet`].

pub mod bucket;
pub mod handshake;
mod reader;
mod run;
