//! The settings collection: sealed items with versions, changes numbered per account.

mod put;
mod read;

pub use put::{SettingsPutError, put};
pub use read::read;
