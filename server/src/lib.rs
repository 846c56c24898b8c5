//! The outside world of Sotto's server: commands, configuration, TLS, certificates, HTTP, sockets, threads, logs, assets.
//!
//! Architecture invariant: this crate holds no SQL and decides nothing about who may do what. It reads requests, hands
//! them to an operation of `server-core` on a store thread, and writes down the answer.
#![forbid(unsafe_code)]

pub mod app;
pub mod assets;
pub mod certificates;
pub mod certs_command;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod doctor;
pub mod http;
pub mod hub;
pub mod keys;
pub mod listen;
pub mod logs;
pub mod origins;
pub mod patience;
pub mod redirect;
pub mod remote;
pub mod serve;
pub mod socket;
pub mod store_threads;
pub mod tickets;
pub mod tls;
