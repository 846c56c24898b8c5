//! Continuing a superseded device as a new one: history and outbox stay, group state goes (protocol §7, run token).

use super::birth::NewDevice;
use crate::{
    Failure,
    failure::code,
    output::{Row, Space},
    rows::Standing,
    session::{Session, Waits},
};

impl Session {
    /// Takes over the new device's identity and drops every group: they are joined again by Welcomes.
    pub(crate) fn become_device(&mut self, device: NewDevice) {
        if self.me.superseded {
            self.forget_accepted(None);
        } else {
            self.disown_accepted();
        }
        // Every row, not only what changed since the last batch: secrets of the old device must not outlive it.
        let old = self.groups.store().keys();
        self.batch.rows.extend(old.into_iter().map(|key| Row { space: Space::Mls, key, value: None }));
        self.batch.rows.extend(crate::session::mls_rows(device.groups.store()));
        device.groups.store().commit();
        // Its leaves stand where it was a member, until this device has taken them away.
        let mut retired = core::mem::take(&mut self.me.retired);
        retired.push(self.me.device);
        let (stay, theme, kit) = (self.me.stay, self.me.theme, self.me.kit.take());
        // Numbers of rows in this store belong to the life of the server in which they came.
        let store_epoch = self.me.store_epoch.take();
        self.me = device.me;
        (self.me.stay, self.me.theme, self.me.kit, self.me.store_epoch) = (stay, theme, kit, store_epoch);
        self.me.retired = retired;
        self.groups = device.groups;
        self.me_dirty = true;
        let ids: Vec<_> = self.convs.keys().copied().collect();
        for id in ids {
            if let Some(conv) = self.convs.get_mut(&id) {
                conv.standing = Standing::Awaited;
                conv.pending = None;
                conv.behind = None;
                conv.n = 0;
                conv.commitment = shared::Bytes(vec![0; 32]);
            }
            self.dirty_convs.insert(id);
        }
        for (key, item) in &mut self.outbox {
            item.n = 0;
            item.sealed.clear();
            item.number = None;
            self.dirty_out.insert(*key);
        }
        self.give_up_asking();
        self.reset_link();
    }

    /// What the old device had asked for is not answered to the new one: whoever waits for it hears so, and can ask again.
    fn give_up_asking(&mut self) {
        for request in core::mem::take(&mut self.requests).into_values().chain(core::mem::take(&mut self.stalled)) {
            if let Waits::Person { command, .. } = request.waits {
                self.answer(command, Err(Failure::new(code::OFFLINE)));
            }
        }
        for id in self.starting.keys().copied().collect::<Vec<_>>() {
            self.start_failed(id, Failure::new(code::OFFLINE));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use shared::{AccountId, Millis, handle::Handle, limits};
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        Output, Snapshot,
        account::{birth, ksf::Argon2id},
        entropy::Entropy,
    };

    fn born(account: u8) -> NewDevice {
        let (mut entropy, handle) = (Entropy::new([account; 32]), Handle::parse("alice").unwrap());
        let record = (vec![1], Zeroizing::new(vec![2; 64]));
        let now = Millis(1_800_000_000_000);
        birth::account::<Argon2id>(AccountId([account; 16]), &handle, record, true, now, &mut entropy).unwrap().1
    }

    /// What a store holds after these rows were written over those before.
    fn write(disk: &mut BTreeMap<Vec<u8>, Vec<u8>>, rows: Vec<Row>) {
        for row in rows.into_iter().filter(|row| row.space == Space::Mls) {
            match row.value {
                Some(value) => disk.insert(row.key, value),
                None => disk.remove(&row.key),
            };
        }
    }

    #[test]
    fn nothing_of_the_old_device_stays_in_the_store() {
        let (old, new) = (born(1), born(2));
        let mut disk = BTreeMap::new();
        let rows = old.batch().rows;
        write(&mut disk, rows.clone());
        let of_old: Vec<_> = disk.keys().cloned().collect();
        assert!(of_old.len() > limits::POOL, "its packages' private parts are there");
        // From the disk, as after a restart: the journal is empty.
        let mut session = Session::load(Snapshot { rows }, &mut Entropy::new([3; 32])).unwrap();
        session.become_device(new);
        let mut out = VecDeque::new();
        session.flush(&mut out);
        for output in out {
            if let Output::Persist(batch) = output {
                write(&mut disk, batch.rows);
            }
        }
        assert!(of_old.iter().all(|key| !disk.contains_key(key)), "rows of the old device are left");
        let loaded = Session::load(
            Snapshot {
                rows: disk
                    .into_iter()
                    .map(|(key, value)| Row { space: Space::Mls, key, value: Some(value) })
                    .chain([Row {
                        space: Space::Meta,
                        key: crate::rows::ME.to_vec(),
                        value: Some(shared::codec::encode(&session.me)),
                    }])
                    .collect(),
            },
            &mut Entropy::new([4; 32]),
        );
        assert_eq!(loaded.unwrap().me.account, AccountId([2; 16]), "what is left is whole");
    }
}
