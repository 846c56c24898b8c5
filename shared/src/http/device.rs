//! Devices of an account.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{bytes::Bytes, id::DeviceId};

/// A device as it is enrolled. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceUpload {
    /// Its certificate.
    #[n(0)]
    pub certificate: Bytes,
    /// Its first run token, 16 bytes.
    #[n(1)]
    pub run: Bytes,
    /// One-time key packages (`MLSMessage` bytes).
    #[n(2)]
    pub packages: Vec<Bytes>,
    /// Last-resort key package.
    #[n(3)]
    pub last_resort: Bytes,
}

/// POST /api/devices (unenrolled sessions too). CBOR. 409 `stale_statement` when the chain has moved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// The device.
    #[n(0)]
    pub device: DeviceUpload,
    /// The next statement, with the device.
    #[n(1)]
    pub statement: Bytes,
    /// The next vault, with the device's store key.
    #[n(2)]
    pub vault: Bytes,
    /// Its number: the stored one plus one.
    #[n(3)]
    pub vault_number: u64,
    /// A device of this account that this browser gives up in the same step (superseded), no longer in the statement.
    #[n(4)]
    pub retires: Option<DeviceId>,
}

/// DELETE /api/devices/{id}. CBOR-free: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The next statement, without the device.
    pub statement: Bytes,
    /// The next vault, without its store key.
    pub vault: Bytes,
    /// Its number.
    pub vault_number: u64,
}
