//! The record of a slot that a shell keeps in the clear, as JSON.

use client_core::Slot;

/// The record.
pub(crate) fn text(slot: &Slot) -> String {
    serde_json::json!({ "account": slot.account, "handle": slot.handle, "device": slot.device, "stay": slot.stay }).to_string()
}

/// The slot of such a record; none when it is none.
pub(crate) fn parse(text: &str) -> Option<Slot> {
    #[derive(serde::Deserialize)]
    struct Record {
        account: shared::AccountId,
        handle: String,
        device: shared::DeviceId,
        #[serde(default)]
        stay: bool,
    }
    let record: Record = serde_json::from_str(text).ok()?;
    Some(Slot { account: record.account, handle: record.handle, device: record.device, stay: record.stay })
}
