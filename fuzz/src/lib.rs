//! Fuzz targets: one for every decoder, and one for each core.
//!
//! A target takes any bytes and panics when a promise is broken: that it does not panic, that what was read is what is written
//! again, that nobody but the author of a text can make a screen show it. The engine is behind the feature `engine`
//! (`cargo xtask fuzz`); the tests of this crate play `corpus/` and `crashes/` back through the same functions.
#![forbid(unsafe_code)]

mod bodies;
mod client_core;
mod database;
mod frames;
mod lie;
mod member;
mod prepared;
mod reader;
mod rows;
mod server_core;
mod signed;
mod splice;
mod stage;
mod words;

/// One target.
pub struct Target {
    /// Its name: of its folder in `corpus/` too.
    pub name: &'static str,
    /// A run goes through whole cores, not one decoder: it takes milliseconds.
    pub whole: bool,
    /// Takes any bytes; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "client-frames", whole: false, run: frames::client, seeds: frames::client_seeds },
    Target { name: "server-frames", whole: false, run: frames::server, seeds: frames::server_seeds },
    Target { name: "bodies", whole: false, run: bodies::run, seeds: bodies::seeds },
    Target { name: "signed", whole: false, run: signed::run, seeds: signed::seeds },
    Target { name: "client-core", whole: true, run: client_core::run, seeds: client_core::seeds },
    Target { name: "server-core", whole: true, run: server_core::run, seeds: server_core::seeds },
    Target { name: "rows", whole: true, run: rows::run, seeds: rows::seeds },
    Target { name: "member", whole: true, run: member::run, seeds: member::seeds },
    Target { name: "words", whole: false, run: words::run, seeds: words::seeds },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
