//! Key packages: a pool a device, handed out once each, and a last resort.

mod claim;
mod count;
mod put;
pub(crate) mod rows;

pub use claim::{ClaimError, claim};
pub use count::count;
pub use put::{PutError, put};
