//! Devices: enrolled by the account's next statement, gone by retirement, revocation or because a new one took over.

mod enrol;
mod revoke;
pub(crate) mod rows;
pub(crate) mod upload;

pub use enrol::{EnrolError, enrol};
pub use revoke::{RevokeError, revoke};
pub use upload::UploadError;
