//! A device's inbox: Welcomes and notices, numbered without gaps, dropped when acknowledged.

mod acknowledge;
pub(crate) mod notice;
mod read;
mod refused;
pub(crate) mod rows;

pub use acknowledge::acknowledge;
pub use read::read;
pub use refused::{InboxRefusedError, refused};
