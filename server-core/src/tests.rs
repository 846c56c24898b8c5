//! The world of the tests.
pub(crate) mod world;
