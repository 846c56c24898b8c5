//! The world of the tests: one server, any number of browsers, virtual time.

pub(crate) mod people;
pub(crate) mod world;
