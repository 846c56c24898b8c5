//! What runs by the clock.

mod purge;

pub use purge::purge;
