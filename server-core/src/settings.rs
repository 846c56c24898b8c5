//! The settings collection: sealed items with versions, changes numbered per account.

mod put;
mod read;
mod rows;

pub use put::{SettingsPutError, put};
pub use read::read;
