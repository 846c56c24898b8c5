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

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code};

    use super::*;
    use crate::{
        Announce, Detail,
        tests::{
            people::Browser,
            world::{World, code},
        },
    };

    fn item(item: u8, version: u64) -> SettingsPut {
        SettingsPut {
            collection: 0,
            item: Bytes(vec![item; 16]),
            version,
            sealed: Bytes(vec![u8::try_from(version).unwrap(); 50]),
        }
    }

    fn try_put(world: &mut World, by: &Browser, request: &SettingsPut) -> Outcome<SettingsChanged> {
        let caller = by.caller();
        world.write(|sql, context| put(sql, context, &caller, request))
    }

    #[test]
    fn changes_are_numbered_and_own_other_browsers_are_told() {
        let mut world = World::new();
        let (mut person, here) = world.register("alice");
        let phone = world.second(&mut person);
        for (n, request) in (1..).zip([item(1, 1), item(2, 1), item(1, 2)]) {
            let done = try_put(&mut world, &here, &request).unwrap();
            assert_eq!(done.answer.change, n);
            let [Announce::Inbox { device, .. }] = done.announce.as_slice() else { panic!("{:?}", done.announce) };
            assert_eq!(*device, phone.id());
        }
        let caller = phone.caller();
        let all = world.read(|sql| super::super::read(sql, &caller, 0)).unwrap().answer;
        assert_eq!(all.change, 3);
        assert_eq!(all.items.iter().map(|i| (i.item.0[0], i.version)).collect::<Vec<_>>(), [(2, 1), (1, 2)]);
        assert_eq!(world.read(|sql| super::super::read(sql, &caller, 2)).unwrap().answer.items.len(), 1);
        assert_eq!(world.inbox(&phone).pop().unwrap().body, InboxBody::Settings(3));
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (_, here) = world.register("alice");
        try_put(&mut world, &here, &item(1, 1)).unwrap();
        for version in [1, 3] {
            let refused = try_put(&mut world, &here, &item(1, version)).unwrap_err();
            assert_eq!((refused.code, refused.detail), (Code::StaleSettings, Some(Detail::Number(1))));
        }
        assert_eq!(code(try_put(&mut world, &here, &item(2, 0))), Code::Malformed);
        assert_eq!(code(try_put(&mut world, &here, &SettingsPut { collection: 3, ..item(2, 1) })), Code::Malformed);
        let short = SettingsPut { item: Bytes(vec![1; 15]), ..item(2, 1) };
        assert_eq!(code(try_put(&mut world, &here, &short)), Code::Malformed);
        let large = SettingsPut { sealed: Bytes(vec![0; limits::SETTINGS_ITEM + 1]), ..item(2, 1) };
        assert_eq!(code(try_put(&mut world, &here, &large)), Code::TooLarge);
        world.rules.settings_items = 1;
        assert_eq!(code(try_put(&mut world, &here, &item(2, 1))), Code::TooLarge);
        try_put(&mut world, &here, &item(1, 2)).unwrap();
    }
}
