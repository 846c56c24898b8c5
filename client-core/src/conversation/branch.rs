//! Leaving a state that the server has lost and gone on without (ADR 0011).
//!
//! After a restore commits are offered again by who made them. One that can't come back (it adds a browser that no statement of
//! the server names any more), or that another one has taken the place of, leaves its followers on a branch by themselves: the
//! secrets of the epoch before are erased, so nothing the server has can lead them on. They come in again from outside, as a
//! browser that has no state of its own to begin from.

use shared::{ConversationId, frame::Row, time::SECOND};

use crate::{
    rows::Standing,
    session::{Ctx, Session},
};

impl Session {
    /// A commit of an epoch that this device has left by another one, in a later life of the server.
    pub(super) fn is_of_another_branch(&mut self, id: ConversationId, row: &Row) -> bool {
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.shift > 0) else { return false };
        let place = (id, conv.generation);
        self.groups.place(place).is_ok_and(|(epoch, _)| row.epoch < epoch)
    }

    /// The server goes on from this epoch by another commit than this device did.
    pub(crate) fn leave_branch(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, epoch: u64) {
        let Some(conv) = self.conversation(id) else { return };
        conv.standing = Standing::Awaited;
        conv.behind = None;
        let generation = conv.generation;
        self.drop_commit(id);
        // What was sealed for an epoch of the branch would be taken for the server's epoch of that number.
        for (key, item) in self.outbox.range_mut((id, 0)..=(id, u64::MAX)) {
            item.sealed.retain(|form| form.generation < generation || form.epoch <= epoch);
            self.dirty_out.insert(*key);
        }
        self.drop_accepted(|row| row.conversation == id && row.commit.as_ref().is_some_and(|commit| commit.epoch >= epoch));
        self.rejoining.remove(&id);
        self.rejoin_in(ctx, id, SECOND);
    }
}
