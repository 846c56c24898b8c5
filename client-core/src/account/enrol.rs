//! Continuing a superseded device as a new one: history and outbox stay, group state goes (protocol §7, run token).

use super::birth::NewDevice;
use crate::{
    output::{Row, Space},
    rows::Standing,
    session::Session,
};

impl Session {
    /// Takes over the new device's identity and drops every group: they are joined again by Welcomes.
    pub(crate) fn become_device(&mut self, device: NewDevice) {
        let old: Vec<Vec<u8>> = crate::session::mls_rows(self.groups.store()).into_iter().map(|row| row.key).collect();
        self.batch.rows.extend(old.into_iter().map(|key| Row { space: Space::Mls, key, value: None }));
        self.batch.rows.extend(crate::session::mls_rows(device.groups.store()));
        device.groups.store().commit();
        let (stay, theme, kit) = (self.me.stay, self.me.theme, self.me.kit.take());
        self.me = device.me;
        (self.me.stay, self.me.theme, self.me.kit) = (stay, theme, kit);
        self.groups = device.groups;
        self.me_dirty = true;
        let ids: Vec<_> = self.convs.keys().copied().collect();
        for id in ids {
            if let Some(conv) = self.convs.get_mut(&id) {
                conv.standing = Standing::Awaited;
                conv.pending = None;
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
        self.reset_link();
    }
}
