//! The rules of a conversation's MLS group (RFC 9420), the same for members and server: who a leaf is, what a leaf can,
//! what a commit may do, and where a group's state lies.
//!
//! Architecture invariant: this crate decides nothing about delivery, stores nothing durably, and takes no time or randomness
//! but what openmls draws itself (facts: openmls reads the clock for lifetimes, its providers seed themselves).
#![forbid(unsafe_code)]

pub mod checked;
pub mod crypto;
pub mod group;
pub mod leaf;
pub mod provider;
pub mod rules;
pub mod store;

pub use openmls;
pub use openmls_traits;
pub use tls_codec;

pub use checked::Checked;
pub use provider::Provider;
pub use store::Store;
