//! What an account keeps for its own devices, sealed.

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;

/// One settings item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsItem {
    /// Which collection: 0 pins and verification marks, 1 preferences, 2 drafts.
    pub collection: u8,
    /// Name of the item inside, opaque: HMAC of its meaning under the settings key, 16 bytes.
    pub item: Bytes,
    /// Version, from 1.
    pub version: u64,
    /// Version byte ‖ nonce ‖ ciphertext.
    pub sealed: Bytes,
}

/// GET /api/settings?after=k.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Items changed after k.
    pub items: Vec<SettingsItem>,
    /// The newest change number.
    pub change: u64,
}

/// PUT /api/settings: one item; `version` must be the stored version plus one, else 409 `stale_settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsPut {
    /// As in [`SettingsItem`].
    pub collection: u8,
    /// As in [`SettingsItem`].
    pub item: Bytes,
    /// As in [`SettingsItem`].
    pub version: u64,
    /// As in [`SettingsItem`].
    pub sealed: Bytes,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// The change's number.
    pub change: u64,
}
