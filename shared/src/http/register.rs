//! POST /auth/register: an account, its secrets, its first device.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    http::{DeviceUpload, User, Wrap},
    id::AccountId,
};

/// POST /auth/register/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterStart {
    /// The handle as typed.
    #[serde(default)]
    pub username: String,
    /// Drawn by the client.
    pub account_id: AccountId,
    /// OPAQUE registration request.
    #[serde(default)]
    pub request: Bytes,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterStarted {
    /// OPAQUE registration response.
    pub response: Bytes,
}

/// POST /auth/register/finish. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegisterFinish {
    /// As in the start.
    #[n(0)]
    pub username: String,
    /// As in the start.
    #[n(1)]
    pub account_id: AccountId,
    /// OPAQUE registration upload (record number 1).
    #[n(2)]
    pub upload: Bytes,
    /// Key-stretching version of the record.
    #[n(3)]
    pub ksf: u8,
    /// Password and kit wrap of generation 1.
    #[n(4)]
    pub wraps: Vec<Wrap>,
    /// Vault number 1.
    #[n(5)]
    pub vault: Bytes,
    /// Public recovery key.
    #[n(6)]
    pub recovery_key: Bytes,
    /// Statement 1, naming exactly the device below.
    #[n(7)]
    pub statement: Bytes,
    /// The first device.
    #[n(8)]
    pub device: DeviceUpload,
}

/// Answer of register/finish (201, "User registered"), devices and recover/finish: bound, cookie set.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Bound {
    /// Who is in.
    #[n(0)]
    pub user: User,
}
