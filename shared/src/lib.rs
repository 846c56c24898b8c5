//! What crosses the wire of Sotto: ids, frames, bodies, signed structures, refusals, limits and the label table.
//!
//! Architecture invariant: this crate knows no I/O, no clock, no randomness, no MLS and no other crate of Sotto.
//! Everything here is a value, an encoding of it, or a check that every party makes in the same way.
#![forbid(unsafe_code)]

pub mod authenticated;
pub mod bytes;
pub mod certificate;
pub mod code;
pub mod codec;
pub mod credential;
pub mod frame;
pub mod handle;
pub mod http;
pub mod id;
pub mod kit;
pub mod label;
pub mod limits;
pub mod password;
pub mod policy;
pub mod reader;
pub mod safety;
pub mod signature;
pub mod signed_text;
pub mod statement;
pub mod time;

pub use bytes::Bytes;
pub use code::Code;
pub use id::{AccountId, ConversationId, DeviceId, MessageId};
pub use time::Millis;
