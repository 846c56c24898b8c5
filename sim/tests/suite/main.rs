//! Real cores and the real server over whole scenes, without a network that loses anything.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod devices;
mod line;
mod restore;
mod town;
mod ways_in;
mod writing;
