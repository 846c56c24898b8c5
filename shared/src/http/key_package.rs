//! Key packages: how many are left, more of them, one of somebody.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    id::{ConversationId, DeviceId},
};

/// GET /api/key-packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageCount {
    /// One-time packages left of this device.
    pub count: u32,
    /// Was the last-resort package handed out since it was put here?
    pub last_resort_used: bool,
}

/// PUT /api/key-packages. CBOR. Answer: [`PackageCount`] as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PutPackages {
    /// One-time packages to add.
    #[n(0)]
    pub packages: Vec<Bytes>,
    /// A new last-resort package.
    #[n(1)]
    pub last_resort: Option<Bytes>,
}

/// POST /api/accounts/{id}/key-packages/claim. JSON; the answer is CBOR. Asked again it gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// For which conversation.
    pub conversation_id: ConversationId,
    /// Which generation.
    pub generation: u32,
    /// Which epoch the commit will be for.
    pub epoch: u64,
    /// Only this device; else all of the account but the asking one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
}

/// Its answer. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Claimed {
    /// One package for each device that has one.
    #[n(0)]
    pub packages: Vec<ClaimedPackage>,
    /// The account's statements above `known` are read by GET; here only the newest number.
    #[n(1)]
    pub statement: u64,
}

/// One claimed package. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClaimedPackage {
    /// Of which device.
    #[n(0)]
    pub device: DeviceId,
    /// `MLSMessage` bytes.
    #[n(1)]
    pub package: Bytes,
}
