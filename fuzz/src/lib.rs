//! Fuzz targets: one for every decoder, and one for each core.
//!
//! A target takes any bytes and panics when a promise is broken: that it does not panic, that what was read is what is written
//! again, that nobody but the author of a text can make a screen show it. The engine is behind the feature `engine`
//! (`cargo xtask fuzz`); the tests of this crate play `corpus/` and `crashes/` back through the same functions.
#![forbid(unsafe_code)]

mod bodies;
mod frames;
mod signed;
mod words;

/// One target.
pub struct Target {
    /// Its name: of its folder in `corpus/` too.
    pub name: &'static str,
    /// Takes any bytes; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: [Target; 5] = [
    Target { name: "client-frames", run: frames::client, seeds: frames::client_seeds },
    Target { name: "server-frames", run: frames::server, seeds: frames::server_seeds },
    Target { name: "bodies", run: bodies::run, seeds: bodies::seeds },
    Target { name: "signed", run: signed::run, seeds: signed::seeds },
    Target { name: "words", run: words::run, seeds: words::seeds },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
