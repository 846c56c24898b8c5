//! What a server holds of an account, sealed, and who is logged in.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    id::{AccountId, DeviceId},
};

/// Which way a root key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WrapKind {
    /// Under OPAQUE's export key.
    #[n(0)]
    Password,
    /// Under the recovery kit.
    #[n(1)]
    Kit,
}

/// The root key, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// Under what.
    #[n(0)]
    pub kind: WrapKind,
    /// Generation of the root key.
    #[n(1)]
    pub generation: u32,
    /// Number of the OPAQUE record it belongs to (1 for the kit's).
    #[n(2)]
    pub record: u32,
    /// Version ‖ nonce ‖ ciphertext.
    #[n(3)]
    pub sealed: Bytes,
}

/// The account's sealed belongings as the server holds them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Secrets {
    /// All wraps, ascending by kind.
    #[n(0)]
    pub wraps: Vec<Wrap>,
    /// The vault.
    #[n(1)]
    pub vault: Bytes,
    /// Its number.
    #[n(2)]
    pub vault_number: u64,
    /// All statements from number 1.
    #[n(3)]
    pub statements: Vec<Bytes>,
}

impl Secrets {
    /// The number of the OPAQUE record that follows the present one. It stands in the wrap alone: before somebody is in, it
    /// would tell which names exist and have changed their password.
    #[must_use]
    pub fn next_record(&self) -> u32 {
        let password = self.wraps.iter().find(|wrap| wrap.kind == WrapKind::Password);
        password.map_or(1, |wrap| wrap.record).saturating_add(1)
    }
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct User {
    /// Account id.
    #[n(0)]
    pub id: AccountId,
    /// Handle as shown.
    #[n(1)]
    pub username: String,
    /// The session's device; none before it is enrolled.
    #[n(2)]
    pub device: Option<DeviceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_record_follows_the_one_of_the_password() {
        let wrap = |kind, record| Wrap { kind, generation: 1, record, sealed: Bytes(vec![]) };
        let secrets = |wraps| Secrets { wraps, vault: Bytes(vec![]), vault_number: 1, statements: vec![] };
        let both = vec![wrap(WrapKind::Kit, 9), wrap(WrapKind::Password, 3)];
        assert_eq!(secrets(both).next_record(), 4);
        assert_eq!(secrets(vec![wrap(WrapKind::Kit, 9)]).next_record(), 2);
        assert_eq!(secrets(vec![wrap(WrapKind::Password, u32::MAX)]).next_record(), u32::MAX);
    }
}
