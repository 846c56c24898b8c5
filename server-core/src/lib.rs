//! What Sotto's server decides: accounts, sessions, devices, key packages, conversations and their logs.
//!
//! Every operation is a function `(sql, context, who asks, what) -> Outcome<answer>`, one a file. An operation runs inside
//! [`Store::transaction`] or, in groups that share one COMMIT, [`Store::batch`]; what others must be told comes back as
//! [`Announce`] values that the server publishes after the commit.
//!
//! Architecture invariant: this crate knows no async, no socket, no clock and no generator. Time, randomness, rules and keys are
//! [`Context`]. Only `sql/sqlite.rs` names the SQL driver, only `mls` (and what lies below it) openmls, only `account` OPAQUE.
#![forbid(unsafe_code)]

pub mod account;
pub mod announce;
pub mod context;
pub mod conversation;
pub mod device;
pub mod directory;
pub mod inbox;
pub mod jobs;
pub mod key_package;
mod mls_group;
pub mod rate;
pub mod refusal;
pub mod rules;
pub mod session;
pub mod settings;
pub mod sql;
pub mod store;

#[cfg(test)]
mod tests;

pub use account::keys::Keys;
pub use announce::Announce;
pub use context::{Context, Peer};
pub use refusal::{Detail, Done, Outcome, Refusal};
pub use rules::Rules;
pub use session::{Caller, Issued, Session, SessionId, Token};
pub use store::{Store, Task};
