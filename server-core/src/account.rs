//! Accounts: OPAQUE records, the sealed root key, the vault, registration, log-in, recovery.

pub mod keys;
mod login_finish;
mod login_start;
mod opaque;
mod recover_finish;
mod recover_open;
mod recover_start;
mod register_finish;
mod register_start;
pub(crate) mod rows;
mod secrets;
pub(crate) mod statement;
#[cfg(test)]
pub(crate) mod testing;

pub use login_finish::{LoginFinishError, login_finish};
pub use login_start::{LoginStartError, login_start};
pub use recover_finish::{RecoverFinishError, recover_finish};
pub use recover_open::{RecoverOpenError, recover_open};
pub use recover_start::{RecoverStartError, recover_start};
pub use register_finish::{RegisterFinishError, register_finish};
pub use register_start::{RegisterStartError, register_start};
pub use secrets::secrets;
pub use statement::NextError;
