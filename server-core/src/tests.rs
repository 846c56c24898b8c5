//! The world of the tests: one server, any number of browsers, virtual time.

mod columns;
mod numbers;
pub(crate) mod people;
pub(crate) mod world;
