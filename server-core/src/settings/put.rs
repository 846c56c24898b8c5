//! PUT /api/settings.

use shared::{
    frame::InboxBody,
    http::{SettingsChanged, SettingsPut},
    limits,
};

use super::rows;
use crate::{
    context::Context,
    device, inbox,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a settings item is refused.
    SettingsPutError {
        /// The stored version is not the one before; detail: the stored one.
        Stale(version: u64) = StaleSettings;
        /// The item is larger than an item may be, or there are too many.
        TooLarge = TooLarge;
        /// An unknown collection, a name of another length, or version 0.
        Shape = Malformed;
    }
}

/// Stores one item by compare-and-set on its version; the account's other devices are told.
///
/// # Errors
/// [`SettingsPutError`].
pub fn put(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &SettingsPut) -> Outcome<SettingsChanged> {
    if request.collection > 2 || request.item.0.len() != 16 || request.version == 0 {
        return Err(SettingsPutError::Shape.into());
    }
    if request.sealed.0.len() > limits::SETTINGS_ITEM {
        return Err(SettingsPutError::TooLarge.into());
    }
    let stored = rows::version(sql, caller.account(), request)?;
    if stored.checked_add(1) != Some(request.version) {
        return Err(SettingsPutError::Stale(stored).into());
    }
    if stored == 0 && rows::count(sql, caller.account())? >= context.rules.settings_items {
        return Err(SettingsPutError::TooLarge.into());
    }
    let change = rows::put(sql, caller.account(), request)?;
    let mut devices = device::rows::of_account(sql, caller.account())?;
    devices.retain(|device| *device != caller.device());
    let announce = inbox::notice::tell(sql, context, &devices, &InboxBody::Settings(change))?;
    Ok(Done::telling(SettingsChanged { change }, announce))
}
